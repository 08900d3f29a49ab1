//! Which version TLS picks, and HTTP/2 in tunnels.

use dimorph::{ErrorKind, Version};
use sync_tests::Proxy;
use sync_tests::peers::Squid;

use super::common::{assert_at_rest, builder};
use super::content::{large, of_nonce};
use super::form::ClientBuilder;
use super::hyper_server::Hyper;
use super::{bodies, download, get};
use super::{dual, form_test};

#[dual]
#[form_test]
async fn alpn_picks_what_both_speak() {
    type With = fn(ClientBuilder) -> ClientBuilder;
    const BOTH: With = |builder| builder;
    const OLD: With = |builder| builder.http2(false);
    const NEW: With = |builder| builder.http1(false);
    const H2: Option<Version> = Some(Version::HTTP_2);
    const H1: Option<Version> = Some(Version::HTTP_11);
    let cases: [(&[&str], With, Option<Version>); 13] = [
        (&["h2", "http/1.1"], BOTH, H2),
        (&["h2", "http/1.1"], OLD, H1),
        (&["h2", "http/1.1"], NEW, H2),
        // This server goes by its own order.
        (&["http/1.1", "h2"], BOTH, H1),
        (&["http/1.1", "h2"], NEW, H2),
        (&["http/1.1"], BOTH, H1),
        (&["http/1.1"], OLD, H1),
        (&["http/1.1"], NEW, None),
        (&["h2"], BOTH, H2),
        (&["h2"], OLD, None),
        (&[], BOTH, H1),
        (&[], OLD, H1),
        (&[], NEW, None),
    ];
    for (number, (alpn, with, expected)) in cases.into_iter().enumerate() {
        let server = Hyper::builder().tls(alpn).start();
        let client = with(builder()).build().unwrap();
        for _ in 0..2 {
            let sent = client.get(server.url("/nonce/1")).send().await;
            match (sent, expected) {
                (Ok(response), Some(version)) => {
                    assert_eq!(response.version(), version, "case {number}");
                    let bytes = response.bytes().await.unwrap();
                    assert_eq!(bytes, of_nonce(1));
                }
                (Err(error), None) => {
                    assert_eq!(
                        error.kind(),
                        ErrorKind::ConnectError,
                        "case {number}: {error}"
                    );
                }
                (Ok(_), None) => panic!("case {number}: they share no version"),
                (Err(error), Some(_)) => panic!("case {number}: {error}"),
            }
        }
        if expected.is_some() {
            assert_eq!(client.pool_stats().opened, 1, "case {number}");
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_connect_proxy_carries_http_2() {
    let server = Hyper::secure();
    let proxy = Proxy::builder()
        .route("origin.test", server.address())
        .credentials("user", "pass")
        .start();
    let client = builder().proxy(proxy.url_as("user:pass")).build().unwrap();
    let url = |path: &str| format!("https://origin.test:{}{path}", server.address().port());
    for nonce in 0..10 {
        let response = get(&client, url(&format!("/nonce/{nonce}"))).await;
        assert_eq!(response.version(), Version::HTTP_2);
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, of_nonce(nonce));
    }
    for (kind, body) in bodies(1 << 20) {
        let response = client.post(url("/echo")).body(body).send().await.unwrap();
        let bytes = response.bytes().await.unwrap();
        assert!(bytes == large()[..1 << 20], "{kind}");
    }
    assert_eq!((client.pool_stats().opened, proxy.tunnels()), (1, 1));
    assert_eq!(proxy.requests().len(), 1, "the CONNECT");
}

#[dual]
#[form_test]
async fn squid_carries_http_2() {
    let Some(squid) = Squid::start() else { return };
    let server = Hyper::secure();
    let (host, address) = squid.host();
    for proxy in [squid.url(), squid.tls_url_as("user:pass%20word")] {
        let client = builder()
            .resolve(host, [address])
            .proxy(&proxy)
            .build()
            .unwrap();
        let url = |path: &str| format!("https://a.test:{}{path}", server.address().port());
        for nonce in 0..5 {
            let response = get(&client, url(&format!("/nonce/{nonce}"))).await;
            assert_eq!(response.version(), Version::HTTP_2, "{proxy}");
            let bytes = response.bytes().await.unwrap();
            assert_eq!(bytes, of_nonce(nonce));
        }
        download(&client, url("/large/8"), 8 << 20).await;
        assert_eq!(client.pool_stats().opened, 1);
    }
}
