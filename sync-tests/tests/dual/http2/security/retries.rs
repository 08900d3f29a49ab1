//! Streams that the server did not process are sent again, all others never.

use dimorph::ErrorKind::{BodyNotReplayable, RemoteProtocolError};
use http::Version;
use sync_tests::h2_peer::{Frame, code, kind, tls_speaking};

use super::*;
use crate::dual_tests::common::{HOSTS, assert_at_rest, builder};
use crate::dual_tests::form::Client;

const GRACEFUL: u32 = 0x7fff_ffff;

/// Sends a GET, a small POST or a long one; the peer answers with the body.
#[dual]
async fn send(client: &Client, url: String, body: Option<usize>) -> Result<(), String> {
    let sent = match body {
        None => fetch((client.clone(), url)).await.map(|pair| (pair, 0)),
        Some(size) => post((client.clone(), url, vec![b'b'; size]))
            .await
            .map(|pair| (pair, size)),
    };
    let ((status, text), size) = sent.map_err(|error| format!("{:?}", error.kind()))?;
    assert_eq!((status, text.len()), (200, size));
    Ok(())
}

const BODIES: [Option<usize>; 3] = [None, Some(10), Some(1_000_000)];

#[dual]
#[form_test]
async fn h2_08_streams_beyond_a_goaway_are_sent_again() {
    type Script = fn(&mut Link<'_>) -> std::io::Result<()>;
    let cases: [(&str, Script); 5] = [
        ("before the request", |link| {
            link.send(Frame::goaway(0, code::NO_ERROR))?;
            link.drain()
        }),
        ("after its head", |link| {
            link.head()?;
            link.send(Frame::goaway(0, code::NO_ERROR))?;
            link.drain()
        }),
        ("after its head, and closed", |link| {
            link.head()?;
            link.send(Frame::goaway(0, code::NO_ERROR))?;
            link.wire.finish();
            link.drain()
        }),
        ("for a reason", |link| {
            link.head()?;
            link.send(Frame::goaway(0, code::ENHANCE_YOUR_CALM))?;
            link.wire.finish();
            link.drain()
        }),
        ("in two steps", |link| {
            link.send(Frame::goaway(GRACEFUL, code::NO_ERROR))?;
            link.head()?;
            link.send(Frame::goaway(0, code::NO_ERROR))?;
            link.drain()
        }),
    ];
    for (what, script) in cases {
        for body in BODIES {
            let peer = at_first(script);
            let client = client();
            let outcome = send(&client, peer.url("/once"), body).await;
            assert_eq!(outcome, Ok(()), "{what}, {body:?}");
            let on_second = peer.asked().iter().filter(|a| a.connection == 1).count();
            assert_eq!((peer.connections(), on_second), (2, 1), "{what}, {body:?}");
            let left = form_util::until(|| peer.open() == 1).await;
            assert!(left, "{what}: the connection that went away is closed");
            assert_works(&client, &peer, what).await;
            assert_eq!(peer.connections(), 2, "{what}");
            assert_eq!(peer.violations(), [""; 0], "{what}");
        }
    }
}

#[dual]
#[form_test]
async fn h2_08_a_server_that_always_goes_away_is_not_asked_forever() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        link.head()?;
        link.send(Frame::goaway(0, code::NO_ERROR))?;
        link.drain()
    });
    let client = client();
    let outcome = fetch((client.clone(), peer.url("/"))).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), RemoteProtocolError, "{}", said(&error));
    assert!(peer.connections() <= 12, "{}", peer.connections());
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn h2_08_what_was_processed_ends_where_it_is_and_nothing_new_begins_there() {
    // Two streams; the second was not processed. A third comes after GOAWAY.
    let peer = at_first(|link| {
        let (first, second) = (link.whole()?.unwrap(), link.whole()?.unwrap());
        link.send(Frame::goaway(GRACEFUL, code::NO_ERROR))?;
        link.send(Frame::goaway(first, code::NO_ERROR))?;
        assert!(first < second);
        // The answer waits until the other requests have been answered elsewhere.
        link.until(|link| link.elsewhere() == 2)?;
        let answer = Answer::carry(&link.asked(first)).header("x-late", "yes");
        link.answer(first, answer)?;
        link.drain()
    });
    let client = client();
    let mut calls = Vec::new();
    for path in ["/first", "/second"] {
        let call = (client.clone(), peer.url(path), path.into());
        calls.push(form_util::spawn(post, call));
        let come = form_util::until(|| peer.times(path) >= 1).await;
        assert!(come, "{path}");
    }
    let second = calls.pop().unwrap().join().await.unwrap();
    assert_eq!(second.1, "/second");
    let call = (client.clone(), peer.url("/third"), b"/third".to_vec());
    let third = post(call).await.unwrap();
    assert_eq!(third.1, "/third");
    let first = calls.pop().unwrap().join().await.unwrap();
    assert_eq!(first.1, "/first");
    let places: Vec<_> = peer
        .asked()
        .iter()
        .map(|a| (a.path().to_owned(), a.connection))
        .collect();
    let place = |path: &str, connection| (path.to_owned(), connection);
    let expected = [
        place("/first", 0),
        place("/second", 0),
        place("/second", 1),
        place("/third", 1),
    ];
    assert_eq!(places, expected);
    assert_works(&client, &peer, "after all").await;
    let left = form_util::until(|| peer.open() == 1).await;
    assert!(left, "the old connection is closed once it is empty");
}

#[dual]
#[form_test]
async fn h2_08_what_may_have_been_processed_is_not_sent_again() {
    for (reason, closing) in [
        (code::NO_ERROR, true),
        (code::INTERNAL_ERROR, true),
        (code::PROTOCOL_ERROR, true),
    ] {
        let peer = at_first(move |link| {
            let stream = link.whole()?.unwrap();
            link.send(Frame::goaway(stream, reason))?;
            if closing {
                link.wire.finish();
            }
            link.drain()
        });
        let client = client();
        let call = (client.clone(), peer.url("/once"), b"body".to_vec());
        let error = post(call).await.unwrap_err();
        assert_eq!(error.kind(), RemoteProtocolError, "{}", said(&error));
        assert_eq!(peer.times("/once"), 1, "code {reason}");
        assert_works(&client, &peer, "after the loss").await;
        assert_eq!(peer.connections(), 2);
    }
}

#[dual]
#[form_test]
async fn h2_09_a_refused_stream_is_sent_again_once() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        let mut refused = false;
        while let Some(stream) = link.head()? {
            let path = link.asked(stream).path().to_owned();
            if path == "/always" || path == "/once" && !refused {
                refused = path == "/once";
                link.send(Frame::reset(stream, code::REFUSED_STREAM))?;
                continue;
            }
            refused = false;
            link.until(|link| link.asked(stream).ended)?;
            let answer = Answer::carry(&link.asked(stream));
            link.answer(stream, answer)?;
        }
        Ok(())
    });
    let client = client();
    for body in BODIES {
        let before = peer.count();
        let outcome = send(&client, peer.url("/once"), body).await;
        assert_eq!(outcome, Ok(()), "{body:?}");
        assert_eq!(peer.count() - before, 2, "{body:?}");
    }
    for body in BODIES {
        let before = peer.count();
        let outcome = send(&client, peer.url("/always"), body).await;
        assert_eq!(outcome, Err("RemoteProtocolError".to_owned()), "{body:?}");
        assert_eq!(peer.count() - before, 2, "{body:?}: once and once again");
        assert_works(&client, &peer, "refused").await;
    }
    // A body that cannot be had twice.
    let pieces = vec![vec![b'p'; 100]; 3];
    let body = form_util::pieces_body(pieces);
    let outcome = client.post(peer.url("/always")).body(body).send().await;
    let kind = outcome.unwrap_err().kind();
    assert!(
        matches!(kind, BodyNotReplayable | RemoteProtocolError),
        "{kind:?}"
    );
    assert_works(&client, &peer, "not replayable").await;
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn h2_09_other_resets_are_errors_and_nothing_is_sent_again() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            let asked = link.asked(stream);
            let mut words = asked.path()[1..].split('/');
            match (words.next(), words.next()) {
                (Some("begun"), Some(code)) => {
                    link.send(Frame::headers(stream, [(":status", "200")]))?;
                    link.send(Frame::data(stream, "half"))?;
                    link.send(Frame::reset(stream, code.parse().unwrap()))?;
                }
                (Some("unbegun"), Some(code)) => {
                    link.send(Frame::reset(stream, code.parse().unwrap()))?;
                }
                _ => link.answer(stream, Answer::ok("next"))?,
            }
        }
        Ok(())
    });
    let client = client();
    let codes = (0..=0xd).chain([0xe, 0x100, u32::MAX]);
    for code in codes {
        for when in ["unbegun", "begun"] {
            // REFUSED_STREAM before an answer, and HTTP_1_1_REQUIRED, have tests of their own.
            if when == "unbegun" && matches!(code, code::REFUSED_STREAM | code::HTTP_1_1_REQUIRED) {
                continue;
            }
            for body in [None, Some(10)] {
                let url = peer.url(&format!("/{when}/{code}"));
                let before = peer.count();
                let outcome = send(&client, url, body).await;
                let what = format!("{when}, code {code}, {body:?}");
                assert_eq!(outcome, Err("RemoteProtocolError".to_owned()), "{what}");
                assert_eq!(peer.count() - before, 1, "{what}");
                assert_works(&client, &peer, &what).await;
            }
        }
    }
    assert_eq!(peer.connections(), 1, "resets concern a stream");
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn h2_10_http_11_where_it_is_required() {
    type Refusal = fn(u32) -> Frame;
    let refusals: [Refusal; 2] = [
        |stream| Frame::reset(stream, code::HTTP_1_1_REQUIRED),
        |_| Frame::goaway(0, code::HTTP_1_1_REQUIRED),
    ];
    for refusal in refusals {
        for body in [None, Some(b"body".to_vec())] {
            let script = move |link: &mut Link<'_>| {
                link.open(&[])?;
                while let Some(stream) = link.whole()? {
                    link.send(refusal(stream))?;
                }
                Ok(())
            };
            // Over TLS the server can be asked for HTTP/1.1.
            let peer = H2Peer::over(tls_speaking(&["h2", "http/1.1"]), script);
            let client = builder().build().unwrap();
            let mut request = client.get(peer.https("/asked"));
            if let Some(body) = &body {
                request = client.post(peer.https("/asked")).body(body.clone());
            }
            let response = request.send().await.unwrap();
            let version = response.version();
            assert_eq!(version, Version::HTTP_11);
            let text = response.bytes().await.unwrap();
            assert_eq!(text, body.clone().unwrap_or_default());
            let streams: Vec<u32> = peer.asked().iter().map(|a| a.stream).collect();
            assert_eq!(streams, [1, 0], "by HTTP/2, and then by HTTP/1.1");
            assert_at_rest(&client).await;

            // Whoever knew before cannot; nor who takes nothing else.
            let peer = H2Peer::new(script);
            let url = peer.url("/asked");
            let error = fetch((super::client(), url)).await.unwrap_err();
            assert_eq!(error.kind(), RemoteProtocolError);
            let found = said(&error);
            assert!(found.contains("HTTP_1_1_REQUIRED"), "{found}");
            let peer = H2Peer::over(tls_speaking(&["h2", "http/1.1"]), script);
            let client = builder().http1(false).build().unwrap();
            let error = fetch((client, peer.https("/asked"))).await.unwrap_err();
            assert_eq!(error.kind(), RemoteProtocolError);
            let found = said(&error);
            assert!(found.contains("HTTP_1_1_REQUIRED"), "{found}");
            assert_eq!(peer.frames_of(0, kind::HEADERS), 1);
        }
    }
}

#[dual]
#[form_test]
async fn h2_13_origins_share_no_connection() {
    let script = |link: &mut Link<'_>| {
        link.open(&[])?;
        link.carry()
    };
    let peer = H2Peer::over(tls_speaking(&["h2"]), script);
    // One server, one certificate, for all these names.
    let client = HOSTS.iter().fold(builder(), |builder, host| {
        builder.resolve(host, [peer.address()])
    });
    let client = client.build().unwrap();
    for (host, connection) in [
        ("a.test", 0),
        ("b.test", 1),
        ("a.test", 0),
        ("example.org", 2),
        ("b.test", 1),
    ] {
        let url = format!("https://{host}:{}/", peer.port());
        fetch((client.clone(), url)).await.unwrap();
        let asked = peer.asked().pop().unwrap();
        assert_eq!(asked.connection, connection, "{host}");
        assert_eq!(asked.authority(), format!("{host}:{}", peer.port()));
    }
    let names: Vec<_> = peer
        .handshakes()
        .into_iter()
        .map(|handshake| handshake.unwrap().server_name.unwrap())
        .collect();
    assert_eq!(names, ["a.test", "b.test", "example.org"]);
}
