//! Server-sent events: of one response, and of a source that connects again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dimorph::sse::Event;
use dimorph::{Error, Result};
use sync_tests::{Received, Reply, Server};

use super::form::EventSource;
use super::{common, dual, form, form_test, form_util};

mod http2;
mod reconnecting;
mod response;
mod source;

/// A stream of events, which ends.
fn stream(text: impl Into<Vec<u8>>) -> Reply {
    Reply::chunked([text]).header("content-type", "text/event-stream")
}

/// A stream that ends in the middle of a chunk, with its connection.
fn cut(text: &str) -> Reply {
    let size = text.len() + 1;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked";
    Reply::raw(format!("{head}\r\n\r\n{size:x}\r\n{text}")).closing()
}

/// Answers one request after the other by these; when they are used up, by 204.
fn playing(replies: impl IntoIterator<Item = Reply>) -> Server {
    let mut replies: Vec<Option<Reply>> = replies.into_iter().map(Some).collect();
    replies.reverse();
    let replies = Mutex::new(replies);
    Server::http(move |_| match replies.lock().unwrap().pop() {
        Some(reply) => reply.unwrap(),
        None => Reply::status(204),
    })
}

/// Answers by the number of the request, from 0.
fn counting(answer: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Server {
    let number = AtomicUsize::new(0);
    Server::http(move |request| answer(number.fetch_add(1, Ordering::SeqCst), request))
}

/// The next event's data and id.
#[dual]
async fn next(source: &mut EventSource) -> (String, String) {
    let event = source.next().await.expect("an event").unwrap();
    (event.data().to_owned(), event.id().to_owned())
}

/// Asserts that it has ended, and stays so.
#[dual]
async fn assert_ended(source: &mut EventSource) {
    for _ in 0..2 {
        let end = source.next().await;
        assert!(end.is_none(), "{end:?}");
    }
    assert!(source.response().is_none());
}

/// The error that comes next, and ends it.
#[dual]
async fn last_error(source: &mut EventSource) -> Error {
    let error = source.next().await.expect("an error").unwrap_err();
    assert_ended(source).await;
    error
}

/// Everything up to the end.
#[dual]
async fn all(source: &mut EventSource) -> Result<Vec<String>> {
    let mut all = Vec::new();
    while let Some(event) = source.next().await {
        all.push(event?.into_data());
    }
    Ok(all)
}

/// What was sent as `Last-Event-ID`, request by request.
fn last_ids(server: &Server) -> Vec<Option<String>> {
    let requests = server.requests();
    let ids = requests
        .iter()
        .map(|request| request.header("last-event-id"));
    ids.map(|id| id.map(str::to_owned)).collect()
}

/// An event in short: type, data, id.
fn told(event: &Event) -> (&str, &str, &str) {
    (event.event(), event.data(), event.id())
}
