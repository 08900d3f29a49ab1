//! The rules of redaction, as tables.

use http::Method;

use super::*;
use crate::request::Request;

fn recorded(url: &str, headers: &[(&'static str, &str)], body: &str) -> Recorded {
    let mut request = Request::new(Method::POST, url).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    Recorded::asked(&request, Bytes::from(body.to_owned()))
}

#[test]
fn urls_lose_userinfo_fragment_and_secret_parameters() {
    for (url, expected) in [
        ("http://h.test/p?a=1&b=2", "http://h.test/p?a=1&b=2"),
        ("http://u:p@h.test/", "http://REDACTED@h.test/"),
        ("http://u@h.test/#f", "http://REDACTED@h.test/"),
        ("http://:p@h.test/", "http://REDACTED@h.test/"),
        (
            "http://h.test/?token=a&x=1&API%5FKEY=b&y",
            "http://h.test/?token=REDACTED&x=1&API%5FKEY=REDACTED&y",
        ),
        (
            "http://h.test/?a=1;token=b;c=2",
            "http://h.test/?a=1;token=REDACTED",
        ),
        ("http://h.test/?token=", "http://h.test/?token="),
        (
            "http://h.test/?mine=1&page_token=2",
            "http://h.test/?mine=REDACTED&page_token=2",
        ),
    ] {
        let mut rules = Rules::default();
        rules.redact_param("Mine");
        let shown = rules.url(&Url::parse(url).unwrap());
        assert_eq!(shown.as_str(), expected, "{url}");
    }
}

#[test]
fn headers_lose_their_secrets_and_keep_their_form() {
    for (name, value, expected) in [
        ("accept", "text/html", "text/html"),
        ("authorization", "Bearer t0ken", "Bearer REDACTED"),
        ("authorization", "Digest username=\"u\"", "Digest REDACTED"),
        ("authorization", "my t0ken", "REDACTED"),
        ("authorization", "t0ken", "REDACTED"),
        ("proxy-authorization", "basic dTpw", "basic REDACTED"),
        ("cookie", "a=1; b=2;c", "a=REDACTED; b=REDACTED; REDACTED"),
        (
            "set-cookie",
            "sid=\"a;b\"; Path=/; HttpOnly; max-age=3",
            "sid=REDACTED; Path=/; HttpOnly; max-age=3",
        ),
        ("x-api-key", "k", "REDACTED"),
        ("x-mine", "k", "REDACTED"),
        ("x-kept-token", "k", "k"),
        (
            "location",
            "/next?code=1&token=a;b#access_token=c",
            "/next?code=1&token=REDACTED#access_token=REDACTED",
        ),
        (
            "location",
            "https://u:p@h.test/x//y",
            "https://REDACTED@h.test/x//y",
        ),
        (
            "location",
            "//u@h.test?key=1",
            "//REDACTED@h.test?key=REDACTED",
        ),
        (
            "link",
            "<http://u:p@h.test/?page=2&api_key=k>; rel=\"next\"",
            "<http://REDACTED@h.test/?page=2&api_key=REDACTED>; rel=\"next\"",
        ),
        ("refresh", "3; url=/x?token=t", "3; url=/x?token=REDACTED"),
    ] {
        let mut rules = Rules::default();
        rules.redact_header("X-Mine");
        rules.keep_header("X-Kept-Token");
        let mut recorded = recorded("http://h.test/", &[(name, value)], "");
        recorded.answer.headers = recorded.headers.clone();
        rules.apply(&mut recorded);
        assert_eq!(recorded.headers[name], expected, "{name}: {value}");
        assert_eq!(recorded.answer.headers[name], expected, "{name}: {value}");
    }
}

#[test]
fn a_value_marked_sensitive_is_a_secret_unless_it_is_kept() {
    let mut value = HeaderValue::from_static("s");
    value.set_sensitive(true);
    let mut rules = Rules::default();
    rules.keep_header("x-kept");
    let mut recorded = recorded("http://h.test/", &[], "");
    recorded.headers.insert("x-any", value.clone());
    recorded.headers.insert("x-kept", value);
    rules.apply(&mut recorded);
    assert_eq!(recorded.headers["x-any"], REDACTED);
    assert_eq!(recorded.headers["x-kept"], "s");
}

#[test]
fn bodies_of_requests_lose_secret_members() {
    let form = "application/x-www-form-urlencoded";
    let json = "application/json; charset=utf-8";
    for (media_type, body, expected) in [
        (form, "a=1&password=p+w&b", "a=1&password=REDACTED&b"),
        (form, "a=1", "a=1"),
        (json, r#"{"a": 1}"#, r#"{"a": 1}"#),
        (
            json,
            r#"{"z": [{"client_secret": "s", "key": "k", "token": 5}], "a": 1}"#,
            r#"{"z":[{"client_secret":"REDACTED","key":"k","token":"REDACTED"}],"a":1}"#,
        ),
        (
            json,
            r#"{"pin":1234,"otp":1.5,"passwords":["a","b"],"credentials":{"user":"u"},"secret":true,"token":null,"max_tokens":9}"#,
            r#"{"pin":"REDACTED","otp":"REDACTED","passwords":"REDACTED","credentials":"REDACTED","secret":"REDACTED","token":null,"max_tokens":9}"#,
        ),
        (json, "\u{feff}{\"token\":1}", r#"{"token":"REDACTED"}"#),
        (json, "{\"token\": \"t\"", "{\"token\": \"t\""),
        ("text/plain", "token=1", "token=1"),
    ] {
        let mut recorded = recorded("http://h.test/", &[("content-type", media_type)], body);
        recorded.answer.body = recorded.body.clone();
        Rules::default().apply(&mut recorded);
        assert_eq!(recorded.request_body(), expected.as_bytes(), "{body}");
        assert_eq!(recorded.response_body(), body.as_bytes(), "{body}");
    }
}

#[test]
fn forms_of_any_charset_lose_secret_members() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let mut recorded = recorded("http://h.test/", &form, "");
    recorded.body = Bytes::from_static(b"a=caf\xe9&password=caf\xe9");
    Rules::default().apply(&mut recorded);
    assert_eq!(recorded.request_body(), b"a=caf\xe9&password=REDACTED");
}

#[test]
fn parts_of_secret_names_lose_their_content() {
    let part = |head: &str, content: &str| format!("--B\r\n{head}\r\n\r\n{content}\r\n");
    let named = |name: &str| format!("Content-Disposition: form-data; name={name}");
    let json = "\r\nContent-Type: application/json";
    for (head, content, expected) in [
        (named("\"a\""), "1", "1"),
        (named("\"password\""), "p\r\n--Bw", REDACTED),
        (named("\"password\""), "", ""),
        (named("api_key"), "1", REDACTED),
        (named("\"api%5Fkey\""), "1", REDACTED),
        (
            named("\"credentials\"; filename=\"c.bin\""),
            "\0\u{1}",
            REDACTED,
        ),
        (named("\"mine\""), "1", REDACTED),
        (named("\"kept_token\""), "1", "1"),
        (
            named("\"a\"") + json,
            r#"{"pin": 1}"#,
            r#"{"pin":"REDACTED"}"#,
        ),
    ] {
        let mut rules = Rules::default();
        rules.redact_param("mine");
        rules.keep_param("kept_token");
        let (first, last) = (part(&named("first"), "1"), part(&named("last"), "2"));
        let whole = |content: &str| format!("{first}{}{last}--B--\r\n", part(&head, content));
        for media_type in [
            "multipart/form-data; boundary=B",
            "Multipart/Mixed; BOUNDARY=\"B\"",
        ] {
            let headers = [("content-type", media_type)];
            let mut recorded = recorded("http://h.test/", &headers, &whole(content));
            rules.apply(&mut recorded);
            let body = String::from_utf8_lossy(recorded.request_body());
            assert_eq!(body, whole(expected), "{head}");
        }
    }
}

#[test]
fn pointers_find_what_is_to_be_redacted_on_both_sides() {
    let body = r#"{"a":{"b/c":["x","y"]},"n":1,"l":[{"t":1},{"t":2}]}"#;
    for (pointer, expected) in [
        (
            "/a/b~1c/1",
            r#"{"a":{"b/c":["x","REDACTED"]},"n":1,"l":[{"t":1},{"t":2}]}"#,
        ),
        (
            "/n",
            r#"{"a":{"b/c":["x","y"]},"n":"REDACTED","l":[{"t":1},{"t":2}]}"#,
        ),
        (
            "/l/*/t",
            r#"{"a":{"b/c":["x","y"]},"n":1,"l":[{"t":"REDACTED"},{"t":"REDACTED"}]}"#,
        ),
        ("/nothing/here", body),
        ("", r#""REDACTED""#),
    ] {
        let mut rules = Rules::default();
        rules.redact_json(pointer);
        let mut recorded = recorded("http://h.test/", &[], body);
        recorded.answer.body = recorded.body.clone();
        rules.apply(&mut recorded);
        assert_eq!(recorded.request_body(), expected.as_bytes(), "{pointer}");
        assert_eq!(recorded.response_body(), expected.as_bytes(), "{pointer}");
    }
}

#[test]
fn texts_and_hooks_come_last() {
    let mut rules = Rules::default();
    rules.redact_text("alice".to_owned());
    rules.hook(|recorded| recorded.url_mut().set_path("/hooked"));
    let mut recorded = recorded(
        "http://h.test/alice?u=alice",
        &[("x-user", "alice")],
        "alice",
    );
    rules.apply(&mut recorded);
    assert_eq!(recorded.url.as_str(), "http://h.test/hooked?u=REDACTED");
    assert_eq!(recorded.headers["x-user"], REDACTED);
    assert_eq!(recorded.request_body(), REDACTED.as_bytes());
}
