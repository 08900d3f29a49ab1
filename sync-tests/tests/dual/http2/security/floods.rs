//! Frames without end, and frames that nobody asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dimorph::ErrorKind::{self, LimitExceeded, RemoteProtocolError};
use sync_tests::h2_peer::{Frame, code, flag, kind, literals, setting};

use super::*;
use crate::dual_tests::common::assert_at_rest;

/// How much of a flood may leave the server before the client ends it. The buffers of two sockets are in it.
const BOUND: usize = 16 << 20;
/// How much would come if nobody ended it.
const ENDLESS: usize = 256 << 20;

/// Repeats bytes to some 64 KiB.
fn many(bytes: &[u8]) -> Vec<u8> {
    bytes.repeat((64 << 10) / bytes.len() + 1)
}

/// A peer whose first connection answers the first request by these frames, and then by those, over and over.
fn flooding(first: fn(u32) -> Vec<Frame>, then: fn(u32) -> Vec<Frame>, listening: bool) -> H2Peer {
    at_first(move |link| {
        let stream = link.head()?.unwrap();
        link.send_all(&first(stream))?;
        let bytes: Vec<u8> = then(stream).iter().flat_map(Frame::bytes).collect();
        let bytes = many(&bytes);
        match listening {
            true => link.flood_and_listen(&bytes, ENDLESS / bytes.len()),
            false => link.flood(&bytes, ENDLESS / bytes.len()),
        }
        Ok(())
    })
}

/// Asserts that a flood ends in an error of such a kind, early, and that the client goes on.
#[dual]
async fn assert_ended(what: &str, peer: &H2Peer, kinds: &[ErrorKind]) -> String {
    let client = client();
    let error = fetch((client.clone(), peer.url("/"))).await.unwrap_err();
    let found = said(&error);
    assert!(
        kinds.contains(&error.kind()),
        "{what}: {:?}: {found}",
        error.kind()
    );
    assert_works(&client, peer, what).await;
    assert_eq!(peer.connections(), 2, "{what}");
    let over = form_util::until(|| peer.open() == 1).await;
    assert!(over, "{what}: the flooded connection is closed");
    assert!(peer.pushed() < BOUND, "{what}: {}", peer.pushed());
    found
}

fn none(_: u32) -> Vec<Frame> {
    Vec::new()
}

fn ok_headers(stream: u32) -> Vec<Frame> {
    vec![Frame::headers(stream, [(":status", "200")])]
}

#[dual]
#[form_test]
async fn h2_01_continuation_without_end_is_ended() {
    fn unended(stream: u32) -> Vec<Frame> {
        vec![Frame::headers(stream, [(":status", "200")]).without(flag::END_HEADERS)]
    }
    fn field(size: usize) -> Vec<u8> {
        literals([("x-a", vec![b'a'; size])])
    }
    type Then = fn(u32) -> Vec<Frame>;
    let cases: [(&str, Then, &[ErrorKind]); 5] = [
        (
            "empty",
            |stream| vec![Frame::continuation(stream, [])],
            &[RemoteProtocolError],
        ),
        (
            "a byte each",
            // The beginning of a field that never ends.
            |stream| vec![Frame::continuation(stream, [0x0f])],
            &[RemoteProtocolError],
        ),
        (
            "small fields",
            |stream| vec![Frame::continuation(stream, field(8))],
            &[RemoteProtocolError, LimitExceeded],
        ),
        (
            "16 KiB",
            |stream| vec![Frame::continuation(stream, field(16_376))],
            &[RemoteProtocolError, LimitExceeded],
        ),
        (
            "16 KiB of one field",
            |stream| vec![Frame::continuation(stream, vec![b'a'; 16_384])],
            &[RemoteProtocolError, LimitExceeded],
        ),
    ];
    for (what, then, kinds) in cases {
        let peer = flooding(unended, then, false);
        assert_ended(what, &peer, kinds).await;
    }
}

#[dual]
#[form_test]
async fn h2_03_resets_without_end_are_ended() {
    type Then = fn(u32) -> Vec<Frame>;
    // The first request is answered; the second waits while frames come that reset the first's stream, or make the client reset it.
    let cases: [(&str, Then); 5] = [
        ("RST_STREAM", |_| vec![Frame::reset(1, code::CANCEL)]),
        ("RST_STREAM by turns", |_| {
            vec![
                Frame::reset(1, code::NO_ERROR),
                Frame::reset(1, code::REFUSED_STREAM),
            ]
        }),
        ("DATA", |_| vec![Frame::data(1, "x")]),
        ("HEADERS", |_| {
            vec![Frame::headers(1, [(":status", "200")]).end()]
        }),
        ("WINDOW_UPDATE by nothing", |_| {
            vec![Frame::window_update(1, 0)]
        }),
    ];
    for (what, then) in cases {
        for listening in [false, true] {
            let peer = at_first(move |link| {
                let first = link.whole()?.unwrap();
                link.answer(first, Answer::ok("first"))?;
                let second = link.whole()?.unwrap();
                let bytes: Vec<u8> = then(second).iter().flat_map(Frame::bytes).collect();
                let bytes = many(&bytes);
                match listening {
                    true => link.flood_and_listen(&bytes, ENDLESS / bytes.len()),
                    false => link.flood(&bytes, ENDLESS / bytes.len()),
                }
                Ok(())
            });
            let client = client();
            let first = fetch((client.clone(), peer.url("/"))).await.unwrap();
            assert_eq!(first.1, "first");
            // A GET could be sent again.
            let call = (client.clone(), peer.url("/"), b"body".to_vec());
            let error = post(call).await.expect_err(what);
            let found = said(&error);
            assert_eq!(error.kind(), RemoteProtocolError, "{what}: {found}");
            assert_works(&client, &peer, what).await;
            assert_eq!(peer.connections(), 2, "{what}");
            let over = form_util::until(|| peer.open() == 1).await;
            assert!(over, "{what}");
            assert!(peer.pushed() < BOUND, "{what}: {}", peer.pushed());
            let answers = peer.frames_of(0, kind::RST_STREAM);
            assert!(answers <= 2000, "{what}: {answers} resets in answer");
        }
    }
}

#[dual]
#[form_test]
async fn h2_03_each_stream_reset_fails_its_own_request_alone() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            match link.asked(stream).path() {
                "/reset" => link.send(Frame::reset(stream, code::INTERNAL_ERROR))?,
                _ => link.answer(stream, Answer::ok("whole"))?,
            }
        }
        Ok(())
    });
    let client = client();
    for _ in 0..50 {
        let outcome = fetch((client.clone(), peer.url("/reset"))).await;
        assert_eq!(outcome.unwrap_err().kind(), RemoteProtocolError);
        let (_, text) = fetch((client.clone(), peer.url("/"))).await.unwrap();
        assert_eq!(text, "whole");
    }
    assert_at_rest(&client).await;
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn h2_04_pings_and_settings_without_end_are_ended() {
    type Then = fn(u32) -> Vec<Frame>;
    let cases: [(&str, Then, u8); 4] = [
        ("PING", |_| vec![Frame::ping(*b"12345678")], kind::PING),
        ("SETTINGS", |_| vec![Frame::settings(&[])], kind::SETTINGS),
        (
            "SETTINGS that change",
            |_| {
                vec![
                    Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 1)]),
                    Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 100_000)]),
                ]
            },
            kind::SETTINGS,
        ),
        (
            "both",
            |_| vec![Frame::settings(&[]), Frame::ping([7; 8])],
            kind::PING,
        ),
    ];
    for (what, then, answered) in cases {
        for listening in [false, true] {
            for begin in [none as Then, ok_headers] {
                let peer = flooding(begin, then, listening);
                let found = assert_ended(what, &peer, &[RemoteProtocolError]).await;
                assert!(found.contains("ENHANCE_YOUR_CALM"), "{what}: {found}");
                let answers = peer.frames_of(0, answered);
                assert!(answers <= 20_000, "{what}: {answers} answers");
            }
        }
    }
}

#[dual]
#[form_test]
async fn h2_04_what_else_comes_without_end_is_ended_too() {
    type Then = fn(u32) -> Vec<Frame>;
    let cases: [(&str, Then, Then); 9] = [
        ("answers to no PING", none, |_| {
            vec![Frame::ping([1; 8]).with(flag::ACK)]
        }),
        ("WINDOW_UPDATE", none, |_| vec![Frame::window_update(0, 1)]),
        ("WINDOW_UPDATE of a stream", none, |stream| {
            vec![Frame::window_update(stream, 1)]
        }),
        ("PRIORITY", none, |_| vec![Frame::priority(77, 0)]),
        ("frames of no known type", none, |_| {
            vec![Frame::new(0xbe, 0, 0, "?")]
        }),
        ("empty DATA", ok_headers, |stream| {
            vec![Frame::data(stream, [])]
        }),
        ("DATA of nothing but padding", ok_headers, |stream| {
            vec![Frame::data(stream, []).padded(3)]
        }),
        ("GOAWAY", none, |_| {
            vec![Frame::goaway(0x7fff_ffff, code::NO_ERROR)]
        }),
        ("103 (Early Hints)", none, |stream| {
            vec![Frame::headers(stream, [(":status", "103")])]
        }),
    ];
    for (what, begin, then) in cases {
        let peer = flooding(begin, then, false);
        assert_ended(what, &peer, &[RemoteProtocolError, LimitExceeded]).await;
    }
}

#[dual]
#[form_test]
async fn h2_04_what_an_idle_connection_is_flooded_with_ends_it_alone() {
    let flooded = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&flooded);
    let peer = at_first(move |link| {
        let stream = link.whole()?.unwrap();
        link.answer(stream, Answer::ok("first"))?;
        let pings = Frame::ping([7; 8]).bytes().repeat(1000);
        link.flood(&pings, 20);
        count.fetch_add(1, Ordering::SeqCst);
        link.replying = false;
        while let Some(stream) = link.whole()? {
            link.answer(stream, Answer::ok("flooded"))?;
        }
        Ok(())
    });
    let client = client();
    let (_, text) = fetch((client.clone(), peer.url("/"))).await.unwrap();
    assert_eq!(text, "first");
    form_util::until(|| flooded.load(Ordering::SeqCst) == 1).await;
    // It finds the flood, or a new connection.
    let call = (client.clone(), peer.url("/once"), b"body".to_vec());
    match post(call).await {
        Ok((_, text)) => assert_eq!(text, "body"),
        Err(error) => assert_eq!(error.kind(), RemoteProtocolError, "{}", said(&error)),
    }
    assert_works(&client, &peer, "flooded").await;
    assert_eq!(peer.connections(), 2);
    assert!(peer.times("/once") <= 1);
}

#[dual]
#[form_test]
async fn h2_04_a_lively_server_is_no_flood() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            for turn in 0..10 {
                link.send_all(&[
                    Frame::ping([turn; 8]),
                    Frame::settings(&[(setting::MAX_CONCURRENT_STREAMS, 100)]),
                    Frame::window_update(0, 1),
                    Frame::priority(stream, 0),
                    Frame::new(0xbe, 0, 0, "?"),
                ])?;
            }
            link.send(Frame::headers(stream, [(":status", "200")]))?;
            link.send_all(&[Frame::data(stream, []), Frame::data(stream, "ok").end()])?;
        }
        Ok(())
    });
    let client = client();
    for _ in 0..50 {
        let (_, text) = fetch((client.clone(), peer.url("/"))).await.unwrap();
        assert_eq!(text, "ok");
    }
    assert_eq!(peer.connections(), 1);
    let answered = |of| peer.frames(0).iter().filter(|f| f.kind == of).count();
    let all = form_util::until(|| answered(kind::PING) == 500).await;
    assert!(all, "{} PINGs answered", answered(kind::PING));
    assert_eq!(peer.violations(), [""; 0]);
}
