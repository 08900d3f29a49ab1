//! Options of a client: HTTP/2.

use std::time::Duration;

use super::ClientBuilder;

/// HTTP/2 (RFC 9113).
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
