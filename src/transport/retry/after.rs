//! `Retry-After`: how long a server asks to wait (RFC 9110 section 10.2.3).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// Reads `Retry-After = HTTP-date / delay-seconds`; `None` where it is missing or neither.
///
/// A number too large to count is the longest time there is; a date that has passed is no time at all.
pub(super) fn retry_after(headers: &HeaderMap, date: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(date).unwrap_or_default())
}

/// The same for a response whose `date` says when it was made; `now` is asked where none does.
pub(crate) fn retry_after_of(
    headers: &HeaderMap,
    now: impl FnOnce() -> SystemTime,
) -> Option<Duration> {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let made = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    retry_after(headers, made.unwrap_or_else(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn seconds_and_all_three_forms_of_dates_are_read() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let cases: [(&[u8], Option<u64>); 22] = [
            (b"0", Some(0)),
            (b"120", Some(120)),
            (b" 3 ", Some(3)),
            (b"007", Some(7)),
            (b"99999999999999999999999", Some(u64::MAX)),
            (b"Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            (b"Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
            (b"Sun Nov  6 08:49:47 1994", Some(10)),
            (b"Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            (b"Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            (b"Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            (b"", None),
            (b"-1", None),
            (b"+1", None),
            (b"1.5", None),
            (b"1, 2", None),
            (b"1s", None),
            (b"soon", None),
            (b"Sun, 06 Nov 1994 08:49:47", None),
            (b"Sun, 31 Feb 1994 08:49:47 GMT", None),
            (b"Sun, 06 Nov 1994 25:49:47 GMT", None),
            (b"\xff", None),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
            let expected = expected.map(|secs| match secs {
                u64::MAX => Duration::MAX,
                secs => Duration::from_secs(secs),
            });
            let found = retry_after(&headers, date);
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(value));
        }
        assert_eq!(retry_after(&HeaderMap::new(), date), None);
    }

    #[test]
    fn a_date_counts_from_that_of_the_response_and_else_from_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let mut headers = HeaderMap::new();
        let until = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:47 GMT");
        headers.insert(RETRY_AFTER, until);
        let cases = [
            (None, 10),
            (Some("Sun, 06 Nov 1994 08:49:44 GMT"), 3),
            (Some("Sun, 06 Nov 1994 08:49:50 GMT"), 0),
            (Some("yesterday"), 10),
        ];
        for (date, seconds) in cases {
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            let found = retry_after_of(&headers, || now);
            assert_eq!(found, Some(Duration::from_secs(seconds)), "{date:?}");
        }
    }
}
