//! A response as handlers make and see it: one type for both clients.

use std::fmt;

use bytes::Bytes;
use http::{Extensions, HeaderMap, StatusCode, Version};

use super::handler::Native;
use super::script::Script;
use crate::body::Body;

/// A response on its way through a [`Handler`](super::Handler), or made by one.
///
/// Its body is as it came over the wire, with its content coding; the client above decodes it.
///
/// ```
/// use dimorph::Request;
/// use dimorph::transport::{Handler, Mock, Next};
///
/// let layer = |request: Request, next: Next| async move {
///     let mut response = next.send(request).await?;
///     next.read(&mut response).await?;
///     let content = response.content().unwrap_or_default();
///     let loud = String::from_utf8_lossy(&content).to_uppercase();
///     response.headers_mut().remove("content-length");
///     response.set_body(loud);
///     Ok(response)
/// };
/// let mock = Mock::routes().get("*", "hello");
/// let client = dimorph::Client::builder().transport(layer.over(mock)).build()?;
/// assert_eq!(client.get("http://example.org/").send()?.text()?, "HELLO");
/// # Ok::<(), dimorph::Error>(())
/// ```
pub struct Response {
    pub(crate) head: Head,
    pub(crate) content: Content,
}

/// What a head says, out of the response that the driver keeps.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: Extensions,
    /// Where it is not the status's canonical phrase.
    pub(crate) reason: Option<Box<str>>,
}

pub(crate) enum Content {
    /// A body made here.
    Made(Body),
    /// A response of the driver's, whose body was not read, or was read into these bytes.
    Native(Native, Option<Bytes>),
    /// A body played to a script.
    Script(Box<Script>),
    /// The driver has it for the moment.
    Away,
}

impl Response {
    /// Makes a response without a body.
    pub fn new(status: StatusCode) -> Self {
        Response {
            head: Head {
                status,
                version: Version::HTTP_11,
                headers: HeaderMap::new(),
                extensions: Extensions::new(),
                reason: None,
            },
            content: Content::Made(Body::empty()),
        }
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Returns the status, to change.
    pub fn status_mut(&mut self) -> &mut StatusCode {
        self.head.reason = None;
        &mut self.head.status
    }

    /// Returns the HTTP version.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Returns the HTTP version, to change.
    pub fn version_mut(&mut self) -> &mut Version {
        &mut self.head.version
    }

    /// Returns the reason phrase.
    pub fn reason(&self) -> &str {
        match &self.head.reason {
            Some(reason) => reason,
            None => self.head.status.canonical_reason().unwrap_or(""),
        }
    }

    /// Sets the reason phrase.
    pub fn set_reason(&mut self, reason: impl Into<String>) {
        self.head.reason = Some(reason.into().into());
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// Returns the extensions.
    pub fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    /// Returns the extensions, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.head.extensions
    }

    /// Returns the body where it is in memory: made of bytes, or [read](super::Next::read).
    pub fn content(&self) -> Option<Bytes> {
        match &self.content {
            Content::Made(body) => body.in_memory(),
            Content::Native(_, read) => read.clone(),
            Content::Script(_) | Content::Away => None,
        }
    }

    /// Puts another body in place of the one there is, which is closed.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        self.content = Content::Made(body.into());
    }

    /// Plays the body to a script.
    pub(crate) fn play(&mut self, script: Script) {
        self.content = Content::Script(Box::new(script));
    }

    /// What the driver is to read.
    pub(crate) fn take_native(&mut self) -> Native {
        match std::mem::replace(&mut self.content, Content::Away) {
            Content::Native(native, _) => native,
            Content::Made(body) => Box::new(body),
            Content::Script(script) => script,
            Content::Away => Box::new(Body::consumed()),
        }
    }

    /// What the driver has read.
    pub(crate) fn put_native(&mut self, native: Native, read: Option<Bytes>) {
        self.content = match (native.downcast::<Body>(), read) {
            (Ok(_), Some(read)) => Content::Made(read.into()),
            (Ok(body), None) => Content::Made(*body),
            (Err(native), read) => Content::Native(native, read),
        };
    }
}

impl<T: Into<Body>> From<http::Response<T>> for Response {
    fn from(response: http::Response<T>) -> Self {
        let (parts, body) = response.into_parts();
        let mut response = Response::new(parts.status);
        response.head.version = parts.version;
        response.head.headers = parts.headers;
        response.head.extensions = parts.extensions;
        response.set_body(body);
        response
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<Response [{} {}]>",
            self.head.status.as_u16(),
            self.reason()
        )
    }
}
