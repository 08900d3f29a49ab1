//! A request, merged and ready to be sent.

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Method, Version};
use url::Url;

use crate::auth::Choice;
use crate::body::Body;
use crate::config::{Setting, Timeout};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::Counter;
use crate::headers::{Redacted, RequestHeaders, is_secret};
use crate::location::Location;
use crate::proto::h1::{RequestFraming, request_framing};
use crate::redirect::Policy;

/// A request: method, URL, headers, body, and every option given for it alone.
///
/// A request from [`Request::new`] is sent as it is: without the client's headers, parameters or base URL. One from a
/// client's `build_request` or a builder's `build` is merged with the client first, and then yours to change.
///
/// ```
/// use dimorph::{Method, Request};
///
/// let mut request = Request::new(Method::GET, "https://example.com")?;
/// request.headers_mut().insert("x-api-key", "k".parse().unwrap());
/// assert_eq!(request.url().as_str(), "https://example.com/");
/// # Ok::<(), dimorph::Error>(())
/// ```
pub struct Request {
    inner: Box<Inner>,
}

struct Inner {
    method: Method,
    target: Target,
    version: Version,
    headers: RequestHeaders,
    body: Body,
    timeout: Option<Timeout>,
    /// Most requests have none.
    options: Option<Box<Options>>,
    extensions: Extensions,
}

/// The host of a request that stands in where a response was made without one (RFC 2606: it can be nobody's).
const PLACEHOLDER: &str = "response.invalid";

/// A URL in the form that was needed last.
enum Target {
    Location(Location),
    /// `url_mut` was called; what came of it is checked when the request is sent.
    Url(Url),
}

/// What else was said for this request alone.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) follow_redirects: Setting<bool>,
    pub(crate) max_redirects: Setting<usize>,
    pub(crate) redirect_policy: Option<Arc<Policy>>,
    /// The `cookie` field made of client and request cookies; it belongs to the first origin (S5).
    pub(crate) cookies: Option<HeaderValue>,
    /// The `cookie` field as it was put in, the jar's cookies included; another one is the user's own.
    pub(crate) cookies_put: Option<HeaderValue>,
    pub(crate) auth: Choice,
    pub(crate) on_upload: Option<Arc<Counter>>,
    pub(crate) on_download: Option<Arc<Counter>>,
}

impl Options {
    const NONE: Options = Options {
        follow_redirects: Setting::UseClient,
        max_redirects: Setting::UseClient,
        redirect_policy: None,
        cookies: None,
        cookies_put: None,
        auth: Choice::Client,
        on_upload: None,
        on_download: None,
    };
}

impl Request {
    /// Makes a request that is sent as it is.
    ///
    /// # Errors
    /// `InvalidUrl` or `UnsupportedProtocol` for what is not an absolute `http` or `https` URL.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::{ErrorKind, Method, Request};
    ///
    /// let request = Request::new(Method::GET, "https://example.org/a?b=c")?;
    /// assert!(request.headers().is_empty());
    /// let error = Request::new(Method::GET, "/a").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new(method: Method, url: impl AsRef<str>) -> Result<Request> {
        let location = Location::parse(url.as_ref())?;
        Ok(Request::from_parts(
            method,
            location,
            RequestHeaders::default(),
        ))
    }

    pub(crate) fn from_parts(
        method: Method,
        location: Location,
        headers: RequestHeaders,
    ) -> Request {
        Request {
            inner: Box::new(Inner {
                method,
                target: Target::Location(location),
                version: Version::HTTP_11,
                headers,
                body: Body::empty(),
                timeout: None,
                options: None,
                extensions: Extensions::new(),
            }),
        }
    }

    /// Stands in where a response was made without a request.
    pub(crate) fn placeholder() -> Request {
        let location = Location::parse(&format!("http://{PLACEHOLDER}/")).expect("it is a URL");
        Request::from_parts(Method::GET, location, RequestHeaders::default())
    }

    /// Tells whether it [stands in](Request::placeholder) for another.
    pub(crate) fn is_placeholder(&self) -> bool {
        self.url().host_str() == Some(PLACEHOLDER)
    }

    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.inner.method
    }

    /// Returns the method, to change.
    pub fn method_mut(&mut self) -> &mut Method {
        &mut self.inner.method
    }

    /// Returns the URL, userinfo and fragment included.
    pub fn url(&self) -> &Url {
        match &self.inner.target {
            Target::Location(location) => location.url(),
            Target::Url(url) => url,
        }
    }

    /// Returns the URL, to change. What comes of it is checked when the request is sent.
    ///
    /// ```
    /// use dimorph::{Method, Request};
    ///
    /// let mut request = Request::new(Method::GET, "https://example.org/")?;
    /// request.url_mut().set_query(Some("page=2"));
    /// assert_eq!(request.url().as_str(), "https://example.org/?page=2");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn url_mut(&mut self) -> &mut Url {
        if let Target::Location(location) = &self.inner.target {
            self.inner.target = Target::Url(location.url().clone());
        }
        match &mut self.inner.target {
            Target::Url(url) => url,
            Target::Location(_) => unreachable!("it was made a Url above"),
        }
    }

    /// Returns the headers that will be sent. `host`, the framing fields and `connection` are added by
    /// the connection where they are not set.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers.map()
    }

    /// Returns the headers, to change. [`without_header`](Request::without_header) keeps back what the connection would add.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.inner.headers.map_mut()
    }

    /// Sends no header of this name, not even one that the connection would add; `content-length` stands for the `0` of an
    /// empty body, which other bodies announce all the same.
    ///
    /// ```
    /// use dimorph::{Method, Request, header};
    ///
    /// let mut request = Request::new(Method::GET, "https://example.org/")?;
    /// request.without_header(header::CONNECTION);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn without_header(&mut self, name: HeaderName) {
        self.inner.headers.suppress(name);
    }

    /// Returns the HTTP version to ask for.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// Returns the HTTP version to ask for, to change. `HTTP_11`, every request's own, stands for what client and server agree on.
    ///
    /// `HTTP_2` demands HTTP/2: of an `https` server in the handshake, and without asking where the URL is `http`, as with prior
    /// knowledge. `HTTP_10` is sent over HTTP/1.1 connections. Where the client or the proxy on the way does not allow it,
    /// sending is a `LocalProtocolError`; so are other versions.
    pub fn version_mut(&mut self) -> &mut Version {
        &mut self.inner.version
    }

    /// Returns the body.
    pub fn body(&self) -> &Body {
        &self.inner.body
    }

    /// Returns the body, to change. No `content-type` is set with it.
    ///
    /// ```
    /// use dimorph::{Method, Request};
    ///
    /// let mut request = Request::new(Method::PUT, "https://example.org/notes/1")?;
    /// *request.body_mut() = "remember the milk".into();
    /// assert_eq!(request.content(), Some(&b"remember the milk"[..]));
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.inner.body
    }

    /// Returns the content where it is in memory (HTTPX's `request.content`); `None` for files, forms with files, readers and streams.
    pub fn content(&self) -> Option<&[u8]> {
        self.inner.body.as_bytes()
    }

    /// Returns the timeouts of this request alone; `None`: the client's.
    pub fn timeout(&self) -> Option<&Timeout> {
        self.inner.timeout.as_ref()
    }

    /// Returns the timeouts of this request alone, to change.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dimorph::{Method, Request, Timeout};
    ///
    /// let mut request = Request::new(Method::GET, "https://example.org/")?;
    /// *request.timeout_mut() = Some(Timeout::new(Duration::from_secs(30)));
    /// assert_eq!(request.timeout().unwrap().read_timeout(), Some(Duration::from_secs(30)));
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn timeout_mut(&mut self) -> &mut Option<Timeout> {
        &mut self.inner.timeout
    }

    /// Returns the extensions: values that travel with the request and mean nothing to the wire.
    pub fn extensions(&self) -> &Extensions {
        &self.inner.extensions
    }

    /// Returns the extensions, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.inner.extensions
    }

    /// Makes a second request of the same content and options.
    ///
    /// # Errors
    /// `BodyNotReplayable` where the body is a reader or stream.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::{Body, ErrorKind, Method, Request};
    ///
    /// let mut request = Request::new(Method::POST, "https://example.org/")?;
    /// assert!(request.try_clone().is_ok());
    /// *request.body_mut() = Body::from_reader(std::io::empty());
    /// assert_eq!(request.try_clone().unwrap_err().kind(), ErrorKind::BodyNotReplayable);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn try_clone(&self) -> Result<Request> {
        let body = self.inner.body.try_clone()?;
        let mut clone = self.without_body();
        clone.inner.body = body;
        Ok(clone)
    }

    /// The same request with an empty body.
    pub(crate) fn without_body(&self) -> Request {
        let inner = &*self.inner;
        Request {
            inner: Box::new(Inner {
                method: inner.method.clone(),
                target: match &inner.target {
                    Target::Location(location) => Target::Location(location.clone()),
                    Target::Url(url) => Target::Url(url.clone()),
                },
                version: inner.version,
                headers: inner.headers.clone(),
                body: Body::empty(),
                timeout: inner.timeout,
                options: inner.options.clone(),
                extensions: inner.extensions.clone(),
            }),
        }
    }

    /// The same request; a body that can be sent only once stands in it as sent.
    pub(crate) fn shadow(&self) -> Request {
        self.try_clone().unwrap_or_else(|_| {
            let mut shadow = self.without_body();
            shadow.set_body(Body::consumed());
            shadow
        })
    }

    /// Checks a changed URL, so that `location` has an answer.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        if let Target::Url(url) = &self.inner.target {
            self.inner.target = Target::Location(Location::from_url(url.clone())?);
        }
        Ok(())
    }

    /// Where the request goes; `prepare` came before.
    pub(crate) fn location(&self) -> &Location {
        match &self.inner.target {
            Target::Location(location) => location,
            Target::Url(_) => unreachable!("prepare() comes before every use of the location"),
        }
    }

    /// How the body is delimited in a message of this version of HTTP.
    pub(crate) fn framing(&self, version: Version) -> Result<RequestFraming> {
        let length = self.body().content_length();
        request_framing(self.method(), version, self.request_headers(), length).map_err(|error| {
            Error::new(ErrorKind::LocalProtocolError, error.to_string())
                .in_phase(Phase::Build)
                .with_source(error)
        })
    }

    pub(crate) fn set_location(&mut self, location: Location) {
        self.inner.target = Target::Location(location);
    }

    pub(crate) fn set_body(&mut self, body: Body) {
        self.inner.body = body;
    }

    pub(crate) fn request_headers(&self) -> &RequestHeaders {
        &self.inner.headers
    }

    pub(crate) fn request_headers_mut(&mut self) -> &mut RequestHeaders {
        &mut self.inner.headers
    }

    pub(crate) fn options(&self) -> &Options {
        static NONE: Options = Options::NONE;
        self.inner.options.as_deref().unwrap_or(&NONE)
    }

    pub(crate) fn options_mut(&mut self) -> &mut Options {
        self.inner
            .options
            .get_or_insert_with(|| Box::new(Options::NONE))
    }

    /// Adds a header under the name's and value's own rules.
    pub(crate) fn parse_header<N, V>(name: N, value: V) -> Result<(HeaderName, HeaderValue)>
    where
        N: TryInto<HeaderName>,
        N::Error: Into<http::Error>,
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        let name = name
            .try_into()
            .map_err(|error| bad_header("a header name is not a token", error.into()))?;
        match value.try_into() {
            Ok(mut value) => {
                if is_secret(&name) {
                    value.set_sensitive(true);
                }
                Ok((name, value))
            }
            Err(error) => Err(bad_header(
                format!("the value of the header `{name}` has a forbidden character"),
                error.into(),
            )),
        }
    }
}

fn bad_header(message: impl Into<std::borrow::Cow<'static, str>>, error: http::Error) -> Error {
    Error::new(ErrorKind::LocalProtocolError, message)
        .in_phase(Phase::Build)
        .with_source(error)
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.inner.method)
            .field("url", &RedactedUrl(self.url()))
            .field("headers", &Redacted(self.headers()))
            .field("body", &self.inner.body)
            .finish_non_exhaustive()
    }
}

/// A URL whose password, or token in its place, no `Debug` shows.
pub(crate) struct RedactedUrl<'a>(pub(crate) &'a Url);

impl fmt::Debug for RedactedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        // Neither can fail for a URL that has userinfo.
        let _ = match (url.username().is_empty(), url.password().is_some()) {
            (_, true) => url.set_password(Some("[secure]")),
            (false, false) => url.set_username("[secure]"),
            (true, false) => Ok(()),
        };
        f.write_str(&url.as_str().replace("%5Bsecure%5D", "[secure]"))
    }
}

/// The URL without credentials, for logs: userinfo as OpenTelemetry's conventions want it, the values of the query left out.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // Neither fails for a URL that has userinfo.
        let _ = url.set_username("REDACTED");
        let _ = url.set_password(Some("REDACTED"));
    }
    if let Some(query) = url.query() {
        let names: Vec<&str> = query
            .split('&')
            .map(|pair| pair.split('=').next().unwrap_or(""))
            .collect();
        let hidden = names.join("=REDACTED&") + "=REDACTED";
        url.set_query(Some(&hidden));
    }
    url.set_fragment(None);
    url.into()
}

impl<T: Into<Body>> TryFrom<http::Request<T>> for Request {
    type Error = Error;

    /// Takes an `http::Request` whose URI is absolute.
    fn try_from(request: http::Request<T>) -> Result<Request> {
        let (parts, body) = request.into_parts();
        let mut request = Request::new(parts.method, parts.uri.to_string())?;
        *request.headers_mut() = parts.headers;
        request.inner.version = parts.version;
        request.inner.extensions = parts.extensions;
        request.inner.body = body.into();
        Ok(request)
    }
}

impl TryFrom<Request> for http::Request<Body> {
    type Error = Error;

    /// Gives the same request in the `http` crate's form; the URL loses userinfo and fragment.
    fn try_from(mut request: Request) -> Result<http::Request<Body>> {
        request.prepare()?;
        let uri: http::Uri =
            request
                .location()
                .absolute()
                .parse()
                .map_err(|error: http::uri::InvalidUri| {
                    Error::new(ErrorKind::InvalidUrl, "the URL has no form as an http::Uri")
                        .with_source(error)
                })?;
        request.headers_mut();
        let inner = *request.inner;
        let mut out = http::Request::new(inner.body);
        *out.method_mut() = inner.method;
        *out.uri_mut() = uri;
        *out.version_mut() = inner.version;
        *out.headers_mut() = inner.headers.map().clone();
        *out.extensions_mut() = inner.extensions;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_credentials() {
        let cases = [
            ("http://h.test/a", "http://h.test/a"),
            (
                "http://tom:mot123@h.test/a?sig=s3cret&x#frag",
                "http://REDACTED:REDACTED@h.test/a?sig=REDACTED&x=REDACTED",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(&Url::parse(url).unwrap()), expected);
        }
    }

    #[test]
    fn debug_hides_credentials() {
        let mut request = Request::new(Method::GET, "http://tom:mot123@example.org/").unwrap();
        request
            .headers_mut()
            .insert("authorization", HeaderValue::from_static("Bearer t0ken"));
        let text = format!("{request:?}");
        assert!(text.contains("tom:[secure]@example.org"), "{text}");
        assert!(
            !text.contains("mot123") && !text.contains("t0ken"),
            "{text}"
        );
    }

    #[test]
    fn a_changed_url_is_checked_before_sending() {
        let mut request = Request::new(Method::GET, "http://example.org/").unwrap();
        request.url_mut().set_path("/x y");
        request.prepare().unwrap();
        assert_eq!(request.location().path_and_query(), "/x%20y");
        request.url_mut().set_host(Some("other.test")).unwrap();
        request.prepare().unwrap();
        assert_eq!(request.location().host(), "other.test");
    }

    #[test]
    fn requests_convert_from_and_into_http() {
        let request = http::Request::post("http://h.test/p?q")
            .header("x-a", "1")
            .body("body")
            .unwrap();
        let ours = Request::try_from(request).unwrap();
        assert_eq!(ours.content(), Some(&b"body"[..]));
        let back = http::Request::<Body>::try_from(ours).unwrap();
        assert_eq!(
            (
                back.uri().to_string().as_str(),
                back.headers()["x-a"].as_bytes()
            ),
            ("http://h.test/p?q", &b"1"[..])
        );
    }
}
