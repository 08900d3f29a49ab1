//! A blocking response.

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::response::Parts;
use http::{Extensions, Method, StatusCode, Version};
use url::Url;

use super::incoming::{Deadline, Incoming};
use crate::error::{self, Reason};
use crate::response::{ResponseUrl, is_decoded};

/// A response: its head, and its body still on the wire until it is read.
///
/// It is a [`Read`]er of its body, decoded.
pub struct Response {
    head: Box<Head>,
    body: Incoming,
    timeout: Option<Duration>,
}

struct Head {
    parts: Parts,
    url: Url,
    reason: Option<Reason>,
    remote_addr: Option<SocketAddr>,
}

impl Response {
    /// `timeout` is for each wait for the body; `codings` are those that are decoded.
    pub(super) fn from_wire(
        mut response: dimorph::blocking::Response,
        url: Url,
        timeout: Option<Duration>,
        codings: &[&str],
    ) -> Self {
        let mut parts = http::Response::new(()).into_parts().0;
        parts.status = response.status();
        parts.version = response.version();
        parts.headers = std::mem::take(response.headers_mut());
        parts.extensions = std::mem::take(response.extensions_mut());
        let length = left(&response, &parts);
        if is_decoded(response.is_decoded(), &parts.headers, codings) {
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.remove(CONTENT_LENGTH);
        }
        #[cfg(feature = "__tls")]
        if let Some(info) = parts.extensions.remove::<dimorph::TlsInfo>() {
            parts.extensions.insert(crate::tls::TlsInfo::of(&info));
        }
        let reason = response.reason();
        let canonical = parts.status.canonical_reason();
        Response {
            head: Box::new(Head {
                reason: (Some(reason) != canonical).then(|| Reason(reason.to_owned())),
                remote_addr: response.remote_addr(),
                url,
                parts,
            }),
            body: Incoming::wire(response, length),
            timeout,
        }
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.head.parts.status
    }

    /// Returns the headers; those of a content coding that was taken off are gone.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.parts.headers
    }

    /// Returns the headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.parts.headers
    }

    /// Returns the cookies that the response sets; what does not parse is passed over.
    #[cfg(feature = "cookies")]
    pub fn cookies<'a>(&'a self) -> impl Iterator<Item = crate::cookie::Cookie<'a>> + 'a {
        crate::cookie::response_cookies(self.headers())
    }

    /// Returns the HTTP version.
    pub fn version(&self) -> Version {
        self.head.parts.version
    }

    /// Returns the URL that answered, after redirects.
    pub fn url(&self) -> &Url {
        &self.head.url
    }

    /// Returns the address of the server, or of the proxy on the way.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.head.remote_addr
    }

    /// Returns the extensions.
    pub fn extensions(&self) -> &Extensions {
        &self.head.parts.extensions
    }

    /// Returns the extensions, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.head.parts.extensions
    }

    /// Returns how much of the body is left to read, where that is known: not where a content coding is taken off.
    pub fn content_length(&self) -> Option<u64> {
        self.body.length()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// A decode error where the body does not come, or is no JSON of this type.
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(mut self) -> crate::Result<T> {
        let bytes = self.read_whole()?;
        serde_json::from_slice(&bytes).map_err(|error| self.decode_error(error))
    }

    /// Reads the body.
    ///
    /// # Errors
    /// A decode error where the body does not come.
    pub fn bytes(mut self) -> crate::Result<Bytes> {
        self.read_whole()
    }

    /// Reads the body as text: in the charset of the `content-type`, else as UTF-8. What is no text becomes U+FFFD.
    ///
    /// # Errors
    /// A decode error where the body does not come.
    pub fn text(mut self) -> crate::Result<String> {
        let bytes = self.read_whole()?;
        Ok(crate::text::decode(self.headers(), &bytes, "utf-8"))
    }

    /// Reads the body as text, in the given charset where the `content-type` names none.
    ///
    /// # Errors
    /// A decode error where the body does not come.
    #[cfg(feature = "charset")]
    pub fn text_with_charset(mut self, default_encoding: &str) -> crate::Result<String> {
        let bytes = self.read_whole()?;
        Ok(crate::text::decode(
            self.headers(),
            &bytes,
            default_encoding,
        ))
    }

    /// Writes the rest of the body to a writer, and returns how many bytes that were.
    ///
    /// # Errors
    /// A body error where the body does not come, a decode error where the writer fails.
    pub fn copy_to<W: io::Write + ?Sized>(&mut self, w: &mut W) -> crate::Result<u64> {
        io::copy(self, w).map_err(error::decode_io)
    }

    /// Returns the response, or for 4xx and 5xx an error.
    ///
    /// # Errors
    /// A status error.
    pub fn error_for_status(self) -> crate::Result<Self> {
        match self.status_error() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Returns the response, or for 4xx and 5xx an error.
    ///
    /// # Errors
    /// A status error.
    pub fn error_for_status_ref(&self) -> crate::Result<&Self> {
        match self.status_error() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    fn status_error(&self) -> Option<crate::Error> {
        let status = self.status();
        (status.is_client_error() || status.is_server_error())
            .then(|| error::status_code(self.url().clone(), status, self.head.reason.clone()))
    }

    fn read_whole(&mut self) -> crate::Result<Bytes> {
        let deadline = Deadline::after(self.timeout);
        self.body
            .read_whole(deadline)
            .map_err(|error| self.decode_error(error))
    }

    fn decode_error(&self, error: impl Into<error::BoxError>) -> crate::Error {
        error::decode(error).with_url(self.url().clone())
    }
}

/// How long the body is, where that is known.
fn left(response: &dimorph::blocking::Response, parts: &Parts) -> Option<u64> {
    if parts.version == Version::HTTP_2 {
        // The stream says where it ends: a length beside that is what the server announced, of a HEAD's answer too.
        return match parts.headers.get(CONTENT_LENGTH) {
            _ if response.is_decoded() => None,
            Some(value) => value.to_str().ok()?.parse().ok(),
            None => response.content_length(),
        };
    }
    // What ends with its head, whatever that announces (RFC 9112 section 6.3).
    let bodiless = *response.request().method() == Method::HEAD
        || matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    if bodiless {
        return Some(0);
    }
    if response.is_decoded() || parts.headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    match parts.headers.get(CONTENT_LENGTH) {
        Some(value) => value.to_str().ok()?.parse().ok(),
        None => response.content_length(),
    }
}

impl Read for Response {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let deadline = Deadline::after(self.timeout);
        self.body.read(buf, deadline).map_err(|error| {
            let error = error::body(error);
            match error.is_timeout() {
                true => error::decode(error::TimedOut).into_io(),
                false => error.into_io(),
            }
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("url", &self.url().as_str())
            .field("status", &self.status())
            .field("headers", self.headers())
            .finish()
    }
}

/// For tests of what takes responses; [`ResponseBuilderExt::url`](crate::ResponseBuilderExt::url) gives it a URL.
impl<T: Into<crate::Body>> From<http::Response<T>> for Response {
    fn from(response: http::Response<T>) -> Response {
        let (mut parts, body) = response.into_parts();
        let url = match parts.extensions.remove::<ResponseUrl>() {
            Some(ResponseUrl(url)) => url,
            None => Url::parse("http://no.url.provided.local").expect("the literal is a URL"),
        };
        Response {
            head: Box::new(Head {
                reason: None,
                remote_addr: None,
                url,
                parts,
            }),
            body: Incoming::made(body.into()),
            timeout: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ResponseBuilderExt as _;

    fn response(status: u16, body: &'static str) -> Response {
        let url = Url::parse("http://a.test/x").unwrap();
        let built = http::Response::builder().status(status).url(url).body(body);
        built.unwrap().into()
    }

    #[test]
    fn a_response_can_be_made_by_hand() {
        let made = response(200, "text");
        assert_eq!((made.status(), made.url().path()), (StatusCode::OK, "/x"));
        assert_eq!(made.content_length(), Some(4));
        assert_eq!(made.text().unwrap(), "text");
        let made = Response::from(http::Response::new("x"));
        assert_eq!(made.url().as_str(), "http://no.url.provided.local/");
        let mut copied = Vec::new();
        assert_eq!(response(200, "text").copy_to(&mut copied).unwrap(), 4);
        assert_eq!(copied, b"text");
    }

    #[test]
    fn a_half_read_response_gives_its_rest() {
        let mut made = response(200, "abcdef");
        let mut two = [0; 2];
        made.read_exact(&mut two).unwrap();
        assert_eq!((&two, made.content_length()), (b"ab", Some(4)));
        assert_eq!(made.bytes().unwrap(), "cdef");
    }

    #[test]
    fn status_errors_are_for_4xx_and_5xx() {
        for (status, expected) in [
            (200, None),
            (304, None),
            (
                404,
                Some("HTTP status client error (404 Not Found) for url (http://a.test/x)"),
            ),
            (
                503,
                Some(
                    "HTTP status server error (503 Service Unavailable) for url (http://a.test/x)",
                ),
            ),
        ] {
            let made = response(status, "");
            let text = made.error_for_status_ref().err().map(|e| e.to_string());
            assert_eq!(text.as_deref(), expected);
            assert_eq!(made.error_for_status().is_err(), expected.is_some());
        }
    }
}
