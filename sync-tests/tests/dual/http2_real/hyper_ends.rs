//! How connections with a hyper server are kept alive, end, and are replaced.

use dimorph::Timeout;

use super::common::{assert_at_rest, ms};
use super::content::of_nonce;
use super::form::Client;
use super::hyper_server::Hyper;
use super::tap::Frame;
use super::{client, get, joined, knowing, text};
use super::{dual, form_test, form_util};

/// The server ends a connection after its requests; both times nobody uses it.
#[dual]
async fn post_twice(client: &Client, server: &Hyper, nonce: u64) {
    for _ in 0..2 {
        let request = client.post(server.url(&format!("/nonce/{nonce}")));
        let response = request.body("x").send().await.unwrap();
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, of_nonce(nonce));
    }
}

#[dual]
#[form_test]
async fn an_idle_connection_that_was_closed_is_replaced() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = client();
        for nonce in 1..=6 {
            post_twice(&client, &server, nonce).await;
            assert_eq!(client.pool_stats().opened, nonce);
            server.cut_connections();
            let closed = form_util::until(|| server.open() == 0).await;
            assert!(closed);
        }
        assert_at_rest(&client).await;
        // A POST was never sent to a connection that had ended.
        let ledger = server.ledger();
        assert!(ledger.values().all(|&times| times == 2), "{ledger:?}");
    }
}

#[dual]
#[form_test]
async fn an_idle_connection_that_had_goaway_is_replaced() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = client();
        for nonce in 1..=6 {
            let before = server.frames_sent(Frame::Goaway);
            post_twice(&client, &server, nonce).await;
            assert_eq!(client.pool_stats().opened, nonce);
            server.shut_connections();
            let said = form_util::until(|| server.frames_sent(Frame::Goaway) > before).await;
            assert!(said);
        }
        assert_at_rest(&client).await;
        let ledger = server.ledger();
        assert!(ledger.values().all(|&times| times == 2), "{ledger:?}");
        drop(client);
        let closed = form_util::until(|| server.open() == 0).await;
        assert!(closed, "{} connections are open", server.open());
    }
}

#[dual]
#[form_test]
async fn what_was_begun_before_goaway_ends_and_what_comes_after_has_a_new_connection() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = client();
        let mut begun = Vec::new();
        for _ in 0..4 {
            let mut response = get(&client, server.url("/hold")).await;
            let piece = response.chunk().await.unwrap().unwrap();
            assert_eq!(piece, "begun,");
            begun.push(response);
        }
        server.shut_connections();
        let mut opened = 1;
        // The news may take a moment; nothing fails meanwhile.
        for _ in 0..200 {
            let text = text(&client, server.url("/")).await;
            assert_eq!(text, "hello");
            opened = client.pool_stats().opened;
            if opened == 2 {
                break;
            }
            form_util::sleep(ms(5)).await;
        }
        assert_eq!(opened, 2);
        let stats = client.pool_stats();
        assert_eq!(
            (stats.connections, stats.active, stats.idle),
            (2, 1, 1),
            "{stats:?}"
        );
        assert_eq!(server.held(), 4);
        server.let_go(4);
        for response in begun {
            let text = response.text().await.unwrap();
            assert_eq!(text, "ended");
        }
        assert_at_rest(&client).await;
        let ended = form_util::until(|| server.open() == 1).await;
        assert!(ended, "{} are open", server.open());
        assert_eq!(client.pool_stats().connections, 1);
    }
}

#[dual]
async fn wait(url: String) -> String {
    let client = knowing()
        .http2_keep_alive_interval(ms(20))
        .http2_keep_alive_timeout(ms(10_000))
        .build()
        .unwrap();
    text(&client, url).await
}

#[dual]
#[form_test]
async fn pings_are_sent_while_a_response_is_waited_for() {
    for server in [Hyper::plain(), Hyper::secure()] {
        for path in ["/wait", "/hold"] {
            let before = server.frames(Frame::Ping);
            let waiting = form_util::spawn(wait, server.url(path));
            let pinged = form_util::until(|| server.frames(Frame::Ping) >= before + 3).await;
            assert!(
                pinged,
                "{path}: {} came",
                server.frames(Frame::Ping) - before
            );
            assert!(!waiting.is_finished());
            server.let_go(1);
            let text = joined(waiting).await;
            assert!(text == "waited" || text == "begun,ended", "{text}");
        }
    }
}

#[dual]
#[form_test]
async fn no_ping_is_sent_unasked() {
    let server = Hyper::plain();
    let client = client();
    let mut response = get(&client, server.url("/hold")).await;
    let piece = response.chunk().await.unwrap().unwrap();
    assert_eq!(piece, "begun,");
    server.let_go(1);
    let rest = response.text().await.unwrap();
    assert_eq!(rest, "ended");
    assert_eq!(server.frames(Frame::Ping), 0);
}

#[dual]
#[form_test]
async fn a_server_that_answers_no_ping_is_given_up() {
    let server = Hyper::plain();
    let client = knowing()
        .timeout(Timeout::none())
        .http2_keep_alive_interval(ms(30))
        .http2_keep_alive_timeout(ms(500))
        .build()
        .unwrap();
    let hello = text(&client, server.url("/")).await;
    assert_eq!(hello, "hello");
    let error = client.post(server.url("/freeze")).send().await.unwrap_err();
    assert!(error.is_network() || error.is_timeout(), "{error:?}");
    assert_at_rest(&client).await;
    server.thaw();
    let patient = super::client();
    let hello = text(&patient, server.url("/")).await;
    assert_eq!(hello, "hello", "it goes on");
    let hello = text(&client, server.url("/")).await;
    assert_eq!(hello, "hello");
    assert_eq!(client.pool_stats().opened, 2);
}
