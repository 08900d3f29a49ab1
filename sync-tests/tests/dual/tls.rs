//! TLS: whom the client trusts, what it shows, resumption, and failures that send nothing.

use std::sync::Arc;

use dimorph::{ErrorKind, TlsVersion};
use rustls::crypto::ring;
use sync_tests::certs::{certs, tls};
use sync_tests::{Received, Reply, Server, Tls};

use super::common::{assert_at_rest, builder, client};
use super::form::{Client, ClientBuilder};
use super::{dual, form_test, form_util};

fn answer(request: &Received) -> Reply {
    Reply::ok(request.url())
}

fn plain_builder() -> ClientBuilder {
    Client::builder().trust_env(false)
}

#[dual]
async fn fetch(client: &Client, url: &str) -> String {
    let response = client.get(url).send().await.unwrap();
    response.text().await.unwrap()
}

#[dual]
#[form_test]
async fn authorities_are_trusted_by_file_directory_and_configuration() {
    let server = Server::answering(tls(), answer);
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(certs().roots())
        .with_no_client_auth();
    let clients = [
        plain_builder().verify(certs().ca_file.to_str().unwrap()),
        plain_builder().verify(certs().ca_file.as_path()),
        plain_builder().verify(certs().ca_dir.as_path()),
        plain_builder().verify(Arc::new(config)),
        plain_builder().verify(false),
    ];
    for (i, client) in clients.into_iter().enumerate() {
        let client = client.build().unwrap();
        let url = server.https("/x");
        let body = fetch(&client, &url).await;
        assert_eq!(body, url, "{i}");
    }
}

#[dual]
#[form_test]
async fn a_stranger_is_not_trusted_and_sees_no_request() {
    let good = Server::answering(tls(), answer);
    let wrong = Server::answering(Tls::On(certs().wrong_host()), answer);
    let expired = Server::answering(Tls::On(certs().expired()), answer);
    let public_roots = plain_builder().build().unwrap();
    let ours = client();
    let cases = [
        (
            &public_roots,
            &good,
            "unknown issuer",
            vec!["issuer", "unknown"],
        ),
        (&ours, &wrong, "wrong host", vec!["127.0.0.1", "name"]),
        (&ours, &expired, "expired", vec!["expired"]),
    ];
    for (client, server, what, words) in cases {
        let error = client
            .post(server.https("/secret"))
            .body("secret")
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectError, "{what}: {error:?}");
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            text += &format!("; {inner}");
            source = inner.source();
        }
        let found = words.iter().any(|word| text.to_lowercase().contains(word));
        assert!(found, "{what}: {text}");
        assert_eq!(server.requests().len(), 0, "{what}");
        assert_at_rest(client).await;
    }
    let lax = plain_builder().verify(false).build().unwrap();
    for server in [&wrong, &expired] {
        let body = fetch(&lax, &server.https("/")).await;
        assert_eq!(body, server.https("/"));
    }
}

#[dual]
#[form_test]
async fn names_are_asked_for_and_addresses_are_not() {
    let server = Server::answering(tls(), answer);
    let client = builder()
        .resolve("name.test", [server.address()])
        .build()
        .unwrap();
    fetch(&client, "https://name.test/").await;
    fetch(&client, &server.https("/")).await;
    let names: Vec<Option<String>> = server
        .handshakes()
        .into_iter()
        .map(|h| h.unwrap().server_name)
        .collect();
    assert_eq!(names, [Some("name.test".to_owned()), None]);
}

#[dual]
#[form_test]
async fn a_second_connection_resumes_the_session() {
    let server = Server::answering(tls(), |_| Reply::ok("ok").closing());
    let client = client();
    for _ in 0..3 {
        fetch(&client, &server.https("/")).await;
    }
    let resumed: Vec<bool> = server
        .handshakes()
        .into_iter()
        .map(|h| h.unwrap().resumed)
        .collect();
    assert_eq!(resumed, [false, true, true]);
}

#[dual]
#[form_test]
async fn a_client_certificate_is_shown() {
    let server = Server::answering(Tls::On(certs().with_client_auth()), answer);
    let with = [
        builder().cert(certs().client_file.to_str().unwrap()),
        builder().cert((
            certs().client_cert_file.clone(),
            certs().client_key_file.clone(),
        )),
    ];
    for client in with {
        let client = client.build().unwrap();
        fetch(&client, &server.https("/")).await;
    }
    let shown = server.handshakes();
    assert!(
        shown
            .iter()
            .all(|h| h.as_ref().is_ok_and(|h| h.client_certificate)),
        "{shown:?}"
    );

    let without = client();
    let error = without.get(server.https("/")).send().await.unwrap_err();
    use ErrorKind::*;
    assert!(
        matches!(error.kind(), ConnectError | ReadError | RemoteProtocolError),
        "{error:?}"
    );
    assert_at_rest(&without).await;
}

#[dual]
#[form_test]
async fn bad_paths_are_errors_of_build_that_name_them() {
    let bad = [
        builder().verify("/nowhere/ca.pem"),
        builder().cert("/nowhere/client.pem"),
        builder().cert(certs().client_cert_file.to_str().unwrap()),
    ];
    let named = ["/nowhere/ca.pem", "/nowhere/client.pem", "client-cert.pem"];
    for (builder, path) in bad.into_iter().zip(named) {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[dual]
#[form_test]
async fn versions_can_be_limited() {
    let server = Server::answering(tls(), answer);
    let old = builder()
        .max_tls_version(TlsVersion::TLS_1_2)
        .build()
        .unwrap();
    let new = builder()
        .min_tls_version(TlsVersion::TLS_1_3)
        .build()
        .unwrap();
    fetch(&old, &server.https("/")).await;
    fetch(&new, &server.https("/")).await;
    let versions: Vec<String> = server
        .handshakes()
        .into_iter()
        .map(|h| h.unwrap().version)
        .collect();
    assert_eq!(versions, ["TLSv1_2", "TLSv1_3"]);
}

#[dual]
#[form_test]
async fn a_plain_server_on_https_is_a_connect_error() {
    let server = Server::wire(|wire| {
        wire.read_some()?;
        wire.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
        wire.drain(std::time::Duration::from_secs(5));
        Ok(())
    });
    let client = client();
    let error = client
        .get(server.https("/secret"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError, "{error:?}");
    assert!(error.is_connect());
    assert!(!String::from_utf8_lossy(&server.received()[0]).contains("secret"));
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_close_without_notice_truncates_a_body_that_ends_by_it() {
    let server = Server::wire_tls(tls(), |wire| {
        let head = wire.read_head()?.unwrap();
        wire.send("HTTP/1.1 200 OK\r\n\r\nall of it")?;
        match head.target.as_str() {
            "/notice" => wire.finish(),
            _ => wire.cut(),
        }
        Ok(())
    });
    let client = client();
    let body = fetch(&client, &server.https("/notice")).await;
    assert_eq!(body, "all of it");
    let response = client.get(server.https("/cut")).send().await.unwrap();
    let error = response.text().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{error:?}");
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn connections_over_tls_are_used_again_and_large_bodies_go_both_ways() {
    let server = Server::answering(tls(), |request: &Received| Reply::ok(request.body.clone()));
    let client = client();
    let content: Vec<u8> = (0..1_500_000u32).map(|i| (i % 253) as u8).collect();
    for _ in 0..3 {
        let response = client
            .put(server.https("/"))
            .body(content.clone())
            .send()
            .await
            .unwrap();
        let back = response.bytes().await.unwrap();
        assert!(back == content, "{} bytes came back", back.len());
    }
    assert_eq!(server.connections(), 1);
    let idle = form_util::until(|| client.pool_stats().idle == 1).await;
    assert!(idle);
}

#[dual]
#[form_test]
async fn bytes_after_a_response_within_tls_close_the_connection() {
    let server = Server::wire_tls(tls(), |wire| {
        while wire.read_head()?.is_some() {
            wire.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")?;
        }
        Ok(())
    });
    let client = client();
    for i in 1..=3 {
        let body = fetch(&client, &server.https("/")).await;
        assert_eq!(body, "good");
        assert_eq!(server.connections(), i);
    }
}
