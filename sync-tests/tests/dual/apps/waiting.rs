//! Applications that take their time: readiness, and the total timeout where nothing else would end the wait.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimorph::transport::App;
use dimorph::{Body, ErrorKind, Phase, Timeout};
use http_body::Frame;
use tower::Service;

use super::{client_of, client_of_fn, dual, form_test, form_util};
use crate::dual_tests::common::ms;

/// Not ready at first: another thread wakes it. A clone has to become ready anew, and only one that is may be called.
struct Slow {
    ready: Arc<AtomicUsize>,
    begun: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        Slow {
            ready: Arc::default(),
            begun: false,
            calls: self.calls.clone(),
        }
    }
}

impl Service<http::Request<Body>> for Slow {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.ready.load(Ordering::SeqCst) == 1 {
            return Poll::Ready(Ok(()));
        }
        if !std::mem::replace(&mut self.begun, true) {
            let (ready, waker) = (self.ready.clone(), cx.waker().clone());
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(30));
                ready.store(1, Ordering::SeqCst);
                waker.wake();
            });
        }
        Poll::Pending
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        assert_eq!(
            self.ready.load(Ordering::SeqCst),
            1,
            "called before it was ready"
        );
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(http::Response::new("in the end".into())))
    }
}

#[dual]
#[form_test]
async fn a_service_that_is_not_ready_at_first_is_waited_for() {
    let calls = Arc::new(AtomicUsize::new(0));
    let client = client_of(App::new(Slow {
        ready: Arc::default(),
        begun: false,
        calls: calls.clone(),
    }));
    for _ in 0..2 {
        let response = client.get("/").send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "in the end");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

/// Never ready, and wakes nobody.
#[derive(Clone)]
struct NeverReady;

impl Service<http::Request<Body>> for NeverReady {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        panic!("it is never ready")
    }
}

fn total() -> Timeout {
    Timeout::none().total(ms(500))
}

async fn never(_: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
    pending().await
}

#[dual]
#[form_test]
async fn the_total_timeout_ends_an_application_that_never_answers() {
    let never = client_of_fn(never);
    let unready = client_of(App::new(NeverReady).raise_app_errors(false));
    for client in [never, unready] {
        let begun = Instant::now();
        let error = client.get("/").timeout(total()).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout);
        assert_eq!(error.phase(), Some(Phase::ReceiveHead));
        assert!(begun.elapsed() < ms(10_000), "{:?}", begun.elapsed());
        assert!(begun.elapsed() >= ms(100), "{:?}", begun.elapsed());
    }
}

#[dual]
#[form_test]
async fn the_head_timeout_ends_an_application_that_never_answers() {
    let client = client_of_fn(never);
    let begun = Instant::now();
    let timeout = Timeout::none().head(ms(100));
    let request = client.get("/").timeout(timeout);
    let sending = form_util::spawn(send, request);
    let ended = form_util::until(|| sending.is_finished()).await;
    assert!(ended, "it waits for ever");
    let error = sending.join().await;
    assert!(error.is_timeout(), "{error}");
    assert!(begun.elapsed() >= ms(100), "{:?}", begun.elapsed());
}

#[dual]
async fn send(request: crate::form::RequestBuilder) -> dimorph::Error {
    request.send().await.unwrap_err()
}

/// A piece, and then nothing; or one piece after the other without end.
struct Endless {
    silent: bool,
    pieces: usize,
    dropped: Arc<AtomicUsize>,
    begun: Instant,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces += 1;
        if self.silent && self.pieces > 1 {
            return Poll::Pending;
        }
        assert!(
            self.begun.elapsed() < Duration::from_secs(10),
            "nobody ends it"
        );
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[dual]
#[form_test]
async fn the_total_timeout_ends_a_body_without_end() {
    for silent in [true, false] {
        let dropped = Arc::new(AtomicUsize::new(0));
        let client = client_of_fn({
            let dropped = dropped.clone();
            move |_| {
                std::future::ready(Ok(http::Response::new(Endless {
                    silent,
                    pieces: 0,
                    dropped: dropped.clone(),
                    begun: Instant::now(),
                })))
            }
        });
        let begun = Instant::now();
        let mut response = client.get("/").timeout(total()).send().await.unwrap();
        let error = loop {
            match response.chunk().await {
                Ok(piece) => assert_eq!(piece.unwrap(), "x"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "silent: {silent}");
        assert_eq!(error.phase(), Some(Phase::ReceiveBody));
        assert!(begun.elapsed() < ms(10_000), "{:?}", begun.elapsed());
        drop(response);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);

        let request = client.get("/").timeout(total());
        let response = request.send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "silent: {silent}");
        assert_eq!(dropped.load(Ordering::SeqCst), 2);
    }
}

#[dual]
#[form_test]
async fn a_response_dropped_half_read_drops_the_application_s_body() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let client = client_of_fn({
        let dropped = dropped.clone();
        move |_| {
            std::future::ready(Ok(http::Response::new(Endless {
                silent: false,
                pieces: 0,
                dropped: dropped.clone(),
                begun: Instant::now(),
            })))
        }
    });
    let mut response = client.get("/").send().await.unwrap();
    let piece = response.chunk().await.unwrap();
    assert_eq!(piece.unwrap(), "x");
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(response);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    let mut response = client.get("/").send().await.unwrap();
    response.close().await;
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

/// Ready when a thread says so.
struct Later(Arc<AtomicUsize>, bool);

impl Future for Later {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.load(Ordering::SeqCst) == 1 {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut self.1, true) {
            let (flag, waker) = (self.0.clone(), cx.waker().clone());
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                flag.store(1, Ordering::SeqCst);
                waker.wake();
            });
        }
        Poll::Pending
    }
}

async fn later(_: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
    Later(Arc::default(), false).await;
    Ok(http::Response::new("later".into()))
}

#[dual]
#[form_test]
async fn an_application_woken_from_another_thread_goes_on() {
    let client = client_of_fn(later);
    let response = client.get("/").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "later");
}

#[dual]
#[form_test]
async fn an_application_that_cannot_be_interrupted_is_late_all_the_same() {
    let late = App::from_fn(|_| {
        thread::sleep(ms(700));
        http::Response::new("late")
    });
    let failing = App::from_fn(|_| -> http::Response<&str> {
        thread::sleep(ms(700));
        panic!("late")
    });
    for client in [client_of(late), client_of(failing)] {
        let error = client.get("/").timeout(total()).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{error}");
        assert_eq!(error.phase(), Some(Phase::ReceiveHead));
    }
}
