//! Frames and fields that RFC 9113 forbids.

use dimorph::ErrorKind::{self, RemoteProtocolError};
use sync_tests::h2_peer::{Frame, code, flag, kind, literals, setting};

use super::*;
use crate::dual_tests::common::assert_at_rest;

/// A response's head of these fields, the end of its stream.
fn head<const N: usize>(stream: u32, fields: [(&str, &str); N]) -> Vec<Frame> {
    vec![Frame::headers(stream, fields).end()]
}

/// A good head, then these frames; the response is not ended by them.
fn begun<const N: usize>(stream: u32, frames: [Frame; N]) -> Vec<Frame> {
    let mut list = vec![Frame::headers(stream, [(":status", "200")])];
    list.extend(frames);
    list
}

/// Asserts that every row is an error of this kind, after which the client works.
#[dual]
async fn assert_refused(rows: &'static [Row], kind: ErrorKind) {
    let peer = playing(rows);
    let client = client();
    let mut faults = Vec::new();
    for (number, (what, _)) in rows.iter().enumerate() {
        let request = client.get(peer.url(&format!("/{number}")));
        let request = request.timeout(std::time::Duration::from_secs(2));
        let outcome = outcome_of(request).await;
        match outcome {
            Err(error) if error.kind() == kind => {}
            Err(error) => faults.push(format!("{what}: {:?}: {}", error.kind(), said(&error))),
            Ok(text) => faults.push(format!("{what}: {text:?}")),
        }
        assert_works(&client, &peer, what).await;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_at_rest(&client).await;
}

#[dual]
async fn outcome_of(
    request: crate::dual_tests::form::RequestBuilder,
) -> Result<String, dimorph::Error> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    Ok(format!("{status} {text}"))
}

/// RFC 9113 section 8.3.
const PSEUDO: &[Row] = &[
    ("no :status", |s| head(s, [("x-a", "b")])),
    ("no field at all", |s| head(s, [])),
    (":status twice", |s| {
        head(s, [(":status", "200"), (":status", "200")])
    }),
    (":status twice, apart", |s| {
        head(s, [(":status", "200"), (":status", "404")])
    }),
    (":status abc", |s| head(s, [(":status", "abc")])),
    (":status empty", |s| head(s, [(":status", "")])),
    (":status 20", |s| head(s, [(":status", "20")])),
    (":status 2000", |s| head(s, [(":status", "2000")])),
    (":status 099", |s| head(s, [(":status", "099")])),
    (":status +20", |s| head(s, [(":status", "+20")])),
    (":status with a reason", |s| {
        head(s, [(":status", "200 OK")])
    }),
    (":status 101", |s| head(s, [(":status", "101")])),
    (":status after a field", |s| {
        head(s, [("x-a", "b"), (":status", "200")])
    }),
    (":status after a field, again", |s| {
        head(s, [(":status", "200"), ("x-a", "b"), (":status", "200")])
    }),
    ("an unknown pseudo-header field", |s| {
        head(s, [(":status", "200"), (":evil", "1")])
    }),
    ("an informational response that ends the stream", |s| {
        head(s, [(":status", "103")])
    }),
    ("trailers that end nothing", |s| {
        begun(
            s,
            [
                Frame::headers(s, [("x-a", "b")]),
                Frame::data(s, "more").end(),
            ],
        )
    }),
];

#[dual]
#[form_test]
async fn malformed_pseudo_header_fields_are_refused() {
    assert_refused(PSEUDO, RemoteProtocolError).await;
}

/// Malformed, too; but whoever leaves them out does no harm.
const OUT_OF_PLACE: &[Row] = &[
    ("a request's", |s| {
        head(s, [(":status", "200"), (":method", "GET")])
    }),
    ("a request's path", |s| {
        head(s, [(":status", "200"), (":path", "/evil"), ("x-a", "b")])
    }),
    ("in trailers", |s| {
        begun(s, [Frame::headers(s, [(":status", "500")]).end()])
    }),
    ("a path in trailers", |s| {
        begun(s, [Frame::headers(s, [(":path", "/evil")]).end()])
    }),
];

#[dual]
#[form_test]
async fn pseudo_header_fields_out_of_place_are_refused_or_nowhere_to_be_seen() {
    let peer = playing(OUT_OF_PLACE);
    let client = client();
    for (number, (what, _)) in OUT_OF_PLACE.iter().enumerate() {
        let url = peer.url(&format!("/{number}"));
        let outcome = client.get(&url).send().await;
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) => {
                assert_eq!(error.kind(), RemoteProtocolError, "{what}");
                continue;
            }
        };
        let read = response.buffer().await.map(|body| body.len());
        match read {
            Ok(length) => assert_eq!((response.status().as_u16(), length), (200, 0), "{what}"),
            Err(error) => assert_eq!(error.kind(), RemoteProtocolError, "{what}"),
        }
        assert_eq!(response.url().as_str(), url, "{what}");
        let names = response
            .headers()
            .keys()
            .chain(response.trailers().into_iter().flat_map(|t| t.keys()));
        assert!(names.into_iter().all(|name| name == "x-a"), "{what}");
        assert_works(&client, &peer, what).await;
    }
}

/// RFC 9113 sections 8.2.1 and 8.2.2.
const FIELDS: &[Row] = &[
    ("an upper-case name", |s| {
        head(s, [(":status", "200"), ("X-a", "b")])
    }),
    ("an empty name", |s| {
        head(s, [(":status", "200"), ("", "b")])
    }),
    ("a space in a name", |s| {
        head(s, [(":status", "200"), ("x a", "b")])
    }),
    ("a colon in a name", |s| {
        head(s, [(":status", "200"), ("x:a", "b")])
    }),
    ("CRLF in a name", |s| {
        head(s, [(":status", "200"), ("x\r\na", "b")])
    }),
    ("a byte beyond ASCII in a name", |s| {
        head(s, [(":status", "200"), ("x\u{e4}", "b")])
    }),
    ("CR in a value", |s| {
        head(s, [(":status", "200"), ("x-a", "b\rc")])
    }),
    ("LF in a value", |s| {
        head(s, [(":status", "200"), ("x-a", "b\nc")])
    }),
    ("CRLF in a value", |s| {
        head(s, [(":status", "200"), ("x-a", "b\r\nset-cookie: c")])
    }),
    ("NUL in a value", |s| {
        head(s, [(":status", "200"), ("x-a", "b\0c")])
    }),
    ("CRLF in trailers", |s| {
        begun(s, [Frame::headers(s, [("x-a", "b\r\nc")]).end()])
    }),
    ("connection", |s| {
        head(s, [(":status", "200"), ("connection", "close")])
    }),
    ("keep-alive", |s| {
        head(s, [(":status", "200"), ("keep-alive", "timeout=5")])
    }),
    ("proxy-connection", |s| {
        head(s, [(":status", "200"), ("proxy-connection", "close")])
    }),
    ("transfer-encoding", |s| {
        head(s, [(":status", "200"), ("transfer-encoding", "chunked")])
    }),
    ("upgrade", |s| {
        head(s, [(":status", "200"), ("upgrade", "h2c")])
    }),
    ("connection in trailers", |s| {
        begun(s, [Frame::headers(s, [("connection", "close")]).end()])
    }),
];

#[dual]
#[form_test]
async fn malformed_fields_are_refused() {
    assert_refused(FIELDS, RemoteProtocolError).await;
}

/// RFC 9113 section 4.3, RFC 7541.
const COMPRESSION: &[Row] = &[
    ("the index 0", |s| vec![Frame::block(s, [0x80]).end()]),
    ("an index beyond the table", |s| {
        vec![Frame::block(s, [0x88, 0xff, 0x80, 0x80, 0x01]).end()]
    }),
    ("an endless integer", |s| {
        vec![Frame::block(s, [&[0xff][..], &[0xff; 40], &[0]].concat()).end()]
    }),
    ("a string longer than the block", |s| {
        vec![Frame::block(s, [0x88, 0x00, 0x7f, b'a']).end()]
    }),
    ("a block that ends in a field", |s| {
        vec![Frame::block(s, [0x88, 0x40]).end()]
    }),
    ("Huffman padding of a byte", |s| {
        vec![Frame::block(s, [0x88, 0x00, 0x01, b'a', 0x82, 0x1f, 0xff]).end()]
    }),
    ("Huffman padding of zeros", |s| {
        vec![Frame::block(s, [0x88, 0x00, 0x01, b'a', 0x81, 0x18]).end()]
    }),
    ("a coded end of string", |s| {
        let eos = [0x88, 0x00, 0x01, b'a', 0x84, 0xff, 0xff, 0xff, 0xff];
        vec![Frame::block(s, eos).end()]
    }),
    ("a table larger than allowed", |s| {
        vec![Frame::block(s, [0x3f, 0xe2, 0x1f, 0x88]).end()]
    }),
    ("a new table size in the middle", |s| {
        vec![Frame::block(s, [0x88, 0x20]).end()]
    }),
];

#[dual]
#[form_test]
async fn malformed_header_blocks_are_refused() {
    assert_refused(COMPRESSION, RemoteProtocolError).await;
}

/// RFC 9113 sections 4 to 6.
const FRAMES: &[Row] = &[
    ("DATA before HEADERS", |s| vec![Frame::data(s, "x").end()]),
    ("DATA on no stream", |s| begun(s, [Frame::data(0, "x")])),
    ("DATA on an idle stream", |s| {
        begun(s, [Frame::data(s + 100, "x")])
    }),
    ("DATA padded beyond its end", |s| {
        let data = Frame::new(kind::DATA, flag::PADDED, s, [5, 0]);
        begun(s, [data])
    }),
    ("DATA padded without a length", |s| {
        begun(s, [Frame::new(kind::DATA, flag::PADDED, s, [])])
    }),
    ("HEADERS on no stream", |_| head(0, [(":status", "200")])),
    ("HEADERS on an idle stream", |s| {
        begun(s, [Frame::headers(s + 100, [(":status", "200")])])
    }),
    ("HEADERS padded beyond their end", |s| {
        vec![Frame::new(kind::HEADERS, flag::PADDED | 5, s, [9, 0x88])]
    }),
    ("a priority cut off", |s| {
        vec![Frame::block(s, [0, 0, 0]).with(flag::PRIORITY).end()]
    }),
    ("CONTINUATION of nothing", |s| {
        begun(s, [Frame::continuation(s, [0x88])])
    }),
    ("a block interrupted", |s| {
        let open = Frame::headers(s, [(":status", "200")]).without(flag::END_HEADERS);
        vec![open, Frame::ping([0; 8])]
    }),
    ("a block gone on with elsewhere", |s| {
        let open = Frame::headers(s, [(":status", "200")]).without(flag::END_HEADERS);
        vec![open, Frame::continuation(s + 2, []).with(flag::END_HEADERS)]
    }),
    ("a frame longer than allowed", |s| {
        begun(s, [Frame::data(s, vec![0; 16_385])])
    }),
    ("HEADERS longer than allowed", |s| {
        let block = literals([(":status", vec![b'2'; 16_385])]);
        vec![Frame::block(s, block)]
    }),
    ("RST_STREAM on no stream", |_| vec![Frame::reset(0, 0)]),
    ("RST_STREAM of an idle stream", |s| {
        vec![Frame::reset(s + 100, 0)]
    }),
    ("RST_STREAM too short", |s| {
        vec![Frame::new(kind::RST_STREAM, 0, s, [0; 3])]
    }),
    ("SETTINGS on a stream", |s| {
        vec![Frame::new(kind::SETTINGS, 0, s, [])]
    }),
    ("SETTINGS cut off", |_| {
        vec![Frame::new(kind::SETTINGS, 0, 0, [0; 5])]
    }),
    ("an acknowledgement that sets", |_| {
        vec![Frame::settings(&[(3, 1)]).with(flag::ACK)]
    }),
    ("a window of 2^31", |_| {
        vec![Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 31)])]
    }),
    ("frames of a byte", |_| {
        vec![Frame::settings(&[(setting::MAX_FRAME_SIZE, 1)])]
    }),
    ("frames of 16 MiB", |_| {
        vec![Frame::settings(&[(setting::MAX_FRAME_SIZE, 1 << 24)])]
    }),
    ("ENABLE_PUSH of 2", |_| {
        vec![Frame::settings(&[(setting::ENABLE_PUSH, 2)])]
    }),
    ("PING on a stream", |s| {
        vec![Frame::new(kind::PING, 0, s, [0; 8])]
    }),
    ("PING too short", |_| {
        vec![Frame::new(kind::PING, 0, 0, [0; 7])]
    }),
    ("GOAWAY on a stream", |s| {
        vec![Frame::new(kind::GOAWAY, 0, s, [0; 8])]
    }),
    ("GOAWAY too short", |_| {
        vec![Frame::new(kind::GOAWAY, 0, 0, [0; 4])]
    }),
    ("GOAWAY that takes back what it said", |s| {
        let first = Frame::goaway(s, code::NO_ERROR);
        vec![first, Frame::goaway(s + 2, code::NO_ERROR)]
    }),
    ("WINDOW_UPDATE by nothing", |_| {
        vec![Frame::window_update(0, 0)]
    }),
    ("WINDOW_UPDATE of a stream by nothing", |s| {
        vec![Frame::window_update(s, 0)]
    }),
    ("WINDOW_UPDATE too short", |_| {
        vec![Frame::new(kind::WINDOW_UPDATE, 0, 0, [0; 3])]
    }),
    ("WINDOW_UPDATE of an idle stream", |s| {
        vec![Frame::window_update(s + 100, 1)]
    }),
    ("a window beyond 2^31", |_| {
        vec![Frame::window_update(0, 0x7fff_ffff)]
    }),
];

#[dual]
#[form_test]
async fn malformed_frames_are_refused() {
    assert_refused(FRAMES, RemoteProtocolError).await;
}

#[dual]
#[form_test]
async fn what_is_no_http2_at_all_is_refused() {
    const ANSWERS: [(&str, &[u8]); 6] = [
        (
            "HTTP/1.1",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        ),
        ("HTTP/1.1, at length", &[b'H'; 100_000]),
        ("text", b"220 mail.test ESMTP\r\n"),
        ("zeros", &[0; 100_000]),
        ("ones", &[0xff; 100_000]),
        ("a TLS alert", &[21, 3, 3, 0, 2, 2, 70]),
    ];
    for (number, (what, _)) in ANSWERS.iter().enumerate() {
        let peer = H2Peer::new(move |link| {
            link.expect_preface()?;
            if link.number() == 0 {
                let _ = link.wire.send(ANSWERS[number].1);
                link.wire.finish();
                link.wire.drain(std::time::Duration::from_secs(5));
                return Ok(());
            }
            link.send(Frame::settings(&[]))?;
            link.carry()
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
    }
}

#[dual]
#[form_test]
async fn frames_and_settings_of_no_known_type_are_ignored() {
    // RFC 9113 sections 5.5 and 6.5.2.
    let peer = H2Peer::new(|link| {
        link.open(&[(0xbeef, 7), (0, 0), (setting::MAX_CONCURRENT_STREAMS, 10)])?;
        while let Some(stream) = link.whole()? {
            link.send_all(&[
                Frame::new(0xbe, 0xff, 0, vec![7; 100]),
                Frame::new(0xbe, 0xff, stream, []),
                Frame::new(0xbe, 0, stream + 100, "?"),
                Frame::headers(stream, [(":status", "200")]).with(0x80),
                Frame::new(0xbf, 0, stream, "?"),
                Frame::ping([7; 8]).with(0x80),
                Frame::data(stream, "ok").with(0x40).end(),
            ])?;
        }
        Ok(())
    });
    let client = client();
    for _ in 0..3 {
        let (_, text) = fetch((client.clone(), peer.url("/"))).await.unwrap();
        assert_eq!(text, "ok");
    }
    assert_at_rest(&client).await;
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}
