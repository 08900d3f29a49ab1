//! The connection ends at every byte of a response: a typed error or the whole of it, and never a lost slot.

use std::time::Duration;

use dimorph::{ErrorKind, PoolLimits};
use sync_tests::h2_peer::{Frame, in_pieces, tls_speaking};

use super::*;
use crate::dual_tests::common::assert_at_rest;
use crate::dual_tests::form::Client;

/// Everything that the server says of one exchange.
fn exchange(framing: &str) -> Vec<u8> {
    let length: &[(&str, &str)] = &[(":status", "200"), ("content-length", "13")];
    let open: &[(&str, &str)] = &[(":status", "200"), ("x-filler", "abc")];
    let mut frames = vec![Frame::settings(&[]), Frame::settings_ack()];
    match framing {
        "sized" => frames.extend([
            Frame::headers(1, length.iter().copied()),
            Frame::data(1, "Hello, world!").end(),
        ]),
        "trailers" => {
            frames.extend(in_pieces(1, open, 10));
            frames.extend([
                Frame::data(1, "Hello, "),
                Frame::data(1, "world!").padded(2),
                Frame::headers(1, [("x-t", "1")]).end(),
            ]);
        }
        _ => frames.extend([
            Frame::headers(1, [(":status", "103")]),
            Frame::headers(1, open.iter().copied()),
            Frame::ping([1; 8]),
            Frame::data(1, "Hello, world!"),
            Frame::data(1, []).end(),
        ]),
    }
    frames.iter().flat_map(Frame::bytes).collect()
}

const FRAMINGS: [&str; 3] = ["sized", "trailers", "lively"];

/// `/framing/end/offset`: sends so many bytes of the exchange, then FIN or RST.
fn failing_responses() -> H2Peer {
    H2Peer::new(|link| {
        link.replying = false;
        link.expect_preface()?;
        let stream = link.whole()?.unwrap();
        let path = link.asked(stream).path().to_owned();
        let parts: Vec<&str> = path[1..].split('/').collect();
        let offset: usize = parts[2].parse().unwrap();
        link.wire.send(&exchange(parts[0])[..offset])?;
        match parts[1] {
            "fin" => {
                link.wire.finish();
                link.wire.drain(Duration::from_secs(2));
            }
            _ => link.wire.reset(),
        }
        Ok(())
    })
}

/// A client that keeps nothing idle, so that every request has a fresh connection.
fn forgetful() -> Client {
    let limits = PoolLimits::new().soft_limit(0).hard_limit(8);
    let client = knowing().pool_limits(limits);
    client.timeout(Duration::from_secs(5)).build().unwrap()
}

#[dual]
async fn outcome_of((client, url): (Client, String)) -> Result<String, ErrorKind> {
    let outcome = fetch((client, url)).await;
    outcome.map(|(_, text)| text).map_err(|error| error.kind())
}

#[dual]
#[form_test]
async fn a_response_that_ends_at_any_byte_is_whole_or_an_error() {
    use ErrorKind::{ReadError, RemoteProtocolError, WriteError};

    let peer = failing_responses();
    let client = forgetful();
    let mut cases = Vec::new();
    for framing in FRAMINGS {
        let length = exchange(framing).len();
        for end in ["fin", "rst"] {
            cases.extend((0..=length).map(|offset| (framing, end, offset, length)));
        }
    }
    // Each has an origin of its own, in effect: one at a time has the connection, which ends with it.
    let mut faults = Vec::new();
    for (framing, end, offset, length) in cases {
        let url = peer.url(&format!("/{framing}/{end}/{offset}"));
        let outcome = outcome_of((client.clone(), url)).await;
        let whole = offset == length;
        let good = match &outcome {
            Ok(text) => whole && text == "Hello, world!",
            Err(RemoteProtocolError) => !whole || end == "rst",
            Err(ReadError | WriteError) => end == "rst",
            Err(_) => false,
        };
        if !good {
            faults.push(format!(
                "{framing} {end} at {offset} of {length}: {outcome:?}"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_at_rest(&client).await;
    let closed = form_util::until(|| peer.open() == 0).await;
    assert!(closed);
    assert_eq!(client.pool_stats().connections, 0);
}

#[dual]
#[form_test]
async fn a_tls_connection_that_ends_at_any_byte_is_whole_or_an_error() {
    use ErrorKind::{ReadError, RemoteProtocolError, WriteError};

    let peer = H2Peer::over(tls_speaking(&["h2"]), |link| {
        link.replying = false;
        link.expect_preface()?;
        let stream = link.whole()?.unwrap();
        let path = link.asked(stream).path().to_owned();
        let (end, offset) = path[1..].split_once('/').unwrap();
        let offset: usize = offset.parse().unwrap();
        link.wire.send(&exchange("sized")[..offset])?;
        match end {
            "close_notify" => link.wire.finish(),
            "cut" => link.wire.cut(),
            _ => link.wire.reset(),
        }
        if end != "rst" {
            link.wire.drain(Duration::from_secs(2));
        }
        Ok(())
    });
    let client = forgetful();
    let length = exchange("sized").len();
    let mut faults = Vec::new();
    for end in ["close_notify", "cut", "rst"] {
        for offset in (0..length).step_by(7).chain([length - 1, length]) {
            let url = peer.https(&format!("/{end}/{offset}"));
            let outcome = outcome_of((client.clone(), url)).await;
            let whole = offset == length;
            let good = match &outcome {
                Ok(text) => whole && text == "Hello, world!",
                Err(RemoteProtocolError) => !whole || end == "rst",
                Err(ReadError | WriteError) => !whole && end != "close_notify" || end == "rst",
                Err(_) => false,
            };
            if !good {
                faults.push(format!("{end} at {offset} of {length}: {outcome:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_at_rest(&client).await;
    assert_eq!(client.pool_stats().connections, 0);
}

#[dual]
#[form_test]
async fn streams_that_share_a_connection_fail_together_and_leave_nothing() {
    for reset in [false, true] {
        let peer = H2Peer::new(move |link| {
            link.open(&[])?;
            if link.number() > 0 {
                return link.carry();
            }
            let first = link.whole()?.unwrap();
            link.answer(first, Answer::ok("first"))?;
            let mut streams = Vec::new();
            while streams.len() < 10 {
                let stream = link.whole()?.unwrap();
                link.send(Frame::headers(stream, [(":status", "200")]))?;
                link.send(Frame::data(stream, "half"))?;
                streams.push(stream);
            }
            // One of them is whole.
            link.send(Frame::data(streams[4], " and half").end())?;
            match reset {
                true => link.wire.reset(),
                false => {
                    link.wire.finish();
                    link.wire.drain(Duration::from_secs(2));
                }
            }
            Ok(())
        });
        let client = client();
        outcome_of((client.clone(), peer.url("/"))).await.unwrap();
        let mut calls = Vec::new();
        for _ in 0..10 {
            // A GET could be sent again.
            let call = (client.clone(), peer.url("/"), b"body".to_vec());
            calls.push(form_util::spawn(post, call));
        }
        let mut whole = 0;
        for call in calls {
            match call.join().await {
                Ok((_, text)) => {
                    assert_eq!(text, "half and half");
                    whole += 1;
                }
                Err(error) => match error.kind() {
                    ErrorKind::RemoteProtocolError => {}
                    ErrorKind::ReadError | ErrorKind::WriteError if reset => {}
                    _ => panic!("{}", said(&error)),
                },
            }
        }
        // What came whole is whole; a reset may have overtaken it.
        assert!(whole == 1 || reset && whole == 0, "{whole}");
        assert_works(&client, &peer, "after the loss").await;
        assert_eq!(peer.connections(), 2);
    }
}

#[dual]
#[form_test]
async fn a_response_of_single_bytes_is_whole() {
    let peer = H2Peer::new(|link| {
        link.expect_preface()?;
        link.replying = false;
        let stream = link.whole()?.unwrap();
        let framing = link.asked(stream).path()[1..].to_owned();
        for byte in exchange(&framing) {
            link.wire.send([byte])?;
        }
        link.drain()
    });
    for framing in FRAMINGS {
        let client = client();
        let outcome = fetch((client.clone(), peer.url(&format!("/{framing}")))).await;
        let (status, text) = outcome.unwrap();
        assert_eq!((status, &*text), (200, "Hello, world!"), "{framing}");
        assert_at_rest(&client).await;
    }
}
