//! Answers that do not wait for the request's body.

use std::time::Duration;

use dimorph::ErrorKind::{ReadError, RemoteProtocolError, WriteError, WriteTimeout};
use dimorph::Timeout;
use sync_tests::h2_peer::{Frame, code, kind, setting};

use super::*;
use crate::dual_tests::common::{assert_at_rest, ms};

/// More than any window.
const LARGE: usize = 20 << 20;

#[dual]
#[form_test]
async fn an_early_answer_is_delivered() {
    type Then = fn(&mut Link<'_>, u32) -> std::io::Result<()>;
    // RFC 9113 section 8.1.
    let cases: [(&str, Then); 5] = [
        ("and the rest is not wanted", |link, stream| {
            link.send(Frame::reset(stream, code::NO_ERROR))
        }),
        ("and the rest is not read", |_, _| Ok(())),
        ("and the rest is read", |link, stream| {
            link.crediting = true;
            let taken = link.asked(stream).body.len() as u32;
            link.send(Frame::window_update(0, taken.max(1)))?;
            link.send(Frame::window_update(stream, taken.max(1)))
        }),
        ("with a PING", |link, _| link.send(Frame::ping([7; 8]))),
        ("and the connection goes away", |link, stream| {
            link.send(Frame::goaway(stream, code::NO_ERROR))?;
            link.send(Frame::reset(stream, code::NO_ERROR))
        }),
    ];
    for (what, then) in cases {
        for begun in [false, true] {
            let peer = H2Peer::new(move |link| {
                link.open(&[])?;
                while let Some(stream) = link.head()? {
                    if link.asked(stream).path() == "/next" {
                        link.answer(stream, Answer::ok("next"))?;
                        continue;
                    }
                    link.crediting = false;
                    if begun {
                        link.until(|link| link.asked(stream).body.len() >= 65_535)?;
                    }
                    link.send_all(&[
                        Frame::headers(stream, [(":status", "413")]),
                        Frame::data(stream, "too large").end(),
                    ])?;
                    then(link, stream)?;
                }
                Ok(())
            });
            let client = client();
            let call = (client.clone(), peer.url("/large"), vec![b'u'; LARGE]);
            let outcome = post(call).await.map_err(|error| said(&error));
            let found = outcome.as_ref().map(|(status, text)| (*status, &**text));
            assert_eq!(found, Ok((413, "too large")), "{what}");
            assert_works(&client, &peer, what).await;
            assert_eq!(peer.violations(), [""; 0], "{what}");
        }
    }
}

#[dual]
#[form_test]
async fn an_upload_that_the_server_resets_is_an_error() {
    for code in [code::CANCEL, code::INTERNAL_ERROR, code::NO_ERROR] {
        let peer = H2Peer::new(move |link| {
            link.open(&[])?;
            while let Some(stream) = link.head()? {
                if link.asked(stream).path() == "/next" {
                    link.answer(stream, Answer::ok("next"))?;
                    continue;
                }
                link.until(|link| link.asked(stream).body.len() >= 100_000)?;
                link.send(Frame::reset(stream, code))?;
            }
            Ok(())
        });
        let client = client();
        let call = (client.clone(), peer.url("/large"), vec![b'u'; LARGE]);
        let error = post(call).await.unwrap_err();
        assert_eq!(
            error.kind(),
            RemoteProtocolError,
            "{code}: {}",
            said(&error)
        );
        assert_works(&client, &peer, "reset").await;
        assert_eq!((peer.connections(), peer.count()), (1, 2));
        assert_eq!(peer.violations(), [""; 0]);
    }
}

#[dual]
#[form_test]
async fn an_upload_whose_window_overflows_is_an_error() {
    // RFC 9113 section 6.9.1.
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.head()? {
            if link.asked(stream).path() == "/next" {
                link.answer(stream, Answer::ok("next"))?;
                continue;
            }
            link.crediting = false;
            link.until(|link| link.asked(stream).body.len() >= 65_535)?;
            link.send(Frame::window_update(stream, 0x7fff_ffff))?;
            link.send(Frame::window_update(stream, 0x7fff_ffff))?;
        }
        Ok(())
    });
    let client = client();
    let call = (client.clone(), peer.url("/large"), vec![b'u'; LARGE]);
    let error = post(call).await.unwrap_err();
    assert_eq!(error.kind(), RemoteProtocolError, "{}", said(&error));
    assert_works(&client, &peer, "overflow").await;
    let asked = &peer.asked()[0];
    let is_told = asked.reset == Some(code::FLOW_CONTROL_ERROR)
        || peer.goaway(0) == Some(code::FLOW_CONTROL_ERROR);
    assert!(is_told, "{:?}", asked.reset);
}

#[dual]
#[form_test]
async fn an_upload_whose_connection_ends_is_an_error() {
    for reset in [false, true] {
        let peer = H2Peer::new(move |link| {
            link.open(&[])?;
            if link.number() > 0 {
                return link.carry();
            }
            let stream = link.head()?.unwrap();
            link.until(|link| link.asked(stream).body.len() >= 100_000)?;
            if reset {
                link.wire.reset();
            }
            Ok(())
        });
        let client = client();
        let call = (client.clone(), peer.url("/large"), vec![b'u'; LARGE]);
        let error = post(call).await.unwrap_err();
        let is_typed = matches!(error.kind(), RemoteProtocolError | ReadError | WriteError);
        assert!(is_typed, "{:?}: {}", error.kind(), said(&error));
        assert_works(&client, &peer, "ended").await;
        assert_eq!(peer.times("/large"), 0);
    }
}

#[dual]
#[form_test]
async fn an_upload_that_is_not_taken_ends_by_the_write_timeout() {
    for window in [0, 10, 65_535] {
        let peer = H2Peer::new(move |link| {
            link.open(&[(setting::INITIAL_WINDOW_SIZE, window)])?;
            link.crediting = false;
            while let Some(stream) = link.head()? {
                if link.asked(stream).path() == "/next" {
                    link.answer(stream, Answer::ok("next"))?;
                }
            }
            Ok(())
        });
        let client = client();
        let request = client.post(peer.url("/large")).body(vec![b'u'; LARGE]);
        let limits = Timeout::new(Duration::from_secs(5)).write(ms(100));
        let error = request.timeout(limits).send().await.unwrap_err();
        assert_eq!(error.kind(), WriteTimeout, "{window}: {}", said(&error));
        assert_works(&client, &peer, "not taken").await;
        let given_up = form_util::until(|| peer.frames_of(0, kind::RST_STREAM) == 1).await;
        assert!(given_up, "{window}");
        assert_eq!(peer.asked()[0].reset, Some(code::CANCEL));
        assert_at_rest(&client).await;
        assert_eq!(peer.violations(), [""; 0]);
    }
}

#[dual]
#[form_test]
async fn an_upload_and_its_answer_run_at_once() {
    // The answer begins before the upload ends, and each piece that comes goes back.
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.head()? {
            link.send(Frame::headers(stream, [(":status", "200")]))?;
            let mut given = 0;
            loop {
                let asked = link.asked(stream);
                let most = link.window().min(link.stream_window(stream)).max(0) as usize;
                let piece = &asked.body[given..];
                let length = piece.len().min(most).min(16_384);
                if length > 0 {
                    link.send(Frame::data(stream, &piece[..length]))?;
                    given += length;
                } else if asked.ended && given == asked.body.len() {
                    break;
                } else if link.step()?.is_none() {
                    return Ok(());
                }
            }
            link.send(Frame::data(stream, []).end())?;
        }
        Ok(())
    });
    let client = client();
    let body: Vec<u8> = (0..3_000_000).map(|at| b'a' + (at % 23) as u8).collect();
    for _ in 0..2 {
        let call = (client.clone(), peer.url("/"), body.clone());
        let (_, text) = post(call).await.unwrap();
        assert!(text.as_bytes() == body);
    }
    assert_at_rest(&client).await;
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}
