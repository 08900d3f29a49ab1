//! What the client does is done over a mock as over the network.

use std::io::Write;

use dimorph::transport::{Mock, MockResponse, Route};
use dimorph::{Body, DigestAuth, ErrorKind, Method, Request, Version};

use super::super::form::Client;
use super::super::{dual, form_test, form_util};
use super::{get, with};

#[dual]
#[form_test]
async fn cookies_are_stored_and_sent_back() {
    let set = [
        ("set-cookie", "sid=7; Path=/"),
        ("set-cookie", "theme=dark; Path=/in"),
    ];
    let mock = Mock::routes()
        .get("/login", (204, set, ()))
        .route(
            Route::get("/in")
                .cookie("sid", "7")
                .cookie("theme", "dark")
                .reply("in"),
        )
        .route(Route::get("/out").header("cookie", "sid=7").reply("out"));
    let client = with(mock.clone());
    client.get("/login").send().await.unwrap();
    for (path, expected) in [("/in", "200 in"), ("/out", "200 out")] {
        let answer = get(&client, path).await;
        assert_eq!(answer, expected);
    }
    assert_eq!(client.cookies().get("sid").unwrap().as_deref(), Some("7"));
    let text = format!("{:?}", mock.calls());
    assert!(!text.contains("sid=7"), "{text}");
}

#[dual]
#[form_test]
async fn redirects_are_followed_with_their_rules() {
    let mock = Mock::routes()
        .post("/old", (303, [("location", "/new")], "moved"))
        .get("/new", (302, [("location", "http://other.test/end")], ()))
        .route(
            Route::get("http://other.test/end")
                .no_header("authorization")
                .reply("end"),
        )
        .get("/loop", (302, [("location", "/loop")], ()));
    let client = Client::builder()
        .trust_env(false)
        .base_url("http://mock.test")
        .follow_redirects(true)
        .transport(mock.clone())
        .build()
        .unwrap();
    let request = client
        .post("/old")
        .body("text")
        .basic_auth("tom", Some("mot123"));
    let response = request.send().await.unwrap();
    assert_eq!(response.url().as_str(), "http://other.test/end");
    let statuses: Vec<_> = response
        .history()
        .iter()
        .map(|entry| entry.status().as_u16())
        .collect();
    assert_eq!(statuses, [303, 302]);
    let text = response.text().await.unwrap();
    assert_eq!(text, "end");
    let methods: Vec<_> = mock
        .calls()
        .iter()
        .map(|call| call.method().clone())
        .collect();
    assert_eq!(methods, [Method::POST, Method::GET, Method::GET]);
    let error = client.get("/loop").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
}

#[dual]
#[form_test]
async fn authentication_answers_challenges() {
    let challenge = r#"Digest realm="r", nonce="n", qop="auth", algorithm=MD5"#;
    let mock = Mock::routes()
        .route(
            Route::get("/digest")
                .when(|request| {
                    let field = request.headers().get("authorization");
                    field
                        .is_some_and(|v| v.to_str().unwrap().starts_with("Digest username=\"tom\""))
                })
                .reply("in"),
        )
        .get("/digest", (401, [("www-authenticate", challenge)], ()))
        .route(
            Route::get("/basic")
                .header("authorization", "Basic dG9tOm1vdDEyMw==")
                .reply("in"),
        );
    let client = with(mock.clone());
    let request = client.get("/digest").auth(DigestAuth::new("tom", "mot123"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.history().len(), 1);
    let response = client
        .get("/basic")
        .auth(("tom", "mot123"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    mock.assert_all_called();
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[dual]
#[form_test]
async fn content_codings_are_taken_off() {
    let coded = [("content-encoding", "gzip")];
    let mock = Mock::routes()
        .get("/good", (200, coded, gzip("good text")))
        .get(
            "/paced",
            MockResponse::new(200)
                .headers(coded)
                .body(gzip("good text"))
                .pace(3, std::time::Duration::ZERO),
        )
        .get("/bad", (200, coded, "no gzip"));
    let client = with(mock);
    for path in ["/good", "/paced"] {
        let answer = get(&client, path).await;
        assert_eq!(answer, "200 good text", "{path}");
    }
    let response = client.get("/bad").send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DecodingError);
}

#[dual]
#[form_test]
async fn heads_say_what_was_set() {
    #[derive(Clone, Debug, PartialEq)]
    struct Note(u8);
    let mock = Mock::routes()
        .get(
            "/",
            MockResponse::new(299)
                .reason("Quite Fine")
                .version(Version::HTTP_10)
                .header("x-a", "1")
                .header("x-a", "2")
                .html("<p>")
                .extension(Note(7)),
        )
        .head("/", "a body")
        .get("/none", (204, "dropped"))
        .get("/not-modified", (304, [("etag", "\"a\"")], "dropped"));
    let client = with(mock);
    let response = client.get("/").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.reason()),
        (299, "Quite Fine")
    );
    assert_eq!(response.version(), Version::HTTP_10);
    let values: Vec<_> = response.headers().get_all("x-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    assert_eq!(response.content_length(), Some(3));
    assert_eq!(response.extensions().get::<Note>(), Some(&Note(7)));
    let text = response.text().await.unwrap();
    assert_eq!(text, "<p>");
    let response = client.head("/").send().await.unwrap();
    assert_eq!(response.headers()["content-length"], "6");
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.is_empty(), "an answer to HEAD has no body");
    for path in ["/none", "/not-modified"] {
        let response = client.get(path).send().await.unwrap();
        assert!(response.headers().get("content-length").is_none(), "{path}");
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.is_empty(), "{path}");
    }
}

#[dual]
#[form_test]
async fn streamed_bodies_come_in_their_pieces() {
    let mock = Mock::routes()
        .get("/stream", |_: &Request| {
            (
                200,
                form_util::pieces_body(vec![b"one".to_vec(), b"two".to_vec()]),
            )
        })
        .get("/reader", |_: &Request| Body::from_reader(&b"read"[..]))
        .get("/once", Body::from_reader(&b"once"[..]));
    let client = with(mock);
    let mut response = client.get("/stream").send().await.unwrap();
    let pieces = form_util::collect(&mut response).await.unwrap();
    assert_eq!(pieces, ["one", "two"]);
    for path in ["/stream", "/reader", "/once"] {
        let response = client.get(path).send().await.unwrap();
        let bytes = response.bytes().await.unwrap();
        assert!(!bytes.is_empty(), "{path}");
    }
    let error = client.get("/once").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    assert!(error.to_string().contains("given before"), "{error}");
}

#[dual]
#[form_test]
async fn a_closed_client_does_not_ask_the_mock() {
    let mock = Mock::new(|_: &Request| 200);
    let client = with(mock.clone());
    client.get("/").send().await.unwrap();
    client.close().await;
    let error = client.get("/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientClosed);
    mock.assert_count(1);
}
