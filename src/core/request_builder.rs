//! A request in the making.

use std::fmt;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Extensions, Version};
use serde::Serialize;

use super::client::Client;
use super::dual;
use super::event_source::EventSource;
use super::pages::Pages;
use super::response::Response;
use crate::auth::{BearerAuth, Choice, IntoAuth};
use crate::body::Body;
use crate::config::{Setting, Timeout};
use crate::error::{Error, Result};
use crate::events::Progress;
use crate::headers::replace_names;
use crate::merge;
use crate::pairs::{HeaderKey, header_map};
use crate::params::Params;
use crate::redirect::{Action, Attempt};
use crate::request::Request;

/// A request in the making; what is bad about it is kept, and returned by `build` or `send`.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    request: Result<Request>,
    params: Params,
    cookies: Vec<(String, String)>,
    /// The `content-type` is that of the body's form; one given by hand takes its place.
    guessed_type: bool,
}

impl RequestBuilder {
    pub(crate) fn new(client: Client, request: Result<Request>) -> Self {
        RequestBuilder {
            client,
            request,
            params: Params::default(),
            cookies: Vec::new(),
            guessed_type: false,
        }
    }

    /// Adds a header, beside others of its name given here; the client's of the same name is replaced.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        let guessed = self.guessed_type;
        let mut given = false;
        let mut builder = self.change(|request| {
            let (name, value) = Request::parse_header(name, value)?;
            given = name == CONTENT_TYPE;
            let own = request.request_headers_mut().own_mut();
            match given && guessed {
                true => own.insert(name, value).is_some(),
                false => own.append(name, value),
            };
            Ok(())
        });
        builder.guessed_type &= !given;
        builder
    }

    /// Sets headers from pairs or a `HeaderMap`, replacing what was given here before by the same names.
    pub fn headers<I, K, V>(self, pairs: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: HeaderKey,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        let mut given = false;
        let mut builder = self.change(|request| {
            let pairs = header_map(pairs)?;
            given = pairs.contains_key(CONTENT_TYPE);
            replace_names(request.request_headers_mut().own_mut(), pairs);
            Ok(())
        });
        builder.guessed_type &= !given;
        builder
    }

    /// Sends no header of this name, whatever the client's defaults are.
    pub fn without_header<K>(self, name: K) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
    {
        self.change(|request| {
            let (name, _) = Request::parse_header(name, HeaderValue::from_static(""))?;
            request.request_headers_mut().suppress(name);
            Ok(())
        })
    }

    /// Adds query parameters: pairs, a map or a struct. A key given here replaces the client's and the URL's of that name.
    pub fn params(mut self, params: impl Serialize) -> Self {
        match Params::from_serialize(&params) {
            Ok(params) => self.params.extend(params),
            Err(error) => {
                return self.fail(
                    Error::builder(format!("bad query parameters: {error}")).with_source(error),
                );
            }
        }
        self
    }

    /// The same as [`params`](RequestBuilder::params), in reqwest's word.
    pub fn query(self, params: impl Serialize) -> Self {
        self.params(params)
    }

    /// Adds a cookie for this request and its same-origin redirects. It is not stored in the client's jar.
    pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        if let Err(error) = merge::check_cookie(&name, &value) {
            return self.fail(error);
        }
        self.cookies.push((name, value));
        self
    }

    /// Adds cookies as [`cookie`](RequestBuilder::cookie) does, from pairs of name and value.
    pub fn cookies<I, N, V>(self, pairs: I) -> Self
    where
        I: IntoIterator<Item = (N, V)>,
        N: Into<String>,
        V: Into<String>,
    {
        pairs
            .into_iter()
            .fold(self, |builder, (name, value)| builder.cookie(name, value))
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|request| {
            request.set_body(body.into());
            Ok(())
        })
    }

    /// Sets the body to JSON, and its `content-type` if none is set.
    #[cfg(feature = "json")]
    pub fn json(self, value: impl Serialize) -> Self {
        match crate::json::to_vec(&value) {
            Ok(bytes) => self.content(bytes, "application/json"),
            Err(error) => self.fail(
                Error::builder(format!("the value does not serialize as JSON: {error}"))
                    .with_source(error),
            ),
        }
    }

    /// Sets the body to a form (`application/x-www-form-urlencoded`), and its `content-type` if none is set.
    pub fn form(self, fields: impl Serialize) -> Self {
        match Params::from_serialize(&fields) {
            Ok(fields) => self.content(
                fields.encode_form().into_bytes(),
                "application/x-www-form-urlencoded",
            ),
            Err(error) => {
                self.fail(Error::builder(format!("bad form fields: {error}")).with_source(error))
            }
        }
    }

    /// Sets the body, and its type unless one was given by hand.
    fn content(self, bytes: Vec<u8>, content_type: &'static str) -> Self {
        let mut guessed = self.guessed_type;
        let mut builder = self.change(|request| {
            guessed |= !request.request_headers().contains(&CONTENT_TYPE);
            if guessed {
                request
                    .request_headers_mut()
                    .own_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            }
            request.set_body(bytes.into());
            Ok(())
        });
        builder.guessed_type = guessed;
        builder
    }

    /// Authenticates this request, whatever the client says: a pair of user name and password, or an [`Auth`](crate::Auth).
    pub fn auth(self, auth: impl IntoAuth) -> Self {
        self.change(|request| {
            request.options_mut().auth = Choice::Set(auth.into_auth());
            Ok(())
        })
    }

    /// Authenticates this request by nothing that the client or netrc say.
    pub fn no_auth(self) -> Self {
        self.change(|request| {
            request.options_mut().auth = Choice::Off;
            Ok(())
        })
    }

    /// Authenticates by Basic (RFC 7617).
    pub fn basic_auth(self, user: impl fmt::Display, password: Option<impl fmt::Display>) -> Self {
        let password = password.map_or_else(String::new, |password| password.to_string());
        self.auth((user.to_string(), password))
    }

    /// Authenticates by a bearer token (RFC 6750).
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.auth(BearerAuth::new(token.to_string()))
    }

    /// Sets the body to a form with files (`multipart/form-data`, RFC 7578), and its `content-type`.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, form: crate::multipart::Form) -> Self {
        let mut guessed = self.guessed_type;
        let mut builder = self.change(|request| {
            let given = request.request_headers().get(&CONTENT_TYPE);
            let given = given.filter(|_| !guessed);
            let (body, content_type) = form.into_body_as(given)?;
            guessed = given != Some(&content_type);
            request
                .request_headers_mut()
                .own_mut()
                .insert(CONTENT_TYPE, content_type);
            request.set_body(body);
            Ok(())
        });
        builder.guessed_type = guessed;
        builder
    }

    /// Calls a function whenever a piece of the body has been sent, with how much has gone so far.
    pub fn on_upload(self, counter: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.change(|request| {
            request.options_mut().on_upload = Some(Arc::new(counter));
            Ok(())
        })
    }

    /// Calls a function whenever a piece of the response's body was received, with how much has come so far.
    pub fn on_download(self, counter: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.change(|request| {
            request.options_mut().on_download = Some(Arc::new(counter));
            Ok(())
        })
    }

    /// Sets the timeouts: a duration for connect, read, write and pool, `None`, or a [`Timeout`].
    pub fn timeout(self, timeout: impl Into<Timeout>) -> Self {
        self.change(|request| {
            *request.timeout_mut() = Some(timeout.into());
            Ok(())
        })
    }

    /// Follows redirects or not, whatever the client says.
    pub fn follow_redirects(self, follow: bool) -> Self {
        self.change(|request| {
            request.options_mut().follow_redirects = Setting::Set(follow);
            Ok(())
        })
    }

    /// Follows at most this many redirects, whatever the client says.
    pub fn max_redirects(self, most: usize) -> Self {
        self.change(|request| {
            request.options_mut().max_redirects = Setting::Set(most);
            Ok(())
        })
    }

    /// Asks a function about each redirect of this request, instead of the client's.
    pub fn redirect_policy(
        self,
        policy: impl Fn(Attempt<'_>) -> Action + Send + Sync + 'static,
    ) -> Self {
        self.change(|request| {
            request.options_mut().redirect_policy = Some(Arc::new(policy));
            Ok(())
        })
    }

    /// Asks for an HTTP version. Default: `HTTP_11`, which stands for what client and server agree on.
    ///
    /// `HTTP_2` demands HTTP/2: of an `https` server in the handshake, and without asking where the URL is `http`, as with prior
    /// knowledge. `HTTP_10` is sent over HTTP/1.1 connections. Where the client or the proxy on the way does not allow it,
    /// sending is a `LocalProtocolError`; so are other versions.
    pub fn version(self, version: Version) -> Self {
        self.change(|request| {
            *request.version_mut() = version;
            Ok(())
        })
    }

    /// Sets the extensions that travel with the request.
    pub fn extensions(self, extensions: Extensions) -> Self {
        self.change(|request| {
            *request.extensions_mut() = extensions;
            Ok(())
        })
    }

    /// Makes the request, merged with the client's defaults and ready to be changed.
    ///
    /// # Errors
    /// The first thing that was bad: `InvalidUrl`, `UnsupportedProtocol`, `LocalProtocolError` for headers and cookies, `Builder`.
    pub fn build(self) -> Result<Request> {
        self.build_split().1
    }

    /// Makes a source of server-sent events, which connects, and connects again where the stream ends.
    ///
    /// It asks for `accept: text/event-stream` and `cache-control: no-store`, unless this request has such fields, and for no zstd, which would
    /// hold events back. Nothing is sent before the first event is asked for; what is bad about the request is the first item then.
    #[doc = example!(
        "let mut events = Client::new().get(\"https://example.org/events\").event_source();\nwhile let Some(event) = events.next()", " {\n    let event = event?;\n    println!(\"{}: {}\", event.event(), event.data());\n}"
    )]
    pub fn event_source(self) -> EventSource {
        let (client, request) = self.build_split();
        EventSource::new(client, request)
    }

    /// Splits into the client and the request, merged.
    fn build_split(self) -> (Client, Result<Request>) {
        let merged = self.request.and_then(|request| {
            merge::finish(self.client.config(), request, &self.params, &self.cookies)
        });
        (self.client, merged)
    }

    /// Asks for the pages of a listing, one after the other: for this one, then for that which the `link` header of each response names
    /// as `rel="next"` (RFC 8288).
    ///
    /// The pages after the first are asked for by `GET` (after `HEAD` by `HEAD`), with the same headers and options; timeouts count for each
    /// page. Query parameters given here are the first page's: the link has the server's own. To another origin go no credentials, as
    /// after a [redirect](super::builder::ClientBuilder::follow_redirects), nor do they come back later. A link that leads to a page
    /// that was there before is an error; [`max_pages`](Pages::max_pages) ends earlier. A response whose status is an error is given, and is the last one.
    ///
    #[doc = example!(
        "let mut pages = Client::new().get(\"https://api.example.com/items\").pages();\nwhile let Some(page) = pages.next()",
        " {\n    let items: Vec<String> = page?.error_for_status()?.json()",
        "?;\n    println!(\"{items:?}\");\n}"
    )]
    ///
    /// In the blocking form it is an iterator, in the async form a stream.
    pub fn pages(self) -> Pages {
        let (client, first) = self.build_split();
        Pages::new(client, first)
    }

    /// Makes a second builder of the same content; `None` where the body is a reader or stream, or something is bad.
    pub fn try_clone(&self) -> Option<RequestBuilder> {
        let request = self.request.as_ref().ok()?.try_clone().ok()?;
        Some(RequestBuilder {
            client: self.client.clone(),
            request: Ok(request),
            params: self.params.clone(),
            cookies: self.cookies.clone(),
            guessed_type: self.guessed_type,
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Request) -> Result<()>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            return self.fail(error);
        }
        self
    }

    /// Keeps the first error.
    fn fail(mut self, error: Error) -> Self {
        if self.request.is_ok() {
            self.request = Err(error);
        }
        self
    }
}

#[dual]
impl RequestBuilder {
    /// Builds and sends the request.
    ///
    /// # Errors
    /// As [`build`](RequestBuilder::build) and [`Client::send`].
    pub async fn send(self) -> Result<Response> {
        let (client, request) = self.build_split();
        client.start(request?).await
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cookies and parameters may be secret.
        f.debug_struct("RequestBuilder")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
