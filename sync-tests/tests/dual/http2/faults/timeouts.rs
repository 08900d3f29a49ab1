//! Servers that stop in the middle: the matching timeout, the stream given up, and nobody else held up.

use dimorph::ErrorKind::{ReadTimeout, TotalTimeout};
use dimorph::{ErrorKind, Timeout};
use sync_tests::h2_peer::{Frame, code, flag, kind};

use super::*;
use crate::dual_tests::common::{assert_at_rest, ms};
use crate::dual_tests::form::Client;

/// How long a stall is borne, where one is expected.
fn short() -> Timeout {
    Timeout::new(ms(5000)).read(ms(100))
}

#[dual]
async fn kind_of(client: &Client, url: String, limits: Timeout) -> Option<ErrorKind> {
    let sent = client.get(url).timeout(limits).send().await;
    let response = match sent {
        Ok(response) => response,
        Err(error) => return Some(error.kind()),
    };
    response.bytes().await.err().map(|error| error.kind())
}

#[dual]
#[form_test]
async fn a_stream_that_stalls_is_given_up_and_the_others_go_on() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            // The connection lives: something is heard on it.
            link.send(Frame::ping([7; 8]))?;
            match link.asked(stream).path() {
                "/nothing" => {}
                "/early-hints" => link.send(Frame::headers(stream, [(":status", "103")]))?,
                "/head" => link.send(Frame::headers(stream, [(":status", "200")]))?,
                "/half" => link.send_all(&[
                    Frame::headers(stream, [(":status", "200")]),
                    Frame::data(stream, "half"),
                ])?,
                _ => link.answer(stream, Answer::ok("next"))?,
            }
        }
        Ok(())
    });
    let client = client();
    let mut given_up = 0;
    for path in ["/nothing", "/early-hints", "/head", "/half"] {
        let stalled = kind_of(&client, peer.url(path), short()).await;
        assert_eq!(stalled, Some(ReadTimeout), "{path}");
        assert_works(&client, &peer, path).await;
        let total = Timeout::none().total(ms(100));
        let stalled = kind_of(&client, peer.url(path), total).await;
        assert_eq!(stalled, Some(TotalTimeout), "{path}");
        assert_works(&client, &peer, path).await;
        given_up += 2;
        let cancelled = || {
            let asked = peer.asked();
            let resets = asked.iter().filter(|a| a.reset == Some(code::CANCEL));
            resets.count()
        };
        let told = form_util::until(|| cancelled() == given_up).await;
        assert!(told, "{path}: the server is told");
    }
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn a_server_that_never_says_anything_is_left() {
    type Script = fn(&mut Link<'_>) -> std::io::Result<()>;
    let cases: [(&str, Script); 4] = [
        ("no SETTINGS", |_| Ok(())),
        ("half of SETTINGS", |link| link.wire.send([0, 0, 0, 4])),
        ("SETTINGS alone", |link| link.send(Frame::settings(&[]))),
        ("half a frame", |link| {
            link.send(Frame::settings(&[]))?;
            link.wire.send([0, 0, 100, 0, 0, 0, 0, 0, 1, b'x'])
        }),
    ];
    for (what, script) in cases {
        let peer = H2Peer::new(move |link| {
            link.expect_preface()?;
            link.replying = false;
            script(link)?;
            link.drain()
        });
        let client = client();
        let stalled = kind_of(&client, peer.url("/"), short()).await;
        assert_eq!(stalled, Some(ReadTimeout), "{what}");
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_connection_that_fell_silent_is_not_used_again() {
    // It answers once; what follows it neither answers nor acknowledges.
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        if link.number() > 0 {
            return link.carry();
        }
        let stream = link.whole()?.unwrap();
        link.answer(stream, Answer::ok("first"))?;
        link.replying = false;
        link.drain()
    });
    let client = client();
    fetch((client.clone(), peer.url("/first"))).await.unwrap();
    let stalled = kind_of(&client, peer.url("/stalled"), short()).await;
    assert_eq!(stalled, Some(ReadTimeout));
    assert_works(&client, &peer, "silence").await;
    assert_eq!(peer.connections(), 2);
}

#[dual]
#[form_test]
async fn a_header_block_that_is_never_finished_ends_by_its_timeout() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        if link.number() > 0 {
            return link.carry();
        }
        let stream = link.whole()?.unwrap();
        let head = Frame::headers(stream, [(":status", "200")]);
        link.send(head.without(flag::END_HEADERS))?;
        link.replying = false;
        link.drain()
    });
    let client = client();
    let stalled = kind_of(&client, peer.url("/"), short()).await;
    assert_eq!(stalled, Some(ReadTimeout));
    assert_works(&client, &peer, "unfinished").await;
}

#[dual]
#[form_test]
async fn a_drip_of_single_bytes_is_no_stall() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.whole()? {
            let fields = [(":status", "200"), ("x-filler", "abcdefghijk")];
            let mut bytes = Frame::headers(stream, fields).bytes();
            bytes.extend(Frame::data(stream, "drop, drop, drop, drop").end().bytes());
            for byte in bytes {
                link.wire.send([byte])?;
                std::thread::sleep(ms(20));
            }
        }
        Ok(())
    });
    let client = client();
    // Shorter than each of the two frames takes.
    let limits = Timeout::new(ms(5000)).read(ms(400));
    let stalled = kind_of(&client, peer.url("/"), limits).await;
    assert_eq!(stalled, None);
    assert_eq!(peer.frames_of(0, kind::RST_STREAM), 0);
}
