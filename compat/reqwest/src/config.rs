//! Everything that a client can be told, for both forms.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};

use crate::connect::BoxedConnectorLayer;
use crate::dns::Resolve;
use crate::error::{Error, Result};
use crate::hops::Rules;
#[cfg(feature = "http2")]
use crate::http2::Http2;
use crate::proxy::Matcher;
use crate::{redirect, retry};

/// The settings of a client in the making.
pub(crate) struct Config {
    /// The last thing that was wrong with an option.
    pub(crate) error: Option<Error>,
    pub(crate) headers: HeaderMap,
    pub(crate) accepts: Accepts,
    #[cfg(feature = "cookies")]
    pub(crate) cookie_store: Option<Arc<dyn crate::cookie::CookieStore>>,
    pub(crate) redirect: redirect::Policy,
    pub(crate) referer: bool,
    pub(crate) retry: retry::Builder,
    pub(crate) proxies: Vec<Matcher>,
    pub(crate) auto_sys_proxy: bool,
    pub(crate) https_only: bool,
    pub(crate) http_version: HttpVersion,
    pub(crate) timeout: Option<Duration>,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) layers: Vec<BoxedConnectorLayer>,
    #[cfg(feature = "__tls")]
    pub(crate) tls: crate::tls::Options,
    pub(crate) wire: Wire,
    /// Options without effect that `Debug` shows all the same.
    pub(crate) noted: Vec<&'static str>,
}

/// Which versions of HTTP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum HttpVersion {
    /// What the server chooses in the handshake of TLS; without TLS, HTTP/1.
    All,
    Http1,
    #[cfg_attr(
        not(feature = "http2"),
        allow(dead_code, reason = "an option of HTTP/2 makes it")
    )]
    Http2,
}

/// How connections are made and kept.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) pool_idle_timeout: Option<Duration>,
    pub(crate) pool_max_idle_per_host: usize,
    pub(crate) tcp_keepalive: Option<Duration>,
    pub(crate) tcp_keepalive_interval: Option<Duration>,
    pub(crate) tcp_keepalive_retries: Option<u32>,
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) nodelay: bool,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) interface: Option<String>,
    pub(crate) title_case_headers: bool,
    pub(crate) max_headers: Option<usize>,
    pub(crate) dns_overrides: HashMap<String, Vec<SocketAddr>>,
    pub(crate) dns_resolver: Option<Arc<dyn Resolve>>,
    pub(crate) unix_socket: Option<Arc<Path>>,
    #[cfg(feature = "http2")]
    pub(crate) http2: Http2,
}

/// The content codings that are asked for and decoded; those that are not compiled in stay off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepts {
    pub(crate) gzip: bool,
    pub(crate) brotli: bool,
    pub(crate) zstd: bool,
    pub(crate) deflate: bool,
}

impl Accepts {
    /// All that are compiled in.
    fn compiled() -> Self {
        Accepts {
            gzip: cfg!(feature = "gzip"),
            brotli: cfg!(feature = "brotli"),
            zstd: cfg!(feature = "zstd"),
            deflate: cfg!(feature = "deflate"),
        }
    }

    /// The codings' names, in reqwest's order.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let all = [
            (self.zstd, "zstd"),
            (self.gzip, "gzip"),
            (self.deflate, "deflate"),
            (self.brotli, "br"),
        ];
        all.into_iter()
            .filter_map(|(on, name)| on.then_some(name))
            .collect()
    }

    /// The value of `accept-encoding`.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let names = self.names();
        match names.is_empty() {
            true => None,
            false => HeaderValue::try_from(names.join(",")).ok(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        Config {
            error: None,
            headers,
            accepts: Accepts::compiled(),
            #[cfg(feature = "cookies")]
            cookie_store: None,
            redirect: redirect::Policy::default(),
            referer: true,
            retry: retry::Builder::untold(),
            proxies: Vec::new(),
            auto_sys_proxy: true,
            https_only: false,
            http_version: HttpVersion::All,
            timeout: None,
            read_timeout: None,
            layers: Vec::new(),
            #[cfg(feature = "__tls")]
            tls: crate::tls::Options::default(),
            wire: Wire {
                connect_timeout: None,
                pool_idle_timeout: Some(Duration::from_secs(90)),
                pool_max_idle_per_host: usize::MAX,
                tcp_keepalive: Some(Duration::from_secs(15)),
                tcp_keepalive_interval: Some(Duration::from_secs(15)),
                tcp_keepalive_retries: Some(3),
                tcp_user_timeout: Some(Duration::from_secs(30)),
                nodelay: true,
                local_address: None,
                interface: None,
                title_case_headers: false,
                max_headers: None,
                dns_overrides: HashMap::new(),
                dns_resolver: None,
                unix_socket: None,
                #[cfg(feature = "http2")]
                http2: Http2::default(),
            },
            noted: Vec::new(),
        }
    }
}

/// What a client is made of: the rules of its calls, and the way to connections.
pub(crate) struct Built {
    pub(crate) rules: Arc<Rules>,
    pub(crate) channel: Channel,
    pub(crate) layers: Vec<BoxedConnectorLayer>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) read_timeout: Option<Duration>,
}

/// All that makes dimorph's clients, one for each route.
pub(crate) struct Channel {
    pub(crate) wire: Wire,
    #[cfg(feature = "http2")]
    pub(crate) http_version: HttpVersion,
    pub(crate) codings: Vec<&'static str>,
    pub(crate) user_agent: Option<HeaderValue>,
    #[cfg(feature = "__tls")]
    pub(crate) tls: Arc<rustls::ClientConfig>,
    #[cfg(feature = "__tls")]
    pub(crate) tls_info: bool,
}

impl Config {
    /// Checks the settings, and takes them apart.
    ///
    /// # Errors
    /// What was wrong with an option, or with the TLS settings.
    pub(crate) fn build(mut self) -> Result<Built> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.auto_sys_proxy {
            self.proxies.push(Matcher::system());
        }
        if self.wire.unix_socket.is_some() {
            self.proxies.clear();
        }
        Ok(Built {
            channel: Channel {
                codings: self.accepts.names(),
                user_agent: self.headers.get(USER_AGENT).cloned(),
                #[cfg(feature = "__tls")]
                tls_info: self.tls.info,
                #[cfg(feature = "__tls")]
                tls: self.tls.config(self.http_version)?,
                #[cfg(feature = "http2")]
                http_version: self.http_version,
                wire: self.wire,
            },
            rules: Arc::new(Rules {
                headers: self.headers,
                accepts: self.accepts,
                #[cfg(feature = "cookies")]
                cookie_store: self.cookie_store,
                redirect: self.redirect,
                referer: self.referer,
                https_only: self.https_only,
                http_version: self.http_version,
                retry: self.retry.into_policy(),
                proxies: self.proxies,
            }),
            layers: self.layers,
            timeout: self.timeout,
            read_timeout: self.read_timeout,
        })
    }

    /// The settings that differ from the defaults, as reqwest's `Debug` shows them.
    pub(crate) fn fmt_fields(&self, fields: &mut fmt::DebugStruct<'_, '_>) {
        #[cfg(feature = "cookies")]
        if self.cookie_store.is_some() {
            fields.field("cookie_store", &true);
        }
        fields.field("accepts", &self.accepts);
        if !self.proxies.is_empty() {
            fields.field("proxies", &self.proxies);
        }
        if !self.redirect.is_default() {
            fields.field("redirect_policy", &self.redirect);
        }
        if self.referer {
            fields.field("referer", &true);
        }
        fields.field("default_headers", &self.headers);
        if self.wire.title_case_headers {
            fields.field("http1_title_case_headers", &true);
        }
        for name in &self.noted {
            fields.field(name, &true);
        }
        match self.http_version {
            HttpVersion::All => {}
            HttpVersion::Http1 => {
                fields.field("http1_only", &true);
            }
            HttpVersion::Http2 => {
                fields.field("http2_prior_knowledge", &true);
            }
        }
        if let Some(timeout) = &self.wire.connect_timeout {
            fields.field("connect_timeout", timeout);
        }
        if let Some(timeout) = &self.timeout {
            fields.field("timeout", timeout);
        }
        if let Some(address) = &self.wire.local_address {
            fields.field("local_address", address);
        }
        if let Some(interface) = &self.wire.interface {
            fields.field("interface", interface);
        }
        if self.wire.nodelay {
            fields.field("tcp_nodelay", &true);
        }
        #[cfg(feature = "__tls")]
        self.tls.fmt_fields(fields);
        if !self.wire.dns_overrides.is_empty() {
            fields.field("dns_overrides", &self.wire.dns_overrides);
        }
        if let Some(path) = &self.wire.unix_socket {
            fields.field("unix_socket", path);
        }
    }
}

impl Rules {
    /// The part of a client's `Debug` that is about its rules.
    pub(crate) fn fmt_fields(&self, fields: &mut fmt::DebugStruct<'_, '_>) {
        #[cfg(feature = "cookies")]
        if self.cookie_store.is_some() {
            fields.field("cookie_store", &true);
        }
        fields.field("accepts", &self.accepts);
        if !self.proxies.is_empty() {
            fields.field("proxies", &self.proxies);
        }
        if !self.redirect.is_default() {
            fields.field("redirect_policy", &format!("{:?}", self.redirect));
        }
        if self.referer {
            fields.field("referer", &true);
        }
        fields.field("default_headers", &self.headers);
    }
}

/// Makes one of dimorph's builders for a route: the options, once for both forms. `$adapter` is the form's for resolvers.
macro_rules! dimorph_builder {
    ($form:ident, $channel:expr, $route:expr, $adapter:path, $timeout:expr) => {{
        let channel: &$crate::config::Channel = $channel;
        let route: &$crate::route::Route = $route;
        let wire = &channel.wire;
        let kept = Some(wire.pool_max_idle_per_host).filter(|kept| *kept != usize::MAX);
        let limits = dimorph::PoolLimits::new()
            .hard_limit(None)
            .soft_limit(kept)
            .keepalive_expiry(wire.pool_idle_timeout);
        let mut builder = dimorph::$form::ClientBuilder::new()
            .trust_env(false)
            .follow_redirects(false)
            .cookie_store(false)
            .content_codings(&channel.codings)
            .refuse_trailing_data(true)
            .retry_unprocessed(false)
            .http1_title_case_headers(wire.title_case_headers)
            .timeout($timeout)
            .pool_limits(limits)
            .tcp_nodelay(wire.nodelay)
            .tcp_keepalive(wire.tcp_keepalive)
            .tcp_keepalive_interval(wire.tcp_keepalive_interval)
            .tcp_keepalive_retries(wire.tcp_keepalive_retries)
            .local_address(wire.local_address);
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(wire.tcp_user_timeout);
        }
        if let Some(interface) = &wire.interface {
            builder = builder.interface(interface);
        }
        for (host, addresses) in &wire.dns_overrides {
            builder = builder.resolve(host, route.ports(addresses.iter().copied()));
        }
        if let Some(resolver) = &wire.dns_resolver {
            builder = builder.resolver($adapter(resolver.clone(), route.clone()));
        }
        #[cfg(unix)]
        if let Some(path) = &wire.unix_socket {
            builder = builder.unix_socket(&**path);
        }
        if let Some(most) = wire.max_headers {
            builder = builder.max_fields(most);
        }
        // Another package may have it compiled in.
        #[cfg(not(feature = "http2"))]
        {
            builder = builder.http2(false);
        }
        #[cfg(feature = "http2")]
        {
            builder = $crate::http2::http2_options!(builder, channel);
        }
        #[cfg(feature = "__tls")]
        {
            builder = builder
                .verify(channel.tls.clone())
                .tls_info(channel.tls_info);
        }
        match &route.proxy {
            Some(proxy) => proxy
                .to_dimorph(channel.user_agent.as_ref())
                .map(|proxy| builder.proxy(proxy)),
            None => Ok(builder),
        }
    }};
}
pub(crate) use dimorph_builder;
