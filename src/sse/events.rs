//! The shape that gives a body out as events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::MAX_EVENT_SIZE;
use super::event::Event;
use super::parser::Parser;
use crate::error::Error;
use crate::shapes::Shape;

/// Server-sent events, each as soon as the empty line behind it has come. The items of `iter_sse`.
///
/// Text is UTF-8, whatever the `content-type` says; what does not decode is replaced by U+FFFD. An event that the end of the body cuts off
/// is dropped, as the standard demands. One event is held in memory, of at most `max_event_size` bytes.
///
/// ```
/// # let events = (200, [("content-type", "text/event-stream")], "data: one\n\ndata: two\n\n");
/// # let mock = dimorph::transport::Mock::routes().get("*", events);
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// let mut response = client.get("https://example.org/events").send()?;
/// let events = response.iter_sse().collect::<dimorph::Result<Vec<_>>>()?;
/// assert_eq!((events[0].data(), events[1].data()), ("one", "two"));
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug)]
pub struct Events {
    parser: Parser,
    /// What was not looked at yet: an event is read when it is asked for, so that the last event ID is that of the event given last.
    piece: Bytes,
    error: Option<Error>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Events {
            parser: Parser::new(MAX_EVENT_SIZE),
            piece: Bytes::new(),
            error: None,
        }
    }

    pub(crate) fn set_max_event_size(&mut self, bytes: usize) {
        self.parser.most = bytes;
    }

    /// Begins another stream where the last one ended.
    pub(crate) fn restart(&mut self) {
        self.resume_from(self.parser.last_id.clone());
    }

    /// Begins another stream as if the event of this ID had come.
    pub(crate) fn resume_from(&mut self, last_id: Arc<str>) {
        self.parser.restart(last_id);
        self.piece = Bytes::new();
        self.error = None;
    }

    pub(crate) fn last_event_id(&self) -> &str {
        &self.parser.last_id
    }

    /// How long to wait before connecting again, if the server said so.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.parser.retry
    }
}

impl Shape for Events {
    type Item = Event;

    fn pop(&mut self) -> Option<Event> {
        if self.error.is_some() {
            return None;
        }
        match self.parser.next(&mut self.piece) {
            Ok(event) => event,
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    fn push(&mut self, piece: Bytes) {
        self.piece = piece;
    }

    fn finish(&mut self) {
        self.restart();
    }

    fn failure(&mut self) -> Option<Error> {
        let error = self.error.take()?;
        self.piece = Bytes::new();
        Some(error)
    }
}
