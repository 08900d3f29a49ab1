//! Whether, and when, to connect again (WHATWG HTML section 9.2.3).

use std::time::{Duration, SystemTime};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::MEDIA_TYPE;
use crate::error::{Error, ErrorKind, Result};
use crate::text::essence;
use crate::transport::{fraction, retry_after_of};

/// The time between two connections where nobody says another one: the standard's "a few seconds", as Chromium has it.
const RETRY: Duration = Duration::from_secs(3);
/// What back-off begins with where the reconnection time is shorter.
const LEAST_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait that back-off makes.
const MOST_BACKOFF: Duration = Duration::from_secs(60);
/// The statuses of trouble that passes: too many requests, a gateway's upstream, an overloaded server.
const STATUSES: [u16; 4] = [429, 502, 503, 504];
/// How much of a wrong `content-type` an error repeats.
const SHOWN: usize = 100;

/// What is to be made of a response's head.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Its body is events.
    Events,
    /// 204: there is nothing more to come.
    NoMore,
    /// The server is in trouble that passes, perhaps after this long.
    Later(Option<Duration>),
    /// Its status is an error.
    BadStatus,
    /// Its body is something else.
    Other(Error),
}

/// Looks at the head of a response. The standard takes nothing but 200 and 204; here every 2xx may carry events.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    passing: &[u16],
    now: impl FnOnce() -> SystemTime,
) -> Verdict {
    match status.as_u16() {
        204 => Verdict::NoMore,
        _ if status.is_success() => match of_events(status, headers) {
            Ok(()) => Verdict::Events,
            Err(error) => Verdict::Other(error),
        },
        status if passing.contains(&status) => Verdict::Later(retry_after_of(headers, now)),
        _ => Verdict::BadStatus,
    }
}

/// Checks that a body is a stream of events.
pub(crate) fn of_events(status: StatusCode, headers: &HeaderMap) -> Result<()> {
    let message = match headers.get(CONTENT_TYPE).map(essence) {
        Some(essence) if essence.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()) => return Ok(()),
        Some(essence) => {
            let shown = &essence[..essence.len().min(SHOWN)];
            let shown = String::from_utf8_lossy(shown);
            format!(
                "expected a body of `{MEDIA_TYPE}`, found `{}`",
                shown.escape_debug()
            )
        }
        None => format!("expected a body of `{MEDIA_TYPE}`, found no content-type"),
    };
    let message = match status.is_success() {
        true => message,
        false => format!("{message}, with the status {}", status.as_u16()),
    };
    Err(Error::new(ErrorKind::RemoteProtocolError, message))
}

/// Tells whether what failed may work the next time: the network, a proxy, a peer that broke off.
pub(crate) fn may_pass(error: &Error) -> bool {
    error.is_timeout()
        || error.is_network()
        || matches!(
            error.kind(),
            // A stream that is cut off ends in the middle of a chunk, or of its coding.
            ErrorKind::RemoteProtocolError | ErrorKind::ProxyError | ErrorKind::DecodingError
        )
}

/// Counts connections, and says when the next one is due.
#[derive(Debug)]
pub(crate) struct Reconnects {
    /// How many are made in a row.
    pub(crate) most: Option<u32>,
    /// Also while there was no connection yet.
    pub(crate) initial: bool,
    pub(crate) statuses: Vec<u16>,
    /// The reconnection time where the server gave none.
    pub(crate) delay: Duration,
    /// A stream has been open.
    pub(crate) opened: bool,
    /// How many were made since the last event.
    in_a_row: u32,
}

impl Reconnects {
    pub(crate) fn new() -> Self {
        Reconnects {
            most: None,
            initial: false,
            statuses: STATUSES.to_vec(),
            delay: RETRY,
            opened: false,
            in_a_row: 0,
        }
    }

    /// Notes that an event came.
    pub(crate) fn succeed(&mut self) {
        self.in_a_row = 0;
    }

    /// How long to wait before the next connection; `None`: there is none.
    ///
    /// `retry` is what the stream said, `asked` what `Retry-After` says.
    pub(crate) fn next(
        &mut self,
        retry: Option<Duration>,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let allowed = self.opened || self.initial;
        if !allowed || self.most.is_some_and(|most| self.in_a_row >= most) {
            return None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let wait = wait(retry.unwrap_or(self.delay), self.in_a_row, fraction());
        Some(asked.map_or(wait, |asked| asked.max(wait)))
    }
}

/// The reconnection time, never less, and a random part of what back-off allows beyond it.
///
/// The first wait is up to a quarter longer, so that clients that lost one server do not come back together; the ceiling of
/// those after it doubles.
fn wait(time: Duration, in_a_row: u32, fraction: f64) -> Duration {
    let quarter_more = time.saturating_add(time / 4);
    let ceiling = match in_a_row {
        0 | 1 => quarter_more,
        _ => {
            let factor = 1u32.checked_shl(in_a_row - 1).unwrap_or(u32::MAX);
            let doubled = time.max(LEAST_BACKOFF).saturating_mul(factor);
            doubled.min(MOST_BACKOFF).max(quarter_more)
        }
    };
    time.saturating_add((ceiling - time).mul_f64(fraction))
}

#[cfg(test)]
#[path = "tests/reconnect.rs"]
mod tests;
