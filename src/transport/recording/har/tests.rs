//! HAR both ways: ours comes back as it was, a browser's is understood, a broken one is an error.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::write::Timing;
use super::{read as har_read, write as har_write};
use crate::error::{ErrorKind, Phase};
use crate::request::Request;
use crate::transport::recording::failure::Failure;
use crate::transport::recording::json::Json;
use crate::transport::recording::recorded::{Answer, Recorded};

const TIMING: Timing = Timing {
    started: UNIX_EPOCH,
    wait: Duration::from_millis(3),
    receive: Duration::from_micros(1500),
};

fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn asked(method: Method, url: &str, body: &'static [u8]) -> Recorded {
    let request = Request::new(method, url).unwrap();
    Recorded::asked(&request, Bytes::from_static(body))
}

/// Writes and reads again.
fn again(recorded: &Recorded) -> Recorded {
    let text = har_write::entry(recorded, &TIMING).pretty();
    let json: Json = serde_json::from_str(&text).unwrap();
    har_read::entry(&json).unwrap().unwrap()
}

#[test]
fn an_entry_comes_back_as_it_was_written() {
    let mut recorded = asked(Method::POST, "http://h.test/p?a=1&b=%20#f", b"\x00binary");
    recorded.headers = headers(&[("x-a", b"1"), ("x-a", b"2"), ("x-latin", b"caf\xe9")]);
    recorded.answer = Answer::new(StatusCode::NOT_FOUND);
    recorded.answer.reason = "Gone fishing".to_owned();
    recorded.answer.version = Version::HTTP_10;
    recorded.answer.headers = headers(&[
        ("set-cookie", b"a=1"),
        ("x-b", "é".as_bytes()),
        ("set-cookie", b"b=2"),
        ("content-encoding", b"unknown"),
        ("content-length", b"5"),
    ]);
    recorded.answer.body = Bytes::from_static(b"t\xc3\xa9xt");
    let back = again(&recorded);
    assert_eq!(back.url.as_str(), "http://h.test/p?a=1&b=%20");
    assert_eq!(
        (&back.method, back.version, &back.headers, &back.body),
        (
            &recorded.method,
            Version::HTTP_11,
            &recorded.headers,
            &recorded.body
        )
    );
    let (old, new) = (&recorded.answer, &back.answer);
    assert_eq!(
        (
            new.status,
            new.version,
            &new.reason,
            &new.headers,
            &new.body
        ),
        (
            old.status,
            old.version,
            &old.reason,
            &old.headers,
            &old.body
        )
    );
    assert!(!new.missing);
}

#[test]
fn an_entry_is_readable_and_its_members_stand_in_order() {
    let mut recorded = asked(Method::POST, "http://h.test/?a=b%20c", b"text");
    recorded.headers = headers(&[("content-type", b"text/plain")]);
    recorded.answer.headers = headers(&[("location", b"/next")]);
    recorded.answer.coding = Some("gzip".to_owned());
    recorded.answer.received = Some(24);
    let expected = r#"{
  "startedDateTime": "1970-01-01T00:00:00.000Z",
  "time": 4.5,
  "request": {
    "method": "POST",
    "url": "http://h.test/?a=b%20c",
    "httpVersion": "HTTP/1.1",
    "cookies": [],
    "headers": [
      {
        "name": "content-type",
        "value": "text/plain"
      }
    ],
    "queryString": [
      {
        "name": "a",
        "value": "b c"
      }
    ],
    "postData": {
      "mimeType": "text/plain",
      "text": "text"
    },
    "headersSize": -1,
    "bodySize": 4
  },
  "response": {
    "status": 200,
    "statusText": "OK",
    "httpVersion": "HTTP/1.1",
    "cookies": [],
    "headers": [
      {
        "name": "location",
        "value": "/next"
      }
    ],
    "content": {
      "size": 0,
      "mimeType": "",
      "text": ""
    },
    "redirectURL": "/next",
    "headersSize": -1,
    "bodySize": 24,
    "_encoding": "gzip"
  },
  "cache": {},
  "timings": {
    "send": 0,
    "wait": 3.0,
    "receive": 1.5
  }
}"#;
    assert_eq!(har_write::entry(&recorded, &TIMING).pretty(), expected);
}

#[test]
fn a_failure_comes_back_as_it_was_written() {
    let mut recorded = asked(Method::GET, "http://h.test/", b"");
    let failure = Failure {
        kind: ErrorKind::ConnectTimeout,
        phase: Some(Phase::Connect),
        message: "no connection".to_owned(),
    };
    recorded.answer = Answer::failed(failure.clone());
    assert_eq!(again(&recorded).answer.failure, Some(failure));
}

/// An entry with these members of request and response.
fn entry(request: &str, response: &str) -> Result<Option<Recorded>, String> {
    let text = format!(r#"{{"request": {request}, "response": {response}}}"#);
    har_read::entry(&serde_json::from_str(&text).unwrap())
}

const GET: &str = r#"{"method": "GET", "url": "https://h.test/"}"#;

#[test]
fn a_browser_s_entry_is_understood() {
    let read = entry(
        r#"{"method": "POST", "url": "https://h.test/p#top", "httpVersion": "http/2.0",
            "headers": [{"name": ":authority", "value": "h.test"}, {"name": "Accept", "value": " */* "}],
            "queryString": [], "cookies": [], "headersSize": -1, "bodySize": 9,
            "postData": {"mimeType": "application/x-www-form-urlencoded",
                         "params": [{"name": "a", "value": "1 2"}, {"name": "b", "value": "é"}]}}"#,
        r#"{"status": 200, "statusText": "", "httpVersion": "h2", "_transferSize": 100, "_error": null,
            "headers": [{"name": ":status", "value": "200"}, {"name": "content-encoding", "value": "br"},
                        {"name": "Content-Length", "value": "7"}, {"name": "set-cookie", "value": "a=1\nb=2"},
                        {"name": "content-type", "value": "text/html"}],
            "content": {"size": 12, "mimeType": "text/html", "compression": 5, "text": "aGVsbG8gd29ybGQ=", "encoding": "base64"}}"#,
    );
    let read = read.unwrap().unwrap();
    assert_eq!(read.url.as_str(), "https://h.test/p");
    assert_eq!(read.headers["accept"], "*/*");
    assert_eq!(read.body, "a=1+2&b=%C3%A9");
    let answer = &read.answer;
    assert_eq!(
        (answer.version, answer.reason.as_str()),
        (Version::HTTP_2, "OK")
    );
    assert_eq!(answer.body, "hello world");
    assert_eq!(answer.headers.get("content-encoding"), None);
    assert_eq!(answer.headers["content-length"], "11");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[cfg(feature = "charset")]
#[test]
fn a_text_goes_back_into_the_charset_that_its_headers_name() {
    let read = entry(
        GET,
        r#"{"status": 200, "headers": [{"name": "content-type", "value": "text/html; charset=iso-8859-1"}],
            "content": {"text": "é"}}"#,
    );
    assert_eq!(&read.unwrap().unwrap().answer.body[..], b"\xe9");
}

#[test]
fn entries_without_an_answer_are_passed_over() {
    let ok = r#"{"status": 200}"#;
    for (request, response) in [
        (
            GET,
            r#"{"status": 0, "_error": "net::ERR_BLOCKED_BY_CLIENT"}"#,
        ),
        (GET, r#"{"status": 0, "headers": [], "content": {}}"#),
        (GET, r#"{"status": 101}"#),
        (r#"{"method": "GET", "url": "data:text/plain,x"}"#, ok),
        (r#"{"method": "GET", "url": "wss://h.test/"}"#, ok),
    ] {
        assert!(
            entry(request, response).unwrap().is_none(),
            "{request} {response}"
        );
    }
}

#[test]
fn a_body_that_was_left_out_is_known_to_be() {
    for (request, response, missing) in [
        (GET, r#"{"status": 200, "content": {"size": 5}}"#, true),
        (GET, r#"{"status": 200, "content": {"size": 0}}"#, false),
        (GET, r#"{"status": 200}"#, false),
        (GET, r#"{"status": 302, "content": {"size": 5}}"#, false),
        (
            r#"{"method": "HEAD", "url": "https://h.test/"}"#,
            r#"{"status": 200, "content": {"size": 5}}"#,
            false,
        ),
    ] {
        let read = entry(request, response).unwrap().unwrap();
        assert_eq!(read.answer.missing, missing, "{response}");
        assert_eq!(read.answer().is_err(), missing, "{response}");
    }
}

#[test]
fn what_is_wrong_with_an_entry_is_told_with_its_place() {
    let ok = r#"{"status": 200}"#;
    let url = |rest: &str| format!(r#"{{"url": "http://h.test/", "method": "GET", {rest}}}"#);
    for (request, response, expected) in [
        ("5".to_owned(), ok, "request.url: is not a text"),
        (
            r#"{"url": "nonsense"}"#.to_owned(),
            ok,
            "request.url: relative URL",
        ),
        (
            r#"{"url": "http://h.test/"}"#.to_owned(),
            ok,
            "request.method: is not a text",
        ),
        (
            r#"{"url": "http://h.test/", "method": "a b"}"#.to_owned(),
            ok,
            "request.method: is not a method",
        ),
        (url(r#""headers": 1"#), ok, "request.headers: is not a list"),
        (
            url(r#""headers": [{"name": "a"}]"#),
            ok,
            "request.headers[0]: has no",
        ),
        (
            url(r#""headers": [{"name": "a b", "value": ""}]"#),
            ok,
            "request.headers[0]: its name is not a token",
        ),
        (
            url(r#""headers": [{"name": "a", "value": "\u0000"}]"#),
            ok,
            "request.headers[0]: its value has a forbidden character",
        ),
        (
            url(r#""headers": [{"name": "a", "value": "Ā", "_encoding": "latin1"}]"#),
            ok,
            "request.headers[0]: its value has a forbidden character",
        ),
        (
            url(r#""postData": {"text": 1}"#),
            ok,
            "request.postData.text: is not a text",
        ),
        (
            url(r#""postData": {"text": "%", "_encoding": "base64"}"#),
            ok,
            "request.postData.text: is not base64",
        ),
        (GET.to_owned(), "{}", "response.status: is not a number"),
        (
            GET.to_owned(),
            r#"{"status": 99}"#,
            "response.status: is not a status",
        ),
        (
            GET.to_owned(),
            r#"{"status": 1e300}"#,
            "response.status: is not a status",
        ),
        (
            GET.to_owned(),
            r#"{"status": 200, "content": {"text": []}}"#,
            "response.content.text: is not a text",
        ),
        (
            GET.to_owned(),
            r#"{"status": 200, "content": {"text": "x", "encoding": "rot13"}}"#,
            "response.content.text: its encoding is another one",
        ),
        (
            GET.to_owned(),
            r#"{"status": 0, "_error": {"kind": "Sunshine"}}"#,
            "response._error.kind: is not an error kind",
        ),
    ] {
        let error = entry(&request, response).unwrap_err();
        assert!(
            error.starts_with(expected),
            "{error} for {request} {response}"
        );
    }
    assert_eq!(
        har_read::entry(&Json::Null).unwrap_err(),
        "it has no `request`"
    );
}
