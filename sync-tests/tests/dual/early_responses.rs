//! Responses that come before the request is all sent.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dimorph::{Body, ErrorKind};
use sync_tests::certs::sniff;
use sync_tests::{Reply, Server, Wire};

use super::common::{assert_at_rest, client, ms, name};
use super::{dual, form_test, form_util};

#[dual]
#[form_test]
async fn leave_and_answer_in_one_segment_are_both_heard() {
    let server = Server::wire_tls(sniff(), |wire| {
        while let Some(head) = wire.read_head()? {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer";
            wire.send(format!("HTTP/1.1 100 Continue\r\n\r\n{answer}"))?;
            // The body may come or not: the answer does not depend on it.
            if head.target == "/reads" {
                wire.read_body(&head)?;
            } else {
                wire.finish();
                wire.drain(Duration::from_secs(5));
            }
        }
        Ok(())
    });
    for body in [vec![b'b'; 4], vec![b'b'; 300_000]] {
        for url in [
            server.url("/reads"),
            server.https("/reads"),
            server.url("/leaves"),
        ] {
            let client = client();
            let request = client
                .post(&url)
                .header("expect", "100-continue")
                .body(body.clone());
            let response = request.send().await.unwrap();
            let text = response.text().await.unwrap();
            assert_eq!(text, "answer", "{url}, {} bytes", body.len());
            assert_at_rest(&client).await;
        }
    }
}

/// As large as an upload has to be for its rest not to be in the buffers of the system.
const LARGE: u64 = 64 << 20;

/// Answers from the head alone; counts what it reads of the body.
fn answers_first(counted: &Arc<AtomicUsize>) -> Server {
    let counted = Arc::clone(counted);
    Server::wire_tls(sniff(), move |wire| {
        while let Some(head) = wire.read_head()? {
            Reply::ok("early").send(wire, false)?;
            let mut seen = 0;
            if head.header("transfer-encoding").is_some() {
                seen = wire.read_chunked()?.0.iter().map(Vec::len).sum();
            } else {
                let length: usize = head.header("content-length").unwrap().parse().unwrap();
                while seen < length {
                    seen += wire.read_exactly((length - seen).min(1 << 16))?.len();
                }
            }
            counted.store(seen, Ordering::SeqCst);
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn an_early_success_does_not_cut_the_upload_short() {
    let counted = Arc::new(AtomicUsize::new(0));
    let server = answers_first(&counted);
    let client = client();
    let zeros = || std::io::repeat(0).take(LARGE);
    for (url, body) in [
        (server.url("/"), Body::from_reader(zeros())),
        (server.url("/"), Body::sized(zeros(), LARGE)),
        (server.https("/"), Body::from_reader(zeros())),
    ] {
        counted.store(0, Ordering::SeqCst);
        let what = format!("{url}, {body:?}");
        let response = client.post(&url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{what}");
        let text = response.text().await.unwrap();
        assert_eq!(text, "early", "{what}");
        let whole = || counted.load(Ordering::SeqCst) as u64 == LARGE;
        let whole = form_util::until(whole).await;
        assert!(whole, "{what}: {counted:?}");
    }
    assert_eq!(server.connections(), 2, "both are used again");
}

/// Which requests are over, by their target.
type Over = Arc<Mutex<HashSet<String>>>;

/// Reads as much of a body as the target says, answers 413, and reads no more.
fn stops_reading(over: &Over) -> Server {
    let over = Arc::clone(over);
    Server::wire_tls(sniff(), move |wire| {
        let head = wire.read_head()?.unwrap();
        wire.read_exactly(head.target[1..].parse().unwrap())?;
        wire.narrow();
        Reply::status(413).body("enough").send(wire, false)?;
        let end = Instant::now() + Duration::from_secs(10);
        let target = format!("{} {}", wire.is_tls(), head.target);
        while !over.lock().unwrap().contains(&target) && Instant::now() < end {
            std::thread::sleep(ms(5));
        }
        // The system lets go of what nobody will read.
        wire.reset();
        Ok(())
    })
}

#[dual]
async fn refused_upload((url, over): (String, Over)) -> Result<String, ErrorKind> {
    // A client of its own: what the server does not read is no connection for others.
    let client = client();
    let request = client.post(url).body(vec![b'x'; REFUSED]);
    let response = request.send().await.map_err(|e| e.kind())?;
    assert_eq!(response.status(), 413);
    let url = response.url().clone();
    let text = response.text().await.map_err(|e| e.kind())?;
    let target = format!("{} {}", url.scheme() == "https", url.path());
    over.lock().unwrap().insert(target);
    assert_at_rest(&client).await;
    Ok(text)
}

/// Small enough to be worth finishing, for the sake of the connection.
const REFUSED: usize = 6 << 20;

#[dual]
#[form_test]
async fn a_refusal_is_delivered_wherever_the_server_stops_reading() {
    let over = Over::default();
    let server = stops_reading(&over);
    let mut calls = Vec::new();
    // The steps are small enough for some to end with the last bytes inside the TLS session.
    let fine = (1 << 20..3 << 20).step_by(32 << 10);
    for taken in fine.chain([0, 3 << 20, REFUSED - 1]) {
        let path = format!("/{taken}");
        if taken % (1 << 20) == 0 {
            calls.push((server.url(&path), Over::clone(&over)));
        }
        calls.push((server.https(&path), Over::clone(&over)));
    }
    let ended = form_util::concurrently(12, calls.clone(), refused_upload).await;
    for ((url, _), end) in calls.into_iter().zip(ended) {
        assert_eq!(end, Ok("enough".to_owned()), "{url}");
    }
}

#[dual]
#[form_test]
async fn an_early_success_of_a_server_that_leaves_is_delivered() {
    let server = Server::wire_tls(sniff(), |wire| {
        wire.read_head()?;
        Reply::ok("seen enough").closing().send(wire, false)?;
        wire.finish();
        wire.drain(Duration::from_secs(5));
        Ok(())
    });
    for url in [server.url("/"), server.https("/")] {
        let client = client();
        let body = Body::from_reader(Cursor::new(vec![b'x'; 3_000_000]));
        let response = client.post(&url).body(body).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "seen enough", "{url}");
        assert_at_rest(&client).await;
    }
}

/// Waits for the head; tells whether any of the body came within a tenth of a second.
fn body_came(wire: &mut Wire) -> std::io::Result<bool> {
    wire.set_read_timeout(Some(ms(100)));
    let early = wire.read_some();
    wire.set_read_timeout(Some(Duration::from_secs(5)));
    match early {
        Ok(bytes) => Ok(!bytes.is_empty()),
        Err(_) => Ok(false),
    }
}

#[dual]
#[form_test]
async fn expect_continue_waits_for_leave() {
    let server = Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        assert_eq!(head.header("expect"), Some("100-continue"));
        let early = body_came(wire)?;
        wire.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        let body = wire.read_body(&head)?;
        let answer = format!("{early} {}", String::from_utf8_lossy(&body));
        Reply::ok(answer).send(wire, false)?;
        Ok(())
    });
    let request = client()
        .post(server.url("/"))
        .header("expect", "100-continue")
        .body("wanted");
    let response = request.send().await.unwrap();
    let answer = response.text().await.unwrap();
    assert_eq!(answer, "false wanted");
}

#[dual]
#[form_test]
async fn poo_05_expect_continue_refused_sends_no_body() {
    let server = Server::wire(|wire| {
        wire.read_head()?.unwrap();
        wire.send("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 2\r\n\r\nno")?;
        // Either a new request on this connection or its end, but no body.
        let next = wire.read_some()?;
        assert!(!next.starts_with(b"unwanted"));
        Ok(())
    });
    let client = client();
    let request = client
        .post(server.url("/"))
        .header("expect", "100-continue")
        .body("unwanted");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 417);
    let answer = response.text().await.unwrap();
    assert_eq!(answer, "no");
    assert_at_rest(&client).await;
    drop(client);
    let seen = form_util::until(|| server.open() == 0).await;
    assert!(seen);
    assert!(!String::from_utf8_lossy(&server.received()[0]).contains("unwanted"));
}

#[dual]
#[form_test]
async fn expect_continue_unanswered_goes_on_after_a_second() {
    let server = Server::wire(|wire| {
        let head = wire.read_head()?.unwrap();
        let body = wire.read_body(&head)?;
        Reply::ok(body).send(wire, false)?;
        Ok(())
    });
    let begun = Instant::now();
    let request = client()
        .post(server.url("/"))
        .header("expect", "100-continue")
        .body("anyway");
    let response = request.send().await.unwrap();
    let answer = response.text().await.unwrap();
    assert_eq!(answer, "anyway");
    assert!(
        begun.elapsed() >= ms(900) && begun.elapsed() < ms(2500),
        "{:?}",
        begun.elapsed()
    );
}

/// Answers 413 from the head alone; then reads on, or closes.
fn too_large(close: bool) -> Server {
    Server::wire(move |wire| {
        while let Some(head) = wire.read_head()? {
            if head.method == "GET" {
                Reply::ok("fine").send(wire, false)?;
                continue;
            }
            let reply = Reply::status(413).body("too large");
            if close {
                reply.closing().send(wire, false)?;
                wire.finish();
                wire.drain(Duration::from_secs(5));
                return Ok(());
            }
            reply.send(wire, false)?;
            wire.read_body(&head)?;
        }
        Ok(())
    })
}

#[dual]
#[form_test]
async fn an_early_413_is_delivered_and_the_next_request_works() {
    for close in [false, true] {
        let server = too_large(close);
        let client = client();
        for chunked in [false, true] {
            let content = vec![b'x'; 3_000_000];
            let body = match chunked {
                true => Body::from_reader(Cursor::new(content)),
                false => Body::from(content),
            };
            let response = client
                .post(server.url("/"))
                .body(body)
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), 413, "close: {close}, chunked: {chunked}");
            let text = response.text().await.unwrap();
            assert_eq!(text, "too large");
            assert_at_rest(&client).await;
            let response = client.get(server.url("/")).send().await.unwrap();
            let text = response.text().await.unwrap();
            assert_eq!(text, "fine");
        }
    }
}

#[dual]
#[form_test]
async fn an_early_413_with_a_reset_is_delivered_or_an_error_of_writing() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        Reply::status(413)
            .body("too large")
            .closing()
            .send(wire, false)?;
        std::thread::sleep(ms(50));
        wire.reset();
        Ok(())
    });
    let client = client();
    let sent = client
        .post(server.url("/"))
        .body(vec![b'x'; 8_000_000])
        .send()
        .await;
    match sent {
        Ok(response) => assert_eq!(response.status(), 413),
        Err(e) => {
            use ErrorKind::*;
            assert!(
                matches!(e.kind(), WriteError | ReadError | RemoteProtocolError),
                "{}",
                name(e.kind())
            );
        }
    }
    assert_at_rest(&client).await;
}
