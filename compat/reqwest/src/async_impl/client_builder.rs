//! A client in the making.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
#[cfg(feature = "cookies")]
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use tower::util::BoxCloneSyncServiceLayer;
use tower_layer::Layer;
use tower_service::Service;

use super::client::Client;
use crate::config::{Config, HttpVersion};
use crate::connect::{BoxedConnectorService, Conn, Unnameable};
use crate::error::{self, BoxError, Result};
#[cfg(feature = "http2")]
use crate::http2::Http2;
use crate::proxy::Proxy;
use crate::{redirect, retry};

/// A client in the making; what is wrong with an option is returned by [`build`](ClientBuilder::build).
#[must_use]
pub struct ClientBuilder {
    pub(crate) config: Config,
}

/// Options by value: each closure sees the configuration.
impl ClientBuilder {
    /// Begins with the defaults.
    pub fn new() -> Self {
        ClientBuilder {
            config: Config::default(),
        }
    }

    /// Makes the client.
    ///
    /// # Errors
    /// The last thing that was wrong with an option, or what is wrong with the TLS settings.
    pub fn build(self) -> Result<Client> {
        Client::from_built(self.config.build()?)
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// For options that have no effect here: [`Debug`](fmt::Debug) names those that are on.
    fn note(self, name: &'static str, on: bool) -> Self {
        self.with(|config| {
            config.noted.retain(|other| *other != name);
            config.noted.extend(on.then_some(name));
        })
    }
}

/// Headers, cookies and codings.
impl ClientBuilder {
    /// Sets the `user-agent` header. Default: none is sent.
    pub fn user_agent<V>(self, value: V) -> ClientBuilder
    where
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        self.with(|config| match value.try_into() {
            Ok(value) => {
                config.headers.insert(USER_AGENT, value);
            }
            Err(error) => config.error = Some(error::builder(error.into())),
        })
    }

    /// Sets headers that every request gets which does not name them itself. Default: `accept: */*`.
    pub fn default_headers(self, headers: HeaderMap) -> ClientBuilder {
        self.with(|config| {
            for (name, value) in &headers {
                config.headers.insert(name, value.clone());
            }
        })
    }

    /// Keeps cookies in a jar of the client's own. Default: off.
    #[cfg(feature = "cookies")]
    pub fn cookie_store(self, enable: bool) -> ClientBuilder {
        self.with(|config| {
            config.cookie_store = match enable {
                true => Some(Arc::new(crate::cookie::Jar::default())),
                false => None,
            };
        })
    }

    /// Keeps cookies in a store of yours.
    #[cfg(feature = "cookies")]
    pub fn cookie_provider<C: crate::cookie::CookieStore + 'static>(
        self,
        cookie_store: Arc<C>,
    ) -> ClientBuilder {
        self.with(|config| config.cookie_store = Some(cookie_store))
    }

    /// Asks for gzip, and decodes it. Default: on.
    #[cfg(feature = "gzip")]
    pub fn gzip(self, enable: bool) -> ClientBuilder {
        self.with(|config| config.accepts.gzip = enable)
    }

    /// Asks for Brotli, and decodes it. Default: on.
    #[cfg(feature = "brotli")]
    pub fn brotli(self, enable: bool) -> ClientBuilder {
        self.with(|config| config.accepts.brotli = enable)
    }

    /// Asks for Zstandard, and decodes it. Default: on.
    #[cfg(feature = "zstd")]
    pub fn zstd(self, enable: bool) -> ClientBuilder {
        self.with(|config| config.accepts.zstd = enable)
    }

    /// Asks for deflate, and decodes it. Default: on.
    #[cfg(feature = "deflate")]
    pub fn deflate(self, enable: bool) -> ClientBuilder {
        self.with(|config| config.accepts.deflate = enable)
    }

    /// Neither asks for gzip nor decodes it, whether the feature is on or not.
    pub fn no_gzip(self) -> ClientBuilder {
        #[cfg(feature = "gzip")]
        return self.gzip(false);
        #[cfg(not(feature = "gzip"))]
        self
    }

    /// Neither asks for Brotli nor decodes it, whether the feature is on or not.
    pub fn no_brotli(self) -> ClientBuilder {
        #[cfg(feature = "brotli")]
        return self.brotli(false);
        #[cfg(not(feature = "brotli"))]
        self
    }

    /// Neither asks for Zstandard nor decodes it, whether the feature is on or not.
    pub fn no_zstd(self) -> ClientBuilder {
        #[cfg(feature = "zstd")]
        return self.zstd(false);
        #[cfg(not(feature = "zstd"))]
        self
    }

    /// Neither asks for deflate nor decodes it, whether the feature is on or not.
    pub fn no_deflate(self) -> ClientBuilder {
        #[cfg(feature = "deflate")]
        return self.deflate(false);
        #[cfg(not(feature = "deflate"))]
        self
    }
}

/// Redirects, retries, proxies and time.
impl ClientBuilder {
    /// Sets what is done about redirects. Default: up to ten are followed.
    pub fn redirect(self, policy: redirect::Policy) -> ClientBuilder {
        self.with(|config| config.redirect = policy)
    }

    /// Names the page that redirected in the `referer` header. Default: on.
    pub fn referer(self, enable: bool) -> ClientBuilder {
        self.with(|config| config.referer = enable)
    }

    /// Sets which requests are retried. Default: none that the server saw.
    pub fn retry(self, policy: retry::Builder) -> ClientBuilder {
        self.with(|config| config.retry = policy)
    }

    /// Adds a proxy; the first that is for a request gets it. The environment's proxies are ignored then.
    pub fn proxy(self, proxy: Proxy) -> ClientBuilder {
        self.with(|config| {
            config.proxies.push(proxy.into_matcher());
            config.auto_sys_proxy = false;
        })
    }

    /// Uses no proxy, not even the environment's.
    pub fn no_proxy(self) -> ClientBuilder {
        self.with(|config| {
            config.proxies.clear();
            config.auto_sys_proxy = false;
        })
    }

    /// Limits the time of a whole call, from connecting to the end of the body. Default: no limit.
    pub fn timeout(self, timeout: Duration) -> ClientBuilder {
        self.with(|config| config.timeout = Some(timeout))
    }

    /// Limits the time until the head, and then from one piece of the body to the next. Default: no limit.
    pub fn read_timeout(self, timeout: Duration) -> ClientBuilder {
        self.with(|config| config.read_timeout = Some(timeout))
    }

    /// Limits the time of connecting: name, TCP and TLS. Default: no limit.
    pub fn connect_timeout(self, timeout: Duration) -> ClientBuilder {
        self.with(|config| config.wire.connect_timeout = Some(timeout))
    }

    /// Accepted without effect: connections are not logged.
    pub fn connection_verbose(self, _verbose: bool) -> ClientBuilder {
        self
    }

    /// Refuses all but `https`, redirects included. Default: off.
    pub fn https_only(self, enabled: bool) -> ClientBuilder {
        self.with(|config| config.https_only = enabled)
    }
}

/// HTTP/1.
impl ClientBuilder {
    /// Writes header names as `Accept-Encoding` instead of `accept-encoding`.
    pub fn http1_title_case_headers(self) -> ClientBuilder {
        self.with(|config| config.wire.title_case_headers = true)
    }

    /// Accepted without effect: folded lines are accepted anyway, joined by a space.
    pub fn http1_allow_obsolete_multiline_headers_in_responses(self, value: bool) -> ClientBuilder {
        self.note("http1_allow_obsolete_multiline_headers_in_responses", value)
    }

    /// Accepted without effect: a bad header ends the response.
    pub fn http1_ignore_invalid_headers_in_responses(self, value: bool) -> ClientBuilder {
        self.note("http1_ignore_invalid_headers_in_responses", value)
    }

    /// Accepted without effect: white space before a colon is refused.
    pub fn http1_allow_spaces_after_header_name_in_responses(self, value: bool) -> ClientBuilder {
        self.note("http1_allow_spaces_after_header_name_in_responses", value)
    }

    /// Limits the header fields of a response. Default: 256.
    pub fn http1_max_headers(self, max: usize) -> ClientBuilder {
        self.with(|config| config.wire.max_headers = Some(max))
    }

    /// Speaks HTTP/1 only: HTTP/2 is not offered to servers.
    pub fn http1_only(self) -> ClientBuilder {
        self.with(|config| config.http_version = HttpVersion::Http1)
    }

    /// Accepted without effect: a response without a head is refused.
    pub fn http09_responses(self) -> ClientBuilder {
        self
    }
}

/// HTTP/2, which servers of `https` URLs may choose in the handshake.
///
/// A value that no connection can have is an error of [`build`](ClientBuilder::build).
#[cfg(feature = "http2")]
impl ClientBuilder {
    /// Speaks HTTP/2 only: with servers of `http` URLs unasked, in the handshake with those of `https` URLs it alone is offered.
    ///
    /// A proxy that is handed requests of `http` URLs is spoken to in HTTP/1.1.
    pub fn http2_prior_knowledge(self) -> ClientBuilder {
        self.with(|config| config.http_version = HttpVersion::Http2)
    }

    /// Sets how many bytes a server may send on one stream before some of them are read. Default: 2 MiB.
    pub fn http2_initial_stream_window_size(self, sz: impl Into<Option<u32>>) -> ClientBuilder {
        self.http2(|http2| http2.stream_window = sz.into())
    }

    /// Sets how many bytes a server may send on all streams of a connection before some of them are read. Default: 16 MiB.
    pub fn http2_initial_connection_window_size(self, sz: impl Into<Option<u32>>) -> ClientBuilder {
        self.http2(|http2| http2.connection_window = sz.into())
    }

    /// Lets both windows grow from 64 KiB to what the connection carries, whatever sizes were set. Default: off.
    pub fn http2_adaptive_window(self, enabled: bool) -> ClientBuilder {
        self.http2(|http2| http2.adaptive_window = enabled)
    }

    /// Sets the largest frame that a server may send, in bytes. Default: 16 KiB.
    pub fn http2_max_frame_size(self, sz: impl Into<Option<u32>>) -> ClientBuilder {
        self.http2(|http2| http2.max_frame_size = sz.into())
    }

    /// Limits the headers of a response, in bytes, with 32 for each field besides its name and value. Default: 256 KiB.
    pub fn http2_max_header_list_size(self, max_header_size_bytes: u32) -> ClientBuilder {
        self.http2(|http2| http2.max_header_list_size = Some(max_header_size_bytes))
    }

    /// Sends a PING on a connection from which nothing was heard for so long. Default: `None`, none is sent.
    pub fn http2_keep_alive_interval(self, interval: impl Into<Option<Duration>>) -> ClientBuilder {
        self.http2(|http2| http2.keep_alive_interval = interval.into())
    }

    /// Sets how long the answer to such a PING may take before the connection is given up. Default: 20 seconds.
    pub fn http2_keep_alive_timeout(self, timeout: Duration) -> ClientBuilder {
        self.http2(|http2| http2.keep_alive_timeout = Some(timeout))
    }

    /// Sends the PINGs while no request is open too, or not. Default: not.
    pub fn http2_keep_alive_while_idle(self, enabled: bool) -> ClientBuilder {
        self.http2(|http2| http2.keep_alive_while_idle = enabled)
    }

    fn http2(self, change: impl FnOnce(&mut Http2)) -> Self {
        self.with(|config| change(&mut config.wire.http2))
    }
}

/// HTTP/3, which is not spoken yet.
#[cfg(feature = "http3")]
impl ClientBuilder {
    /// Accepted without effect so far.
    pub fn tls_early_data(self, _enabled: bool) -> ClientBuilder {
        self
    }
}

/// Connections and names.
impl ClientBuilder {
    /// Closes connections that were idle for so long. Default: 90 seconds.
    pub fn pool_idle_timeout<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|config| config.wire.pool_idle_timeout = val.into())
    }

    /// Keeps so many idle connections; 0 keeps none. Default: no limit.
    pub fn pool_max_idle_per_host(self, max: usize) -> ClientBuilder {
        self.with(|config| config.wire.pool_max_idle_per_host = max)
    }

    /// Sets TCP_NODELAY. Default: on.
    pub fn tcp_nodelay(self, enabled: bool) -> ClientBuilder {
        self.with(|config| config.wire.nodelay = enabled)
    }

    /// Connects from this address.
    pub fn local_address<T: Into<Option<IpAddr>>>(self, addr: T) -> ClientBuilder {
        self.with(|config| config.wire.local_address = addr.into())
    }

    /// Connects from this network interface.
    #[cfg(any(
        target_os = "android",
        target_os = "fuchsia",
        target_os = "illumos",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "solaris",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    ))]
    pub fn interface(self, interface: &str) -> ClientBuilder {
        self.with(|config| config.wire.interface = Some(interface.to_owned()))
    }

    /// Sets how long a connection is silent before TCP keep-alive probes begin. Default: 15 seconds.
    pub fn tcp_keepalive<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|config| config.wire.tcp_keepalive = val.into())
    }

    /// Sets the time between TCP keep-alive probes. Default: 15 seconds.
    pub fn tcp_keepalive_interval<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|config| config.wire.tcp_keepalive_interval = val.into())
    }

    /// Sets how many TCP keep-alive probes may stay without an answer. Default: 3.
    pub fn tcp_keepalive_retries<C: Into<Option<u32>>>(self, retries: C) -> ClientBuilder {
        self.with(|config| config.wire.tcp_keepalive_retries = retries.into())
    }

    /// Sets how long sent bytes may stay without an acknowledgement. Default: 30 seconds.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn tcp_user_timeout<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|config| config.wire.tcp_user_timeout = val.into())
    }

    /// Connects to a Unix socket, whatever host the URL names; proxies are ignored then.
    #[cfg(unix)]
    pub fn unix_socket(self, path: impl crate::connect::UnixSocketProvider) -> ClientBuilder {
        let path = path
            .reqwest_uds_path(crate::connect::Internal::new())
            .into();
        self.with(|config| config.wire.unix_socket = Some(path))
    }

    /// Accepted without effect: names are looked up by the system, or by [`dns_resolver`](ClientBuilder::dns_resolver).
    #[cfg(feature = "hickory-dns")]
    pub fn hickory_dns(self, _enable: bool) -> ClientBuilder {
        self
    }

    /// Accepted without effect, as [`hickory_dns`](ClientBuilder::hickory_dns).
    #[cfg(feature = "hickory-dns")]
    #[doc(hidden)]
    pub fn trust_dns(self, _enable: bool) -> ClientBuilder {
        self
    }

    /// Accepted without effect: the resolver is not compiled in.
    pub fn no_hickory_dns(self) -> ClientBuilder {
        self
    }

    /// Accepted without effect: the resolver is not compiled in.
    #[doc(hidden)]
    pub fn no_trust_dns(self) -> ClientBuilder {
        self
    }

    /// Connects to this address for a host. A port in the URL wins; an address's port 0 stands for the scheme's.
    pub fn resolve(self, domain: &str, addr: SocketAddr) -> ClientBuilder {
        self.resolve_to_addrs(domain, &[addr])
    }

    /// Connects to these addresses for a host, as [`resolve`](ClientBuilder::resolve) does to one.
    pub fn resolve_to_addrs(self, domain: &str, addrs: &[SocketAddr]) -> ClientBuilder {
        self.with(|config| {
            let domain = domain.to_ascii_lowercase();
            config.wire.dns_overrides.insert(domain, addrs.to_vec());
        })
    }

    /// Looks names up by this resolver.
    pub fn dns_resolver<R: crate::dns::IntoResolve>(self, resolver: R) -> ClientBuilder {
        self.with(|config| config.wire.dns_resolver = Some(resolver.into_resolve()))
    }

    /// Wraps the step that connects in a tower layer; the last given is outermost, the connect timeout around all.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let client = reqwest::Client::builder()
    ///     .connector_layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(3)))
    ///     .build()?;
    /// # Ok::<(), reqwest::Error>(())
    /// ```
    pub fn connector_layer<L>(self, layer: L) -> ClientBuilder
    where
        L: Layer<BoxedConnectorService> + Clone + Send + Sync + 'static,
        L::Service:
            Service<Unnameable, Response = Conn, Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Unnameable>>::Future: Send + 'static,
    {
        self.with(|config| config.layers.push(BoxCloneSyncServiceLayer::new(layer)))
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        ClientBuilder::new()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("ClientBuilder");
        self.config.fmt_fields(&mut fields);
        fields.finish()
    }
}
