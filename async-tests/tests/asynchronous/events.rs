//! Server-sent events, given up and polled: what only the async form meets.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use dimorph::asynchronous::EventSource;
use dimorph::sse::Event;
use dimorph::{Body, PoolLimits};
use futures_core::Stream;
use sync_tests::{Reply, Server};

use crate::only::{MS, client, polled};

/// The next event of the stream.
async fn next(source: &mut EventSource) -> Option<dimorph::Result<Event>> {
    poll_fn(|cx| Pin::new(&mut *source).poll_next(cx)).await
}

/// Streams of one event each, in many small pieces; what follows the fourth event is 204.
fn in_pieces() -> Server {
    Server::wire(|wire| {
        let head = wire.read_head()?.unwrap_or_default();
        let id = match head.header("last-event-id") {
            Some("3") => return wire.send("HTTP/1.1 204 No Content\r\n\r\n"),
            Some(last) => last.parse::<u32>().unwrap() + 1,
            None => 0,
        };
        let fields = "content-type: text/event-stream\r\nconnection: close";
        let event = format!("retry: 1\r\nid: {id}\r\ndata: ☃\r\n\r\n");
        wire.send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"))?;
        for piece in event.as_bytes().chunks(5) {
            wire.send(piece)?;
            std::thread::sleep(MS);
        }
        Ok(())
    })
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_no_event() {
    let server = in_pieces();
    let client = client(PoolLimits::new());
    let mut source = client.get(server.url("/")).event_source();
    let mut ids = Vec::new();
    loop {
        // However little patience there is, what was begun is gone on with.
        let item = loop {
            if let Some(item) = polled(1, source.next()).await {
                break item;
            }
            tokio::task::yield_now().await;
        };
        match item {
            Some(event) => ids.push(event.unwrap().id().to_owned()),
            None => break,
        }
    }
    assert_eq!(ids, ["0", "1", "2", "3"]);
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn what_was_posted_is_sent_once_however_often_the_wait_is_given_up() {
    let server = Server::http(|request| match request.header("last-event-id") {
        Some(_) => Reply::status(204),
        None => Reply::chunked(["retry: 1\nid: 1\ndata: a\n\n"])
            .header("content-type", "text/event-stream")
            .after(50 * MS),
    });
    let client = client(PoolLimits::new());
    let question = Body::from_reader(&b"question"[..]);
    let mut source = client
        .post(server.url("/"))
        .body(question)
        .event_source()
        .max_reconnects(0);
    let event = loop {
        if let Some(item) = polled(1, source.next()).await {
            break item.unwrap().unwrap();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(event.data(), "a");
    assert!(source.next().await.is_none());
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].body, b"question");
}

#[tokio::test]
async fn a_read_that_is_given_up_goes_on_where_it_was() {
    let (let_go, held) = channel::<()>();
    let held = Mutex::new(held);
    let server = Server::wire(move |wire| {
        wire.read_head()?;
        wire.send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nid: 1\ndata: a\n\nda",
        )?;
        let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(10));
        wire.send("ta: b\n\n")
    });
    let client = client(PoolLimits::new());
    let mut source = client.get(server.url("/")).event_source();
    source.next().await.unwrap().unwrap();
    for _ in 0..5 {
        assert!(polled(1, source.next()).await.is_none());
        let mut waiting = pin!(next(&mut source));
        poll_fn(|cx| {
            assert!(waiting.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    let_go.send(()).unwrap();
    let event = source.next().await.unwrap().unwrap();
    assert_eq!((event.data(), event.id()), ("b", "1"));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_stream_of_events_is_polled_and_awaited_by_turns() {
    let server = in_pieces();
    let client = client(PoolLimits::new());
    let mut source = client.get(server.url("/")).event_source();
    for number in 0..4 {
        // What a poll began, the next call finishes.
        let begun = poll_fn(|cx| Poll::Ready(Pin::new(&mut source).poll_next(cx))).await;
        assert!(begun.is_pending());
        let event = match number % 2 {
            0 => next(&mut source).await,
            _ => source.next().await,
        };
        assert_eq!(event.unwrap().unwrap().id(), number.to_string());
        assert_eq!(server.connections(), number + 1);
    }
    assert!(next(&mut source).await.is_none());
    assert!(next(&mut source).await.is_none());
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn a_source_is_dropped_while_a_poll_connects() {
    let server = Server::http(|_| Reply::status(204).after(200 * MS));
    let client = client(PoolLimits::new());
    let mut source = client.get(server.url("/")).event_source();
    let begun = poll_fn(|cx| Poll::Ready(Pin::new(&mut source).poll_next(cx))).await;
    assert!(begun.is_pending());
    drop(source);
    let at_rest = crate::form_util::until(|| client.pool_stats().active == 0).await;
    assert!(at_rest);
}
