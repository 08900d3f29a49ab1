//! The client.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Method;

use super::client_builder::ClientBuilder;
use super::execute::Pending;
use super::request::Request;
use super::request_builder::RequestBuilder;
use super::response::Response;
use crate::config::{Built, Channel, dimorph_builder};
use crate::connect::{self, BoxedConnectorService};
use crate::dns;
use crate::error::{self, Error, Result};
use crate::hops::Rules;
use crate::into_url::IntoUrl;
use crate::route::{Inners, Route};

/// An async HTTP client: it keeps connections, and is cheap to clone.
///
/// ```no_run
/// # async fn run() -> Result<(), reqwest::Error> {
/// let client = reqwest::Client::new();
/// let response = client.post("https://example.org/").body("so far").send().await?;
/// println!("{}", response.status());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

/// What the clones of a client share.
pub(crate) struct Inner {
    pub(crate) rules: Arc<Rules>,
    pub(crate) channel: Channel,
    layers: Option<BoxedConnectorService>,
    senders: Inners<dimorph::asynchronous::Client>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) read_timeout: Option<Duration>,
    /// A task closes idle connections when their time is up.
    is_reaped: AtomicBool,
}

impl Client {
    /// Makes a client with the defaults.
    ///
    /// # Panics
    /// Where TLS cannot be set up; [`builder`](Client::builder) returns that as an error.
    pub fn new() -> Client {
        ClientBuilder::new()
            .build()
            .expect("the defaults make a client")
    }

    /// Begins to make a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn from_built(built: Built) -> Result<Client> {
        let layers = match built.layers.is_empty() {
            true => None,
            false => Some(connect::layered(built.layers)),
        };
        let direct = sender(&built.channel, layers.as_ref(), &Route::DIRECT);
        let direct = direct.map_err(error::builder)?;
        Ok(Client {
            inner: Arc::new(Inner {
                rules: built.rules,
                channel: built.channel,
                layers,
                senders: Inners::new(direct),
                timeout: built.timeout,
                read_timeout: built.read_timeout,
                is_reaped: AtomicBool::new(false),
            }),
        })
    }

    /// Begins a GET request.
    pub fn get<U: IntoUrl>(&self, url: U) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Begins a POST request.
    pub fn post<U: IntoUrl>(&self, url: U) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Begins a PUT request.
    pub fn put<U: IntoUrl>(&self, url: U) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Begins a PATCH request.
    pub fn patch<U: IntoUrl>(&self, url: U) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Begins a DELETE request.
    pub fn delete<U: IntoUrl>(&self, url: U) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Begins a HEAD request.
    pub fn head<U: IntoUrl>(&self, url: U) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Begins a request. User and password in the URL become an `authorization` header.
    pub fn request<U: IntoUrl>(&self, method: Method, url: U) -> RequestBuilder {
        let request = url.into_url().map(|url| Request::new(method, url));
        RequestBuilder::new(self.clone(), request)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// As [`RequestBuilder::send`].
    pub fn execute(
        &self,
        request: Request,
    ) -> impl Future<Output = std::result::Result<Response, Error>> + use<> {
        self.start(request)
    }

    pub(crate) fn start(&self, request: Request) -> Pending {
        Pending::start(&self.inner, request)
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Client");
        self.inner.rules.fmt_fields(&mut fields);
        if let Some(timeout) = &self.inner.timeout {
            fields.field("reqwest::config::TotalTimeout", timeout);
        }
        if let Some(timeout) = &self.inner.read_timeout {
            fields.field("read_timeout", timeout);
        }
        fields.finish()
    }
}

impl tower_service::Service<Request> for Client {
    type Response = Response;
    type Error = Error;
    type Future = Pending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Pending {
        self.start(request)
    }
}

impl tower_service::Service<Request> for &Client {
    type Response = Response;
    type Error = Error;
    type Future = Pending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Pending {
        self.start(request)
    }
}

impl Inner {
    /// dimorph's client for a route.
    pub(crate) fn sender(&self, route: &Route) -> dimorph::Result<dimorph::asynchronous::Client> {
        let make = |route: &Route| sender(&self.channel, self.layers.as_ref(), route);
        self.senders.client(&self.channel, route, make)
    }

    /// Starts the task that closes idle connections when their time is up, unless it runs; it ends when none are left.
    pub(crate) fn reap(self: &Arc<Self>) {
        let Some(expiry) = self.channel.wire.pool_idle_timeout else {
            return;
        };
        if self.is_reaped.swap(true, Ordering::AcqRel) {
            return;
        }
        let interval = (expiry / 4).clamp(Duration::from_millis(20), Duration::from_secs(30));
        let reaping = Reaping(Arc::downgrade(self));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(client) = reaping.0.upgrade() else {
                    return;
                };
                let mut open = 0;
                for sender in client.senders.all() {
                    sender.close_expired();
                    open += sender.pool_stats().connections;
                }
                if open == 0 {
                    return;
                }
            }
        });
    }
}

/// Lets the next request start the task again, also where the runtime ended it.
struct Reaping(Weak<Inner>);

impl Drop for Reaping {
    fn drop(&mut self) {
        if let Some(client) = self.0.upgrade() {
            client.is_reaped.store(false, Ordering::Release);
        }
    }
}

fn sender(
    channel: &Channel,
    layers: Option<&BoxedConnectorService>,
    route: &Route,
) -> dimorph::Result<dimorph::asynchronous::Client> {
    let limit = channel.wire.connect_timeout;
    // Layers are within the connect timeout, so that it is theirs to keep.
    let within = limit.filter(|_| layers.is_none());
    let timeout = dimorph::Timeout::none().connect(within);
    let mut builder = dimorph_builder!(asynchronous, channel, route, dns::adapter, timeout)?;
    if let Some(layers) = layers {
        let layers = layers.clone();
        builder = builder.around_connect(move |step| connect::around(&layers, limit, step));
    }
    builder.build()
}
