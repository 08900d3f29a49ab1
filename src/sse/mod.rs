//! Server-sent events: `text/event-stream`, as WHATWG's HTML standard section 9.2 defines it.
//!
//! [`Response::iter_sse`](crate::blocking::Response::iter_sse) reads the events of one response;
//! [`RequestBuilder::event_source`](crate::blocking::RequestBuilder::event_source) connects, and connects again where the stream ends.
//! Both give [`Event`]s, and keep at most [one event](Events) in memory.
//!
//! ```text
//!   pieces of the body ─▶ parser: lines ─▶ fields ─▶ an empty line dispatches ─▶ Event
//!                            │                            │
//!                            └─ retry: the wait           └─ id: Last-Event-ID of the next connection
//! ```

mod event;
mod events;
mod parser;
mod reconnect;
mod request;

pub use self::event::Event;
pub use self::events::Events;
pub(crate) use self::reconnect::{Reconnects, Verdict, judge, may_pass, of_events};
pub(crate) use self::request::ask_for_events;

/// The type that a stream of events must have.
pub(crate) const MEDIA_TYPE: &str = "text/event-stream";

/// How large an event may be unless said otherwise: some interfaces send whole images in one.
pub(crate) const MAX_EVENT_SIZE: usize = 8 * 1024 * 1024;
