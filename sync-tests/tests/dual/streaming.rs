//! A response's body in every shape.

use std::io::Write;

use bytes::Bytes;
use dimorph::ErrorKind;
use flate2::Compression;
use flate2::write::GzEncoder;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client, ms};
use super::form::Response;
use super::{dual, form_test, form_util};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Lines with letters of several bytes, cut anywhere.
const TEXT: &str = "erste Zeile\r\nzweite: äöü ☃\n\nvierte\rletzte 🌍";

fn server() -> Server {
    Server::http(|request| {
        let pieces = |bytes: &[u8]| bytes.chunks(7).map(<[u8]>::to_vec).collect::<Vec<_>>();
        match request.target.as_str() {
            "/sized" => Reply::ok(TEXT),
            "/chunked" => Reply::chunked(pieces(TEXT.as_bytes())),
            "/gzip" => {
                Reply::chunked(pieces(&gzip(TEXT.as_bytes()))).header("content-encoding", "gzip")
            }
            "/empty" => Reply::ok(""),
            _ => Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{TEXT}")).closing(),
        }
    })
}

const PATHS: [&str; 4] = ["/sized", "/chunked", "/gzip", "/until-close"];

#[dual]
async fn get(server: &Server, path: &str) -> Response {
    client().get(server.url(path)).send().await.unwrap()
}

#[dual]
#[form_test]
async fn a_body_is_taken_whole() {
    let server = server();
    for path in PATHS {
        let response = get(&server, path).await;
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, TEXT.as_bytes(), "{path}");
        let response = get(&server, path).await;
        let text = response.text().await.unwrap();
        assert_eq!(text, TEXT, "{path}");
    }
    let response = get(&server, "/empty").await;
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.is_empty());
}

#[dual]
#[form_test]
async fn a_body_is_taken_in_chunks() {
    let server = server();
    for path in PATHS {
        let mut response = get(&server, path).await;
        let mut all = Vec::new();
        while let Some(piece) = response.chunk().await.unwrap() {
            assert!(!piece.is_empty());
            all.extend_from_slice(&piece);
        }
        assert_eq!(all, TEXT.as_bytes(), "{path}");
        let more = response.chunk().await.unwrap();
        assert!(more.is_none(), "the end stays the end");
    }
}

#[dual]
#[form_test]
async fn a_body_is_iterated_as_bytes_text_and_lines() {
    let server = server();
    for path in PATHS {
        let mut response = get(&server, path).await;
        let mut parts = response.iter_bytes();
        let mut all = Vec::new();
        while let Some(part) = parts.next().await {
            all.extend_from_slice(&part.unwrap());
        }
        assert_eq!(all, TEXT.as_bytes(), "{path}");

        let mut response = get(&server, path).await;
        let mut parts = response.iter_text();
        let mut all = String::new();
        while let Some(part) = parts.next().await {
            all += &part.unwrap();
        }
        assert_eq!(all, TEXT, "{path}");

        let mut response = get(&server, path).await;
        let mut parts = response.iter_lines();
        let mut all = Vec::new();
        while let Some(part) = parts.next().await {
            all.push(part.unwrap());
        }
        assert_eq!(
            all,
            ["erste Zeile", "zweite: äöü ☃", "", "vierte", "letzte 🌍"],
            "{path}"
        );
    }
}

#[dual]
#[form_test]
async fn raw_bytes_are_not_decoded() {
    let server = server();
    let mut response = get(&server, "/gzip").await;
    let mut parts = response.iter_raw();
    let mut all = Vec::new();
    while let Some(part) = parts.next().await {
        all.extend_from_slice(&part.unwrap());
    }
    assert_eq!(all, gzip(TEXT.as_bytes()));
}

#[dual]
#[form_test]
async fn a_body_is_read_by_the_traits_of_its_form() {
    let server = server();
    for path in PATHS {
        let mut response = get(&server, path).await;
        let all = form_util::read_all(&mut response).await.unwrap();
        assert_eq!(all, TEXT.as_bytes(), "{path}");

        let mut response = get(&server, path).await;
        let parts: Vec<Bytes> = form_util::collect(&mut response).await.unwrap();
        assert_eq!(parts.concat(), TEXT.as_bytes(), "{path}");
    }
}

#[dual]
#[form_test]
async fn a_body_is_copied_to_a_writer() {
    let server = server();
    for path in PATHS {
        let mut response = get(&server, path).await;
        let mut all = Vec::new();
        let count = response.copy_to(&mut all).await.unwrap();
        assert_eq!(
            (count, all.as_slice()),
            (TEXT.len() as u64, TEXT.as_bytes()),
            "{path}"
        );
    }
}

#[dual]
#[form_test]
async fn a_buffered_body_is_there_again_and_again() {
    let server = server();
    let mut response = get(&server, "/gzip").await;
    assert!(response.content().is_none());
    let buffered = response.buffer().await.unwrap().clone();
    assert_eq!(buffered, TEXT.as_bytes());
    let again = response.buffer().await.unwrap().clone();
    assert_eq!(again, TEXT.as_bytes());
    assert_eq!(response.content().unwrap(), TEXT.as_bytes());
    let mut lines = response.iter_lines();
    let first = lines.next().await.unwrap().unwrap();
    assert_eq!(first, "erste Zeile");
    drop(lines);
    let text = response.text().await.unwrap();
    assert_eq!(text, TEXT);
}

#[dual]
#[form_test]
async fn downloaded_bytes_are_counted_as_they_come() {
    let content = vec![b'a'; 500_000];
    let packed = gzip(&content);
    let length = packed.len() as u64;
    let server =
        Server::http(move |_| Reply::ok(packed.clone()).header("content-encoding", "gzip"));
    let mut response = get(&server, "/").await;
    assert_eq!(response.num_bytes_downloaded(), 0);
    let mut total = 0;
    while let Some(piece) = response.chunk().await.unwrap() {
        total += piece.len();
        assert!(response.num_bytes_downloaded() > 0);
    }
    assert_eq!(total, 500_000);
    assert_eq!(response.num_bytes_downloaded(), length);
}

#[dual]
#[form_test]
async fn pieces_come_as_the_server_sends_them() {
    let server = Server::http(|_| Reply::chunked(["one", "two", "three"]).paced(ms(40)));
    let mut response = get(&server, "/").await;
    let mut parts = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        parts.push(piece);
    }
    assert_eq!(parts, ["one", "two", "three"]);
}

#[dual]
#[form_test]
async fn a_large_body_goes_through_a_small_memory() {
    // 1 GiB is sent as long as it is taken; only a part of it is.
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")?;
        let block = vec![7; 1 << 20];
        for _ in 0..1024 {
            wire.send(&block)?;
        }
        Ok(())
    });
    let client = client();
    let mut response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.content_length(), Some(1 << 30));
    let mut total = 0;
    while total < 50 << 20 {
        let piece = response.chunk().await.unwrap().unwrap();
        assert!(piece.len() <= 4 << 20, "{} bytes at once", piece.len());
        assert!(piece.iter().all(|&b| b == 7));
        total += piece.len();
    }
    drop(response);
    assert_at_rest(&client).await;
    let closed = form_util::until(|| server.open() == 0).await;
    assert!(closed, "the server was let go");
}

#[dual]
#[form_test]
async fn codings_may_be_chained_concatenated_and_truncated() {
    let twice = gzip(&gzip(b"twice"));
    let members = [gzip(b"two "), gzip(b"members")].concat();
    let whole = gzip(&vec![b'z'; 100_000]);
    let cut = whole[..whole.len() - 9].to_vec();
    let server = Server::http(move |request| {
        let (coding, body) = match request.target.as_str() {
            "/twice" => ("gzip, gzip", &twice),
            "/members" => ("x-gzip", &members),
            _ => ("gzip", &cut),
        };
        Reply::ok(body.clone()).header("content-encoding", coding)
    });
    for (path, expected) in [("/twice", "twice"), ("/members", "two members")] {
        let response = get(&server, path).await;
        let text = response.text().await.unwrap();
        assert_eq!(text, expected);
    }
    let response = get(&server, "/cut").await;
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DecodingError);
    assert!(error.is_decode());
}

#[dual]
#[form_test]
async fn res_02_a_bomb_comes_in_bounded_slices_and_can_be_limited() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 70_000);
    let server = Server::http(move |_| Reply::ok(bomb.clone()).header("content-encoding", "gzip"));
    let mut response = get(&server, "/").await;
    let mut total = 0;
    while let Some(piece) = response.chunk().await.unwrap() {
        assert!(piece.len() <= 2 << 20, "{} bytes at once", piece.len());
        total += piece.len();
    }
    assert_eq!(total, 64 << 20);

    let careful = builder().max_decoded_size(1 << 20).build().unwrap();
    let response = careful.get(server.url("/")).send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_at_rest(&careful).await;
}

#[dual]
#[form_test]
async fn a_coded_body_without_a_body_is_empty() {
    let server = Server::http(|request| match request.target.as_str() {
        "/204" => Reply::status(204).header("content-encoding", "gzip"),
        "/304" => Reply::status(304).header("content-encoding", "gzip"),
        _ => Reply::ok("").header("content-encoding", "gzip"),
    });
    let client = client();
    for path in ["/204", "/304", "/200"] {
        for request in [client.get(server.url(path)), client.head(server.url(path))] {
            let response = request.send().await.unwrap();
            let bytes = response.bytes().await.unwrap();
            assert!(bytes.is_empty(), "{path}");
        }
    }
    assert_eq!(server.connections(), 1);
}
