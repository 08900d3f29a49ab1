//! Applications in process: a tower `Service` in place of the network (S9 to S11).
//!
//! ```text
//!   Request ── prepare ──▶ http::Request<Body> ──▶ the service ──▶ http::Response<R>
//!              (path, host, framing, extensions)       │ error, panic: raised, or a 500
//!   Response ◀── its frames, as the caller reads them ◀┘
//! ```

mod calling;

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::{PathAndQuery, Uri};
use http::{Extensions, Method, Version};
use tower_service::Service;

use self::calling::Calling;
use super::counted::Counted;
use crate::body::Body;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::proto::h1::RequestFraming;
use crate::request::Request;

/// The body of an application's response, read frame by frame.
pub(crate) type AppBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>;

/// Makes of a file or reader a body that may be polled in this form, where a read that takes long holds up nobody else.
pub(crate) type Feed = fn(Body) -> Body;

/// An application in process: any tower `Service` of `http::Request<dimorph::Body>`, such as an axum `Router`.
///
/// The application is called where the request would have gone out: nothing touches the network, and no name is looked up. It gets
/// what a server would have given it: a path and query as target, `host`, and `content-length` or `transfer-encoding` where there is a body.
/// Cookies, redirects, authentication and decoding are the client's, as over the network.
///
/// On `AsyncClient` bodies stream both ways while the caller reads, and a response (or the call) that is dropped drops the application's
/// future and body. On the blocking `Client` the application is driven by the calling thread while it waits; one that needs tokio
/// (timers, spawned tasks, sockets) needs the feature `tower-tokio`, which gives each `App` a small runtime of its own.
///
/// A response whose body is shorter or longer than its own `content-length` ends in a `RemoteProtocolError`, as over the network.
///
#[cfg_attr(
    feature = "blocking",
    doc = "```
use dimorph::transport::App;

let app = App::from_fn(|request: http::Request<dimorph::Body>| {
    http::Response::new(format!(\"Hello {}!\", request.uri().path()))
});
let client = dimorph::Client::builder().transport(app).base_url(\"http://testserver\").build()?;
let response = client.get(\"/world\").send()?;
assert_eq!(response.text()?, \"Hello /world!\");
# Ok::<(), dimorph::Error>(())
```"
)]
pub struct App<S> {
    /// Cloned for each request, so that it need not be `Sync`.
    service: Mutex<S>,
    raises: bool,
    mount: Option<Box<str>>,
    extensions: Extensions,
    /// What the blocking form drives the application with; made at first need, shared by clones.
    pub(crate) runner: Arc<OnceLock<Box<dyn Any + Send + Sync>>>,
}

/// The address that an application sees its client at; in the extensions of each of its requests.
///
/// ```
/// use dimorph::transport::{App, RemoteAddr};
/// use dimorph::{Body, Client};
///
/// let app = App::from_fn(|request: http::Request<Body>| {
///     let RemoteAddr(address) = request.extensions().get().copied().unwrap();
///     http::Response::new(address.to_string())
/// });
/// let client = Client::builder().transport(app.remote_addr(([192, 0, 2, 1], 4711))).build()?;
/// assert_eq!(client.get("http://testserver/").send()?.text()?, "192.0.2.1:4711");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddr(
    /// The address.
    pub SocketAddr,
);

/// The path that an application is mounted at (WSGI's `SCRIPT_NAME`, ASGI's `root_path`); in the extensions of each of its requests
/// where [`App::mount_path`] was called.
///
/// ```
/// use dimorph::transport::{App, MountPath};
/// use dimorph::{Body, Client};
///
/// let app = App::from_fn(|request: http::Request<Body>| {
///     let mount: &MountPath = request.extensions().get().unwrap();
///     http::Response::new(format!("{} and {}", mount.as_str(), request.uri().path()))
/// });
/// let client = Client::builder().transport(app.mount_path("/api")).build()?;
/// let response = client.get("http://testserver/api/users").send()?;
/// assert_eq!(response.text()?, "/api and /users");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPath(Arc<str>);

impl MountPath {
    /// Returns the path, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S> App<S> {
    /// Makes a transport of a service.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use dimorph::Client;
    /// use dimorph::transport::App;
    ///
    /// let app = App::new(Router::new().route("/", get(async || "hello")));
    /// let client = Client::builder().transport(app.mount_path("/sub")).build()?;
    /// assert_eq!(client.get("http://testserver/sub/").send()?.text()?, "hello");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new(service: S) -> Self {
        let mut extensions = Extensions::new();
        extensions.insert(RemoteAddr(([127, 0, 0, 1], 0).into()));
        App {
            service: Mutex::new(service),
            raises: true,
            mount: None,
            extensions,
            runner: Arc::default(),
        }
    }

    /// Raises errors and panics of the application as `ErrorKind::App`, or gives a 500 response for them. Default: it raises them.
    ///
    /// A body that breaks off is an error of reading it either way.
    ///
    /// ```
    /// use dimorph::transport::App;
    /// use dimorph::{Body, Client, ErrorKind};
    ///
    /// fn broken(_: http::Request<Body>) -> http::Response<String> {
    ///     panic!("a bug")
    /// }
    ///
    /// let app = App::from_fn(broken);
    /// let client = Client::builder().transport(app.clone()).build()?;
    /// assert_eq!(client.get("http://testserver/").send().unwrap_err().kind(), ErrorKind::App);
    /// let client = Client::builder().transport(app.raise_app_errors(false)).build()?;
    /// assert_eq!(client.get("http://testserver/").send()?.status(), 500);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[must_use]
    pub fn raise_app_errors(mut self, raise: bool) -> Self {
        self.raises = raise;
        self
    }

    /// Mounts the application at a path: requests below it reach the application without it, others as they are. Each carries [`MountPath`].
    #[must_use]
    pub fn mount_path(mut self, path: impl AsRef<str>) -> Self {
        let path = path.as_ref().trim_matches('/');
        self.mount = (!path.is_empty()).then(|| format!("/{path}").into());
        self
    }

    /// Sets the address that the application sees its client at, as [`RemoteAddr`]. Default: 127.0.0.1, port 0.
    #[must_use]
    pub fn remote_addr(self, address: impl Into<SocketAddr>) -> Self {
        let address = RemoteAddr(address.into());
        self.extension(address)
    }

    /// Gives each request a copy of a value among its extensions, such as axum's `ConnectInfo`.
    ///
    /// ```
    /// use dimorph::transport::App;
    /// use dimorph::{Body, Client};
    ///
    /// #[derive(Clone)]
    /// struct Build(&'static str);
    ///
    /// let app = App::from_fn(|request: http::Request<Body>| {
    ///     http::Response::new(request.extensions().get::<Build>().unwrap().0)
    /// });
    /// let client = Client::builder().transport(app.extension(Build("today"))).build()?;
    /// assert_eq!(client.get("http://testserver/").send()?.text()?, "today");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    #[must_use]
    pub fn extension<V: Clone + Send + Sync + 'static>(mut self, value: V) -> Self {
        self.extensions.insert(value);
        self
    }
}

impl<F> App<FromFn<F>> {
    /// Makes an application of a plain function from a request to a response.
    ///
    /// ```
    /// use dimorph::transport::App;
    /// use dimorph::{Body, Client};
    ///
    /// let app = App::from_fn(|request: http::Request<Body>| {
    ///     http::Response::new(format!("you asked for {}", request.uri().path()))
    /// });
    /// let client = Client::builder().transport(app).build()?;
    /// assert_eq!(client.get("http://testserver/x").send()?.text()?, "you asked for /x");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn from_fn<R>(function: F) -> Self
    where
        F: Fn(http::Request<Body>) -> R + Clone,
    {
        App::new(FromFn(function))
    }
}

/// The service that [`App::from_fn`] makes.
///
/// ```
/// use dimorph::transport::{App, FromFn};
/// use dimorph::Body;
///
/// type Answer = fn(http::Request<Body>) -> http::Response<&'static str>;
///
/// let app: App<FromFn<Answer>> = App::from_fn(|_| http::Response::new("hello"));
/// # let _ = app;
/// ```
#[derive(Clone, Copy)]
pub struct FromFn<F>(F);

impl<F, B> Service<http::Request<Body>> for FromFn<F>
where
    F: Fn(http::Request<Body>) -> http::Response<B>,
    B: Into<Body>,
{
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        std::future::ready(Ok((self.0)(request).map(Into::into)))
    }
}

impl<S> App<S> {
    /// Asks the application; the future is not begun yet. `feed`: see [`Feed`].
    pub(crate) fn call<R>(&self, request: Request, feed: Feed) -> Result<Calling<S, S::Future>>
    where
        S: Service<http::Request<Body>, Response = http::Response<R>> + Clone,
    {
        let headless = *request.method() == Method::HEAD;
        let request = self.prepare(request, feed)?;
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Calling::new(
            service.clone(),
            request,
            headless,
            self.raises,
            feed,
        ))
    }

    /// The request as a server would have received it.
    fn prepare(&self, mut request: Request, feed: Feed) -> Result<http::Request<Body>> {
        request.prepare()?;
        let mut target = origin_form(request.location().path_and_query())?;
        let host = request.location().authority().to_owned();
        // What could not be sent in HTTP/1.1 is no request for an application either.
        let framing = request.framing(Version::HTTP_11)?;
        let counter = request.options().on_upload.clone();
        let mut request = http::Request::<Body>::try_from(request)?;
        if counter.is_some() || request.body().as_bytes().is_none() {
            let announced = match framing {
                RequestFraming::Absent => Some(0),
                RequestFraming::Length(length) => Some(length),
                RequestFraming::Chunked => None,
            };
            let body = feed(std::mem::take(request.body_mut()));
            *request.body_mut() = Body::wrap(Counted::new(body, counter, announced));
        }
        if let Some(mount) = &self.mount {
            if let Some(below) = below(mount, &target) {
                target = below;
            }
            request
                .extensions_mut()
                .insert(MountPath(mount.as_ref().into()));
        }
        *request.uri_mut() = Uri::from(target);
        let headers = request.headers_mut();
        if !headers.contains_key(HOST)
            && let Ok(host) = HeaderValue::try_from(host)
        {
            headers.insert(HOST, host);
        }
        match framing {
            RequestFraming::Absent => {}
            RequestFraming::Length(length) => {
                headers.insert(CONTENT_LENGTH, length.into());
            }
            RequestFraming::Chunked => {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        // What was said for this request alone stays.
        let own = std::mem::take(request.extensions_mut());
        *request.extensions_mut() = self.extensions.clone();
        request.extensions_mut().extend(own);
        Ok(request)
    }
}

/// The target as it stands in a request line (RFC 9112 section 3.2.1).
fn origin_form(text: &str) -> Result<PathAndQuery> {
    PathAndQuery::try_from(text).map_err(|error| {
        Error::new(
            ErrorKind::InvalidUrl,
            format!("the path of the URL is not one that an application can be asked for: {error}"),
        )
        .in_phase(Phase::Send)
        .with_source(error)
    })
}

/// What is left of a target below the mount path; `None`: it is not below it.
fn below(mount: &str, target: &PathAndQuery) -> Option<PathAndQuery> {
    let rest = target.as_str().strip_prefix(mount)?;
    match rest.as_bytes().first() {
        None => Some(PathAndQuery::from_static("/")),
        Some(b'/') => rest.parse().ok(),
        Some(b'?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    }
}

impl<S: Clone> Clone for App<S> {
    fn clone(&self) -> Self {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        App {
            service: Mutex::new(service.clone()),
            raises: self.raises,
            mount: self.mount.clone(),
            extensions: self.extensions.clone(),
            runner: self.runner.clone(),
        }
    }
}

impl<S> fmt::Debug for App<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("raise_app_errors", &self.raises)
            .field("mount_path", &self.mount)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_path_is_taken_off_at_a_segment() {
        let cases = [
            ("/sub", Some("/")),
            ("/sub/", Some("/")),
            ("/sub/a?b=1", Some("/a?b=1")),
            ("/sub?b=1", Some("/?b=1")),
            ("/subway", None),
            ("/", None),
        ];
        for (target, expected) in cases {
            let target = PathAndQuery::from_static(target);
            let found = below("/sub", &target);
            assert_eq!(
                found.as_ref().map(PathAndQuery::as_str),
                expected,
                "{target}"
            );
        }
    }
}
