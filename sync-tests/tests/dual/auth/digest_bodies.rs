//! Bodies under Digest: sent again whole, or not at all.

use std::io::Cursor;
use std::time::Duration;

use dimorph::multipart::{Form, Part};
use dimorph::{Body, ErrorKind};
use sync_tests::digest_server::{Challenge, Verdict};
use sync_tests::{DigestServer, Reply, Server};

use super::common::assert_at_rest;
use super::digest::{PASSWORD, USER, lion};
use super::flows::tempfile;
use super::{dual, form_test, form_util};

#[dual]
#[form_test]
async fn bodies_are_sent_again_whole() {
    let large = || vec![b'l'; 300_000];
    let form = || {
        Form::new()
            .text("field", "value")
            .part("file", Part::bytes(large()).file_name("large.bin"))
    };
    for qop in ["auth", "auth-int"] {
        let server = DigestServer::builder(USER, PASSWORD)
            .challenge(Challenge::new("SHA-256").qop(qop))
            .stale_after(1)
            .start();
        let client = lion();
        let post = || client.post(server.url("/"));
        for (what, request) in [
            ("none", post()),
            ("bytes", post().body(large())),
            ("json", post().json(["a", "b"])),
            ("form", post().form([("a", "b")])),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "{what}: {:?}", server.verdicts());
        }
        // Neither is in memory, so no digest of them can be made.
        for (what, request) in [
            ("file", post().body(tempfile(&large()))),
            ("multipart", post().multipart(form())),
        ] {
            let outcome = request.send().await;
            match qop {
                "auth" => assert_eq!(outcome.unwrap().status(), 200, "{what}"),
                _ => {
                    let error = outcome.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
                    assert!(error.to_string().contains("auth-int"), "{error}");
                }
            }
        }
        // Both times the same, and complete.
        for pair in server.ledger().windows(2) {
            if pair[0].verdict != Verdict::Accepted && pair[1].verdict == Verdict::Accepted {
                assert!(pair[0].request.body == pair[1].request.body);
            }
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn aut_05_a_body_that_can_be_sent_once_is_sent_once() {
    let content = b"once".to_vec();
    let pieces = || form_util::pieces_body(vec![b"on".to_vec(), b"ce".to_vec()]);
    let reader = || Body::from_reader(Cursor::new(content.clone()));
    let sized = || Body::sized(Cursor::new(content.clone()), 4);
    let makers: [&dyn Fn() -> Body; 3] = [&pieces, &reader, &sized];
    for make in makers {
        let server = DigestServer::builder(USER, PASSWORD).start();
        let client = lion();
        let url = server.url("/");
        let error = client.post(&url).body(make()).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BodyNotReplayable);
        assert!(error.is_body());
        let text = error.to_string();
        assert!(text.contains("digest"), "{text}");
        assert!(text.contains(&server.address().to_string()), "{text}");
        // One request came, whole; none was begun after it.
        let ledger = server.ledger();
        assert_eq!((ledger.len(), &ledger[0].request.body), (1, &content));
        assert_eq!(server.received().len(), 1);
        assert_at_rest(&client).await;

        // Asked before, the server gets it signed at once.
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let response = client.post(&url).body(make()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let last = server.ledger().pop().unwrap();
        assert_eq!((&last.request.body, last.nc()), (&content, Some(2)));
    }
}

/// Refuses before it has read a byte of the body, and closes; takes what comes signed.
fn hasty() -> Server {
    Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            if head.header("authorization").is_none() {
                wire.send(
                    "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n\
                     content-length: 0\r\nconnection: close\r\n\r\n",
                )?;
                wire.finish();
                wire.drain(Duration::from_secs(5));
                return Ok(());
            }
            let body = wire.read_body(&head)?;
            Reply::ok(body.len().to_string()).send(wire, false)?;
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn a_401_in_the_middle_of_a_body_is_answered_by_the_whole_of_it() {
    const SIZE: usize = 20 << 20;
    let server = hasty();
    let content = vec![b'x'; SIZE];
    for body in [Body::from(content.clone()), Body::from(tempfile(&content))] {
        let what = format!("{body:?}");
        let client = lion();
        let request = client.put(server.url("/")).body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{what}");
        let text = response.text().await.unwrap();
        assert_eq!(text, SIZE.to_string(), "{what}");
        assert_at_rest(&client).await;
    }
    let client = lion();
    let body = Body::from_reader(Cursor::new(content));
    let error = client.put(server.url("/")).body(body).send().await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::BodyNotReplayable);
    assert_at_rest(&client).await;
}
