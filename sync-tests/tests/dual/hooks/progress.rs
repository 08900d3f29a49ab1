//! The counters of what was sent and received.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use dimorph::multipart::{Form, Part};
use dimorph::{Body, Progress};
use sync_tests::{DigestServer, Received, Reply, Server};

use super::super::common::client;
use super::super::form::RequestBuilder;
use super::super::{dual, form_test, form_util};

#[derive(Clone, Default)]
struct Counts(Arc<Mutex<Vec<Progress>>>);

impl Counts {
    fn counter(&self) -> impl Fn(Progress) + Send + Sync + 'static {
        let counts = self.clone();
        move |progress| counts.0.lock().unwrap().push(progress)
    }

    fn take(&self) -> Vec<Progress> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Never fewer, always of the same total; returns the last.
fn checked(what: &str, counts: &[Progress]) -> Progress {
    let last = *counts
        .last()
        .unwrap_or_else(|| panic!("{what}: never called"));
    for pair in counts.windows(2) {
        assert!(pair[0].bytes < pair[1].bytes, "{what}: {pair:?}");
        assert_eq!(pair[0].total, pair[1].total, "{what}");
    }
    if let Some(total) = last.total {
        assert_eq!(last.bytes, total, "{what}");
    }
    last
}

fn lengths(request: &Received) -> Reply {
    Reply::ok(request.body.len().to_string())
}

#[dual]
async fn send(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    response.text().await.unwrap()
}

#[dual]
#[form_test]
async fn an_upload_is_counted_to_its_last_byte() {
    let server = Server::http(lengths);
    let client = client();
    let large = 3 << 20;
    let bytes = |n: usize| vec![b'x'; n];
    let file = |n: usize| super::super::httpx_cases::file_of(&"x".repeat(n));
    let cases: Vec<(&str, Body, usize, bool)> = vec![
        ("one byte", bytes(1).into(), 1, true),
        ("small", bytes(1000).into(), 1000, true),
        ("large", bytes(large).into(), large, true),
        ("file", file(large).into(), large, true),
        (
            "sized reader",
            Body::sized(Cursor::new(bytes(large)), large as u64),
            large,
            true,
        ),
        (
            "reader",
            Body::from_reader(Cursor::new(bytes(large))),
            large,
            false,
        ),
        (
            "pieces",
            form_util::pieces_body(vec![bytes(10), bytes(20), bytes(30)]),
            60,
            false,
        ),
    ];
    for (what, body, length, known) in cases {
        let counts = Counts::default();
        let request = client
            .post(server.url("/"))
            .body(body)
            .on_upload(counts.counter());
        let received = send(request).await;
        assert_eq!(received, length.to_string(), "{what}");
        let counts = counts.take();
        let last = checked(what, &counts);
        assert_eq!(last.bytes, length as u64, "{what}: without chunk framing");
        assert_eq!(last.total, known.then_some(length as u64), "{what}");
        if what == "pieces" {
            let seen: Vec<u64> = counts.iter().map(|progress| progress.bytes).collect();
            assert_eq!(seen, [10, 30, 60]);
        }
    }
    let counts = Counts::default();
    let form = Form::new()
        .text("a", "1")
        .part("file", Part::reader(file(large)).file_name("f.bin"));
    let length = form.content_length();
    assert!(length.is_some());
    let request = client
        .post(server.url("/"))
        .multipart(form)
        .on_upload(counts.counter());
    send(request).await;
    let last = checked("form", &counts.take());
    assert_eq!(last.total, length);

    let counts = Counts::default();
    send(client.post(server.url("/")).on_upload(counts.counter())).await;
    send(client.get(server.url("/")).on_upload(counts.counter())).await;
    assert!(counts.take().iter().all(|progress| progress.bytes == 0));
}

#[dual]
#[form_test]
async fn a_body_that_is_sent_twice_is_counted_twice() {
    let redirecting = Server::http(|request| match request.target.as_str() {
        "/start" => Reply::redirect(307, "/end"),
        _ => lengths(request),
    });
    let digest = DigestServer::builder("tom", "mot123").start();
    let client = client();
    let counts = Counts::default();
    for request in [
        client.post(redirecting.url("/start")),
        client
            .post(digest.url("/"))
            .auth(dimorph::DigestAuth::new("tom", "mot123")),
    ] {
        send(request.body("four").on_upload(counts.counter())).await;
        let seen: Vec<_> = counts.take().iter().map(|p| (p.bytes, p.total)).collect();
        assert_eq!(seen, [(4, Some(4)), (4, Some(4))]);
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[dual]
#[form_test]
async fn a_download_is_counted_as_it_comes_over_the_wire() {
    let content: Vec<u8> = (0..2_000_000u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let packed = gzip(&content);
    let wire = packed.len() as u64;
    assert!(wire < content.len() as u64);
    let server = Server::http({
        let content = content.clone();
        move |request| match request.target.as_str() {
            "/length" => Reply::ok(content.clone()),
            "/chunked" => Reply::chunked(content.chunks(300_000).map(<[u8]>::to_vec)),
            "/gzip" => Reply::ok(packed.clone()).header("content-encoding", "gzip"),
            "/gzip-chunked" => Reply::chunked(packed.chunks(70_000).map(<[u8]>::to_vec))
                .header("content-encoding", "gzip"),
            "/close" => {
                let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
                Reply::raw([head, &content[..]].concat()).closing()
            }
            "/small" => Reply::ok("small"),
            _ => Reply::ok(""),
        }
    });
    let client = client();
    let all = content.len() as u64;
    for (path, bytes, total, decoded) in [
        ("/length", all, Some(all), all),
        ("/chunked", all, None, all),
        ("/gzip", wire, Some(wire), all),
        ("/gzip-chunked", wire, None, all),
        ("/close", all, None, all),
        ("/small", 5, Some(5), 5),
    ] {
        for way in ["bytes", "chunk", "iter_raw", "read"] {
            let counts = Counts::default();
            let request = client.get(server.url(path)).on_download(counts.counter());
            let mut response = request.send().await.unwrap();
            let mut length = 0;
            match way {
                "bytes" => {
                    let body = response.bytes().await.unwrap();
                    length = body.len();
                }
                "chunk" => {
                    while let Some(piece) = response.chunk().await.unwrap() {
                        length += piece.len();
                    }
                }
                "iter_raw" => {
                    let mut pieces = response.iter_raw();
                    while let Some(piece) = pieces.next().await {
                        length += piece.unwrap().len();
                    }
                }
                _ => {
                    let read = form_util::read_all(&mut response).await;
                    length += read.unwrap().len();
                }
            }
            let what = format!("{path} by {way}");
            let expected = if way == "iter_raw" { bytes } else { decoded };
            assert_eq!(length as u64, expected, "{what}");
            let last = checked(&what, &counts.take());
            assert_eq!((last.bytes, last.total), (bytes, total), "{what}");
        }
    }
    let counts = Counts::default();
    for request in [
        client.get(server.url("/empty")),
        client.head(server.url("/length")),
    ] {
        send(request.on_download(counts.counter())).await;
        assert!(counts.take().iter().all(|progress| progress.bytes == 0));
    }
}
