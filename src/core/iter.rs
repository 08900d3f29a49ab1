//! Walking through the body of a response.

use std::fmt;

use bytes::Bytes;

use super::dual;
use super::response::Response;
use crate::error::{Error, Result};
use crate::shapes::{Chunks, Shape, Text};
use crate::sse::Events;

/// The body of a response, item by item; made by the `iter_*` methods of [`Response`].
///
/// It ends after the first error. Where it is dropped before its end, what it had not given out can be read on from the response, but for
/// text, lines and chunks of a fixed size: of those a part may have been held back, and reading on is a `StreamConsumed`.
///
/// # Example
///
#[doc = example!(
    answering r#".get("*", "one\ntwo\n")"#: r#"let mut response = client.get("https://example.org/").send()"#,
    r#"?;
let mut lines = response.iter_lines();
assert_eq!(lines.next()"#,
    r#".unwrap()?, "one");
assert_eq!(lines.next()"#,
    r#".unwrap()?, "two");
assert!(lines.next()"#,
    r#".is_none());"#
)]
pub struct Iter<'a, S> {
    pub(crate) response: &'a mut Response,
    pub(crate) raw: bool,
    pub(crate) shape: S,
    pub(crate) state: State,
}

/// Where a walk stands.
#[derive(Debug)]
pub(crate) enum State {
    /// The body was buffered: here it is.
    Buffered(Bytes),
    /// The body cannot be walked.
    Refused(Error),
    Walking,
    Ended,
}

impl<'a, S: Shape> Iter<'a, S> {
    pub(crate) fn new(response: &'a mut Response, raw: bool, shape: S) -> Self {
        let state = match response.begin_walk() {
            Ok(Some(content)) => State::Buffered(content),
            Ok(None) => State::Walking,
            Err(error) => State::Refused(response.locate(error)),
        };
        Iter {
            response,
            raw,
            shape,
            state,
        }
    }

    /// Refuses the body for what it is.
    pub(crate) fn refuse(&mut self, error: Error) {
        self.state = State::Refused(self.response.locate(error));
    }

    /// What can be given without reading; `None`: a piece is needed first.
    pub(crate) fn ready(&mut self) -> Option<Option<Result<S::Item>>> {
        if let Some(item) = self.shape.pop() {
            return Some(Some(Ok(item)));
        }
        if let Some(error) = self.shape.failure() {
            self.state = State::Ended;
            return Some(Some(Err(self.response.failed(error))));
        }
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => Some(None),
            State::Refused(error) => Some(Some(Err(error))),
            State::Buffered(content) => {
                self.shape.push(content);
                let first = self.shape.pop();
                if first.is_none() {
                    if let Some(error) = self.shape.failure() {
                        return Some(Some(Err(self.response.failed(error))));
                    }
                    self.shape.finish();
                    return Some(self.shape.pop().map(Ok));
                }
                // What is left comes out piece by piece; an empty one marks the end.
                self.state = State::Buffered(Bytes::new());
                Some(first.map(Ok))
            }
            State::Walking => {
                self.state = State::Walking;
                None
            }
        }
    }

    /// Takes a piece, the end, or an error; returns what ends the walk.
    pub(crate) fn take(&mut self, piece: Result<Option<Bytes>>) -> Option<Error> {
        match piece {
            Ok(Some(piece)) => {
                self.shape.push(piece);
                if self.shape.holds() {
                    self.response.consume();
                }
            }
            Ok(None) => {
                self.shape.finish();
                self.state = State::Ended;
            }
            Err(error) => {
                self.state = State::Ended;
                return Some(error);
            }
        }
        None
    }
}

impl Iter<'_, Chunks> {
    /// Gives chunks of this many bytes; only the last may be shorter. 0 counts as 1. Default: pieces as they come.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello world")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut chunks = response.iter_bytes().chunk_size(8);
assert_eq!(chunks.next()"#,
        r#".unwrap()?, "hello wo");
assert_eq!(chunks.next()"#,
        r#".unwrap()?, "rld");"#
    )]
    #[must_use]
    pub fn chunk_size(mut self, bytes: usize) -> Self {
        self.shape.set_size(bytes);
        self
    }
}

impl Iter<'_, Text> {
    /// Gives pieces of this many characters; only the last may be shorter. 0 counts as 1. Default: pieces as they come.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "héllo")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut text = response.iter_text().chunk_size(4);
assert_eq!(text.next()"#,
        r#".unwrap()?, "héll");"#
    )]
    #[must_use]
    pub fn chunk_size(mut self, characters: usize) -> Self {
        self.shape.set_size(characters);
        self
    }
}

impl Iter<'_, Events> {
    /// Limits a line, and the data of an event, in bytes; default: 8 MiB. What is larger is `LimitExceeded`.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-type", "text/event-stream")], "data: a long one\n\n"))"#: r#"let mut response = client.get("https://example.org/events").send()"#,
        r#"?;
let mut events = response.iter_sse().max_event_size(8);
let error = events.next()"#,
        r#".unwrap().unwrap_err();
assert_eq!(error.kind(), dimorph::ErrorKind::LimitExceeded);"#
    )]
    #[must_use]
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.shape.set_max_event_size(bytes);
        self
    }
}

#[dual]
impl<S: Shape> Iter<'_, S> {
    /// Gives the next item; `None` at the end.
    ///
    /// # Errors
    /// As [`Response::bytes`]; after an error comes the end.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut chunks = response.iter_bytes();
while let Some(chunk) = chunks.next()"#,
        r#" {
    println!("{} bytes", chunk?.len());
}"#
    )]
    #[allow(
        clippy::should_implement_trait,
        reason = "the blocking form implements it too; the inherent method is one text for both"
    )]
    pub async fn next(&mut self) -> Option<Result<S::Item>> {
        loop {
            if let Some(item) = self.ready() {
                return item;
            }
            let piece = self.response.piece(self.raw).await;
            if let Some(error) = self.take(piece) {
                return Some(Err(error));
            }
        }
    }
}

impl<S> fmt::Debug for Iter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter")
            .field("response", &self.response)
            .finish_non_exhaustive()
    }
}
