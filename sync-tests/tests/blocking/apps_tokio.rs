//! The blocking client and tokio: on its threads, and driving applications that need it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use dimorph::transport::App;
use dimorph::{Client, Timeout};
use sync_tests::certs::{certs, sniff};
use sync_tests::{Reply, Server};

fn app() -> Router {
    Router::new().route("/", get(async || "in process"))
}

/// One request over the network, one over TLS, one to an application.
fn ask_everywhere() {
    let server = Server::answering(sniff(), |_| Reply::chunked(["over", " loopback"]));
    let client = Client::builder()
        .trust_env(false)
        .verify(certs().ca_file.to_str().unwrap())
        .mount("all://testserver", App::new(app()))
        .build()
        .unwrap();
    for (url, expected) in [
        (server.url("/"), "over loopback"),
        (server.https("/"), "over loopback"),
        ("http://testserver/".to_owned(), "in process"),
    ] {
        let response = client.get(&url).send().unwrap();
        assert_eq!(response.text().unwrap(), expected, "{url}");
    }
}

#[tokio::test]
async fn the_blocking_client_works_on_a_runtime_s_own_thread() {
    ask_everywhere();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_client_works_on_a_worker_thread() {
    ask_everywhere();
    tokio::spawn(async { ask_everywhere() }).await.unwrap();
}

#[tokio::test]
async fn the_blocking_client_works_in_spawn_blocking() {
    tokio::task::spawn_blocking(ask_everywhere).await.unwrap();
}

#[tokio::test]
async fn a_blocking_client_may_be_dropped_on_a_runtime_s_thread() {
    let client = Client::builder()
        .trust_env(false)
        .app(app())
        .build()
        .unwrap();
    let mut response = client.get("http://testserver/").send().unwrap();
    assert_eq!(response.chunk().unwrap().unwrap(), "in process");
    drop(client);
    drop(response);
}

#[test]
fn a_plain_service_needs_no_runtime() {
    let service = tower::service_fn(async |_: http::Request<dimorph::Body>| {
        let runs = tokio::runtime::Handle::try_current().is_ok();
        Ok::<_, Infallible>(http::Response::new(runs.to_string()))
    });
    let client = Client::builder()
        .trust_env(false)
        .app(service)
        .build()
        .unwrap();
    let response = client.get("http://testserver/").send().unwrap();
    let runs = cfg!(feature = "tower-tokio").to_string();
    assert_eq!(response.text().unwrap(), runs);
}

/// Ready some time after it was asked first: another thread wakes it.
struct Later(Duration, Option<Arc<AtomicBool>>);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(over) = &self.1 {
            return match over.load(Ordering::SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            };
        }
        let over = Arc::new(AtomicBool::new(false));
        self.1 = Some(over.clone());
        let (time, waker) = (self.0, cx.waker().clone());
        thread::spawn(move || {
            thread::sleep(time);
            over.store(true, Ordering::SeqCst);
            waker.wake();
        });
        Poll::Pending
    }
}

const MS: Duration = Duration::from_millis(1);

/// The wake that the inner wait sees is the outer one's.
#[test]
fn a_blocking_call_inside_an_application_swallows_no_wake() {
    let inner = tower::service_fn(async |_: http::Request<dimorph::Body>| {
        Later(60 * MS, None).await;
        Ok::<_, Infallible>(http::Response::new("inner".to_owned()))
    });
    let inner = Client::builder()
        .trust_env(false)
        .app(inner)
        .build()
        .unwrap();
    let outer = tower::service_fn(move |_: http::Request<dimorph::Body>| {
        let (inner, mut said) = (inner.clone(), None);
        let mut later = Later(20 * MS, None);
        poll_fn(move |cx| {
            let woken = Pin::new(&mut later).poll(cx);
            let said = said.get_or_insert_with(|| {
                let response = inner.get("http://inner/").send().unwrap();
                response.text().unwrap()
            });
            woken.map(|()| Ok::<_, Infallible>(http::Response::new(format!("outer {said}"))))
        })
    });
    let client = Client::builder()
        .trust_env(false)
        .app(outer)
        .build()
        .unwrap();
    let timeout = Timeout::none().total(3000 * MS);
    let response = client.get("http://outer/").timeout(timeout).send().unwrap();
    assert_eq!(response.text().unwrap(), "outer inner");
}

/// Applications that need a runtime have one of their own.
#[cfg(feature = "tower-tokio")]
mod on_a_runtime {
    use std::time::Instant;

    use axum::body::{Body, to_bytes};
    use bytes::Bytes;
    use dimorph::ErrorKind;
    use http_body::Frame;
    use tokio::time::sleep;

    use super::*;

    const SHORT: Duration = Duration::from_millis(10);

    /// A body that waits by tokio's clock before its only piece.
    struct Late(Option<Pin<Box<tokio::time::Sleep>>>);

    impl http_body::Body for Late {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some(sleep) = &mut self.0 else {
                return Poll::Ready(None);
            };
            std::task::ready!(sleep.as_mut().poll(cx));
            self.0 = None;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"late")))))
        }
    }

    async fn spawning() -> String {
        let task = tokio::spawn(async {
            sleep(SHORT).await;
            "spawned"
        });
        task.await.unwrap().to_owned()
    }

    async fn sockets() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connected, accepted) =
            tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        format!("{}", connected.is_ok() && accepted.is_ok())
    }

    async fn upload(request: axum::extract::Request) -> String {
        sleep(SHORT).await;
        let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
        body.len().to_string()
    }

    fn app() -> Router {
        Router::new()
            .route("/spawn", get(spawning))
            .route("/sockets", get(sockets))
            .route("/upload", get(upload))
            .route(
                "/late",
                get(async || Body::new(Late(Some(Box::pin(sleep(SHORT)))))),
            )
            .route("/never", get(async || sleep(Duration::from_secs(60)).await))
            .route(
                "/panic",
                get(async || -> String { panic!("on the runtime") }),
            )
    }

    fn client() -> Client {
        let builder = Client::builder()
            .trust_env(false)
            .base_url("http://testserver");
        builder.app(app()).build().unwrap()
    }

    /// All that needs a runtime, on whatever thread this is.
    fn use_it() {
        let client = client();
        for (path, expected) in [
            ("/spawn", "spawned"),
            ("/sockets", "true"),
            ("/late", "late"),
        ] {
            let response = client.get(path).send().unwrap();
            assert_eq!(response.text().unwrap(), expected, "{path}");
        }
        let body = dimorph::Body::from_reader(std::io::Cursor::new(vec![b'x'; 100_000]));
        let response = client.get("/upload").body(body).send().unwrap();
        assert_eq!(response.text().unwrap(), "100000");

        let begun = Instant::now();
        let timeout = Timeout::none().total(Duration::from_millis(50));
        let error = client.get("/never").timeout(timeout).send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout);
        assert!(begun.elapsed() < Duration::from_secs(5));
        let error = client.get("/panic").send().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::App);
        assert!(error.to_string().contains("on the runtime"), "{error}");
        let response = client.get("/spawn").send().unwrap();
        assert_eq!(response.text().unwrap(), "spawned");
    }

    #[test]
    fn an_application_sleeps_and_spawns_when_asked_from_a_plain_thread() {
        use_it();
    }

    #[tokio::test]
    async fn an_application_sleeps_and_spawns_when_asked_from_a_current_thread_runtime() {
        use_it();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_application_sleeps_and_spawns_when_asked_from_a_multi_thread_runtime() {
        use_it();
        tokio::spawn(async { use_it() }).await.unwrap();
        tokio::task::spawn_blocking(use_it).await.unwrap();
    }

    #[tokio::test]
    async fn a_runtime_with_tasks_left_is_dropped_on_another_one_s_thread() {
        let service = tower::service_fn(async |_: http::Request<dimorph::Body>| {
            tokio::spawn(std::future::pending::<()>());
            tokio::task::spawn_blocking(|| thread::sleep(SHORT));
            Ok::<_, Infallible>(http::Response::new(String::new()))
        });
        let client = Client::builder()
            .trust_env(false)
            .app(service)
            .build()
            .unwrap();
        client.get("http://testserver/").send().unwrap();
        drop(client);
    }

    #[test]
    fn many_threads_share_an_application_s_runtime() {
        let client = client();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let response = client.get("/spawn").send().unwrap();
                        assert_eq!(response.text().unwrap(), "spawned");
                    }
                });
            }
        });
    }
}
