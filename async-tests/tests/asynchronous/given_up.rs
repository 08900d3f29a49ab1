//! Reads that were given up, connections of runtimes that stand still: what only the async form meets.

use std::future::poll_fn;
use std::io::Write;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::task::Poll;
use std::time::Duration;

use dimorph::asynchronous::{Client, Response};
use dimorph::{ErrorKind, PoolLimits, Timeout};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_core::Stream;
use sync_tests::certs::sniff;
use sync_tests::{Reply, Server};

use crate::form_util;
use crate::only::{MS, client};

/// A body that compresses badly, so that its half is a half in every coding.
fn content() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..600_000).map(|_| next()).collect()
}

/// Sends each body's first half at once, and the second when it is let go: once by message.
fn in_halves(secure: bool) -> (Server, Sender<()>) {
    let (let_go, held) = channel();
    let held = Mutex::new(held);
    let answer = move |wire: &mut sync_tests::Wire| {
        while let Some(head) = wire.read_head()? {
            let mut body = content();
            let mut fields = String::new();
            if head.target.contains("gzip") {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&body)?;
                body = encoder.finish()?;
                fields += "content-encoding: gzip\r\n";
            }
            let chunked = head.target.contains("chunked");
            if chunked {
                fields += "transfer-encoding: chunked\r\n";
                let mut framed = Vec::new();
                for part in body.chunks(7000) {
                    framed.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                    framed.extend_from_slice(part);
                    framed.extend_from_slice(b"\r\n");
                }
                framed.extend_from_slice(b"0\r\n\r\n");
                body = framed;
            } else if head.target.contains("close") {
                fields += "connection: close\r\n";
            } else {
                fields += &format!("content-length: {}\r\n", body.len());
            }
            wire.send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))?;
            let (first, second) = body.split_at(body.len() / 2);
            wire.send(first)?;
            let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(10));
            wire.send(second)?;
            if head.target.contains("close") {
                wire.finish();
                return Ok(());
            }
        }
        Ok(())
    };
    let tls = if secure {
        sniff()
    } else {
        sync_tests::Tls::Off
    };
    (Server::wire_tls(tls, answer), let_go)
}

/// Gives up reading the whole, several times in the middle of it, and lets the rest come.
async fn give_up(client: &Client, url: &str, let_go: &Sender<()>) -> Response {
    let mut response = client.get(url).send().await.unwrap();
    for _ in 0..5 {
        let whole = tokio::time::timeout(10 * MS, response.buffer()).await;
        assert!(whole.is_err(), "{url}: half is not the whole");
        assert!(response.content().is_none());
    }
    let_go.send(()).unwrap();
    response
}

#[tokio::test]
async fn a_whole_that_was_given_up_in_the_middle_is_whole_the_next_time() {
    let content = content();
    for secure in [false, true] {
        let (server, let_go) = in_halves(secure);
        let client = client(PoolLimits::new());
        for path in ["/sized", "/chunked", "/gzip", "/gzip-chunked", "/close"] {
            let url = match secure {
                true => server.https(path),
                false => server.url(path),
            };
            let mut response = give_up(&client, &url, &let_go).await;
            assert!(
                *response.buffer().await.unwrap() == content,
                "{url}, buffer"
            );
            if !path.starts_with("/gzip") {
                assert_eq!(
                    response.num_bytes_downloaded(),
                    content.len() as u64,
                    "{url}"
                );
            }

            let response = give_up(&client, &url, &let_go).await;
            assert!(response.bytes().await.unwrap() == content, "{url}, bytes");

            let mut response = give_up(&client, &url, &let_go).await;
            let mut all = Vec::new();
            while let Some(piece) = response.chunk().await.unwrap() {
                all.extend_from_slice(&piece);
            }
            assert!(all == content, "{url}, chunks: {} bytes", all.len());

            let mut response = give_up(&client, &url, &let_go).await;
            let all = form_util::read_all(&mut response).await.unwrap();
            assert!(all == content, "{url}, AsyncRead: {} bytes", all.len());

            let mut response = give_up(&client, &url, &let_go).await;
            let all = form_util::collect(&mut response).await.unwrap().concat();
            assert!(all == content, "{url}, Stream: {} bytes", all.len());
            drop(response);
            assert_eq!(client.pool_stats().active, 0);
        }
    }
}

#[tokio::test]
async fn pieces_given_up_leave_the_whole_to_be_read() {
    let content = content();
    let (server, let_go) = in_halves(false);
    let client = client(PoolLimits::new());
    for path in ["/sized", "/chunked", "/gzip", "/close"] {
        let url = server.url(path);
        let mut response = client.get(&url).send().await.unwrap();
        let mut all = Vec::new();
        // Until there is nothing for some time: then a read and a poll are pending, and given up.
        while let Ok(piece) = tokio::time::timeout(20 * MS, response.chunk()).await {
            all.extend_from_slice(&piece.unwrap().unwrap());
        }
        let pending = poll_once(&mut response).await;
        assert!(pending, "{url}");
        let whole = tokio::time::timeout(10 * MS, response.buffer()).await;
        assert!(whole.is_err());
        let_go.send(()).unwrap();
        all.extend_from_slice(response.buffer().await.unwrap());
        assert!(all == content, "{url}: {} bytes", all.len());
    }
}

/// Polls the response's stream; tells whether it waits.
async fn poll_once(response: &mut Response) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *response).poll_next(cx).is_pending())).await
}

/// Sends half a body and then nothing.
fn half_silent() -> Server {
    Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabcde")?;
        wire.drain(Duration::from_secs(20));
        Ok(())
    })
}

#[tokio::test]
async fn a_response_with_a_pending_poll_is_closed_at_once() {
    let server = half_silent();
    let client = client(PoolLimits::new());
    let request = client.get(server.url("/")).timeout(Timeout::new(None));
    let mut response = request.send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "abcde");
    assert!(poll_once(&mut response).await);
    let closed = tokio::time::timeout(Duration::from_secs(3), response.close()).await;
    assert!(closed.is_ok(), "nothing is waited for");
    assert_eq!(client.pool_stats().active, 0);
    let error = response.chunk().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamClosed);
    assert!(form_util::until(|| server.open() == 0).await);
}

#[tokio::test]
async fn what_was_downloaded_is_known_while_a_poll_is_pending() {
    let server = half_silent();
    let client = client(PoolLimits::new());
    let mut response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "abcde");
    assert_eq!(response.num_bytes_downloaded(), 5);
    assert_eq!(response.content_length(), Some(10));
    assert!(poll_once(&mut response).await);
    assert_eq!(response.num_bytes_downloaded(), 5);
    assert_eq!(response.content_length(), Some(10));
    assert!(response.trailers().is_none());
    assert!(response.elapsed() > Duration::ZERO);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_connection_of_a_runtime_that_stands_still_is_not_used_by_another() {
    let server = Server::answering(sniff(), |request| Reply::ok(request.connection.to_string()));
    for url in [server.url("/"), server.https("/")] {
        let client = client(PoolLimits::new().hard_limit(1));
        let before = server.connections();
        // Both live to the end; each is driven only while it is asked to.
        let (first, second) = (runtime(), runtime());
        let fetch = |runtime: &tokio::runtime::Runtime| {
            runtime.block_on(async {
                let exchange = async {
                    let response = client.post(&url).body("x").send().await.unwrap();
                    response.text().await.unwrap()
                };
                let patience = Duration::from_secs(3);
                tokio::time::timeout(patience, exchange).await.unwrap()
            })
        };
        let own = [fetch(&first), fetch(&second)];
        assert_ne!(own[0], own[1], "{url}");
        assert_eq!(server.connections(), before + 2, "{url}");
        // The one of its own is used again.
        assert_eq!(fetch(&second), own[1], "{url}");
        assert_eq!(client.pool_stats().active, 0);
    }
}
