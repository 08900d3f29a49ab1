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
///
/// What is said here goes before what the client says. Of one kind, what is said last counts, but for `header`, `params` and `cookie`, which add.
///
/// # Example
///
#[doc = example!(
    answering r#".post("*", 201)"#: r#"use std::time::Duration;

let response = client
    .post("https://api.example/users")
    .header("x-request-id", "42")
    .params([("notify", true)])
    .json([("name", "Ada")])
    .timeout(Duration::from_secs(30))
    .send()
    "#,
    r#"?;
assert_eq!(response.status(), 201);"#
)]
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
    ///
    /// Names and values that HTTP does not allow are a `LocalProtocolError` of `build` and `send`.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().header("accept", "text/plain").build()?;
let request = client
    .get("https://example.org/")
    .header("accept", "application/json")
    .header("x-tag", "a")
    .header("x-tag", "b")
    .build()?;
assert_eq!(request.headers()["accept"], "application/json");
assert_eq!(request.headers().get_all("x-tag").iter().count(), 2);"#
    )]
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
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
let request = client
    .get("https://example.org/")
    .headers([("x-a", "1"), ("x-b", "2")])
    .build()?;
assert_eq!(request.headers()["x-b"], "2");"#
    )]
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
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
let request = client.get("https://example.org/").without_header("user-agent").build()?;
assert!(!request.headers().contains_key("user-agent"));"#
    )]
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

    /// Adds query parameters: pairs, a map or a struct, whatever [`Serialize`] makes pairs of.
    ///
    /// They come behind the URL's own and the client's; a key given here replaces theirs of that name, where it stood. A list repeats its key,
    /// `None` is sent as `a=`, `true` as `true`. Unlike in HTTPX since 0.18, the URL's own query is never lost.
    /// Called again it adds, as [`header`](RequestBuilder::header) does, and keeps what an earlier call gave by the same name.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
#[derive(serde::Serialize)]
struct Search {
    q: String,
    tags: Vec<String>,
}

let client = Client::new();
let search = Search { q: "a b".into(), tags: vec!["x".into(), "y".into()] };
let request = client
    .get("https://example.org/?page=1")
    .params(search)
    .params([("page", 2)])
    .build()?;
assert_eq!(request.url().query(), Some("page=2&q=a+b&tags=x&tags=y"));"#
    )]
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
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
let request = client.get("https://example.org/").query([("q", "rust")]).build()?;
assert_eq!(request.url().query(), Some("q=rust"));"#
    )]
    pub fn query(self, params: impl Serialize) -> Self {
        self.params(params)
    }

    /// Adds a cookie for this request and its same-origin redirects. It is not stored in the client's jar.
    ///
    /// The jar's and the client's cookies of the same name give way to it; a `cookie` header set by hand goes before all of them.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().cookie("theme", "dark").build()?;
let request = client.get("https://example.org/").cookie("session", "abc").build()?;
assert_eq!(request.headers()["cookie"], "theme=dark; session=abc");"#
    )]
    pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        if let Err(error) = merge::check_cookie(&name, &value) {
            return self.fail(error);
        }
        self.cookies.push((name, value));
        self
    }

    /// Adds cookies as [`cookie`](RequestBuilder::cookie) does, from pairs of name and value.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
let request = client
    .get("https://example.org/")
    .cookies([("a", "1"), ("b", "2")])
    .build()?;
assert_eq!(request.headers()["cookie"], "a=1; b=2");"#
    )]
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

    /// Sets the body: text, bytes, a file, or a [`Body`] made of a reader or stream. No `content-type` is set.
    ///
    /// Bytes, text and files are sent with a `content-length`, and can be sent again; readers and streams are sent once, chunked unless they
    /// are [sized](Body::sized).
    ///
    /// The body is the request's own: text and bytes are given away, as `String` and `Vec<u8>`, or are `'static`.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".put("*", 204)"#: r#"let response = client
    .put("https://example.org/notes/1")
    .header("content-type", "text/plain; charset=utf-8")
    .body("remember the milk")
    .send()
    "#,
        r#"?;
assert_eq!(response.request().headers()["content-type"], "text/plain; charset=utf-8");
assert_eq!(mock.calls()[0].text().as_deref(), Some("remember the milk"));"#
    )]
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|request| {
            request.set_body(body.into());
            Ok(())
        })
    }

    /// Sets the body to JSON, and its `content-type` to `application/json` if none is set.
    ///
    /// What does not serialize is a `Builder` error of `build` and `send`.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r##"
let client = Client::new();
let request = client
    .post("https://example.org/users")
    .json(serde_json::json!({"name": "Ada"}))
    .build()?;
assert_eq!(request.headers()["content-type"], "application/json");
assert_eq!(request.content(), Some(&br#"{"name":"Ada"}"#[..]));"##
    )]
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
    ///
    /// The fields are pairs, a map or a struct, as for [`params`](RequestBuilder::params).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::new();
let request = client
    .post("https://example.org/login")
    .form([("user", "ada"), ("word", "a&b")])
    .build()?;
assert_eq!(request.content(), Some(&b"user=ada&word=a%26b"[..]));"#
    )]
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
    ///
    /// It goes before an `authorization` header, the URL's user and password and the netrc file, too. Redirects to another origin go without.
    ///
    /// A token goes to [`bearer_auth`](RequestBuilder::bearer_auth), a closure into [`auth_fn`](crate::auth_fn), and a scheme that several
    /// requests share into an [`Arc`](std::sync::Arc).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"use dimorph::DigestAuth;

client.get("https://example.org/").auth(("user", "password")).send()"#,
        r#"?;
client
    .get("https://example.org/")
    .auth(DigestAuth::new("user", "password"))
    .send()"#,
        r#"?;"#
    )]
    pub fn auth(self, auth: impl IntoAuth) -> Self {
        self.change(|request| {
            request.options_mut().auth = Choice::Set(auth.into_auth());
            Ok(())
        })
    }

    /// Authenticates this request by nothing that the client or netrc say. User and password of the URL, and an
    /// `authorization` header set by hand, are sent all the same.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().auth(("user", "password")).build()?;
let request = client.get("https://example.org/public").no_auth().build()?;"#
    )]
    pub fn no_auth(self) -> Self {
        self.change(|request| {
            request.options_mut().auth = Choice::Off;
            Ok(())
        })
    }

    /// Authenticates by Basic (RFC 7617): the same as [`auth`](RequestBuilder::auth) of a pair. No password is an empty one.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client
    .get("https://example.org/")
    .basic_auth("user", Some("password"))
    .send()"#,
        r#"?;
let sent = response.request().headers();
assert_eq!(sent["authorization"], "Basic dXNlcjpwYXNzd29yZA==");"#
    )]
    pub fn basic_auth(self, user: impl fmt::Display, password: Option<impl fmt::Display>) -> Self {
        let password = password.map_or_else(String::new, |password| password.to_string());
        self.auth((user.to_string(), password))
    }

    /// Authenticates by a bearer token (RFC 6750).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client.get("https://example.org/").bearer_auth("token").send()"#,
        r#"?;
assert_eq!(response.request().headers()["authorization"], "Bearer token");"#
    )]
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.auth(BearerAuth::new(token.to_string()))
    }

    /// Sets the body to a form with files (`multipart/form-data`, RFC 7578), and its `content-type`.
    ///
    /// A `content-type` set by hand stays, and its boundary is used.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::multipart::{Form, Part};

let form = Form::new()
    .text("title", "Report")
    .part("file", Part::bytes("a,b\n1,2\n").file_name("report.csv"));
let client = Client::new();
let request = client.post("https://example.org/upload").multipart(form).build()?;
let content_type = request.headers()["content-type"].to_str()?;
assert!(content_type.starts_with("multipart/form-data; boundary="));"#
    )]
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
    ///
    /// It is called where the request is sent, and should not block for long.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".post("*", 204)"#: r#"client
    .post("https://example.org/upload")
    .body("x".repeat(100_000))
    .on_upload(|progress| println!("{} of {:?} bytes", progress.bytes, progress.total))
    .send()
    "#,
        r#"?;"#
    )]
    pub fn on_upload(self, counter: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.change(|request| {
            request.options_mut().on_upload = Some(Arc::new(counter));
            Ok(())
        })
    }

    /// Calls a function whenever a piece of the response's body was received, with how much has come so far.
    ///
    /// It counts the bytes on the wire, before decoding, and is called where the body is read.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "x".repeat(100_000))"#: r#"let response = client
    .get("https://example.org/large")
    .on_download(|progress| println!("{} of {:?} bytes", progress.bytes, progress.total))
    .send()
    "#,
        r#"?;
assert_eq!(response.bytes()"#,
        r#"?.len(), 100_000);"#
    )]
    pub fn on_download(self, counter: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.change(|request| {
            request.options_mut().on_download = Some(Arc::new(counter));
            Ok(())
        })
    }

    /// Sets the timeouts: a duration for connect, read, write and pool, `None` for no limits, or a [`Timeout`]. Default: the client's.
    ///
    /// All of the client's are replaced: a [`Timeout`] that says nothing of `total` takes the client's total away.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"use dimorph::Timeout;
use std::time::Duration;

let url = "https://example.org/";
client.get(url).timeout(Duration::from_secs(60)).send()"#,
        r#"?;
client.get(url).timeout(Timeout::default().total(Duration::from_secs(10))).send()"#,
        r#"?;
client.get(url).timeout(None).send()"#,
        r#"?;"#
    )]
    pub fn timeout(self, timeout: impl Into<Timeout>) -> Self {
        self.change(|request| {
            *request.timeout_mut() = Some(timeout.into());
            Ok(())
        })
    }

    /// Follows redirects or not. Default: as the client does.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (302, [("location", "/new")], ""))"#: r#"let response = client
    .get("https://example.org/old")
    .follow_redirects(false)
    .send()"#,
        r#"?;
assert_eq!(response.headers()["location"], "/new");"#
    )]
    pub fn follow_redirects(self, follow: bool) -> Self {
        self.change(|request| {
            request.options_mut().follow_redirects = Setting::Set(follow);
            Ok(())
        })
    }

    /// Follows at most this many redirects, and ends with `TooManyRedirects` beyond them. Default: as many as the client.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (302, [("location", "/again")], ""))"#: r#"let error = client.get("https://example.org/").max_redirects(2).send()"#,
        r#".unwrap_err();
assert!(error.is_redirect());"#
    )]
    pub fn max_redirects(self, most: usize) -> Self {
        self.change(|request| {
            request.options_mut().max_redirects = Setting::Set(most);
            Ok(())
        })
    }

    /// Asks a function about each redirect of this request, instead of the client's.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (302, [("location", "http://plain.example/")], ""))"#: r#"let response = client
    .get("https://example.org/")
    .redirect_policy(|attempt| match attempt.url().scheme() {
        "https" => attempt.follow(),
        _ => attempt.stop(),
    })
    .send()
    "#,
        r#"?;
assert_eq!(response.status(), 302);"#
    )]
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
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::Version;

let client = Client::new();
let request = client.get("https://example.org/").version(Version::HTTP_2).build()?;
assert_eq!(request.version(), Version::HTTP_2);"#
    )]
    pub fn version(self, version: Version) -> Self {
        self.change(|request| {
            *request.version_mut() = version;
            Ok(())
        })
    }

    /// Sets the extensions that travel with the request: values for hooks, transports and applications, of which nothing is sent.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::Extensions;

#[derive(Clone, Debug, PartialEq)]
struct Tenant(u32);

let mut extensions = Extensions::new();
extensions.insert(Tenant(7));
let client = Client::new();
let request = client.get("https://example.org/").extensions(extensions).build()?;
assert_eq!(request.extensions().get::<Tenant>(), Some(&Tenant(7)));"#
    )]
    pub fn extensions(self, extensions: Extensions) -> Self {
        self.change(|request| {
            *request.extensions_mut() = extensions;
            Ok(())
        })
    }

    /// Makes the request, merged with the client's defaults and ready to be changed, without sending it.
    ///
    /// It keeps what was said for it alone (timeouts, authentication, redirects), so that [`Client::send`] of it does what [`send`](RequestBuilder::send) does.
    ///
    /// # Errors
    /// The first thing that was bad: `InvalidUrl` or `UnsupportedProtocol` for the URL, `LocalProtocolError` for headers and cookies, `Builder` for
    /// parameters and bodies that do not serialize and for multipart forms.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut request = client.get("https://example.org/").build()?;
request.headers_mut().insert("x-signature", "3c5a".parse()?);
let response = client.send(request)"#,
        r#"?;"#
    )]
    pub fn build(self) -> Result<Request> {
        self.build_split().1
    }

    /// Makes a source of server-sent events, which connects, and connects again where the stream ends.
    ///
    /// It asks for `accept: text/event-stream` and `cache-control: no-store`, unless this request has such fields, and for no zstd, which would
    /// hold events back. Nothing is sent before the first event is asked for; what is bad about the request is the first item then.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let mut events = Client::new().get("https://example.org/events").event_source();
while let Some(event) = events.next()"#,
        r#" {
    let event = event?;
    println!("{}: {}", event.event(), event.data());
}"#
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
    /// In the blocking form it is an iterator, in the async form a stream.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r##".get("/items?page=2", r#"["c"]"#).get("/items", (200, [("link", "</items?page=2>; rel=next")], r#"["a", "b"]"#))"##: r#"let mut pages = client.get("https://api.example/items").pages();
while let Some(page) = pages.next()"#,
        r#" {
    let items: Vec<String> = page?.error_for_status()?.json()"#,
        r#"?;
    println!("{items:?}");
}"#
    )]
    pub fn pages(self) -> Pages {
        let (client, first) = self.build_split();
        Pages::new(client, first)
    }

    /// Makes a second builder of the same content; `None` where the body is a reader or stream, or something is bad.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::Body;

let client = Client::new();
assert!(client.post("https://example.org/").body("text").try_clone().is_some());
let reader = Body::from_reader(std::io::empty());
assert!(client.post("https://example.org/").body(reader).try_clone().is_none());"#
    )]
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
    /// Builds and sends the request; returns the response once its head is there.
    ///
    /// Redirects are followed and authentication is done before. The body stays on the wire until it is [read](Response).
    ///
    /// # Errors
    /// As [`build`](RequestBuilder::build) and [`Client::send`]. A response of whatever status is no error: see
    /// [`error_for_status`](Response::error_for_status).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?.error_for_status()?;
assert_eq!(response.text()"#,
        r#"?, "hello");"#
    )]
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
