//! The blocking form of transports.

use std::sync::Arc;

#[cfg(feature = "tower")]
use bytes::Bytes;
#[cfg(feature = "tower")]
use tower_service::Service;

#[cfg(feature = "tower")]
use super::core::app::answer;
use super::core::handled::drive;
use super::{Client, Response};
#[cfg(feature = "tower")]
use crate::body::Body;
#[cfg(feature = "tower")]
use crate::error::BoxError;
use crate::error::Result;
use crate::request::Request;
#[cfg(feature = "tower")]
use crate::transport::App;
#[cfg(feature = "json")]
use crate::transport::Replay;
#[cfg(feature = "ureq")]
use crate::transport::Ureq;
use crate::transport::{Handled, Handler, Mock, Nothing};

/// Sends requests in place of the network.
///
/// It takes one request and gives one response: what [`ClientBuilder`](super::ClientBuilder) says of redirects, cookies, authentication,
/// decoding and hooks happens above it. A transport that needs no I/O of its own is better written as a
/// [`Handler`](crate::transport::Handler), which serves both clients.
///
/// # Example
///
/// ```
/// use dimorph::blocking::{Client, Response, Transport};
/// use dimorph::{Request, Result};
///
/// /// Answers with what was sent.
/// struct Echo;
///
/// impl Transport for Echo {
///     fn send(&self, request: Request) -> Result<Response> {
///         let content = request.content().unwrap_or_default().to_vec();
///         Ok(Response::from(http::Response::new(content)))
///     }
/// }
///
/// let client = Client::builder().transport(Echo).build()?;
/// assert_eq!(client.post("http://example.org/").body("hello").send()?.text()?, "hello");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no transport of `dimorph::blocking`",
    note = "a layer such as `Retry` is one over something to send by: `Retry::new(3).over(Client::new())`"
)]
pub trait Transport: Send + Sync {
    /// Sends a request, and returns its response; see `Response::from` for how to make one. The client fills in request, URL and elapsed time.
    ///
    /// # Errors
    /// Whatever the transport says: [`Error::other`](crate::Error::other) makes one of any error, of the kind `App`.
    fn send(&self, request: Request) -> Result<Response>;

    /// Ends the transport with its client: called once, by `close` or when the last clone is dropped. Default: nothing.
    fn close(&self) {}
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn send(&self, request: Request) -> Result<Response> {
        (**self).send(request)
    }

    fn close(&self) {
        (**self).close();
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: Request) -> Result<Response> {
        (**self).send(request)
    }

    fn close(&self) {
        (**self).close();
    }
}

/// The engine alone, for what stands over it: one exchange by this client's pool, TLS, proxies and mounts.
/// Redirects, cookies, authentication and hooks are the outer client's. Where other clones of it live, it stays open when the outer client ends.
impl Transport for Client {
    fn send(&self, request: Request) -> Result<Response> {
        self.carry(request)
    }

    fn close(&self) {
        self.shut_if_last();
    }
}

impl<H: Handler, T: Transport> Transport for Handled<H, T> {
    fn send(&self, request: Request) -> Result<Response> {
        drive(&self.handler, &self.inner, request)
    }

    fn close(&self) {
        self.handler.close();
        self.inner.close();
    }
}

impl Transport for Mock {
    fn send(&self, request: Request) -> Result<Response> {
        drive(self, &Nothing, request)
    }
}

#[cfg(feature = "json")]
impl Transport for Replay {
    fn send(&self, request: Request) -> Result<Response> {
        drive(self, &Nothing, request)
    }
}

impl Transport for Nothing {
    fn send(&self, _request: Request) -> Result<Response> {
        Err(Nothing::refuse())
    }
}

#[cfg(feature = "tower")]
impl<S, R> Transport for App<S>
where
    S: Service<http::Request<Body>, Response = http::Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: http_body::Body + Send + 'static,
    R::Data: Into<Bytes>,
    R::Error: Into<BoxError>,
{
    fn send(&self, request: Request) -> Result<Response> {
        answer(self, request)
    }
}

#[cfg(feature = "ureq")]
impl Transport for Ureq {
    fn send(&self, request: Request) -> Result<Response> {
        self.exchange(request).map(Response::from)
    }
}
