//! What an error says about a body that is not the JSON expected: the place, not the values.

use dimorph::transport::{Mock, MockResponse};
use dimorph::{Auth, AuthFlow, ErrorKind, Phase, Request};
use serde::Deserialize;
use sync_tests::{Reply, Server};

use super::common::{builder, client};
use super::{dual, form_test};

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "it is only made")]
struct Listing {
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "it is only made")]
struct Item {
    id: u64,
    name: String,
}

/// Expects a listing as the answer to its own request.
struct Login;

impl Auth for Login {
    fn requires_response_body(&self) -> bool {
        true
    }

    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        AuthFlow::new(move |exchange| async move {
            let response = exchange.send(request).await?;
            response.json::<Listing>().map(drop)
        })
    }
}

/// What a listing of this body and content-type is told to be.
#[dual]
async fn told(content_type: &'static str, body: &'static str) -> String {
    let server = Server::http(move |_| Reply::ok(body).header("content-type", content_type));
    let client = client();
    let response = client.get(server.url("/list")).send().await.unwrap();
    let error = response.json::<Listing>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Json);
    assert_eq!(error.phase(), Some(Phase::Decode));
    assert_eq!(error.url().unwrap().as_str(), server.url("/list"));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("mot123"), "{shown}");
    let text = error.to_string();
    let (what, place) = text.rsplit_once(" while ").unwrap();
    assert!(place.starts_with("decoding the response body from 127.0.0.1:"));
    what.to_owned()
}

#[dual]
#[form_test]
async fn the_place_of_what_does_not_fit_is_told_and_its_value_is_not() {
    let body =
        "{\"items\": [{\"id\": 1, \"name\": \"a\"},\n {\"id\": \"mot123\", \"name\": \"b\"}]}";
    let text = told("application/json", body).await;
    assert_eq!(
        text,
        "Json: the body is not the JSON expected: invalid type: a string, expected u64 at line 2 column 16, in items[1].id"
    );
}

#[dual]
#[form_test]
async fn a_body_that_is_cut_short_or_empty_is_said_to_be() {
    let body = "{\"items\": [{\"id\": 1, \"name\": \"mot1";
    let text = told("application/json", body).await;
    assert_eq!(
        text,
        "Json: the body is not the JSON expected: the body ends at line 1 column 34 while parsing a string, in items[0].name"
    );
    let text = told("application/json", "").await;
    assert_eq!(text, "Json: the body is not the JSON expected: it is empty");
}

#[dual]
#[form_test]
async fn a_page_in_place_of_json_is_named() {
    let text = told("text/html; charset=utf-8", "<!doctype html>").await;
    assert_eq!(
        text,
        "Json: the body is not the JSON expected but text/html: expected value at line 1 column 1"
    );
}

#[dual]
#[form_test]
async fn auth_flows_and_mocks_tell_it_in_the_same_words() {
    let mock = Mock::routes().post(
        "/",
        MockResponse::new(200).body("{\"items\": [{\"id\": \"mot123\"}]}"),
    );
    let client = builder().transport(mock.clone()).build().unwrap();
    let error = client
        .post("http://mock.test/")
        .auth(Login)
        .body("{\"items\": [{\"id\": \"mot123\"}]}")
        .send()
        .await
        .unwrap_err();
    let expected = " is not the JSON expected: invalid type: a string, expected u64 at line 1 column 26, in items[0].id";
    assert_eq!(error.phase(), Some(Phase::Auth));
    let shown = format!("{error} {error:?}");
    assert!(
        shown.starts_with(&format!("Json: the body{expected} while authenticating")),
        "{shown}"
    );
    assert!(!shown.contains("mot123"), "{shown}");
    let error = mock.calls()[0].json::<Listing>().unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        shown.starts_with(&format!("Json: the body of the call{expected}")),
        "{shown}"
    );
    assert!(!shown.contains("mot123"), "{shown}");
}
