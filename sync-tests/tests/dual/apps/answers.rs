//! What comes back of an application: cookies, redirects, codings, trailers, and bodies that are none.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::response::{AppendHeaders, IntoResponse, Redirect};
use axum::routing::{any, get};
use bytes::Bytes;
use dimorph::transport::App;
use dimorph::{DigestAuth, ErrorKind, Phase};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::trace::TraceLayer;

use super::{client_of, client_of_fn, client_to, dual, form_test, form_util, text_of};

async fn cookies(headers: HeaderMap) -> String {
    let sent = headers.get(COOKIE).map(|value| value.to_str().unwrap());
    sent.unwrap_or("none").to_owned()
}

fn app() -> Router {
    let login = async || {
        let set = [
            (SET_COOKIE, "session=abc; Path=/"),
            (SET_COOKIE, "a=b; Path=/cookies"),
        ];
        (AppendHeaders(set), Redirect::to("/cookies"))
    };
    Router::new()
        .route("/login", any(login))
        .route("/cookies", any(cookies))
        .route(
            "/away",
            get(async || Redirect::temporary("http://other.test/there")),
        )
        .route(
            "/there",
            any(async |method: http::Method, headers: HeaderMap| {
                format!(
                    "{method} {:?} {:?}",
                    headers["host"],
                    headers.get("authorization")
                )
            }),
        )
        .route("/keep", any(async || Redirect::permanent("/there")))
        .route("/loop", get(async || Redirect::to("/loop")))
        .route("/nothing", any(async || StatusCode::NO_CONTENT))
        .route("/full", get(async || "the whole body"))
}

#[dual]
#[form_test]
async fn cookies_of_an_application_are_kept_and_sent_back() {
    let client = client_to(app());
    let text = text_of(&client, "/cookies").await;
    assert_eq!(text, "none");
    let response = client.post("/login").send().await.unwrap();
    assert_eq!(response.url().as_str(), "http://testserver/cookies");
    assert_eq!(response.request().method(), "GET");
    assert_eq!(response.history().len(), 1);
    assert_eq!(response.history()[0].status(), 303);
    let text = response.text().await.unwrap();
    assert_eq!(text, "a=b; session=abc");
    assert_eq!(client.cookies().len(), 2);
    let text = text_of(&client, "http://other.test/cookies").await;
    assert_eq!(text, "none");
}

#[dual]
#[form_test]
async fn redirects_of_an_application_are_followed_as_over_the_network() {
    let client = client_to(app());
    let request = client.get("/away").header("authorization", "secret");
    let response = request.send().await.unwrap();
    assert_eq!(response.url().as_str(), "http://other.test/there");
    let text = response.text().await.unwrap();
    assert_eq!(text, r#"GET "other.test" None"#);
    let response = client.put("/keep").body("again").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, r#"PUT "testserver" None"#);
    let error = client.get("/loop").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
    let request = client.get("/loop").follow_redirects(false);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(response.next_request().unwrap().url().path(), "/loop");
}

#[dual]
#[form_test]
async fn an_application_s_challenge_is_answered() {
    let client = client_of(App::from_fn(|request: http::Request<dimorph::Body>| {
        let answered = request.headers().get("authorization");
        let mut response = http::Response::new(format!("{}", answered.is_some()));
        if answered.is_none() {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            let challenge = r#"Digest realm="r", nonce="n", qop="auth""#;
            response
                .headers_mut()
                .insert("www-authenticate", challenge.parse().unwrap());
        }
        response
    }));
    let request = client.get("/").auth(DigestAuth::new("user", "pass"));
    let response = request.send().await.unwrap();
    assert_eq!(response.history().len(), 1);
    let text = response.text().await.unwrap();
    assert_eq!(text, "true");
}

#[dual]
#[form_test]
async fn head_and_204_have_no_body() {
    let client = client_to(app());
    let mut response = client.head("/full").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-length"], "14");
    let all = form_util::read_all(&mut response).await.unwrap();
    assert!(all.is_empty());
    let response = client.delete("/nothing").send().await.unwrap();
    assert_eq!(response.status(), 204);
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.is_empty());

    // An application that sends a body with them all the same is not believed, as on the wire.
    for status in [204, 304] {
        let client = client_of(App::from_fn(move |_| {
            let response = http::Response::builder().status(status);
            response.body("not to be seen").unwrap()
        }));
        let text = text_of(&client, "/").await;
        assert_eq!(text, "", "{status}");
        let response = client.head("/").send().await.unwrap();
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.is_empty());
    }
}

#[dual]
#[form_test]
async fn a_stack_of_layers_is_an_application() {
    let long = "la ".repeat(10_000);
    let expected = long.clone();
    let layers = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CorsLayer::permissive())
        .layer(CompressionLayer::new());
    let client = client_to(
        Router::new()
            .route("/", get(async move || long.clone()))
            .layer(layers),
    );
    let request = client.get("/").header("origin", "http://here.test");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(response.is_decoded());
    response.buffer().await.unwrap();
    assert!(response.num_bytes_downloaded() < 1000);
    let text = response.text().await.unwrap();
    assert_eq!(text, expected);

    let request = client.get("/").header("accept-encoding", "identity");
    let mut response = request.send().await.unwrap();
    assert!(!response.is_decoded());
    let all = form_util::read_all(&mut response).await.unwrap();
    assert_eq!(all, expected.as_bytes());

    let preflight = client
        .options("/")
        .header("origin", "http://here.test")
        .header("access-control-request-method", "GET");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-methods"], "*");
}

#[dual]
#[form_test]
async fn a_body_cut_short_in_its_coding_is_a_decoding_error() {
    let client = client_of(App::from_fn(|_| {
        let response = http::Response::builder().header("content-encoding", "gzip");
        response
            .body(&b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb"[..])
            .unwrap()
    }));
    let response = client.get("/").send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DecodingError);
}

/// A body of frames as they are.
pub(super) struct Frames(pub(super) VecDeque<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[dual]
#[form_test]
async fn trailers_of_an_application_are_seen_after_its_body() {
    let client = client_of_fn(async |_| {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", "abc".parse().unwrap());
        let mut more = HeaderMap::new();
        more.insert("x-more", "1".parse().unwrap());
        Ok(http::Response::new(Frames(VecDeque::from([
            Frame::data(Bytes::from_static(b"one")),
            Frame::data(Bytes::new()),
            Frame::data(Bytes::from_static(b"two")),
            Frame::trailers(trailers),
            Frame::trailers(more),
        ]))))
    });
    let mut response = client.get("/").send().await.unwrap();
    assert!(response.trailers().is_none());
    let first = response.chunk().await.unwrap();
    assert_eq!(first.unwrap(), "one");
    assert!(response.trailers().is_none());
    let rest = form_util::read_all(&mut response).await.unwrap();
    assert_eq!(rest, b"two");
    let trailers = response.trailers().unwrap();
    assert_eq!(trailers["x-checksum"], "abc");
    assert_eq!(trailers["x-more"], "1");
}

#[dual]
#[form_test]
async fn what_the_application_says_of_its_response_is_kept() {
    let client = client_of(App::from_fn(|_| {
        let mut response = http::Response::builder()
            .status(299)
            .version(http::Version::HTTP_2)
            .header("x-many", "1")
            .header("x-many", "2")
            .body("")
            .unwrap();
        response.extensions_mut().insert(7_u8);
        response
    }));
    let response = client.get("/").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 299);
    assert_eq!(response.version(), http::Version::HTTP_2);
    let many: Vec<_> = response.headers().get_all("x-many").iter().collect();
    assert_eq!(many, ["1", "2"]);
    assert_eq!(response.extensions().get::<u8>(), Some(&7));
    assert!(response.remote_addr().is_none());
}

#[dual]
#[form_test]
async fn an_application_may_answer_without_reading_the_body() {
    let client = client_to(Router::new().fallback(async || "early".into_response()));
    let body = form_util::pieces_body(vec![vec![b'x'; 1000]; 50]);
    let response = client.post("/").body(body).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "early");
}

/// An answer with these lengths and this body.
fn announcing(values: &[&str], body: &'static str) -> http::Response<&'static str> {
    let response = http::Response::builder();
    let response = values.iter().fold(response, |response, value| {
        response.header("content-length", *value)
    });
    response.body(body).unwrap()
}

#[dual]
#[form_test]
async fn a_body_of_another_length_than_its_own_content_length_is_the_peer_s_error() {
    // The header, the body, and what is said of it: nothing where it is right.
    let table: [(&[&str], &str, Option<&str>); 9] = [
        (&["5"], "right", None),
        (&["5", "5"], "right", None),
        (&["5, 5"], "right", None),
        (&["0"], "", None),
        (&["6"], "short", Some("has 5 bytes, 6 were announced")),
        (&["1"], "", Some("has 0 bytes, 1 were announced")),
        (&["4"], "longer", Some("longer than the 4 bytes announced")),
        (&["0"], "x", Some("longer than the 0 bytes announced")),
        (&["99999999999"], "x", Some("99999999999 were announced")),
    ];
    for (values, body, expected) in table {
        let client =
            client_of(App::from_fn(move |_| announcing(values, body)).raise_app_errors(false));
        let response = client.get("/").send().await.unwrap();
        let read = response.bytes().await;
        match expected {
            None => assert_eq!(read.unwrap(), body, "{values:?}"),
            Some(expected) => {
                let error = read.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{values:?}");
                assert_eq!(error.phase(), Some(Phase::ReceiveBody));
                assert!(error.to_string().contains(expected), "{error}");
            }
        }
        // It is the length of what GET would give.
        let response = client.head("/").send().await.unwrap();
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.is_empty());
    }
    let table: [&[&str]; 5] = [&["x"], &["1", "2"], &["-1"], &["+1"], &[""]];
    for values in table {
        let client = client_of(App::from_fn(move |_| announcing(values, "x")));
        let error = client.get("/").send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{values:?}");
        assert_eq!(error.phase(), Some(Phase::ReceiveHead));
    }
    // RFC 9112 section 6.3: a transfer coding overrides the length.
    let client = client_of(App::from_fn(|_| {
        let response = http::Response::builder()
            .header("content-length", "1")
            .header("transfer-encoding", "chunked");
        response.body("whole").unwrap()
    }));
    let text = text_of(&client, "/").await;
    assert_eq!(text, "whole");
}
