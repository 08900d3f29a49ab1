//! What only the async form can do with layers: give up in the middle, and go on elsewhere.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use std::pin::Pin;
use std::task::{Context, Poll};

use dimorph::transport::{Handler, Mock, Next, Recorder, Response};
use dimorph::{AsyncClient, Body, ErrorKind, Request, StatusCode, Timeout};
use futures_core::Stream;
use sync_tests::peers::Folder;

/// A stream that never gives anything.
struct Never;

impl Stream for Never {
    type Item = std::io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

/// A blocking reader cannot be interrupted, so this holds for streams alone.
#[tokio::test]
async fn a_request_body_that_a_layer_reads_is_read_within_the_total_timeout() {
    let folder = Folder::new();
    let recorder = Recorder::new(folder.path().join("never.har"));
    let client = AsyncClient::builder()
        .transport(recorder.over(Mock::new(|_: &Request| 200)))
        .build()
        .unwrap();
    let begun = Instant::now();
    let sent = client
        .post("http://h.test/")
        .body(Body::from_stream(Never))
        .timeout(Timeout::none().total(Duration::from_millis(300)))
        .send();
    assert_eq!(sent.await.unwrap_err().kind(), ErrorKind::TotalTimeout);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn what_stands_around_connecting_is_within_the_timeouts() {
    let forever = || {
        AsyncClient::builder()
            .trust_env(false)
            .around_connect(|_| Box::pin(std::future::pending()))
            .build()
            .unwrap()
    };
    let limit = Duration::from_millis(200);
    let cases = [
        (Timeout::none().connect(limit), ErrorKind::ConnectTimeout),
        (Timeout::none().total(limit), ErrorKind::TotalTimeout),
    ];
    for (timeout, kind) in cases {
        let begun = Instant::now();
        let sent = forever().get("http://127.0.0.1:9/").timeout(timeout).send();
        assert_eq!(sent.await.unwrap_err().kind(), kind);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn a_next_that_outlives_its_call_fails_at_once() {
    let (give, kept) = mpsc::channel::<Next>();
    let keeping = move |_: Request, next: Next| {
        give.send(next).unwrap();
        async { Ok(Response::new(StatusCode::OK)) }
    };
    let client = AsyncClient::builder()
        .transport(keeping.over(Mock::new(|_: &Request| 200)))
        .build()
        .unwrap();
    client.get("http://h.test/").send().await.unwrap();
    let next = kept.recv().unwrap();
    let request = Request::new(dimorph::Method::GET, "http://h.test/").unwrap();
    let error = next.send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
    next.sleep(Duration::from_secs(600)).await;
}
