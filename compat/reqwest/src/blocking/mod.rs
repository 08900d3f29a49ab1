//! The blocking client: no runtime, no thread of its own.
//!
//! It works on any thread, on a runtime's own as well, which it then blocks.
//!
//! ```no_run
//! # fn run() -> Result<(), reqwest::Error> {
//! let body = reqwest::blocking::get("https://example.org/")?.text()?;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Response`] is a [`Read`](std::io::Read)er of its body. Unlike the async client a [`Client`] has a timeout by
//! default: 30 seconds until the response's head, and for each wait for its body.

mod body;
mod builder;
#[cfg(feature = "__tls")]
mod builder_tls;
mod client;
mod incoming;
#[cfg(feature = "multipart")]
pub mod multipart;
mod request;
mod response;

pub use body::Body;
pub use builder::ClientBuilder;
pub use client::Client;
pub use request::{Request, RequestBuilder};
pub use response::Response;

/// Sends a GET request with a client made for it alone.
///
/// # Errors
/// As [`RequestBuilder::send`].
pub fn get<T: crate::IntoUrl>(url: T) -> crate::Result<Response> {
    Client::builder().build()?.get(url).send()
}
