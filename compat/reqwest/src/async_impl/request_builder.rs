//! A request in the making.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use http::Version;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::body::Body;
use super::client::Client;
use super::execute::Pending;
use super::request::Request;
use super::response::Response;
use crate::error::{Error, Result};

/// A request in the making; what is wrong with it is returned by [`send`](RequestBuilder::send) or [`build`](RequestBuilder::build).
#[must_use = "a request builder does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    request: Result<Request>,
}

impl RequestBuilder {
    pub(crate) fn new(client: Client, request: Result<Request>) -> Self {
        RequestBuilder { client, request }.change(|request| request.head.take_userinfo())
    }

    /// Goes on building a request, for a client.
    pub fn from_parts(client: Client, request: Request) -> RequestBuilder {
        RequestBuilder {
            client,
            request: Ok(request),
        }
    }

    /// Changes the request unless it failed already.
    fn change(mut self, change: impl FnOnce(&mut Request) -> Result<()>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
        self
    }

    /// Adds a header beside others of its name.
    pub fn header<K, V>(self, key: K, value: V) -> RequestBuilder
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.change(|request| request.head.append(key, value, false))
    }

    /// Sets headers, each replacing all of its name.
    pub fn headers(self, headers: HeaderMap) -> RequestBuilder {
        self.change(|request| {
            request.head.replace_headers(headers);
            Ok(())
        })
    }

    /// Authenticates by Basic (RFC 7617).
    pub fn basic_auth<U, P>(self, username: U, password: Option<P>) -> RequestBuilder
    where
        U: fmt::Display,
        P: fmt::Display,
    {
        self.change(|request| request.head.basic_auth(username, password))
    }

    /// Authenticates by a token (RFC 6750).
    pub fn bearer_auth<T: fmt::Display>(self, token: T) -> RequestBuilder {
        self.change(|request| request.head.bearer_auth(token))
    }

    /// Sets the body.
    pub fn body<T: Into<Body>>(self, body: T) -> RequestBuilder {
        self.change(|request| {
            request.body = Some(body.into());
            Ok(())
        })
    }

    /// Limits the time of the whole call, body included; instead of the client's.
    pub fn timeout(self, timeout: Duration) -> RequestBuilder {
        self.change(|request| {
            *request.timeout_mut() = Some(timeout);
            Ok(())
        })
    }

    /// Sends a form with files, and the header for it.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, multipart: crate::multipart::Form) -> RequestBuilder {
        let content_type = format!("multipart/form-data; boundary={}", multipart.boundary());
        let length = multipart.content_length();
        let body = multipart.into_body();
        let builder = self.header(http::header::CONTENT_TYPE, content_type);
        let builder = match length {
            Some(length) => builder.header(http::header::CONTENT_LENGTH, length),
            None => builder,
        };
        builder.body(body)
    }

    /// Appends pairs, a map or a struct to the query.
    #[cfg(feature = "query")]
    pub fn query<T: serde::Serialize + ?Sized>(self, query: &T) -> RequestBuilder {
        self.change(|request| request.head.query(query))
    }

    /// Sets the version of HTTP.
    pub fn version(self, version: Version) -> RequestBuilder {
        self.change(|request| {
            request.head.version = version;
            Ok(())
        })
    }

    /// Sends pairs, a map or a struct as a form; `content-type` is set where it is missing.
    #[cfg(feature = "form")]
    pub fn form<T: serde::Serialize + ?Sized>(self, form: &T) -> RequestBuilder {
        self.change(|request| {
            request.body = Some(request.head.form(form)?.into());
            Ok(())
        })
    }

    /// Sends a value as JSON; `content-type` is set where it is missing.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, json: &T) -> RequestBuilder {
        self.change(|request| {
            request.body = Some(request.head.json(json)?.into());
            Ok(())
        })
    }

    /// Returns the request.
    ///
    /// # Errors
    /// A builder error for the first thing that was wrong.
    pub fn build(self) -> Result<Request> {
        self.request
    }

    /// Returns the client, and the request as [`build`](RequestBuilder::build) does.
    pub fn build_split(self) -> (Client, Result<Request>) {
        (self.client, self.request)
    }

    /// Sends the request.
    ///
    /// # Errors
    /// What is wrong with it; what went wrong on the way; a redirect that the policy refuses.
    pub fn send(self) -> impl Future<Output = std::result::Result<Response, Error>> {
        match self.request {
            Ok(request) => self.client.start(request),
            Err(error) => Pending::failed(error),
        }
    }

    /// Makes a second builder like this one; `None` where the body is a stream or something was wrong.
    pub fn try_clone(&self) -> Option<RequestBuilder> {
        let request = self.request.as_ref().ok()?.try_clone()?;
        Some(RequestBuilder {
            client: self.client.clone(),
            request: Ok(request),
        })
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("RequestBuilder");
        match &self.request {
            Ok(request) => request.head.fmt_fields(&mut fields),
            Err(error) => {
                fields.field("error", error);
            }
        }
        fields.finish()
    }
}
