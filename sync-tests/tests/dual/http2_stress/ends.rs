//! Connections that end under load.

use std::collections::BTreeMap;

use dimorph::{Body, ErrorKind};

use super::common::{assert_at_rest, resident};
use super::http2_real::client;
use super::http2_real::content::of_nonce;
use super::http2_real::hyper_server::Hyper;
use super::{Call, calls, exchange, is_post};
use super::{dual, form_test, form_util};

/// How many at once: threads, or tasks.
const AT_ONCE: usize = if form_util::IS_ASYNC { 64 } else { 24 };

#[dual]
#[form_test]
async fn goaway_under_load_loses_nothing_and_repeats_nothing() {
    say_goaway_under_load().await;
}

/// A connection lasts for fifty requests; the server says which of those behind them it did not process.
#[dual]
pub(crate) async fn say_goaway_under_load() {
    let plan = Hyper::builder().goaways(50);
    for server in [plan.clone().start(), plan.tls(&["h2"]).start()] {
        let client = client();
        let calls = calls(&client, &server.url(""), 0..1000);
        let ended = form_util::concurrently(AT_ONCE, calls, exchange).await;
        let ledger = server.ledger();
        for (nonce, right) in (0..).zip(ended) {
            let times = ledger.get(&nonce);
            let right = right.unwrap_or_else(|error| panic!("{nonce}, {times:?}: {error:?}"));
            assert!(right, "{nonce} has another's body");
        }
        assert_eq!(ledger.len(), 250);
        let twice: Vec<_> = ledger.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let opened = client.pool_stats().opened;
        assert!((2..=21).contains(&opened), "{opened}");
        assert_at_rest(&client).await;
        let drained = form_util::until(|| server.open() <= 1).await;
        assert!(drained, "{} connections are open", server.open());
    }
}

#[dual]
#[form_test]
async fn connections_cut_at_random_end_each_request_once() {
    cut_under_load(5000, AT_ONCE).await;
}

#[dual]
#[form_test]
#[ignore = "takes a minute; the one above is the same with fewer requests"]
async fn connections_cut_at_random_end_each_of_100_000_requests_once() {
    let mut before = 0;
    for tenth in 0..10 {
        cut_under_load(10_000, 64).await;
        if tenth == 1 {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown <= 16 << 20, "grew by {grown}");
}

/// Sends a body that can be read once, by POST; tells whether the answer is right.
#[dual]
async fn send_once((client, base, nonce): Call) -> dimorph::Result<bool> {
    let body = Body::from_reader(std::io::Cursor::new(of_nonce(nonce)));
    let request = client.post(format!("{base}/nonce/{nonce}")).body(body);
    let response = request.send().await?;
    let bytes = response.bytes().await?;
    Ok(bytes == of_nonce(nonce))
}

#[dual]
#[form_test]
async fn a_body_that_goaway_cut_off_is_known_to_be_unprocessed_and_is_so() {
    for server in [
        Hyper::builder().goaways(30).start(),
        Hyper::builder().goaways(30).tls(&["h2"]).start(),
    ] {
        let client = client();
        let calls = calls(&client, &server.url(""), 0..600);
        let ended = form_util::concurrently(AT_ONCE, calls, send_once).await;
        let ledger = server.ledger();
        let mut whole = 0;
        for (nonce, outcome) in (0..).zip(ended) {
            let times = ledger.get(&nonce).copied();
            match outcome {
                Ok(right) => {
                    assert!(right && times == Some(1), "{nonce}: {times:?}");
                    whole += 1;
                }
                Err(error) => {
                    assert!(error.is_unprocessed(), "{nonce}, {times:?}: {error:?}");
                    assert_eq!(times, None, "{nonce}: {error:?}");
                }
            }
        }
        assert!(whole > 300, "{whole}");
        assert_at_rest(&client).await;
    }
}

/// One request in 150 ends its connection in one of several ways.
#[dual]
pub(crate) async fn cut_under_load(requests: u64, at_once: usize) {
    use ErrorKind::{ReadError, RemoteProtocolError, WriteError};

    let server = Hyper::builder().faults(150).start();
    let client = client();
    let calls = calls(&client, &server.url(""), 0..requests);
    let ended = form_util::concurrently(at_once, calls, exchange).await;
    assert_eq!(ended.len() as u64, requests);
    let (mut whole, mut failed) = (0, BTreeMap::new());
    let ledger = server.ledger();
    for (nonce, outcome) in (0..).zip(ended) {
        match outcome {
            Ok(right) => {
                assert!(right, "{nonce} has another's body");
                whole += 1;
            }
            Err(error) => {
                let kinds = [ReadError, WriteError, RemoteProtocolError];
                assert!(kinds.contains(&error.kind()), "{nonce}: {error:?}");
                let processed = ledger.contains_key(&nonce);
                assert!(!(processed && error.is_unprocessed()), "{nonce}: {error:?}");
                *failed.entry(format!("{:?}", error.kind())).or_insert(0) += 1;
            }
        }
    }
    assert!(
        whole > requests / 2 && whole < requests,
        "{whole} are whole; {failed:?}"
    );
    let twice: Vec<_> = ledger.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(ledger.keys().all(|&nonce| is_post(nonce)));
    assert_at_rest(&client).await;
    let drained = form_util::until(|| server.open() <= 1).await;
    assert!(drained, "{} connections are open", server.open());
    assert_eq!(client.pool_stats().connections, server.open());
}
