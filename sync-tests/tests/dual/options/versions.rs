//! `http1`, `http2` and prior knowledge: what is offered, what is refused, and what is spoken to proxies.

use std::sync::Arc;
use std::time::Duration;

use dimorph::{ErrorKind, Method, Phase, Version};
use sync_tests::certs::{certs, sniff};
use sync_tests::{Proxy, Reply, Server, Tls, Wire};

use super::{dual, form_test};
use crate::dual_tests::common::builder;
use crate::dual_tests::form::ClientBuilder;

/// A server that answers in HTTP/1.1, and knows these names in the handshake.
fn knowing(names: &[&str]) -> Server {
    let mut config = certs().good();
    Arc::make_mut(&mut config).alpn_protocols = names.iter().map(|&name| name.into()).collect();
    Server::answering(Tls::On(config), |_| Reply::ok("ok"))
}

#[dual]
#[form_test]
async fn tls_12_with_http2_off_a_server_that_prefers_it_is_spoken_to_in_http1() {
    for names in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
        let server = knowing(names);
        let client = builder().http2(false).build().unwrap();
        let response = client.get(server.https("/")).send().await.unwrap();
        assert_eq!(response.version(), Version::HTTP_11, "{names:?}");
        let text = response.text().await.unwrap();
        assert_eq!(text, "ok");
        let chosen = server.handshakes().remove(0).unwrap().alpn;
        let expected = (!names.is_empty()).then(|| b"http/1.1".to_vec());
        assert_eq!(chosen, expected, "{names:?}");
    }
}

#[dual]
#[form_test]
async fn a_server_without_http2_is_spoken_to_in_http1_by_default() {
    for names in [&["http/1.1"][..], &[]] {
        let server = knowing(names);
        let client = builder().build().unwrap();
        for _ in 0..2 {
            let response = client.get(server.https("/")).send().await.unwrap();
            assert_eq!(response.version(), Version::HTTP_11, "{names:?}");
            let text = response.text().await.unwrap();
            assert_eq!(text, "ok");
        }
        assert_eq!(server.connections(), 1);
    }
}

#[dual]
#[form_test]
async fn tls_12_with_http1_off_a_server_that_does_not_choose_http2_gets_no_request() {
    let only_h2: fn(ClientBuilder) -> ClientBuilder = |builder| builder.http1(false);
    let known: fn(ClientBuilder) -> ClientBuilder = |builder| builder.http2_prior_knowledge();
    for change in [only_h2, known] {
        let table = [
            (&[][..], "does not speak HTTP/2"),
            (&["http/1.1"], "no application protocol"),
            (&["http/1.0", "h2c"], "no application protocol"),
        ];
        for (names, expected) in table {
            let server = knowing(names);
            let client = change(builder()).build().unwrap();
            let error = client.get(server.https("/")).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectError, "{error}");
            assert_eq!(error.phase(), Some(Phase::Tls), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(server.requests().is_empty());
            assert_eq!(client.pool_stats().connections, 0);
        }
    }
}

/// A ServerHello of TLS 1.2 that chooses this protocol.
fn choosing(name: &str) -> Vec<u8> {
    let length = name.len() as u8;
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    // No session, ECDHE_ECDSA with AES128 and GCM, no compression, one extension: 16.
    body.extend_from_slice(&[0, 0xc0, 0x2b, 0, 0, length + 7, 0, 16]);
    body.extend_from_slice(&[0, length + 3, 0, length + 1, length]);
    body.extend_from_slice(name.as_bytes());
    let mut record = vec![22, 3, 3, 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
    record.extend_from_slice(&body);
    record
}

#[dual]
#[form_test]
async fn tls_12_a_server_that_chooses_what_was_not_offered_gets_no_request() {
    for (http1, http2, name) in [
        (true, false, "h2"),
        (false, true, "http/1.1"),
        (true, true, "h2c"),
        (true, true, "spdy/3"),
    ] {
        let server = Server::wire(move |wire: &mut Wire| {
            wire.read_some()?;
            wire.send(choosing(name))?;
            wire.drain(Duration::from_secs(10));
            Ok(())
        });
        let client = builder().http1(http1).http2(http2).build().unwrap();
        let error = client.get(server.https("/")).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectError, "{name}: {error}");
        let message = error.to_string();
        assert!(message.contains("was not offered"), "{name}: {message}");
    }
}

#[dual]
#[form_test]
async fn a_request_that_needs_what_is_off_is_refused_before_anything_is_opened() {
    let server = Server::answering(sniff(), |_| Reply::ok("ok"));
    let without_1 = builder().http1(false).build().unwrap();
    let without_2 = builder().http2(false).build().unwrap();
    let known = builder().http2_prior_knowledge().build().unwrap();
    let upgrade = [("connection", "upgrade"), ("upgrade", "echo")];
    for url in [server.url("/"), server.https("/")] {
        let table = [
            (without_1.request(Method::CONNECT, &url), "CONNECT needs"),
            (without_1.get(&url).headers(upgrade), "http1(false)"),
            (without_1.get(&url).version(Version::HTTP_10), "HTTP/1.0"),
            (known.get(&url).headers(upgrade), "http2_prior_knowledge()"),
            (without_2.get(&url).version(Version::HTTP_2), "http2(false)"),
            (without_2.get(&url).version(Version::HTTP_3), "HTTP/3.0"),
            (
                known.get(&url).headers(upgrade).version(Version::HTTP_2),
                "an upgrade needs HTTP/1.1, and the request asks for HTTP/2",
            ),
        ];
        for (request, expected) in table {
            let error = request.send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
    assert_eq!(server.connections(), 0);
    for client in [without_1, without_2, known] {
        assert_eq!(client.pool_stats().opened, 0);
    }
}

#[dual]
#[form_test]
async fn a_proxy_that_forwards_is_spoken_to_in_http1() {
    let origin = Server::answering(Tls::Off, |_| Reply::ok("ok"));
    let proxy = Proxy::builder().start();
    let client = builder()
        .http2_prior_knowledge()
        .proxy(proxy.url())
        .build()
        .unwrap();
    let url = origin.url("/");
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
    let text = response.text().await.unwrap();
    assert_eq!(text, "ok");
    assert_eq!(proxy.requests()[0].target, url);
    let request = client.get(&url).version(Version::HTTP_2);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{error}");
    assert_eq!(proxy.requests().len(), 1);
}

#[dual]
#[form_test]
async fn versions_and_values_that_cannot_be_are_errors_of_build() {
    type Change = fn(ClientBuilder) -> ClientBuilder;
    let table: [(Change, &[&str]); 8] = [
        (
            |b| b.http1(false).http2(false),
            &["http1(false)", "http2(false)"],
        ),
        (
            |b| b.http2(false).http2_prior_knowledge(),
            &["http2_prior_knowledge()", "http2(false)"],
        ),
        (
            |b| b.http2_initial_stream_window_size(0),
            &["http2_initial_stream_window_size", "1..=2147483647"],
        ),
        (
            |b| b.http2_initial_connection_window_size(1 << 31),
            &["http2_initial_connection_window_size", "1..=2147483647"],
        ),
        (
            |b| b.http2_max_frame_size(16_383),
            &["http2_max_frame_size", "16384..=16777215"],
        ),
        (
            |b| b.http2_max_frame_size(1 << 24),
            &["http2_max_frame_size", "16384..=16777215"],
        ),
        (
            |b| b.http2_keep_alive_interval(Duration::ZERO),
            &["http2_keep_alive_interval", "above zero"],
        ),
        (
            |b| b.http2_keep_alive_timeout(Duration::ZERO),
            &["http2_keep_alive_timeout", "above zero"],
        ),
    ];
    for (change, parts) in table {
        let error = change(builder()).build().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Builder, "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    // What comes later counts.
    let mended = builder()
        .http1(false)
        .http2(false)
        .http1(true)
        .http2_max_frame_size(0)
        .http2_max_frame_size(16_384)
        .http2_keep_alive_interval(Duration::ZERO)
        .http2_keep_alive_interval(None)
        .http2_keep_alive_while_idle(true)
        .http2_adaptive_window(true)
        .http2_max_header_list_size(0);
    mended.build().unwrap();
}
