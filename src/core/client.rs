//! The client: configuration, pool, and where requests begin.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::Method;
use http::header::HeaderValue;
use url::Url;

use super::builder::ClientBuilder;
use super::pool::Pool;
use super::request_builder::RequestBuilder;
use super::response::Response;
use super::{Transport, dual};
use crate::client_config::ClientConfig;
use crate::config::PoolStats;
#[cfg(feature = "cookies")]
use crate::cookies::Cookies;
use crate::error::Result;
use crate::merge;
use crate::params::Params;
use crate::request::Request;
use crate::routes::OwnWays;

/// An HTTP client: a pool of connections, and the configuration that its requests share.
///
/// Cloning it is cheap, and the clones share the pool. The pool is closed by [`close`](Client::close), or when the last clone is dropped.
///
#[doc = example!(
    "let client = Client::new();
let response = client.get(\"https://example.com\").send()",
    "?;
assert_eq!(response.status(), 200);"
)]
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<ClientConfig>,
    pool: Pool,
    plugs: Plugs,
    own_ways: Mutex<OwnWays>,
}

/// A hook given to `on_response`.
pub(crate) type OnResponse = dyn Fn(&mut Response) -> Result<()> + Send + Sync;

/// What a client was given that belongs to its form.
#[derive(Default)]
pub(crate) struct Plugs {
    pub(crate) transport: Option<Box<dyn Transport>>,
    pub(crate) mounted: Vec<Box<dyn Transport>>,
    pub(crate) on_response: Vec<Box<OnResponse>>,
    pub(crate) around_connect: Vec<Box<super::AroundConnect>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shut();
    }
}

impl Inner {
    fn shut(&self) {
        if !self.pool.close() {
            return;
        }
        let plugs = &self.plugs;
        for transport in plugs.transport.iter().chain(&plugs.mounted) {
            transport.close();
        }
    }
}

impl Client {
    /// Makes a client with the defaults. Costs microseconds: certificates are parsed at the first https request.
    pub fn new() -> Self {
        let mut config = ClientConfig::plain();
        // What is wrong with the environment is told to the first request.
        let _ = config.trust_env(true, &|name| std::env::var_os(name));
        Client::from_config(config, Plugs::default())
    }

    /// Begins the configuration of a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn from_config(config: ClientConfig, plugs: Plugs) -> Self {
        let pool = Pool::new(config.pool_limits);
        Client {
            inner: Arc::new(Inner {
                config: Arc::new(config),
                pool,
                plugs,
                own_ways: Mutex::default(),
            }),
        }
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.inner.config
    }

    /// Closes the pool, and the transports in place of it.
    pub(crate) fn shut(&self) {
        self.inner.shut();
    }

    /// Closes what stood beneath another client, unless somebody else has a clone of it.
    pub(crate) fn shut_if_last(&self) {
        if Arc::strong_count(&self.inner) == 1 {
            self.inner.shut();
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    #[inline]
    pub(crate) fn transport(&self) -> Option<&dyn Transport> {
        self.inner.plugs.transport.as_deref()
    }

    pub(crate) fn mounted(&self, number: usize) -> &dyn Transport {
        &*self.inner.plugs.mounted[number]
    }

    pub(crate) fn on_response(&self) -> &[Box<OnResponse>] {
        &self.inner.plugs.on_response
    }

    pub(crate) fn around_connect(&self) -> &[Box<super::AroundConnect>] {
        &self.inner.plugs.around_connect
    }

    /// The number of the way through a proxy with credentials of a request's own.
    pub(crate) fn own_way(&self, proxy: usize, authorization: &HeaderValue) -> u32 {
        let mut ways = self
            .inner
            .own_ways
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ways.number(proxy, authorization)
    }

    /// Returns the client's cookie jar: what servers set, and what is put there by hand.
    #[cfg(feature = "cookies")]
    pub fn cookies(&self) -> &Cookies {
        &self.inner.config.jar
    }

    /// Begins a GET request.
    pub fn get(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Begins a POST request.
    pub fn post(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Begins a PUT request.
    pub fn put(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Begins a PATCH request.
    pub fn patch(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Begins a DELETE request.
    pub fn delete(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Begins a HEAD request.
    pub fn head(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Begins an OPTIONS request.
    pub fn options(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::OPTIONS, url)
    }

    /// Begins a request of any method. The URL is absolute, or relative to the client's `base_url`.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(
            self.clone(),
            merge::begin(&self.inner.config, method, url.as_ref()),
        )
    }

    /// Makes a request merged with the client's defaults, to be changed and sent.
    ///
    /// # Errors
    /// `InvalidUrl` or `UnsupportedProtocol` for the URL.
    pub fn build_request(&self, method: Method, url: impl AsRef<str>) -> Result<Request> {
        let request = merge::begin(&self.inner.config, method, url.as_ref())?;
        merge::finish(&self.inner.config, request, &Params::default(), &[])
    }

    /// Returns the URL that relative ones are prepended with; it ends in a slash.
    pub fn base_url(&self) -> Option<&Url> {
        self.inner.config.base_url.as_ref().map(|base| base.url())
    }

    /// Closes the idle connections whose `keepalive_expiry` has passed. Without it they are closed when the pool is used next.
    pub fn close_expired(&self) {
        self.inner.pool.close_expired(Instant::now());
    }

    /// Counts what the pool holds now.
    pub fn pool_stats(&self) -> PoolStats {
        self.inner.pool.stats()
    }
}

#[dual]
impl Client {
    /// Sends a request as it is. Of the client, its authentication, hooks, timeouts, redirect settings and cookies for redirects apply where the request says nothing.
    ///
    /// # Errors
    /// Of the kinds of which [`Error::is_request`](crate::Error::is_request) tells, and `TooManyRedirects`. A response of whatever status is no error.
    pub async fn send(&self, request: Request) -> Result<Response> {
        self.start(request).await
    }

    /// The same as [`send`](Client::send), in reqwest's word.
    ///
    /// # Errors
    /// As [`send`](Client::send).
    pub async fn execute(&self, request: Request) -> Result<Response> {
        self.start(request).await
    }

    /// Closes the idle connections and refuses new requests with `ClientClosed`. Responses that are being read go on.
    pub async fn close(&self) {
        self.shut();
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("pool", &self.pool_stats())
            .finish_non_exhaustive()
    }
}
