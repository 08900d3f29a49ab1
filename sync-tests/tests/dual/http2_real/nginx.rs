//! nginx: over TLS by ALPN, over plain TCP by prior knowledge, and how it ends connections.

use std::fs;

use dimorph::{Proxy, ProxyMode, StatusCode, Version};
use sync_tests::Proxy as TestProxy;

use super::common::{assert_at_rest, ms};
use super::content::large;
use super::form::Client;
use super::peers::{Peer, lines, nginx, port};
use super::{bodies, download, get, text};
use super::{dual, form_test, form_util};

/// Clients and what their URLs begin with: by prior knowledge, and by ALPN.
fn ways(peer: &Peer<6>) -> [(Client, String); 2] {
    [
        (peer.knowing().build().unwrap(), peer.url(port::PLAIN, "")),
        (peer.picking().build().unwrap(), peer.tls_url(port::TLS, "")),
    ]
}

#[dual]
#[form_test]
async fn nginx_speaks_what_both_know() {
    let Some(peer) = nginx() else { return };
    let new = peer.picking().build().unwrap();
    let old = peer.picking().http2(false).build().unwrap();
    for (client, port, version, name) in [
        (&new, port::TLS, Version::HTTP_2, "HTTP/2.0"),
        (&new, port::OLD, Version::HTTP_11, "HTTP/1.1"),
        (&old, port::TLS, Version::HTTP_11, "HTTP/1.1"),
        (&old, port::OLD, Version::HTTP_11, "HTTP/1.1"),
    ] {
        for _ in 0..2 {
            let response = get(client, peer.tls_url(port, "/version")).await;
            assert_eq!(response.version(), version);
            let text = response.text().await.unwrap();
            assert_eq!(text, name);
        }
    }
    let only = peer.picking().http1(false).build().unwrap();
    let text = text(&only, peer.tls_url(port::TLS, "/version")).await;
    assert_eq!(text, "HTTP/2.0");
    let error = only.get(peer.tls_url(port::OLD, "/version")).send().await;
    assert!(error.unwrap_err().is_connect());
    for client in [new, old] {
        assert_eq!(
            (client.pool_stats().opened, client.pool_stats().reused),
            (2, 2)
        );
    }
}

#[dual]
#[form_test]
async fn nginx_serves_compresses_and_refuses() {
    let Some(peer) = nginx().map(Peer::with_large) else {
        return;
    };
    for (client, base) in ways(&peer) {
        let hello = text(&client, format!("{base}/hello.txt")).await;
        assert_eq!(hello, "hello");
        download(&client, format!("{base}/large.bin"), 64 << 20).await;

        let mut response = get(&client, format!("{base}/gzip/lines.txt")).await;
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let bytes = response.buffer().await.unwrap().clone();
        assert!(bytes == lines());
        assert!(response.num_bytes_downloaded() < bytes.len() as u64 / 2);

        let response = client
            .head(format!("{base}/large.bin"))
            .send()
            .await
            .unwrap();
        assert_eq!(
            (response.status().as_u16(), response.content_length()),
            (200, Some(64 << 20))
        );
        let etag = response.headers()["etag"].clone();
        let request = client.get(format!("{base}/large.bin"));
        let response = request.header("if-none-match", etag).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        let request = client.get(format!("{base}/large.bin"));
        let response = request.header("range", "bytes=16-31").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        let bytes = response.bytes().await.unwrap();
        assert!(bytes == large()[16..32]);

        let response = get(&client, format!("{base}/nothing")).await;
        assert_eq!(response.status(), 404);
        let error = response.error_for_status().unwrap_err();
        assert!(error.is_status(), "{error}");
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn nginx_redirects_within_a_connection() {
    let Some(peer) = nginx() else { return };
    for (client, base) in ways(&peer) {
        let response = get(&client, format!("{base}/sub")).await;
        assert_eq!(response.url().as_str(), format!("{base}/sub/"));
        assert_eq!(response.history().len(), 1);
        let text = response.text().await.unwrap();
        assert_eq!(text, "<p>index</p>");
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn nginx_stores_what_is_uploaded() {
    let Some(peer) = nginx() else { return };
    for (way, (client, base)) in ways(&peer).into_iter().enumerate() {
        for size in [3, 8 << 20] {
            for (kind, body) in bodies(size) {
                let path = format!("put/{way}/{kind}-{size}");
                let request = client.put(format!("{base}/{path}")).body(body);
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), StatusCode::CREATED, "{path}");
                let stored = fs::read(peer.folder.path().join(&path)).unwrap();
                assert!(stored == large()[..size], "{path}");
            }
        }
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn nginx_refuses_a_body_too_large_and_the_answer_arrives() {
    let Some(peer) = nginx() else { return };
    for (client, base) in ways(&peer) {
        for (kind, body) in bodies(8 << 20) {
            let request = client.put(format!("{base}/small/x")).body(body);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{kind}");
            let text = response.text().await.unwrap();
            assert!(text.contains("413 Request Entity Too Large"), "{text}");
            let hello = super::text(&client, format!("{base}/hello.txt")).await;
            assert_eq!(hello, "hello");
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn nginx_closes_idle_connections_and_nobody_notices() {
    let Some(peer) = nginx() else { return };
    let client = peer.knowing().build().unwrap();
    for _ in 0..3 {
        let hello = text(&client, peer.url(port::BRIEF, "/hello.txt")).await;
        assert_eq!(hello, "hello");
        form_util::sleep(ms(400)).await;
    }
    assert_eq!(client.pool_stats().opened, 3);
}

#[dual]
async fn fetch((client, url): (Client, String)) -> String {
    text(&client, url).await
}

#[dual]
async fn store((client, url): (Client, String)) -> u16 {
    let sent = client.put(url).body("stored").send().await;
    sent.unwrap().status().as_u16()
}

#[dual]
#[form_test]
async fn nginx_ends_a_connection_after_its_limit_of_requests_and_nobody_notices() {
    let Some(peer) = nginx() else { return };
    let client = peer.knowing().build().unwrap();
    for _ in 0..25 {
        let hello = text(&client, peer.url(port::TEN, "/hello.txt")).await;
        assert_eq!(hello, "hello");
    }
    assert_eq!(client.pool_stats().opened, 3);

    // At once, some are beyond the limit: the server says which, and they go to the next connection.
    let calls = (0..100).map(|_| (client.clone(), peer.url(port::TEN, "/lines.txt")));
    let texts = form_util::concurrently(8, calls.collect(), fetch).await;
    assert!(texts.iter().all(|text| *text == lines()));
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn what_nginx_did_not_process_is_sent_again_even_if_it_is_not_idempotent() {
    let Some(peer) = nginx() else { return };
    let client = peer.knowing().build().unwrap();
    let calls = (0..60).map(|n| {
        (
            client.clone(),
            peer.url(port::TEN, &format!("/put/each/{n}")),
        )
    });
    let statuses = form_util::concurrently(8, calls.collect(), store).await;
    // 204 would be a file that was there already.
    assert!(statuses.iter().all(|&status| status == 201), "{statuses:?}");
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn nginx_s_limit_of_streams_is_kept() {
    let Some(peer) = nginx() else { return };
    let client = peer.knowing().build().unwrap();
    let calls = (0..60).map(|_| (client.clone(), peer.url(port::TWO, "/lines.txt")));
    let texts = form_util::concurrently(12, calls.collect(), fetch).await;
    assert!(texts.iter().all(|text| *text == lines()));
    assert_eq!(client.pool_stats().opened, 1);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn nginx_is_reached_through_a_connect_proxy() {
    let Some(peer) = nginx() else { return };
    let proxy = TestProxy::builder()
        .route_all(peer.ports[port::TLS])
        .start();
    let way = Proxy::new(proxy.url()).unwrap().mode(ProxyMode::TunnelOnly);
    let client = peer.picking().proxy(way).build().unwrap();
    for _ in 0..3 {
        let response = get(&client, "https://client.test/lines.txt".to_owned()).await;
        assert_eq!(response.version(), Version::HTTP_2);
        let text = response.text().await.unwrap();
        assert!(text == lines());
    }
    assert_eq!((client.pool_stats().opened, proxy.tunnels()), (1, 1));
}
