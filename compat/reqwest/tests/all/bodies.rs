//! Bodies that are encoded, cut short, or none.

use std::io::Read as _;

use sync_tests::{Reply, Server};

use super::client;

/// `hello`, by gzip.
const HELLO: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0,
];

#[test]
fn a_coding_that_is_taken_off_leaves_no_header() {
    let server = Server::http(|_| Reply::ok(HELLO).header("content-encoding", "gzip"));
    let response = client().get(server.url("/")).send().unwrap();
    assert!(!response.headers().contains_key("content-encoding"));
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(response.content_length(), None);
    assert_eq!(response.text().unwrap(), "hello");

    let plain = super::builder().no_gzip().build().unwrap();
    let response = plain.get(server.url("/")).send().unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.content_length(), Some(HELLO.len() as u64));
    assert_eq!(response.bytes().unwrap(), HELLO);
    let asked = server.requests();
    assert!(asked[0].header("accept-encoding").unwrap().contains("gzip"));
}

#[test]
fn what_is_broken_is_a_decode_error() {
    let server = Server::http(|request| match request.target.as_str() {
        "/coding" => Reply::ok("no gzip at all").header("content-encoding", "gzip"),
        "/cut" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").closing(),
        _ => Reply::ok("{"),
    });
    let get = |path: &str| client().get(server.url(path)).send().unwrap();
    for (path, error) in [
        ("/coding", get("/coding").text().unwrap_err()),
        ("/cut", get("/cut").bytes().unwrap_err()),
        ("/json", get("/json").json::<u32>().unwrap_err()),
    ] {
        assert!(error.is_decode() && !error.is_timeout(), "{error:?}");
        assert_eq!(error.url().unwrap().path(), path);
    }
    // A reader tells the same inside an io::Error.
    let error = get("/cut").read_to_end(&mut Vec::new()).unwrap_err();
    let error = error.into_inner().unwrap().downcast::<reqwest::Error>();
    assert!(error.unwrap().is_body());
    let error = get("/cut").copy_to(&mut Vec::new()).unwrap_err();
    assert!(error.is_body());
}

#[test]
fn an_answer_to_head_has_no_body() {
    let server = Server::http(|_| Reply::ok("hello"));
    let response = client().head(server.url("/")).send().unwrap();
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(response.content_length(), Some(0));
    assert_eq!(response.text().unwrap(), "");
}

#[test]
fn the_reason_phrase_is_the_servers() {
    let server = Server::http(|_| Reply::status(404).reason("Nothing Here"));
    let response = client().get(server.url("/")).send().unwrap();
    let error = response.error_for_status_ref().unwrap_err();
    assert_eq!(error.status().unwrap(), 404);
    let text = format!(
        "HTTP status client error (404 Nothing Here) for url ({})",
        server.url("/")
    );
    assert_eq!(error.to_string(), text);
}
