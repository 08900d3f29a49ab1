//! Three ways to be the origin: a server on loopback, a mock, an application.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use dimorph::transport::{Fault, Mock, MockResponse};
use dimorph::{Body, Request};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use sync_tests::http::Received;
use sync_tests::{Reply, Server};

use super::origin::{Answer, Asked, Content, answer};

/// The origin behind a socket.
pub(super) fn server() -> Server {
    Server::http(|received: &Received| {
        let headers = received.headers.iter();
        reply(answer(&Asked {
            method: received.method.clone(),
            target: received.target.clone(),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect(),
            body: Some(received.body.clone()),
        }))
    })
}

fn reply(answer: Answer) -> Reply {
    let whole = match answer.content {
        Content::None => Reply::status(answer.status),
        Content::Whole(body) => Reply::status(answer.status).body(body),
        Content::Pieces(pieces) => Reply::chunked(pieces),
        Content::Short(body, announced) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {announced}\r\n\r\n");
            return Reply::raw([head.as_bytes(), &body].concat()).closing();
        }
        Content::Broken => return Reply::raw("").closing(),
    };
    let mut reply = whole.after(answer.delay).paced(answer.pause);
    if let Some(reason) = answer.reason {
        reply = reply.reason(reason);
    }
    for (name, value) in &answer.headers {
        reply = reply.header(name, value);
    }
    for (name, value) in answer.trailers {
        reply = reply.trailer(name, value);
    }
    reply
}

/// The origin as a mock.
pub(super) fn mock() -> Mock {
    Mock::new(|request: &Request| {
        let url = request.url();
        let query = url
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        let headers = request.headers().iter();
        mocked(answer(&Asked {
            method: request.method().to_string(),
            target: format!("{}{query}", url.path()),
            headers: headers
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.to_string(), value)
                })
                .collect(),
            body: request.content().map(<[u8]>::to_vec),
        }))
    })
}

fn mocked(answer: Answer) -> MockResponse {
    let mut response = MockResponse::new(answer.status).delay(answer.delay);
    for (name, value) in answer.headers {
        response = response.header(name, value.as_bytes());
    }
    for (name, value) in answer.trailers {
        response = response.trailer(name, value);
    }
    if let Some(reason) = answer.reason {
        response = response.reason(reason);
    }
    match answer.content {
        Content::None => response,
        Content::Whole(body) => response.body(body),
        Content::Pieces(pieces) if answer.pause.is_zero() => response.body(pieces.concat()),
        Content::Pieces(pieces) => response.body(pieces.concat()).pace(1, answer.pause),
        Content::Short(body, announced) => {
            let cut = Fault::BodyCutShort(body.len());
            response.body(vec![b'x'; announced]).fault(cut)
        }
        Content::Broken => response.fault(Fault::Disconnect),
    }
}

/// The origin as an application; what breaks off is an error of it.
pub(super) async fn application(
    request: http::Request<Body>,
) -> Result<http::Response<Sent>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX).await;
    let body = body.map_err(std::io::Error::other)?;
    let headers = parts.headers.iter();
    let answer = answer(&Asked {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: headers
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect(),
        body: Some(body.to_vec()),
    });
    if !answer.delay.is_zero() {
        Later::new(answer.delay).await;
    }
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value.as_bytes());
    }
    let mut frames = VecDeque::new();
    let mut exact = None;
    match answer.content {
        Content::None => {}
        Content::Whole(body) => {
            exact = Some(body.len());
            response = response.header("content-length", body.len());
            frames.push_back(Ok(Frame::data(body.into())));
        }
        Content::Pieces(pieces) => {
            frames.extend(
                pieces
                    .into_iter()
                    .map(|piece| Ok(Frame::data(piece.into()))),
            );
        }
        Content::Short(body, announced) => {
            response = response.header("content-length", announced);
            frames.push_back(Ok(Frame::data(body.into())));
            frames.push_back(Err(std::io::Error::other("cut short")));
        }
        Content::Broken => return Err(std::io::Error::other("no answer")),
    }
    if !answer.trailers.is_empty() {
        let trailers = answer.trailers.iter();
        let named = trailers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        frames.push_back(Ok(Frame::trailers(named.collect::<HeaderMap>())));
    }
    let sent = Sent {
        frames,
        exact,
        pause: answer.pause,
        waiting: None,
    };
    Ok(response.body(sent).unwrap())
}

/// The body of an application's answer.
pub(super) struct Sent {
    frames: VecDeque<std::io::Result<Frame<Bytes>>>,
    exact: Option<usize>,
    pause: Duration,
    waiting: Option<Later>,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if !self.pause.is_zero() && !self.frames.is_empty() {
            let pause = self.pause;
            let waiting = self.waiting.get_or_insert_with(|| Later::new(pause));
            ready!(Pin::new(waiting).poll(cx));
            self.waiting = None;
        }
        Poll::Ready(self.frames.pop_front())
    }

    fn size_hint(&self) -> SizeHint {
        match self.exact {
            Some(exact) if !self.frames.is_empty() => SizeHint::with_exact(exact as u64),
            Some(_) => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}

/// A wait that needs no runtime: a thread ends it.
struct Later {
    time: Duration,
    over: Option<Arc<AtomicBool>>,
}

impl Later {
    fn new(time: Duration) -> Self {
        Later { time, over: None }
    }
}

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.over {
            Some(over) if over.load(Ordering::SeqCst) => return Poll::Ready(()),
            Some(_) => {}
            None => {
                let over = Arc::new(AtomicBool::new(false));
                self.over = Some(over.clone());
                let (time, waker) = (self.time, cx.waker().clone());
                thread::spawn(move || {
                    thread::sleep(time);
                    over.store(true, Ordering::SeqCst);
                    waker.wake();
                });
            }
        }
        Poll::Pending
    }
}
