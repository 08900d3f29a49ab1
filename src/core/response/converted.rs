//! Responses from elsewhere and for elsewhere: of applications, of transports, and in the `http` crate's form.

use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use super::super::body::Incoming;
use super::super::{dual, rt};
use super::{Inner, Response};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::request::Request;
use crate::transport::{self, Content, Head};

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
