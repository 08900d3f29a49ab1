//! What a hyper server answers arrives.

use dimorph::{DigestAuth, ErrorKind, Proxy, ProxyMode, Version};
use sync_tests::DigestServer;
use sync_tests::digest_server::{Challenge, Verdict};

use super::common::{assert_at_rest, builder};
use super::content::{large, of_nonce};
use super::form::ClientBuilder;
use super::hyper_server::Hyper;
use super::{bodies, client, download, get, knowing, stream, text};
use super::{dual, form_test};

/// One without TLS, and one with.
fn both() -> [Hyper; 2] {
    [Hyper::plain(), Hyper::secure()]
}

#[dual]
#[form_test]
async fn requests_share_a_connection_each_on_a_stream_of_its_own() {
    for server in both() {
        let client = client();
        let mut last = 0;
        for nonce in 0..20 {
            let response = get(&client, server.url(&format!("/nonce/{nonce}"))).await;
            assert_eq!(response.version(), Version::HTTP_2);
            assert_eq!((response.status().as_u16(), response.reason()), (200, "OK"));
            assert_eq!(response.remote_addr(), Some(server.address()));
            // RFC 9113 section 5.1.1: those of a client are odd, and rise.
            assert!(stream(&response) > last && stream(&response) % 2 == 1);
            last = stream(&response);
            let bytes = response.bytes().await.unwrap();
            assert_eq!(bytes, of_nonce(nonce));
        }
        let stats = client.pool_stats();
        assert_eq!((stats.opened, stats.reused), (1, 19), "{stats:?}");
        assert_eq!((stats.connections, stats.idle, stats.active), (1, 1, 0));
        assert_eq!(server.connections(), 1);
    }
}

#[dual]
#[form_test]
async fn bodies_of_every_kind_and_size_arrive() {
    for server in both() {
        let client = client();
        for size in [0, 1, 16_384, 65_535, 65_536, 8 << 20] {
            for (kind, body) in bodies(size) {
                let request = client.post(server.url("/echo")).body(body);
                let response = request.header("content-type", "x/y").send().await.unwrap();
                assert_eq!(response.headers()["x-method"], "POST");
                assert_eq!(response.headers()["content-type"], "x/y");
                let bytes = response.bytes().await.unwrap();
                assert!(bytes == large()[..size], "{kind} {size}: {}", bytes.len());
            }
        }
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn a_body_is_sent_on_while_its_answer_comes() {
    for server in both() {
        let client = client();
        for (kind, body) in bodies(8 << 20) {
            let request = client.post(server.url("/duplex")).body(body);
            let response = request.send().await.unwrap();
            let bytes = response.bytes().await.unwrap();
            assert!(bytes == large()[..8 << 20], "{kind}: {}", bytes.len());
        }
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn sixty_four_mebibytes_come_down_and_up() {
    for server in both() {
        let client = client();
        download(&client, server.url("/large/64"), 64 << 20).await;
    }
    let server = Hyper::plain();
    let request = client().post(server.url("/count")).body(large());
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    let (count, _) = text.split_once(' ').unwrap();
    assert_eq!(count, (64 << 20).to_string());
}

#[dual]
#[form_test]
async fn windows_and_frames_of_every_size_carry_the_same() {
    type With = fn(ClientBuilder) -> ClientBuilder;
    let cases: [(With, usize); 7] = [
        (|b| b.http2_initial_stream_window_size(1000), 1),
        (|b| b.http2_initial_connection_window_size(1000), 8),
        (
            |b| {
                b.http2_initial_stream_window_size(65_535)
                    .http2_adaptive_window(true)
            },
            16,
        ),
        (|b| b.http2_initial_stream_window_size(16 << 20), 16),
        (|b| b.http2_max_frame_size(1 << 20), 16),
        (
            |b| {
                b.http2_initial_connection_window_size(64 << 20)
                    .http2_max_frame_size(16_777_215)
            },
            16,
        ),
        (|b| b.http2_adaptive_window(true), 16),
    ];
    for server in both() {
        for (number, (with, mebibytes)) in cases.into_iter().enumerate() {
            let client = with(knowing()).build().unwrap();
            let size = mebibytes << 20;
            download(&client, server.url(&format!("/large/{mebibytes}")), size).await;
            let request = client
                .post(server.url("/duplex"))
                .body(&large()[..size.min(4 << 20)]);
            let bytes = request.send().await.unwrap().bytes().await.unwrap();
            assert!(bytes == large()[..size.min(4 << 20)], "case {number}");
            assert_eq!(client.pool_stats().opened, 1);
        }
    }
}

#[dual]
#[form_test]
async fn codings_empty_answers_and_failures_are_as_in_http_1() {
    for server in both() {
        let client = client();
        let mut response = get(&client, server.url("/gzip")).await;
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let bytes = response.buffer().await.unwrap().clone();
        assert!(bytes == large()[..1 << 20]);
        assert!(response.num_bytes_downloaded() < 1 << 20);

        let response = client.head(server.url("/nonce/7")).send().await.unwrap();
        let length = of_nonce(7).len() as u64;
        assert_eq!(response.content_length(), Some(length));
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, "");

        for status in [204, 304, 404, 500] {
            let response = get(&client, server.url(&format!("/status/{status}"))).await;
            assert_eq!(response.status(), status);
            let expected = if status < 400 { "" } else { "nothing here" };
            let text = response.text().await.unwrap();
            assert_eq!(text, expected);
        }
        let response = get(&client, server.url("/status/404")).await;
        assert!(response.error_for_status().unwrap_err().is_status());
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn trailers_come_after_the_body() {
    for server in both() {
        let client = client();
        let mut response = get(&client, server.url("/trailers")).await;
        let text = response.buffer().await.unwrap().clone();
        assert_eq!(text, "one,two,three");
        assert_eq!(response.trailers().unwrap()["x-sum"], "13");
    }
}

#[dual]
#[form_test]
async fn nothing_of_http_1_s_connections_is_sent() {
    for server in both() {
        let request = client().post(server.url("/head")).body("x");
        let response = request.header("X-Mixed-Case", "Kept").send().await;
        let text = response.unwrap().text().await.unwrap();
        let mut lines = text.lines();
        let expected = format!("POST HTTP/2.0 {}", server.address());
        assert_eq!(lines.next(), Some(&*expected));
        let mut names: Vec<_> = lines.map(|line| line.split_once(": ").unwrap().0).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "accept-encoding",
                "content-length",
                "user-agent",
                "x-mixed-case"
            ],
            "{text}"
        );
        assert!(text.contains("x-mixed-case: Kept"), "{text}");
    }
}

#[dual]
#[form_test]
async fn cookies_go_both_ways() {
    for server in both() {
        let client = client();
        let first = text(&client, server.url("/cookies")).await;
        assert_eq!(first, "");
        let second = text(&client, server.url("/cookies")).await;
        assert_eq!(second, "a=1; b=2");
    }
}

#[dual]
#[form_test]
async fn redirects_are_followed_within_and_between_versions() {
    for server in both() {
        let client = client();
        let response = get(&client, server.url("/redirect/302/nonce/3")).await;
        assert_eq!(response.url().path(), "/nonce/3");
        assert_eq!(response.history().len(), 1);
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, of_nonce(3));

        let request = client.post(server.url("/redirect/307/echo")).body("again");
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["x-method"], "POST");
        let text = response.text().await.unwrap();
        assert_eq!(text, "again");
        assert_eq!(client.pool_stats().opened, 1);
    }
    let new = Hyper::secure();
    let target = new.url("/nonce/4");
    let old = sync_tests::Server::http(move |_| sync_tests::Reply::redirect(302, &target));
    // By ALPN only: `http` stays HTTP/1.1.
    let client = builder().build().unwrap();
    let response = get(&client, old.url("/")).await;
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(client.pool_stats().opened, 2);
}

#[dual]
#[form_test]
async fn digest_credentials_are_right() {
    let judge = DigestServer::builder("Mufasa", "Circle of Life")
        .challenge(Challenge::new("SHA-256").qop("auth, auth-int"))
        .start();
    let plan = Hyper::builder().digest(judge.address());
    for server in [plan.clone().start(), plan.tls(&["h2"]).start()] {
        let client = knowing()
            .auth(DigestAuth::new("Mufasa", "Circle of Life"))
            .build()
            .unwrap();
        for query in ["", "?a=b"] {
            let request = client.post(server.url(&format!("/digest/x{query}")));
            let response = request.body("signed").send().await.unwrap();
            assert_eq!(
                (response.status().as_u16(), response.version()),
                (200, Version::HTTP_2)
            );
            let text = response.text().await.unwrap();
            assert_eq!(text, "welcome");
        }
        assert_eq!(client.pool_stats().opened, 1);
    }
    let accepted = |verdict: &Verdict| *verdict == Verdict::Accepted;
    let verdicts = judge.verdicts();
    assert_eq!(
        verdicts.iter().filter(|verdict| accepted(verdict)).count(),
        4,
        "{verdicts:?}"
    );
    assert!(
        !verdicts
            .iter()
            .any(|verdict| matches!(verdict, Verdict::Refused(_)))
    );
}

#[dual]
#[form_test]
async fn a_reset_in_a_body_is_an_error_of_that_request_alone() {
    for server in both() {
        let client = client();
        for _ in 0..3 {
            let response = get(&client, server.url("/broken")).await;
            let error = response.bytes().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{error}");
            let text = text(&client, server.url("/")).await;
            assert_eq!(text, "hello");
        }
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn prior_knowledge_goes_through_tunnels_too() {
    let server = Hyper::plain();
    let proxy = sync_tests::Proxy::builder()
        .route_all(server.address())
        .start();
    let way = Proxy::new(proxy.url()).unwrap().mode(ProxyMode::TunnelOnly);
    let client = knowing().proxy(way).build().unwrap();
    for nonce in 0..5 {
        let response = get(&client, format!("http://origin.test:80/nonce/{nonce}")).await;
        assert_eq!(response.version(), Version::HTTP_2);
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, of_nonce(nonce));
    }
    assert_eq!((client.pool_stats().opened, proxy.tunnels()), (1, 1));
}
