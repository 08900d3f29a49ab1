//! The one error type.
//!
//! ```text
//! Error
//! ├─ is_timeout     ConnectTimeout  ReadTimeout  WriteTimeout  PoolTimeout  TotalTimeout
//! ├─ is_connect     ConnectError  ConnectTimeout
//! ├─ is_network     ConnectError  ReadError  WriteError  CloseError
//! ├─ is_protocol    LocalProtocolError  RemoteProtocolError  LimitExceeded
//! ├─ is_proxy       ProxyError
//! ├─ is_decode      DecodingError  Json
//! ├─ is_redirect    TooManyRedirects
//! ├─ is_status      HttpStatus
//! ├─ is_body        BodyNotReplayable  StreamConsumed  StreamClosed  ResponseNotRead  RequestNotRead
//! ├─ is_builder     Builder  InvalidUrl  UnsupportedProtocol  CookieConflict
//! └─ is_request     every kind that ends a request on its way: the first five groups, ClientClosed, App
//! ```

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use url::Url;

use crate::hints::POOL_IS_TAKEN;
use crate::request::Request;

/// A boxed error from outside, kept as the source of an [`Error`].
///
/// ```
/// let error: dimorph::BoxError = "the vault is locked".into();
/// assert_eq!(dimorph::Error::other(error).to_string(), "App: the vault is locked");
/// ```
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The result of everything here that can fail.
///
/// ```
/// fn host(url: &str) -> dimorph::Result<String> {
///     let request = dimorph::Request::new(dimorph::Method::GET, url)?;
///     Ok(request.url().host_str().unwrap_or_default().to_owned())
/// }
/// assert_eq!(host("https://example.org/")?, "example.org");
/// # Ok::<(), dimorph::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by HTTPX's leaf names.
///
/// HTTPX's parent classes are predicates of [`Error`], such as [`is_timeout`](Error::is_timeout). More kinds may come: a `match` needs an arm
/// for the rest.
///
/// ```
/// use dimorph::ErrorKind;
/// use dimorph::transport::{Fault, Mock};
///
/// let mock = Mock::routes().get("*", Fault::ReadTimeout);
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// match client.get("https://example.org/").send() {
///     Ok(response) => println!("{}", response.status()),
///     Err(error) => match error.kind() {
///         ErrorKind::ConnectError => println!("not there: {error}"),
///         ErrorKind::ReadTimeout => println!("too slow: {error}"),
///         _ => return Err(error),
///     },
/// }
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection within the connect timeout: look-up, TCP, the proxy's tunnel and TLS together.
    ///
    /// The server saw nothing of the request, so that any method may be sent again; `retries` does so. A server that is far away needs a longer
    /// [`Timeout::connect`](crate::Timeout::connect).
    ConnectTimeout,
    /// Nothing received within the read timeout, or no answer to an HTTP/2 PING.
    ///
    /// The server may have acted on the request: send it again only if that does no harm. An answer that takes long to make needs a longer
    /// [`Timeout::read`](crate::Timeout::read).
    ReadTimeout,
    /// Nothing could be sent within the write timeout: the server takes no more of the body. As for `ReadTimeout`, it may have acted on what it has.
    WriteTimeout,
    /// No connection, and no stream of one, became free in the pool within the pool timeout.
    ///
    /// More requests were under way than [`PoolLimits`](crate::PoolLimits) allows: read or drop responses sooner, raise the limit, or wait longer
    /// by [`Timeout::pool`](crate::Timeout::pool).
    PoolTimeout,
    /// The exchange, body included, took longer than the total timeout, or its head longer than the head timeout. As for `ReadTimeout`, the server
    /// may have acted on the request.
    TotalTimeout,
    /// The connection could not be made: look-up, TCP or TLS failed, or the server does not speak the only version of HTTP that the client has left.
    ///
    /// [`Error::phase`] tells which, and the [source](StdError::source) why. The server saw nothing of the request.
    ConnectError,
    /// Receiving failed: the connection was reset before the response was complete. The server may have acted on the request.
    ReadError,
    /// Sending failed: the connection was reset while the request was sent; or the writer failed that a body was copied to.
    WriteError,
    /// Closing failed. It does not occur in this version: a connection that cannot be closed properly is closed all the same.
    CloseError,
    /// The request would break the protocol, and was not sent, or not to its end: a bad header, a body of another length than announced, a
    /// version that is switched off, an async stream in the blocking client. The fault is the caller's; the message names it.
    LocalProtocolError,
    /// The peer broke the protocol, closed in the middle of a message, or reset an HTTP/2 stream. What was received is not to be believed.
    RemoteProtocolError,
    /// The proxy refused a tunnel, with [`Error::status`] where it gave one, or failed. One that cannot be reached is a `ConnectError` that names it.
    ProxyError,
    /// The URL's scheme is not one this client speaks: `http`, and `https` with the feature `rustls`.
    UnsupportedProtocol,
    /// The body does not decode by its `content-encoding`. The wire's bytes can be had by `iter_raw`, or by a client without `content_codings`.
    DecodingError,
    /// More redirects than `max_redirects`, or the `redirect_policy` ended the call.
    TooManyRedirects,
    /// `error_for_status` or `raise_for_status` met such a status, or an event source one after which it does not connect again;
    /// [`Error::status`] has it. Nothing else makes an error of a status.
    HttpStatus,
    /// The body is not the JSON that was asked for: malformed, or not what the type takes. The message says where.
    Json,
    /// The peer exceeded one of the client's limits on heads, trailers, decoded bodies and the like. The builder's `max_…` options set them.
    LimitExceeded,
    /// The client was closed before the request was sent.
    ClientClosed,
    /// The body would have to be sent again, for a redirect or a step of an authentication, and is a reader or stream. Give it as bytes or a file.
    BodyNotReplayable,
    /// The URL cannot be understood: no scheme (and no `base_url`), no host, a bad port.
    InvalidUrl,
    /// Several cookies answer to the one name that was asked for; ask with domain and path.
    CookieConflict,
    /// The body was read to its end already, or text or lines of it were begun. `buffer` keeps a body that is read more than once.
    StreamConsumed,
    /// The response was closed before its body was read.
    StreamClosed,
    /// The content was asked for before the body was buffered; an auth flow says so by `requires_response_body`.
    ResponseNotRead,
    /// The request's content was asked for, and it is a reader or stream.
    RequestNotRead,
    /// A builder was given something unusable, or the environment something unusable to a client: a file that cannot be read, an option out of
    /// its range, a proxy's URL, a malformed netrc file.
    Builder,
    /// Code of your own failed: an application in process, a hook, an auth flow, a transport; or no route of a mock, no entry of a recording,
    /// fits the request. The error is the [source](StdError::source).
    App,
}

impl fmt::Display for ErrorKind {
    /// Writes the kind's name, as the beginning of an error's own text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What the client was doing when an [`Error`] came up.
///
/// ```
/// use dimorph::Phase;
/// use dimorph::transport::{Fault, Mock};
///
/// let mock = Mock::routes().get("*", Fault::Tls);
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let error = client.get("https://example.org/").send().unwrap_err();
/// assert_eq!(error.phase(), Some(Phase::Tls));
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Building the client or the request.
    Build,
    /// Waiting for a connection from the pool.
    Pool,
    /// Looking up the host's name.
    Resolve,
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the head of the response.
    ReceiveHead,
    /// Receiving the body of the response.
    ReceiveBody,
    /// Decoding the body.
    Decode,
    /// Following a redirect.
    Redirect,
    /// Opening a tunnel through a proxy.
    Proxy,
    /// Authenticating.
    Auth,
}

impl Phase {
    fn describe(self) -> &'static str {
        match self {
            Phase::Build => "while building the request",
            Phase::Pool => "while waiting for a connection to",
            Phase::Resolve => "while looking up",
            Phase::Connect => "while connecting to",
            Phase::Tls => "during the TLS handshake with",
            Phase::Send => "while sending the request to",
            Phase::ReceiveHead => "while waiting for the response head from",
            Phase::ReceiveBody => "while receiving the response body from",
            Phase::Decode => "while decoding the response body from",
            Phase::Redirect => "while following a redirect from",
            Phase::Proxy => "while opening a tunnel through the proxy to",
            Phase::Auth => "while authenticating with",
        }
    }
}

/// Why a call failed: its [kind](Error::kind), the [phase](Error::phase), the
/// [URL](Error::url), and the [source](StdError::source) beneath.
///
/// `Display` names what happened, in which phase, and with which host and port. Credentials appear
/// in neither `Display` nor `Debug`: the URL is kept without its userinfo.
///
/// ```
/// use dimorph::ErrorKind;
/// use dimorph::transport::{Fault, Mock};
///
/// let mock = Mock::routes().get("*", Fault::ConnectError);
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let error = client.get("https://user:secret@example.org/").send().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ConnectError);
/// assert!(error.is_connect() && !error.is_timeout());
/// assert_eq!(error.url().unwrap().as_str(), "https://example.org/");
/// assert!(!error.to_string().contains("secret"));
/// # Ok::<(), dimorph::Error>(())
/// ```
///
/// | predicate | kinds |
/// |---|---|
/// | [`is_timeout`](Error::is_timeout) | `ConnectTimeout`, `ReadTimeout`, `WriteTimeout`, `PoolTimeout`, `TotalTimeout` |
/// | [`is_connect`](Error::is_connect) | `ConnectError`, `ConnectTimeout` |
/// | [`is_network`](Error::is_network) | `ConnectError`, `ReadError`, `WriteError`, `CloseError` |
/// | [`is_protocol`](Error::is_protocol) | `LocalProtocolError`, `RemoteProtocolError`, `LimitExceeded` |
/// | [`is_proxy`](Error::is_proxy) | `ProxyError` |
/// | [`is_decode`](Error::is_decode) | `DecodingError`, `Json` |
/// | [`is_redirect`](Error::is_redirect) | `TooManyRedirects`, and whatever came up while a redirect was followed |
/// | [`is_status`](Error::is_status) | `HttpStatus` |
/// | [`is_body`](Error::is_body) | `BodyNotReplayable`, `StreamConsumed`, `StreamClosed`, `ResponseNotRead`, `RequestNotRead` |
/// | [`is_builder`](Error::is_builder) | `Builder`, `InvalidUrl`, `UnsupportedProtocol`, `CookieConflict` |
/// | [`is_request`](Error::is_request) | those of the first five, `ClientClosed`, `App` |
///
/// What reading a response by `std::io::Read` or `AsyncRead` gives is a `std::io::Error` with this one inside.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    phase: Option<Phase>,
    message: Cow<'static, str>,
    url: Option<Url>,
    request: Option<Request>,
    status: Option<StatusCode>,
    unprocessed: bool,
    hint: Option<&'static str>,
    source: Option<BoxError>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error {
            inner: Box::new(Inner {
                kind,
                phase: None,
                message: message.into(),
                url: None,
                request: None,
                status: None,
                unprocessed: false,
                hint: None,
                source: None,
            }),
        }
    }

    /// Makes an error of code of your own, to return from a hook, an auth flow or a transport; its kind is `App`.
    ///
    /// ```
    /// let error = dimorph::Error::other("the vault is locked");
    /// assert_eq!(error.to_string(), "App: the vault is locked");
    /// ```
    pub fn other(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        match error.downcast::<Error>() {
            Ok(own) => *own,
            Err(error) => Error::new(ErrorKind::App, error.to_string()).with_source(error),
        }
    }

    pub(crate) fn builder(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Builder, message).in_phase(Phase::Build)
    }

    pub(crate) fn timeout(kind: ErrorKind, limit: Option<Duration>) -> Self {
        let what = match kind {
            ErrorKind::ConnectTimeout => "no connection",
            ErrorKind::ReadTimeout => "nothing received",
            ErrorKind::WriteTimeout => "nothing could be sent",
            ErrorKind::PoolTimeout => "no connection became free",
            _ => "not finished",
        };
        Error::new(
            kind,
            match limit {
                Some(limit) => format!("{what} within {limit:?}").into(),
                None => Cow::Borrowed(what),
            },
        )
        .with_hint((kind == ErrorKind::PoolTimeout).then_some(POOL_IS_TAKEN))
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    pub(crate) fn with_message(mut self, change: impl FnOnce(&str) -> String) -> Self {
        self.inner.message = change(&self.inner.message).into();
        self
    }

    /// Names the phase unless a deeper layer already did.
    pub(crate) fn in_phase(mut self, phase: Phase) -> Self {
        self.inner.phase.get_or_insert(phase);
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.inner.status = Some(status);
        self
    }

    /// Notes that no server did anything for the request.
    #[cfg(feature = "http2")]
    pub(crate) fn unprocessed(mut self) -> Self {
        self.inner.unprocessed = true;
        self
    }

    /// Adds what to try, where there is a likely mistake.
    pub(crate) fn with_hint(mut self, hint: Option<&'static str>) -> Self {
        self.inner.hint = hint;
        self
    }

    /// Attaches the request that failed, unless one is attached already.
    pub(crate) fn with_request(mut self, request: Request) -> Self {
        if self.inner.request.is_none() {
            if self.inner.url.is_none() {
                self.inner.url = Some(without_userinfo(request.url()));
            }
            self.inner.request = Some(request);
        }
        self
    }

    /// Attaches a URL; its userinfo is removed.
    ///
    /// ```
    /// use dimorph::{Error, Url};
    ///
    /// let url = Url::parse("https://user:secret@example.org/").unwrap();
    /// let error = Error::other("the vault is locked").with_url(&url);
    /// assert_eq!(error.url().unwrap().as_str(), "https://example.org/");
    /// assert!(error.without_url().url().is_none());
    /// ```
    #[must_use]
    pub fn with_url(mut self, url: &Url) -> Self {
        self.inner.url = Some(without_userinfo(url));
        self
    }

    /// Removes the URL and the request, for errors that go to where they should not be seen.
    #[must_use]
    pub fn without_url(mut self) -> Self {
        self.inner.url = None;
        self.inner.request = None;
        self
    }

    /// Returns what happened in words, without kind, phase, host and hint, which `Display` adds.
    ///
    /// ```
    /// let error = dimorph::Url::parse("x").map(drop).unwrap_err();
    /// let error = dimorph::Error::other(error);
    /// assert_eq!(error.message(), "relative URL without a base");
    /// assert_eq!(error.to_string(), "App: relative URL without a base");
    /// ```
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Returns the kind: HTTPX's exception class.
    ///
    /// ```
    /// use dimorph::{ErrorKind, Method, Request};
    ///
    /// let error = Request::new(Method::GET, "no url").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Returns what the client was doing; `None` for an error that came up outside of a call, such as that of [`Error::other`].
    pub fn phase(&self) -> Option<Phase> {
        self.inner.phase
    }

    /// Returns the URL that was asked for, without userinfo; `None` where there was no request yet.
    pub fn url(&self) -> Option<&Url> {
        self.inner.url.as_ref()
    }

    /// Returns the request that failed, where there was one.
    pub fn request(&self) -> Option<&Request> {
        self.inner.request.as_ref()
    }

    /// Returns the status, for [`ErrorKind::HttpStatus`], and of a proxy that refused a tunnel.
    ///
    /// ```
    /// use dimorph::transport::Mock;
    ///
    /// let client = dimorph::Client::builder().transport(Mock::routes().get("*", 404)).build()?;
    /// let error = client.get("https://example.org/").send()?.error_for_status().unwrap_err();
    /// assert_eq!(error.status().unwrap(), 404);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn status(&self) -> Option<StatusCode> {
        self.inner.status
    }

    /// Returns what to try, where the error looks like one of the common mistakes: `http://` for a port that speaks TLS, a
    /// proxy that is none, an authority that is not trusted. `Display` ends with it, in parentheses.
    ///
    /// ```
    /// # #[cfg(feature = "blocking")] {
    /// use std::io::{Read, Write};
    ///
    /// let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let url = format!("http://{}/", server.local_addr().unwrap());
    /// let tls = std::thread::spawn(move || {
    ///     let (mut client, _) = server.accept().unwrap();
    ///     client.read(&mut [0; 1024]).unwrap();
    ///     client.write_all(b"\x15\x03\x03\0\x02\x02\x32").unwrap(); // an alert
    /// });
    /// let error = dimorph::get(url).send().unwrap_err();
    /// assert_eq!(error.hint(), Some("is the URL, or the proxy's, meant to be https://?"));
    /// # tls.join().unwrap();
    /// # }
    /// ```
    pub fn hint(&self) -> Option<&str> {
        self.inner.hint
    }

    /// Tells whether one of the five timeouts ran out.
    pub fn is_timeout(&self) -> bool {
        use ErrorKind::*;
        matches!(
            self.kind(),
            ConnectTimeout | ReadTimeout | WriteTimeout | PoolTimeout | TotalTimeout
        )
    }

    /// Tells whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::ConnectError | ErrorKind::ConnectTimeout
        )
    }

    /// Tells whether the network failed (HTTPX's `NetworkError`).
    pub fn is_network(&self) -> bool {
        use ErrorKind::*;
        matches!(
            self.kind(),
            ConnectError | ReadError | WriteError | CloseError
        )
    }

    /// Tells whether either side broke the protocol or a limit of it.
    pub fn is_protocol(&self) -> bool {
        use ErrorKind::*;
        matches!(
            self.kind(),
            LocalProtocolError | RemoteProtocolError | LimitExceeded
        )
    }

    /// Tells whether it is certain that nothing was done for this request, so that any method may be sent again: nothing of it was sent over
    /// HTTP/2, or the server said so by REFUSED_STREAM or GOAWAY (RFC 9113 section 8.7). The client has then tried again already, unless the
    /// builder's `retry_unprocessed` is off or the body cannot be sent twice.
    pub fn is_unprocessed(&self) -> bool {
        self.inner.unprocessed
    }

    /// Tells whether a proxy refused or failed.
    pub fn is_proxy(&self) -> bool {
        self.kind() == ErrorKind::ProxyError
    }

    /// Tells whether redirects ended the call.
    pub fn is_redirect(&self) -> bool {
        self.kind() == ErrorKind::TooManyRedirects || self.inner.phase == Some(Phase::Redirect)
    }

    /// Tells whether this came from `error_for_status` or `raise_for_status`.
    pub fn is_status(&self) -> bool {
        self.kind() == ErrorKind::HttpStatus
    }

    /// Tells whether a body could not be decoded, as coding or as JSON.
    pub fn is_decode(&self) -> bool {
        matches!(self.kind(), ErrorKind::DecodingError | ErrorKind::Json)
    }

    /// Tells whether a body was not there any more, or not yet.
    pub fn is_body(&self) -> bool {
        use ErrorKind::*;
        matches!(
            self.kind(),
            BodyNotReplayable | StreamConsumed | StreamClosed | ResponseNotRead | RequestNotRead
        )
    }

    /// Tells whether a builder was given something unusable, a URL included.
    pub fn is_builder(&self) -> bool {
        use ErrorKind::*;
        matches!(
            self.kind(),
            Builder | InvalidUrl | UnsupportedProtocol | CookieConflict
        )
    }

    /// Tells whether a request failed on its way (HTTPX's `RequestError` without its decoding and redirect branches).
    pub fn is_request(&self) -> bool {
        self.is_timeout()
            || self.is_network()
            || self.is_protocol()
            || self.is_proxy()
            || matches!(self.kind(), ErrorKind::ClientClosed | ErrorKind::App)
    }
}

/// The same URL without user name and password.
pub(crate) fn without_userinfo(url: &Url) -> Url {
    let mut url = url.clone();
    strip_userinfo(&mut url);
    url
}

/// Takes user name and password off a URL.
pub(crate) fn strip_userinfo(url: &mut Url) {
    if !url.username().is_empty() || url.password().is_some() {
        // Both fail only for URLs that cannot have userinfo, which then have none to remove.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.write_sentence(f)?;
        match self.inner.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl Inner {
    /// What happened, in which phase, with which host.
    fn write_sentence(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        match (
            self.phase,
            self.url.as_ref().and_then(|u| Some((u.host_str()?, u))),
        ) {
            // A status error says its URL in its own words.
            _ if self.kind == ErrorKind::HttpStatus => Ok(()),
            (Some(Phase::Build), _) | (None, None) => Ok(()),
            (Some(phase), Some((host, url))) => {
                write!(f, " {} {host}", phase.describe())?;
                match url.port_or_known_default() {
                    Some(port) => write!(f, ":{port}"),
                    None => Ok(()),
                }
            }
            (Some(phase), None) => {
                let words = phase.describe();
                let end = words.rfind(' ').unwrap_or(words.len());
                write!(f, " {}", &words[..end])
            }
            (None, Some((_, url))) => write!(f, " for url ({url})"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &inner.kind);
        debug.field("message", &inner.message);
        if let Some(phase) = &inner.phase {
            debug.field("phase", phase);
        }
        if let Some(url) = &inner.url {
            debug.field("url", &url.as_str());
        }
        if let Some(hint) = &inner.hint {
            debug.field("hint", hint);
        }
        if let Some(source) = &inner.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.inner.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            kind if error.is_timeout() && kind != ErrorKind::PoolTimeout => Io::TimedOut,
            ErrorKind::RemoteProtocolError => Io::UnexpectedEof,
            ErrorKind::DecodingError => Io::InvalidData,
            _ => Io::Other,
        };
        std::io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_and_crosses_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn display_names_kind_phase_host_and_port_but_no_credential() {
        let url = Url::parse("http://tom:mot123@example.org:81/x?q=1").unwrap();
        let error = Error::timeout(ErrorKind::ReadTimeout, Some(Duration::from_millis(200)))
            .in_phase(Phase::ReceiveHead)
            .with_url(&url);
        let text = error.to_string();
        assert_eq!(
            text,
            "ReadTimeout: nothing received within 200ms while waiting for the response head from example.org:81"
        );
        assert!(!format!("{error:?}").contains("mot123"));
    }

    #[test]
    fn without_its_url_an_error_tells_neither_url_nor_request() {
        let url = Url::parse("http://example.org/x?token=mot123").unwrap();
        let request = Request::new(http::Method::GET, url.as_str()).unwrap();
        let error = Error::timeout(ErrorKind::ReadTimeout, None)
            .in_phase(Phase::ReceiveHead)
            .with_request(request);
        assert!(format!("{error:?}").contains("mot123"));
        let error = error.without_url();
        assert!(error.url().is_none() && error.request().is_none());
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::ReadTimeout, Some(Phase::ReceiveHead))
        );
        assert!(!format!("{error} {error:?}").contains("example.org"));
    }
}
