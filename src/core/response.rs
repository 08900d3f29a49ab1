//! The response that a caller holds.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{Extensions, HeaderMap, StatusCode, Version};
use url::Url;

use super::body::Incoming;
use super::iter::Iter;
use super::pool::Lease;
use super::upgraded::Upgraded;
use super::watch::Watch;
use super::{dual, rt};
use crate::body::{Body, COPY_SIZE};
use crate::client_config::ClientConfig;
use crate::cookies::Cookies;
#[cfg(feature = "json")]
use crate::error::Phase;
use crate::error::{Error, ErrorKind, Result};
use crate::history::{self, HistoryEntry};
use crate::links::Links;
use crate::proto::h1::ResponseHead;
use crate::redirect;
use crate::request::{RedactedUrl, Request};
use crate::shapes::{Chunks, Lines, Text};
use crate::sse::{self, Events};
use crate::stream_id::{StreamExtensions, StreamId};
use crate::text;
use crate::transport::{self, Content, Head};

/// A response: its head, and its body still on the wire until it is read.
///
/// | to read the body | |
/// |---|---|
/// | whole, once | [`bytes`](Response::bytes), [`text`](Response::text), `json` |
/// | whole, and kept | [`buffer`](Response::buffer), then [`content`](Response::content) |
/// | piece by piece | [`chunk`](Response::chunk), [`iter_bytes`](Response::iter_bytes), [`iter_text`](Response::iter_text), [`iter_lines`](Response::iter_lines), [`iter_raw`](Response::iter_raw) |
/// | as server-sent events | [`iter_sse`](Response::iter_sse) |
/// | into a writer | [`copy_to`](Response::copy_to) |
/// | into a file | [`save_to`](Response::save_to) |
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
    /// ```no_run
    /// # fn example(response: dimorph::blocking::Response) {
    /// use std::time::Duration;
    ///
    /// if response.status() == 429 {
    ///     let pause = response.retry_after().unwrap_or(Duration::from_secs(1));
    ///     std::thread::sleep(pause.min(Duration::from_secs(60)));
    /// }
    /// # }
    /// ```
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

    /// Returns the body where [`buffer`](Response::buffer) has read it.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.content(), None);
response.buffer()"#,
        r#"?;
assert_eq!(response.content().unwrap(), "hello");"#
    )]
    pub fn content(&self) -> Option<&Bytes> {
        self.inner.content.as_ref()
    }

    /// Reads the body piece by piece, decoded: in pieces as they come, or of [one size](Iter::chunk_size).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello world")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut chunks = response.iter_bytes().chunk_size(4);
while let Some(chunk) = chunks.next()"#,
        r#" {
    println!("{} bytes", chunk?.len());
}"#
    )]
    pub fn iter_bytes(&mut self) -> Iter<'_, Chunks> {
        Iter::new(self, false, Chunks::default())
    }

    /// Reads the body piece by piece, as it comes over the wire: with its content coding, without chunk framing.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-encoding", "gzip")], b"\x1f\x8b".to_vec()))"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut chunks = response.iter_raw();
assert_eq!(chunks.next()"#,
        r#".unwrap()?, b"\x1f\x8b"[..]);"#
    )]
    pub fn iter_raw(&mut self) -> Iter<'_, Chunks> {
        Iter::new(self, true, Chunks::default())
    }

    /// Reads the body as text, piece by piece, by the charset that [`encoding`](Response::encoding) tells. No character is cut in two; what does
    /// not decode is replaced by U+FFFD.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello world")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut text = response.iter_text();
while let Some(piece) = text.next()"#,
        r#" {
    print!("{}", piece?);
}"#
    )]
    pub fn iter_text(&mut self) -> Iter<'_, Text> {
        let shape = Text::new(Some(&self.encoding()));
        Iter::new(self, false, shape)
    }

    /// Reads the body line by line, as text. Lines end in LF, CRLF or CR, and come without them.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "{\"n\": 1}\n{\"n\": 2}\n")"#: r#"let mut response = client.get("https://example.org/events.jsonl").send()"#,
        r#"?;
let mut lines = response.iter_lines();
while let Some(line) = lines.next()"#,
        r#" {
    let value: serde_json::Value = serde_json::from_str(&line?)?;
    println!("{}", value["n"]);
}"#
    )]
    pub fn iter_lines(&mut self) -> Iter<'_, Lines> {
        let shape = Lines::new(Some(&self.encoding()));
        Iter::new(self, false, shape)
    }

    /// Reads the body as server-sent events (`text/event-stream`), each as soon as it is whole.
    ///
    /// The first item is an error, `RemoteProtocolError`, where the `content-type` is another one; the body can still be read in other ways then. An
    /// event that the end of the body cuts off is dropped. It reads this one response: an
    /// [`event_source`](super::request_builder::RequestBuilder::event_source) connects again. A client's read timeout holds for the silence between
    /// events too; `.timeout(…)` on the request sets another one.
    #[doc = example!(
        "let mut response = Client::new().get(\"https://example.org/events\").send()", "?;\nlet mut events = response.iter_sse();\nwhile let Some(event) = events.next()", " {\n    println!(\"{}\", event?.data());\n}"
    )]
    pub fn iter_sse(&mut self) -> Iter<'_, Events> {
        let checked = sse::of_events(self.inner.status, &self.inner.headers);
        let mut events = Iter::new(self, false, Events::new());
        if let Err(error) = checked {
            events.refuse(error);
        }
        events
    }

    /// Begins a walk through the body: a buffered one can be walked again, a consumed one cannot.
    pub(crate) fn begin_walk(&mut self) -> Result<Option<Bytes>> {
        if let Some(content) = &self.inner.content {
            return Ok(Some(content.clone()));
        }
        self.check_readable().map(|()| None)
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        match self.inner.closed {
            true => Err(Error::new(
                ErrorKind::StreamClosed,
                "the response was closed before its body was read",
            )),
            false => Ok(()),
        }
    }

    /// Whether reading on gives all that is left: nothing is closed, nothing went with an iterator.
    pub(crate) fn check_whole(&self) -> Result<()> {
        let checked = match self.inner.consumed {
            true => self.check_readable(),
            false => self.check_open(),
        };
        checked.map_err(|error| self.locate(error))
    }

    fn check_readable(&self) -> Result<()> {
        self.check_open()?;
        if self.inner.consumed || (self.inner.body.was_touched() && self.inner.body.has_ended()) {
            return Err(Error::new(
                ErrorKind::StreamConsumed,
                "the body was already consumed piece by piece",
            ));
        }
        Ok(())
    }

    /// Notes that an iterator holds a part of the body.
    pub(crate) fn consume(&mut self) {
        self.inner.consumed = true;
    }

    /// A buffer to copy the body through: no larger than what is left of it.
    pub(crate) fn copy_buffer(&self) -> Vec<u8> {
        let left = self
            .inner
            .body
            .remaining()
            .and_then(|left| usize::try_from(left).ok());
        vec![0; left.unwrap_or(usize::MAX).clamp(1, COPY_SIZE)]
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

#[dual]
impl Response {
    /// Reads the whole body, decoded.
    ///
    /// # Errors
    /// `ReadTimeout` or `TotalTimeout`, `ReadError`, `RemoteProtocolError` for a body cut short, `DecodingError`, `LimitExceeded` beyond
    /// `max_decoded_size`; `StreamConsumed` after it was read piece by piece, `StreamClosed` after it was closed.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let bytes = client.get("https://example.org/").send()"#,
        r#"?.bytes()"#,
        r#"?;
assert_eq!(bytes, "hello");"#
    )]
    pub async fn bytes(mut self) -> Result<Bytes> {
        self.whole().await
    }

    /// Reads the whole body as text, by the charset of its `content-type`, else the client's `default_encoding`, else UTF-8; what does not
    /// decode is replaced by U+FFFD, and a byte order mark goes before all of them.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-type", "text/plain; charset=iso-8859-1")], b"caf\xe9".to_vec()))"#: r#"let text = client.get("https://example.org/").send()"#,
        r#"?.text()"#,
        r#"?;
assert_eq!(text, "café");"#
    )]
    pub async fn text(self) -> Result<String> {
        let encoding = self.encoding().into_owned();
        let bytes = self.bytes().await?;
        Ok(text::decode_all(Some(&encoding), &bytes))
    }

    /// Reads the whole body as text; without a charset in its `content-type`, by `default`.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", b"caf\xe9".to_vec())"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.text_with_charset("windows-1252")"#,
        r#"?, "café");"#
    )]
    pub async fn text_with_charset(self, default: &str) -> Result<String> {
        let encoding = self.charset().unwrap_or_else(|| default.to_owned());
        let bytes = self.bytes().await?;
        Ok(text::decode_all(Some(&encoding), &bytes))
    }

    /// Reads the whole body as JSON, in UTF-8, UTF-16 or UTF-32.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes); `Json` where the body is not what `T` takes. Its message has line, column (in bytes) and the path of
    /// the place, such as `items[3].name`; the path is looked for after a failure only. It names fields and repeats no value, unless `T` has a
    /// message of its own that does; the [source](std::error::Error::source) is a `serde_json::Error` of which the same is true.
    #[cfg(feature = "json")]
    pub async fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T> {
        let bytes = self.whole().await?;
        let content_type = self.inner.headers.get(CONTENT_TYPE);
        crate::json::read("the body", &bytes, content_type)
            .map_err(|error| self.locate(error.in_phase(Phase::Decode)))
    }

    /// Reads the whole body and keeps it, so that [`content`](Response::content) gives it (HTTPX's `read`).
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.buffer()"#,
        r#"?, "hello");
assert_eq!(response.content().unwrap().len(), 5);"#
    )]
    pub async fn buffer(&mut self) -> Result<&Bytes> {
        if self.inner.content.is_none() {
            let whole = self.whole().await?;
            // The pieces can be read once more, like those of any other body.
            self.inner.body.refill(whole.clone());
            self.inner.content = Some(whole);
        }
        match &self.inner.content {
            Some(content) => Ok(content),
            None => unreachable!("it was filled above"),
        }
    }

    /// Reads the next piece of the body, decoded; `None` at its end.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut size = 0;
while let Some(chunk) = response.chunk()"#,
        r#"? {
    size += chunk.len();
}
assert_eq!(size, 5);"#
    )]
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.check_whole()?;
        self.piece(false).await
    }

    /// Closes the connection if the body is not read to its end, or over HTTP/2 resets the stream. Reading is a `StreamClosed` from then on.
    ///
    /// A response that is dropped is closed as well.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"use dimorph::ErrorKind;

let mut response = client.get("https://example.org/").send()"#,
        r#"?;
response.close()"#,
        r#";
assert_eq!(response.bytes()"#,
        r#".unwrap_err().kind(), ErrorKind::StreamClosed);"#
    )]
    pub async fn close(&mut self) {
        let unread = !self.inner.body.has_ended() || !self.inner.pending.is_idle();
        self.inner.pending = rt::Pending::default();
        self.inner.body.close();
        self.inner.closed |= unread;
    }

    /// Takes the connection over after `101 Switching Protocols`, or after a CONNECT that was answered by 2xx.
    ///
    /// The request names the protocol itself, by `connection` and `upgrade`, and is sent over HTTP/1.1.
    ///
    /// # Errors
    /// `RemoteProtocolError` where the server did not switch.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let client = Client::new();
let response = client
    .get("http://127.0.0.1:8080/socket")
    .header("connection", "upgrade")
    .header("upgrade", "echo")
    .send()
    "#,
        r#"?;
let mut connection = response.upgrade()"#,
        r#"?;"#
    )]
    pub async fn upgrade(mut self) -> Result<Upgraded> {
        match self.inner.upgrade.take() {
            Some(lease) => Ok(Upgraded::new(lease)),
            None => {
                let message = format!(
                    "the server answered {} and did not switch protocols",
                    self.inner.status.as_u16()
                );
                Err(self.locate(Error::new(ErrorKind::RemoteProtocolError, message)))
            }
        }
    }

    pub(crate) async fn piece(&mut self, raw: bool) -> Result<Option<Bytes>> {
        self.check_open().map_err(|error| self.locate(error))?;
        if let Some((body, piece)) = self.inner.pending.settle().await {
            self.inner.body = body;
            return piece.map_err(|error| self.failed(error));
        }
        let piece = match raw {
            true => self.inner.body.raw_piece().await,
            false => self.inner.body.piece().await,
        };
        piece.map_err(|error| self.failed(error))
    }

    pub(crate) async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.check_whole()?;
        if let Some((body, piece)) = self.inner.pending.settle().await {
            self.inner.body = body;
            let piece = piece.map_err(|error| self.failed(error))?;
            self.inner.body.put_back(piece.unwrap_or_default());
        }
        let read = self.inner.body.read_into(buffer).await;
        read.map_err(|error| self.failed(error))
    }

    async fn whole(&mut self) -> Result<Bytes> {
        self.whole_within(u64::MAX).await
    }

    async fn whole_within(&mut self, most: u64) -> Result<Bytes> {
        if let Some(content) = &self.inner.content {
            return Ok(content.clone());
        }
        self.check_readable().map_err(|error| self.locate(error))?;
        if let Some((body, piece)) = self.inner.pending.settle().await {
            self.inner.body = body;
            let piece = piece.map_err(|error| self.failed(error))?;
            self.inner.body.put_back(piece.unwrap_or_default());
        }
        let whole = self.inner.body.collect_within(most).await;
        whole.map_err(|error| self.failed(error))
    }

    /// Reads what little a redirect says, so that its connection can be kept.
    pub(crate) async fn drain(mut self, most: usize, until: Option<Instant>) -> HistoryEntry {
        let content = match self.inner.content.take() {
            Some(content) => content,
            None => self.inner.body.collect_raw_at_most(most, until).await,
        };
        self.into_history(content)
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

impl Response {
    /// The response of an application in process.
    #[cfg(feature = "tower")]
    pub(crate) fn from_app(parts: http::response::Parts, body: Incoming) -> Self {
        let mut response = Response::from(http::Response::from_parts(parts, Body::empty()));
        response.inner.body = body;
        response
    }

    /// The response as a handler sees it.
    pub(crate) fn into_shared(mut self) -> transport::Response {
        if self.inner.content.is_some() {
            self.forget_coding();
        }
        self.inner.body.stay_raw();
        transport::Response {
            head: Head {
                status: self.inner.status,
                version: self.inner.version,
                headers: std::mem::take(&mut self.inner.headers),
                extensions: self.inner.extensions.take(),
                reason: self.inner.reason.take(),
            },
            content: Content::Native(Box::new(self), None),
        }
    }

    /// The response that a handler returned.
    pub(crate) fn from_shared(shared: transport::Response) -> Result<Self> {
        let transport::Response { head, content } = shared;
        let mut response = match content {
            Content::Made(body) => Response::from(http::Response::new(body)),
            Content::Native(native, _) => match native.downcast::<Response>() {
                Ok(response) => *response,
                Err(_) => return Err(from_elsewhere()),
            },
            Content::Script(script) => {
                let mut response = Response::from(http::Response::new(Body::empty()));
                response.inner.body = Incoming::script(script, Instant::now());
                response
            }
            Content::Away => return Err(from_elsewhere()),
        };
        let inner = &mut response.inner;
        inner.status = head.status;
        inner.version = head.version;
        inner.headers = head.headers;
        inner.extensions = head.extensions.into();
        inner.reason = head.reason;
        Ok(response)
    }
}

impl Response {
    /// Takes the fields away that describe the body as it was before its coding was taken off.
    pub(crate) fn forget_coding(&mut self) {
        if self.inner.body.is_decoded() {
            for name in [CONTENT_ENCODING, CONTENT_LENGTH] {
                self.inner.headers.remove(name);
            }
        }
    }

    /// Takes the request that it answers over, where it knows of none.
    pub(crate) fn answering(mut self, request: Request) -> Self {
        if self.inner.request.is_placeholder() {
            self.inner.request = request;
        }
        self
    }
}

fn from_elsewhere() -> Error {
    Error::new(
        ErrorKind::LocalProtocolError,
        "the handler returned a response whose body it had not finished to read, or one of the other client",
    )
}

#[dual]
impl Response {
    /// Reads the whole body as it came, for a handler; it can be read again.
    pub(crate) async fn read_raw(&mut self, most: u64) -> Result<Bytes> {
        let raw = self.whole_within(most).await?;
        self.inner.body.rewind(raw.clone());
        Ok(raw)
    }
}

/// How a transport or a test makes a response. The client fills in request, URL and elapsed time.
impl<T: Into<Body>> From<http::Response<T>> for Response {
    fn from(response: http::Response<T>) -> Self {
        let (parts, body) = response.into_parts();
        Response::from_inner(Inner {
            status: parts.status,
            version: parts.version,
            reason: None,
            headers: parts.headers,
            request: Request::placeholder(),
            history: Vec::new(),
            extensions: parts.extensions.into(),
            remote_addr: None,
            config: None,
            content: None,
            may_set_cookies: true,
            closed: false,
            consumed: false,
            body: Incoming::custom(body.into(), Instant::now()),
            pending: rt::Pending::default(),
            upgrade: None,
        })
    }
}

/// Gives the response in the `http` crate's form; its body can be read on. Where a content coding is taken off it, the fields
/// that describe it are gone too.
impl From<Response> for http::Response<Body> {
    fn from(mut response: Response) -> Self {
        response.forget_coding();
        let (status, version) = (response.status(), response.version());
        let headers = std::mem::take(response.headers_mut());
        let extensions = std::mem::take(response.extensions_mut());
        let mut out = http::Response::new(Body::from(response));
        *out.status_mut() = status;
        *out.version_mut() = version;
        *out.headers_mut() = headers;
        *out.extensions_mut() = extensions;
        out
    }
}
