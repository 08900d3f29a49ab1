//! Heads that are too long, heads before the head, and fields after the body.

use std::sync::{Arc, Mutex};

use dimorph::ErrorKind::{self, LimitExceeded, RemoteProtocolError};
use dimorph::EventKind;
use http::Version;
use sync_tests::h2_peer::{Frame, flag, in_pieces, kind, remembered, setting};

use super::*;
use crate::dual_tests::common::assert_at_rest;

/// A head with fields of so many bytes together, as RFC 9113 section 6.5.2 counts.
fn head_of(stream: u32, size: usize) -> Vec<Frame> {
    let mut fields = vec![(":status".to_owned(), "200".to_owned())];
    let mut left = size - 42;
    while left > 0 {
        let take = left.min(8000);
        let name = format!("x-{:04}", fields.len());
        fields.push((name, "v".repeat(take.saturating_sub(38))));
        left -= take;
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    let mut frames = in_pieces(stream, &fields, 16_384);
    frames[0].flags |= flag::END_STREAM;
    frames
}

/// Answers `/size` by a head of that size, and all else well.
fn headstrong() -> H2Peer {
    H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            match link.asked(stream).path()[1..].parse() {
                Ok(size) => link.send_all(&head_of(stream, size))?,
                Err(_) => link.answer(stream, Answer::ok("next"))?,
            }
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn a_header_list_is_limited() {
    for (limit, good, bad) in [
        (
            16_384,
            &[200, 8000, 16_000][..],
            &[16_800, 60_000, 300_000][..],
        ),
        (100_000, &[16_400, 99_000], &[101_000, 2_000_000]),
    ] {
        let peer = headstrong();
        let client = knowing().http2_max_header_list_size(limit).build().unwrap();
        for size in good {
            let url = peer.url(&format!("/{size}"));
            let (status, _) = fetch((client.clone(), url)).await.unwrap();
            assert_eq!(status, 200, "{size} of {limit}");
        }
        for size in bad {
            let url = peer.url(&format!("/{size}"));
            let error = fetch((client.clone(), url)).await.unwrap_err();
            let what = format!("{size} of {limit}: {}", said(&error));
            // What is much too long may be noticed by the number of frames first.
            let is_flood = error.kind() == RemoteProtocolError && what.contains("CONTINUATION");
            let is_far = *size > 2 * limit as usize;
            assert!(
                error.kind() == LimitExceeded || is_far && is_flood,
                "{what}"
            );
            assert_works(&client, &peer, "oversize").await;
        }
        let told = peer.frames(0)[0].list();
        let told = told.iter().find(|s| s.0 == setting::MAX_HEADER_LIST_SIZE);
        assert_eq!(told.map(|s| s.1), Some(limit), "the server is told");
    }
}

#[dual]
#[form_test]
async fn the_default_limit_takes_an_ordinary_head_and_no_megabytes() {
    let peer = headstrong();
    let client = client();
    let url = peer.url("/200000");
    fetch((client.clone(), url)).await.unwrap();
    for size in [600_000, 5_000_000] {
        let url = peer.url(&format!("/{size}"));
        let error = fetch((client.clone(), url)).await.unwrap_err();
        let found = said(&error);
        let is_flood = error.kind() == RemoteProtocolError && found.contains("CONTINUATION");
        let is_far = size > 2 << 18;
        assert!(
            error.kind() == LimitExceeded || is_far && is_flood,
            "{size}: {found}"
        );
        assert_works(&client, &peer, "oversize").await;
    }
}

#[dual]
#[form_test]
async fn an_hpack_bomb_is_limited() {
    // A field of 4,000 bytes joins the table; then every byte repeats it: 16,000 times, 64 MB.
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            match link.asked(stream).path() {
                "/bomb" => {
                    let mut block = vec![0x88];
                    block.extend(remembered("x-a", &[b'a'; 4000]));
                    block.resize(16_000, 0xbe);
                    link.send(Frame::block(stream, block).end())?;
                }
                "/trailers" => {
                    link.send(Frame::headers(stream, [(":status", "200")]))?;
                    let mut block = remembered("x-a", &[b'a'; 4000]);
                    block.resize(16_000, 0xbe);
                    link.send(Frame::block(stream, block).end())?;
                }
                _ => link.answer(stream, Answer::ok("next"))?,
            }
        }
        Ok(())
    });
    let client = client();
    for path in ["/bomb", "/trailers"] {
        for _ in 0..3 {
            let error = fetch((client.clone(), peer.url(path))).await.unwrap_err();
            assert_eq!(error.kind(), LimitExceeded, "{path}: {}", said(&error));
            assert_works(&client, &peer, path).await;
        }
    }
}

#[dual]
#[form_test]
async fn trailers_come_after_the_body() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            match link.asked(stream).path() {
                "/unsaid" => {
                    let head = Frame::headers(stream, [(":status", "200")]);
                    let trailers = Frame::headers(stream, [("x-sum", "42"), ("x-two", "2")]);
                    link.send_all(&[head, trailers.end()])?;
                }
                _ => {
                    let answer = Answer::ok(vec![b'x'; 100_000]);
                    link.answer(stream, answer.trailer("x-sum", "42").trailer("x-two", "2"))?;
                }
            }
        }
        Ok(())
    });
    let client = client();
    for (path, length) in [("/body", 100_000), ("/unsaid", 0)] {
        let mut response = client.get(peer.url(path)).send().await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let body = response.buffer().await.unwrap();
        assert_eq!(body.len(), length);
        let trailers = response.trailers().unwrap();
        assert_eq!(
            (&trailers["x-sum"], &trailers["x-two"]),
            (&"42".parse().unwrap(), &"2".parse().unwrap())
        );
        assert!(response.headers().get("x-sum").is_none());
    }
    assert_at_rest(&client).await;
    assert_eq!(peer.connections(), 1);
}

#[dual]
#[form_test]
async fn informational_responses_are_told_and_passed_over() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let client = knowing().on_event(move |event| {
        if let EventKind::Informational {
            status, headers, ..
        } = event.kind()
        {
            let link = headers.get("link").map(|l| l.to_str().unwrap().to_owned());
            ear.lock().unwrap().push((status.as_u16(), link));
        }
    });
    let client = client.build().unwrap();
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.head()? {
            link.send_all(&[
                Frame::headers(stream, [(":status", "100")]),
                Frame::headers(stream, [(":status", "103"), ("link", "</a>; rel=preload")]),
                Frame::headers(stream, [(":status", "199")]),
            ])?;
            link.until(|link| link.asked(stream).ended)?;
            link.answer(stream, Answer::carry(&link.asked(stream)))?;
        }
        Ok(())
    });
    for body in [vec![], vec![b'b'; 10], vec![b'b'; 500_000]] {
        let call = (client.clone(), peer.url("/"), body.clone());
        let (status, text) = post(call).await.unwrap();
        assert_eq!((status, text.as_bytes()), (200, &*body));
        let found = std::mem::take(&mut *heard.lock().unwrap());
        let hint = Some("</a>; rel=preload".to_owned());
        assert_eq!(found, [(100, None), (103, hint), (199, None)]);
    }
    assert_at_rest(&client).await;
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn a_head_or_a_body_may_be_all_there_is_before_the_end() {
    type Then = fn(u32) -> Vec<Frame>;
    let cases: [(&str, Then, Result<&str, ErrorKind>); 4] = [
        (
            "a head that ends",
            |s| vec![Frame::headers(s, [(":status", "200")]).end()],
            Ok(""),
        ),
        (
            "whole, then RST_STREAM",
            |s| {
                let head = Frame::headers(s, [(":status", "200")]);
                let data = Frame::data(s, "whole").end();
                vec![head, data, Frame::reset(s, 0)]
            },
            Ok("whole"),
        ),
        (
            "whole, then GOAWAY",
            |s| {
                let head = Frame::headers(s, [(":status", "200")]);
                let data = Frame::data(s, "whole").end();
                vec![head, data, Frame::goaway(s, 0)]
            },
            Ok("whole"),
        ),
        (
            "half, then RST_STREAM without an error",
            |s| {
                let head = Frame::headers(s, [(":status", "200")]);
                vec![head, Frame::data(s, "half"), Frame::reset(s, 0)]
            },
            Err(RemoteProtocolError),
        ),
    ];
    for (what, then, expected) in cases {
        let peer = H2Peer::new(move |link| {
            link.open(&[])?;
            while let Some(stream) = link.whole()? {
                match link.asked(stream).path() {
                    "/next" => link.answer(stream, Answer::ok("next"))?,
                    _ => link.send_all(&then(stream))?,
                }
            }
            Ok(())
        });
        let client = client();
        let outcome = fetch((client.clone(), peer.url("/"))).await;
        let found = outcome.map(|(_, text)| text).map_err(|error| error.kind());
        assert_eq!(found, expected.map(str::to_owned), "{what}");
        assert_works(&client, &peer, what).await;
        assert_eq!(peer.frames_of(0, kind::PUSH_PROMISE), 0);
    }
}

#[dual]
#[form_test]
async fn leave_to_send_the_body_is_waited_for_where_it_is_asked_for() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.head()? {
            let path = link.asked(stream).path().to_owned();
            match &*path {
                "/refused" => {
                    link.send(Frame::headers(stream, [(":status", "417")]).end())?;
                    continue;
                }
                "/granted" => link.send(Frame::headers(stream, [(":status", "100")]))?,
                _ => {}
            }
            link.until(|link| link.asked(stream).ended)?;
            link.answer(stream, Answer::carry(&link.asked(stream)))?;
        }
        Ok(())
    });
    let client = client();
    let body = vec![b'b'; 300_000];
    for (path, expected) in [("/granted", 200), ("/refused", 417), ("/unsaid", 200)] {
        let request = client.post(peer.url(path)).header("expect", "100-continue");
        let response = request.body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), expected, "{path}");
        let text = response.bytes().await.unwrap();
        assert!(expected == 417 || text == body, "{path}");
        assert_works(&client, &peer, path).await;
    }
    let refused = peer.asked().into_iter().find(|a| a.path() == "/refused");
    assert_eq!(refused.unwrap().body.len(), 0, "nothing of it was sent");
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn header_tables_of_any_size_are_kept_to() {
    for size in [0, 1, 100, 4096, 65_536, u32::MAX] {
        let peer = H2Peer::new(move |link| {
            link.open(&[(setting::HEADER_TABLE_SIZE, size)])?;
            while let Some(stream) = link.whole()? {
                link.send(Frame::settings(&[(setting::HEADER_TABLE_SIZE, size / 2)]))?;
                link.until(|link| link.is_settled())?;
                link.answer(stream, Answer::ok("next"))?;
                link.send(Frame::settings(&[(setting::HEADER_TABLE_SIZE, size)]))?;
            }
            Ok(())
        });
        let client = client();
        for turn in 0..20 {
            let request = client.get(peer.url(&format!("/{turn}")));
            let request = request.header("x-same", "s".repeat(500));
            let request = request.header("x-turn", format!("{turn}"));
            let response = request.send().await.unwrap();
            response.bytes().await.unwrap();
            let asked = peer.asked().pop().unwrap();
            assert_eq!(asked.path(), format!("/{turn}"), "{size}");
            assert_eq!(asked.header("x-turn"), Some(&*format!("{turn}")));
            assert_eq!(asked.header("x-same").unwrap().len(), 500);
        }
        assert_eq!(peer.connections(), 1, "{size}");
        assert_eq!(peer.violations(), [""; 0], "{size}");
    }
}

#[dual]
#[form_test]
async fn a_redirect_gives_up_the_body_of_what_redirects() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            match link.asked(stream).path() {
                "/from" => {
                    let head = [(":status", "302"), ("location", "/to")];
                    link.send(Frame::headers(stream, head))?;
                    // Endless: the end never comes.
                    link.send(Frame::data(stream, vec![b'x'; 16_384]))?;
                }
                _ => link.answer(stream, Answer::ok("there"))?,
            }
        }
        Ok(())
    });
    let client = client();
    for _ in 0..2 {
        let (_, text) = fetch((client.clone(), peer.url("/from"))).await.unwrap();
        assert_eq!(text, "there");
        assert_at_rest(&client).await;
    }
    assert_eq!((peer.connections(), peer.count()), (1, 4));
    assert_eq!(peer.violations(), [""; 0]);
}
