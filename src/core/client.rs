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
/// Make one and keep it: connections and cookies are shared by the requests of one client, not by those of several. Cloning it is cheap,
/// and the clones share everything. The pool is closed by [`close`](Client::close), or when the last clone is dropped.
///
/// | | default | set by |
/// |---|---|---|
/// | timeouts | 5 s each for connect, read, write and pool; none in all | [`timeout`](ClientBuilder::timeout) |
/// | connections | 100 open, 10 of them kept idle, for 5 s | [`pool_limits`](ClientBuilder::pool_limits) |
/// | redirects | followed, 20 at most | [`follow_redirects`](ClientBuilder::follow_redirects), [`max_redirects`](ClientBuilder::max_redirects) |
/// | cookies | kept and sent back | [`cookie_store`](ClientBuilder::cookie_store) |
/// | environment | believed: proxies, netrc, certificates | [`trust_env`](ClientBuilder::trust_env) |
/// | headers | `accept`, `accept-encoding`, `user-agent` | [`header`](ClientBuilder::header), [`without_header`](ClientBuilder::without_header) |
///
/// Unlike HTTPX since 0.20, it follows redirects unless it is told not to.
///
/// # Example
///
#[doc = example!(
    r#"
let client = Client::new();
let response = client.get("https://example.com").send()"#,
    r#"?;
assert_eq!(response.status(), 200);
println!("{}", response.text()"#,
    r#"?);"#
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
    ///
    /// What is wrong with the environment (a malformed proxy URL, a certificate file that cannot be read) is an error of the first request
    /// that it affects; of a client that is [built](Client::builder), it is an error of `build`.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
assert_eq!(client.pool_stats().opened, 0);"#
    )]
    pub fn new() -> Self {
        let mut config = ClientConfig::plain();
        // What is wrong with the environment is told to the first request.
        let _ = config.trust_env(true, &|name| std::env::var_os(name));
        Client::from_config(config, Plugs::default())
    }

    /// Begins the configuration of a client.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use std::time::Duration;

let client = Client::builder()
    .base_url("https://api.example/v1")
    .header("x-api-key", "k")
    .timeout(Duration::from_secs(10))
    .build()?;
let request = client.get("/things").build()?;
assert_eq!(request.url().as_str(), "https://api.example/v1/things");
assert_eq!(request.headers()["x-api-key"], "k");"#
    )]
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
    ///
    /// The jar is the client's own unless [`cookie_jar`](ClientBuilder::cookie_jar) gave it another, and its clones are one jar.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("set-cookie", "session=abc; Path=/")], ""))"#: r#"client.get("https://example.org/login").send()"#,
        r#"?;
assert_eq!(client.cookies().get("session")?.as_deref(), Some("abc"));
client.cookies().clear();"#
    )]
    #[cfg(feature = "cookies")]
    pub fn cookies(&self) -> &Cookies {
        &self.inner.config.jar
    }

    /// Begins a GET request.
    ///
    /// The URL is absolute, or relative to the client's [`base_url`](ClientBuilder::base_url); what is wrong with it is an error of sending.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client
    .get("https://example.org/search")
    .params([("q", "rust")])
    .send()"#,
        r#"?;
assert_eq!(response.url().as_str(), "https://example.org/search?q=rust");"#
    )]
    pub fn get(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Begins a POST request. The URL as in [`get`](Client::get).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".post("*", 201)"#: r#"let response = client
    .post("https://example.org/users")
    .form([("name", "Ada")])
    .send()"#,
        r#"?;
assert_eq!(response.status(), 201);"#
    )]
    pub fn post(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Begins a PUT request. The URL as in [`get`](Client::get).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".put("*", 204)"#: r#"client
    .put("https://example.org/notes/1")
    .body("remember the milk")
    .send()"#,
        r#"?
    .error_for_status()?;"#
    )]
    pub fn put(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Begins a PATCH request. The URL as in [`get`](Client::get).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".patch("*", 204)"#: r#"let change = std::collections::BTreeMap::from([("name", "Ada")]);
client.patch("https://example.org/users/1").json(change).send()"#,
        r#"?.error_for_status()?;"#
    )]
    pub fn patch(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Begins a DELETE request. The URL as in [`get`](Client::get).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".delete("*", 204)"#: r#"client.delete("https://example.org/users/1").send()"#,
        r#"?.error_for_status()?;"#
    )]
    pub fn delete(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Begins a HEAD request, whose response has no body. The URL as in [`get`](Client::get).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".head("*", (200, [("content-length", "1048576")], ""))"#: r#"let response = client.head("https://example.org/large.iso").send()"#,
        r#"?;
assert_eq!(response.headers()["content-length"], "1048576");"#
    )]
    pub fn head(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Begins an OPTIONS request. The URL as in [`get`](Client::get).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".options("*", (204, [("allow", "GET, HEAD")], ""))"#: r#"let response = client.options("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.headers()["allow"], "GET, HEAD");"#
    )]
    pub fn options(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::OPTIONS, url)
    }

    /// Begins a request of any method, one of your own included. The URL as in [`get`](Client::get).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".any("*", 207)"#: r#"use dimorph::Method;

let propfind = Method::from_bytes(b"PROPFIND")?;
let response = client
    .request(propfind, "https://example.org/")
    .header("depth", "1")
    .send()"#,
        r#"?;
assert_eq!(response.status(), 207);"#
    )]
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(
            self.clone(),
            merge::begin(&self.inner.config, method, url.as_ref()),
        )
    }

    /// Makes a request merged with the client's defaults, to be changed and [sent](Client::send).
    ///
    /// The same as `client.request(method, url).build()`.
    ///
    /// # Errors
    /// `InvalidUrl` or `UnsupportedProtocol` for the URL.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"use dimorph::Method;

let mut request = client.build_request(Method::GET, "https://example.org/")?;
request.headers_mut().remove("accept");
let response = client.send(request)"#,
        r#"?;
assert!(!response.request().headers().contains_key("accept"));"#
    )]
    pub fn build_request(&self, method: Method, url: impl AsRef<str>) -> Result<Request> {
        let request = merge::begin(&self.inner.config, method, url.as_ref())?;
        merge::finish(&self.inner.config, request, &Params::default(), &[])
    }

    /// Returns the URL that relative ones are prepended with; it ends in a slash.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().base_url("https://api.example/v1").build()?;
assert_eq!(client.base_url().unwrap().as_str(), "https://api.example/v1/");"#
    )]
    pub fn base_url(&self) -> Option<&Url> {
        self.inner.config.base_url.as_ref().map(|base| base.url())
    }

    /// Closes the idle connections whose `keepalive_expiry` has passed. Without it they are closed when the pool is used next.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
client.close_expired();
assert_eq!(client.pool_stats().idle, 0);"#
    )]
    pub fn close_expired(&self) {
        self.inner.pool.close_expired(Instant::now());
    }

    /// Counts what the pool holds now: connections open, idle and in use, requests that wait, connections opened and used again so far.
    ///
    /// Transports of your own and mocks have no connections, so that there is nothing to count.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
let stats = client.pool_stats();
assert_eq!((stats.connections, stats.waiting), (0, 0));"#
    )]
    pub fn pool_stats(&self) -> PoolStats {
        self.inner.pool.stats()
    }
}

#[dual]
impl Client {
    /// Sends a request as it is. Of the client, its authentication, hooks, timeouts, redirect settings and cookies for redirects apply where the request says nothing.
    ///
    /// A request of [`Request::new`](crate::Request::new) goes without the client's headers, parameters and base URL; one of
    /// [`build_request`](Client::build_request) or [`RequestBuilder::build`] was merged with them when it was built.
    ///
    /// # Errors
    /// Of the kinds of which [`Error::is_request`](crate::Error::is_request) tells, and `TooManyRedirects`; `BodyNotReplayable` where a redirect or
    /// a step of an authentication would send a reader or stream again. A response of whatever status is no error.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"use dimorph::{Method, Request};

let request = Request::new(Method::GET, "https://example.org/")?;
let response = client.send(request)"#,
        r#"?;
assert_eq!(response.status(), 200);"#
    )]
    pub async fn send(&self, request: Request) -> Result<Response> {
        self.start(request).await
    }

    /// The same as [`send`](Client::send), in reqwest's word.
    ///
    /// # Errors
    /// As [`send`](Client::send).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let request = client.get("https://example.org/").build()?;
assert_eq!(client.execute(request)"#,
        r#"?.status(), 200);"#
    )]
    pub async fn execute(&self, request: Request) -> Result<Response> {
        self.start(request).await
    }

    /// Closes the idle connections and refuses new requests with `ClientClosed`. Responses that are being read go on.
    ///
    /// All clones are closed with it. A client that is dropped, the last of its clones, is closed too.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::ErrorKind;

let client = Client::new();
client.close()"#,
        r#";
let error = client.get("https://example.org/").send()"#,
        r#".unwrap_err();
assert_eq!(error.kind(), ErrorKind::ClientClosed);"#
    )]
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
