//! The blocking client, and what it does for a request.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dimorph::Timeout;
use http::Method;
use http::header::CONTENT_LENGTH;

use super::incoming::Deadline;
use super::{ClientBuilder, Request, RequestBuilder, Response};
use crate::IntoUrl;
use crate::config::{Built, Channel, dimorph_builder};
use crate::connect::{BoxedConnectorService, around_blocking, layered};
use crate::dns;
use crate::error;
use crate::hops::{Call, Content, Hop, Next, Rules};
use crate::route::{Inners, Route};

/// Sends requests, and keeps the connections for further ones. A clone shares them.
///
/// ```no_run
/// # fn run() -> Result<(), reqwest::Error> {
/// let client = reqwest::blocking::Client::new();
/// let response = client.get("https://example.org/").send()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    rules: Arc<Rules>,
    channel: Channel,
    clients: Inners<dimorph::blocking::Client>,
    layers: Option<BoxedConnectorService>,
    times: Times,
}

impl Client {
    /// Makes a client with the defaults.
    ///
    /// # Panics
    /// Where TLS cannot be set up, as [`ClientBuilder::build`] would return.
    pub fn new() -> Client {
        ClientBuilder::new().build().expect("Client::new()")
    }

    /// Begins the configuration of a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(super) fn from_builder(builder: ClientBuilder) -> crate::Result<Client> {
        let Built {
            rules,
            channel,
            layers,
            timeout,
            read_timeout,
        } = builder.inner.config.build()?;
        let layers = (!layers.is_empty()).then(|| layered(layers));
        let direct = connect(&channel, layers.as_ref(), &Route::DIRECT);
        let direct = direct.map_err(error::builder)?;
        Ok(Client {
            inner: Arc::new(Inner {
                clients: Inners::new(direct),
                layers,
                times: Times {
                    each: builder.timeout,
                    whole: timeout,
                    read: read_timeout,
                },
                rules,
                channel,
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

    /// Begins a request. A bad URL is told when it is built or sent.
    pub fn request<U: IntoUrl>(&self, method: Method, url: U) -> RequestBuilder {
        let request = url.into_url().map(|url| Request::new(method, url));
        RequestBuilder::new(self.clone(), request)
    }

    /// Sends a request, and returns once the head of its response is there.
    ///
    /// # Errors
    /// A request error where it cannot be sent or is not answered in time, a redirect error where the policy ends it,
    /// a builder error for URLs that are not `http` or `https`.
    pub fn execute(&self, request: Request) -> crate::Result<Response> {
        let asked = request.url().clone();
        self.exchange(request)
            .map_err(|error| error.with_url(asked))
    }

    /// The life of a request: each turn sends one hop of it.
    fn exchange(&self, request: Request) -> crate::Result<Response> {
        let limits = Limits::new(request.timeout().copied(), self.inner.times);
        let Request { mut head, body } = request;
        let mut stream = None;
        let mut content = Content::Bytes(Bytes::new());
        if let Some(body) = body {
            if let Some(length) = body.length() {
                head.headers.insert(CONTENT_LENGTH, length.into());
            }
            content = match body.split() {
                Ok(bytes) => Content::Bytes(bytes),
                Err(reader) => {
                    stream = Some(reader);
                    Content::Stream
                }
            };
        }
        let mut call = Call::begin(&self.inner.rules, head, content)?;
        loop {
            let Hop {
                mut request,
                takes_stream,
                route,
            } = call.hop()?;
            if takes_stream && let Some(body) = stream.take() {
                *request.body_mut() = body;
            }
            *request.timeout_mut() = Some(limits.of_hop(self.inner.channel.wire.connect_timeout)?);
            let client = self.inner.client(&route);
            let client = client.map_err(|error| call.unreachable(error))?;
            LAYERS_END.set(limits.deadline);
            let response = match client.send(request) {
                Ok(response) => response,
                Err(error) => {
                    call.failed(error)?;
                    continue;
                }
            };
            match call.received(response.status(), response.headers())? {
                Next::Deliver => {
                    let url = call.url().clone();
                    let codings = &self.inner.channel.codings;
                    return Ok(Response::from_wire(response, url, limits.each, codings));
                }
                // What is here already of its body is dropped with it, and its connection kept; nothing is waited for.
                Next::Again => drop(response),
            }
        }
    }
}

impl Inner {
    fn client(&self, route: &Route) -> dimorph::Result<dimorph::blocking::Client> {
        let make = |route: &Route| connect(&self.channel, self.layers.as_ref(), route);
        self.clients.client(&self.channel, route, make)
    }
}

thread_local! {
    /// When the request that this thread is sending ends. A connect step runs on the thread that asked for it, and its
    /// layers know nothing of the request.
    static LAYERS_END: Cell<Deadline> = const { Cell::new(Deadline::NONE) };
}

/// Makes the client beneath for a route.
fn connect(
    channel: &Channel,
    layers: Option<&BoxedConnectorService>,
    route: &Route,
) -> dimorph::Result<dimorph::blocking::Client> {
    let adapter = dns::blocking_adapter;
    let mut builder = dimorph_builder!(blocking, channel, route, adapter, Timeout::none())?;
    if let Some(layers) = layers.cloned() {
        let own = channel.wire.connect_timeout;
        builder = builder.around_connect(move |step| {
            let left = LAYERS_END.get().left().map_err(dimorph::Error::other)?;
            let limit = own.into_iter().chain(left).min();
            around_blocking(&layers, limit, step)
        });
    }
    builder.build()
}

/// The timeouts of a client.
#[derive(Clone, Copy)]
struct Times {
    /// The blocking client's: to the head, and then for each wait for the body.
    each: Option<Duration>,
    /// What an async builder was told before it became a blocking one: the whole of a call, and each piece of it.
    whole: Option<Duration>,
    read: Option<Duration>,
}

/// How long a request and the parts of its response may take.
struct Limits {
    /// For the head.
    deadline: Deadline,
    /// For the body as well.
    whole: Option<Deadline>,
    each: Option<Duration>,
}

impl Limits {
    /// A request's own timeout stands for both of the client's, and is for its response's body too.
    fn new(own: Option<Duration>, client: Times) -> Self {
        let each = own.or(client.each);
        let whole = own.or(client.whole);
        let head = [each, whole, client.read].into_iter().flatten().min();
        Limits {
            deadline: Deadline::after(head),
            whole: whole.map(|whole| Deadline::after(Some(whole))),
            each: each.into_iter().chain(client.read).min(),
        }
    }

    fn of_hop(&self, connect: Option<Duration>) -> crate::Result<Timeout> {
        let left = self.deadline.left().map_err(error::request)?;
        let timeout = Timeout::none().connect(connect).read(self.each);
        Ok(match &self.whole {
            Some(whole) => timeout
                .head(left)
                .total(whole.left().map_err(error::request)?),
            None => timeout.head(left),
        })
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish()
    }
}
