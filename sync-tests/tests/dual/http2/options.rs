//! The options of HTTP/2, as the server sees them.

use std::time::Duration;

use dimorph::ErrorKind::ReadTimeout;
use dimorph::Timeout;
use sync_tests::h2_peer::{Frame, flag, kind, pattern, setting};

use super::super::form::ClientBuilder;
use super::*;

/// What a client says before its first request: its settings, and the window that it gives the connection.
#[dual]
async fn told(builder: ClientBuilder) -> (Vec<(u16, u32)>, u32) {
    let peer = H2Peer::carrying();
    let client = builder.build().unwrap();
    fetch((client.clone(), peer.url("/"))).await.unwrap();
    let frames = peer.frames(0);
    let updates = frames.iter().filter(|f| f.kind == kind::WINDOW_UPDATE);
    let of_connection = updates.filter(|f| f.stream == 0);
    let window = 65_535 + of_connection.filter_map(|f| f.number(0)).sum::<u32>();
    (frames[0].list(), window)
}

#[dual]
#[form_test]
async fn the_server_is_told_of_windows_and_limits() {
    let (settings, window) = told(knowing()).await;
    for expected in [
        (setting::ENABLE_PUSH, 0),
        (setting::INITIAL_WINDOW_SIZE, 2 << 20),
        (setting::MAX_FRAME_SIZE, 16 << 10),
        (setting::MAX_HEADER_LIST_SIZE, 256 << 10),
    ] {
        assert!(settings.contains(&expected), "{expected:?}: {settings:?}");
    }
    assert_eq!(window, 16 << 20);
    let builder = knowing()
        .http2_initial_stream_window_size(70_000)
        .http2_initial_connection_window_size(200_000)
        .http2_max_frame_size(20_000)
        .http2_max_header_list_size(30_000);
    let (settings, window) = told(builder).await;
    for expected in [
        (setting::ENABLE_PUSH, 0),
        (setting::INITIAL_WINDOW_SIZE, 70_000),
        (setting::MAX_FRAME_SIZE, 20_000),
        (setting::MAX_HEADER_LIST_SIZE, 30_000),
    ] {
        assert!(settings.contains(&expected), "{expected:?}: {settings:?}");
    }
    assert_eq!(window, 200_000);
}

#[dual]
#[form_test]
async fn frames_may_be_as_long_as_the_client_takes_them() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            link.send(Frame::headers(stream, [(":status", "200")]))?;
            link.send(Frame::data(stream, pattern(100_000)).end())?;
        }
        Ok(())
    });
    let client = knowing().http2_max_frame_size(100_000).build().unwrap();
    for _ in 0..3 {
        let response = client.get(peer.url("/")).send().await.unwrap();
        let body = response.bytes().await.unwrap();
        assert!(body == pattern(100_000));
    }
    assert_eq!(peer.connections(), 1);
}

#[dual]
#[form_test]
async fn adaptive_windows_carry_whatever_comes() {
    let peer = H2Peer::carrying();
    let client = knowing()
        .http2_adaptive_window(true)
        .http2_initial_stream_window_size(65_535)
        .http2_initial_connection_window_size(65_535)
        .build()
        .unwrap();
    for _ in 0..3 {
        let response = client.get(peer.url("/size/20000000")).send().await.unwrap();
        let body = response.bytes().await.unwrap();
        assert!(body == pattern(20_000_000));
    }
    let pings = peer.frames_of(0, kind::PING);
    assert!(pings >= 1, "the round trip is measured");
    assert_eq!((peer.connections(), peer.violations()), (1, Vec::new()));
}

/// A client that asks after the server's health often.
fn anxious() -> ClientBuilder {
    knowing()
        .timeout(Timeout::none().total(Duration::from_secs(10)))
        .http2_keep_alive_interval(ms(30))
        .http2_keep_alive_timeout(ms(200))
}

#[dual]
#[form_test]
async fn a_server_that_answers_no_ping_is_left_by_all_its_streams() {
    let peer = at_first(|link| {
        // It is deaf from the third request on.
        while link.open_streams() < 3 {
            link.step()?;
        }
        link.replying = false;
        link.drain()
    });
    let client = anxious().build().unwrap();
    let mut calls = Vec::new();
    for i in 0..3 {
        let url = peer.url(&format!("/{i}"));
        calls.push(form_util::spawn(
            post,
            (client.clone(), url, vec![b'b'; 10]),
        ));
    }
    for call in calls {
        let error = call.join().await.unwrap_err();
        assert_eq!(error.kind(), ReadTimeout, "{}", said(&error));
    }
    assert!(peer.frames_of(0, kind::PING) >= 1);
    assert_works(&client, &peer, "left").await;
    assert_eq!(peer.connections(), 2);
    let closed = form_util::until(|| peer.open() == 1).await;
    assert!(closed);
    for i in 0..3 {
        assert_eq!(peer.times(&format!("/{i}")), 1, "none was sent again");
    }
}

#[dual]
#[form_test]
async fn a_server_that_answers_pings_may_take_its_time() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            let mut pings = 0;
            while pings < 5 {
                let Some(frame) = link.step()? else {
                    return Ok(());
                };
                let is_ping = frame.kind == kind::PING && !frame.has(flag::ACK);
                pings += usize::from(is_ping);
            }
            link.answer(stream, Answer::ok("late"))?;
        }
        Ok(())
    });
    let client = anxious().build().unwrap();
    for _ in 0..2 {
        let (_, text) = fetch((client.clone(), peer.url("/"))).await.unwrap();
        assert_eq!(text, "late");
    }
    assert_eq!((peer.connections(), peer.violations()), (1, Vec::new()));
}
