//! What a mock answers with.

use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Extensions, HeaderMap, StatusCode, Version};

use super::convert::MockBody;
use super::fault::Fault;
use crate::body::Body;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::headers::Redacted;
use crate::request::Request;
use crate::transport::script::again;

/// The response of a [`Mock`](super::Mock): a status, headers and a body, with delays and faults where wanted.
///
/// Much converts into it: a status (`404`), a body (`"text"`, bytes), `(status, body)`, `(status, headers, body)`, an
/// `http::Response`, a [`Fault`], an error to raise, a `Result` of any of them, and JSON (feature `json`).
///
/// A body of known length is announced by `content-length` unless a framing header is set. As over the network, no body goes with
/// an answer to `HEAD`, nor with 1xx, 204 and 304. What is wrong with a status or header is the error of the request it answers.
///
/// ```
/// use std::time::Duration;
/// use dimorph::transport::{Mock, MockResponse};
/// use dimorph::Request;
///
/// let mock = Mock::new(|_: &Request| {
///     MockResponse::new(503)
///         .header("retry-after", "1")
///         .text("later")
///         .delay(Duration::from_millis(5))
/// });
/// let client = dimorph::Client::builder().transport(mock).build()?;
/// let response = client.get("http://example.org/").send()?;
/// assert_eq!((response.status().as_u16(), response.text()?.as_str()), (503, "later"));
/// # Ok::<(), dimorph::Error>(())
/// ```
#[must_use]
pub struct MockResponse {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) reason: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) extensions: Extensions,
    pub(super) body: Body,
    pub(super) trailers: Option<HeaderMap>,
    delay: Duration,
    pub(super) pace: Option<(usize, Duration)>,
    pub(super) fault: Option<Fault>,
    pub(super) error: Option<Error>,
    passes: bool,
    /// The body was a reader or stream, and is gone.
    spent: bool,
}

impl MockResponse {
    /// Makes a response without a body.
    ///
    /// ```
    /// use dimorph::transport::{Mock, MockResponse};
    ///
    /// let answer = MockResponse::new(201).header("location", "/users/7").json(&[7]);
    /// let client = dimorph::Client::builder()
    ///     .transport(Mock::routes().post("/users", answer))
    ///     .build()?;
    /// let response = client.post("http://example.org/users").send()?;
    /// assert_eq!(response.headers()["content-type"], "application/json");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new<S>(status: S) -> Self
    where
        S: TryInto<StatusCode>,
        S::Error: Into<http::Error>,
    {
        let mut response = MockResponse {
            status: StatusCode::OK,
            version: Version::HTTP_11,
            reason: None,
            headers: HeaderMap::new(),
            extensions: Extensions::new(),
            body: Body::empty(),
            trailers: None,
            delay: Duration::ZERO,
            pace: None,
            fault: None,
            error: None,
            passes: false,
            spent: false,
        };
        match status.try_into() {
            Ok(status) => response.status = status,
            Err(error) => response.refuse("the status is none", error.into()),
        }
        response
    }

    /// Makes the answer that sends the request on, to the transport beneath the mock.
    pub fn pass_through() -> Self {
        let mut response = MockResponse::new(StatusCode::OK);
        response.passes = true;
        response
    }

    /// Makes the answer that raises an error.
    pub fn error(error: Error) -> Self {
        let mut response = MockResponse::new(StatusCode::OK);
        response.error = Some(error);
        response
    }

    /// Sets the status.
    pub fn status<S>(mut self, status: S) -> Self
    where
        S: TryInto<StatusCode>,
        S::Error: Into<http::Error>,
    {
        match status.try_into() {
            Ok(status) => self.status = status,
            Err(error) => self.refuse("the status is none", error.into()),
        }
        self
    }

    /// Adds a header; one of the same name stays.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: Into<http::Error>,
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        match Request::parse_header(name, value) {
            Ok((name, value)) => drop(self.headers.append(name, value)),
            Err(error) => self.error = Some(error),
        }
        self
    }

    /// Adds headers; those of the same names stay.
    pub fn headers(mut self, headers: impl super::convert::MockHeaders) -> Self {
        match headers.into_map() {
            Ok(headers) => self.headers.extend(headers),
            Err(error) => self.error = Some(error),
        }
        self
    }

    /// Sets the body: text, bytes, a file, JSON, or any [`Body`]: `Body::from_reader` for the blocking client, `Body::from_stream` for the async one.
    pub fn body(mut self, body: impl MockBody) -> Self {
        body.put(&mut self);
        self
    }

    /// Sets a body of text, and `content-type: text/plain; charset=utf-8`.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.typed("text/plain; charset=utf-8", text.into())
    }

    /// Sets a body of HTML, and `content-type: text/html; charset=utf-8`.
    pub fn html(self, html: impl Into<String>) -> Self {
        self.typed("text/html; charset=utf-8", html.into())
    }

    /// Sets a body of JSON, and `content-type: application/json`.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.typed("application/json", json),
            Err(error) => {
                let message = format!("the answer does not serialize as JSON: {error}");
                self.error = Some(Error::new(ErrorKind::Json, message).with_source(error));
                self
            }
        }
    }

    /// Sets the reason phrase.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sets the HTTP version. Default: HTTP/1.1.
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Adds a value to the response's extensions.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }

    /// Adds a trailer: a header that comes behind the body, which must be in memory.
    ///
    /// ```
    /// use dimorph::transport::{Mock, MockResponse};
    ///
    /// let answer = MockResponse::new(200).body("data").trailer("x-checksum", "3c5a");
    /// let client = dimorph::Client::builder().transport(Mock::routes().get("*", answer)).build()?;
    /// let mut response = client.get("http://example.org/").send()?;
    /// response.buffer()?;
    /// assert_eq!(response.trailers().unwrap()["x-checksum"], "3c5a");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn trailer<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: Into<http::Error>,
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        match Request::parse_header(name, value) {
            Ok((name, value)) => {
                let trailers = self.trailers.get_or_insert_default();
                trailers.append(name, value);
            }
            Err(error) => self.error = Some(error),
        }
        self
    }

    /// Waits before the head comes, under the request's timeouts.
    ///
    /// A delay longer than the read timeout is a `ReadTimeout` after that time; one longer than what is left of the total, a `TotalTimeout`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dimorph::transport::{Mock, MockResponse};
    ///
    /// let answer = MockResponse::new(200).delay(Duration::from_secs(60));
    /// let client = dimorph::Client::builder().transport(Mock::routes().get("*", answer)).build()?;
    /// let error = client
    ///     .get("http://example.org/")
    ///     .timeout(Duration::from_millis(1))
    ///     .send()
    ///     .unwrap_err();
    /// assert_eq!(error.kind(), dimorph::ErrorKind::ReadTimeout);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Gives the body, which must be in memory, in pieces of so many bytes, with a wait before each.
    ///
    /// A wait longer than the read timeout is a `ReadTimeout` while the body is read.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dimorph::transport::{Mock, MockResponse};
    ///
    /// let answer = MockResponse::new(200).body("hello").pace(2, Duration::from_millis(1));
    /// let client = dimorph::Client::builder().transport(Mock::routes().get("*", answer)).build()?;
    /// let mut response = client.get("http://example.org/").send()?;
    /// assert_eq!(response.chunk()?.unwrap(), "he");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn pace(mut self, piece: usize, wait: Duration) -> Self {
        self.pace = Some((piece.max(1), wait));
        self
    }

    /// Lets something go wrong. Of a fault of the body the body must be in memory.
    ///
    /// ```
    /// use dimorph::transport::{Fault, Mock, MockResponse};
    ///
    /// let answer = MockResponse::new(200).body("hello").fault(Fault::BodyReset(2));
    /// let client = dimorph::Client::builder().transport(Mock::routes().get("*", answer)).build()?;
    /// let error = client.get("http://example.org/").send()?.text().unwrap_err();
    /// assert_eq!(error.kind(), dimorph::ErrorKind::ReadError);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    pub(super) fn waits(&self) -> Duration {
        self.delay
    }

    pub(super) fn passes(&self) -> bool {
        self.passes && self.error.is_none()
    }

    pub(super) fn set_body(&mut self, body: Body) {
        self.body = body;
    }

    pub(super) fn take_head(&mut self, head: http::response::Parts) {
        self.status = head.status;
        self.version = head.version;
        self.headers = head.headers;
        self.extensions = head.extensions;
    }

    pub(super) fn set_type(&mut self, media_type: &'static str) {
        self.headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(media_type));
    }

    fn typed(mut self, media_type: &'static str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.set_type(media_type);
        self
    }

    fn refuse(&mut self, what: &'static str, error: http::Error) {
        let refused = Error::new(ErrorKind::LocalProtocolError, what).with_source(error);
        self.error = Some(refused.in_phase(Phase::Build));
    }

    /// The same answer once more, for a route that gives it to each request.
    pub(super) fn try_clone(&mut self) -> Result<MockResponse> {
        let copy = self.error.as_ref().map(again);
        let body = match self.body.try_clone() {
            _ if self.spent => {
                return Err(Error::new(
                    ErrorKind::App,
                    "the body of the route's answer is a reader or stream, and was given before: answer by a closure",
                ));
            }
            Ok(body) => body,
            Err(_) => {
                self.spent = true;
                std::mem::take(&mut self.body)
            }
        };
        Ok(MockResponse {
            status: self.status,
            version: self.version,
            reason: self.reason.clone(),
            headers: self.headers.clone(),
            extensions: self.extensions.clone(),
            body,
            trailers: self.trailers.clone(),
            delay: self.delay,
            pace: self.pace,
            fault: self.fault,
            error: std::mem::replace(&mut self.error, copy),
            passes: self.passes,
            spent: false,
        })
    }
}

impl Default for MockResponse {
    /// `200 OK` without a body.
    fn default() -> Self {
        MockResponse::new(StatusCode::OK)
    }
}

impl fmt::Debug for MockResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MockResponse");
        match &self.error {
            Some(error) => debug.field("error", error),
            None => debug
                .field("status", &self.status)
                .field("headers", &Redacted(&self.headers))
                .field("body", &self.body),
        };
        if let Some(fault) = &self.fault {
            debug.field("fault", fault);
        }
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::play::Asked;
    use super::*;

    fn error(response: MockResponse) -> Error {
        let request = Request::new(http::Method::GET, "http://h.test/").unwrap();
        let asked = Asked::new(&request, Instant::now());
        response.answer(&asked).unwrap_err()
    }

    #[test]
    fn what_cannot_be_said_is_the_error_of_the_request() {
        let reader = Body::from_reader(&b"x"[..]);
        let cases = [
            (MockResponse::new(20), "status"),
            (MockResponse::new(200).header("a b", "c"), "name"),
            (MockResponse::new(200).header("a", "b\n"), "forbidden"),
            (MockResponse::new(200).headers([("a b", "c")]), "name"),
            (MockResponse::new(200).trailer("a", "b\n"), "forbidden"),
            (
                MockResponse::new(200)
                    .body(reader)
                    .fault(Fault::BodyReset(1)),
                "in memory",
            ),
        ];
        for (response, expected) in cases {
            let error = error(response);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn an_answer_is_given_again_and_again_but_for_readers() {
        let mut fixed = MockResponse::error(Error::other("no"));
        for _ in 0..2 {
            let error = error(fixed.try_clone().unwrap());
            assert_eq!(error.to_string(), "App: no");
        }
        let mut once = MockResponse::new(200).body(Body::from_reader(&b"x"[..]));
        assert!(once.try_clone().is_ok());
        let error = once.try_clone().unwrap_err();
        assert!(error.to_string().contains("closure"), "{error}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!(
            "{:?}",
            MockResponse::new(200).header("set-cookie", "s=ecret")
        );
        assert!(!text.contains("ecret"), "{text}");
    }
}
