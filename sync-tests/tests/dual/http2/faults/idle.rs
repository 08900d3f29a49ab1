//! What comes while a request waits, and what comes while nothing does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sync_tests::h2_peer::{Frame, code, flag, kind, setting};

use super::*;
use crate::dual_tests::common::assert_at_rest;

#[dual]
#[form_test]
async fn pings_and_settings_are_answered_while_a_request_waits() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            for turn in 0..3 {
                link.send(Frame::ping([turn; 8]))?;
                loop {
                    let Some(frame) = link.step()? else {
                        return Ok(());
                    };
                    if frame.kind == kind::PING {
                        assert!(frame.has(flag::ACK) && frame.payload == [turn; 8]);
                        break;
                    }
                }
                link.send(Frame::settings(&[(setting::HEADER_TABLE_SIZE, 0)]))?;
                link.until(|link| link.is_settled())?;
            }
            link.answer(stream, Answer::ok("answered"))?;
        }
        Ok(())
    });
    let client = client();
    for _ in 0..3 {
        let (_, text) = fetch((client.clone(), peer.url("/"))).await.unwrap();
        assert_eq!(text, "answered");
    }
    assert_at_rest(&client).await;
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn pings_and_settings_are_answered_in_the_middle_of_a_body() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            link.send(Frame::headers(stream, [(":status", "200")]))?;
            for turn in 0..3 {
                link.send(Frame::data(stream, "piece "))?;
                link.send(Frame::ping([turn; 8]))?;
                link.send(Frame::settings(&[]))?;
                while let Some(frame) = link.step()? {
                    if frame.kind == kind::PING {
                        break;
                    }
                }
                link.until(|link| link.is_settled())?;
            }
            link.send(Frame::data(stream, "end").end())?;
        }
        Ok(())
    });
    let client = client();
    for _ in 0..3 {
        let (_, text) = fetch((client.clone(), peer.url("/"))).await.unwrap();
        assert_eq!(text, "piece piece piece end");
    }
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

/// A peer that does this after each answer of its first connection; tells how often it was done.
fn between(then: fn(&mut Link<'_>) -> std::io::Result<()>) -> (H2Peer, Arc<AtomicUsize>) {
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    let peer = H2Peer::new(move |link| {
        link.open(&[])?;
        if link.number() > 0 {
            return link.carry();
        }
        while let Some(stream) = link.whole()? {
            link.answer(stream, Answer::carry(&link.asked(stream)))?;
            then(link)?;
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    (peer, done)
}

#[dual]
#[form_test]
async fn what_an_idle_connection_is_asked_is_answered_at_its_next_use_at_the_latest() {
    let (peer, done) = between(|link| {
        link.send_all(&[
            Frame::ping([7; 8]),
            Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 100_000)]),
            Frame::window_update(0, 1000),
            Frame::reset(1, code::NO_ERROR),
            Frame::priority(1, 0),
            Frame::new(0xbe, 0, 0, "?"),
        ])
    });
    let client = client();
    for turn in 1..=5 {
        let call = (client.clone(), peer.url("/"), vec![b'b'; 1000]);
        let (status, text) = post(call).await.unwrap();
        assert_eq!((status, text.len()), (200, 1000));
        assert_at_rest(&client).await;
        let asked = form_util::until(|| done.load(Ordering::SeqCst) == turn).await;
        assert!(asked);
    }
    let frames = peer.frames(0);
    let acks = |of| {
        let acks = frames.iter().filter(|f| f.kind == of && f.has(flag::ACK));
        acks.count()
    };
    assert!(acks(kind::PING) >= 4, "{}", acks(kind::PING));
    assert!(acks(kind::SETTINGS) >= 4, "{}", acks(kind::SETTINGS));
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn an_idle_connection_that_ended_is_not_used() {
    type Then = fn(&mut Link<'_>) -> std::io::Result<()>;
    let cases: [(&str, Then); 6] = [
        ("closed", |link| {
            link.wire.finish();
            Ok(())
        }),
        ("reset", |link| {
            link.wire.reset();
            Err(std::io::ErrorKind::ConnectionReset.into())
        }),
        ("GOAWAY", |link| link.send(Frame::goaway(1, code::NO_ERROR))),
        ("a graceful GOAWAY", |link| {
            link.send(Frame::goaway(0x7fff_ffff, code::NO_ERROR))
        }),
        ("GOAWAY and closed", |link| {
            link.send(Frame::goaway(1, code::NO_ERROR))?;
            link.wire.finish();
            Ok(())
        }),
        ("GOAWAY with an error, and closed", |link| {
            link.send(Frame::goaway(1, code::INTERNAL_ERROR))?;
            link.wire.finish();
            Ok(())
        }),
    ];
    for (what, then) in cases {
        for by_post in [false, true] {
            let (peer, done) = between(then);
            let client = client();
            fetch((client.clone(), peer.url("/first"))).await.unwrap();
            assert_at_rest(&client).await;
            let is_over = || done.load(Ordering::SeqCst) == 1 || peer.open() == 0;
            let ended = form_util::until(is_over).await;
            assert!(ended, "{what}");
            let outcome = match by_post {
                true => post((client.clone(), peer.url("/next"), vec![b'b'; 10])).await,
                false => fetch((client.clone(), peer.url("/next"))).await,
            };
            let status = outcome.map(|(status, _)| status);
            let status = status.unwrap_or_else(|error| panic!("{what}: {}", said(&error)));
            assert_eq!(status, 200, "{what}");
            assert_eq!(peer.connections(), 2, "{what}");
            assert_eq!(peer.times("/next"), 1, "{what}: processed once");
            assert_at_rest(&client).await;
            let stats = client.pool_stats();
            assert_eq!((stats.connections, stats.idle), (1, 1), "{what}");
            let closed = form_util::until(|| peer.open() == 1).await;
            assert!(closed, "{what}: the old connection is closed");
        }
    }
}

#[dual]
#[form_test]
async fn a_client_that_closes_says_goodbye() {
    let peer = H2Peer::carrying();
    let client = client();
    fetch((client.clone(), peer.url("/"))).await.unwrap();
    assert_at_rest(&client).await;
    client.close().await;
    let closed = form_util::until(|| peer.open() == 0).await;
    assert!(closed);
    assert_eq!(peer.violations(), [""; 0]);
    // A GOAWAY on the way is polite (RFC 9113 section 5.4), and says nothing but that.
    assert!(matches!(peer.goaway(0), None | Some(code::NO_ERROR)));
}
