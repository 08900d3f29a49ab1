//! All sorts of requests at once on one connection, most of which end before their time.

use dimorph::{Body, ErrorKind, Timeout};

use super::common::{assert_at_rest, ms};
use super::exchange;
use super::form::Client;
use super::http2_real::content::large;
use super::http2_real::hyper_server::Hyper;
use super::http2_real::{client, download, get};
use super::{dual, form_test, form_util};

/// Does what the number asks for; tells what went otherwise than it should.
#[dual]
async fn act((client, base, number): (Client, String, u64)) -> Result<(), String> {
    let url = |path: &str| format!("{base}{path}");
    let hasty = Timeout::new(ms(20_000)).read(ms(1 + number % 7));
    let unexpected = |what: &str| Err(format!("{number}: {what}"));
    match number % 8 {
        0 => {
            // Its body comes, or does not, and is not read.
            let mut response = get(&client, url("/large/64")).await;
            for _ in 0..number % 5 {
                response.chunk().await.unwrap().unwrap();
            }
        }
        1 => drop(get(&client, url("/stall")).await),
        2 => {
            let sent = client.get(url("/silent")).timeout(hasty).send().await;
            if sent.err().map(|error| error.kind()) != Some(ErrorKind::ReadTimeout) {
                return unexpected("no timeout of the head");
            }
        }
        3 => {
            let sent = client.get(url("/stall")).timeout(hasty).send().await;
            let kind = match sent {
                // It may be the head already that was too late.
                Err(error) => error.kind(),
                Ok(response) => response.bytes().await.unwrap_err().kind(),
            };
            if kind != ErrorKind::ReadTimeout {
                return unexpected("no timeout of the body");
            }
        }
        4 => {
            let body = Body::from_reader(&large()[..1 << 20]);
            let sent = client.post(url("/status/404")).body(body).send().await;
            if sent.unwrap().status() != 404 {
                return unexpected("no early answer");
            }
        }
        5 => {
            // The reset may overtake the head.
            if let Ok(response) = client.get(url("/broken")).send().await
                && response.bytes().await.is_ok()
            {
                return unexpected("no error");
            }
        }
        _ => {
            let right = exchange((client, base, number)).await;
            if !right.map_err(|error| format!("{number}: {error:?}"))? {
                return unexpected("another's body");
            }
        }
    }
    Ok(())
}

#[dual]
#[form_test]
async fn requests_that_end_early_in_every_way_leave_the_connection_as_it_was() {
    end_early_in_every_way().await;
}

/// Does everything that ends before its time, many times at once.
#[dual]
pub(crate) async fn end_early_in_every_way() {
    for server in [
        Hyper::plain(),
        Hyper::secure(),
        Hyper::builder().streams(5).start(),
    ] {
        let client = client();
        let first = exchange((client.clone(), server.url(""), 0)).await;
        assert!(first.unwrap());
        let calls = (0..480).map(|number| (client.clone(), server.url(""), number));
        let ended = form_util::concurrently(24, calls.collect(), act).await;
        let faults: Vec<_> = ended.into_iter().filter_map(Result::err).collect();
        assert!(faults.is_empty(), "{faults:#?}");
        assert_at_rest(&client).await;
        assert_eq!(client.pool_stats().opened, 1);
        download(&client, server.url("/large/16"), 16 << 20).await;
        let request = client.post(server.url("/echo")).body(&large()[..8 << 20]);
        let bytes = request.send().await.unwrap().bytes().await.unwrap();
        assert!(bytes == large()[..8 << 20]);
        let freed = form_util::until(|| server.streams() == 0).await;
        assert!(freed, "{} streams are open", server.streams());
        assert_eq!((client.pool_stats().opened, server.connections()), (1, 1));
    }
}

#[dual]
#[form_test]
async fn two_responses_are_read_in_turns() {
    for server in [Hyper::plain(), Hyper::secure()] {
        let client = client();
        let mut one = get(&client, server.url("/large/16")).await;
        let mut two = get(&client, server.url("/large/16")).await;
        let mut checks = [
            super::http2_real::content::Check::default(),
            Default::default(),
        ];
        loop {
            let pieces = [one.chunk().await.unwrap(), two.chunk().await.unwrap()];
            if pieces.iter().all(Option::is_none) {
                break;
            }
            for (check, piece) in checks.iter_mut().zip(pieces) {
                check.piece(&piece.unwrap_or_default());
            }
        }
        assert!(checks.iter().all(|check| check.total() == 16 << 20));
        assert_eq!(client.pool_stats().opened, 1);
        assert_at_rest(&client).await;
    }
}
