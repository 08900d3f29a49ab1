//! The events of one response.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use dimorph::ErrorKind;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, client};
use super::form::Response;
use super::{dual, form_test, stream, told};

const TEXT: &str = "\u{feff}: hello\r\nid: 1\r\ndata: one\r\n\r\nevent: add\rdata: {\"n\": 2}\rdata\r\rretry: 5\n\ndata: ☃\nretry: 7\n\ndata: lost\n";

#[dual]
async fn get(server: &Server, path: &str) -> Response {
    client().get(server.url(path)).send().await.unwrap()
}

#[dual]
#[form_test]
async fn events_come_out_whatever_the_pieces_are() {
    let server = Server::http(|request| {
        let size: usize = request.target[1..].parse().unwrap();
        let pieces = TEXT.as_bytes().chunks(size).map(<[u8]>::to_vec);
        Reply::chunked(pieces.collect::<Vec<_>>())
            .header("content-type", "Text/Event-Stream; charset=latin1")
    });
    for size in [1, 2, 3, 7, 1000] {
        let mut response = get(&server, &format!("/{size}")).await;
        let mut events = response.iter_sse();
        let mut all = Vec::new();
        while let Some(event) = events.next().await {
            all.push(event.unwrap());
        }
        let expected = [
            ("message", "one", "1"),
            ("add", "{\"n\": 2}\n", "1"),
            ("message", "☃", "1"),
        ];
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected, "{size}");
        assert_eq!(all[0].retry(), None);
        assert_eq!(all[2].retry(), Some(Duration::from_millis(7)));
    }
}

#[dual]
#[form_test]
async fn another_type_is_refused_and_the_body_can_still_be_read() {
    let server = Server::http(|request| match request.target.as_str() {
        "/page" => Reply::ok("<p>").header("content-type", "text/html; charset=utf-8"),
        "/error" => Reply::status(404)
            .body("{}")
            .header("content-type", "application/json"),
        _ => Reply::ok("data: a\n\n"),
    });
    for (path, found, body) in [
        ("/page", "found `text/html` for url", "<p>"),
        (
            "/error",
            "found `application/json`, with the status 404 for url",
            "{}",
        ),
        ("/none", "found no content-type for url", "data: a\n\n"),
    ] {
        let mut response = get(&server, path).await;
        let mut events = response.iter_sse();
        let error = events.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
        assert!(error.to_string().contains(found), "{error}");
        assert_eq!(error.url().unwrap().path(), path);
        let end = events.next().await;
        assert!(end.is_none());
        drop(events);
        let text = response.text().await.unwrap();
        assert_eq!(text, body);
    }
}

#[dual]
#[form_test]
async fn a_buffered_stream_is_walked_again_and_a_begun_one_is_not() {
    let server = Server::http(|_| stream("data: a\n\ndata: b\n\n"));
    let mut response = get(&server, "/").await;
    response.buffer().await.unwrap();
    for _ in 0..2 {
        let mut events = response.iter_sse();
        for expected in ["a", "b"] {
            let event = events.next().await.unwrap().unwrap();
            assert_eq!(event.data(), expected);
        }
        let end = events.next().await;
        assert!(end.is_none());
    }
    let mut response = get(&server, "/").await;
    let mut events = response.iter_sse();
    events.next().await.unwrap().unwrap();
    drop(events);
    let mut again = response.iter_sse();
    let error = again.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
}

#[dual]
#[form_test]
async fn an_event_has_a_limit() {
    let server = Server::http(|_| stream(format!("data: a\n\ndata: {}\n\n", "b".repeat(9000))));
    for buffered in [false, true] {
        let mut response = get(&server, "/").await;
        if buffered {
            response.buffer().await.unwrap();
        }
        let mut events = response.iter_sse().max_event_size(8000);
        let first = events.next().await.unwrap().unwrap();
        assert_eq!(first.data(), "a");
        let error = events.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(error.to_string().contains("larger than 8000 bytes"));
        let end = events.next().await;
        assert!(end.is_none());
    }
    // Too large from the start on.
    let mut response = get(&server, "/").await;
    response.buffer().await.unwrap();
    let mut events = response.iter_sse().max_event_size(3);
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let end = events.next().await;
    assert!(end.is_none());
}

#[dual]
#[form_test]
async fn an_endless_line_is_an_error_and_not_a_full_memory() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ")?;
        let block = vec![b'x'; 1 << 20];
        for _ in 0..1024 {
            wire.send(&block)?;
        }
        Ok(())
    });
    let client = client();
    let mut response = client.get(server.url("/")).send().await.unwrap();
    let mut events = response.iter_sse();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    drop(events);
    assert!(response.num_bytes_downloaded() < 20 << 20);
    drop(response);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_compressed_stream_gives_each_event_as_it_is_flushed() {
    let (seen, go_on) = channel::<()>();
    let go_on = Mutex::new(go_on);
    let server = Server::wire(move |wire| {
        wire.read_head()?;
        wire.send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n",
        )?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for number in 0..3 {
            write!(encoder, "data: {number}\n\n")?;
            encoder.flush()?;
            wire.send(std::mem::take(encoder.get_mut()))?;
            // The next one is not written before this one was seen.
            let waited = go_on.lock().unwrap().recv_timeout(Duration::from_secs(10));
            assert!(waited.is_ok());
        }
        wire.send(encoder.finish()?)
    });
    let mut response = get(&server, "/").await;
    let mut events = response.iter_sse();
    for number in ["0", "1", "2"] {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.data(), number);
        seen.send(()).unwrap();
    }
    let end = events.next().await;
    assert!(end.is_none());
}

#[derive(Debug, PartialEq, Deserialize)]
struct Price {
    eur: u32,
}

#[dual]
#[form_test]
async fn data_is_json_or_an_error_that_says_so() {
    let server = Server::http(|_| stream("data: {\ndata: \"eur\": 3}\n\ndata: [DONE]\n\n"));
    let mut response = get(&server, "/").await;
    let mut events = response.iter_sse();
    let event = events.next().await.unwrap().unwrap();
    assert_eq!(event.json::<Price>().unwrap(), Price { eur: 3 });
    let event = events.next().await.unwrap().unwrap();
    let error = event.json::<Price>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Json);
    assert!(error.is_decode());
}
