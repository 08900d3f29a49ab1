//! dimorph under reqwest's names.
//!
//! The library is called `reqwest` and offers reqwest 0.13's API, so that a program changes one line of its `Cargo.toml` and
//! nothing else:
//!
//! ```toml
//! reqwest = { package = "dimorph-reqwest", version = "0.1" }
//! ```
//!
//! The root is async on tokio; [`blocking`](https://docs.rs/reqwest/0.13/reqwest/blocking/) needs no runtime and starts no
//! thread but for connector layers and resolvers of one's own. Behaviour and defaults are reqwest's: ten redirects, no timeout, no
//! `user-agent`, decoders by feature. What is accepted without effect is listed in the README.
//!
//! ```no_run
//! # async fn run() -> Result<(), reqwest::Error> {
//! let body = reqwest::get("https://example.org/").await?.text().await?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that fails should be loud")
)]

pub use http::header;
pub use http::{Method, StatusCode, Version};
pub use url::Url;

mod error;

mod async_impl;
mod config;
mod connect;
mod hops;
#[cfg(feature = "http2")]
mod http2;
mod into_url;
mod request_head;
mod response;
mod route;
mod text;

#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "cookies")]
pub mod cookie;
pub mod dns;
#[cfg(feature = "multipart")]
pub mod multipart;
mod proxy;
pub mod redirect;
pub mod retry;
#[cfg(feature = "__tls")]
pub mod tls;

pub use async_impl::{Body, Client, ClientBuilder, Request, RequestBuilder, Response, Upgraded};
pub use error::{Error, Result};
pub use into_url::IntoUrl;
pub use proxy::{NoProxy, Proxy};
pub use response::ResponseBuilderExt;
#[cfg(feature = "__tls")]
pub use tls::{Certificate, Identity};

/// Sends a GET request with a client made for it alone.
///
/// Several requests share connections through one [`Client`].
///
/// # Errors
/// As [`RequestBuilder::send`].
pub async fn get<T: IntoUrl>(url: T) -> Result<Response> {
    Client::builder().build()?.get(url).send().await
}
