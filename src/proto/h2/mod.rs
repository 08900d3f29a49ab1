//! What HTTP/2 needs beside the crate h2, without I/O and without a clock.
//!
//! ```text
//!   bytes from the server ──┬──▶ h2 ──────▶ responses, h2::Error ──▶ errors    what the user reads,
//!                           │                                                  what may be sent again
//!                           └──▶ meter ───▶ budget    floods are refused; GOAWAY's last stream; DATA counted
//!
//!   Request ──▶ request (the head that goes out)         header list ──▶ limits (how long it may be)
//!
//!   bytes to the server ─────▶ written              which requests have begun to go out
//!
//!   bytes heard, PONG, time ───▶ keep_alive           when to PING a silent peer, when it is dead
//!   DATA heard, PONG, time ────▶ bdp                  when the receive windows should grow
//! ```
//!
//! One PING is on its way at a time, whoever asked for it, and its PONG is for both.

mod bdp;
mod budget;
mod errors;
mod keep_alive;
mod limits;
mod meter;
mod request;
mod written;

pub(crate) use bdp::Bdp;
pub(crate) use errors::{failed, provably_unprocessed, wants_http11};
pub(crate) use keep_alive::{Due, KeepAlive};
pub(crate) use limits::ListLimits;
pub(crate) use meter::{FrameMeter, Refusal};
pub(crate) use request::{parse_authority, request_head};
pub(crate) use written::Written;
