//! Ten thousand requests over one connection, and twenty that race for the first.

use std::process::Command;

use dimorph::{Body, ErrorKind, Version};
use sync_tests::certs::certs;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, refused, resident};
use super::form::Client;
use super::http2_real::content::{large, of_nonce};
use super::http2_real::hyper_server::Hyper;
use super::http2_real::{client, get, knowing};
use super::{calls, exchange, fetch, is_post};
use super::{dual, form_test, form_util};

const TARGET: &str = "DIMORPH_TESTS_HTTP2_TARGET";
const AUTHORITY: &str = "DIMORPH_TESTS_HTTP2_AUTHORITY";
const REQUESTS: u64 = 10_000;
/// What the pools of allocators, and growing tables, may take after the first requests.
const MOST: usize = 8 << 20;

/// How many at once: threads, or tasks.
const AT_ONCE: usize = if form_util::IS_ASYNC { 256 } else { 32 };

#[dual]
async fn ask_in_the_child(base: &str) {
    let authority = std::env::var(AUTHORITY).unwrap();
    let client = knowing().verify(&*authority).build().unwrap();
    let warm = REQUESTS / 4;
    let mut before = 0;
    for nonces in [0..warm, warm..REQUESTS] {
        let ended = form_util::concurrently(AT_ONCE, calls(&client, base, nonces), exchange).await;
        for (number, right) in ended.into_iter().enumerate() {
            assert!(right.unwrap(), "the {number}-th has another's body");
        }
        if before == 0 {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown <= MOST, "grew by {grown}");
    let stats = client.pool_stats();
    assert_eq!((stats.opened, stats.connections, stats.idle), (1, 1, 1));
    assert_eq!((stats.active, stats.waiting), (0, 0));
    assert_eq!(stats.reused, REQUESTS - 1);
}

#[dual]
#[form_test]
async fn ten_thousand_requests_share_one_connection() {
    if let Ok(base) = std::env::var(TARGET) {
        ask_in_the_child(&base).await;
        return;
    }
    for server in [Hyper::plain(), Hyper::secure()] {
        // There the server and the other tests are not.
        let name = "dual_tests::http2_stress::load::ten_thousand_requests_share_one_connection";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads", "1"])
            .env(TARGET, server.url(""))
            .env(AUTHORITY, &certs().ca_file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{said}");
        assert_eq!(server.connections(), 1);
        assert_eq!(server.requests().len() as u64, REQUESTS);
        let ledger = server.ledger();
        assert_eq!(ledger.len() as u64, REQUESTS / 4);
        assert!(
            ledger
                .iter()
                .all(|(&nonce, &times)| is_post(nonce) && times == 1)
        );
    }
}

#[dual]
#[form_test]
async fn requests_that_start_at_once_open_one_connection() {
    start_at_once().await;
}

/// Twenty requests of a client that has no connection yet.
#[dual]
pub(crate) async fn start_at_once() {
    for server in [Hyper::plain(), Hyper::secure()] {
        for round in 1..=10 {
            let client = client();
            let calls = calls(&client, &server.url(""), 0..20);
            let ended = form_util::concurrently(20, calls, exchange).await;
            assert!(ended.into_iter().all(Result::unwrap));
            assert_eq!(client.pool_stats().opened, 1);
            assert_eq!(server.connections(), round);
        }
    }
}

#[dual]
#[form_test]
async fn requests_that_start_at_once_share_what_a_small_limit_allows() {
    start_at_once_where_few_are_allowed().await;
}

/// The same where the server lets few streams be open.
#[dual]
pub(crate) async fn start_at_once_where_few_are_allowed() {
    for most in [1, 2, 7] {
        let server = Hyper::builder().streams(most).start();
        for round in 1..=5 {
            let client = client();
            let calls = calls(&client, &server.url(""), round * 20..round * 20 + 20);
            let ended = form_util::concurrently(20, calls, exchange).await;
            assert!(ended.into_iter().all(Result::unwrap));
            assert_eq!(client.pool_stats().opened, 1, "of {most} streams");
            assert_at_rest(&client).await;
        }
        assert!(server.ledger().values().all(|&times| times == 1));
    }
}

/// Uploads what can be sent once only.
#[dual]
async fn upload((client, url, size): (Client, String, usize)) -> dimorph::Result<String> {
    let body = Body::from_reader(&large()[..size]);
    let response = client.post(url).body(body).send().await?;
    response.text().await
}

#[dual]
#[form_test]
async fn bodies_that_cannot_be_sent_again_start_at_once_where_few_streams_are_allowed() {
    for most in [1, 3] {
        let server = Hyper::builder().streams(most).start();
        for _ in 0..5 {
            let client = client();
            let calls = (1..=12).map(|n| (client.clone(), server.url("/count"), n * 10_000));
            let ended = form_util::concurrently(12, calls.collect(), upload).await;
            for (n, count) in (1..).zip(ended) {
                assert!(count.unwrap().starts_with(&format!("{} ", n * 10_000)));
            }
            assert_eq!(client.pool_stats().opened, 1);
            assert_at_rest(&client).await;
        }
    }
}

#[dual]
#[form_test]
async fn requests_that_start_at_once_go_on_alone_where_there_is_no_http_2() {
    let server = Hyper::builder().tls(&["http/1.1"]).start();
    for _ in 0..5 {
        let client = builder().build().unwrap();
        let calls = calls(&client, &server.url(""), 0..20);
        let ended = form_util::concurrently(20, calls, exchange).await;
        assert!(ended.into_iter().all(Result::unwrap));
        assert_at_rest(&client).await;
    }
    let client = builder().build().unwrap();
    let response = get(&client, server.url("/nonce/1")).await;
    assert_eq!(response.version(), Version::HTTP_11);
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes, of_nonce(1));
}

#[dual]
async fn fails((client, url): (Client, String)) -> ErrorKind {
    client.get(url).send().await.unwrap_err().kind()
}

#[dual]
#[form_test]
async fn requests_that_start_at_once_all_learn_that_there_is_nobody() {
    for base in [
        format!("http://{}/", refused()),
        format!("https://{}/", refused()),
    ] {
        let client = client();
        let calls: Vec<_> = (0..20).map(|_| (client.clone(), base.clone())).collect();
        let kinds = form_util::concurrently(20, calls, fails).await;
        assert!(
            kinds.iter().all(|&kind| kind == ErrorKind::ConnectError),
            "{kinds:?}"
        );
        assert_at_rest(&client).await;
        assert_eq!(client.pool_stats().connections, 0);
    }
}

#[dual]
#[form_test]
async fn connections_of_both_versions_share_one_limit() {
    let (new, old) = (Hyper::secure(), Server::http(|_| Reply::ok("old")));
    let limits = dimorph::PoolLimits::new().hard_limit(2);
    let client = builder().pool_limits(limits).build().unwrap();
    let calls: Vec<_> = (0..60)
        .map(|n| match n % 2 {
            0 => (client.clone(), new.url("/")),
            _ => (client.clone(), old.url("/")),
        })
        .collect();
    let texts = form_util::concurrently(12, calls, fetch).await;
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(text, ["hello", "old"][n % 2]);
    }
    assert!(client.pool_stats().connections <= 2);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_limit_of_one_connection_passes_from_server_to_server() {
    let servers = [Hyper::plain(), Hyper::secure(), Hyper::plain()];
    let limits = dimorph::PoolLimits::new().hard_limit(1);
    let client = knowing().pool_limits(limits).build().unwrap();
    let calls = (0..90).map(|n| (client.clone(), servers[n % 3].url("/")));
    let texts = form_util::concurrently(12, calls.collect(), fetch).await;
    assert!(texts.iter().all(|text| text == "hello"));
    assert_eq!(client.pool_stats().connections, 1);
    assert_at_rest(&client).await;
}
