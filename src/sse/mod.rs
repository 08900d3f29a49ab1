//! Server-sent events: `text/event-stream`, as WHATWG's HTML standard section 9.2 defines it.
//!
//! The response's `iter_sse` reads the events of one response; the request's `event_source` connects, and connects again where the stream
//! ends. Both give [`Event`]s, and keep at most [one event](Events) in memory.
//!
//! ```
//! # let events = (200, [("content-type", "text/event-stream")], "id: 1\ndata: one\n\n");
//! # let mock = dimorph::transport::Mock::routes().get("*", events);
//! # let client = dimorph::Client::builder().transport(mock).build()?;
//! let events = client.get("https://example.org/events").event_source();
//! # let events = events.max_reconnects(0);
//! for event in events {
//!     let event = event?;
//!     println!("{} {}: {}", event.id(), event.event(), event.data());
//! }
//! # Ok::<(), dimorph::Error>(())
//! ```
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
