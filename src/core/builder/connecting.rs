//! Options of a client: how connections are made.

use std::sync::Arc;
use std::time::Duration;

use super::ClientBuilder;
use crate::dial::Resolve;
use crate::pairs::{IntoAddresses, IntoLocalAddress};

impl ClientBuilder {
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
}
