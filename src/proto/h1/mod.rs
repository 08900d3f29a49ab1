//! HTTP/1.1 without I/O (RFC 9112): bytes in, decisions out.
//!
//! Nothing here reads, writes, waits or knows the time. A driver owns the connection and a buffer;
//! the machine says which bytes to send, what the received ones are, and at the end whether the
//! connection may be used again. One exchange, our side on the left, the peer's on the right:
//!
//! ```text
//!   request                                     response
//!
//!   Idle <--------------------------------+     Idle <------------------------------+
//!    | start                              |      | start                            |
//!    | (expect: 100-continue)             |      v                                  |
//!    +------------> AwaitingContinue      |     Awaiting --+ 1xx, at most 64,       |
//!    |               |       |            |      |  |  ^---+ 64 KiB                 |
//!    |    100, or    |       | final head |      |  |                               |
//!    |    timed out  |       v            |      |  +--> Switched                   |
//!    |  +------------+    Abandoned       |      |       101 asked for, or          |
//!    v  v                    |            |      |       2xx to CONNECT             |
//!   Sending                  |            |      | final head                       |
//!    | body_sent             |            |      v                                  |
//!    v                       |            |     Body --- BodyReader: Length,        |
//!   Sent                     |            |      |       Chunked, CloseDelimited    |
//!    |                       |            |      | response_done                    |
//!    |                       |            |      v                                  |
//!    |                       |            |     Done                                |
//!    |                       v            |      |                                  |
//!    +--------------------> verdict <-----|------+                                  |
//!                            |     |      |                                         |
//!             CloseReason <--+     +------+-----------------------------------------+
//!          the driver closes        Sent, Done, nothing said close, no byte left
//! ```
//!
//! An early response is a final head while the request is `Sending`. Any error ends in `Failed`,
//! and its verdict is to close.
//!
//! A whole cycle: [`Exchange::start`]; write the head that the writer made; body bytes while
//! [`Exchange::may_send_body`]; [`Exchange::body_sent`]; [`Exchange::receive`] with each new piece
//! of input until it gives a [`Received::Final`]; [`BodyReader::step`] until it is done;
//! [`Exchange::response_done`]; [`Exchange::verdict`].
//!
//! One file for each fact: where a head ends and what it says ([`head`]), what delimits its body
//! ([`framing`]), which bytes are payload ([`body`], [`chunked`], [`trailers`]), what both sides
//! are doing ([`state`]), how much is too much ([`limits`]), what was wrong ([`error`]) and where
//! in a head ([`diagnosis`]).

mod body;
mod chunked;
#[cfg(test)]
mod corpus;
mod diagnosis;
mod error;
mod framing;
mod head;
mod limits;
mod names;
mod state;
mod trailers;
mod write;

pub(crate) use body::{BodyReader, Step};
pub(crate) use error::{H1Error, H1ErrorClass};
pub(crate) use framing::Framing;
#[cfg(feature = "tower")]
pub(crate) use framing::content_length;
pub(crate) use head::{HeadReader, ResponseHead};
pub(crate) use limits::H1Limits;
pub(crate) use state::{Exchange, Received};
pub(crate) use write::{
    Addressee, ProxyLines, RequestFraming, TargetForm, asks_for_upgrade, expects_continue,
    request_framing, write_chunk_size, write_head,
};
