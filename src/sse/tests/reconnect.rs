//! When to connect again, as tables.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::RETRY_AFTER;

use super::*;

fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn the_head_says_what_follows() {
    let events = headers(&[(CONTENT_TYPE, "text/event-stream")]);
    let later = headers(&[(RETRY_AFTER, "20")]);
    let page = headers(&[(CONTENT_TYPE, "text/html")]);
    let cases = [
        (200, &events, "Events"),
        (201, &events, "Events"),
        (200, &page, "Other"),
        (204, &events, "NoMore"),
        (204, &page, "NoMore"),
        (205, &page, "Other"),
        (503, &later, "Later(Some(20s))"),
        (503, &page, "Later(None)"),
        (429, &events, "Later(None)"),
        (500, &later, "BadStatus"),
        (404, &events, "BadStatus"),
        (302, &events, "BadStatus"),
        (304, &events, "BadStatus"),
    ];
    for (status, headers, expected) in cases {
        let status = StatusCode::from_u16(status).unwrap();
        let verdict = judge(status, headers, &STATUSES, || SystemTime::UNIX_EPOCH);
        let found = format!("{verdict:?}");
        assert!(found.starts_with(expected), "{status}: {found}");
    }
}

#[test]
fn the_type_is_compared_without_case_and_parameters() {
    for good in [
        "text/event-stream",
        "Text/Event-Stream ; charset=utf-8",
        "text/event-stream;charset=latin-1",
    ] {
        let headers = headers(&[(CONTENT_TYPE, good)]);
        assert!(of_events(StatusCode::OK, &headers).is_ok(), "{good}");
    }
    let long: &'static str = "x".repeat(5000).leak();
    let cases = [
        (Some("text/html; charset=utf-8"), 200, "found `text/html`"),
        (
            Some("text/event-streams"),
            200,
            "found `text/event-streams`",
        ),
        (Some(""), 200, "found ``"),
        (None, 200, "found no content-type"),
        (
            Some("application/json"),
            404,
            "found `application/json`, with the status 404",
        ),
        (Some(long), 200, &format!("found `{}`", &long[..100])),
    ];
    for (bad, status, expected) in cases {
        let headers = match bad {
            Some(bad) => headers(&[(CONTENT_TYPE, bad)]),
            None => HeaderMap::new(),
        };
        let status = StatusCode::from_u16(status).unwrap();
        let error = of_events(status, &headers).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
        let text = error.to_string();
        assert!(
            text.ends_with(&format!(
                "expected a body of `text/event-stream`, {expected}"
            )),
            "{text}"
        );
    }
}

#[test]
fn waits_are_no_shorter_than_asked_and_grow() {
    let ms = Duration::from_millis;
    // The reconnection time, how many in a row, the least and the most.
    let cases = [
        (ms(3000), 1, ms(3000), ms(3750)),
        (ms(3000), 2, ms(3000), ms(6000)),
        (ms(3000), 3, ms(3000), ms(12_000)),
        (ms(3000), 9, ms(3000), ms(60_000)),
        (ms(3000), u32::MAX, ms(3000), ms(60_000)),
        (ms(0), 1, ms(0), ms(0)),
        (ms(0), 2, ms(0), ms(200)),
        (ms(120_000), 5, ms(120_000), ms(150_000)),
    ];
    for (time, in_a_row, least, most) in cases {
        assert_eq!(wait(time, in_a_row, 0.0), least);
        assert_eq!(wait(time, in_a_row, 1.0), most, "{time:?}, {in_a_row}");
    }
    for in_a_row in [1, 2, u32::MAX] {
        assert!(wait(Duration::MAX, in_a_row, 0.9) >= Duration::MAX);
        let longest = ms(u64::MAX);
        assert!(wait(longest, in_a_row, 0.9) >= longest);
    }
}

#[test]
fn connections_are_counted_between_events() {
    let mut reconnects = Reconnects::new();
    assert_eq!(reconnects.next(None, None), None, "none was open yet");
    reconnects.initial = true;
    assert!(reconnects.next(None, None).is_some());
    reconnects.initial = false;
    reconnects.opened = true;
    reconnects.most = Some(2);
    reconnects.succeed();
    assert!(reconnects.next(None, None).is_some());
    assert!(reconnects.next(None, None).is_some());
    assert_eq!(reconnects.next(None, None), None);
    reconnects.succeed();
    let hour = Duration::from_secs(3600);
    assert_eq!(reconnects.next(None, Some(hour)), Some(hour));
    reconnects.succeed();
    let wait = reconnects.next(Some(hour), Some(Duration::ZERO));
    assert!(wait >= Some(hour));
    reconnects.most = Some(0);
    reconnects.succeed();
    assert_eq!(reconnects.next(None, None), None);
}

#[test]
fn the_network_may_get_better_and_mistakes_do_not() {
    use ErrorKind::*;
    for kind in [
        ConnectTimeout,
        ReadTimeout,
        WriteTimeout,
        PoolTimeout,
        TotalTimeout,
        ConnectError,
        ReadError,
        WriteError,
        CloseError,
        RemoteProtocolError,
        ProxyError,
        DecodingError,
    ] {
        assert!(may_pass(&Error::new(kind, "")), "{kind:?}");
    }
    for kind in [
        LocalProtocolError,
        UnsupportedProtocol,
        TooManyRedirects,
        HttpStatus,
        LimitExceeded,
        ClientClosed,
        BodyNotReplayable,
        InvalidUrl,
        Builder,
        App,
    ] {
        assert!(!may_pass(&Error::new(kind, "")), "{kind:?}");
    }
}
