//! Bodies that the client cannot send as it said.

use std::io::{Cursor, Read};

use dimorph::Body;
use dimorph::ErrorKind::LocalProtocolError;
use sync_tests::h2_peer::{Frame, code};

use super::*;

/// Gives so many bytes, and then fails or panics.
struct Torn {
    left: usize,
    panics: bool,
}

impl Read for Torn {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            assert!(!self.panics, "on purpose: the reader of a body panics");
            return Err(std::io::Error::other("the tape tore"));
        }
        let n = buffer.len().min(self.left);
        buffer[..n].fill(b't');
        self.left -= n;
        Ok(n)
    }
}

/// A peer that gives credit, and answers what has come whole.
fn taking() -> H2Peer {
    H2Peer::answering(|asked| Answer::ok(asked.body.len().to_string()))
}

#[dual]
async fn send_torn((client, url, left): (crate::dual_tests::form::Client, String, usize)) {
    let body = Body::from_reader(Torn { left, panics: true });
    let _ = client.post(url).body(body).send().await;
}

#[dual]
#[form_test]
async fn a_body_that_fails_resets_its_stream_and_never_looks_whole() {
    let peer = taking();
    let client = client();
    for (number, left) in [0, 1, 20_000, 500_000].into_iter().enumerate() {
        let path = format!("/torn/{number}");
        let body = Body::from_reader(Torn {
            left,
            panics: false,
        });
        let sent = client.post(peer.url(&path)).body(body).send().await;
        let error = sent.unwrap_err();
        let found = said(&error);
        assert!(found.contains("the tape tore"), "{found}");
        assert_works(&client, &peer, &path).await;
        let torn = form_util::spawn(send_torn, (client.clone(), peer.url(&path), left));
        let over = form_util::until(|| torn.is_finished()).await;
        assert!(over, "a panic is not a hang");
        assert_works(&client, &peer, &path).await;
        assert_eq!(peer.times(&path), 0, "{path}");
    }
    let reset = || {
        let asked = peer.asked();
        let torn = asked.iter().filter(|a| a.path().starts_with("/torn"));
        torn.filter(|a| a.reset.is_none()).count() == 0
    };
    let told = form_util::until(reset).await;
    assert!(told, "the server knows that no more comes");
    assert_eq!((peer.connections(), peer.violations()), (1, Vec::new()));
}

#[dual]
#[form_test]
async fn a_body_that_is_not_of_its_own_length_is_refused_and_never_looks_whole() {
    let peer = taking();
    let client = client();
    for (length, size) in [("10", 5), ("10", 0), ("4", 5), ("0", 5), ("70000", 200_000)] {
        let what = format!("{size} bytes as {length}");
        let request = client
            .post(peer.url("/own"))
            .header("content-length", length);
        let body = Body::from_reader(Cursor::new(vec![b'x'; size]));
        let error = request.body(body).send().await.expect_err(&what);
        assert_eq!(error.kind(), LocalProtocolError, "{what}: {}", said(&error));
        let request = client
            .post(peer.url("/own"))
            .header("content-length", length);
        let sent = request.body(vec![b'x'; size]).send().await;
        let error = sent.expect_err(&what);
        assert_eq!(error.kind(), LocalProtocolError, "{what}: {}", said(&error));
        assert_works(&client, &peer, &what).await;
    }
    assert_eq!(peer.times("/own"), 0);
    // Of its length, it goes.
    let request = client.post(peer.url("/own")).header("content-length", "5");
    let body = Body::from_reader(Cursor::new("hello"));
    let response = request.body(body).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "5");
    let asked = peer.asked().pop().unwrap();
    assert_eq!(asked.header("content-length"), Some("5"));
    assert_eq!((peer.connections(), peer.violations()), (1, Vec::new()));
}

#[dual]
#[form_test]
async fn an_empty_body_ends_with_the_head_or_an_empty_frame() {
    let peer = taking();
    let client = client();
    for body in [
        Body::empty(),
        Body::from(Vec::new()),
        Body::from_reader(std::io::empty()),
        form_util::pieces_body(Vec::new()),
        form_util::pieces_body(vec![Vec::new(), Vec::new()]),
    ] {
        let response = client.post(peer.url("/")).body(body).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "0");
    }
    assert_works(&client, &peer, "empty").await;
    assert_eq!((peer.connections(), peer.violations()), (1, Vec::new()));
}

#[dual]
#[form_test]
async fn an_answer_to_half_a_body_does_not_wait_for_the_rest() {
    // The answer is whole, and the stream reset, while the body still comes from its reader.
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        while let Some(stream) = link.head()? {
            link.until(|link| link.asked(stream).body.len() >= 1000)?;
            link.answer(stream, Answer::ok("enough"))?;
            link.send(Frame::reset(stream, code::NO_ERROR))?;
        }
        Ok(())
    });
    let client = client();
    for _ in 0..5 {
        let body = Body::from_reader(std::io::repeat(b'e'));
        let response = client.post(peer.url("/")).body(body).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "enough");
    }
    assert_eq!((peer.connections(), peer.violations()), (1, Vec::new()));
}
