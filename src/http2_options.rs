//! The options of HTTP/2 connections, their defaults and ranges.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{Error, Result};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// What a flow-control window can be (RFC 9113 section 6.9.1).
const WINDOWS: RangeInclusive<u32> = 1..=(1 << 31) - 1;
/// What SETTINGS_MAX_FRAME_SIZE can be (RFC 9113 section 6.5.2).
const FRAME_SIZES: RangeInclusive<u32> = 16_384..=(1 << 24) - 1;

/// How connections that speak HTTP/2 are opened and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Http2Options {
    /// Bytes that the server may send on one stream before we take some.
    pub(crate) stream_window: u32,
    /// Bytes that the server may send on all streams together before we take some.
    pub(crate) connection_window: u32,
    /// Both windows grow to what the connection can carry.
    pub(crate) adaptive_window: bool,
    /// The payload of the largest frame that the server may send.
    pub(crate) max_frame_size: u32,
    /// Bytes of one header list as RFC 9113 section 10.5.1 counts them: names, values, and 32 for each field.
    pub(crate) max_header_list_size: u32,
    /// How long nothing is heard before a PING asks; `None`: none is sent.
    pub(crate) keep_alive_interval: Option<Duration>,
    /// How long its answer may take.
    pub(crate) keep_alive_timeout: Duration,
    /// PINGs are sent while no stream is open, too.
    pub(crate) keep_alive_while_idle: bool,
}

impl Default for Http2Options {
    fn default() -> Self {
        Http2Options {
            stream_window: 2 * MIB,
            connection_window: 16 * MIB,
            adaptive_window: false,
            max_frame_size: 16 * KIB,
            max_header_list_size: 256 * KIB,
            keep_alive_interval: None,
            keep_alive_timeout: Duration::from_secs(20),
            keep_alive_while_idle: false,
        }
    }
}

impl Http2Options {
    /// Looks for values that no connection can have.
    ///
    /// # Errors
    /// Of kind `Builder`, with the option's name and its range.
    pub(crate) fn check(&self) -> Result<()> {
        let numbers = [
            (
                "http2_initial_stream_window_size",
                self.stream_window,
                WINDOWS,
            ),
            (
                "http2_initial_connection_window_size",
                self.connection_window,
                WINDOWS,
            ),
            ("http2_max_frame_size", self.max_frame_size, FRAME_SIZES),
        ];
        for (option, value, range) in numbers {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                return Err(Error::builder(format!(
                    "{option}: {value} is not in {least}..={most}"
                )));
            }
        }
        let durations = [
            ("http2_keep_alive_interval", self.keep_alive_interval),
            ("http2_keep_alive_timeout", Some(self.keep_alive_timeout)),
        ];
        match durations
            .into_iter()
            .find(|(_, duration)| *duration == Some(Duration::ZERO))
        {
            Some((option, _)) => Err(Error::builder(format!(
                "{option}: a duration above zero is needed"
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn values_out_of_range_are_named_with_their_range() {
        type Change = fn(&mut Http2Options);
        let table: [(Change, &str); 18] = [
            (|_| {}, ""),
            (|o| o.stream_window = 1, ""),
            (|o| o.stream_window = i32::MAX as u32, ""),
            (
                |o| o.stream_window = 0,
                "http2_initial_stream_window_size: 0 is not in 1..=2147483647",
            ),
            (
                |o| o.stream_window = 1 << 31,
                "http2_initial_stream_window_size: 2147483648 is not in 1..=2147483647",
            ),
            (|o| o.connection_window = 1, ""),
            (|o| o.connection_window = i32::MAX as u32, ""),
            (
                |o| o.connection_window = 0,
                "http2_initial_connection_window_size: 0 is not in 1..=2147483647",
            ),
            (
                |o| o.connection_window = u32::MAX,
                "http2_initial_connection_window_size: 4294967295 is not in 1..=2147483647",
            ),
            (|o| o.max_frame_size = 16_384, ""),
            (|o| o.max_frame_size = 16_777_215, ""),
            (
                |o| o.max_frame_size = 16_383,
                "http2_max_frame_size: 16383 is not in 16384..=16777215",
            ),
            (
                |o| o.max_frame_size = 1 << 24,
                "http2_max_frame_size: 16777216 is not in 16384..=16777215",
            ),
            (
                |o| o.keep_alive_interval = Some(Duration::from_nanos(1)),
                "",
            ),
            (
                |o| o.keep_alive_interval = Some(Duration::ZERO),
                "http2_keep_alive_interval: a duration above zero is needed",
            ),
            (|o| o.keep_alive_timeout = Duration::MAX, ""),
            (
                |o| o.keep_alive_timeout = Duration::ZERO,
                "http2_keep_alive_timeout: a duration above zero is needed",
            ),
            // No header fits then, as with max_head_bytes(0).
            (|o| o.max_header_list_size = 0, ""),
        ];
        for (change, expected) in table {
            let mut options = Http2Options::default();
            change(&mut options);
            let error = options.check().err();
            let message = error.as_ref().map_or("", |error| error.message());
            assert_eq!(message, expected);
            if let Some(error) = error {
                assert_eq!(error.kind(), ErrorKind::Builder);
            }
        }
    }

    #[test]
    fn the_defaults_are_those_that_the_builder_documents() {
        let options = Http2Options::default();
        assert_eq!(
            (options.stream_window, options.connection_window),
            (2_097_152, 16_777_216)
        );
        assert_eq!(
            (options.max_frame_size, options.max_header_list_size),
            (16_384, 262_144)
        );
        assert_eq!(
            (options.keep_alive_interval, options.keep_alive_timeout),
            (None, Duration::from_secs(20))
        );
        assert!(!options.adaptive_window && !options.keep_alive_while_idle);
    }
}
