//! What only the async form sends: streams, and readers read off the event loop.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimorph::asynchronous::{BoxFuture, Client, Response, Transport};
use dimorph::{Body, ErrorKind, PoolLimits, Request, Result, Timeout};
use futures_core::Stream;
use sync_tests::certs::sniff;
use sync_tests::{Reply, Server};

use crate::only::{MS, client};

/// A body whose next piece never comes.
struct Never;

impl Stream for Never {
    type Item = std::io::Result<&'static str>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn an_early_response_does_not_wait_for_the_body() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        Reply::status(413)
            .body("too large")
            .closing()
            .send(wire, false)?;
        wire.finish();
        wire.drain(Duration::from_secs(5));
        Ok(())
    });
    let client = client(PoolLimits::new());
    let request = client
        .post(server.url("/"))
        .body(Body::from_stream(Never))
        .send();
    let sent = tokio::time::timeout(Duration::from_secs(3), request).await;
    let response = sent
        .expect("the response is there, the body is not waited for")
        .unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.text().await.unwrap(), "too large");
    assert_eq!(client.pool_stats().active, 0);
}

#[tokio::test]
async fn the_total_timeout_ends_the_wait_for_a_body() {
    let server = Server::wire(|wire| {
        wire.drain(Duration::from_secs(5));
        Ok(())
    });
    let client = client(PoolLimits::new());
    let timeout = Timeout::new(Duration::from_secs(5)).total(100 * MS);
    let request = client
        .post(server.url("/"))
        .body(Body::from_stream(Never))
        .timeout(timeout);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    assert_eq!(client.pool_stats().active, 0);
}

#[tokio::test]
async fn a_slow_reader_as_body_does_not_hold_up_the_event_loop() {
    struct Slow(usize);
    impl std::io::Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(20 * MS);
            self.0 -= 1;
            buffer[0] = b's';
            Ok(usize::from(self.0 > 0))
        }
    }
    let server = Server::http(|request| Reply::ok(request.body.len().to_string()));
    let client = client(PoolLimits::new());
    let begun = Instant::now();
    let upload = client
        .post(server.url("/"))
        .body(Body::from_reader(Slow(20)))
        .send();
    let upload = tokio::spawn(async move { upload.await.unwrap().text().await.unwrap() });
    // The one thread of this runtime stays free meanwhile.
    let mut turns = 0;
    while !upload.is_finished() {
        tokio::time::sleep(MS).await;
        turns += 1;
    }
    assert_eq!(upload.await.unwrap(), "19");
    assert!(begun.elapsed() >= 380 * MS, "{:?}", begun.elapsed());
    assert!(turns > 40, "the loop turned {turns} times");
}

/// Answers by itself.
struct Canned;

impl Transport for Canned {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response>> {
        Box::pin(async move {
            tokio::time::sleep(MS).await;
            if request.url().path() == "/redirect" {
                let made = http::Response::builder()
                    .status(302)
                    .header("location", "/end")
                    .body("");
                return Ok(Response::from(made.unwrap()));
            }
            Ok(Response::from(http::Response::new(format!(
                "{} {}",
                request.method(),
                request.url()
            ))))
        })
    }
}

#[tokio::test]
async fn a_transport_takes_the_network_s_place() {
    let client = Client::builder()
        .transport(Canned)
        .base_url("http://canned.test")
        .build()
        .unwrap();
    let response = client.put("/x").params([("a", 1)]).send().await.unwrap();
    assert_eq!(response.url().as_str(), "http://canned.test/x?a=1");
    assert_eq!(
        response.text().await.unwrap(),
        "PUT http://canned.test/x?a=1"
    );
    let response = client.get("/redirect").send().await.unwrap();
    assert_eq!(response.history().len(), 1);
    assert_eq!(response.text().await.unwrap(), "GET http://canned.test/end");
}

#[tokio::test]
async fn a_response_s_stream_can_be_a_request_s_body() {
    let source = Server::http(|_| Reply::chunked(["one", "two", "three"]).paced(MS));
    let sink = Server::http(|request| Reply::ok(request.body.clone()));
    let client = client(PoolLimits::new());
    let response = client.get(source.url("/")).send().await.unwrap();
    let response = client
        .post(sink.url("/"))
        .body(Body::from_stream(response))
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "onetwothree");
    assert_eq!(client.pool_stats().active, 0);
}

/// Gives pieces without ever waiting, then none for ever.
struct Then {
    pieces: usize,
    piece: Bytes,
}

impl Stream for Then {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.pieces == 0 {
            return Poll::Pending;
        }
        self.pieces -= 1;
        Poll::Ready(Some(Ok(self.piece.clone())))
    }
}

/// Refuses from the head alone, with the status of the path.
fn refusing() -> Server {
    Server::wire_tls(sniff(), |wire| {
        let head = wire.read_head()?.unwrap();
        let reply = Reply::status(head.target[1..4].parse().unwrap()).body("refused");
        if head.target.ends_with("close") {
            reply.closing().send(wire, false)?;
            wire.finish();
        } else {
            reply.send(wire, false)?;
        }
        wire.drain(Duration::from_secs(10));
        Ok(())
    })
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_a_stream_that_stays_silent() {
    let server = refusing();
    let client = client(PoolLimits::new());
    for path in ["/401-close", "/413", "/413-close"] {
        for url in [server.url(path), server.https(path)] {
            for pieces in [0, 1, 3] {
                for length in [None, Some("1000"), Some("100000000")] {
                    let what = format!("{url}, {pieces} pieces, {length:?} bytes");
                    let piece = Bytes::from_static(b"piece");
                    let body = Body::from_stream(Then { pieces, piece });
                    let mut request = client.post(&url).body(body);
                    if let Some(length) = length {
                        request = request.header("content-length", length);
                    }
                    let sent = tokio::time::timeout(Duration::from_secs(2), request.send()).await;
                    let response = sent
                        .unwrap_or_else(|_| panic!("{what}: no answer"))
                        .unwrap();
                    assert_eq!(response.status().as_str(), &path[1..4], "{what}");
                    assert_eq!(response.text().await.unwrap(), "refused", "{what}");
                    assert_eq!(client.pool_stats().active, 0, "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_total_timeout_ends_a_stream_that_never_waits() {
    let server = Server::wire(|wire| {
        wire.drain(Duration::from_secs(10));
        Ok(())
    });
    let client = client(PoolLimits::new());
    let timeout = Timeout::new(Duration::from_secs(5)).total(150 * MS);
    for size in [1, 1 << 16] {
        let begun = Instant::now();
        let body = Body::from_stream(Then {
            pieces: usize::MAX,
            piece: vec![b'x'; size].into(),
        });
        let request = client.post(server.url("/")).body(body).timeout(timeout);
        let sent = tokio::spawn(request.send()).await.unwrap();
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{size}: {error:?}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(2), "{size}: {took:?}");
        assert_eq!(client.pool_stats().active, 0);
    }
}

/// Blocks its thread until it is let go, five seconds at the most.
struct Blocking(Receiver<()>);

impl std::io::Read for Blocking {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let _ = self.0.recv_timeout(Duration::from_secs(5));
        Ok(0)
    }
}

#[tokio::test]
async fn the_total_timeout_does_not_wait_for_a_reader_that_blocks() {
    let server = Server::wire(|wire| {
        wire.drain(Duration::from_secs(10));
        Ok(())
    });
    let client = client(PoolLimits::new());
    let timeout = Timeout::new(Duration::from_secs(5)).total(300 * MS);
    let (let_go, held) = channel();
    let begun = Instant::now();
    let request = client
        .post(server.url("/"))
        .body(Body::from_reader(Blocking(held)))
        .timeout(timeout);
    let error = request.send().await.unwrap_err();
    let took = begun.elapsed();
    drop(let_go);
    assert_eq!(error.kind(), ErrorKind::TotalTimeout, "{error:?}");
    assert!(
        took >= 290 * MS && took < Duration::from_secs(2),
        "{took:?}"
    );
    assert_eq!(client.pool_stats().active, 0);
}
