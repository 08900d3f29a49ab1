//! Bodies on their way out, in every shape.

use std::io::{Cursor, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use dimorph::{Body, ErrorKind};
use futures_core::Stream;
use serde::Serialize;
use sync_tests::http::{Reply, echo};
use sync_tests::{Received, Server};

use super::common::{assert_at_rest, client};
use super::httpx_cases::file_of;
use super::{dual, form_test, form_util};

#[derive(Serialize)]
struct Login<'a> {
    name: &'a str,
    tags: Vec<u8>,
    admin: bool,
    team: Option<u8>,
}

const LOGIN: Login<'_> = Login {
    name: "Zoë & co",
    tags: vec![],
    admin: true,
    team: None,
};

#[dual]
#[form_test]
async fn bodies_in_memory_are_sent_with_their_length() {
    let server = Server::http(echo);
    let client = client();
    let url = server.url("/");
    let bodies: [(Body, &str); 7] = [
        ("text".into(), "text"),
        (String::from("string").into(), "string"),
        (b"slice".as_slice().into(), "slice"),
        (b"vector".to_vec().into(), "vector"),
        (Bytes::from_static(b"bytes").into(), "bytes"),
        (file_of("file").into(), "file"),
        (Body::sized(Cursor::new("sized"), 5), "sized"),
    ];
    for (body, expected) in bodies {
        let response = client.post(&url).body(body).send().await.unwrap();
        drop(response);
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.text(), expected);
        assert_eq!(
            seen.header("content-length"),
            Some(&*expected.len().to_string()),
            "{expected}"
        );
        assert_eq!(seen.header("transfer-encoding"), None, "{expected}");
        assert_eq!(seen.header("content-type"), None, "{expected}");
    }
}

#[dual]
#[form_test]
async fn json_and_forms_name_their_type() {
    let server = Server::http(echo);
    let client = client();
    let url = server.url("/");
    client.post(&url).json(&LOGIN).send().await.unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(
        seen.text(),
        r#"{"name":"Zoë & co","tags":[],"admin":true,"team":null}"#
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));

    client.post(&url).form(&LOGIN).send().await.unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.text(), "name=Zo%C3%AB+%26+co&admin=true&team=");
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );

    client
        .post(&url)
        .form([("a", "1"), ("a", "2")])
        .send()
        .await
        .unwrap();
    assert_eq!(server.requests().pop().unwrap().text(), "a=1&a=2");

    client
        .post(&url)
        .header("content-type", "application/vnd.api+json")
        .json([1, 2])
        .send()
        .await
        .unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(
        seen.header("content-type"),
        Some("application/vnd.api+json")
    );
    assert_eq!(seen.text(), "[1,2]");
}

#[dual]
#[form_test]
async fn an_empty_body_says_so_where_one_is_expected() {
    let server = Server::http(echo);
    let client = client();
    let url = server.url("/");
    let cases = [
        (client.post(&url), Some("0")),
        (client.put(&url), Some("0")),
        (client.patch(&url), Some("0")),
        (client.get(&url), None),
        (client.delete(&url), None),
        (client.head(&url), None),
    ];
    for (request, expected) in cases {
        request.send().await.unwrap();
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("content-length"), expected, "{}", seen.method);
        assert_eq!(seen.header("transfer-encoding"), None);
    }
}

#[dual]
#[form_test]
async fn bodies_of_unknown_length_are_chunked() {
    let server = Server::http(echo);
    let client = client();
    let url = server.url("/");
    let long = "0123456789".repeat(100_000);
    let bodies = [
        (Body::from_reader(Cursor::new("reader")), "reader"),
        (Body::from_reader(std::io::empty()), ""),
        (Body::from_reader(Cursor::new(long.clone())), long.as_str()),
        (
            form_util::pieces_body(vec![b"a".to_vec(), Vec::new(), b"bc".to_vec()]),
            "abc",
        ),
    ];
    for (body, expected) in bodies {
        let response = client.post(&url).body(body).send().await.unwrap();
        drop(response);
        let seen = server.requests().pop().unwrap();
        assert!(seen.text() == expected, "{} bytes", seen.body.len());
        assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
        assert_eq!(seen.header("content-length"), None);
    }
    let body = Body::from_reader(Cursor::new("four"));
    client
        .post(&url)
        .header("content-length", "4")
        .body(body)
        .send()
        .await
        .unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!(
        (
            seen.header("content-length"),
            seen.header("transfer-encoding")
        ),
        (Some("4"), None)
    );
}

/// A stream that never waits.
struct Ready(Option<&'static str>);

impl Stream for Ready {
    type Item = std::io::Result<&'static str>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

#[dual]
#[form_test]
async fn a_stream_is_for_the_async_client_and_the_other_says_so() {
    let server = Server::http(echo);
    let client = client();
    let sent = client
        .post(server.url("/"))
        .body(Body::from_stream(Ready(Some("piece"))))
        .send()
        .await;
    if form_util::IS_ASYNC {
        assert_eq!(sent.unwrap().status(), 200);
        assert_eq!(server.requests()[0].text(), "piece");
    } else {
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
        assert!(error.to_string().contains("stream"), "{error}");
        assert_eq!(server.requests().len(), 0);
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_length_that_the_body_does_not_meet_is_an_error() {
    let server = Server::http(echo);
    let client = client();
    for length in [3, 5] {
        let body = Body::sized(Cursor::new("four"), length);
        let sent = client.post(server.url("/")).body(body).send().await;
        assert_eq!(
            sent.unwrap_err().kind(),
            ErrorKind::LocalProtocolError,
            "{length}"
        );
        assert_at_rest(&client).await;
    }
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

struct Failing(usize);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::Error::other("the tape tore"));
        }
        self.0 -= 1;
        buffer[0] = b'x';
        Ok(1)
    }
}

#[dual]
#[form_test]
async fn a_reader_that_fails_ends_the_request_with_its_reason() {
    let server = Server::http(echo);
    let client = client();
    for good in [0, 3] {
        let sent = client
            .post(server.url("/"))
            .body(Body::from_reader(Failing(good)))
            .send()
            .await;
        let error = sent.unwrap_err();
        let mut reasons = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            reasons += &format!(": {inner}");
            source = inner.source();
        }
        assert!(reasons.contains("the tape tore"), "{reasons}");
        assert!(!error.is_timeout());
        assert_at_rest(&client).await;
    }
    assert_eq!(
        server.requests().len(),
        0,
        "an unfinished chunked body never looks whole"
    );
}

#[dual]
#[form_test]
async fn large_bodies_go_through_whole() {
    let server = Server::http(|request: &Received| {
        let good = request
            .body
            .iter()
            .enumerate()
            .all(|(i, &b)| b == (i % 251) as u8);
        Reply::ok(format!("{} {good}", request.body.len()))
    });
    let client = client();
    let content: Vec<u8> = (0..5_000_000).map(|i| (i % 251) as u8).collect();
    let bodies = [
        Body::from(content.clone()),
        Body::from_reader(Cursor::new(content.clone())),
        Body::sized(Cursor::new(content.clone()), 5_000_000),
    ];
    for body in bodies {
        let response = client
            .post(server.url("/"))
            .body(body)
            .send()
            .await
            .unwrap();
        let answer = response.text().await.unwrap();
        assert_eq!(answer, "5000000 true");
    }
    assert_eq!(server.connections(), 1);
}
