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
    /// Begins with the defaults.
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

    /// Prepends a URL to every relative one: paths are joined by one slash, its query comes first.
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

    /// Adds query parameters to every request: pairs, a map or a struct.
    pub fn params(mut self, params: impl Serialize) -> Self {
        match Params::from_serialize(&params) {
            Ok(params) => self.config.params.extend(params),
            Err(error) => self
                .fail(Error::builder(format!("bad query parameters: {error}")).with_source(error)),
        }
        self
    }

    /// The same as [`params`](ClientBuilder::params), in reqwest's word.
    pub fn query(self, params: impl Serialize) -> Self {
        self.params(params)
    }

    /// Adds a cookie to every request. It belongs to the origin of `base_url`; without one, to the origin that each call asks first.
    pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        match merge::check_cookie(&name, &value) {
            Ok(()) => self.config.cookies.push((name, value)),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Adds cookies as [`cookie`](ClientBuilder::cookie) does, from pairs of name and value.
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

    /// Sets the timeouts: a duration for connect, read, write and pool, `None`, or a [`Timeout`]. Default: 5 seconds each.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.config.timeout = timeout.into();
        self
    }

    /// Sets how many connections are kept and opened; `None`: no limits. Default: 10 idle, 100 in all.
    pub fn pool_limits(mut self, limits: impl Into<PoolLimits>) -> Self {
        self.config.pool_limits = limits.into();
        self
    }

    /// Follows redirects or not. Default: it does, as HTTPX did before 0.20.
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.config.follow_redirects = follow;
        self
    }

    /// Sets how many redirects are followed before `TooManyRedirects`. Default: 20.
    pub fn max_redirects(mut self, most: usize) -> Self {
        self.config.max_redirects = most;
        self
    }

    /// Asks a function about each redirect that would be followed.
    pub fn redirect_policy(
        mut self,
        policy: impl Fn(Attempt<'_>) -> Action + Send + Sync + 'static,
    ) -> Self {
        self.config.redirect_policy = Some(Arc::new(policy));
        self
    }

    /// Names headers that, as `authorization` does, stay with their origin when a redirect leaves it.
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

    /// Sets the charset of text whose `content-type` names none. Default: UTF-8.
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
    pub fn trust_env(mut self, trust: bool) -> Self {
        self.trust_env = trust;
        self
    }

    /// Connects to these addresses for a host, instead of looking it up. A port of 0 stands for the URL's.
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

    /// Looks names up by this resolver.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.config.dial.resolver = Some(Arc::new(resolver));
        self
    }

    /// Connects to a Unix socket, whatever host the URL names.
    #[cfg(unix)]
    pub fn unix_socket(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.config.dial.unix_socket = Some(path.into());
        self
    }

    /// Connects from this local address; `None`: from whatever the system chooses.
    pub fn local_address(mut self, address: impl IntoLocalAddress) -> Self {
        self.config.dial.local_address = address.into_address();
        self
    }

    /// Sets TCP_NODELAY. Default: on.
    pub fn tcp_nodelay(mut self, on: bool) -> Self {
        self.config.dial.nodelay = Some(on);
        self
    }

    /// Sets how long a connection is silent before TCP keep-alive probes begin. Default: none are sent.
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
    pub fn http1(mut self, on: bool) -> Self {
        self.config.http1 = on;
        self
    }

    /// Speaks HTTP/2 or not with servers that choose it in the TLS handshake (ALPN, RFC 9113 section 3.2; HTTPX's `http2=`).
    /// Default: it does where the feature `http2` is on, unlike HTTPX. `http` URLs are fetched in HTTP/1.1.
    ///
    /// `true` without the feature is an error of [`build`](ClientBuilder::build).
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

    /// Limits the head of a response. Default: 256 KiB.
    pub fn max_head_bytes(mut self, most: usize) -> Self {
        self.config.h1.head_bytes = most;
        self
    }

    /// Limits the header fields of a response. Default: 256.
    pub fn max_fields(mut self, most: usize) -> Self {
        self.config.h1.fields = most;
        self
    }

    /// Limits the trailers of a chunked body. Default: 16 KiB.
    pub fn max_trailer_bytes(mut self, most: usize) -> Self {
        self.config.h1.trailer_bytes = most;
        self
    }

    /// Limits the chunk extensions of a whole body. Default: 16 KiB.
    pub fn max_chunk_extension_bytes(mut self, most: usize) -> Self {
        self.config.h1.chunk_extension_bytes = most;
        self
    }

    /// Limits the informational (1xx) responses before a final one. Default: 64.
    pub fn max_informational(mut self, most: usize) -> Self {
        self.config.h1.informational = most;
        self
    }

    /// Limits the decoded size of a body with a `content-encoding`; `LimitExceeded` beyond it. Default: none.
    pub fn max_decoded_size(mut self, most: impl Into<Option<u64>>) -> Self {
        self.config.max_decoded_size = most.into();
        self
    }

    /// Sends every request through this transport instead of the network.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.plugs.transport = Some(Box::new(transport));
        self
    }

    /// Calls an application in place of the network: any tower `Service`, such as an axum `Router`
    /// (HTTPX's `app`). The same as `transport(App::new(service))`; see [`App`](crate::transport::App) for more options.
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
    /// `all://*example.org` (both), each with `:port` if wanted. The most special one that fits decides, whatever the order.
    pub fn mount(mut self, pattern: impl AsRef<str>, transport: impl Transport + 'static) -> Self {
        let number = self.plugs.mounted.len();
        self.plugs.mounted.push(Box::new(transport));
        self.route(pattern.as_ref(), Target::Transport(number));
        self
    }

    /// Sends requests whose URL fits a pattern through no proxy and no mounted transport.
    pub fn mount_direct(mut self, pattern: impl AsRef<str>) -> Self {
        self.route(pattern.as_ref(), Target::Direct);
        self
    }

    /// Sends every request through this proxy: a URL, or a [`Proxy`](crate::Proxy). The environment's proxies are ignored then.
    pub fn proxy(self, proxy: impl IntoProxy) -> Self {
        self.proxies([("all", proxy)])
    }

    /// Sends requests through the proxy whose pattern fits, patterns as for [`mount`](ClientBuilder::mount).
    /// The environment's proxies are ignored then.
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
    pub fn auth(mut self, auth: impl IntoAuth) -> Self {
        self.config.auth = Some(auth.into_auth());
        self
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

    /// Keeps what servers set in the cookie jar and sends the jar's cookies, or does neither. Default: it does both.
    pub fn cookie_store(mut self, keep: bool) -> Self {
        self.config.keeps_cookies = keep;
        self
    }

    /// Uses this cookie jar, which may be shared with other clients. Default: an empty one of the client's own.
    #[cfg(feature = "cookies")]
    pub fn cookie_jar(mut self, jar: Cookies) -> Self {
        self.config.jar = jar;
        self
    }

    /// Calls a function with each request before it is sent: after authentication, once for each redirect.
    /// It may change the request; an error that it returns ends the call.
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
    pub fn on_event(mut self, listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.config.on_event.push(Arc::new(listener));
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// The first thing that was bad: a URL, a header, an option out of its range, a certificate file.
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
    pub fn http2_prior_knowledge(mut self) -> Self {
        self.config.prior_knowledge = true;
        self
    }

    /// Sets how many bytes a server may send on one stream before some of them are read (SETTINGS_INITIAL_WINDOW_SIZE,
    /// RFC 9113 section 6.9). From 1 to 2,147,483,647. Default: 2 MiB.
    ///
    /// It bounds what a body that nobody reads holds in memory.
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
    pub fn verify(mut self, verify: impl Into<Verify>) -> Self {
        self.tls.verify = verify.into();
        self
    }

    /// Sets the client's own certificate: a PEM file with its key, or a pair of files.
    pub fn cert(mut self, cert: impl Into<ClientCert>) -> Self {
        self.tls.cert = Some(cert.into());
        self
    }

    /// Trusts a certificate besides the roots that `verify` names.
    pub fn add_root_certificate(mut self, certificate: Certificate) -> Self {
        self.tls.extra_roots.push(certificate);
        self
    }

    /// Refuses the certificates that these lists revoke.
    pub fn crls(mut self, lists: impl IntoIterator<Item = CertificateRevocationList>) -> Self {
        self.tls.crls.extend(lists);
        self
    }

    /// Sets the oldest TLS version spoken. Default: 1.2.
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
    pub fn tls_info(mut self, on: bool) -> Self {
        self.config.tls_info = on;
        self
    }

    /// Names the server in the handshake (SNI) or not. Default: it does.
    pub fn tls_sni(mut self, on: bool) -> Self {
        self.tls.no_sni = !on;
        self
    }

    /// Uses this crypto provider instead of the one compiled in.
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
