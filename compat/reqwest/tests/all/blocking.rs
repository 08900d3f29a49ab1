//! What a blocking client sends, follows and gives back.

use std::error::Error as _;
use std::io::Read as _;

use reqwest::blocking::{Body, Client, Request, Response};
use reqwest::{Method, StatusCode, redirect};
use sync_tests::{Reply, Server};

use super::{builder, client};

#[test]
fn a_request_has_reqwests_headers_and_no_more() {
    let server = Server::http(|_| Reply::ok("hello"));
    let client = builder().no_gzip().no_brotli().no_deflate().no_zstd();
    let client = client.build().unwrap();
    client.get(server.url("/a#b")).send().unwrap();
    client.post(server.url("/b")).send().unwrap();
    client.post(server.url("/c")).body("abc").send().unwrap();
    client.post(server.url("/d")).body("").send().unwrap();
    let host = server.address().to_string();
    let plain = [("accept", "*/*"), ("host", &*host)];
    let lengths = [None, None, Some("3"), Some("0")];
    for (request, length) in server.requests().iter().zip(lengths) {
        let mut fields: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| *name != "content-length")
            .collect();
        fields.sort_unstable();
        assert_eq!(fields, plain);
        assert_eq!(request.header("content-length"), length, "{request:?}");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn redirects_are_followed_by_reqwests_rules() {
    let server = Server::http(|request| match request.target.as_str() {
        "/303" => Reply::redirect(303, "/end"),
        "/307" => Reply::redirect(307, "/end"),
        "/loop" => Reply::redirect(302, "/loop"),
        _ => Reply::ok(format!("{} {}", request.method, request.text())),
    });
    let client = client();
    let post = |path: &str, body: Body| client.post(server.url(path)).body(body).send();
    let text = |response: reqwest::Result<Response>| response.unwrap().text().unwrap();
    assert_eq!(text(post("/303", "x".into())), "GET ");
    assert_eq!(text(post("/303", Body::new(&b"x"[..]))), "GET ");
    assert_eq!(text(post("/307", "x".into())), "POST x");
    // A reader cannot be read again.
    let kept = post("/307", Body::new(&b"x"[..])).unwrap();
    assert_eq!(kept.status(), StatusCode::TEMPORARY_REDIRECT);

    let error = client.get(server.url("/loop")).send().unwrap_err();
    assert!(error.is_redirect());
    assert_eq!(error.url().unwrap().path(), "/loop");
    assert_eq!(error.source().unwrap().to_string(), "too many redirects");

    let none = builder()
        .redirect(redirect::Policy::none())
        .build()
        .unwrap();
    let response = none.get(server.url("/303")).send().unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.url().path(), "/303");
}

#[test]
fn a_redirect_keeps_its_connection_and_names_its_referer() {
    let server = Server::http(|request| match request.target.as_str() {
        "/from" => Reply::redirect(302, "/to").body("moved"),
        _ => Reply::ok(request.header("referer").unwrap_or("none").to_owned()),
    });
    let from = server.url("/from");
    let followed = client().get(&from).send().unwrap();
    assert_eq!(followed.url().path(), "/to");
    assert_eq!(followed.text().unwrap(), from);
    assert_eq!(server.connections(), 1);
    let shy = builder().referer(false).build().unwrap();
    assert_eq!(shy.get(&from).send().unwrap().text().unwrap(), "none");
}

#[test]
fn a_call_works_on_a_runtimes_own_thread() {
    let server = Server::http(|_| Reply::ok("hello"));
    let url = server.url("/");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let text = client().get(&url).send().unwrap().text().unwrap();
        assert_eq!(text, "hello");
        let url = url.clone();
        let other = tokio::task::spawn_blocking(move || client().get(&url).send()?.text());
        assert_eq!(other.await.unwrap().unwrap(), "hello");
    });
}

#[test]
fn what_is_bad_is_told_when_the_request_is_sent() {
    let client = client();
    for request in [
        client.get("no url"),
        client.get("file:///etc/hosts"),
        client.get("http://a.test/").header("bad name", "x"),
        client.get("http://a.test/").header("x", "bad\nvalue"),
        client.get("ftp://a.test/"),
    ] {
        assert!(request.send().unwrap_err().is_builder());
    }
    let error = builder().https_only(true).build().unwrap();
    let error = error.get("http://a.test/").send().unwrap_err();
    assert!(error.is_builder());
    assert_eq!(error.url().unwrap().as_str(), "http://a.test/");
}

#[test]
fn userinfo_becomes_credentials() {
    let server = Server::http(|request| {
        Reply::ok(request.header("authorization").unwrap_or("none").to_owned())
    });
    let url = format!("http://tom:m%C3%B6t@{}/", server.address());
    let request = client().get(&url).build().unwrap();
    assert_eq!(request.url().username(), "");
    assert!(request.headers()["authorization"].is_sensitive());
    let text = client().execute(request).unwrap().text().unwrap();
    assert_eq!(text, "Basic dG9tOm3DtnQ=");
}

#[test]
fn a_request_can_come_from_http_and_be_copied() {
    let request = http::Request::put("http://a.test/x")
        .header("x-own", "1")
        .body("content")
        .unwrap();
    let request = Request::try_from(request).unwrap();
    let copy = request.try_clone().unwrap();
    assert_eq!((copy.method(), copy.url().path()), (&Method::PUT, "/x"));
    assert_eq!(copy.headers()["x-own"], "1");
    assert_eq!(copy.body().unwrap().as_bytes(), Some(&b"content"[..]));
    let builder = client()
        .post("http://a.test/")
        .body(Body::new(std::io::empty()));
    assert!(builder.try_clone().is_none());
    let (_, request) = builder.build_split();
    assert!(request.unwrap().try_clone().is_none());
}

#[test]
fn json_forms_and_queries_are_encoded() {
    let server = Server::http(|request| {
        let kind = request.header("content-type").unwrap_or("-").to_owned();
        Reply::ok(format!("{} {kind} {}", request.target, request.text()))
    });
    let client = client();
    let url = server.url("/p?a=1");
    let send = |request: reqwest::blocking::RequestBuilder| request.send().unwrap().text().unwrap();
    let pairs = [("b", "2 3")];
    assert_eq!(send(client.get(&url).query(&pairs)), "/p?a=1&b=2+3 - ");
    let form = "/p?a=1 application/x-www-form-urlencoded b=2+3";
    assert_eq!(send(client.post(&url).form(&pairs)), form);
    let json = "/p?a=1 application/json [[\"b\",\"2 3\"]]";
    assert_eq!(send(client.post(&url).json(&pairs)), json);
}

#[test]
fn what_crosses_threads_in_reqwest_does_here() {
    fn crosses<T: Send + Sync + 'static>() {}
    fn moves<T: Send + 'static>() {}
    crosses::<Client>();
    crosses::<Response>();
    crosses::<reqwest::Error>();
    moves::<Body>();
    moves::<Request>();
    moves::<reqwest::blocking::multipart::Form>();
    moves::<reqwest::blocking::ClientBuilder>();
    moves::<reqwest::blocking::RequestBuilder>();
}

#[test]
fn a_unix_socket_serves_any_host() {
    let folder = std::env::temp_dir().join(format!("dimorph-reqwest-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let server = Server::unix(&path, |request| {
        Reply::ok(request.header("host").unwrap().to_owned())
    });
    let client = Client::builder().unix_socket(path.as_path()).build();
    let response = client.unwrap().get("http://any.test/").send().unwrap();
    assert_eq!(response.text().unwrap(), "any.test");
    drop(server);
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_response_is_read_in_parts_and_then_whole() {
    let server = Server::http(|_| Reply::chunked(["abc", "def", "ghi"]));
    let mut response = client().get(server.url("/")).send().unwrap();
    let mut four = [0; 4];
    response.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"abcd");
    assert_eq!(response.text().unwrap(), "efghi");
    let mut response = client().get(server.url("/")).send().unwrap();
    let mut copied = Vec::new();
    assert_eq!(response.copy_to(&mut copied).unwrap(), 9);
    assert_eq!(response.read(&mut four).unwrap(), 0);
    assert_eq!(response.text().unwrap(), "");
}
