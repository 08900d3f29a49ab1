//! A blocking request, and its builder.

use std::fmt;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};
use url::Url;

use super::{Body, Client, Response};
use crate::request_head::RequestHead;

/// A request that is ready to be sent by [`Client::execute`].
pub struct Request {
    pub(super) head: RequestHead,
    pub(super) body: Option<Body>,
}

/// A request in the making; what is bad about it is kept, and returned by [`build`](RequestBuilder::build) or
/// [`send`](RequestBuilder::send).
#[derive(Debug)]
#[must_use = "a builder does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    request: crate::Result<Request>,
}

impl Request {
    /// Makes a request without headers and body.
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

    /// Returns the headers; the client's defaults are added when the request is sent.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// Returns the HTTP version.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Returns the HTTP version, to change.
    pub fn version_mut(&mut self) -> &mut Version {
        &mut self.head.version
    }

    /// Returns the body, where there is one.
    pub fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// Returns the body, to change.
    pub fn body_mut(&mut self) -> &mut Option<Body> {
        &mut self.body
    }

    /// Returns the request's own timeout.
    pub fn timeout(&self) -> Option<&Duration> {
        self.head.timeout()
    }

    /// Returns the request's own timeout, to change.
    pub fn timeout_mut(&mut self) -> &mut Option<Duration> {
        self.head.timeout_mut()
    }

    /// Copies the request; `None` where its body is a reader.
    pub fn try_clone(&self) -> Option<Request> {
        let body = match &self.body {
            Some(body) => Some(body.try_clone()?),
            None => None,
        };
        let head = self.head.clone();
        Some(Request { head, body })
    }
}

impl<T: Into<Body>> TryFrom<http::Request<T>> for Request {
    type Error = crate::Error;

    fn try_from(request: http::Request<T>) -> crate::Result<Self> {
        let (parts, body) = request.into_parts();
        Ok(Request {
            head: RequestHead::from_parts(parts)?,
            body: Some(body.into()),
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        self.head.fmt_fields(&mut shown);
        shown.finish()
    }
}

impl RequestBuilder {
    pub(super) fn new(client: Client, request: crate::Result<Request>) -> RequestBuilder {
        RequestBuilder { client, request }.with(|request| request.head.take_userinfo())
    }

    /// Takes up a request, to change it further.
    pub fn from_parts(client: Client, request: Request) -> RequestBuilder {
        RequestBuilder {
            client,
            request: Ok(request),
        }
    }

    /// Changes the request unless something is wrong with it already.
    fn with(mut self, change: impl FnOnce(&mut Request) -> crate::Result<()>) -> RequestBuilder {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
        self
    }

    /// Adds a header, beside others of its name.
    pub fn header<K, V>(self, key: K, value: V) -> RequestBuilder
    where
        HeaderName: TryFrom<K>,
        HeaderValue: TryFrom<V>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.with(|request| request.head.append(key, value, false))
    }

    /// Sets headers, each in place of all others of its name.
    pub fn headers(self, headers: HeaderMap) -> RequestBuilder {
        self.with(|request| {
            request.head.replace_headers(headers);
            Ok(())
        })
    }

    /// Adds an `authorization` header of user and password.
    pub fn basic_auth<U, P>(self, username: U, password: Option<P>) -> RequestBuilder
    where
        U: fmt::Display,
        P: fmt::Display,
    {
        self.with(|request| request.head.basic_auth(username, password))
    }

    /// Adds an `authorization` header of a token.
    pub fn bearer_auth<T: fmt::Display>(self, token: T) -> RequestBuilder {
        self.with(|request| request.head.bearer_auth(token))
    }

    /// Sets the body.
    pub fn body<T: Into<Body>>(self, body: T) -> RequestBuilder {
        self.with(|request| {
            request.body = Some(body.into());
            Ok(())
        })
    }

    /// Sets the request's own timeout: for the whole exchange, in place of the client's.
    pub fn timeout(self, timeout: Duration) -> RequestBuilder {
        self.with(|request| {
            *request.head.timeout_mut() = Some(timeout);
            Ok(())
        })
    }

    /// Adds pairs to the URL's query.
    #[cfg(feature = "query")]
    pub fn query<T: serde::Serialize + ?Sized>(self, query: &T) -> RequestBuilder {
        self.with(|request| request.head.query(query))
    }

    /// Sets the HTTP version.
    pub fn version(self, version: Version) -> RequestBuilder {
        self.with(|request| {
            request.head.version = version;
            Ok(())
        })
    }

    /// Sends pairs as `application/x-www-form-urlencoded`.
    #[cfg(feature = "form")]
    pub fn form<T: serde::Serialize + ?Sized>(self, form: &T) -> RequestBuilder {
        self.with(|request| {
            request.body = Some(request.head.form(form)?.into());
            Ok(())
        })
    }

    /// Sends a value as JSON; sets `content-type` unless it is set.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, json: &T) -> RequestBuilder {
        self.with(|request| {
            request.body = Some(request.head.json(json)?.into());
            Ok(())
        })
    }

    /// Sends a form as `multipart/form-data`.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, multipart: super::multipart::Form) -> RequestBuilder {
        self.with(|request| {
            let (media_type, body) = multipart.into_body();
            request.body = Some(body);
            let name = http::header::CONTENT_TYPE;
            request.head.append(name, media_type, false)
        })
    }

    /// Returns the request.
    ///
    /// # Errors
    /// What was bad about any of its parts.
    pub fn build(self) -> crate::Result<Request> {
        self.request
    }

    /// Returns the client and the request.
    pub fn build_split(self) -> (Client, crate::Result<Request>) {
        (self.client, self.request)
    }

    /// Sends the request, and returns once the head of its response is there.
    ///
    /// # Errors
    /// What was bad about its parts, or what [`Client::execute`] failed with.
    pub fn send(self) -> crate::Result<Response> {
        self.client.execute(self.request?)
    }

    /// Copies the builder; `None` where the body is a reader, or something is wrong with the request.
    pub fn try_clone(&self) -> Option<RequestBuilder> {
        let request = self.request.as_ref().ok()?.try_clone()?;
        Some(RequestBuilder::from_parts(self.client.clone(), request))
    }
}
