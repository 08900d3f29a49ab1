//! An HTTP client with two forms of one body: a blocking [`Client`] that needs no async runtime, and an [`AsyncClient`] on tokio, both compiled from one source.
//!
//! They have the same methods, the same rules and the same speed: [`blocking`] and [`asynchronous`] hold the same names, spelled the same, and
//! only `.await` differs. What does no I/O (requests, bodies, errors, authentication, most transports) is one type for both.
//!
//! ```no_run
//! use dimorph::Client;
//!
//! let client = Client::builder().base_url("https://api.example/v1").build()?;
//! let response = client
//!     .get("/things")
//!     .params([("page", 2)])
//!     .send()?
//!     .error_for_status()?;
//! println!("{}", response.text()?);
//! # Ok::<(), dimorph::Error>(())
//! ```
//!
//! ```no_run
//! use dimorph::AsyncClient;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> dimorph::Result<()> {
//! let client = AsyncClient::builder().base_url("https://api.example/v1").build()?;
//! let response = client
//!     .get("/things")
//!     .params([("page", 2)])
//!     .send()
//!     .await?
//!     .error_for_status()?;
//! println!("{}", response.text().await?);
//! # Ok(())
//! # }
//! ```
//!
//! It is modelled on Python's [HTTPX](https://www.python-httpx.org): configuration that merges into each request, so that the request you
//! inspect is the one that is sent; timeouts for connecting, reading, writing and waiting for the pool; a pool that lets requests wait their
//! turn; authentication as flows of requests; proxies and transports by URL pattern; applications called in process.
//!
//! ```
//! use dimorph::{Client, Timeout};
//! use std::time::Duration;
//!
//! let client = Client::builder()
//!     .base_url("https://api.example/v1")
//!     .header("x-api-key", "k")
//!     .timeout(Timeout::default().total(Duration::from_secs(30)))
//!     .build()?;
//! let request = client.get("/things").build()?;
//! assert_eq!(request.url().as_str(), "https://api.example/v1/things");
//! assert_eq!(request.headers()["x-api-key"], "k");
//! # Ok::<(), dimorph::Error>(())
//! ```
//!
//! # A request's way
//!
//! ```text
//! Client / AsyncClient ─ RequestBuilder ─ merge ─ Request
//!                                                 │ send
//!                        auth flow ───────────────┤ each request of it
//!                        redirects ───────────────┤ each hop: hooks, cookies, the way to go
//!                                                 │ one exchange
//! pool ─ dial: name, TCP, proxy, TLS ─ connection ┤ HTTP/1.1, or a stream of HTTP/2;
//!                                                 │ or a transport
//! decode ─ text, lines, JSON ─ Response ──────────┘
//! ```
//!
//! The blocking form has no runtime over HTTP/2 either: threads that wait on a connection drive it, one of them reading for all. It starts
//! threads only to look host names up (four at most, since the operating system's resolver knows no deadline), and under the feature
//! `tower-tokio` for applications.
//!
//! # Where things are
//!
//! | for | there is |
//! |---|---|
//! | clients, their options, requests in the making, responses | [`blocking`], [`asynchronous`] |
//! | requests and their bodies | [`Request`], [`Body`], [`multipart`] |
//! | what can go wrong | [`Error`], [`ErrorKind`], [`Phase`] |
//! | limits | [`Timeout`], [`PoolLimits`] |
//! | Basic, Digest, netrc, schemes of your own | [`auth`] |
//! | cookies | [`Cookies`] |
//! | server-sent events | [`sse`] |
//! | proxies, and which hosts go without | [`Proxy`], [`NoProxy`] |
//! | names and addresses | [`Resolve`] |
//! | redirects | [`Attempt`], [`HistoryEntry`] |
//! | hooks, events, progress | [`HookResult`], [`Event`], [`Progress`] |
//! | tests without a network: mocks, recordings, applications in process | [`transport`] |
//! | retries, rate limits, logs, layers of your own | [`transport`] |
//!
//! The book in the repository's `docs` folder has a chapter for each of these, and pages for those who come from HTTPX, requests or reqwest.
//!
//! # Features
//!
//! All of them only add.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `blocking` | yes | [`Client`] |
//! | `async` | | [`AsyncClient`], and tokio with its runtime |
//! | `rustls` | yes | https |
//! | `ring` | yes | the ring crypto provider; wins over `aws-lc-rs` |
//! | `aws-lc-rs` | | the aws-lc-rs crypto provider (builds C) |
//! | `rustls-no-provider` | | rustls without a provider of ours: the builder's `crypto_provider` must name one |
//! | `webpki-roots` | yes | Mozilla's roots, compiled in |
//! | `native-roots` | | the operating system's roots as well |
//! | `platform-verifier` | | the operating system's verifier in place of any roots |
//! | `gzip`, `deflate`, `brotli`, `zstd` | yes | the content coding, and its name in `accept-encoding` |
//! | `json` | yes | `json()` on requests and responses; record and replay |
//! | `charset` | yes | text in the WHATWG encodings beside UTF-8 |
//! | `cookies` | yes | the cookie jar |
//! | `psl` | yes | the public suffix list for it, compiled in |
//! | `multipart` | yes | `multipart()` on requests |
//! | `netrc` | yes | credentials from the netrc file |
//! | `socks` | yes | SOCKS5 proxies |
//! | `http2` | yes | HTTP/2; the crate h2, and tokio's I/O traits without its runtime |
//! | `tower` | | applications in process; [`AsyncClient`] as a tower `Service`, and tower's layers around its engine |
//! | `tower-tokio` | | applications that need tokio, on the blocking client |
//! | `ureq` | | `transport::Ureq`, a second backend for the blocking client |
//! | `tracing` | | a span for each request, with OpenTelemetry's names |
//!
//! With `default-features = false` and one of the clients it speaks plain HTTP/1.1. Without `async`, `http2` and `tower-tokio` there is no tokio
//! in the dependency tree.
//!
//! # Versions and platforms
//!
//! The minimum supported Rust version is 1.88. The tests run on Linux.
//!
#![cfg_attr(feature = "blocking", doc = "[`Client`]: Client")]
#![cfg_attr(not(feature = "blocking"), doc = "[`Client`]: #features")]
#![cfg_attr(feature = "blocking", doc = "[`blocking`]: blocking")]
#![cfg_attr(not(feature = "blocking"), doc = "[`blocking`]: #features")]
#![cfg_attr(feature = "async", doc = "[`AsyncClient`]: AsyncClient")]
#![cfg_attr(not(feature = "async"), doc = "[`AsyncClient`]: #features")]
#![cfg_attr(feature = "async", doc = "[`asynchronous`]: asynchronous")]
#![cfg_attr(not(feature = "async"), doc = "[`asynchronous`]: #features")]
#![cfg_attr(feature = "cookies", doc = "[`Cookies`]: Cookies")]
#![cfg_attr(not(feature = "cookies"), doc = "[`Cookies`]: #features")]
#![cfg_attr(feature = "multipart", doc = "[`multipart`]: multipart")]
#![cfg_attr(not(feature = "multipart"), doc = "[`multipart`]: #features")]
#![allow(
    clippy::duplicate_mod,
    reason = "one source, two instances: that is the design"
)]
// On docs.rs each item says which feature it needs: what this switches on reads the `cfg`s.
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
