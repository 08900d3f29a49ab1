use std::collections::HashMap;

use http::header::{ACCEPT, AUTHORIZATION, COOKIE};

use super::*;
use crate::config::Config;
use crate::redirect::Policy;

fn rules(change: impl FnOnce(&mut Config)) -> Arc<Rules> {
    let mut config = Config {
        auto_sys_proxy: false,
        ..Config::default()
    };
    change(&mut config);
    config.build().unwrap().rules
}

fn head(method: Method, url: &str) -> RequestHead {
    RequestHead::new(method, url.parse().unwrap())
}

fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs: HashMap<String, String> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    HeaderMap::try_from(&pairs).unwrap()
}

#[test]
fn a_call_begins_with_an_allowed_url_only() {
    let cases = [
        ("http://a/", false, true),
        ("https://a/", true, true),
        ("http://a/", true, false),
        ("ftp://a/", false, false),
    ];
    for (url, https_only, allowed) in cases {
        let rules = rules(|config| config.https_only = https_only);
        let call = Call::begin(&rules, head(Method::GET, url), Content::Gone);
        assert_eq!(
            call.as_ref().err().map(Error::is_builder),
            (!allowed).then_some(true),
            "{url}"
        );
    }
}

#[test]
fn a_redirect_changes_the_method_and_drops_the_body_as_the_status_says() {
    let cases = [
        (301, "POST", Some("GET")),
        (302, "POST", Some("GET")),
        (301, "PUT", Some("PUT")),
        (303, "PUT", Some("GET")),
        (303, "HEAD", Some("HEAD")),
        (307, "POST", Some("POST")),
        (308, "DELETE", Some("DELETE")),
        (304, "GET", None),
        (200, "GET", None),
    ];
    for (status, method, expected) in cases {
        let rules = rules(|_| ());
        let mut head = head(method.parse().unwrap(), "http://a/x#f");
        head.headers = map(&[("content-type", "text/plain"), ("content-length", "1")]);
        let mut call = Call::begin(&rules, head, Content::Bytes(Bytes::from_static(b"b"))).unwrap();
        let first = call.hop().unwrap();
        assert!(!first.request.headers().contains_key(REFERER));
        let answer = map(&[("location", "/y#g")]);
        let next = call
            .received(StatusCode::from_u16(status).unwrap(), &answer)
            .unwrap();
        let Some(expected) = expected else {
            assert_eq!(next, Next::Deliver);
            continue;
        };
        let hop = call.hop().unwrap();
        assert_eq!(hop.request.method().as_str(), expected, "{status} {method}");
        assert_eq!(hop.request.url().as_str(), "http://a/y");
        assert_eq!(hop.request.headers()[REFERER], "http://a/x");
        let carries = matches!(status, 307 | 308) || expected == "PUT";
        assert_eq!(hop.request.headers().contains_key(CONTENT_TYPE), carries);
        assert_eq!(hop.request.content().unwrap().is_empty(), !carries);
    }
}

#[test]
fn a_stream_goes_once_and_keeps_the_redirect_that_asks_for_it_again() {
    for (status, expected) in [(307, Next::Deliver), (303, Next::Again)] {
        let head = head(Method::POST, "http://a/");
        let mut call = Call::begin(&rules(|_| ()), head, Content::Stream).unwrap();
        assert!(call.hop().unwrap().takes_stream);
        let status = StatusCode::from_u16(status).unwrap();
        let next = call.received(status, &map(&[("location", "/b")])).unwrap();
        assert_eq!(next, expected);
        assert!(!call.hop().unwrap().takes_stream);
    }
}

#[test]
fn credentials_that_were_dropped_do_not_come_back() {
    let mut head = head(Method::GET, "http://a/");
    head.headers = map(&[("authorization", "x"), ("cookie", "a=b"), ("host", "h")]);
    let mut call = Call::begin(&rules(|_| ()), head, Content::Bytes(Bytes::new())).unwrap();
    for (to, kept) in [
        ("/1", true),
        ("http://b/", false),
        ("/2", false),
        ("http://a/", false),
    ] {
        call.received(StatusCode::FOUND, &map(&[("location", to)]))
            .unwrap();
        let headers = call.hop().unwrap().request.headers().clone();
        assert_eq!(headers.contains_key(AUTHORIZATION), kept, "{to}");
        assert_eq!(headers.contains_key(COOKIE), kept, "{to}");
        assert_eq!(headers[ACCEPT], "*/*");
    }
}

#[test]
fn a_redirect_that_is_not_followed_is_delivered_or_is_an_error() {
    enum Is {
        Delivered,
        Builder,
        Redirect,
    }
    let cases = [
        ("http://[::1", Is::Delivered),
        ("http://{{host}}/", Is::Delivered),
        ("ftp://a/", Is::Builder),
        ("http://plain/", Is::Redirect),
        ("https://stop/", Is::Delivered),
        ("https://fail/", Is::Redirect),
    ];
    for (to, expected) in cases {
        let rules = rules(|config| {
            config.https_only = true;
            config.redirect = Policy::custom(|attempt| match attempt.url().host_str() {
                Some("stop") => attempt.stop(),
                Some("fail") => attempt.error("no"),
                _ => attempt.follow(),
            });
        });
        let head = head(Method::GET, "https://a/");
        let mut call = Call::begin(&rules, head, Content::Bytes(Bytes::new())).unwrap();
        let next = call.received(StatusCode::FOUND, &map(&[("location", to)]));
        match expected {
            Is::Delivered => assert_eq!(next.unwrap(), Next::Deliver, "{to}"),
            Is::Builder => assert!(next.unwrap_err().is_builder(), "{to}"),
            Is::Redirect => assert!(next.unwrap_err().is_redirect(), "{to}"),
        }
    }
}

#[test]
fn retries_are_counted_for_each_request() {
    let rules = rules(|config| {
        config.retry = retry::for_host("a")
            .classify_fn(|answer| match answer.status() {
                Some(StatusCode::BAD_GATEWAY) => answer.retryable(),
                _ => answer.success(),
            })
            .max_retries_per_request(1);
    });
    let begin = |content| Call::begin(&rules, head(Method::PUT, "http://a/"), content).unwrap();
    let none = HeaderMap::new();
    let mut call = begin(Content::Bytes(Bytes::new()));
    assert_eq!(
        call.received(StatusCode::BAD_GATEWAY, &none).unwrap(),
        Next::Again
    );
    assert_eq!(
        call.received(StatusCode::BAD_GATEWAY, &none).unwrap(),
        Next::Deliver
    );
    let mut call = begin(Content::Gone);
    assert_eq!(
        call.received(StatusCode::BAD_GATEWAY, &none).unwrap(),
        Next::Deliver
    );
    let mut call = begin(Content::Bytes(Bytes::new()));
    call.failed(dimorph::Error::other("lost")).unwrap_err();
}

#[test]
fn versions_that_are_not_spoken_are_refused() {
    use HttpVersion::{All, Http1, Http2};
    const H2: bool = cfg!(feature = "http2");
    const HTTP: &str = "http://a/";
    const HTTPS: &str = "https://a/";
    for (version, client, url, sent) in [
        (Version::HTTP_10, All, HTTP, Some(Version::HTTP_10)),
        (Version::HTTP_11, All, HTTP, Some(Version::HTTP_11)),
        (Version::HTTP_2, All, HTTP, None),
        (Version::HTTP_2, All, HTTPS, H2.then_some(Version::HTTP_2)),
        (Version::HTTP_3, All, HTTPS, None),
        (Version::HTTP_09, All, HTTP, None),
        (Version::HTTP_2, Http1, HTTPS, None),
        (Version::HTTP_10, Http2, HTTP, Some(Version::HTTP_11)),
        (Version::HTTP_11, Http2, HTTP, Some(Version::HTTP_11)),
        (Version::HTTP_2, Http2, HTTP, Some(Version::HTTP_2)),
        (Version::HTTP_3, Http2, HTTPS, None),
    ] {
        let mut head = head(Method::GET, url);
        head.version = version;
        let rules = rules(|config| config.http_version = client);
        let mut call = Call::begin(&rules, head, Content::Bytes(Bytes::new())).unwrap();
        let found = call.hop().ok().map(|hop| hop.request.version());
        assert_eq!(found, sent, "{version:?} {client:?} {url}");
    }
}
