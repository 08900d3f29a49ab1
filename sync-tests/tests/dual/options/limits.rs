//! Limits in time: of heads, and of idle connections.

use std::time::Instant;

use dimorph::{ErrorKind, PoolLimits, Timeout};
use sync_tests::http::Received;
use sync_tests::{Reply, Server};

use super::{dual, form_test, form_util};
use crate::dual_tests::common::{assert_at_rest, builder, ms};
use crate::form::Client;

/// Redirects from `/4` down to `/0`, 80 ms each; `/body` is slow after its head.
fn slow() -> Server {
    Server::http(|request: &Received| match request.target.as_str() {
        "/body" => Reply::chunked(["a", "b", "c", "d", "e", "f"]).paced(ms(300)),
        "/0" => Reply::ok("the end").after(ms(80)),
        path => {
            let left: usize = path[1..].parse().unwrap();
            Reply::redirect(302, &format!("/{}", left - 1)).after(ms(80))
        }
    })
}

/// The engine itself, and the engine beneath another client.
fn both() -> [Client; 2] {
    let engine = builder().build().unwrap();
    let above = builder().transport(engine.clone()).build().unwrap();
    [engine, above]
}

#[dual]
#[form_test]
async fn the_head_timeout_covers_redirects_and_not_the_body() {
    let server = slow();
    for client in both() {
        let limit = Timeout::none().head(ms(200));
        let begun = Instant::now();
        let request = client.get(server.url("/4")).timeout(limit);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout);
        let took = begun.elapsed();
        assert!(took >= ms(190) && took < ms(10_000), "{took:?}");
        assert!(error.to_string().contains("200ms"), "{error}");

        let limit = Timeout::none().head(ms(1400));
        let request = client.get(server.url("/1")).timeout(limit);
        let response = request.send().await.unwrap();
        assert_eq!(response.history().len(), 1);

        let begun = Instant::now();
        let request = client.get(server.url("/body")).timeout(limit);
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "abcdef");
        assert!(begun.elapsed() > ms(1400), "{:?}", begun.elapsed());
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn the_total_timeout_counts_beside_the_head_s() {
    let server = slow();
    for client in both() {
        let limit = Timeout::none().head(ms(5000)).total(ms(150));
        let request = client.get(server.url("/body")).timeout(limit);
        let response = request.send().await.unwrap();
        let error = response.text().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout);
        let request = client.get(server.url("/4")).timeout(limit);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TotalTimeout);
    }
}

#[dual]
#[form_test]
async fn expired_connections_are_closed_when_asked_for() {
    let server = Server::http(|_| Reply::ok("ok"));
    let limits = PoolLimits::new().keepalive_expiry(ms(60));
    let client = builder().pool_limits(limits).build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    response.bytes().await.unwrap();
    client.close_expired();
    assert_eq!(client.pool_stats().idle, 1);
    form_util::sleep(ms(100)).await;
    // Nobody looked at the pool since.
    assert_eq!(server.open(), 1);
    client.close_expired();
    assert_eq!(client.pool_stats().connections, 0);
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed);

    // Without an expiry none is closed.
    let limits = PoolLimits::new().keepalive_expiry(None);
    let client = builder().pool_limits(limits).build().unwrap();
    let response = client.get(server.url("/")).send().await.unwrap();
    response.bytes().await.unwrap();
    client.close_expired();
    assert_eq!(client.pool_stats().idle, 1);
}
