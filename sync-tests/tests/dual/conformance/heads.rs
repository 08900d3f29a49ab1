//! Heads: the request's as it arrives, the response's as it was given.

use dimorph::{Body, Method};
use serde_json::Value;

use super::{Ctx, dual, form};
use form::RequestBuilder;

/// Sends to the origin's echo, and gives what it saw.
#[dual]
pub(super) async fn seen(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// The values of a field that the origin saw.
pub(super) fn values<'v>(seen: &'v Value, name: &str) -> Vec<&'v str> {
    let headers = seen["headers"].as_array().unwrap();
    let named = headers.iter().filter(|pair| pair[0] == name);
    named.map(|pair| pair[1].as_str().unwrap()).collect()
}

#[dual]
pub(super) async fn the_request_line(ctx: Ctx) {
    let client = ctx.client();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let method: Method = method.parse().unwrap();
        let seen = seen(client.request(method.clone(), "/echo")).await;
        assert_eq!(seen["method"], method.as_str());
        assert_eq!(seen["target"], "/echo");
    }
    for (url, target) in [
        ("/echo/a%2Fb/c%20d", "/echo/a%2Fb/c%20d"),
        ("/echo/ä", "/echo/%C3%A4"),
        ("/echo?a=1&b=%20&c=&d", "/echo?a=1&b=%20&c=&d"),
        ("/echo/?#fragment", "/echo/?"),
        ("/echo?x=ä&y='\"", "/echo?x=%C3%A4&y=%27%22"),
    ] {
        let seen = seen(client.get(url)).await;
        assert_eq!(seen["target"], target, "{url}");
    }
    let request = client.get("/echo?a=1").params([("b", "2 3"), ("c", "&")]);
    let seen = seen(request).await;
    let target = seen["target"].as_str().unwrap();
    assert!(target.starts_with("/echo?a=1&b=2"), "{target}");
    assert!(target.ends_with("&c=%26"), "{target}");
}

#[dual]
pub(super) async fn header_fields(ctx: Ctx) {
    let client = ctx.builder().header("x-client", "c").build().unwrap();
    let request = client
        .get("/echo")
        .header("x-many", "1")
        .header("x-many", "2, 3")
        .header("X-Case", "kept")
        .header("x-empty", "")
        .header("user-agent", "me/1");
    let seen = seen(request).await;
    for (name, expected) in [
        ("x-client", &["c"][..]),
        ("x-many", &["1", "2, 3"]),
        ("x-case", &["kept"]),
        ("x-empty", &[""]),
        ("user-agent", &["me/1"]),
        ("accept", &["*/*"]),
        ("x-absent", &[]),
    ] {
        assert_eq!(values(&seen, name), expected, "{name}");
    }
    assert_eq!(values(&seen, "accept-encoding").len(), 1);
    let request = client.get("/echo").without_header("accept-encoding");
    let bare = super::heads::seen(request.without_header("user-agent")).await;
    assert!(values(&bare, "accept-encoding").is_empty());
    assert!(values(&bare, "user-agent").is_empty());
}

/// What the connection adds: host, and how long the body is.
#[dual]
pub(super) async fn framing(ctx: Ctx) {
    let client = ctx.client();
    let host = format!("127.0.0.1:{}", ctx.port);
    let table: [(Method, Option<Body>, &[&str]); 5] = [
        (Method::GET, None, &[]),
        (Method::DELETE, None, &[]),
        (Method::POST, None, &["0"]),
        (Method::POST, Some("hello".into()), &["5"]),
        (Method::PUT, Some(Body::sized(&b"sized"[..], 5)), &["5"]),
    ];
    for (method, body, length) in table {
        let mut request = client.request(method.clone(), "/echo");
        if let Some(body) = body {
            request = request.body(body);
        }
        let seen = seen(request).await;
        assert_eq!(values(&seen, "host"), [host.as_str()], "{method}");
        assert_eq!(values(&seen, "content-length"), length, "{method}");
        assert!(values(&seen, "transfer-encoding").is_empty(), "{method}");
    }
}

#[dual]
pub(super) async fn framing_of_unknown_length(ctx: Ctx) {
    let body = Body::from_reader(&b"read"[..]);
    let seen = seen(ctx.client().put("/echo").body(body)).await;
    assert!(values(&seen, "content-length").is_empty());
    assert_eq!(values(&seen, "transfer-encoding"), ["chunked"]);
}

#[dual]
pub(super) async fn statuses(ctx: Ctx) {
    let client = ctx.client();
    for (status, reason) in [
        (200, "OK"),
        (201, "Created"),
        (206, "Partial Content"),
        (300, "Multiple Choices"),
        (400, "Bad Request"),
        (404, "Not Found"),
        (418, "I'm a teapot"),
        (500, "Internal Server Error"),
        (503, "Service Unavailable"),
    ] {
        let sent = client.get(format!("/status/{status}")).send().await;
        let response = sent.unwrap();
        assert_eq!(response.status(), status);
        let canonical = response.status().canonical_reason().unwrap();
        assert_eq!(canonical, reason);
        let text = response.text().await.unwrap();
        assert_eq!(text, format!("status {status}"));
    }
}

#[dual]
pub(super) async fn reason_phrases(ctx: Ctx) {
    let response = ctx.client().get("/reason").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.reason(), "Fine By Me");
}

#[dual]
pub(super) async fn response_fields(ctx: Ctx) {
    let response = ctx.client().get("/headers").send().await.unwrap();
    let headers = response.headers();
    let many: Vec<_> = headers.get_all("X-Many").iter().collect();
    assert_eq!(many, ["1", "2, 3"]);
    assert_eq!(headers["x-between"], "");
    assert_eq!(headers["x-umlaut"].as_bytes(), "größe".as_bytes());
    assert_eq!(response.version(), dimorph::Version::HTTP_11);
    let links = response.links();
    assert_eq!(links.get("next").unwrap().url(), "/next");
}

#[dual]
pub(super) async fn heads_without_bodies(ctx: Ctx) {
    let client = ctx.client();
    for (method, path, status) in [
        (Method::HEAD, "/text", 200),
        (Method::HEAD, "/large", 200),
        (Method::HEAD, "/gzip", 200),
        (Method::HEAD, "/pieces", 200),
        (Method::GET, "/status/204", 204),
        (Method::DELETE, "/status/204", 204),
        (Method::GET, "/status/304", 304),
    ] {
        let sent = client.request(method.clone(), path).send().await;
        let response = sent.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.is_empty(), "{method} {path}");
    }
    let response = client.head("/text").send().await.unwrap();
    let length = response.headers().get("content-length");
    assert_eq!(length.unwrap(), "5");
}

#[dual]
pub(super) async fn what_the_client_fills_in(ctx: Ctx) {
    let client = ctx.client();
    let request = client.post("/text").header("x-own", "1").body("body");
    let response = request.send().await.unwrap();
    assert_eq!(response.url().as_str(), ctx.url("/text"));
    let request = response.request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.url().as_str(), ctx.url("/text"));
    assert_eq!(request.headers()["x-own"], "1");
    assert!(response.history().is_empty());
    let text = response.text().await.unwrap();
    assert_eq!(text, "hello");
}

#[dual]
pub(super) async fn peer_address(ctx: Ctx) {
    let response = ctx.client().get("/text").send().await.unwrap();
    let address = response.remote_addr().unwrap();
    assert_eq!(address.port(), ctx.port);
}

#[dual]
pub(super) async fn trailers(ctx: Ctx) {
    let client = ctx.client();
    let mut response = client.get("/trailers").send().await.unwrap();
    let body = response.buffer().await.unwrap().clone();
    assert_eq!(body, "onetwo");
    let trailers = response.trailers().unwrap();
    assert_eq!(trailers["x-sum"], "abc");
    assert_eq!(trailers["x-more"], "1");
    let mut response = client.get("/pieces").send().await.unwrap();
    response.buffer().await.unwrap();
    assert!(response.trailers().is_none_or(http::HeaderMap::is_empty));
}
