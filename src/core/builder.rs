//! The configuration of a client in the making.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde::Serialize;

use super::Transport;
use super::client::{Client, Plugs};
use super::response::Response;
use crate::auth::{BearerAuth, IntoAuth};
use crate::client_config::{ClientConfig, HAS_HTTP2};
use crate::config::{PoolLimits, Timeout};
#[cfg(feature = "cookies")]
use crate::cookies::Cookies;
use crate::decode::Codings;
use crate::dial::Resolve;
use crate::error::{Error, Phase, Result};
use crate::events::{Event, HookResult};
use crate::headers::{DefaultHeaders, padded_value, replace_names};
use crate::location::BaseUrl;
use crate::merge;
use crate::mounts::Pattern;
use crate::pairs::{HeaderKey, IntoAddresses, IntoLocalAddress, header_map};
use crate::params::Params;
use crate::proxy::IntoProxy;
use crate::redirect::{Action, Attempt};
use crate::request::{RedactedUrl, Request};
use crate::routes::Target;
#[cfg(feature = "rustls")]
use crate::tls::{
    Certificate, CertificateRevocationList, ClientCert, TlsOptions, TlsVersion, Verify,
};

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

    /// Connects to these addresses for a host, instead of looking it up. A port of 0 stands for the URL's.
    ///
    /// The addresses are one or several (see [`IntoAddresses`]); of several they are tried as those of a look-up would be. TLS and `host` still
    /// go by the URL's name, so that a server can be tested before its name points to it.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use std::net::SocketAddr;

let staging: SocketAddr = "192.0.2.7:8443".parse()?;
let client = Client::builder()
    .resolve("api.example", staging)
    .resolve("localhost.example", [127, 0, 0, 1])
    .build()?;"#
    )]
    pub fn resolve(mut self, host: impl AsRef<str>, addresses: impl IntoAddresses) -> Self {
        // `host.` is the same host; it is looked up without the dot.
        let host = host.as_ref();
        let host = host.strip_suffix('.').unwrap_or(host);
        self.config
            .dial
            .overrides
            .push((host.into(), addresses.into_addresses()));
        self
    }

    /// Looks names up by this resolver. Default: the operating system's.
    ///
    /// What [`resolve`](ClientBuilder::resolve) names is not asked for, nor is an IP address.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::{Resolve, Resolving};

/// Every host is this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _host: &str) -> Resolving {
        Box::pin(std::future::ready(Ok(vec![([127, 0, 0, 1], 0).into()])))
    }
}

let client = Client::builder().resolver(Loopback).build()?;"#
    )]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.config.dial.resolver = Some(Arc::new(resolver));
        self
    }

    /// Connects to a Unix socket, whatever host the URL names (HTTPX's `HTTPTransport(uds=…)`).
    ///
    /// The environment's proxies are not used then; proxies given by hand make [`build`](ClientBuilder::build) fail.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .unix_socket("/var/run/docker.sock")
    .base_url("http://docker")
    .build()?;
let request = client.get("/containers/json").build()?;
assert_eq!(request.url().as_str(), "http://docker/containers/json");"#
    )]
    #[cfg(unix)]
    pub fn unix_socket(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.config.dial.unix_socket = Some(path.into());
        self
    }

    /// Connects from this local address; `None`: from whatever the system chooses.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use std::net::Ipv4Addr;

// Over IPv4 alone, HTTPX's way of saying so.
let client = Client::builder().local_address(Ipv4Addr::UNSPECIFIED).build()?;"#
    )]
    pub fn local_address(mut self, address: impl IntoLocalAddress) -> Self {
        self.config.dial.local_address = address.into_address();
        self
    }

    /// Sends small pieces at once (TCP_NODELAY), or lets the system gather them. Default: on.
    pub fn tcp_nodelay(mut self, on: bool) -> Self {
        self.config.dial.nodelay = Some(on);
        self
    }

    /// Sets how long a connection is silent before TCP keep-alive probes begin. Default: none are sent.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use std::time::Duration;

// A first probe after a minute of silence, more every ten seconds;
// the third without an answer ends the connection.
let client = Client::builder()
    .tcp_keepalive(Duration::from_secs(60))
    .tcp_keepalive_interval(Duration::from_secs(10))
    .tcp_keepalive_retries(3)
    .build()?;"#
    )]
    pub fn tcp_keepalive(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.config.dial.keepalive.idle = idle.into();
        self
    }

    /// Sets how long after one TCP keep-alive probe the next is sent. Default: the system's.
    pub fn tcp_keepalive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.config.dial.keepalive.interval = interval.into();
        self
    }

    /// Sets how many TCP keep-alive probes go unanswered before the connection is given up. Default: the system's.
    pub fn tcp_keepalive_retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.config.dial.keepalive.retries = retries.into();
        self
    }

    /// Sets how long sent data may stay unacknowledged before the connection is given up (TCP_USER_TIMEOUT; Linux only,
    /// elsewhere nothing happens). Default: the system's.
    pub fn tcp_user_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.config.dial.user_timeout = limit.into();
        self
    }

    /// Connects through this network interface (SO_BINDTODEVICE; Linux only, elsewhere connecting fails).
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.config.dial.interface = Some(name.into().into());
        self
    }

    /// Tries to connect so many more times where no connection could be made, after 0, 0.5, 1, 2 … seconds. Default: 0.
    ///
    /// Each attempt has the connect timeout to itself. A request that was sent is not repeated: that is what the layer
    /// [`Retry`](crate::transport::Retry) does.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().retries(2).build()?;"#
    )]
    pub fn retries(mut self, retries: u32) -> Self {
        self.config.retries = retries;
        self
    }

    /// Whether a request that the server says it has not processed is sent again, whatever its method: after REFUSED_STREAM once, after a
    /// GOAWAY at most ten times (RFC 9113 section 8.7). Default: `true`. HTTP/1.1 has no such word.
    pub fn retry_unprocessed(mut self, yes: bool) -> Self {
        self.config.retries_unprocessed = yes;
        self
    }

    /// Asks for and takes off these content codings alone, of `gzip`, `deflate`, `br` and `zstd`; none: bodies stay as they come.
    /// Default: all that are compiled in.
    ///
    /// A name that is not compiled in makes [`build`](ClientBuilder::build) fail.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().content_codings(["gzip"]).build()?;
let request = client.get("https://example.org/").build()?;
assert_eq!(request.headers()["accept-encoding"], "gzip");

let none: [&str; 0] = [];
let client = Client::builder().content_codings(none).build()?;"#
    )]
    pub fn content_codings<I, N>(mut self, names: I) -> Self
    where
        I: IntoIterator<Item = N>,
        N: AsRef<str>,
    {
        let names: Vec<N> = names.into_iter().collect();
        match Codings::of(names.iter().map(AsRef::as_ref)) {
            Ok(codings) => self.config.codings = Some(codings),
            Err(name) => self.fail(Error::builder(format!(
                "content_codings: `{}` is no coding that is compiled in",
                name.escape_debug()
            ))),
        }
        self
    }

    /// Refuses a body that goes on behind the end of its gzip, deflate or br stream with a `DecodingError`, as soon as that is
    /// seen, or ignores what follows. Default: it is ignored, as in browsers.
    pub fn refuse_trailing_data(mut self, refuse: bool) -> Self {
        self.config.refuses_trailing_data = refuse;
        self
    }

    /// Speaks HTTP/1.1 or not (HTTPX's `http1=`). Default: it does.
    ///
    /// Without it, servers of `https` URLs must choose HTTP/2 in the handshake (ALPN), else a `ConnectError` tells; those of
    /// `http` URLs are spoken to in HTTP/2 unasked, as in HTTPX. A request that needs HTTP/1.1 is a `LocalProtocolError`: CONNECT,
    /// an upgrade, version 1.0. Proxies are spoken to in HTTP/1.1 all the same, also where they forward requests.
    ///
    /// `http1(false)` with `http2(false)`, or without the feature `http2`, is an error of [`build`](ClientBuilder::build).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
// HTTP/2 or nothing.
let client = Client::builder().http1(false).build()?;
assert!(Client::builder().http1(false).http2(false).build().is_err());"#
    )]
    pub fn http1(mut self, on: bool) -> Self {
        self.config.http1 = on;
        self
    }

    /// Speaks HTTP/2 or not with servers that choose it in the TLS handshake (ALPN, RFC 9113 section 3.2; HTTPX's `http2=`).
    /// Default: it does where the feature `http2` is on, unlike HTTPX. `http` URLs are fetched in HTTP/1.1.
    ///
    /// `true` without the feature is an error of [`build`](ClientBuilder::build).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().http2(false).build()?;"#
    )]
    pub fn http2(mut self, on: bool) -> Self {
        if on && !HAS_HTTP2 {
            self.fail(Error::builder(
                "http2(true): dimorph was built without HTTP/2; switch on its feature `http2`",
            ));
        }
        self.config.http2 = on;
        self
    }

    /// Writes header names of HTTP/1.1 in Title-Case, or in lower case. Default: Title-Case, as HTTPX.
    pub fn http1_title_case_headers(mut self, on: bool) -> Self {
        self.config.lower_names = !on;
        self
    }

    /// Limits the head of a response over HTTP/1.1, in bytes; `LimitExceeded` beyond it. Default: 256 KiB.
    /// Over HTTP/2 its own setting, `http2_max_header_list_size`, applies.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .max_head_bytes(16 * 1024)
    .max_fields(64)
    .max_decoded_size(100 * 1024 * 1024)
    .build()?;"#
    )]
    pub fn max_head_bytes(mut self, most: usize) -> Self {
        self.config.h1.head_bytes = most;
        self
    }

    /// Limits how many header fields a response has over HTTP/1.1, and how many trailers; `LimitExceeded` beyond it. Default: 256.
    pub fn max_fields(mut self, most: usize) -> Self {
        self.config.h1.fields = most;
        self
    }

    /// Limits the trailers of a chunked body, in bytes; `LimitExceeded` beyond it. Default: 16 KiB.
    pub fn max_trailer_bytes(mut self, most: usize) -> Self {
        self.config.h1.trailer_bytes = most;
        self
    }

    /// Limits the chunk extensions of a whole body, in bytes; `LimitExceeded` beyond it. Default: 16 KiB.
    pub fn max_chunk_extension_bytes(mut self, most: usize) -> Self {
        self.config.h1.chunk_extension_bytes = most;
        self
    }

    /// Limits how many informational (1xx) responses come before a final one; `LimitExceeded` beyond it. Default: 64.
    pub fn max_informational(mut self, most: usize) -> Self {
        self.config.h1.informational = most;
        self
    }

    /// Limits the decoded size of a body with a `content-encoding`, in bytes; `LimitExceeded` beyond it, while the body is read. Default: none.
    ///
    /// Memory is bounded all the same where a body is read piece by piece: each piece is decoded as it comes.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().max_decoded_size(100 * 1024 * 1024).build()?;"#
    )]
    pub fn max_decoded_size(mut self, most: impl Into<Option<u64>>) -> Self {
        self.config.max_decoded_size = most.into();
        self
    }

    /// Sends every request through this transport instead of the network: a mock, an application in process, a recording, one of your own.
    ///
    /// The environment's proxies are ignored then. What happens above the exchange stays the client's: merging, redirects, cookies,
    /// authentication, decoding, hooks. What is [mounted](ClientBuilder::mount) goes before it, and so do proxies given here.
    ///
    /// Options about connections, such as `verify`, `cert`, `pool_limits` and `retries`, do nothing beside a transport. If that is a layer over
    /// a client, they belong to the client beneath.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::Request;
use dimorph::transport::Mock;

let mock = Mock::new(|request: &Request| format!("you asked for {}", request.url().path()));
let client = Client::builder().transport(mock).build()?;
assert_eq!(client.get("https://example.org/x").send()"#,
        r#"?.text()"#,
        r#"?, "you asked for /x");"#
    )]
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.plugs.transport = Some(Box::new(transport));
        self
    }

    /// Calls an application in place of the network: any tower `Service`, such as an axum `Router`
    /// (HTTPX's `app`). The same as `transport(App::new(service))`; see [`App`](crate::transport::App) for more options.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use axum::{Router, routing::get};

let app = Router::new().route("/", get(async || "hello"));
let client = Client::builder().app(app).base_url("http://testserver").build()?;
assert_eq!(client.get("/").send()"#,
        r#"?.text()"#,
        r#"?, "hello");"#
    )]
    #[cfg(feature = "tower")]
    pub fn app<S>(self, service: S) -> Self
    where
        crate::transport::App<S>: Transport + 'static,
    {
        self.transport(crate::transport::App::new(service))
    }

    /// Sends requests whose URL fits a pattern through this transport (HTTPX's `mounts`).
    ///
    /// A pattern is `all`, a scheme, or one of both with a host: `https://example.org`, `all://*.example.org` (subdomains),
    /// `all://*example.org` (both), each with `:port` if wanted. The most special one that fits decides, whatever the order: an exact host
    /// before a pattern of hosts before none, then one with a port, then one with a scheme. Without a port it fits every port.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::transport::Mock;

let client = Client::builder()
    .mount("all://*.internal.test", Mock::routes().get("*", "from the mock"))
    .build()?;
let response = client.get("https://users.internal.test/").send()"#,
        r#"?;
assert_eq!(response.text()"#,
        r#"?, "from the mock");"#
    )]
    pub fn mount(mut self, pattern: impl AsRef<str>, transport: impl Transport + 'static) -> Self {
        let number = self.plugs.mounted.len();
        self.plugs.mounted.push(Box::new(transport));
        self.route(pattern.as_ref(), Target::Transport(number));
        self
    }

    /// Sends requests whose URL fits a pattern through no proxy and no mounted transport.
    ///
    /// Patterns as for [`mount`](ClientBuilder::mount).
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .proxy("http://127.0.0.1:3128")
    .mount_direct("all://intranet.example")
    .build()?;"#
    )]
    pub fn mount_direct(mut self, pattern: impl AsRef<str>) -> Self {
        self.route(pattern.as_ref(), Target::Direct);
        self
    }

    /// Sends every request through this proxy: a URL, or a [`Proxy`](crate::Proxy). The environment's proxies are ignored then.
    ///
    /// Default: those of the environment, under [`trust_env`](ClientBuilder::trust_env). What is wrong with the URL is an error of
    /// [`build`](ClientBuilder::build), never a silent way past the proxy.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().proxy("http://user:password@127.0.0.1:3128").build()?;
let client = Client::builder().proxy("socks5h://127.0.0.1:1080").build()?;
assert!(Client::builder().proxy("127.0.0.1").build().is_err());"#
    )]
    pub fn proxy(self, proxy: impl IntoProxy) -> Self {
        self.proxies([("all", proxy)])
    }

    /// Sends requests through the proxy whose pattern fits, patterns as for [`mount`](ClientBuilder::mount).
    /// The environment's proxies are ignored then.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .proxies([
        ("http", "http://127.0.0.1:3128"),
        ("https", "http://127.0.0.1:3129"),
        ("all://*.onion", "socks5h://127.0.0.1:9050"),
    ])
    .build()?;"#
    )]
    pub fn proxies<I, K, P>(mut self, proxies: I) -> Self
    where
        I: IntoIterator<Item = (K, P)>,
        K: AsRef<str>,
        P: IntoProxy,
    {
        self.own_proxies = true;
        for (pattern, proxy) in proxies {
            let proxy = proxy
                .into_proxy()
                .and_then(|proxy| proxy.check().map(|()| proxy));
            match proxy {
                Ok(proxy) => {
                    let number = self.config.routes.number(proxy);
                    self.route(pattern.as_ref(), Target::Proxy(number));
                }
                Err(error) => self.fail(error),
            }
        }
        self
    }

    /// Sends requests through no proxy, not even the environment's.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().no_proxy().build()?;"#
    )]
    pub fn no_proxy(mut self) -> Self {
        self.own_proxies = true;
        self.config.routes.remove_proxies();
        self
    }

    fn route(&mut self, pattern: &str, target: Target) {
        match Pattern::parse(pattern) {
            Ok(pattern) => self.config.routes.mount(pattern, target),
            Err(error) => self.fail(error),
        }
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
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.auth(BearerAuth::new(token.to_string()))
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

/// HTTP/2 (RFC 9113).
#[cfg(feature = "http2")]
impl ClientBuilder {
    /// Takes it as known that every server speaks HTTP/2 (RFC 9113 section 3.3; HTTPX's `http1=False, http2=True`).
    ///
    /// Connections for `http` URLs speak it from their first byte, through tunnels of proxies too; for `https` URLs it alone is offered.
    /// A request that needs HTTP/1.1 is a `LocalProtocolError`: CONNECT, an upgrade, version 1.0. A proxy that forwards
    /// requests, instead of being asked for a tunnel, is spoken to in HTTP/1.1.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder().http2_prior_knowledge().build()?;"#
    )]
    pub fn http2_prior_knowledge(mut self) -> Self {
        self.config.prior_knowledge = true;
        self
    }

    /// Sets how many bytes a server may send on one stream before some of them are read (SETTINGS_INITIAL_WINDOW_SIZE,
    /// RFC 9113 section 6.9). From 1 to 2,147,483,647. Default: 2 MiB.
    ///
    /// It bounds what a body that nobody reads holds in memory.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"
let client = Client::builder()
    .http2_initial_stream_window_size(256 * 1024)
    .http2_initial_connection_window_size(4 * 1024 * 1024)
    .build()?;"#
    )]
    pub fn http2_initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.config.h2.stream_window = bytes;
        self
    }

    /// Sets how many bytes a server may send on all streams of a connection together before some of them are read
    /// (RFC 9113 section 6.9.1). From 1 to 2,147,483,647. Default: 16 MiB.
    ///
    /// It bounds what the bodies of one connection that nobody reads hold in memory.
    pub fn http2_initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.config.h2.connection_window = bytes;
        self
    }

    /// Lets the windows of stream and connection grow to what the connection can carry, as PINGs between the data measure it.
    /// They begin at the sizes set, and 16 MiB are the most. Default: off.
    pub fn http2_adaptive_window(mut self, on: bool) -> Self {
        self.config.h2.adaptive_window = on;
        self
    }

    /// Sets the largest frame payload that a server may send, in bytes (SETTINGS_MAX_FRAME_SIZE, RFC 9113 section 6.5.2).
    /// From 16,384 to 16,777,215. Default: 16 KiB.
    pub fn http2_max_frame_size(mut self, bytes: u32) -> Self {
        self.config.h2.max_frame_size = bytes;
        self
    }

    /// Limits the headers of a response, and its trailers, in bytes, with 32 for each field besides its name and value
    /// (SETTINGS_MAX_HEADER_LIST_SIZE, RFC 9113 section 6.5.2); `LimitExceeded` beyond it. Default: 256 KiB, as
    /// [`max_head_bytes`](ClientBuilder::max_head_bytes), which is the limit of HTTP/1.1.
    pub fn http2_max_header_list_size(mut self, bytes: u32) -> Self {
        self.config.h2.max_header_list_size = bytes;
        self
    }

    /// Sends a PING (RFC 9113 section 6.7) on a connection with open requests from which nothing was heard for so long; above zero.
    /// `None`, the default: none is sent. Without an answer, the requests end with a `ReadTimeout`.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use std::time::Duration;

let client = Client::builder()
    .http2_keep_alive_interval(Duration::from_secs(30))
    .http2_keep_alive_timeout(Duration::from_secs(5))
    .build()?;"#
    )]
    pub fn http2_keep_alive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.config.h2.keep_alive_interval = interval.into();
        self
    }

    /// Sets how long the answer to a PING of [`http2_keep_alive_interval`](ClientBuilder::http2_keep_alive_interval) may take before
    /// the connection is given up; above zero. Default: 20 seconds.
    pub fn http2_keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.config.h2.keep_alive_timeout = timeout;
        self
    }

    /// Sends the PINGs of [`http2_keep_alive_interval`](ClientBuilder::http2_keep_alive_interval) while no request is open too, or
    /// not. Default: not. The blocking client does nothing while nobody waits: there an idle connection is looked at when it is used next.
    pub fn http2_keep_alive_while_idle(mut self, on: bool) -> Self {
        self.config.h2.keep_alive_while_idle = on;
        self
    }
}

/// TLS: the client's, never one request's.
#[cfg(feature = "rustls")]
impl ClientBuilder {
    /// Sets how servers' certificates are verified: `true`, `false`, a file or directory of CA certificates, or a
    /// `rustls::ClientConfig`. Default: `true`, by Mozilla's roots.
    ///
    /// An explicit file or directory is read by [`build`](ClientBuilder::build), and names the only authorities that are trusted then.
    /// What each value means stands with [`Verify`].
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let client = Client::builder().verify("authorities.pem").build()?;
// Anyone on the way can read and change what is sent.
let client = Client::builder().verify(false).build()?;"#
    )]
    pub fn verify(mut self, verify: impl Into<Verify>) -> Self {
        self.tls.verify = verify.into();
        self
    }

    /// Sets the client's own certificate: a PEM file with its key, or a pair of files.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let client = Client::builder().cert("client.pem").build()?;
let client = Client::builder().cert(("cert.pem", "key.pem")).build()?;"#
    )]
    pub fn cert(mut self, cert: impl Into<ClientCert>) -> Self {
        self.tls.cert = Some(cert.into());
        self
    }

    /// Trusts a certificate besides the roots that `verify` names.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"use dimorph::Certificate;

let authority = Certificate::from_pem(std::fs::read("authority.pem")?);
let client = Client::builder().add_root_certificate(authority).build()?;"#
    )]
    pub fn add_root_certificate(mut self, certificate: Certificate) -> Self {
        self.tls.extra_roots.push(certificate);
        self
    }

    /// Refuses the certificates that these lists revoke.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"use dimorph::CertificateRevocationList;

let revoked = CertificateRevocationList::from_pem(std::fs::read("revoked.pem")?);
let client = Client::builder().crls([revoked]).build()?;"#
    )]
    pub fn crls(mut self, lists: impl IntoIterator<Item = CertificateRevocationList>) -> Self {
        self.tls.crls.extend(lists);
        self
    }

    /// Sets the oldest TLS version spoken. Default: 1.2.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::TlsVersion;

let client = Client::builder().min_tls_version(TlsVersion::TLS_1_3).build()?;"#
    )]
    pub fn min_tls_version(mut self, version: TlsVersion) -> Self {
        self.tls.min_version = Some(version);
        self
    }

    /// Sets the newest TLS version spoken. Default: 1.3.
    pub fn max_tls_version(mut self, version: TlsVersion) -> Self {
        self.tls.max_version = Some(version);
        self
    }

    /// Puts a [`TlsInfo`](crate::TlsInfo) into the extensions of responses that came through TLS. Default: it does not.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"use dimorph::TlsInfo;

let client = Client::builder().tls_info(true).build()?;
let response = client.get("https://example.org/").send()"#,
        r#"?;
let info = response.extensions().get::<TlsInfo>().unwrap();
println!("{:?}", info.version());"#
    )]
    pub fn tls_info(mut self, on: bool) -> Self {
        self.config.tls_info = on;
        self
    }

    /// Names the server in the handshake (SNI) or not. Default: it does.
    pub fn tls_sni(mut self, on: bool) -> Self {
        self.tls.no_sni = !on;
        self
    }

    /// Uses this crypto provider. Default: ring where the feature `ring` is on, else aws-lc-rs where its feature is; without either, https
    /// needs one given here.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use std::sync::Arc;

let provider = Arc::new(rustls::crypto::ring::default_provider());
let client = Client::builder().crypto_provider(provider).build()?;"#
    )]
    pub fn crypto_provider(
        mut self,
        provider: impl Into<Arc<rustls::crypto::CryptoProvider>>,
    ) -> Self {
        self.tls.provider = Some(provider.into());
        self
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
