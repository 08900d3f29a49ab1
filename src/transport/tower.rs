//! Between transports and tower services, both ways; the impls, which are the async form's, stand in `asynchronous.rs`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// An async transport made of a tower service, so that tower's layers can stand around the engine.
///
/// The service takes a [`Request`](crate::Request) and returns an `asynchronous::Response`. Each request goes through a clone of it, which is
/// asked for readiness first, until the request's total timeout: a service that stays busy makes the request wait. An error of dimorph's
/// comes back as it was; any other one has the kind `App` and is its source. For an application that takes
/// `http::Request`s, see [`App`](super::App).
///
/// ```
/// # #[cfg(feature = "async")]
/// # fn main() -> dimorph::Result<()> {
/// use dimorph::AsyncClient;
/// use dimorph::transport::{FromService, IntoService};
///
/// let engine = IntoService::new(AsyncClient::new());
/// // Around it goes what tower has: ServiceBuilder::new().concurrency_limit(10).service(engine)
/// let service = engine;
/// let client = AsyncClient::builder().transport(FromService::new(service)).build()?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "async"))]
/// # fn main() {}
/// ```
pub struct FromService<S> {
    // Many services can be cloned, but not shared.
    service: Mutex<S>,
}

impl<S> FromService<S> {
    /// Makes a transport of a service.
    pub fn new(service: S) -> Self {
        FromService {
            service: Mutex::new(service),
        }
    }

    /// A clone for one request.
    #[cfg_attr(
        not(feature = "async"),
        allow(dead_code, reason = "only the async form calls services")
    )]
    pub(crate) fn service(&self) -> S
    where
        S: Clone,
    {
        self.service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<S: Clone> Clone for FromService<S> {
    fn clone(&self) -> Self {
        FromService::new(self.service())
    }
}

impl<S> fmt::Debug for FromService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromService")
    }
}

/// A tower service made of an async transport; of a client, that is its engine alone.
///
/// It is always ready, and its clones share the transport. `AsyncClient` is a service itself, of all that it does: redirects, cookies, authentication, decoding.
///
/// ```
/// # #[cfg(feature = "async")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dimorph::transport::{IntoService, Mock};
/// use dimorph::{Method, Request};
/// use tower::{Service, ServiceExt};
///
/// let mut service = IntoService::new(Mock::routes().get("*", "hello"));
/// let request = Request::new(Method::GET, "https://example.org/")?;
/// let response: dimorph::asynchronous::Response = service.ready().await?.call(request).await?;
/// assert_eq!(response.status(), 200);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "async"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct IntoService<T> {
    pub(crate) transport: Arc<T>,
}

impl<T> IntoService<T> {
    /// Makes a service of a transport.
    pub fn new(transport: T) -> Self {
        IntoService {
            transport: Arc::new(transport),
        }
    }
}

impl<T> Clone for IntoService<T> {
    fn clone(&self) -> Self {
        IntoService {
            transport: self.transport.clone(),
        }
    }
}
