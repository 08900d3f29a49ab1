//! Loopback servers for the shared tests: plain threads over std's sockets.
//!
//! - [`server`] accepts connections, plain or TLS, and gives each to a closure on a thread of its own;
//! - [`wire`] is such a connection, with the verbs of HTTP/1.1's framing;
//! - [`http`] answers whole requests by a closure;
//! - [`replay`] plays the rows of `h1_responses.json`;
//! - [`script`] plays the op lists of `httpx.json`;
//! - [`blackhole`] is an address that never answers;
//! - [`certs`] makes a certificate authority and its leaves;
//! - [`cases`] reads the two files.

#![allow(
    clippy::unwrap_used,
    reason = "support code of tests: a failure here is a broken test, and should be loud"
)]

pub mod blackhole;
pub mod cases;
pub mod certs;
pub mod http;
pub mod replay;
pub mod script;
pub mod server;
pub mod wire;

pub use http::{Received, Reply};
pub use server::{Server, Tls};
pub use wire::Wire;
