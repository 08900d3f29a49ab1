//! A future that is dropped after any poll while it goes through a proxy: the slot is free, and the next request works.

use dimorph::asynchronous::Client;
use dimorph::{PoolLimits, Proxy, ProxyMode, Timeout};
use sync_tests::certs::{certs, sniff, tls};
use sync_tests::socks::Stage;
use sync_tests::{Proxy as Relay, Reply, Server, Socks, Step, Tls};

use crate::form_util;
use crate::only::{MS, polled};

fn origin() -> Server {
    Server::answering(sniff(), |request| Reply::ok(request.body.clone()).after(MS))
}

/// One connection, which is not kept.
fn client(proxy: impl dimorph::IntoProxy) -> Client {
    Client::builder()
        .trust_env(false)
        .verify(certs().ca_file.to_str().unwrap())
        .pool_limits(PoolLimits::new().hard_limit(1).soft_limit(0))
        .timeout(Timeout::new(5000 * MS))
        .proxy(proxy)
        .build()
        .unwrap()
}

async fn exchange(client: &Client, url: &str, body: &[u8]) {
    let response = client.post(url).body(body.to_vec()).send().await.unwrap();
    let back = response.bytes().await.unwrap();
    assert!(back == body, "{url}: {} bytes", back.len());
}

/// Drops an exchange after its n-th poll, for every n until one is whole.
async fn drop_at_every_poll(what: &str, client: &Client, url: &str, body: &[u8]) -> usize {
    for n in 1..2000 {
        let ended = polled(n, exchange(client, url, body)).await;
        let stats = client.pool_stats();
        let held = (stats.active, stats.waiting, stats.connections);
        assert_eq!(held, (0, 0, 0), "{what}, after {n} polls: {stats:?}");
        if ended.is_some() {
            return n;
        }
        if n % 3 == 1 {
            exchange(client, url, b"next").await;
        }
    }
    panic!("{what}: 2000 polls were not enough");
}

/// An answer to CONNECT in pieces, so that there are many polls.
fn in_pieces() -> Vec<Step> {
    let answer = [
        "HTTP/1.1 1",
        "00 C\r\n",
        "\r\nHTTP/1.1 2",
        "00 OK\r\nx: ",
        "y\r\n\r",
        "\n",
    ];
    let mut steps = Vec::new();
    for piece in answer {
        steps.extend([Step::send(piece), Step::Pause(MS)]);
    }
    steps.push(Step::Tunnel);
    steps
}

#[tokio::test]
async fn connecting_through_a_proxy_may_be_dropped_after_any_poll() {
    let origin = origin();
    for over in [Tls::Off, tls()] {
        let relay = Relay::builder()
            .tls(over)
            .route_all(origin.address())
            .on_connect(|_, _| Some(in_pieces()))
            .start();
        // Connecting, each answer and each flight are waited for; a busy machine brings pieces together.
        for (mode, url, least) in [
            (ProxyMode::Default, "http://a.test/", 3),
            (ProxyMode::Default, "https://a.test/", 4),
            (ProxyMode::TunnelOnly, "http://a.test/", 3),
        ] {
            let what = format!("{mode:?} {url}");
            let proxy = Proxy::new(relay.url()).unwrap().mode(mode);
            let client = client(proxy);
            let polls = drop_at_every_poll(&what, &client, url, b"small").await;
            assert!(polls >= least, "{what}: {polls}");
        }
        // What was dropped is closed.
        let closed = form_util::until(|| relay.in_use() == 0).await;
        assert!(closed, "{} are open", relay.in_use());
    }
}

#[tokio::test]
async fn an_upload_through_tls_in_tls_may_be_dropped_after_any_poll() {
    let origin = origin();
    let relay = Relay::builder()
        .tls(tls())
        .route_all(origin.address())
        .start();
    let client = client(relay.url());
    let body: Vec<u8> = (0..1_u32 << 18).flat_map(u32::to_le_bytes).collect();
    let polls = drop_at_every_poll("1 MiB", &client, "https://a.test/", &body).await;
    assert!(polls >= 5, "{polls}");
    let closed = form_util::until(|| relay.in_use() == 0).await;
    assert!(closed, "{} are open", relay.in_use());
}

#[tokio::test]
async fn connecting_through_socks_may_be_dropped_after_any_poll() {
    let origin = origin();
    let connected = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let socks = Socks::builder()
        .route_all(origin.address())
        .credentials("user", "pass")
        .at(Stage::Method, [Step::Trickle(vec![5, 2]), Step::Next])
        .at(Stage::Credentials, [Step::Trickle(vec![1, 0]), Step::Next])
        .at(
            Stage::Connect,
            [Step::Trickle(connected.to_vec()), Step::Tunnel],
        )
        .start();
    for url in ["http://a.test/", "https://a.test/"] {
        let client = client(socks.url_h_as("user:pass"));
        let polls = drop_at_every_poll("by name", &client, url, b"small").await;
        assert!(polls >= 8, "{url}: {polls}");
        // With a name to look up first.
        let url = url.replace("a.test", &format!("localhost:{}", origin.port()));
        let here = socks.url_h_as("user:pass").replace("socks5h", "socks5");
        let client = self::client(here);
        let polls = drop_at_every_poll("by address", &client, &url, b"small").await;
        assert!(polls >= 8, "{url}: {polls}");
    }
    let closed = form_util::until(|| socks.in_use() == 0).await;
    assert!(closed, "{} are open", socks.in_use());
}

#[tokio::test]
async fn a_waiter_for_a_proxys_connection_takes_the_place_of_a_dropped_one() {
    let origin = origin();
    let relay = Relay::builder()
        .route_all(origin.address())
        .on_connect(|_, before| (before == 0).then(|| vec![Step::Stall]))
        .start();
    let client = client(relay.url());
    let stalled = tokio::spawn({
        let client = client.clone();
        async move { exchange(&client, "https://a.test/", b"never").await }
    });
    assert!(form_util::until(|| relay.requests().len() == 1).await);
    let waiter = tokio::spawn({
        let client = client.clone();
        async move { exchange(&client, "https://b.test/", b"in turn").await }
    });
    assert!(form_util::until(|| client.pool_stats().waiting == 1).await);
    stalled.abort();
    tokio::time::timeout(3000 * MS, waiter)
        .await
        .unwrap()
        .unwrap();
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.waiting), (0, 0));
}
