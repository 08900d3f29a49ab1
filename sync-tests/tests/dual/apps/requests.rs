//! What an axum application reads of a request.

use std::collections::BTreeMap;
use std::io::Cursor;

use axum::extract::{Form, Json, Multipart, Path, Query};
use axum::routing::{any, get, post};
use axum::{Router, body};
use dimorph::multipart::Part;
use dimorph::{Body, Method};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{client_to, dual, form_test, form_util, text_of};

#[derive(Deserialize)]
struct Page {
    number: u32,
    tag: String,
}

async fn echo(request: http::Request<body::Body>) -> Json<Value> {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, usize::MAX).await.unwrap();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    Json(json!({
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "version": format!("{:?}", parts.version),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "length": body.len(),
    }))
}

async fn many(mut form: Multipart) -> Json<Value> {
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().map(str::to_owned);
        let file = field.file_name().map(str::to_owned);
        let kind = field.content_type().map(str::to_owned);
        let content = field.bytes().await.unwrap();
        parts.push(json!([name, file, kind, content.len()]));
    }
    Json(json!(parts))
}

fn app() -> Router {
    Router::new()
        .route(
            "/users/{id}/posts/{post}",
            get(async |Path((id, post)): Path<(u32, String)>| format!("{id} {post}")),
        )
        .route(
            "/page",
            get(async |Query(page): Query<Page>| format!("{} {}", page.number, page.tag)),
        )
        .route(
            "/form",
            post(async |Form(page): Form<Page>| format!("{} {}", page.number, page.tag)),
        )
        .route(
            "/json",
            post(async |Json(value): Json<BTreeMap<String, Value>>| Json(value)),
        )
        .route(
            "/headers",
            get(async |headers: HeaderMap| {
                let all: Vec<_> = headers.get_all("x-many").iter().collect();
                format!("{:?} {:?}", all, headers.get("user-agent"))
            }),
        )
        .route("/upload", post(many))
        .route("/echo", any(echo))
        .route("/echo/{*rest}", any(echo))
}

#[dual]
#[form_test]
async fn paths_queries_and_headers_are_read_by_extractors() {
    let client = client_to(app());
    let text = text_of(&client, "/users/7/posts/a%20b").await;
    assert_eq!(text, "7 a b");
    let request = client
        .get("/page")
        .params([("number", "3"), ("tag", "ä&b")]);
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "3 ä&b");
    let request = client
        .get("/headers")
        .header("x-many", "1")
        .header("x-many", "2")
        .header("user-agent", "me");
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, r#"["1", "2"] Some("me")"#);
    let missing = client.get("/page").send().await.unwrap();
    assert_eq!(missing.status(), 400);
    let missing = client.get("/nowhere").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    let wrong = client.get("/json").send().await.unwrap();
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.headers()["allow"], "POST");
}

#[dual]
#[form_test]
async fn json_and_forms_are_read_by_extractors() {
    let client = client_to(app());
    let value = json!({"a": [1, 2, {"b": null}], "ü": "ß"});
    let response = client.post("/json").json(&value).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let back: Value = response.json().await.unwrap();
    assert_eq!(back, value);
    let request = client
        .post("/form")
        .form([("number", "5"), ("tag", "x y+z")]);
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "5 x y+z");
}

#[dual]
#[form_test]
async fn multipart_uploads_are_read_by_axum() {
    let client = client_to(app());
    let form = dimorph::multipart::Form::new()
        .text("field", "value")
        .part("file", Part::bytes(vec![b'x'; 300_000]).file_name("a.csv"))
        .part(
            "file",
            Part::reader(Cursor::new(vec![b'y'; 100_000])).file_name("b.bin"),
        );
    let response = client.post("/upload").multipart(form).send().await.unwrap();
    let parts: Value = response.json().await.unwrap();
    assert_eq!(
        parts,
        json!([
            ["field", null, null, 5],
            ["file", "a.csv", "text/csv", 300_000],
            ["file", "b.bin", "application/octet-stream", 100_000],
        ])
    );
}

fn values<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = seen["headers"].as_array().unwrap();
    let named = headers.iter().filter(|pair| pair[0] == name);
    named.map(|pair| pair[1].as_str().unwrap()).collect()
}

#[dual]
#[form_test]
async fn the_application_sees_what_a_server_would_have_seen() {
    let client = client_to(app());
    let length = |seen: &Value| values(seen, "content-length").concat();
    let coding = |seen: &Value| values(seen, "transfer-encoding").concat();
    let table: [(Method, Option<Body>, &str, &str, usize); 7] = [
        (Method::GET, None, "", "", 0),
        (Method::DELETE, None, "", "", 0),
        (Method::POST, None, "0", "", 0),
        (Method::POST, Some("hello".into()), "5", "", 5),
        (
            Method::PUT,
            Some(Body::sized(Cursor::new("sized"), 5)),
            "5",
            "",
            5,
        ),
        (
            Method::PUT,
            Some(Body::from_reader(Cursor::new("read"))),
            "",
            "chunked",
            4,
        ),
        (
            Method::PATCH,
            Some(vec![b'x'; 3_000_000].into()),
            "3000000",
            "",
            3_000_000,
        ),
    ];
    for (method, body, announced, framing, received) in table {
        let mut request = client.request(method.clone(), "/echo/a%2Fb/c?x=1&y=%20#frag");
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let seen: Value = response.json().await.unwrap();
        assert_eq!(seen["method"], method.as_str());
        assert_eq!(seen["uri"], "/echo/a%2Fb/c?x=1&y=%20");
        assert_eq!(seen["version"], "HTTP/1.1");
        assert_eq!(values(&seen, "host"), ["testserver"]);
        assert_eq!(values(&seen, "accept"), ["*/*"]);
        assert_eq!(length(&seen), announced, "{method}");
        assert_eq!(coding(&seen), framing, "{method}");
        assert_eq!(seen["length"], received, "{method}");
    }
}

#[dual]
#[form_test]
async fn a_host_of_one_s_own_and_a_port_reach_the_application() {
    let client = client_to(app());
    for (url, header, host) in [
        ("http://testserver:8080/echo", None, "testserver:8080"),
        ("https://testserver:443/echo", None, "testserver"),
        ("http://[::1]:81/echo", None, "[::1]:81"),
        ("http://bücher.test/echo", None, "xn--bcher-kva.test"),
        ("http://testserver/echo", Some("other.test"), "other.test"),
    ] {
        let mut request = client.get(url);
        if let Some(header) = header {
            request = request.header("host", header);
        }
        let response = request.send().await.unwrap();
        let seen: Value = response.json().await.unwrap();
        assert_eq!(values(&seen, "host"), [host], "{url}");
    }
}

#[dual]
#[form_test]
async fn a_body_in_pieces_reaches_the_application_whole() {
    let client = client_to(app());
    let pieces = vec![b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
    let body = form_util::pieces_body(pieces);
    let response = client.post("/echo").body(body).send().await.unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["body"], "onetwothree");
    assert_eq!(values(&seen, "transfer-encoding"), ["chunked"]);
}

#[dual]
#[form_test]
async fn credentials_are_sent_to_an_application_too() {
    let client = client_to(app());
    let request = client.get("/echo").auth(("user", "pass"));
    let response = request.send().await.unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(values(&seen, "authorization"), ["Basic dXNlcjpwYXNz"]);
    let response = client
        .get("http://u:p@testserver/echo")
        .send()
        .await
        .unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(values(&seen, "authorization"), ["Basic dTpw"]);
    assert_eq!(seen["uri"], "/echo");
}
