//! What is shared over HTTP/2 by tasks on several threads, and what its driving task does by itself.

use dimorph::asynchronous::Client;

use crate::dual_tests::http2_real::hyper_server::Hyper;
use crate::dual_tests::http2_real::tap::Frame;
use crate::dual_tests::http2_real::{knowing, text};
use crate::dual_tests::http2_stress::{chaos, ends, load};
use crate::form_util::until;
use crate::only::MS;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_on_several_threads_that_start_at_once_open_one_connection() {
    load::start_at_once().await;
    load::start_at_once_where_few_are_allowed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn goaway_under_load_on_several_threads_loses_nothing_and_repeats_nothing() {
    ends::say_goaway_under_load().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_cut_at_random_end_each_request_on_several_threads_once() {
    ends::cut_under_load(2000, 64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_on_several_threads_that_end_early_leave_the_connection_as_it_was() {
    chaos::end_early_in_every_way().await;
}

/// A client that asks often whether the server is there, with no request open too.
fn asking(timeout: u32) -> Client {
    knowing()
        .http2_keep_alive_interval(20 * MS)
        .http2_keep_alive_timeout(timeout * MS)
        .http2_keep_alive_while_idle(true)
        .build()
        .unwrap()
}

#[tokio::test]
async fn pings_are_sent_while_a_connection_is_idle_if_that_is_asked_for() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = asking(10_000);
        assert_eq!(text(&client, server.url("/")).await, "hello");
        let asked = until(|| server.frames(Frame::Ping) >= 3).await;
        assert!(asked, "{} came", server.frames(Frame::Ping));
        assert_eq!(text(&client, server.url("/")).await, "hello");
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[tokio::test]
async fn a_server_that_answers_no_ping_while_idle_is_replaced() {
    let server = Hyper::plain();
    let client = asking(100);
    assert_eq!(text(&client, server.url("/")).await, "hello");
    let other = knowing().build().unwrap();
    let url = server.url("/freeze");
    let frozen = tokio::spawn(async move { text(&other, url).await });
    assert!(until(|| server.requests().len() == 2).await);
    tokio::time::sleep(300 * MS).await;
    server.thaw();
    assert_eq!(frozen.await.unwrap(), "thawed");
    assert!(until(|| server.open() == 0 || server.connections() == 2).await);
    assert_eq!(text(&client, server.url("/")).await, "hello");
    assert_eq!(client.pool_stats().opened, 2);
}

#[tokio::test]
async fn a_client_that_is_dropped_closes_its_connections_at_once() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = knowing().build().unwrap();
        assert_eq!(text(&client, server.url("/")).await, "hello");
        assert_eq!(server.open(), 1);
        drop(client);
        assert!(until(|| server.open() == 0).await, "no task keeps it open");
    }
}
