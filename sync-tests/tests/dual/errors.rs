//! Errors: their kind, what they carry, and what they say.

use std::error::Error as _;

use dimorph::ErrorKind;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client, refused};
use super::{dual, form_test};

#[dual]
#[form_test]
async fn a_refused_connection_says_where() {
    let client = client();
    let address = refused();
    let error = client
        .get(format!("http://{address}/path?q=1"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError);
    assert!(error.is_connect() && error.is_network() && error.is_request() && !error.is_timeout());
    assert_eq!(error.url().unwrap().path(), "/path");
    assert_eq!(error.request().unwrap().method(), "GET");
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1") && text.contains(&address.port().to_string()),
        "{text}"
    );
    let mut source = error.source();
    let mut found = false;
    while let Some(inner) = source {
        found |= inner.downcast_ref::<std::io::Error>().is_some();
        source = inner.source();
    }
    assert!(found, "the io::Error is in the chain of {error:?}");
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_host_that_does_not_exist_is_a_connect_error() {
    let client = client();
    let error = client
        .get("http://no-such-host.invalid/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError, "{error:?}");
    assert!(
        error.to_string().contains("no-such-host.invalid"),
        "{error}"
    );
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn other_schemes_and_missing_hosts_are_refused() {
    let client = client();
    for (url, kinds) in [
        (
            "ftp://example.org/",
            [
                ErrorKind::UnsupportedProtocol,
                ErrorKind::UnsupportedProtocol,
            ],
        ),
        ("http://", [ErrorKind::InvalidUrl, ErrorKind::InvalidUrl]),
        (
            "/relative",
            [ErrorKind::InvalidUrl, ErrorKind::UnsupportedProtocol],
        ),
        ("", [ErrorKind::InvalidUrl, ErrorKind::UnsupportedProtocol]),
        (
            "http://[::1",
            [ErrorKind::InvalidUrl, ErrorKind::InvalidUrl],
        ),
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(kinds.contains(&error.kind()), "{url}: {error:?}");
        assert!(error.is_builder(), "{url}");
    }
}

#[dual]
#[form_test]
async fn a_status_is_an_error_when_asked_for() {
    let server = Server::http(|request| {
        let status = request.target[1..].parse().unwrap();
        Reply::status(status).reason("As Told")
    });
    let client = builder().follow_redirects(false).build().unwrap();
    // Status; whether `error_for_status` and whether `raise_for_status` make an error of it.
    for (status, reqwest, httpx) in [
        (200, false, false),
        (204, false, false),
        (304, false, true),
        (302, false, true),
        (404, true, true),
        (499, true, true),
        (503, true, true),
    ] {
        let response = client
            .get(server.url(&format!("/{status}")))
            .send()
            .await
            .unwrap();
        assert_eq!(response.reason(), "As Told");
        assert_eq!(
            response.error_for_status_ref().is_err(),
            reqwest,
            "{status}"
        );
        assert_eq!(response.raise_for_status().is_err(), httpx, "{status}");
        if let Err(error) = response.error_for_status() {
            assert!(reqwest, "{status}");
            assert_eq!(error.kind(), ErrorKind::HttpStatus);
            assert!(error.is_status());
            assert_eq!(error.status().unwrap(), status);
            let text = error.to_string();
            assert!(text.contains(&format!("{status} As Told")), "{text}");
            assert!(error.url().is_some());
        } else {
            assert!(!reqwest, "{status}");
        }
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn bad_json_is_an_error_of_decoding() {
    let server = Server::http(|_| Reply::ok("{\"a\": }"));
    let client = client();
    let response = client.get(server.url("/")).send().await.unwrap();
    let error = response.json::<serde_json::Value>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Json);
    assert!(error.is_decode());
    let source = error.source().unwrap();
    assert!(source.downcast_ref::<serde_json::Error>().is_some());
}

#[dual]
#[form_test]
async fn errors_are_one_pointer() {
    assert_eq!(size_of::<dimorph::Error>(), size_of::<usize>());
}

#[dual]
#[form_test]
async fn a_body_taken_twice_is_an_error() {
    let server = Server::http(|_| Reply::ok("body"));
    let client = client();
    let mut response = client.get(server.url("/")).send().await.unwrap();
    assert!(response.content().is_none(), "nothing is buffered yet");
    while response.chunk().await.unwrap().is_some() {}
    let error = response.buffer().await.cloned().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
    assert!(error.is_body());
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
}
