//! A response.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http::{Extensions, StatusCode, Version};
use http_body_util::BodyExt as _;
use url::Url;

use super::body::Body;
use super::upgrade::OnUpgrade;
use super::wire::{Limits, ResponseBody, Wire};
use crate::error::{self, Reason, Result};
use crate::response::{ResponseUrl, is_decoded};
use crate::text;

/// A response; its body is read when it is asked for.
pub struct Response {
    inner: http::Response<ResponseBody>,
    url: Box<Url>,
}

/// The peer's address, among the extensions.
#[derive(Clone, Copy)]
struct RemoteAddr(SocketAddr);

impl Response {
    /// Takes over what came of the wire. `bodiless`: the request was a HEAD; `codings`: those that are decoded.
    pub(crate) fn from_wire(
        mut wire: dimorph::asynchronous::Response,
        url: Url,
        bodiless: bool,
        limits: Limits,
        codings: &[&str],
    ) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = wire.status();
        parts.version = wire.version();
        parts.extensions = std::mem::take(wire.extensions_mut());
        #[cfg(feature = "__tls")]
        if let Some(info) = parts.extensions.remove::<dimorph::TlsInfo>() {
            parts.extensions.insert(crate::tls::TlsInfo::of(&info));
        }
        if wire.status().canonical_reason() != Some(wire.reason()) {
            parts.extensions.insert(Reason(wire.reason().to_owned()));
        }
        if let Some(address) = wire.remote_addr() {
            parts.extensions.insert(RemoteAddr(address));
        }
        let body = Wire::measure(&wire, bodiless, limits);
        parts.headers = std::mem::take(wire.headers_mut());
        if is_decoded(wire.is_decoded(), &parts.headers, codings) {
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.remove(CONTENT_LENGTH);
        }
        let body = if wire.status() == StatusCode::SWITCHING_PROTOCOLS {
            parts.extensions.insert(OnUpgrade::new(wire));
            Body::empty().map_err(Into::into).boxed()
        } else {
            ResponseBody::new(body.of(wire))
        };
        Response {
            inner: http::Response::from_parts(parts, body),
            url: Box::new(url),
        }
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// Returns the version of HTTP.
    pub fn version(&self) -> Version {
        self.inner.version()
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// Returns the headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.inner.headers_mut()
    }

    /// Returns how much of the body is left to read; `None` where that is unknown or the body is decoded.
    pub fn content_length(&self) -> Option<u64> {
        http_body::Body::size_hint(self.inner.body()).exact()
    }

    /// Returns the cookies that the response sets, as far as they can be read.
    #[cfg(feature = "cookies")]
    pub fn cookies(&self) -> impl Iterator<Item = crate::cookie::Cookie<'_>> + '_ {
        crate::cookie::response_cookies(self.headers())
    }

    /// Returns the URL that the response came from, after all redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the peer's address, a proxy's where one is between.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.extensions()
            .get::<RemoteAddr>()
            .map(|RemoteAddr(address)| *address)
    }

    /// Returns the extensions.
    pub fn extensions(&self) -> &Extensions {
        self.inner.extensions()
    }

    /// Returns the extensions, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        self.inner.extensions_mut()
    }

    /// Reads the body as text, by the charset of the `content-type`, else as UTF-8. What does not decode becomes U+FFFD.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    pub async fn text(self) -> Result<String> {
        self.decoded("utf-8").await
    }

    /// Reads the body as text, by the charset of the `content-type`, else by the given one.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    #[cfg(feature = "charset")]
    pub async fn text_with_charset(self, default_encoding: &str) -> Result<String> {
        self.decoded(default_encoding).await
    }

    async fn decoded(mut self, default: &str) -> Result<String> {
        let headers = std::mem::take(self.headers_mut());
        let bytes = self.bytes().await?;
        Ok(text::decode(&headers, &bytes, default))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// A decode error where it is not the JSON that was asked for; else as [`bytes`](Response::bytes).
    #[cfg(feature = "json")]
    pub async fn json<T: serde::de::DeserializeOwned>(self) -> Result<T> {
        let url = self.url.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| error::decode(error).with_url(*url))
    }

    /// Reads the body.
    ///
    /// # Errors
    /// A decode error where it cannot be received, or does not decode by its `content-encoding`.
    pub async fn bytes(self) -> Result<Bytes> {
        match self.inner.into_body().collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(error::decode(error).with_url(*self.url)),
        }
    }

    /// Reads the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.inner.body_mut().frame().await {
            // Trailers are passed over.
            if let Ok(piece) = frame.map_err(error::decode)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Returns the body as a stream of pieces.
    #[cfg(feature = "stream")]
    pub fn bytes_stream(self) -> impl futures_core::Stream<Item = Result<Bytes>> {
        http_body_util::BodyDataStream::new(self.inner.into_body().map_err(error::decode))
    }

    /// Returns the response, or for 4xx and 5xx an error.
    ///
    /// # Errors
    /// One with the [status](crate::Error::status), which names the server's reason.
    pub fn error_for_status(self) -> Result<Self> {
        self.error_for_status_ref()?;
        Ok(self)
    }

    /// Returns the response, or for 4xx and 5xx an error.
    ///
    /// # Errors
    /// One with the [status](crate::Error::status), which names the server's reason.
    pub fn error_for_status_ref(&self) -> Result<&Self> {
        let status = self.status();
        if status.is_client_error() || status.is_server_error() {
            let reason = self.extensions().get::<Reason>().cloned();
            return Err(error::status_code((*self.url).clone(), status, reason));
        }
        Ok(self)
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

/// The body can be sent on.
impl From<Response> for Body {
    fn from(response: Response) -> Body {
        Body::wrap(response.inner.into_body())
    }
}

/// For mocks; the URL is that of [`ResponseBuilderExt::url`](crate::ResponseBuilderExt::url).
impl<T: Into<Body>> From<http::Response<T>> for Response {
    fn from(response: http::Response<T>) -> Self {
        let (mut parts, body) = response.into_parts();
        let url = parts
            .extensions
            .remove::<ResponseUrl>()
            .map(|ResponseUrl(url)| url)
            .unwrap_or_else(|| {
                Url::parse("http://no.url.provided.local").expect("the literal is a URL")
            });
        let body: Body = body.into();
        Response {
            inner: http::Response::from_parts(parts, ResponseBody::new(body.map_err(Into::into))),
            url: Box::new(url),
        }
    }
}

impl From<Response> for http::Response<Body> {
    fn from(response: Response) -> Self {
        response.inner.map(Body::wrap)
    }
}
