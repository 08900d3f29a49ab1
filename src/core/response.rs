//! The response that a caller holds.

mod converted;
mod reading;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{Extensions, HeaderMap, StatusCode, Version};
use url::Url;

use super::body::Incoming;
use super::pool::Lease;
use super::rt;
use super::watch::Watch;
use crate::client_config::ClientConfig;
use crate::cookies::Cookies;
use crate::error::{Error, ErrorKind, Result};
use crate::history::{self, HistoryEntry};
use crate::links::Links;
use crate::proto::h1::ResponseHead;
use crate::redirect;
use crate::request::{RedactedUrl, Request};
use crate::stream_id::{StreamExtensions, StreamId};
use crate::text;
use crate::transport;

/// A response: its head, and its body still on the wire until it is read.
///
/// | to read the body | |
/// |---|---|
/// | whole, once | [`bytes`](Response::bytes), [`text`](Response::text), `json` |
/// | whole, and kept | [`buffer`](Response::buffer), then [`content`](Response::content) |
/// | piece by piece | [`chunk`](Response::chunk), [`iter_bytes`](Response::iter_bytes), [`iter_text`](Response::iter_text), [`iter_lines`](Response::iter_lines), [`iter_raw`](Response::iter_raw) |
/// | as server-sent events | [`iter_sse`](Response::iter_sse) |
/// | into a writer, into a file | [`copy_to`](Response::copy_to), [`save_to`](Response::save_to) |
///
/// It reads as a reader, too (`std::io::Read`, or tokio's `AsyncRead` and `Stream`). A status of 4xx or 5xx is no error until
/// [`error_for_status`](Response::error_for_status) makes it one.
///
/// A response that is dropped half read closes its connection, or over HTTP/2 resets its stream, and gives its place in the pool back at once.
///
/// # Example
///
#[doc = example!(
    answering r#".get("*", (200, [("content-type", "text/plain")], "hello"))"#: r#"let response = client.get("https://example.org/").send()"#,
    r#"?;
assert_eq!(response.status(), 200);
assert_eq!(response.headers()["content-type"], "text/plain");
assert_eq!(response.text()"#,
    r#"?, "hello");"#
)]
pub struct Response {
    /// One pointer: a response is handed through many calls.
    pub(crate) inner: Box<Inner>,
}

pub(crate) struct Inner {
    status: StatusCode,
    version: Version,
    /// Where it is not the status's canonical phrase.
    reason: Option<Box<str>>,
    headers: HeaderMap,
    request: Request,
    history: Vec<HistoryEntry>,
    extensions: StreamExtensions,
    remote_addr: Option<SocketAddr>,
    config: Option<Arc<ClientConfig>>,
    content: Option<Bytes>,
    may_set_cookies: bool,
    closed: bool,
    /// Text or lines were begun to be read: what their iterator held is gone with it.
    consumed: bool,
    pub(crate) body: Incoming,
    /// A read that a poll began and nobody has finished.
    pub(crate) pending: rt::Pending<(Incoming, Result<Option<Bytes>>)>,
    upgrade: Option<Lease>,
}

impl Response {
    fn from_inner(inner: Inner) -> Self {
        Response {
            inner: Box::new(inner),
        }
    }

    pub(crate) fn from_wire(head: ResponseHead, body: Incoming, request: Request) -> Self {
        Response::from_inner(Inner {
            status: head.status,
            version: head.version,
            reason: head.reason.map(|bytes| latin1(&bytes)),
            headers: head.headers,
            request,
            history: Vec::new(),
            extensions: StreamExtensions::default(),
            remote_addr: None,
            config: None,
            content: None,
            may_set_cookies: head.sets_cookies,
            closed: false,
            consumed: false,
            body,
            pending: rt::Pending::default(),
            upgrade: None,
        })
    }

    /// Takes over what the client knows about bodies.
    pub(crate) fn adopt(&mut self, config: Arc<ClientConfig>) -> Result<()> {
        if self.inner.body.remaining() != Some(0) && config.decodes(&self.inner.headers) {
            self.inner.body.decode_by(&self.inner.headers, &config)?;
        }
        self.inner.config = Some(config);
        Ok(())
    }

    /// Fills in what a transport's response cannot know.
    pub(crate) fn complete(
        &mut self,
        config: Arc<ClientConfig>,
        started: Instant,
        watch: Option<Box<Watch>>,
        total: Option<Instant>,
    ) -> Result<()> {
        // What a transport changed of the head may set some.
        self.inner.may_set_cookies = true;
        self.inner.body.restart_clock(started);
        let expected = self.inner.body.remaining();
        let expected = expected.or_else(|| self.content_length());
        self.inner.body.watch(watch, total, expected);
        self.adopt(config)
    }

    pub(crate) fn set_request(&mut self, request: Request) {
        self.inner.request = request;
    }

    pub(crate) fn set_remote_addr(&mut self, addr: Option<SocketAddr>) {
        self.inner.remote_addr = addr;
    }

    pub(crate) fn set_upgrade(&mut self, lease: Lease) {
        self.inner.upgrade = Some(lease);
    }

    pub(crate) fn set_history(&mut self, history: Vec<HistoryEntry>) {
        self.inner.history = history;
    }

    /// Returns the status, which compares with a number.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", 404)"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.status(), 404);
assert!(response.is_client_error());"#
    )]
    pub fn status(&self) -> StatusCode {
        self.inner.status
    }

    /// Returns the HTTP version that the server answered in: `HTTP_10`, `HTTP_11` or `HTTP_2`.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// Returns the reason phrase as the server sent it (HTTPX's `reason_phrase`). HTTP/2 has none: there it is the status's usual one, and empty
    /// for a status without one.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", 418)"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.reason(), "I'm a teapot");"#
    )]
    pub fn reason(&self) -> &str {
        match &self.inner.reason {
            Some(reason) => reason,
            None => self.inner.status.canonical_reason().unwrap_or(""),
        }
    }

    /// Returns the headers. Names compare without regard to case.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-type", "text/html")], ""))"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.headers()["Content-Type"], "text/html");"#
    )]
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// Returns the headers, to change: in a hook, or before the response is handed on.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("server", "x")], ""))"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
response.headers_mut().remove("server");"#
    )]
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.inner.headers
    }

    /// Returns the URL that answered, after redirects.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("/old", (302, [("location", "/new")], "")).get("/new", "hello")"#: r#"let response = client.get("https://example.org/old").send()"#,
        r#"?;
assert_eq!(response.url().path(), "/new");"#
    )]
    pub fn url(&self) -> &Url {
        self.inner.request.url()
    }

    /// Returns the request that was answered, after redirects, with the headers that authentication and hooks gave it. A reader or
    /// stream that was its body has been read.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client.get("https://example.org/").header("x-tag", "a").send()"#,
        r#"?;
assert_eq!(response.request().method(), "GET");
assert_eq!(response.request().headers()["x-tag"], "a");"#
    )]
    pub fn request(&self) -> &Request {
        &self.inner.request
    }

    /// Returns the responses that led here, the first one first: redirects, and the steps of an authentication.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("/old", (302, [("location", "/new")], "")).get("/new", "hello")"#: r#"let response = client.get("https://example.org/old").send()"#,
        r#"?;
assert_eq!(response.history().len(), 1);
assert_eq!(response.history()[0].status(), 302);"#
    )]
    pub fn history(&self) -> &[HistoryEntry] {
        &self.inner.history
    }

    pub(crate) fn set_stream(&mut self, stream: StreamId) {
        self.inner.extensions.set_stream(stream);
    }

    /// Returns the extensions: what transports, hooks and layers put there, [`TlsInfo`](crate::TlsInfo) and [`StreamId`] among them.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert!(response.extensions().get::<dimorph::TlsInfo>().is_none());"#
    )]
    pub fn extensions(&self) -> &Extensions {
        self.inner.extensions.get()
    }

    /// Returns the extensions, to change: a hook can leave values there for the caller.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
response.extensions_mut().insert("from the cache");
assert_eq!(response.extensions().get(), Some(&"from the cache"));"#
    )]
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        self.inner.extensions.get_mut()
    }

    /// Returns the cookies that this response set, whether or not the client keeps them.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("set-cookie", "session=abc")], ""))"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.cookies().get("session")?.as_deref(), Some("abc"));"#
    )]
    #[cfg(feature = "cookies")]
    pub fn cookies(&self) -> Cookies {
        Cookies::of_response(self.url(), &self.inner.headers)
    }

    /// Stores what this response set in the client's jar.
    pub(crate) fn store_cookies(&self, jar: &Cookies) {
        if self.inner.may_set_cookies {
            jar.store(self.url(), &self.inner.headers);
        }
    }

    /// Returns the address of the server, or of the proxy that was asked; `None` for Unix sockets and transports without one.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.remote_addr(), None); // a mock has none"#
    )]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.inner.remote_addr
    }

    /// Returns the time from sending the request to the end of the body; until then, to now.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
response.buffer()"#,
        r#"?;
println!("took {:?}", response.elapsed());"#
    )]
    pub fn elapsed(&self) -> Duration {
        self.inner.body.elapsed()
    }

    /// Returns how many bytes of the body came over the wire so far, before decoding.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
while let Some(chunk) = response.chunk()"#,
        r#"? {
    println!("{} bytes so far", response.num_bytes_downloaded());
}
assert_eq!(response.num_bytes_downloaded(), 5);"#
    )]
    pub fn num_bytes_downloaded(&self) -> u64 {
        self.inner.body.downloaded()
    }

    /// Returns the announced length of the body, in bytes; `None` where it is unknown or the body is encoded.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.content_length(), Some(5));"#
    )]
    pub fn content_length(&self) -> Option<u64> {
        if self.inner.body.is_decoded() {
            return None;
        }
        self.announced()
            .or_else(|| match self.inner.body.was_touched() {
                true => None,
                false => self.inner.body.remaining(),
            })
    }

    /// How many bytes will have come over the wire, where the head announces it.
    pub(crate) fn announced(&self) -> Option<u64> {
        let value = self.inner.headers.get(CONTENT_LENGTH)?;
        value.to_str().ok()?.split(',').next()?.trim().parse().ok()
    }

    /// Tells whether a content coding is taken off the body, so that `content-encoding` and `content-length` are not its own.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-encoding", "gzip")], b"\x1f\x8b".to_vec()))"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert!(response.is_decoded());"#
    )]
    pub fn is_decoded(&self) -> bool {
        self.inner.body.is_decoded()
    }

    /// Returns the trailers, once the body has been read to its end.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", dimorph::transport::MockResponse::new(200).body("data").trailer("x-checksum", "3c5a"))"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
response.buffer()"#,
        r#"?;
assert_eq!(response.trailers().unwrap()["x-checksum"], "3c5a");"#
    )]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.inner.body.trailers()
    }

    /// Returns how long the server asks to wait before another request, by its `retry-after` header (RFC 9110 section 10.2.3); `None` where
    /// there is none, or it is neither a number of seconds nor a date.
    ///
    /// A date counts from the response's own `date`, so that a clock that is wrong on either side does not matter; where there is none,
    /// from now. One that has passed is zero. What it says is not bounded: [`Retry`](crate::transport::Retry) waits, and knows when not to.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (429, [("retry-after", "30")], ""))"#: r#"use std::time::Duration;

let response = client.get("https://example.org/").send()"#,
        r#"?;
let pause = response.retry_after().unwrap_or(Duration::from_secs(1));
assert_eq!(pause, Duration::from_secs(30));"#
    )]
    pub fn retry_after(&self) -> Option<Duration> {
        transport::retry_after_of(&self.inner.headers, SystemTime::now)
    }

    /// Returns the links of the `link` header (RFC 8288), by their relation.
    ///
    /// `links().get("next")` is that to the next page of a listing; its URL may be relative, so
    /// `response.url().join(next.url())` is where it leads. [`pages`](super::request_builder::RequestBuilder::pages) follows them.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r##".get("*", (200, [("link", r#"<https://example.org/?page=2>; rel="next""#)], ""))"##: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.links().get("next").unwrap().url(), "https://example.org/?page=2");"#
    )]
    pub fn links(&self) -> Links {
        Links::from_headers(&self.inner.headers)
    }

    /// Returns the name of the charset that text is decoded with: the `content-type`'s, else the client's default, else `utf-8`.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-type", "text/plain; charset=ISO-8859-1")], ""))"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.encoding(), "iso-8859-1");"#
    )]
    pub fn encoding(&self) -> Cow<'_, str> {
        match self.charset() {
            Some(charset) => Cow::Owned(charset),
            None => Cow::Borrowed(self.default_encoding().unwrap_or("utf-8")),
        }
    }

    fn charset(&self) -> Option<String> {
        text::charset_param(self.inner.headers.get(CONTENT_TYPE))
            .filter(|label| text::is_known(label))
    }

    fn default_encoding(&self) -> Option<&str> {
        self.inner
            .config
            .as_ref()
            .and_then(|config| config.default_encoding.as_deref())
    }

    /// Tells whether the status is 1xx.
    pub fn is_informational(&self) -> bool {
        self.inner.status.is_informational()
    }

    /// Tells whether the status is 2xx.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", 304)"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert!(!response.is_success() && response.is_redirect() && !response.is_error());"#
    )]
    pub fn is_success(&self) -> bool {
        self.inner.status.is_success()
    }

    /// Tells whether the status is 3xx, one that is followed or not.
    pub fn is_redirect(&self) -> bool {
        self.inner.status.is_redirection()
    }

    /// Tells whether the status is 4xx.
    pub fn is_client_error(&self) -> bool {
        self.inner.status.is_client_error()
    }

    /// Tells whether the status is 5xx.
    pub fn is_server_error(&self) -> bool {
        self.inner.status.is_server_error()
    }

    /// Tells whether the status is 4xx or 5xx.
    pub fn is_error(&self) -> bool {
        self.is_client_error() || self.is_server_error()
    }

    /// Returns the response, or for 4xx and 5xx an error.
    ///
    /// Other statuses than success, redirects that were not followed for one, are none; [`raise_for_status`](Response::raise_for_status) makes
    /// errors of them.
    ///
    /// # Errors
    /// `HttpStatus`, with the status and the URL.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", 404)"#: r#"use dimorph::ErrorKind;

let response = client.get("https://example.org/missing").send()"#,
        r#"?;
let error = response.error_for_status().unwrap_err();
assert_eq!(error.kind(), ErrorKind::HttpStatus);
assert_eq!(error.status().unwrap(), 404);"#
    )]
    pub fn error_for_status(self) -> Result<Self> {
        match self.is_error() {
            true => Err(self.status_error()),
            false => Ok(self),
        }
    }

    /// Returns the response, or for 4xx and 5xx an error; the response can still be read then.
    ///
    /// # Errors
    /// `HttpStatus`, with the status and the URL.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (422, "the name is missing"))"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
if let Err(error) = response.error_for_status_ref() {
    println!("{error}: {}", response.text()"#,
        r#"?);
}"#
    )]
    pub fn error_for_status_ref(&self) -> Result<&Self> {
        match self.is_error() {
            true => Err(self.status_error()),
            false => Ok(self),
        }
    }

    /// Returns the response, or for all but 2xx an error: HTTPX's `raise_for_status`.
    ///
    /// # Errors
    /// `HttpStatus`, with the status and the URL.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", 304)"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert!(response.error_for_status_ref().is_ok());
assert!(response.raise_for_status().is_err());"#
    )]
    pub fn raise_for_status(&self) -> Result<&Self> {
        match self.is_success() {
            true => Ok(self),
            false => Err(self.status_error()),
        }
    }

    pub(crate) fn status_error(&self) -> Error {
        let what = match self.inner.status.as_u16() / 100 {
            1 => "Informational response",
            3 => "Redirect response",
            4 => "Client error",
            5 => "Server error",
            _ => "Invalid status code",
        };
        let status = self.inner.status.as_u16();
        let message = format!(
            "{what} '{status} {}' for url '{:?}'",
            self.reason(),
            RedactedUrl(self.url())
        );
        let error = Error::new(ErrorKind::HttpStatus, message)
            .with_status(self.inner.status)
            .with_hint(crate::hints::of_status(self.inner.status, self.url()));
        self.locate(error)
    }

    /// Returns the request that would follow this redirect; `None` where this is none.
    ///
    /// It has what the redirect keeps: the method, or GET, the headers that may go there, the body where it is sent again and can be.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("/old", (302, [("location", "/new")], "")).get("/new", "hello")"#: r#"let response = client
    .get("https://example.org/old")
    .follow_redirects(false)
    .send()"#,
        r#"?;
let next = response.next_request().unwrap();
assert_eq!(next.url().path(), "/new");
assert_eq!(client.send(next)"#,
        r#"?.text()"#,
        r#"?, "hello");"#
    )]
    pub fn next_request(&self) -> Option<Request> {
        let location = self
            .inner
            .headers
            .get(LOCATION)
            .filter(|_| redirect::is_followed(self.inner.status))?;
        let config = self.inner.config.as_deref();
        redirect::next_request(&self.inner.request, self.inner.status, location, config).ok()
    }

    /// The error with this response's request and URL.
    #[cold]
    pub(crate) fn locate(&self, error: Error) -> Error {
        error.with_request(self.inner.request.without_body())
    }

    /// The same for an error of the body, of which the listeners are told, once.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(&mut self, error: Error) -> Error {
        let error = self.locate(error);
        self.inner.body.failed(&error);
        error
    }

    /// Ends as an entry of another response's history.
    pub(crate) fn into_history(self, content: Bytes) -> HistoryEntry {
        let reason = self.reason().into();
        HistoryEntry::new(history::Inner {
            request: self.inner.request,
            status: self.inner.status,
            version: self.inner.version,
            reason,
            headers: self.inner.headers,
            content,
            history: self.inner.history,
        })
    }
}

fn latin1(bytes: &[u8]) -> Box<str> {
    bytes.iter().map(|&b| b as char).collect::<String>().into()
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<Response [{} {}]>",
            self.inner.status.as_u16(),
            self.reason()
        )
    }
}
