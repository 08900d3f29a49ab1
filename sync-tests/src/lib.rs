//! Loopback servers for the shared tests: plain threads over std's sockets.
//!
//! - [`server`] accepts connections, plain or TLS, and gives each to a closure on a thread of its own;
//! - [`wire`] is such a connection, with the verbs of HTTP/1.1's framing;
//! - [`http`] answers whole requests by a closure;
//! - [`replay`] plays the rows of `h1_responses.json`;
//! - [`script`] plays the op lists of `httpx.json`;
//! - [`blackhole`] is an address that never answers;
//! - [`certs`] makes a certificate authority and its leaves, [`authority`] others beside it;
//! - [`h2_peer`] speaks HTTP/2 frame by frame, well or as badly as a test wants;
//! - [`proxy`] and [`socks`] are proxies that do as they are told, and remember what they were asked;
//! - [`digest_server`] checks Digest credentials by code of its own;
//! - [`peers`] are programs that others wrote: nginx, Apache httpd, squid, microsocks, curl;
//! - [`cases`] reads the two files.

#![allow(
    clippy::unwrap_used,
    reason = "support code of tests: a failure here is a broken test, and should be loud"
)]

pub mod authority;
pub mod blackhole;
pub mod cases;
pub mod certs;
pub mod digest_server;
mod front;
mod gate;
pub mod h2_peer;
pub mod http;
pub mod peers;
pub mod proxy;
pub mod replay;
pub mod script;
pub mod server;
pub mod socks;
pub mod wire;

pub use digest_server::DigestServer;
pub use gate::Step;
pub use h2_peer::H2Peer;
pub use http::{Received, Reply};
pub use proxy::Proxy;
pub use server::{Server, Tls};
pub use socks::Socks;
pub use wire::Wire;
