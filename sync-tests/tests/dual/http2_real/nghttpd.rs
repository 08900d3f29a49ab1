//! nghttpd, of the authors of nghttp2.

use dimorph::{ErrorKind, Version};

use super::common::{assert_at_rest, client};
use super::content::large;
use super::form::Client;
use super::peers::{Peer, lines, nghttpd};
use super::{bodies, download, get, text};
use super::{dual, form_test, form_util};

/// One without TLS, and one with; and what their URLs begin with.
fn both(more: &[&str]) -> Option<[(Peer<1>, String); 2]> {
    let (plain, secure) = (nghttpd(false, more)?, nghttpd(true, more)?);
    let (http, https) = (plain.url(0, ""), secure.tls_url(0, ""));
    Some([(plain, http), (secure, https)])
}

#[dual]
#[form_test]
async fn nghttpd_serves_files_and_refuses() {
    let Some(both) = both(&[]) else { return };
    for (peer, base) in both {
        let client = peer.knowing().build().unwrap();
        for _ in 0..3 {
            let mut response = get(&client, format!("{base}/hello.txt")).await;
            assert_eq!(
                (response.status().as_u16(), response.version()),
                (200, Version::HTTP_2)
            );
            assert_eq!(response.content_length(), Some(5));
            let bytes = response.buffer().await.unwrap().clone();
            assert_eq!(bytes, "hello");
            assert_eq!(response.trailers().unwrap()["x-sum"], "13");
        }
        let text = text(&client, format!("{base}/lines.txt")).await;
        assert!(text == lines());

        let response = client
            .head(format!("{base}/lines.txt"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.content_length(), Some(lines().len() as u64));
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, "");

        let response = get(&client, format!("{base}/nothing")).await;
        assert_eq!(response.status(), 404);
        let text = response.text().await.unwrap();
        assert!(text.contains("404"), "{text}");
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn nghttpd_sends_back_what_is_uploaded() {
    let Some(both) = both(&[]) else { return };
    for (peer, base) in both {
        let client = peer.knowing().build().unwrap();
        for size in [1, 100_000, 8 << 20] {
            for (kind, body) in bodies(size) {
                let request = client.post(format!("{base}/echo")).body(body);
                let response = request.send().await.unwrap();
                let bytes = response.bytes().await.unwrap();
                assert!(bytes == large()[..size], "{kind} {size}: {}", bytes.len());
            }
        }
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn nghttpd_with_small_windows_takes_everything_in_the_end() {
    for bits in [
        "--window-bits=10",
        "--window-bits=14",
        "--connection-window-bits=16",
    ] {
        let Some(peer) = nghttpd(false, &[bits]) else {
            return;
        };
        let client = peer.knowing().build().unwrap();
        for (kind, body) in bodies(1 << 20) {
            let request = client.post(peer.url(0, "/echo")).body(body);
            let bytes = request.send().await.unwrap().bytes().await.unwrap();
            assert!(
                bytes == large()[..1 << 20],
                "{kind}, {bits}: {}",
                bytes.len()
            );
        }
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn nghttpd_sends_64_mebibytes_padded_and_not() {
    for more in [&[][..], &["--padding=200"], &["--no-content-length"]] {
        let Some(peer) = nghttpd(false, more).map(Peer::with_large) else {
            return;
        };
        let client = peer.knowing().build().unwrap();
        download(&client, peer.url(0, "/large.bin"), 64 << 20).await;
        let hello = text(&client, peer.url(0, "/hello.txt")).await;
        assert_eq!(hello, "hello");
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
async fn fetch((client, url): (Client, String)) -> String {
    text(&client, url).await
}

#[dual]
#[form_test]
async fn nghttpd_s_limit_of_streams_is_kept() {
    for most in ["1", "3", "100"] {
        let Some(both) = both(&["--max-concurrent-streams", most]) else {
            return;
        };
        for (peer, base) in both {
            let client = peer.knowing().build().unwrap();
            let calls = (0..50).map(|_| (client.clone(), format!("{base}/lines.txt")));
            let texts = form_util::concurrently(20, calls.collect(), fetch).await;
            assert!(texts.iter().all(|text| *text == lines()));
            assert_eq!(client.pool_stats().opened, 1, "{most} {base}");
            assert_at_rest(&client).await;
        }
    }
}

#[dual]
#[form_test]
async fn nghttpd_is_asked_for_no_pushes() {
    let Some(both) = both(&["--push=/hello.txt=/lines.txt"]) else {
        return;
    };
    for (peer, base) in both {
        let client = peer.knowing().build().unwrap();
        for _ in 0..5 {
            let hello = text(&client, format!("{base}/hello.txt")).await;
            assert_eq!(hello, "hello");
        }
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn nghttpd_speaks_nothing_but_http_2() {
    let Some([(_plain, http), (secure, https)]) = both(&[]) else {
        return;
    };
    let error = client().get(http).send().await.unwrap_err();
    assert!(error.is_protocol() || error.is_network(), "{error:?}");
    let old = secure.picking().http2(false).build().unwrap();
    let error = old.get(https).send().await.unwrap_err();
    let kinds = [
        ErrorKind::ConnectError,
        ErrorKind::RemoteProtocolError,
        ErrorKind::ReadError,
    ];
    assert!(kinds.contains(&error.kind()), "{error:?}");
    assert_at_rest(&old).await;
}
