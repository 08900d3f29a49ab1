//! Tower services made of clients and transports, and transports made of services.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use dimorph::asynchronous::{BoxFuture, Client, Response};
use dimorph::transport::{FromService, IntoService, Retry};
use dimorph::{Body, ErrorKind, Method, Request, Timeout};
use sync_tests::{Reply, Server};
use tower::limit::ConcurrencyLimit;
use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn client() -> Client {
    Client::builder().trust_env(false).build().unwrap()
}

fn engine() -> IntoService<Client> {
    IntoService::new(client())
}

/// A client that sends everything through the service.
fn through<S>(service: S) -> Client
where
    S: Service<Request, Response = Response, Future: Send, Error: Into<BoxError>>
        + Clone
        + Send
        + 'static,
{
    Client::builder()
        .trust_env(false)
        .transport(FromService::new(service))
        .build()
        .unwrap()
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, url).unwrap()
}

fn crosses<T: Send + 'static>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_client_is_a_service_of_requests() {
    let server = Server::http(|request| match request.target.as_str() {
        "/moved" => Reply::redirect(302, "/here"),
        _ => Reply::ok(format!("{} {}", request.method, request.target)),
    });
    let mut client = client();
    let ready = ServiceExt::<Request>::ready(&mut client).await.unwrap();
    let sent = crosses(ready.call(get(&server.url("/moved"))));
    assert_eq!(sent.await.unwrap().text().await.unwrap(), "GET /here");
    // Shared, too.
    let mut shared = &client;
    let sent = crosses(Service::<Request>::call(&mut shared, get(&server.url("/"))));
    assert_eq!(sent.await.unwrap().status(), 200);
    let error = client
        .oneshot(get("http://127.0.0.1:1/"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError);
}

#[tokio::test]
async fn requests_of_the_http_crate_are_answered_in_kind() {
    let server = Server::http(|request| Reply::ok(request.body.clone()).header("x-a", "1"));
    let make = |uri: String| http::Request::post(uri).body("hello").unwrap();
    let response = client().oneshot(make(server.url("/"))).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-a"]),
        (200, &"1".parse().unwrap())
    );
    let response = Response::from(response);
    assert_eq!(response.text().await.unwrap(), "hello");
    // A relative URI is no request; the error comes with the future.
    let error = client()
        .oneshot(make("/only/a/path".to_owned()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
}

#[tokio::test]
async fn a_body_that_was_decoded_is_not_described_as_encoded() {
    let server = Server::http(|_| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, b"plain").unwrap();
        Reply::ok(encoder.finish().unwrap()).header("content-encoding", "gzip")
    });
    let request = http::Request::get(server.url("/")).body(Body::empty());
    let response = client().oneshot(request.unwrap()).await.unwrap();
    assert!(response.headers().get("content-encoding").is_none());
    assert!(response.headers().get("content-length").is_none());
    assert_eq!(Response::from(response).text().await.unwrap(), "plain");
    // Between client and engine it stays as it came, and the client decodes it.
    let response = through(engine()).get(server.url("/")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "plain");
}

#[tokio::test]
async fn the_engine_works_beneath_a_service_as_it_does_alone() {
    let server = Server::http(|request| match request.target.as_str() {
        "/login" => Reply::redirect(303, "/home").header("set-cookie", "id=7"),
        _ => Reply::ok(request.header("cookie").unwrap_or("none").to_owned()).reason("Fine"),
    });
    let client = through(engine());
    let response = client
        .post(server.url("/login"))
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(response.history().len(), 1);
    assert_eq!(response.reason(), "Fine");
    assert_eq!(response.text().await.unwrap(), "id=7");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn tower_s_timeout_ends_a_request() {
    let server = Server::http(|_| Reply::ok("late").after(Duration::from_secs(2)));
    let service = ServiceBuilder::new()
        .timeout(Duration::from_millis(50))
        .service(engine());
    let error = through(service)
        .get(server.url("/"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    assert!(std::error::Error::source(&error).is_some_and(|source| source.is::<Elapsed>()));
    assert_eq!(error.url().unwrap().as_str(), server.url("/"));
}

#[tokio::test]
async fn errors_of_the_engine_keep_their_kind_through_layers() {
    let service = ServiceBuilder::new()
        .buffer(4)
        .concurrency_limit(2)
        .timeout(Duration::from_secs(5))
        .service(engine());
    let client = through(service);
    let error = client.get("http://127.0.0.1:1/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError);
}

/// How many requests were there at once, at the most.
fn busy(pause: Duration) -> (Server, Arc<AtomicUsize>) {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = Server::http(move |_| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(pause);
        now.fetch_sub(1, Ordering::SeqCst);
        Reply::ok("done")
    });
    (server, most)
}

#[tokio::test]
async fn a_concurrency_limit_makes_requests_wait_their_turn() {
    let (server, most) = busy(Duration::from_millis(20));
    let service = ServiceBuilder::new().concurrency_limit(2).service(engine());
    let client = through(service);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (client.clone(), server.url("/"));
            tokio::spawn(async move { client.get(url).send().await?.text().await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "done");
    }
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn waiting_for_a_busy_service_ends_with_the_total_timeout() {
    let limited = ConcurrencyLimit::new(engine(), 1);
    // Whoever is ready holds the only place.
    let mut holder = limited.clone();
    holder.ready().await.unwrap();
    let client = through(limited);
    let timeout = Timeout::none().total(Duration::from_millis(50));
    let request = client.get("http://h.test/").timeout(timeout);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    drop(holder);
}

#[tokio::test]
async fn a_shed_load_is_an_error_at_once() {
    let limited = ConcurrencyLimit::new(engine(), 1);
    let mut holder = limited.clone();
    holder.ready().await.unwrap();
    let service = ServiceBuilder::new().load_shed().service(limited);
    let error = through(service)
        .get("http://h.test/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    assert!(std::error::Error::source(&error).is_some_and(|source| source.is::<Overloaded>()));
}

/// Panics where it is called without having been ready, as tower's rules allow.
#[derive(Default)]
struct Strict {
    asked: Arc<AtomicUsize>,
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        // Readiness is not cloned.
        Strict {
            asked: Arc::clone(&self.asked),
            ready: false,
        }
    }
}

impl Service<Request> for Strict {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Not at the first time of asking.
        if self.asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called before it was ready"
        );
        let path = request.url().path().to_owned();
        Box::pin(async move { Ok(Response::from(http::Response::new(path))) })
    }
}

#[tokio::test]
async fn a_service_is_asked_for_readiness_on_the_clone_that_is_called() {
    let service = Strict::default();
    let asked = Arc::clone(&service.asked);
    let client = through(service);
    for _ in 0..3 {
        let response = client.get("http://made-up.test/x").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "/x");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn a_failed_readiness_is_the_request_s_error() {
    #[derive(Clone)]
    struct Broken;
    impl Service<Request> for Broken {
        type Response = Response;
        type Error = BoxError;
        type Future = BoxFuture<'static, Result<Response, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Err("it is broken".into()))
        }

        fn call(&mut self, _: Request) -> Self::Future {
            unreachable!("it was never ready")
        }
    }
    let error = through(Broken)
        .get("http://h.test/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    assert!(error.to_string().contains("it is broken"), "{error}");
}

#[tokio::test]
async fn handlers_and_services_stand_around_one_another() {
    let failed = Arc::new(AtomicBool::new(false));
    let flaky = service_fn({
        let failed = Arc::clone(&failed);
        move |_: Request| {
            let first = !failed.swap(true, Ordering::SeqCst);
            async move {
                let mut made = http::Response::new("made");
                if first {
                    *made.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                }
                Ok::<_, Infallible>(Response::from(made))
            }
        }
    });
    let layer = tower::timeout::TimeoutLayer::new(Duration::from_secs(5));
    let retry = Retry::new(1).first_delay(Duration::ZERO);
    let transport = dimorph::transport::Handler::over(retry, FromService::new(layer.layer(flaky)));
    let client = Client::builder().transport(transport).build().unwrap();
    let response = client.get("http://made-up.test/").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(failed.load(Ordering::SeqCst));
}
