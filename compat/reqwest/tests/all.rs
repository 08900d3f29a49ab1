//! Tests of the drop-in over loopback servers.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a failing test should be loud; tests are named as facts"
)]

#[path = "all/async_tls.rs"]
mod async_tls;
#[path = "all/asynchronous.rs"]
mod asynchronous;
#[path = "all/blocking.rs"]
mod blocking;
#[path = "all/bodies.rs"]
mod bodies;
#[path = "all/cookies.rs"]
mod cookies;
#[path = "all/faces.rs"]
#[macro_use]
mod faces;
#[path = "all/http2.rs"]
mod http2;
#[path = "all/http2_faults.rs"]
mod http2_faults;
#[path = "all/http2_streams.rs"]
mod http2_streams;
#[path = "all/layers.rs"]
mod layers;
#[path = "all/multipart.rs"]
mod multipart;
#[path = "all/names.rs"]
mod names;
#[path = "all/proxies.rs"]
mod proxies;
#[path = "all/redirects.rs"]
mod redirects;
#[path = "all/secrets.rs"]
mod secrets;
#[path = "all/timeouts.rs"]
mod timeouts;
#[path = "all/tls.rs"]
mod tls;

/// A blocking client without the environment's proxies.
fn client() -> reqwest::blocking::Client {
    builder().build().unwrap()
}

fn builder() -> reqwest::blocking::ClientBuilder {
    reqwest::blocking::Client::builder().no_proxy()
}
