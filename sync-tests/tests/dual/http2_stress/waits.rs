//! Timeouts and turns on streams.

use dimorph::{ErrorKind, PoolLimits, Timeout};

use super::common::{assert_at_rest, ms};
use super::fetch;
use super::form::Client;
use super::http2_real::content::large;
use super::http2_real::hyper_server::Hyper;
use super::http2_real::tap::Frame;
use super::http2_real::{client, download, get, joined, knowing, text};
use super::{dual, form_test, form_util};

/// Asks, and reads the whole; tells how it failed.
#[dual]
async fn fails((client, url, timeout): (Client, String, Timeout)) -> ErrorKind {
    match client.get(url).timeout(timeout).send().await {
        Ok(response) => response.bytes().await.unwrap_err().kind(),
        Err(error) => error.kind(),
    }
}

#[dual]
#[form_test]
async fn a_read_or_total_timeout_ends_its_stream_alone() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = client();
        let beside = form_util::spawn(fetch, (client.clone(), server.url("/wait")));
        let asleep = form_util::until(|| server.held() == 1).await;
        assert!(asleep);
        let (read, total) = (Timeout::none().read(ms(50)), Timeout::none().total(ms(50)));
        for (path, timeout, expected) in [
            ("/silent", read, ErrorKind::ReadTimeout),
            ("/stall", read, ErrorKind::ReadTimeout),
            ("/silent", total, ErrorKind::TotalTimeout),
            ("/stall", total, ErrorKind::TotalTimeout),
        ] {
            let kind = fails((client.clone(), server.url(path), timeout)).await;
            assert_eq!(kind, expected, "{path}");
            let hello = text(&client, server.url("/")).await;
            assert_eq!(hello, "hello");
            assert!(!beside.is_finished());
        }
        let freed = form_util::until(|| server.streams() == 1).await;
        assert!(freed, "{} are still answered", server.streams());
        assert_eq!(server.frames(Frame::Reset), 4);
        server.let_go(1);
        joined(beside).await;
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn many_timeouts_at_once_are_each_kept() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = client();
        let hello = text(&client, server.url("/")).await;
        assert_eq!(hello, "hello");
        let calls: Vec<_> = (0..24)
            .map(|n| {
                let path = if n % 2 == 0 { "/silent" } else { "/stall" };
                // The shortest begin last.
                let timeout = Timeout::none().read(ms(20 * (30 - n)));
                (client.clone(), server.url(path), timeout)
            })
            .collect();
        let kinds = form_util::concurrently(24, calls, fails).await;
        assert!(
            kinds.iter().all(|&kind| kind == ErrorKind::ReadTimeout),
            "{kinds:?}"
        );
        let hello = text(&client, server.url("/")).await;
        assert_eq!(hello, "hello");
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_body_that_comes_slowly_but_comes_is_in_time() {
    let server = Hyper::plain();
    let client = client();
    let timeout = Timeout::none().read(ms(2000));
    let request = client.get(server.url("/drip/100")).timeout(timeout);
    let bytes = request.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.len(), 400);
}

#[dual]
#[form_test]
async fn a_body_that_the_server_does_not_take_meets_the_write_timeout() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = client();
        for size in [8 << 20, 64 << 20] {
            let request = client.post(server.url("/wait")).body(&large()[..size]);
            let timeout = Timeout::none().write(ms(60));
            let error = request.timeout(timeout).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WriteTimeout, "{error}");
            let freed = form_util::until(|| server.held() == 0).await;
            assert!(freed);
        }
        let request = client.post(server.url("/echo")).body(&large()[..8 << 20]);
        let bytes = request.send().await.unwrap().bytes().await.unwrap();
        assert!(bytes == large()[..8 << 20]);
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[dual]
#[form_test]
async fn who_waits_for_a_stream_meets_the_pool_timeout_and_passes_the_turn_on() {
    let server = Hyper::builder().streams(1).start();
    let client = client();
    let hello = text(&client, server.url("/")).await;
    assert_eq!(hello, "hello");
    let held = get(&client, server.url("/hold")).await;
    let timeout = Timeout::none().pool(ms(80));
    let hasty = form_util::spawn(fails, (client.clone(), server.url("/hasty"), timeout));
    let waits = form_util::until(|| client.pool_stats().waiting == 1).await;
    assert!(waits, "{:?}", client.pool_stats());
    let patient = form_util::spawn(fetch, (client.clone(), server.url("/patient")));
    let kind = joined(hasty).await;
    assert_eq!(kind, ErrorKind::PoolTimeout);
    let waits = form_util::until(|| client.pool_stats().waiting == 1).await;
    assert!(waits, "{:?}", client.pool_stats());
    drop(held);
    let hello = joined(patient).await;
    assert_eq!(hello, "hello");
    assert_eq!(server.requests(), ["GET /", "GET /hold", "GET /patient"]);
    assert_eq!((client.pool_stats().opened, server.connections()), (1, 1));
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn who_waits_for_a_stream_is_served_in_turn() {
    for most in [1, 2] {
        let server = Hyper::builder().streams(most).start();
        let client = client();
        let hello = text(&client, server.url("/")).await;
        assert_eq!(hello, "hello");
        let mut held = Vec::new();
        for _ in 0..most {
            held.push(get(&client, server.url("/large/64")).await);
        }
        let mut waiters = Vec::new();
        for n in 0..12 {
            let call = (client.clone(), server.url(&format!("/hold/{n}")));
            waiters.push(form_util::spawn(fetch, call));
            let waits = form_util::until(|| client.pool_stats().waiting == n + 1).await;
            assert!(waits, "{:?}", client.pool_stats());
        }
        drop(held);
        for turn in 0..12 {
            // Each begins before the next, since those before it do not end until now.
            let path = format!("GET /hold/{turn}");
            let begun = form_util::until(|| server.requests().contains(&path)).await;
            assert!(begun, "{path}: {:?}", server.requests());
            server.let_go(1);
        }
        for waiter in waiters {
            let text = joined(waiter).await;
            assert_eq!(text, "begun,ended");
        }
        let begun = server.requests().split_off(1 + most as usize);
        let mut expected: Vec<_> = (0..12).map(|n| format!("GET /hold/{n}")).collect();
        if most == 1 {
            assert_eq!(begun, expected);
        } else {
            // Two may begin at once, in whichever order their threads come to run.
            let place = |n: usize| begun.iter().position(|line| *line == expected[n]).unwrap();
            assert!((0..12).all(|n| place(n).abs_diff(n) <= 1), "{begun:?}");
            let mut sorted = begun.clone();
            sorted.sort_unstable();
            expected.sort_unstable();
            assert_eq!(sorted, expected);
        }
        assert_eq!(server.connections(), 1);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_full_connection_and_no_second_is_what_a_pool_of_streams_means() {
    let server = Hyper::builder().streams(2).start();
    let client = client();
    let hello = text(&client, server.url("/")).await;
    assert_eq!(hello, "hello");
    let held = [
        get(&client, server.url("/hold")).await,
        get(&client, server.url("/hold")).await,
    ];
    let timeout = Timeout::none().pool(ms(60));
    let kind = fails((client.clone(), server.url("/"), timeout)).await;
    assert_eq!(kind, ErrorKind::PoolTimeout);
    let stats = client.pool_stats();
    assert_eq!((stats.connections, stats.active, stats.opened), (1, 1, 1));
    drop(held);
    download(&client, server.url("/large/8"), 8 << 20).await;
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn streams_of_one_server_hold_a_slot_from_another_until_the_last_ends() {
    let (one, two) = (Hyper::plain(), Hyper::plain());
    let limits = PoolLimits::new().hard_limit(1);
    let client = knowing().pool_limits(limits).build().unwrap();
    let held = [
        get(&client, one.url("/hold")).await,
        get(&client, one.url("/hold")).await,
    ];
    let timeout = Timeout::none().pool(ms(60));
    let kind = fails((client.clone(), two.url("/"), timeout)).await;
    assert_eq!(kind, ErrorKind::PoolTimeout);
    let waiter = form_util::spawn(fetch, (client.clone(), two.url("/")));
    let waits = form_util::until(|| client.pool_stats().waiting == 1).await;
    assert!(waits);
    let [first, last] = held;
    drop(first);
    assert!(!waiter.is_finished());
    drop(last);
    let hello = joined(waiter).await;
    assert_eq!(hello, "hello");
    assert_eq!((one.connections(), two.connections()), (1, 1));
    assert_at_rest(&client).await;
}
