//! A request.

use std::fmt;
use std::time::Duration;

use http::header::HeaderMap;
use http::{Method, Version};
use url::Url;

use super::body::Body;
use crate::error::{Error, Result};
use crate::request_head::RequestHead;

/// A request to be given to [`Client::execute`](crate::Client::execute).
///
/// The client adds its default headers when it sends it.
pub struct Request {
    pub(crate) head: RequestHead,
    pub(crate) body: Option<Body>,
}

impl Request {
    /// Makes a request without headers or body.
    pub fn new(method: Method, url: Url) -> Self {
        Request {
            head: RequestHead::new(method, url),
            body: None,
        }
    }

    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// Returns the method, to change.
    pub fn method_mut(&mut self) -> &mut Method {
        &mut self.head.method
    }

    /// Returns the URL.
    pub fn url(&self) -> &Url {
        &self.head.url
    }

    /// Returns the URL, to change.
    pub fn url_mut(&mut self) -> &mut Url {
        &mut self.head.url
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// Returns the body.
    pub fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// Returns the body, to change.
    pub fn body_mut(&mut self) -> &mut Option<Body> {
        &mut self.body
    }

    /// Returns the timeout of this request alone.
    pub fn timeout(&self) -> Option<&Duration> {
        self.head.timeout()
    }

    /// Returns the timeout of this request alone, to change.
    pub fn timeout_mut(&mut self) -> &mut Option<Duration> {
        self.head.timeout_mut()
    }

    /// Returns the version of HTTP.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Returns the version of HTTP, to change.
    pub fn version_mut(&mut self) -> &mut Version {
        &mut self.head.version
    }

    /// Makes a second request like this one; `None` where the body is a stream.
    pub fn try_clone(&self) -> Option<Request> {
        let body = match &self.body {
            Some(body) => Some(body.try_clone()?),
            None => None,
        };
        Some(Request {
            head: self.head.clone(),
            body,
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Request");
        self.head.fmt_fields(&mut fields);
        fields.finish()
    }
}

impl<T: Into<Body>> TryFrom<http::Request<T>> for Request {
    type Error = Error;

    fn try_from(request: http::Request<T>) -> Result<Self> {
        let (parts, body) = request.into_parts();
        Ok(Request {
            head: RequestHead::from_parts(parts)?,
            body: Some(body.into()),
        })
    }
}

impl TryFrom<Request> for http::Request<Body> {
    type Error = Error;

    fn try_from(request: Request) -> Result<Self> {
        request.head.into_http(request.body.unwrap_or_default())
    }
}
