//! Which connections speak HTTP/2: by handshake, by prior knowledge, by what one request asks for, through tunnels.

use dimorph::{Method, Proxy, ProxyMode, Version};
use sync_tests::h2_peer::{Link, tls_speaking};
use sync_tests::{H2Peer, Socks};

use super::{dual, form_test};
use crate::dual_tests::common::builder;
use crate::dual_tests::form::{Client, ClientBuilder};

type Change = fn(ClientBuilder) -> ClientBuilder;

/// A peer that chooses one of these protocols in the handshake, and answers in it.
fn speaking(protocols: &[&str]) -> H2Peer {
    H2Peer::over(tls_speaking(protocols), |link: &mut Link<'_>| {
        link.open(&[])?;
        link.carry()
    })
}

/// Returns the version in which the URL was fetched.
#[dual]
async fn version(client: &Client, url: &str) -> Version {
    let response = client.get(url).send().await.unwrap();
    let version = response.version();
    response.bytes().await.unwrap();
    version
}

#[dual]
#[form_test]
async fn the_handshake_decides_what_the_client_left_open() {
    let unchanged: Change = |builder| builder;
    let table: [(Change, &[&str], Version); 7] = [
        (unchanged, &["h2", "http/1.1"], Version::HTTP_2),
        (unchanged, &["h2"], Version::HTTP_2),
        (unchanged, &["http/1.1"], Version::HTTP_11),
        (unchanged, &["http/1.1", "h2"], Version::HTTP_11),
        (|b| b.http2(false), &["h2", "http/1.1"], Version::HTTP_11),
        (|b| b.http1(false), &["http/1.1", "h2"], Version::HTTP_2),
        (
            |b| b.http2_prior_knowledge(),
            &["http/1.1", "h2"],
            Version::HTTP_2,
        ),
    ];
    for (change, protocols, expected) in table {
        let peer = speaking(protocols);
        let client = change(builder()).build().unwrap();
        for _ in 0..2 {
            let spoken = version(&client, &peer.https("/")).await;
            assert_eq!(spoken, expected, "{protocols:?}");
        }
        assert_eq!(peer.connections(), 1, "{protocols:?}");
        assert!(peer.violations().is_empty(), "{:?}", peer.violations());
    }
}

#[dual]
#[form_test]
async fn a_request_that_needs_http1_gets_a_connection_of_its_own() {
    let peer = speaking(&["h2", "http/1.1"]);
    let client = builder().build().unwrap();
    let url = peer.https("/");
    let requests = [
        client.get(&url),
        client.get(&url).version(Version::HTTP_10),
        client.get(&url).header("upgrade", "echo"),
        client
            .get(&url)
            .header("connection", "upgrade")
            .header("upgrade", "echo"),
        client.get(&url).version(Version::HTTP_2),
        client.request(Method::GET, &url),
    ];
    for request in requests {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap();
    }
    let streams: Vec<bool> = peer.asked().iter().map(|asked| asked.stream > 0).collect();
    assert_eq!(streams, [true, false, false, false, true, true]);
    let asked = peer.asked();
    assert_eq!(asked[0].connection, asked[5].connection);
}

#[dual]
#[form_test]
async fn plain_http_is_http2_where_nothing_else_was_left_or_it_was_asked_for() {
    let known: Change = |builder| builder.http2_prior_knowledge();
    let only_h2: Change = |builder| builder.http1(false);
    for change in [known, only_h2] {
        let peer = H2Peer::carrying();
        let client = change(builder()).build().unwrap();
        let spoken = version(&client, &peer.url("/")).await;
        assert_eq!(spoken, Version::HTTP_2);
        assert!(peer.violations().is_empty(), "{:?}", peer.violations());
    }
    let peer = H2Peer::carrying();
    let client = builder().build().unwrap();
    for count in 1..=2 {
        let request = client.get(peer.url("/")).version(Version::HTTP_2);
        let response = request.send().await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        response.bytes().await.unwrap();
        assert_eq!((peer.count(), peer.connections()), (count, 1));
    }
}

#[dual]
#[form_test]
async fn http2_passes_through_tunnels() {
    let relay = sync_tests::Proxy::builder().start();
    let socks = Socks::builder().start();
    let connect = Proxy::new(relay.url()).unwrap().mode(ProxyMode::TunnelOnly);
    let socks = Proxy::new(socks.url()).unwrap();
    for proxy in [connect, socks] {
        let plain = H2Peer::carrying();
        let secure = speaking(&["h2"]);
        let by_handshake = builder().proxy(proxy.clone()).build().unwrap();
        let knowing = builder()
            .http2_prior_knowledge()
            .proxy(proxy)
            .build()
            .unwrap();
        for (client, url) in [
            (&by_handshake, secure.https("/")),
            (&knowing, secure.https("/")),
            (&knowing, plain.url("/")),
        ] {
            for _ in 0..2 {
                let spoken = version(client, &url).await;
                assert_eq!(spoken, Version::HTTP_2, "{url}");
            }
        }
        assert_eq!((secure.connections(), plain.connections()), (2, 1));
    }
}
