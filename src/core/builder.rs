//! The configuration of a client in the making.

mod connecting;
#[cfg(feature = "http2")]
mod http2;
mod speaking;
#[cfg(feature = "rustls")]
mod tls;
mod ways;

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde::Serialize;

use super::client::{Client, Plugs};
use super::response::Response;
use crate::auth::{BearerAuth, IntoAuth};
use crate::client_config::ClientConfig;
use crate::config::{PoolLimits, Timeout};
#[cfg(feature = "cookies")]
use crate::cookies::Cookies;
use crate::error::{Error, Phase, Result};
use crate::events::{Event, HookResult};
use crate::headers::{DefaultHeaders, padded_value, replace_names};
use crate::location::BaseUrl;
use crate::merge;
use crate::pairs::{HeaderKey, header_map};
use crate::params::Params;
use crate::redirect::{Action, Attempt};
use crate::request::{RedactedUrl, Request};
#[cfg(feature = "rustls")]
use crate::tls::TlsOptions;

/// The configuration of a client in the making; what is bad about it is kept, and returned by [`build`](ClientBuilder::build).
///
/// Each option says its default. What a request says of its own (headers, parameters, timeouts, authentication, redirects) goes before what
/// is said here.
///
/// # Example
///
#[doc = example!(
    running r#"use dimorph::{PoolLimits, Timeout};
use std::time::Duration;

let client = Client::builder()
    .base_url("https://api.example/v1")
    .user_agent("my-app/1.0")
    .bearer_auth("token")
    .timeout(Timeout::new(Duration::from_secs(10)).total(Duration::from_secs(60)))
    .pool_limits(PoolLimits::new().hard_limit(20))
    .retries(2)
    .build()?;"#
)]
#[must_use = "a builder makes a client when it is built"]
pub struct ClientBuilder {
    config: ClientConfig,
    headers: HeaderMap,
    suppressed: Vec<HeaderName>,
    pub(crate) plugs: Plugs,
    trust_env: bool,
    own_proxies: bool,
    error: Option<Error>,
    #[cfg(feature = "rustls")]
    tls: TlsOptions,
}

impl ClientBuilder {
    /// Begins with the defaults; the same as [`Client::builder`].
    pub fn new() -> Self {
        ClientBuilder {
            config: ClientConfig::plain(),
            headers: HeaderMap::new(),
            suppressed: Vec::new(),
            plugs: Plugs::default(),
            trust_env: true,
            own_proxies: false,
            error: None,
            #[cfg(feature = "rustls")]
            tls: TlsOptions::default(),
        }
    }

    /// Prepends a URL to every relative one: paths are joined by one slash, its query comes first. Default: none, and an empty text takes it away.
    ///
    /// A request's URL is absolute if it has a scheme; anything else is taken for a path below the base URL, `//host/x` too, and `..` does not
    /// climb above it. The base URL is also the origin that the client's cookies belong to.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().base_url("https://api.example/v1?key=k").build()?;
let request = client.get("/users").build()?;
assert_eq!(request.url().as_str(), "https://api.example/v1/users?key=k");
let request = client.get("https://other.example/").build()?;
assert_eq!(request.url().as_str(), "https://other.example/");"#
    )]
    pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
        if url.as_ref().is_empty() {
            self.config.base_url = None;
            return self;
        }
        match BaseUrl::parse(url.as_ref()) {
            Ok(base) => self.config.base_url = Some(base),
            Err(error) => self.fail(
                Error::new(error.kind(), format!("base_url: {}", error.message()))
                    .in_phase(Phase::Build)
                    .with_source(error),
            ),
        }
        self
    }

    /// Adds a header to every request, beside others of its name given here; the library's default of that name is replaced.
    ///
    /// A request's own header of the same name replaces it.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .header("x-tenant", "a")
    .header("accept", "text/plain")
    .build()?;
let request = client.get("https://example.org/").header("x-tenant", "b").build()?;
assert_eq!(request.headers()["x-tenant"], "b");
assert_eq!(request.headers()["accept"], "text/plain");"#
    )]
    pub fn header<K, V>(mut self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        match Request::parse_header(name, value) {
            Ok((name, value)) => {
                self.suppressed.retain(|other| *other != name);
                self.headers.append(name, value);
            }
            Err(error) => self.fail(error),
        }
        self
    }

    /// Sets headers of every request from pairs or a `HeaderMap`, replacing what was given here before by the same names.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().headers([("x-tenant", "a"), ("x-zone", "eu")]).build()?;
assert_eq!(client.get("https://example.org/").build()?.headers()["x-zone"], "eu");"#
    )]
    pub fn headers<I, K, V>(mut self, pairs: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: HeaderKey,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        match header_map(pairs) {
            Ok(headers) => {
                self.suppressed.retain(|name| !headers.contains_key(name));
                replace_names(&mut self.headers, headers);
            }
            Err(error) => self.fail(error),
        }
        self
    }

    /// Sends no header of this name, not even the library's default.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().without_header("user-agent").build()?;
let request = client.get("https://example.org/").build()?;
assert!(!request.headers().contains_key("user-agent"));"#
    )]
    pub fn without_header<K>(mut self, name: K) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
    {
        match Request::parse_header(name, HeaderValue::from_static("")) {
            Ok((name, _)) => {
                self.headers.remove(&name);
                self.suppressed.push(name);
            }
            Err(error) => self.fail(error),
        }
        self
    }

    /// Sets the `user-agent` header. Default: `dimorph/` and the version.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().user_agent("my-app/1.0").build()?;
let request = client.get("https://example.org/").build()?;
assert_eq!(request.headers()["user-agent"], "my-app/1.0");"#
    )]
    pub fn user_agent<V>(mut self, value: V) -> Self
    where
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        match Request::parse_header(USER_AGENT, value) {
            Ok((name, value)) => {
                self.suppressed.retain(|other| *other != name);
                self.headers.insert(name, value);
            }
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds query parameters to every request: pairs, a map or a struct, whatever [`Serialize`] makes pairs of.
    ///
    /// They come behind the URL's own; a key that a request gives itself replaces the values given here, where they stood. A list repeats its key, `None` is sent
    /// as `a=`, `true` as `true`.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().params([("key", "k"), ("lang", "en")]).build()?;
let request = client.get("https://example.org/").params([("lang", "de")]).build()?;
assert_eq!(request.url().as_str(), "https://example.org/?key=k&lang=de");"#
    )]
    pub fn params(mut self, params: impl Serialize) -> Self {
        match Params::from_serialize(&params) {
            Ok(params) => self.config.params.extend(params),
            Err(error) => self
                .fail(Error::builder(format!("bad query parameters: {error}")).with_source(error)),
        }
        self
    }

    /// The same as [`params`](ClientBuilder::params), in reqwest's word.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().query([("key", "k")]).build()?;
assert_eq!(client.get("https://example.org/").build()?.url().query(), Some("key=k"));"#
    )]
    pub fn query(self, params: impl Serialize) -> Self {
        self.params(params)
    }

    /// Adds a cookie to every request. It belongs to the origin of `base_url`; without one, to the origin that each call asks first.
    ///
    /// It survives redirects within that origin, and never leaves it. It is not put into the client's jar.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().cookie("session", "abc").build()?;
let request = client.get("https://example.org/").build()?;
assert_eq!(request.headers()["cookie"], "session=abc");"#
    )]
    pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        match merge::check_cookie(&name, &value) {
            Ok(()) => self.config.cookies.push((name, value)),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds cookies as [`cookie`](ClientBuilder::cookie) does, from pairs of name and value.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().cookies([("session", "abc"), ("theme", "dark")]).build()?;
let request = client.get("https://example.org/").build()?;
assert_eq!(request.headers()["cookie"], "session=abc; theme=dark");"#
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

    /// Sets the timeouts: a duration for connect, read, write and pool, `None` for no limits, or a [`Timeout`]. Default: 5 seconds each, and
    /// none for the whole exchange.
    ///
    /// A request's own [`timeout`](super::request_builder::RequestBuilder::timeout) replaces them all.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::Timeout;
use std::time::Duration;

let client = Client::builder().timeout(Duration::from_secs(10)).build()?;
// 60 seconds for connecting, 10 for the other waits, five minutes for everything.
let timeout = Timeout::new(Duration::from_secs(10))
    .connect(Duration::from_secs(60))
    .total(Duration::from_secs(300));
let client = Client::builder().timeout(timeout).build()?;"#
    )]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.config.timeout = timeout.into();
        self
    }

    /// Sets how many connections are kept and opened, as [`PoolLimits`]; `None`: no limits. Default: 10 idle ones kept, for 5 seconds; 100 in all.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::PoolLimits;

let client = Client::builder()
    .pool_limits(PoolLimits::new().soft_limit(5).hard_limit(10))
    .build()?;"#
    )]
    pub fn pool_limits(mut self, limits: impl Into<PoolLimits>) -> Self {
        self.config.pool_limits = limits.into();
        self
    }

    /// Follows redirects or not: 301, 302, 303, 307 and 308 with a `location`. Default: it does, as HTTPX did before 0.20.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::transport::Mock;

let mock = Mock::routes().get("*", (302, [("location", "/new")], ""));
let client = Client::builder().transport(mock).follow_redirects(false).build()?;
let response = client.get("https://example.org/old").send()"#,
        r#"?;
assert_eq!(response.status(), 302);
assert_eq!(response.next_request().unwrap().url().path(), "/new");"#
    )]
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.config.follow_redirects = follow;
        self
    }

    /// Sets how many redirects are followed before `TooManyRedirects`. Default: 20.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::{ErrorKind, transport::Mock};

let mock = Mock::routes().get("*", (302, [("location", "/again")], ""));
let client = Client::builder().transport(mock).max_redirects(3).build()?;
let error = client.get("https://example.org/").send()"#,
        r#".unwrap_err();
assert_eq!(error.kind(), ErrorKind::TooManyRedirects);"#
    )]
    pub fn max_redirects(mut self, most: usize) -> Self {
        self.config.max_redirects = most;
        self
    }

    /// Asks a function about each redirect that would be followed.
    ///
    /// It can follow the redirect, stop at it, or end the call with an error. `max_redirects` holds all the same. Default: all
    /// are followed.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::transport::Mock;

let mock = Mock::routes()
    .get("https://example.org/", (302, [("location", "https://elsewhere.example/")], ""));
let client = Client::builder()
    .transport(mock)
    .redirect_policy(|attempt| match attempt.url().host_str() {
        Some("example.org") => attempt.follow(),
        _ => attempt.stop(),
    })
    .build()?;
let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.status(), 302);"#
    )]
    pub fn redirect_policy(
        mut self,
        policy: impl Fn(Attempt<'_>) -> Action + Send + Sync + 'static,
    ) -> Self {
        self.config.redirect_policy = Some(Arc::new(policy));
        self
    }

    /// Names headers that, as `authorization` does, stay with their origin when a redirect leaves it.
    ///
    /// `authorization`, `cookie` and `proxy-authorization` need not be named.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::transport::Mock;

let mock = Mock::routes()
    .get("https://example.org/", (302, [("location", "https://elsewhere.example/")], ""))
    .get("https://elsewhere.example/", "hello");
let client = Client::builder()
    .transport(mock)
    .header("x-api-key", "k")
    .sensitive_headers(["x-api-key"])
    .build()?;
let response = client.get("https://example.org/").send()"#,
        r#"?;
assert!(!response.request().headers().contains_key("x-api-key"));"#
    )]
    pub fn sensitive_headers<I, K>(mut self, names: I) -> Self
    where
        I: IntoIterator<Item = K>,
        K: HeaderKey,
    {
        for name in names {
            match name.parse() {
                Ok(name) => self.config.sensitive_headers.extend(name),
                Err(error) => self.fail(error),
            }
        }
        self
    }

    /// Sets the charset of text whose `content-type` names none, by its label in the WHATWG's standard (`windows-1252`, `shift_jis`). Default: UTF-8.
    ///
    /// A label that is not known makes [`build`](ClientBuilder::build) fail. Without the feature `charset`, UTF-8 alone is known.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::transport::Mock;

let mock = Mock::routes().get("*", b"caf\xe9".to_vec());
let client = Client::builder()
    .transport(mock)
    .default_encoding("windows-1252")
    .build()?;
assert_eq!(client.get("https://example.org/").send()"#,
        r#"?.text()"#,
        r#"?, "café");"#
    )]
    pub fn default_encoding(mut self, label: impl Into<String>) -> Self {
        let label = label.into();
        if !crate::text::is_known(&label) {
            self.fail(Error::builder(format!(
                "default_encoding: `{}` names no known charset",
                label.escape_debug()
            )));
        }
        self.config.default_encoding = Some(label.into());
        self
    }

    /// Believes the environment or not: proxies (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), the netrc file,
    /// `SSL_CERT_FILE`, `SSL_CERT_DIR`, `SSLKEYLOGFILE`. Default: it does.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
// As if the environment were empty: no proxy, no netrc, the roots that are compiled in.
let client = Client::builder().trust_env(false).build()?;"#
    )]
    pub fn trust_env(mut self, trust: bool) -> Self {
        self.trust_env = trust;
        self
    }

    /// Authenticates every request that says nothing of its own: a pair of user name and password, or an [`Auth`](crate::Auth).
    ///
    /// Credentials go to the origin that was asked first, and not along with a redirect to another one. Default: user and password of the URL,
    /// else those of the netrc file.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::DigestAuth;

let client = Client::builder().auth(("user", "password")).build()?;
let client = Client::builder().auth(DigestAuth::new("user", "password")).build()?;"#
    )]
    pub fn auth(mut self, auth: impl IntoAuth) -> Self {
        self.config.auth = Some(auth.into_auth());
        self
    }

    /// Authenticates by Basic (RFC 7617): the same as [`auth`](ClientBuilder::auth) of a pair. No password is an empty one.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().basic_auth("user", Some("password")).build()?;
let client = Client::builder().basic_auth("token", None::<&str>).build()?;"#
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
        running r#"
let client = Client::builder().bearer_auth("token").build()?;"#
    )]
    pub fn bearer_auth(mut self, token: impl fmt::Display) -> Self {
        let auth = BearerAuth::new(token.to_string());
        if let Err(error) = auth.value() {
            self.fail(error);
        }
        self.auth(auth)
    }

    /// Keeps what servers set in the cookie jar and sends the jar's cookies, or does neither. Default: it does both.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::transport::Mock;

let mock = Mock::routes().get("*", (200, [("set-cookie", "session=abc")], ""));
let client = Client::builder().transport(mock).cookie_store(false).build()?;
client.get("https://example.org/").send()"#,
        r#"?;
assert!(client.cookies().is_empty());"#
    )]
    pub fn cookie_store(mut self, keep: bool) -> Self {
        self.config.keeps_cookies = keep;
        self
    }

    /// Uses this cookie jar, which may be shared with other clients. Default: an empty one of the client's own.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::Cookies;

let jar = Cookies::new();
jar.set("session", "abc", "example.org")?;
let one = Client::builder().cookie_jar(jar.clone()).build()?;
let two = Client::builder().cookie_jar(jar).build()?;
one.cookies().clear();
assert!(two.cookies().is_empty());"#
    )]
    #[cfg(feature = "cookies")]
    pub fn cookie_jar(mut self, jar: Cookies) -> Self {
        self.config.jar = jar;
        self
    }

    /// Calls a function with each request before it is sent: after authentication, once for each redirect.
    /// It may change the request; an error that it returns ends the call.
    ///
    /// Several are called in the order in which they were given. A hook is a plain function in both clients, and should not block for long.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::{Request, transport::Mock};

let client = Client::builder()
    .transport(Mock::routes().get("*", "hello"))
    .on_request(|request: &mut Request| {
        request.headers_mut().insert("x-request-id", "42".parse().unwrap());
    })
    .build()?;
let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.request().headers()["x-request-id"], "42");"#
    )]
    pub fn on_request<F, R>(mut self, hook: F) -> Self
    where
        F: Fn(&mut Request) -> R + Send + Sync + 'static,
        R: HookResult,
    {
        let hook = move |request: &mut Request| hook(request).into_result();
        self.config.on_request.push(Arc::new(hook));
        self
    }

    /// Calls a function with each response before its body is read, once for each redirect.
    /// An error that it returns closes the response and ends the call.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::{Error, ErrorKind, transport::Mock};

let client = Client::builder()
    .transport(Mock::routes().get("*", (200, [("x-maintenance", "1")], "")))
    .on_response(|response| match response.headers().get("x-maintenance") {
        Some(_) => Err(Error::other("the service is being maintained")),
        None => Ok(()),
    })
    .build()?;
let error = client.get("https://example.org/").send()"#,
        r#".unwrap_err();
assert_eq!(error.kind(), ErrorKind::App);"#
    )]
    pub fn on_response<F, R>(mut self, hook: F) -> Self
    where
        F: Fn(&mut Response) -> R + Send + Sync + 'static,
        R: HookResult,
    {
        let hook = move |response: &mut Response| hook(response).into_result();
        self.plugs.on_response.push(Box::new(hook));
        self
    }

    /// Calls a function with every step of every request: names looked up, connections made, heads and bodies received,
    /// each with the time that it took (httpcore's `trace` extension).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::{EventKind, transport::Mock};

let client = Client::builder()
    .transport(Mock::routes().get("*", "hello"))
    .on_event(|event| {
        println!("{} {} {:?}", event.call(), event.kind().name(), event.elapsed());
        if let EventKind::Connected { remote_addr, took, .. } = event.kind() {
            println!("connected to {remote_addr:?} within {took:?}");
        }
    })
    .build()?;
client.get("https://example.org/").send()"#,
        r#"?;"#
    )]
    pub fn on_event(mut self, listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.config.on_event.push(Arc::new(listener));
        self
    }

    /// Makes the client.
    ///
    /// Costs microseconds. Files that were named (certificates, keys) are read here; roots and what the environment names are parsed at first need.
    ///
    /// # Errors
    /// The first thing that was bad: `InvalidUrl` for a URL, `LocalProtocolError` for a header or cookie, `Builder` for an option out of its
    /// range, options that exclude each other, a certificate file that cannot be read, or something unusable in the environment.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::ErrorKind;

let client = Client::builder().build()?;
let error = Client::builder().base_url("no-scheme").build().unwrap_err();
assert_eq!(error.kind(), ErrorKind::InvalidUrl);"#
    )]
    pub fn build(mut self) -> Result<Client> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.config.check_versions()?;
        if let Some(name) = padded_value(&self.headers) {
            return Err(Error::builder(format!(
                "the value of the header `{name}` begins or ends with white space"
            )));
        }
        let plain = self.headers.is_empty() && self.suppressed.is_empty();
        if !plain || self.config.codings.is_some() {
            self.config.headers = Arc::new(DefaultHeaders::new(
                &self.headers,
                &self.suppressed,
                self.config.codings.as_ref(),
            ));
        }
        if self.config.dial.unix_socket.is_some() && self.config.routes.has_proxies() {
            return Err(Error::builder(
                "unix_socket and proxies exclude each other: the socket would be taken for the proxy",
            ));
        }
        if self.trust_env {
            let proxies = !self.own_proxies && self.plugs.transport.is_none();
            self.config
                .trust_env(proxies, &|name| std::env::var_os(name))?;
        }
        #[cfg(feature = "rustls")]
        {
            self.tls.trust_env = self.trust_env;
            self.config.tls = self.tls.prepare().map_err(crate::client_config::bad_tls)?;
            if self.trust_env && crate::env::has_tls_files(&|name| std::env::var_os(name)) {
                self.config.check_tls()?;
            }
        }
        Ok(Client::from_config(self.config, self.plugs))
    }

    /// Keeps the first error.
    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        ClientBuilder::new()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field(
                "base_url",
                &self
                    .config
                    .base_url
                    .as_ref()
                    .map(|base| format!("{:?}", RedactedUrl(base.url()))),
            )
            .field("timeout", &self.config.timeout)
            .field("pool_limits", &self.config.pool_limits)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
