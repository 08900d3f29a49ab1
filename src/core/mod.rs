//! The engine, compiled twice: once into `dimorph::blocking`, once into `dimorph::asynchronous`.
//!
//! `send.rs` shows a request's whole life. The rules for these files stand in `docs/src/how-it-is-built.md`.

pub(crate) mod answer;
#[cfg_attr(not(feature = "tower"), path = "no_app.rs")]
pub(crate) mod app;
pub(crate) mod authenticate;
pub(crate) mod body;
pub(crate) mod builder;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod event_source;
pub(crate) mod failure;
pub(crate) mod handled;
pub(crate) mod http11;
#[cfg_attr(not(feature = "http2"), path = "no_http2.rs")]
pub(crate) mod http2;
pub(crate) mod iter;
pub(crate) mod layer;
pub(crate) mod pages;
#[cfg_attr(
    not(feature = "http2"),
    allow(dead_code, reason = "only the async form polls then")
)]
pub(crate) mod polled;
pub(crate) mod pool;
pub(crate) mod request_builder;
pub(crate) mod response;
pub(crate) mod save;
pub(crate) mod send;
pub(crate) mod stream;
#[cfg_attr(not(feature = "rustls"), path = "no_tls.rs")]
pub(crate) mod tls_stream;
pub(crate) mod tunnel;
pub(crate) mod upgraded;
pub(crate) mod upload;
pub(crate) mod watch;
pub(crate) mod wire_body;

pub(crate) use super::{AroundConnect, Transport, dual, rt};
