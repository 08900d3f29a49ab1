//! Flow control, and settings that change while streams run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dimorph::ErrorKind::RemoteProtocolError;
use sync_tests::h2_peer::{Frame, code, pattern, setting};

use super::*;
use crate::dual_tests::common::assert_at_rest;

/// Waits until so much of a body has come, and no more.
fn exactly(link: &mut Link<'_>, stream: u32, length: usize) -> std::io::Result<()> {
    link.until(|link| link.asked(stream).body.len() >= length)?;
    // What was sent beyond would be here before the answer to a PING.
    link.send(Frame::ping([9; 8]))?;
    while let Some(frame) = link.step()? {
        if frame.kind == 6 && frame.has(1) {
            break;
        }
    }
    assert_eq!(link.asked(stream).body.len(), length);
    Ok(())
}

fn patterned(size: usize) -> Vec<u8> {
    (0..size).map(|at| b'a' + (at % 23) as u8).collect()
}

/// Sends a body of 300,000 bytes to a peer whose script takes it and answers 200, unless it finds something wrong.
#[dual]
async fn assert_taken(
    what: &str,
    settings: &'static [(u16, u32)],
    script: fn(&mut Link<'_>, u32) -> std::io::Result<()>,
) {
    let peer = H2Peer::new(move |link| {
        link.open(settings)?;
        while let Some(stream) = link.head()? {
            if link.asked(stream).path() == "/upload" {
                link.crediting = false;
                script(link, stream)?;
                // From here on everything is taken as it comes.
                link.crediting = true;
                link.send(Frame::window_update(stream, 1_000_000))?;
                link.send(Frame::window_update(0, 1_000_000))?;
            }
            link.until(|link| link.asked(stream).ended)?;
            let answer = Answer::carry(&link.asked(stream));
            link.answer(stream, answer)?;
        }
        Ok(())
    });
    let client = client();
    let body = patterned(300_000);
    let call = (client.clone(), peer.url("/upload"), body.clone());
    let outcome = post(call).await;
    let (status, text) = outcome.unwrap_or_else(|error| panic!("{what}: {}", said(&error)));
    assert!(status == 200 && text.as_bytes() == body, "{what}");
    assert_works(&client, &peer, what).await;
    assert_eq!(peer.connections(), 1, "{what}");
    assert_eq!(peer.violations(), [""; 0], "{what}");
}

#[dual]
#[form_test]
async fn an_exhausted_window_is_waited_for() {
    assert_taken("the first windows", &[], |link, stream| {
        exactly(link, stream, 65_535)?;
        // Each alone is not enough (RFC 9113 section 6.9.1).
        link.send(Frame::window_update(stream, 10))?;
        exactly(link, stream, 65_535)?;
        link.send(Frame::window_update(0, 7))?;
        exactly(link, stream, 65_542)?;
        link.send(Frame::window_update(0, 100))?;
        exactly(link, stream, 65_545)
    })
    .await;
    let small = &[(setting::INITIAL_WINDOW_SIZE, 10)];
    assert_taken("a small window", small, |link, stream| {
        link.until(|link| link.is_settled())?;
        if link.asked(stream).body.len() <= 10 {
            exactly(link, stream, 10)?;
            for more in 1..20 {
                link.send(Frame::window_update(stream, 1))?;
                exactly(link, stream, 10 + more)?;
            }
        }
        Ok(())
    })
    .await;
}

#[dual]
#[form_test]
async fn an_upload_goes_on_however_little_is_taken_at_a_time() {
    assert_taken("by single bytes", &[], |link, stream| {
        exactly(link, stream, 65_535)?;
        for more in 1..=1000 {
            link.send(Frame::window_update(stream, 1))?;
            link.send(Frame::window_update(0, 1))?;
            link.until(|link| link.asked(stream).body.len() == 65_535 + more)?;
        }
        Ok(())
    })
    .await;
}

#[dual]
#[form_test]
async fn windows_change_with_the_settings_while_a_stream_runs() {
    assert_taken("raised", &[], |link, stream| {
        exactly(link, stream, 65_535)?;
        link.send(Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 65_635)]))?;
        link.send(Frame::window_update(0, 1_000_000))?;
        exactly(link, stream, 65_635)
    })
    .await;
    // RFC 9113 section 6.9.2: what is taken away makes the window negative.
    assert_taken("lowered beneath what was sent", &[], |link, stream| {
        exactly(link, stream, 65_535)?;
        link.send(Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 100)]))?;
        link.send(Frame::window_update(0, 1_000_000))?;
        link.until(|link| link.is_settled())?;
        link.send(Frame::window_update(stream, 65_435))?;
        exactly(link, stream, 65_535)?;
        link.send(Frame::window_update(stream, 5))?;
        exactly(link, stream, 65_540)?;
        link.send(Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 0)]))?;
        link.until(|link| link.is_settled())?;
        link.send(Frame::window_update(stream, 100))?;
        exactly(link, stream, 65_540)?;
        link.send(Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 60)]))?;
        exactly(link, stream, 65_600)
    })
    .await;
}

#[dual]
#[form_test]
async fn frames_are_as_long_as_the_server_takes_them_now() {
    // Longer frames than were allowed would be among the violations.
    assert_taken(
        "lowered",
        &[(setting::MAX_FRAME_SIZE, 30_000)],
        |link, stream| {
            exactly(link, stream, 65_535)?;
            link.send(Frame::settings(&[(setting::MAX_FRAME_SIZE, 16_384)]))?;
            link.until(|link| link.is_settled())?;
            link.send(Frame::window_update(stream, 100_000))?;
            link.send(Frame::window_update(0, 100_000))?;
            exactly(link, stream, 165_535)
        },
    )
    .await;
    assert_taken("raised", &[], |link, stream| {
        exactly(link, stream, 65_535)?;
        let list = [(setting::MAX_FRAME_SIZE, 0xff_ffff)];
        link.send(Frame::settings(&list))?;
        link.until(|link| link.is_settled())?;
        link.send(Frame::window_update(stream, 100_000))?;
        link.send(Frame::window_update(0, 100_000))?;
        exactly(link, stream, 165_535)
    })
    .await;
}

#[dual]
#[form_test]
async fn a_body_that_is_not_read_stops_at_the_window_and_goes_on() {
    let peer = H2Peer::carrying();
    let client = knowing().http2_initial_stream_window_size(100_000);
    let client = client.build().unwrap();
    let size = 3_000_000;
    let mut held = Vec::new();
    for _ in 0..3 {
        let url = peer.url(&format!("/size/{size}"));
        held.push(client.get(url).send().await.unwrap());
    }
    // Others go on meanwhile: each stream has a window of its own.
    for _ in 0..5 {
        let url = peer.url("/size/50000");
        let response = client.get(url).send().await.unwrap();
        let body = response.bytes().await.unwrap();
        assert!(body == pattern(50_000));
    }
    assert_eq!(client.pool_stats().active, 1, "one connection has them all");
    for response in held {
        let body = response.bytes().await.unwrap();
        assert!(body == pattern(size));
    }
    assert_at_rest(&client).await;
    let told = peer.frames(0)[0].list();
    assert!(
        told.contains(&(setting::INITIAL_WINDOW_SIZE, 100_000)),
        "{told:?}"
    );
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn data_beyond_the_window_is_refused() {
    let sent = Arc::new(AtomicBool::new(false));
    let is_sent = Arc::clone(&sent);
    let peer = H2Peer::new(move |link| {
        link.open(&[])?;
        if link.number() > 0 {
            return link.carry();
        }
        let stream = link.whole()?.unwrap();
        link.send(Frame::headers(stream, [(":status", "200")]))?;
        let window = link.stream_window(stream) as usize;
        assert!(window >= 70_000);
        for _ in 0..=window / 16_384 {
            link.send(Frame::data(stream, vec![b'x'; 16_384]))?;
        }
        is_sent.store(true, Ordering::SeqCst);
        link.carry()
    });
    let client = knowing().http2_initial_stream_window_size(70_000);
    let client = client.build().unwrap();
    let response = client.get(peer.url("/")).send().await.unwrap();
    form_util::until(|| sent.load(Ordering::SeqCst)).await;
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), RemoteProtocolError, "{}", said(&error));
    assert_works(&client, &peer, "beyond").await;
    // On the stream or on the connection (RFC 9113 section 6.9.1).
    let codes = || {
        let frames = peer.frames(0);
        let code = |f: &Frame| match f.kind {
            3 => f.number(0),
            7 => f.number(1),
            _ => None,
        };
        frames.iter().filter_map(code).collect::<Vec<u32>>()
    };
    let told = form_util::until(|| !codes().is_empty()).await;
    assert!(told);
    assert_eq!(codes()[0], code::FLOW_CONTROL_ERROR);
}

#[dual]
#[form_test]
async fn padding_counts_and_is_given_back() {
    // Each frame carries 300 bytes and 255 of padding: 12 MB for 6.6.
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            link.send(Frame::headers(stream, [(":status", "200")]).padded(200))?;
            for _ in 0..22_000 {
                let has_room =
                    |link: &Link<'_>| link.window().min(link.stream_window(stream)) > 600;
                while !has_room(link) {
                    if link.step()?.is_none() {
                        return Ok(());
                    }
                }
                link.send(Frame::data(stream, [7; 300]).padded(255))?;
            }
            link.send(Frame::data(stream, []).end())?;
        }
        Ok(())
    });
    let client = client();
    let response = client.get(peer.url("/")).send().await.unwrap();
    let body = response.bytes().await;
    let body = body.unwrap_or_else(|error| panic!("{}", said(&error)));
    assert!(body == vec![7; 22_000 * 300]);
    assert_at_rest(&client).await;
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn a_backlog_of_small_pieces_is_whole() {
    // Events of a few bytes each, thousands of them before anybody reads.
    let sent = Arc::new(AtomicBool::new(false));
    let is_sent = Arc::clone(&sent);
    let peer = H2Peer::new(move |link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            link.send(Frame::headers(stream, [(":status", "200")]))?;
            for _ in 0..5000 {
                link.send(Frame::data(stream, "data: ok\n\n"))?;
            }
            is_sent.store(true, Ordering::SeqCst);
            link.send(Frame::data(stream, []).end())?;
        }
        Ok(())
    });
    let client = client();
    let response = client.get(peer.url("/")).send().await.unwrap();
    form_util::until(|| sent.load(Ordering::SeqCst)).await;
    let body = response.bytes().await;
    let body = body.unwrap_or_else(|error| panic!("{}", said(&error)));
    assert_eq!(body.len(), 50_000);
    assert_works(&client, &peer, "read").await;
    assert_eq!(peer.connections(), 1);
}
