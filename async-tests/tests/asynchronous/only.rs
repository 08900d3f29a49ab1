//! What only the async form promises: a future may be dropped after any poll.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use dimorph::asynchronous::Client;
use dimorph::{Body, PoolLimits, Timeout};
use sync_tests::blackhole::BlackHole;
use sync_tests::certs::{certs, sniff};
use sync_tests::{Reply, Server, Wire};

use crate::form_util;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// Polls a future as its waker asks, `n` times at most; then drops it where it stands.
pub(crate) async fn polled<F: Future>(n: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls >= n => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

pub(crate) fn client(limits: PoolLimits) -> Client {
    let client = Client::builder()
        .trust_env(false)
        .verify(certs().ca_file.to_str().unwrap());
    client
        .pool_limits(limits)
        .timeout(Timeout::new(Duration::from_secs(5)))
        .build()
        .unwrap()
}

/// A response in many small pieces, so that there are many polls.
fn pieces(wire: &mut Wire) -> std::io::Result<()> {
    while let Some(head) = wire.read_head()? {
        wire.read_body(&head)?;
        for piece in [
            "HTTP/1.1 2",
            "00 OK\r\ncontent-",
            "length: 8\r\n",
            "\r\n",
            "ab",
            "cd",
            "ef",
            "gh",
        ] {
            wire.send(piece)?;
            std::thread::sleep(MS);
        }
    }
    Ok(())
}

/// How a request is begun anew for each number of polls.
enum Call {
    Get,
    Post(usize),
    /// Of unknown length, read off the event loop.
    PostReader(usize),
}

async fn exchange(client: &Client, url: &str, call: &Call) -> String {
    let request = match call {
        Call::Get => client.get(url),
        Call::Post(size) => client.post(url).body(vec![b'x'; *size]),
        Call::PostReader(size) => {
            let reader = std::io::Cursor::new(vec![b'x'; *size]);
            client.post(url).body(Body::from_reader(reader))
        }
    };
    request.send().await.unwrap().text().await.unwrap()
}

/// Drops an exchange after its n-th poll, for every n until one completes; asserts after each that
/// no slot is taken and that a whole exchange works.
async fn drop_at_every_poll(url: &str, limits: PoolLimits, call: Call) -> usize {
    let client = client(limits);
    for n in 1..2000 {
        let ended = polled(n, exchange(&client, url, &call)).await;
        let stats = client.pool_stats();
        assert_eq!(
            (stats.active, stats.waiting),
            (0, 0),
            "after {n} polls: {stats:?}"
        );
        if let Some(text) = ended {
            assert_eq!(text, "abcdefgh");
            return n;
        }
        if n % 4 == 1 {
            let text = exchange(&client, url, &Call::Get).await;
            assert_eq!(text, "abcdefgh", "after {n} polls");
            let stats = client.pool_stats();
            assert_eq!(
                (stats.active, stats.waiting),
                (0, 0),
                "after {n} polls: {stats:?}"
            );
        }
    }
    panic!("2000 polls were not enough");
}

#[tokio::test]
async fn a_get_may_be_dropped_after_any_poll() {
    let server = Server::wire(pieces);
    let polls =
        drop_at_every_poll(&server.url("/"), PoolLimits::new().hard_limit(1), Call::Get).await;
    assert!(polls >= 3, "{polls}");
}

#[tokio::test]
async fn a_get_over_tls_may_be_dropped_after_any_poll() {
    let server = Server::wire_tls(sniff(), pieces);
    let polls = drop_at_every_poll(
        &server.https("/"),
        PoolLimits::new().hard_limit(1),
        Call::Get,
    )
    .await;
    assert!(polls >= 3, "{polls}");
}

#[tokio::test]
async fn a_get_over_fresh_connections_may_be_dropped_after_any_poll() {
    let server = Server::wire_tls(sniff(), pieces);
    for url in [server.url("/"), server.https("/")] {
        let limits = PoolLimits::new().hard_limit(1).soft_limit(0);
        let polls = drop_at_every_poll(&url, limits, Call::Get).await;
        assert!(polls >= 3, "{polls}");
    }
}

#[tokio::test]
async fn a_name_look_up_may_be_dropped_after_any_poll() {
    let server = Server::wire(pieces);
    let url = format!("http://localhost:{}/", server.port());
    let limits = PoolLimits::new().hard_limit(1).soft_limit(0);
    drop_at_every_poll(&url, limits, Call::Get).await;
}

/// Takes bodies in sips, so that the client has to wait with its writing.
fn sips(wire: &mut Wire) -> std::io::Result<()> {
    while let Some(head) = wire.read_head()? {
        if head
            .header("content-length")
            .is_some_and(|length| length != "0")
        {
            let mut left: usize = head.header("content-length").unwrap().parse().unwrap();
            while left > 0 {
                left -= wire.read_exactly(left.min(256 << 10))?.len();
                std::thread::sleep(MS / 2);
            }
        } else {
            wire.read_body(&head)?;
        }
        Reply::ok("abcdefgh").send(wire, false)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_large_post_may_be_dropped_after_any_poll() {
    let server = Server::wire_tls(sniff(), sips);
    for url in [server.url("/"), server.https("/")] {
        let limits = PoolLimits::new().hard_limit(1);
        let polls = drop_at_every_poll(&url, limits, Call::Post(20 << 20)).await;
        assert!(polls >= 3, "{polls}");
        let polls = drop_at_every_poll(&url, limits, Call::PostReader(6 << 20)).await;
        assert!(polls >= 3, "{polls}");
    }
}

#[tokio::test]
async fn connecting_may_be_dropped_after_any_poll() {
    let hole = BlackHole::open()
        .unwrap()
        .expect("this system has no black holes");
    let client = client(PoolLimits::new().hard_limit(1));
    for n in 1..5 {
        let connecting = client
            .get(hole.url("/"))
            .timeout(Duration::from_millis(50))
            .send();
        let ended = polled(n, connecting).await;
        let stats = client.pool_stats();
        assert_eq!(
            (stats.active, stats.connections, stats.waiting),
            (0, 0, 0),
            "{n}: {stats:?}"
        );
        if let Some(sent) = ended {
            assert!(sent.unwrap_err().is_connect());
            return;
        }
    }
}

#[tokio::test]
async fn a_waiter_may_be_dropped_after_any_poll() {
    let server = Server::wire(pieces);
    let client = client(PoolLimits::new().hard_limit(1));
    for n in 1..2000 {
        let held = client.get(server.url("/held")).send().await.unwrap();
        let release = tokio::spawn(async move {
            tokio::time::sleep(2 * MS).await;
            held.bytes().await.unwrap();
        });
        let ended = polled(n, exchange(&client, &server.url("/waiter"), &Call::Get)).await;
        assert_eq!(client.pool_stats().waiting, 0, "after {n} polls");
        release.await.unwrap();
        assert_eq!(client.pool_stats().active, 0, "after {n} polls");
        if ended.is_some() {
            assert!(n >= 2, "{n}");
            return;
        }
    }
    panic!("2000 polls were not enough");
}

#[tokio::test]
async fn a_waiter_dropped_with_its_turn_in_hand_passes_it_on() {
    // The first response never ends, so that its slot is held until it is dropped.
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            match head.target.as_str() {
                "/held" => wire.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nab")?,
                _ => {
                    Reply::ok("abcdefgh").send(wire, false)?;
                }
            }
        }
        Ok(())
    });
    let client = client(PoolLimits::new().hard_limit(1));
    let held = client.get(server.url("/held")).send().await.unwrap();
    let mut first = Box::pin(exchange(&client, "http://never.invalid/", &Call::Get));
    let once = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending())).await;
    assert!(once);
    assert_eq!(client.pool_stats().waiting, 1);
    let second = tokio::spawn({
        let (client, url) = (client.clone(), server.url("/second"));
        async move { exchange(&client, &url, &Call::Get).await }
    });
    assert!(form_util::until(|| client.pool_stats().waiting == 2).await);
    // The turn is the first waiter's now, which is never polled again.
    drop(held);
    drop(first);
    let text = tokio::time::timeout(Duration::from_secs(3), second)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text, "abcdefgh");
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.waiting), (0, 0));
}

#[tokio::test]
async fn a_body_may_be_dropped_in_the_middle_of_a_read() {
    let server = Server::http(|_| Reply::chunked(["a"; 20]).paced(2 * MS));
    let client = client(PoolLimits::new().hard_limit(1));
    for n in 1..15 {
        let mut response = client.get(server.url("/")).send().await.unwrap();
        // A read that was dropped loses no byte: what comes next is the rest.
        let mut seen = 0;
        for _ in 0..n {
            if let Some(piece) = polled(1, response.chunk()).await {
                seen += piece.unwrap().map_or(0, |piece| piece.len());
            }
            tokio::time::sleep(MS).await;
        }
        while let Some(piece) = response.chunk().await.unwrap() {
            seen += piece.len();
        }
        assert_eq!(seen, 20, "{n}");
        let stats = client.pool_stats();
        assert_eq!(stats.active, 0);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_requests_run_at_once() {
    let server = Server::answering(sniff(), |request| {
        Reply::ok(request.target.clone()).after(2 * MS)
    });
    let client = client(PoolLimits::new().hard_limit(64).soft_limit(64));
    let tasks: Vec<_> = (0..600)
        .map(|i| {
            let client = client.clone();
            let url = if i % 4 == 0 {
                server.https("/")
            } else {
                server.url("/")
            } + &i.to_string();
            tokio::spawn(async move {
                let text = client.get(url).send().await.unwrap().text().await.unwrap();
                assert_eq!(text, format!("/{i}"));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.waiting), (0, 0));
    assert!(stats.connections <= 64);
    assert_eq!(server.requests().len(), 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_dropped_at_random_moments_lose_nothing() {
    let server = Server::http(|_| Reply::chunked(["ab", "cd"]).paced(MS));
    let client = client(PoolLimits::new().hard_limit(8));
    let tasks: Vec<_> = (0..400u64)
        .map(|i| {
            let (client, url) = (client.clone(), server.url("/"));
            tokio::spawn(async move {
                let exchange =
                    async { client.get(url).send().await.unwrap().text().await.unwrap() };
                // From at once to long enough, in an order without a pattern.
                let patience = Duration::from_micros(i * 7919 % 40_000);
                let _ = tokio::time::timeout(patience, exchange).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.waiting), (0, 0), "{stats:?}");
    let text = client
        .get(server.url("/"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(text, "abcd");
}

#[test]
fn a_client_outlives_the_runtime_of_its_first_request() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = client(PoolLimits::new());
    for i in 1..=3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let text = runtime.block_on(async {
            let response = client.get(server.url("/")).send().await.unwrap();
            response.text().await.unwrap()
        });
        assert_eq!(text, "ok", "runtime {i}");
    }
}
