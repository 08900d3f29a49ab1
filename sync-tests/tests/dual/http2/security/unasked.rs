//! Frames that nobody asked for.

use dimorph::ErrorKind::RemoteProtocolError;
use sync_tests::h2_peer::{Frame, code, flag, kind, setting};

use super::*;

#[dual]
#[form_test]
async fn h2_11_a_push_is_a_connection_error() {
    const PUSHED: &[(&str, &str)] = &[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a.test"),
        (":path", "/pushed"),
    ];
    type Then = fn(u32) -> Frame;
    let cases: [(&str, Then); 5] = [
        ("on the request's stream", |stream| {
            Frame::push_promise(stream, 2, PUSHED)
        }),
        ("on no stream", |_| Frame::push_promise(0, 2, PUSHED)),
        ("on an idle stream", |_| Frame::push_promise(99, 2, PUSHED)),
        ("of a client's stream", |stream| {
            Frame::push_promise(stream, 3, PUSHED)
        }),
        ("answered without a promise", |_| {
            Frame::headers(2, [(":status", "200")])
        }),
    ];
    for (what, push) in cases {
        for answering in [false, true] {
            let peer = at_first(move |link| {
                let stream = link.whole()?.unwrap();
                if answering {
                    link.send(Frame::headers(stream, [(":status", "200")]))?;
                }
                link.send(push(stream))?;
                link.drain()
            });
            let client = client();
            let outcome = fetch((client.clone(), peer.url("/"))).await;
            let error = outcome.unwrap_err();
            assert_eq!(
                error.kind(),
                RemoteProtocolError,
                "{what}: {}",
                said(&error)
            );
            assert_works(&client, &peer, what).await;
            assert_eq!(peer.connections(), 2, "{what}: it was a connection error");
            let told = form_util::until(|| peer.goaway(0).is_some()).await;
            assert!(told, "{what}");
            assert_eq!(peer.goaway(0), Some(code::PROTOCOL_ERROR), "{what}");
            let frames = peer.frames(0);
            assert_eq!(frames[0].kind, kind::SETTINGS);
            let pushes = (setting::ENABLE_PUSH, 0);
            assert!(frames[0].list().contains(&pushes), "{:?}", frames[0].list());
        }
    }
}

#[dual]
#[form_test]
async fn h2_14_priorities_are_ignored() {
    type Then = fn(u32) -> Vec<Frame>;
    fn answer(stream: u32) -> [Frame; 2] {
        let head = Frame::headers(stream, [(":status", "200")]);
        [head, Frame::data(stream, "ok").end()]
    }
    // What is malformed may fail the request; the rest must not.
    let cases: [(&str, Then, bool); 9] = [
        ("of an idle stream", |_| vec![Frame::priority(77, 3)], true),
        (
            "of the last stream",
            |_| vec![Frame::priority(0x7fff_ffff, 0)],
            true,
        ),
        (
            "of a stream of the server's",
            |_| vec![Frame::priority(2, 1)],
            true,
        ),
        ("of the request", |s| vec![Frame::priority(s, 0)], true),
        (
            "in a circle",
            |s| {
                vec![
                    Frame::priority(s, 101),
                    Frame::priority(101, s),
                    Frame::priority(103, 101),
                    Frame::priority(101, 103),
                ]
            },
            true,
        ),
        ("of itself", |s| vec![Frame::priority(s, s)], false),
        ("of itself, idle", |_| vec![Frame::priority(99, 99)], false),
        ("of no stream", |_| vec![Frame::priority(0, 1)], false),
        (
            "too short",
            |s| vec![Frame::new(kind::PRIORITY, 0, s, [0; 4])],
            false,
        ),
    ];
    for (what, then, is_right) in cases {
        let peer = at_first(move |link| {
            for _ in 0..2 {
                if let Some(stream) = link.whole()? {
                    link.send_all(&then(stream))?;
                    link.send_all(&answer(stream))?;
                    link.send_all(&then(stream))?;
                }
            }
            link.carry()
        });
        let client = client();
        for _ in 0..2 {
            let outcome = fetch((client.clone(), peer.url("/"))).await;
            match outcome {
                // Carried: sent again on another connection.
                Ok((_, text)) => assert!(text == "ok" || !is_right && text.is_empty(), "{what}"),
                Err(error) => {
                    let is_typed = error.kind() == RemoteProtocolError;
                    assert!(is_typed && !is_right, "{what}: {}", said(&error));
                }
            }
        }
        assert_works(&client, &peer, what).await;
    }
    // A priority in HEADERS, on itself too.
    for on in [0u32, 1, 99] {
        let peer = at_first(move |link| {
            let stream = link.whole()?.unwrap();
            let [mut head, data] = answer(stream);
            let on = if on == 1 { stream } else { on };
            let priority = [&on.to_be_bytes()[..], &[15]].concat();
            head.payload = [priority, head.payload].concat();
            link.send_all(&[head.with(flag::PRIORITY), data])?;
            link.carry()
        });
        let client = client();
        let outcome = fetch((client.clone(), peer.url("/"))).await;
        match outcome {
            Ok((_, text)) => assert_eq!(text, "ok", "on {on}"),
            Err(error) => {
                let is_typed = error.kind() == RemoteProtocolError;
                assert!(is_typed && on == 1, "on {on}: {}", said(&error));
            }
        }
        assert_works(&client, &peer, "HEADERS").await;
    }
}
