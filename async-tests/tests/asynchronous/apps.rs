//! What only the async form promises of applications: both bodies at once, and that the application sees its client leave.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use dimorph::asynchronous::Client;
use dimorph::transport::App;
use dimorph::{AsyncClient, Body, ErrorKind, Timeout};
use futures_core::Stream;
use http_body::Frame;
use tokio::sync::mpsc;

use crate::form_util;
use crate::only::polled;

type Answer = Result<http::Response<axum::body::Body>, Infallible>;

fn client_to(router: Router) -> Client {
    Client::builder()
        .trust_env(false)
        .base_url("http://testserver")
        .app(router)
        .build()
        .unwrap()
}

/// What is sent into a channel, as a stream.
struct Channel(mpsc::Receiver<Bytes>);

impl Stream for Channel {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| piece.map(Ok))
    }
}

async fn echo(request: http::Request<axum::body::Body>) -> axum::body::Body {
    request.into_body()
}

#[tokio::test]
async fn the_first_piece_is_answered_before_the_last_is_sent() {
    let client = client_to(Router::new().route("/", post(echo)));
    let (sender, receiver) = mpsc::channel(1);
    let body = Body::from_stream(Channel(receiver));
    let mut response = client.post("/").body(body).send().await.unwrap();
    for piece in ["one", "two", "three"] {
        sender
            .send(Bytes::from_static(piece.as_bytes()))
            .await
            .unwrap();
        let back = response.chunk().await.unwrap();
        assert_eq!(back.unwrap(), piece);
    }
    drop(sender);
    let end = response.chunk().await.unwrap();
    assert!(end.is_none());
}

/// Counts how often it is dropped.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn guard(&self) -> Guard {
        Guard(self.0.clone())
    }
}

struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn of_fn<F, W>(function: F) -> Client
where
    F: FnMut(http::Request<Body>) -> W + Clone + Send + 'static,
    W: Future<Output = Answer> + Send + 'static,
{
    Client::builder()
        .trust_env(false)
        .app(tower::service_fn(function))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_call_that_is_dropped_drops_the_handler() {
    let (drops, begun) = (Drops::default(), Arc::new(AtomicUsize::new(0)));
    let client = of_fn({
        let (drops, begun) = (drops.clone(), begun.clone());
        move |request| {
            let (guard, begun) = (drops.guard(), begun.clone());
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                let _held = (guard, request);
                pending().await
            }
        }
    });
    // Its request's body goes with it: whoever fills it sees that.
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let body = Body::from_stream(Channel(receiver));
    let call = client.post("http://h.test/").body(body).send();
    assert!(polled(1, call).await.is_none());
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    assert_eq!(drops.count(), 1);
    assert!(sender.is_closed());

    let call = client.get("http://h.test/").send();
    let late = tokio::time::timeout(Duration::from_millis(30), call).await;
    assert!(late.is_err());
    assert_eq!(drops.count(), 2);

    let task = tokio::spawn(client.get("http://h.test/").send());
    assert!(form_util::until(|| begun.load(Ordering::SeqCst) == 3).await);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(drops.count(), 3);
}

/// A body that never ends, and holds something.
struct Held {
    _guard: Guard,
    given: Arc<AtomicUsize>,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.given.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1024])))))
    }
}

#[tokio::test]
async fn a_response_that_is_dropped_drops_the_body_and_nothing_is_read_ahead() {
    let (drops, given) = (Drops::default(), Arc::new(AtomicUsize::new(0)));
    let client = of_fn({
        let (drops, given) = (drops.clone(), given.clone());
        move |_| {
            let body = Held {
                _guard: drops.guard(),
                given: given.clone(),
            };
            async { Ok(http::Response::new(axum::body::Body::new(body))) }
        }
    });
    let mut response = client.get("http://h.test/").send().await.unwrap();
    // Nobody asked yet: the application was not asked either.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(given.load(Ordering::SeqCst), 0);
    for n in 1..=5 {
        let piece = response.chunk().await.unwrap();
        assert_eq!(piece.unwrap().len(), 1024);
        assert_eq!(given.load(Ordering::SeqCst), n);
    }
    assert_eq!(drops.count(), 0);
    drop(response);
    assert_eq!(drops.count(), 1);
    assert_eq!(given.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_read_that_is_given_up_loses_nothing() {
    let client = client_to(Router::new().route("/", post(echo)));
    let (sender, receiver) = mpsc::channel(1);
    let body = Body::from_stream(Channel(receiver));
    let mut response = client.post("/").body(body).send().await.unwrap();
    assert!(polled(1, response.chunk()).await.is_none());
    sender.send(Bytes::from_static(b"late")).await.unwrap();
    drop(sender);
    let rest = response.bytes().await.unwrap();
    assert_eq!(rest, "late");
}

#[tokio::test]
async fn the_application_is_asked_for_a_body_only_as_fast_as_it_reads() {
    // It reads two pieces and lets the rest be.
    async fn two(request: http::Request<axum::body::Body>) -> String {
        let mut body = request.into_body();
        let mut read = 0;
        for _ in 0..2 {
            let frame = poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx)).await;
            read += frame.unwrap().unwrap().into_data().unwrap().len();
        }
        read.to_string()
    }
    let client = client_to(Router::new().route("/", post(two)));
    let (sender, receiver) = mpsc::channel(8);
    for _ in 0..8 {
        sender.send(Bytes::from_static(b"abc")).await.unwrap();
    }
    let body = Body::from_stream(Channel(receiver));
    let response = client.post("/").body(body).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "6");
    assert!(sender.is_closed());
}

#[tokio::test]
async fn timeouts_of_an_application_on_tokio_s_clock_are_its_own() {
    let client = of_fn(|_| async {
        let work = tokio::time::timeout(Duration::from_millis(20), pending::<()>());
        let said = if work.await.is_err() { "gave up" } else { "" };
        Ok(http::Response::new(said.into()))
    });
    let request = client
        .get("http://h.test/")
        .timeout(Timeout::none().total(Duration::from_secs(5)));
    let response = request.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "gave up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_may_spawn_tasks_and_talk_to_its_own_client() {
    // The handler calls another application through another client, from a task of its own.
    let inner = client_to(Router::new().route("/", post(async |body: String| body + "!")));
    let outer = Router::new().route(
        "/",
        post(async move |body: String| {
            let task = tokio::spawn(async move {
                let response = inner.post("/").body(body).send().await.unwrap();
                response.text().await.unwrap()
            });
            task.await.unwrap()
        }),
    );
    let client = client_to(outer);
    let tasks: Vec<_> = (0..50)
        .map(|n| tokio::spawn(client.post("/").body(n.to_string()).send()))
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let response = task.await.unwrap().unwrap();
        assert_eq!(response.text().await.unwrap(), format!("{n}!"));
    }
}

#[tokio::test]
async fn an_app_is_one_transport_among_others() {
    let app = App::new(Router::new().route("/", post(echo)));
    let client: AsyncClient = AsyncClient::builder()
        .trust_env(false)
        .mount("all://app.test", app)
        .retries(0)
        .build()
        .unwrap();
    let response = client
        .post("http://app.test/")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "x");
    let url = format!("http://{}/", refused());
    let error = client.get(url).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError);
}

fn refused() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A reader that waits for somebody else's task.
struct Patient(std::sync::mpsc::Receiver<&'static [u8]>);

impl std::io::Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.recv_timeout(Duration::from_secs(10)) {
            Ok(piece) => {
                buffer[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Ok(0),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }
}

/// A reader, and the task of the same loop that fills it.
fn patient() -> Patient {
    let (sender, receiver) = std::sync::mpsc::channel();
    tokio::spawn(async move {
        for piece in [&b"one"[..], b"two"] {
            tokio::time::sleep(Duration::from_millis(10)).await;
            sender.send(piece).unwrap();
        }
    });
    Patient(receiver)
}

#[tokio::test]
async fn a_reader_given_to_an_application_does_not_hold_up_the_event_loop() {
    let client = client_to(Router::new().route("/", post(async |body: String| body)));
    for body in [Body::from_reader(patient()), Body::sized(patient(), 6)] {
        let response = client.post("/").body(body).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "onetwo");
    }
    let part = dimorph::multipart::Part::reader(patient());
    let form = dimorph::multipart::Form::new().part("file", part);
    let response = client.post("/").multipart(form).send().await.unwrap();
    assert!(response.text().await.unwrap().contains("onetwo"));
}

#[tokio::test]
async fn a_file_given_to_an_application_arrives_whole() {
    let path = std::env::temp_dir().join(format!("dimorph-app-file-{}", std::process::id()));
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    std::fs::write(&path, &content).unwrap();
    let client = client_to(Router::new().route("/", post(echo)));
    let file = std::fs::File::open(&path).unwrap();
    let response = client.post("/").body(file).send().await.unwrap();
    let back = response.bytes().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(back == content);
}

#[tokio::test]
async fn a_reader_that_an_application_answers_with_does_not_hold_up_the_event_loop() {
    let app = App::from_fn(|_| http::Response::new(Body::from_reader(patient())));
    let client = Client::builder().trust_env(false).transport(app);
    let client = client.build().unwrap();
    let response = client.get("http://h.test/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "onetwo");
}
