//! The options of a blocking client: those of the async one, with a timeout of its own.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue};
use tower_layer::Layer;
use tower_service::Service;

use super::Client;
use crate::connect::{BoxedConnectorService, Conn, Unnameable};
use crate::dns::Resolve;
use crate::error::BoxError;
use crate::{Proxy, redirect, retry};

/// The configuration of a client in the making; what is bad about it is kept, and returned by
/// [`build`](ClientBuilder::build).
#[must_use = "a builder makes a client when it is built"]
pub struct ClientBuilder {
    pub(super) inner: crate::ClientBuilder,
    pub(super) timeout: Option<Duration>,
}

/// How long a client waits that was told nothing about it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl ClientBuilder {
    /// Begins with the defaults.
    pub fn new() -> Self {
        crate::ClientBuilder::new().into()
    }

    /// Makes the client.
    ///
    /// # Errors
    /// A builder error for what was bad about an option.
    pub fn build(self) -> crate::Result<Client> {
        Client::from_builder(self)
    }

    /// Sets the timeout (default: 30 seconds): from the call to the head of the response, redirects included, and
    /// then for each wait for the body. `None` means none.
    pub fn timeout<T: Into<Option<Duration>>>(mut self, timeout: T) -> ClientBuilder {
        self.timeout = timeout.into();
        self
    }

    /// Limits the time until a connection stands (default: the timeout's alone); `None` changes nothing.
    pub fn connect_timeout<T: Into<Option<Duration>>>(self, timeout: T) -> ClientBuilder {
        match timeout.into() {
            Some(limit) => self.with(|inner| inner.connect_timeout(limit)),
            None => self,
        }
    }

    /// Looks up names by a resolver of one's own.
    pub fn dns_resolver<R: Resolve + 'static>(self, resolver: Arc<R>) -> ClientBuilder {
        self.with(|inner| inner.dns_resolver(resolver))
    }

    /// Wraps the step that connects in a layer; the last given is outermost.
    ///
    /// A layer is async: with one, a connection is made under a small runtime of its own, on a thread of its own.
    pub fn connector_layer<L>(self, layer: L) -> ClientBuilder
    where
        L: Layer<BoxedConnectorService> + Clone + Send + Sync + 'static,
        L::Service:
            Service<Unnameable, Response = Conn, Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Unnameable>>::Future: Send + 'static,
    {
        self.with(|inner| inner.connector_layer(layer))
    }

    pub(super) fn with(
        mut self,
        change: impl FnOnce(crate::ClientBuilder) -> crate::ClientBuilder,
    ) -> ClientBuilder {
        self.inner = change(self.inner);
        self
    }

    /// Sets the `user-agent` (default: none).
    pub fn user_agent<V>(self, value: V) -> ClientBuilder
    where
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        self.with(|inner| inner.user_agent(value))
    }

    /// Sets headers for every request that does not name them itself.
    pub fn default_headers(self, headers: HeaderMap) -> ClientBuilder {
        self.with(|inner| inner.default_headers(headers))
    }

    /// Keeps cookies in a store of the client's own.
    #[cfg(feature = "cookies")]
    pub fn cookie_store(self, enable: bool) -> ClientBuilder {
        self.with(|inner| inner.cookie_store(enable))
    }

    /// Keeps cookies in the given store.
    #[cfg(feature = "cookies")]
    pub fn cookie_provider<C: crate::cookie::CookieStore + 'static>(
        self,
        cookie_store: Arc<C>,
    ) -> ClientBuilder {
        self.with(|inner| inner.cookie_provider(cookie_store))
    }

    /// Sets whether `gzip` is asked for and decoded (default: it is).
    #[cfg(feature = "gzip")]
    pub fn gzip(self, enable: bool) -> ClientBuilder {
        self.with(|inner| inner.gzip(enable))
    }

    /// Sets whether `br` is asked for and decoded (default: it is).
    #[cfg(feature = "brotli")]
    pub fn brotli(self, enable: bool) -> ClientBuilder {
        self.with(|inner| inner.brotli(enable))
    }

    /// Sets whether `zstd` is asked for and decoded (default: it is).
    #[cfg(feature = "zstd")]
    pub fn zstd(self, enable: bool) -> ClientBuilder {
        self.with(|inner| inner.zstd(enable))
    }

    /// Sets whether `deflate` is asked for and decoded (default: it is).
    #[cfg(feature = "deflate")]
    pub fn deflate(self, enable: bool) -> ClientBuilder {
        self.with(|inner| inner.deflate(enable))
    }

    /// Neither asks for `gzip` nor decodes it, whichever features are on.
    pub fn no_gzip(self) -> ClientBuilder {
        self.with(|inner| inner.no_gzip())
    }

    /// Neither asks for `br` nor decodes it, whichever features are on.
    pub fn no_brotli(self) -> ClientBuilder {
        self.with(|inner| inner.no_brotli())
    }

    /// Neither asks for `zstd` nor decodes it, whichever features are on.
    pub fn no_zstd(self) -> ClientBuilder {
        self.with(|inner| inner.no_zstd())
    }

    /// Neither asks for `deflate` nor decodes it, whichever features are on.
    pub fn no_deflate(self) -> ClientBuilder {
        self.with(|inner| inner.no_deflate())
    }

    /// Sets which redirects are followed (default: up to ten).
    pub fn redirect(self, policy: redirect::Policy) -> ClientBuilder {
        self.with(|inner| inner.redirect(policy))
    }

    /// Sets what is retried.
    pub fn retry(self, policy: retry::Builder) -> ClientBuilder {
        self.with(|inner| inner.retry(policy))
    }

    /// Sets whether a redirected request has a `referer` (default: it has).
    pub fn referer(self, enable: bool) -> ClientBuilder {
        self.with(|inner| inner.referer(enable))
    }

    /// Adds a proxy; without one those of the environment are used.
    pub fn proxy(self, proxy: Proxy) -> ClientBuilder {
        self.with(|inner| inner.proxy(proxy))
    }

    /// Uses no proxy, not the environment's either.
    pub fn no_proxy(self) -> ClientBuilder {
        self.with(|inner| inner.no_proxy())
    }

    /// Accepted; nothing is logged.
    pub fn connection_verbose(self, verbose: bool) -> ClientBuilder {
        self.with(|inner| inner.connection_verbose(verbose))
    }

    /// Sets how long an idle connection is kept (default: 90 seconds).
    pub fn pool_idle_timeout<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|inner| inner.pool_idle_timeout(val))
    }

    /// Sets how many idle connections are kept (default: all).
    pub fn pool_max_idle_per_host(self, max: usize) -> ClientBuilder {
        self.with(|inner| inner.pool_max_idle_per_host(max))
    }

    /// Sends header names as `Title-Case` (default: in lower case).
    pub fn http1_title_case_headers(self) -> ClientBuilder {
        self.with(|inner| inner.http1_title_case_headers())
    }

    /// Accepted, without effect: folded lines are accepted anyway, joined by a space.
    pub fn http1_allow_obsolete_multiline_headers_in_responses(self, value: bool) -> ClientBuilder {
        self.with(|inner| inner.http1_allow_obsolete_multiline_headers_in_responses(value))
    }

    /// Accepted, without effect.
    pub fn http1_ignore_invalid_headers_in_responses(self, value: bool) -> ClientBuilder {
        self.with(|inner| inner.http1_ignore_invalid_headers_in_responses(value))
    }

    /// Accepted, without effect.
    pub fn http1_allow_spaces_after_header_name_in_responses(self, value: bool) -> ClientBuilder {
        self.with(|inner| inner.http1_allow_spaces_after_header_name_in_responses(value))
    }

    /// Sets how many headers a response may have.
    pub fn http1_max_headers(self, max: usize) -> ClientBuilder {
        self.with(|inner| inner.http1_max_headers(max))
    }

    /// Speaks HTTP/1.1 only.
    pub fn http1_only(self) -> ClientBuilder {
        self.with(|inner| inner.http1_only())
    }

    /// Accepted, without effect.
    pub fn http09_responses(self) -> ClientBuilder {
        self.with(|inner| inner.http09_responses())
    }

    /// Speaks HTTP/2 only: with servers of `http` URLs unasked, in the handshake with those of `https` URLs it alone is offered.
    #[cfg(feature = "http2")]
    pub fn http2_prior_knowledge(self) -> ClientBuilder {
        self.with(|inner| inner.http2_prior_knowledge())
    }

    /// Sets how many bytes a server may send on one stream before some of them are read (default: 2 MiB).
    #[cfg(feature = "http2")]
    pub fn http2_initial_stream_window_size(self, sz: impl Into<Option<u32>>) -> ClientBuilder {
        self.with(|inner| inner.http2_initial_stream_window_size(sz))
    }

    /// Sets how many bytes a server may send on all streams of a connection before some of them are read (default: 16 MiB).
    #[cfg(feature = "http2")]
    pub fn http2_initial_connection_window_size(self, sz: impl Into<Option<u32>>) -> ClientBuilder {
        self.with(|inner| inner.http2_initial_connection_window_size(sz))
    }

    /// Lets both windows grow from 64 KiB to what the connection carries, whatever sizes were set (default: off).
    #[cfg(feature = "http2")]
    pub fn http2_adaptive_window(self, enabled: bool) -> ClientBuilder {
        self.with(|inner| inner.http2_adaptive_window(enabled))
    }

    /// Sets the largest frame that a server may send, in bytes (default: 16 KiB).
    #[cfg(feature = "http2")]
    pub fn http2_max_frame_size(self, sz: impl Into<Option<u32>>) -> ClientBuilder {
        self.with(|inner| inner.http2_max_frame_size(sz))
    }

    /// Limits the headers of a response, in bytes, with 32 for each field besides its name and value (default: 256 KiB).
    #[cfg(feature = "http2")]
    pub fn http2_max_header_list_size(self, max_header_size_bytes: u32) -> ClientBuilder {
        self.with(|inner| inner.http2_max_header_list_size(max_header_size_bytes))
    }

    /// Sends a PING on a connection from which nothing was heard for so long (default: none is sent).
    #[cfg(feature = "http2")]
    pub fn http2_keep_alive_interval(self, interval: impl Into<Option<Duration>>) -> ClientBuilder {
        self.with(|inner| inner.http2_keep_alive_interval(interval))
    }

    /// Sets how long the answer to such a PING may take before the connection is given up (default: 20 seconds).
    #[cfg(feature = "http2")]
    pub fn http2_keep_alive_timeout(self, timeout: Duration) -> ClientBuilder {
        self.with(|inner| inner.http2_keep_alive_timeout(timeout))
    }

    /// Accepted, without effect: between calls this client sends nothing.
    #[cfg(feature = "http2")]
    pub fn http2_keep_alive_while_idle(self, enabled: bool) -> ClientBuilder {
        self.with(|inner| inner.http2_keep_alive_while_idle(enabled))
    }

    /// Sets `TCP_NODELAY` (default: on).
    pub fn tcp_nodelay(self, enabled: bool) -> ClientBuilder {
        self.with(|inner| inner.tcp_nodelay(enabled))
    }

    /// Connects from a local address.
    pub fn local_address<T: Into<Option<IpAddr>>>(self, addr: T) -> ClientBuilder {
        self.with(|inner| inner.local_address(addr))
    }

    /// Connects through a network interface.
    pub fn interface(self, interface: &str) -> ClientBuilder {
        self.with(|inner| inner.interface(interface))
    }

    /// Sets after how much silence a connection is probed (default: 15 seconds).
    pub fn tcp_keepalive<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|inner| inner.tcp_keepalive(val))
    }

    /// Sets how long to wait between two such probes (default: 15 seconds).
    pub fn tcp_keepalive_interval<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|inner| inner.tcp_keepalive_interval(val))
    }

    /// Sets after how many of them a connection is given up (default: 3).
    pub fn tcp_keepalive_retries<C: Into<Option<u32>>>(self, retries: C) -> ClientBuilder {
        self.with(|inner| inner.tcp_keepalive_retries(retries))
    }

    /// Sets how long sent bytes may stay without an answer (default: 30 seconds).
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn tcp_user_timeout<D: Into<Option<Duration>>>(self, val: D) -> ClientBuilder {
        self.with(|inner| inner.tcp_user_timeout(val))
    }

    /// Connects to a Unix socket, whatever the URL's host.
    #[cfg(unix)]
    pub fn unix_socket(self, path: impl crate::connect::UnixSocketProvider) -> ClientBuilder {
        self.with(|inner| inner.unix_socket(path))
    }

    /// Accepted, without effect: names are looked up by the system.
    #[cfg(feature = "hickory-dns")]
    pub fn hickory_dns(self, enable: bool) -> ClientBuilder {
        self.with(|inner| inner.hickory_dns(enable))
    }

    /// Accepted, without effect: names are looked up by the system anyway.
    pub fn no_hickory_dns(self) -> ClientBuilder {
        self.with(|inner| inner.no_hickory_dns())
    }

    /// [`hickory_dns`](Self::hickory_dns) by its name in 0.12.
    #[doc(hidden)]
    #[cfg(feature = "hickory-dns")]
    pub fn trust_dns(self, enable: bool) -> ClientBuilder {
        self.hickory_dns(enable)
    }

    /// [`no_hickory_dns`](Self::no_hickory_dns) by its name in 0.12.
    #[doc(hidden)]
    pub fn no_trust_dns(self) -> ClientBuilder {
        self.no_hickory_dns()
    }

    /// Refuses all URLs but `https` ones, those of redirects too.
    pub fn https_only(self, enabled: bool) -> ClientBuilder {
        self.with(|inner| inner.https_only(enabled))
    }

    /// Sets the address of a host.
    pub fn resolve(self, domain: &str, addr: SocketAddr) -> ClientBuilder {
        self.with(|inner| inner.resolve(domain, addr))
    }

    /// Sets the addresses of a host.
    pub fn resolve_to_addrs(self, domain: &str, addrs: &[SocketAddr]) -> ClientBuilder {
        self.with(|inner| inner.resolve_to_addrs(domain, addrs))
    }
}

/// The async builder's timeouts stay: its `timeout` is for a whole call, besides the one that this builder has.
impl From<crate::ClientBuilder> for ClientBuilder {
    fn from(inner: crate::ClientBuilder) -> Self {
        ClientBuilder {
            inner,
            timeout: Some(DEFAULT_TIMEOUT),
        }
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        ClientBuilder::new()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
