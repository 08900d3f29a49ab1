//! Requests over HTTP/2 that are dropped after any of their polls: the stream goes, its connection stays.

use std::pin::Pin;
use std::task::{Context, Poll};

use dimorph::asynchronous::Client;
use dimorph::{Body, PoolLimits};
use futures_core::Stream;

use crate::dual_tests::http2_real::content::{large, of_nonce};
use crate::dual_tests::http2_real::hyper_server::Hyper;
use crate::dual_tests::http2_real::{client, download, get, knowing, text};
use crate::form_util::until;
use crate::only::{MS, polled};

fn both() -> [Hyper; 2] {
    [Hyper::plain(), Hyper::secure()]
}

/// What is asked for, and dropped.
#[derive(Clone, Copy)]
enum Call {
    Get,
    /// Many pieces come, a little apart.
    Drip(usize),
    /// So many bytes, from memory.
    Post(usize),
    /// Off the event loop.
    PostReader(usize),
    /// Pieces that let others go first.
    PostStream(usize),
}

/// Pieces of 1 KiB, each of which is ready at the second look.
struct Hesitant {
    left: usize,
    hesitates: bool,
}

impl Stream for Hesitant {
    type Item = std::io::Result<&'static [u8]>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.hesitates = !self.hesitates;
        if self.hesitates {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let size = self.left.min(1024);
        self.left -= size;
        Poll::Ready((size > 0).then(|| Ok(&large()[..size])))
    }
}

/// Asks, and reads the answer; tells whether it is right.
async fn exchange(client: &Client, server: &Hyper, call: Call) -> bool {
    let posted = |body: Body| client.post(server.url("/count")).body(body);
    let (request, size) = match call {
        Call::Get => (client.get(server.url("/nonce/5")), None),
        Call::Drip(n) => (client.get(server.url(&format!("/drip/{n}"))), None),
        Call::Post(size) => (posted(Body::from(&large()[..size])), Some(size)),
        Call::PostReader(size) => (posted(Body::from_reader(&large()[..size])), Some(size)),
        Call::PostStream(left) => {
            let hesitates = false;
            let body = Body::from_stream(Hesitant { left, hesitates });
            (posted(body), Some(left))
        }
    };
    let bytes = request.send().await.unwrap().bytes().await.unwrap();
    match (call, size) {
        (Call::Drip(n), _) => bytes.len() == 4 * n,
        (_, Some(size)) => bytes.starts_with(format!("{size} ").as_bytes()),
        _ => bytes == of_nonce(5),
    }
}

fn assert_nothing_active(client: &Client, polls: usize) {
    let stats = client.pool_stats();
    assert_eq!(
        (stats.active, stats.waiting),
        (0, 0),
        "after {polls} polls: {stats:?}"
    );
}

/// Drops an exchange after its n-th poll, for every n until one completes. Whole ones work after each.
async fn drop_at_every_poll(server: &Hyper, call: Call) -> usize {
    let client = client();
    assert!(exchange(&client, server, Call::Get).await);
    let mut completed = 0;
    for polls in 1..2000 {
        let ended = polled(polls, exchange(&client, server, call)).await;
        assert_nothing_active(&client, polls);
        if polls % 4 == 1 {
            assert!(
                exchange(&client, server, Call::Get).await,
                "after {polls} polls"
            );
            assert_nothing_active(&client, polls);
        }
        if let Some(right) = ended {
            assert!(right);
            completed = polls;
            break;
        }
    }
    assert!(completed > 0, "2000 polls were not enough");
    // Nothing of the windows is lost, and no stream is left.
    download(&client, server.url("/large/8"), 8 << 20).await;
    assert!(exchange(&client, server, Call::Post(2 << 20)).await);
    assert!(
        until(|| server.streams() == 0).await,
        "{} are open",
        server.streams()
    );
    assert_eq!(client.pool_stats().opened, 1);
    completed
}

#[tokio::test]
async fn a_get_may_be_dropped_after_any_poll() {
    for server in both() {
        let polls = drop_at_every_poll(&server, Call::Get).await;
        assert!(polls >= 2, "{polls}");
        let polls = drop_at_every_poll(&server, Call::Drip(20)).await;
        assert!(polls >= 2, "{polls}");
    }
}

#[tokio::test]
async fn an_upload_may_be_dropped_after_any_poll() {
    for server in both() {
        for call in [
            Call::Post(10),
            Call::Post(3 << 20),
            Call::PostReader(2 << 20),
            Call::PostStream(30_000),
        ] {
            let polls = drop_at_every_poll(&server, call).await;
            assert!(polls >= 2, "{polls}");
        }
    }
}

#[tokio::test]
async fn opening_may_be_dropped_after_any_poll() {
    for server in both() {
        for call in [Call::Get, Call::Post(200_000)] {
            let mut completed = false;
            for polls in 1..200 {
                let client = client();
                let ended = polled(polls, exchange(&client, &server, call)).await;
                assert_nothing_active(&client, polls);
                if polls % 2 == 1 {
                    assert!(exchange(&client, &server, Call::Get).await);
                    assert_nothing_active(&client, polls);
                }
                if let Some(right) = ended {
                    assert!(right);
                    completed = true;
                    break;
                }
            }
            assert!(completed);
        }
        assert!(
            until(|| server.open() == 0).await,
            "{} are open",
            server.open()
        );
    }
}

#[tokio::test]
async fn who_waits_for_an_opening_goes_on_when_it_is_dropped() {
    for server in both() {
        for polls in 1..40 {
            let client = client();
            let opener = polled(polls, exchange(&client, &server, Call::Get));
            let others = async {
                tokio::join!(
                    exchange(&client, &server, Call::Get),
                    exchange(&client, &server, Call::Post(100)),
                    exchange(&client, &server, Call::Drip(2)),
                )
            };
            let (first, others) = tokio::join!(opener, others);
            assert_eq!(others, (true, true, true), "after {polls} polls");
            assert_nothing_active(&client, polls);
            if first.is_some() {
                assert_eq!(client.pool_stats().opened, 1);
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_waiter_for_a_stream_may_be_dropped_after_any_poll() {
    let server = Hyper::builder().streams(1).start();
    let client = client();
    assert!(exchange(&client, &server, Call::Get).await);
    for polls in 1..100 {
        let mut held = get(&client, server.url("/hold")).await;
        assert_eq!(held.chunk().await.unwrap().unwrap(), "begun,");
        let waiter = polled(polls, exchange(&client, &server, Call::Get));
        let release = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        let (ended, ()) = tokio::join!(waiter, release);
        assert_nothing_active(&client, polls);
        assert!(
            exchange(&client, &server, Call::Get).await,
            "after {polls} polls"
        );
        if ended.is_some() {
            assert_eq!(client.pool_stats().opened, 1);
            return;
        }
    }
    panic!("100 polls were not enough");
}

#[tokio::test]
async fn a_piece_may_be_given_up_after_any_poll_and_none_is_lost() {
    for server in both() {
        let client = client();
        let mut response = get(&client, server.url("/drip/40")).await;
        let mut all = Vec::new();
        let mut polls = 0;
        loop {
            polls += 1;
            match polled(1 + polls % 3, response.chunk()).await {
                None => tokio::task::yield_now().await,
                Some(Ok(Some(piece))) => all.extend_from_slice(&piece),
                Some(Ok(None)) => break,
                Some(Err(error)) => panic!("{error:?}"),
            }
        }
        let expected: String = (0..40).map(|n| format!("{n:4}")).collect();
        assert_eq!(String::from_utf8(all).unwrap(), expected);
        assert_nothing_active(&client, polls);
    }
}

#[tokio::test]
async fn tasks_that_are_aborted_leave_the_others_alone() {
    for server in both() {
        let client = client();
        let mut kept = Vec::new();
        for round in 0..200_usize {
            let call = [
                Call::Drip(5),
                Call::Post(200_000),
                Call::PostStream(9000),
                Call::Get,
            ];
            let (client, call) = (client.clone(), call[round % 4]);
            let url = server.url("/large/1");
            let task = tokio::spawn(async move {
                match call {
                    Call::Get => drop(get(&client, url).await.bytes().await.unwrap()),
                    Call::Post(size) => {
                        let request = client.post(url).body(&large()[..size]);
                        drop(request.send().await.unwrap());
                    }
                    _ => drop(get(&client, url).await.chunk().await.unwrap()),
                }
            });
            for _ in 0..round % 13 {
                tokio::task::yield_now().await;
            }
            match round % 5 {
                0 => kept.push(task),
                _ => task.abort(),
            }
        }
        for task in kept {
            task.await.unwrap();
        }
        assert!(until(|| client.pool_stats().active == 0).await);
        assert_eq!(text(&client, server.url("/")).await, "hello");
        download(&client, server.url("/large/8"), 8 << 20).await;
        assert!(
            until(|| server.streams() == 0).await,
            "{} are open",
            server.streams()
        );
        assert_eq!(client.pool_stats().opened, 1);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_connection_whose_runtime_stands_still_or_ended_is_not_used_by_another() {
    for server in both() {
        let limits = PoolLimits::new().hard_limit(1);
        let client = knowing().pool_limits(limits).build().unwrap();
        let fetch = |runtime: &tokio::runtime::Runtime| {
            let exchange = async {
                let post = Call::Post(100_000);
                exchange(&client, &server, post).await
                    && exchange(&client, &server, Call::Get).await
            };
            runtime.block_on(async { tokio::time::timeout(10_000 * MS, exchange).await.unwrap() })
        };
        let (first, second) = (runtime(), runtime());
        assert!(fetch(&first));
        assert!(fetch(&second));
        drop(second);
        assert!(fetch(&first));
        drop(first);
        assert!(fetch(&runtime()));
        assert_eq!(client.pool_stats().active, 0);
    }
}
