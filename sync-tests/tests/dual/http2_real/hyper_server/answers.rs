//! What the hyper server answers.
//!
//! | path | answer |
//! |---|---|
//! | `/nonce/N` | the body that belongs to N; a POST is entered in the ledger |
//! | `/large/N` | the first N MiB of the large content |
//! | `/echo` | the request's body, once it is there |
//! | `/duplex` | the same, as it comes |
//! | `/count` | how many bytes came, and the sum of them |
//! | `/head` | the request's fields |
//! | `/status/N` | this status |
//! | `/redirect/N/PATH` | this status, and the path as location |
//! | `/gzip`, `/trailers`, `/cookies` | what they say |
//! | `/digest…` | what the server of the plan answers |
//! | `/wait/…` | `waited`, when it is let go |
//! | `/hold/…` | `begun,`, and when it is let go `ended` |
//! | `/silent` | nothing |
//! | `/stall` | `begun,`, and then nothing |
//! | `/drip/N` | N pieces of four bytes, a millisecond apart |
//! | `/broken` | a piece, and then a reset |
//! | `/freeze` | nothing, and to nobody, until the server thaws |
//! | others | `hello` |

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::super::content::{large, of_nonce};
use super::connection::Link;
use super::{One, Plan, Seen};

/// The body of an answer. The request counts as unanswered until it ends.
pub(super) struct Content {
    kind: Kind,
    _unanswered: One,
}

enum Kind {
    Whole(Option<Bytes>),
    Pieces(Receiver<Piece>),
}

type Piece = io::Result<Frame<Bytes>>;

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        match &mut self.kind {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Pieces(pieces) => pieces.poll_recv(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.kind, Kind::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Pieces(_) => SizeHint::default(),
        }
    }
}

pub(super) async fn answer(
    mut request: Request<Incoming>,
    plan: Arc<Plan>,
    seen: Arc<Seen>,
    link: Arc<Link>,
) -> Response<Content> {
    let unanswered = seen.streams.one();
    let path = request.uri().path().to_owned();
    let line = format!("{} {path}", request.method());
    seen.requests.lock().unwrap().push(line);
    let (name, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let number: u64 = rest.parse().unwrap_or(0);
    let fault = fault(&seen, &plan);
    let is_head = request.method() == Method::HEAD;
    let mut response = Response::builder().header("x-connection", link.number);
    if name == "nonce" && request.method() == Method::POST {
        *seen.ledger.lock().unwrap().entry(number).or_insert(0) += 1;
    }
    match fault {
        Some(Fault::Unanswered) => {
            link.cut.notify_one();
            std::future::pending::<()>().await;
        }
        Some(Fault::Shut) => link.shut.notify_one(),
        Some(Fault::Half) => {
            let bytes = of_nonce(number);
            let pieces = spawned(async move |pieces| {
                let half = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
                let _ = pieces.send(Ok(Frame::data(half))).await;
                link.cut.notify_one();
                pieces.closed().await;
            });
            return response
                .body(Content {
                    kind: pieces,
                    _unanswered: unanswered,
                })
                .unwrap();
        }
        None => {}
    }
    let kind = match name {
        "nonce" => {
            collect(request.body_mut()).await;
            whole(of_nonce(number))
        }
        "large" => spawned(async move |pieces| {
            for piece in large()[..(number as usize) << 20].chunks(64 << 10) {
                if pieces
                    .send(Ok(Frame::data(Bytes::from_static(piece))))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }),
        "echo" => {
            if let Some(kind) = request.headers().get("content-type") {
                response = response.header("content-type", kind);
            }
            response = response.header("x-method", request.method().as_str());
            whole(collect(request.body_mut()).await)
        }
        "duplex" => spawned(async move |pieces| {
            while let Some(frame) = next_frame(request.body_mut()).await {
                let frame = frame.map_err(io::Error::other);
                if pieces.send(frame).await.is_err() {
                    return;
                }
            }
        }),
        "count" => {
            let (mut count, mut sum) = (0_u64, 0_u64);
            while let Some(Ok(frame)) = next_frame(request.body_mut()).await {
                if let Some(data) = frame.data_ref() {
                    count += data.len() as u64;
                    sum += data.iter().map(|&byte| u64::from(byte)).sum::<u64>();
                }
            }
            whole(format!("{count} {sum}"))
        }
        "head" => whole(head(&request)),
        "status" => {
            response = response.status(rest.parse::<u16>().unwrap());
            whole(if matches!(rest, "204" | "304") {
                ""
            } else {
                "nothing here"
            })
        }
        "redirect" => {
            let (status, location) = rest.split_once('/').unwrap();
            response = response.status(status.parse::<u16>().unwrap());
            response = response.header("location", format!("/{location}"));
            collect(request.body_mut()).await;
            whole("")
        }
        "gzip" => {
            response = response.header("content-encoding", "gzip");
            whole(gzip(&large()[..1 << 20]))
        }
        "trailers" => {
            response = response.header("trailer", "x-sum");
            spawned(async move |pieces| {
                for piece in ["one,", "two,", "three"] {
                    let _ = pieces.send(Ok(Frame::data(piece.into()))).await;
                }
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", "13".parse().unwrap());
                let _ = pieces.send(Ok(Frame::trailers(trailers))).await;
            })
        }
        "cookies" => {
            for cookie in ["a=1; Path=/", "b=2; Path=/", "gone=3; Path=/elsewhere"] {
                response = response.header("set-cookie", cookie);
            }
            whole(cookies(request.headers()))
        }
        "digest" => return gateway(request, plan.digest.unwrap(), unanswered).await,
        "wait" => {
            wait(&seen).await;
            collect(request.body_mut()).await;
            whole("waited")
        }
        "hold" => spawned(async move |pieces| {
            let _ = pieces.send(Ok(Frame::data("begun,".into()))).await;
            tokio::select! {
                () = pieces.closed() => return,
                () = wait(&seen) => {}
            }
            let _ = pieces.send(Ok(Frame::data("ended".into()))).await;
        }),
        "silent" => std::future::pending().await,
        "stall" => spawned(async move |pieces| {
            let _ = pieces.send(Ok(Frame::data("begun,".into()))).await;
            pieces.closed().await;
        }),
        "drip" => spawned(async move |pieces| {
            for n in 0..number {
                let piece = format!("{n:4}");
                let _ = pieces.send(Ok(Frame::data(piece.into()))).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }),
        "broken" => spawned(async move |pieces| {
            let _ = pieces.send(Ok(Frame::data("a piece".into()))).await;
            let _ = pieces.send(Err(io::Error::other("broken"))).await;
        }),
        "freeze" => {
            seen.freeze();
            whole("thawed")
        }
        _ => whole("hello"),
    };
    let kind = match kind {
        Kind::Whole(Some(bytes)) if is_head => {
            response = response.header("content-length", bytes.len());
            Kind::Whole(None)
        }
        kind => kind,
    };
    response
        .body(Content {
            kind,
            _unanswered: unanswered,
        })
        .unwrap()
}

/// What ends a connection.
enum Fault {
    /// A cut before the answer.
    Unanswered,
    /// A cut in the middle of the answer.
    Half,
    /// GOAWAY.
    Shut,
}

/// Chooses by the number of the request, in the order in which they come.
fn fault(seen: &Seen, plan: &Plan) -> Option<Fault> {
    let turn = seen.turns.fetch_add(1, Ordering::SeqCst);
    if plan.goaways.is_some_and(|each| turn % each == each - 1) {
        return Some(Fault::Shut);
    }
    let most = plan.faults?;
    let chance = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    chance
        .is_multiple_of(most)
        .then(|| match chance / most % 3 {
            0 => Fault::Unanswered,
            1 => Fault::Half,
            _ => Fault::Shut,
        })
}

async fn wait(seen: &Seen) {
    let _held = seen.held.one();
    seen.gate.acquire().await.unwrap().forget();
}

fn whole(bytes: impl Into<Bytes>) -> Kind {
    let bytes = bytes.into();
    Kind::Whole((!bytes.is_empty()).then_some(bytes))
}

/// A body whose pieces a task of its own sends.
fn spawned<F: Future<Output: Send> + Send + 'static>(
    pieces: impl FnOnce(Sender<Piece>) -> F,
) -> Kind {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(pieces(sender));
    Kind::Pieces(receiver)
}

async fn next_frame(body: &mut Incoming) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}

async fn collect(body: &mut Incoming) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(Ok(frame)) = next_frame(body).await {
        if let Some(data) = frame.data_ref() {
            all.extend_from_slice(data);
        }
    }
    all
}

/// `METHOD VERSION authority`, and the fields, one a line.
fn head(request: &Request<Incoming>) -> String {
    let authority = request.uri().authority().map_or("", |a| a.as_str());
    let mut text = format!("{} {:?} {authority}\n", request.method(), request.version());
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    text
}

/// The cookies that came, in their order; HTTP/2 may send each in a field of its own (RFC 9113 section 8.2.3).
fn cookies(headers: &HeaderMap) -> String {
    let fields: Vec<_> = headers
        .get_all("cookie")
        .iter()
        .map(|f| f.to_str().unwrap())
        .collect();
    fields.join("; ")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Asks an HTTP/1.1 server, and passes its answer on.
async fn gateway(
    mut request: Request<Incoming>,
    server: SocketAddr,
    unanswered: One,
) -> Response<Content> {
    let body = collect(request.body_mut()).await;
    let target = request.uri().path_and_query().unwrap();
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nhost: {server}\r\ncontent-length: {}\r\n",
        request.method(),
        body.len()
    );
    for (name, value) in request.headers() {
        if name != "content-length" {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
    }
    let mut upstream = TcpStream::connect(server).await.unwrap();
    upstream
        .write_all(format!("{head}\r\n").as_bytes())
        .await
        .unwrap();
    upstream.write_all(&body).await.unwrap();
    let (mut answer, mut end) = (Vec::new(), None);
    let end = loop {
        assert!(upstream.read_buf(&mut answer).await.unwrap() > 0);
        end = end.or_else(|| answer.windows(4).position(|four| four == b"\r\n\r\n"));
        let Some(end) = end else { continue };
        let text = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let (_, length) = text.split_once("content-length: ").unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if answer.len() == end + 4 + length {
            break end;
        }
    };
    let text = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let status: u16 = lines.next().unwrap()[9..12].parse().unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    let kind = whole(answer.split_off(end + 4));
    response
        .body(Content {
            kind,
            _unanswered: unanswered,
        })
        .unwrap()
}
