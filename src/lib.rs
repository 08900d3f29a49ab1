//! An HTTP client with two forms of one body: a blocking [`Client`] that needs no async runtime, and an `AsyncClient` on tokio, both compiled from one source.
//!
//! ```text
//!   Client / AsyncClient ─ RequestBuilder ─ merge ─ Request
//!                                                     │ send
//!                              auth flow ─────────────┤ each request of it
//!                              redirects ─────────────┤ each hop: hooks, cookies, the way by URL pattern
//!                                                     │ one exchange
//!              pool ─ dial (name, TCP, proxy, TLS) ─ connection ─ HTTP/1.1, or a stream of HTTP/2; or a transport
//!                                                     │
//!          decode ─ text, lines, JSON ─ Response ─────┘
//! ```
//!
//! The blocking form has no runtime over HTTP/2 either: threads that wait on a connection drive it, one of them reading for all.
//!
//! [`blocking`] and `asynchronous` hold the same names, spelled the same: only `.await` differs.

#![allow(
    clippy::duplicate_mod,
    reason = "one source, two instances: that is the design"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that fails should be loud")
)]

#[cfg(feature = "async")]
pub mod asynchronous;
#[cfg(feature = "blocking")]
pub mod blocking;

pub mod auth;
mod body;
mod client_config;
mod config;
#[cfg(test)]
mod content_cases;
#[cfg_attr(not(feature = "cookies"), path = "no_cookies.rs")]
mod cookies;
mod decode;
mod dial;
mod env;
mod error;
mod events;
mod headers;
mod hints;
mod history;
#[cfg(feature = "http2")]
mod http2_options;
#[cfg(feature = "json")]
mod json;
mod lines;
mod links;
mod location;
mod merge;
mod mounts;
#[cfg(feature = "multipart")]
pub mod multipart;
mod no_proxy;
mod pairs;
mod params;
mod part_file;
mod pool_state;
mod proto;
mod proxy;
mod redirect;
mod request;
mod routes;
mod shapes;
#[cfg(feature = "tracing")]
mod spans;
pub mod sse;
mod stream_id;
mod text;
#[cfg(feature = "rustls")]
mod tls;
mod tls_info;
mod top_level;
pub mod transport;

#[cfg(feature = "async")]
pub use asynchronous::Client as AsyncClient;
#[cfg(feature = "netrc")]
pub use auth::NetrcAuth;
pub use auth::{Auth, AuthFlow, BasicAuth, DigestAuth, auth_fn};
#[cfg(feature = "blocking")]
pub use blocking::{Client, delete, get, head, options, patch, post, put, request};
pub use body::Body;
pub use config::{PoolLimits, PoolStats, Timeout};
#[cfg(feature = "cookies")]
pub use cookies::{Cookie, Cookies};
pub use dial::{Resolve, Resolving};
pub use error::{BoxError, Error, ErrorKind, Phase, Result};
pub use events::{Event, EventKind, HookResult, Progress};
pub use history::HistoryEntry;
pub use http::header::{HeaderName, HeaderValue};
pub use http::{Extensions, HeaderMap, Method, StatusCode, Version, header};
pub use links::{Link, Links};
pub use no_proxy::NoProxy;
pub use pairs::{HeaderKey, IntoAddresses, IntoLocalAddress};
pub use proxy::{IntoProxy, Proxy, ProxyMode};
pub use redirect::{Action, Attempt};
pub use request::Request;
pub use shapes::{Chunks, Lines, Shape, Text};
pub use stream_id::StreamId;
#[cfg(feature = "rustls")]
pub use tls::{Certificate, CertificateRevocationList, ClientCert, TlsVersion, Verify};
pub use tls_info::TlsInfo;
pub use url::{self, Url};

#[cfg(doctest)]
#[path = "../docs/book.rs"]
mod book;
