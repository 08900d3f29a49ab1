//! What a client can be told about HTTP/2.

use std::time::Duration;

/// How connections that speak HTTP/2 are opened and kept; for what is `None`, dimorph's defaults count.
#[derive(Clone, Copy, Default)]
pub(crate) struct Http2 {
    pub(crate) stream_window: Option<u32>,
    pub(crate) connection_window: Option<u32>,
    pub(crate) adaptive_window: bool,
    pub(crate) max_frame_size: Option<u32>,
    pub(crate) max_header_list_size: Option<u32>,
    pub(crate) keep_alive_interval: Option<Duration>,
    pub(crate) keep_alive_timeout: Option<Duration>,
    pub(crate) keep_alive_while_idle: bool,
}

impl Http2 {
    /// The windows of stream and connection. Adaptive ones begin with what every connection begins with (RFC 9113 section 6.9.2),
    /// whatever else was set.
    pub(crate) fn windows(&self) -> (Option<u32>, Option<u32>) {
        const INITIAL: Option<u32> = Some(65_535);
        match self.adaptive_window {
            true => (INITIAL, INITIAL),
            false => (self.stream_window, self.connection_window),
        }
    }
}

/// Tells one of dimorph's builders: for both forms.
macro_rules! http2_options {
    ($builder:expr, $channel:expr) => {{
        let channel: &$crate::config::Channel = $channel;
        let http2 = &channel.wire.http2;
        let mut builder = match channel.http_version {
            $crate::config::HttpVersion::All => $builder,
            $crate::config::HttpVersion::Http1 => $builder.http2(false),
            $crate::config::HttpVersion::Http2 => $builder.http2_prior_knowledge(),
        };
        let (stream_window, connection_window) = http2.windows();
        if let Some(bytes) = stream_window {
            builder = builder.http2_initial_stream_window_size(bytes);
        }
        if let Some(bytes) = connection_window {
            builder = builder.http2_initial_connection_window_size(bytes);
        }
        if let Some(bytes) = http2.max_frame_size {
            builder = builder.http2_max_frame_size(bytes);
        }
        if let Some(bytes) = http2.max_header_list_size {
            builder = builder.http2_max_header_list_size(bytes);
        }
        if let Some(limit) = http2.keep_alive_timeout {
            builder = builder.http2_keep_alive_timeout(limit);
        }
        builder
            .http2_adaptive_window(http2.adaptive_window)
            .http2_keep_alive_interval(http2.keep_alive_interval)
            .http2_keep_alive_while_idle(http2.keep_alive_while_idle)
    }};
}
pub(crate) use http2_options;
