//! What a body read piece by piece takes of the process's memory.

use std::io::Write;
use std::process::Command;

use dimorph::ErrorKind;
use flate2::Compression;
use flate2::write::GzEncoder;
use sync_tests::{Reply, Server};

use super::common::{client, resident};
use super::{dual, form_test};

const TARGET: &str = "DIMORPH_TESTS_MEMORY_TARGET";
const SIZE: usize = 64 << 20;
/// How much the process may grow.
const MOST: usize = 8 << 20;

/// Sends chunks as large as the target says, as fast as they are taken.
fn chunked() -> Server {
    Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            let size: usize = head.target[1..].parse().unwrap();
            let mut chunk = format!("{size:x}\r\n").into_bytes();
            chunk.resize(chunk.len() + size, b'm');
            chunk.extend_from_slice(b"\r\n");
            let several = chunk.repeat((1 << 20 >> 4) / size + 1);
            wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let per_write = size * (several.len() / chunk.len());
            for _ in 0..SIZE / per_write {
                wire.send(&several)?;
            }
            wire.send("0\r\n\r\n")?;
        }
        Ok(())
    })
}

#[dual]
async fn read_in_the_child(address: &str) {
    let client = client();
    for size in [200, 4096, 1 << 16, 16 << 20] {
        let url = format!("http://{address}/{size}");
        let mut response = client.get(url).send().await.unwrap();
        let before = resident();
        let (mut total, mut looked, mut most) = (0, 0, 0);
        while let Some(piece) = response.chunk().await.unwrap() {
            assert_eq!((piece[0], piece[piece.len() - 1]), (b'm', b'm'));
            total += piece.len();
            if total - looked >= 1 << 20 {
                looked = total;
                most = most.max(resident().saturating_sub(before));
            }
        }
        assert!(total > SIZE / 2, "{size}: {total}");
        assert!(most <= MOST, "chunks of {size}: grew by {most}");
    }
    assert_eq!(client.pool_stats().opened, 1);
}

/// Runs a test of this module once more, in a process of its own: there the servers and the other tests are not.
fn in_a_child(server: &Server, test: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("dual_tests::memory::{test}")])
        .args(["--nocapture", "--test-threads", "1"])
        .env(TARGET, server.address().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert!(server.connections() > 0, "the child ran the test");
}

#[dual]
#[form_test]
async fn a_large_chunked_body_is_read_in_small_memory() {
    if let Ok(address) = std::env::var(TARGET) {
        read_in_the_child(&address).await;
        return;
    }
    let server = chunked();
    in_a_child(&server, "a_large_chunked_body_is_read_in_small_memory");
    assert_eq!(server.connections(), 1);
}

/// What a bomb expands to.
const EXPANDED: usize = 16 << 20;

/// Many members of one MiB each.
fn gzip_bomb() -> Vec<u8> {
    let pack = |content: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    pack(&vec![0; 1 << 20]).repeat(EXPANDED >> 20)
}

/// A frame with a window of 128 KiB, and blocks that say: this byte, so many times (RFC 8878 section 3.1.1.2).
fn zstd_bomb() -> Vec<u8> {
    let block = 128 << 10;
    let count = EXPANDED / block;
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    for number in 1..=count {
        let last = u32::from(number == count);
        let header = last | 1 << 1 | (block as u32) << 3;
        bomb.extend_from_slice(&header.to_le_bytes()[..3]);
        bomb.push(0);
    }
    bomb
}

#[dual]
async fn decode_in_the_child(address: &str) {
    let client = client();
    for path in ["gzip", "gzip-gzip", "zstd"] {
        let url = format!("http://{address}/{path}");
        let mut response = client.get(url).send().await.unwrap();
        let before = resident();
        let (mut total, mut looked, mut most) = (0, 0, 0);
        while let Some(piece) = response.chunk().await.unwrap() {
            assert!(piece.len() <= 64 << 10, "{path}: {} at once", piece.len());
            total += piece.len();
            if total - looked >= 1 << 20 {
                looked = total;
                most = most.max(resident().saturating_sub(before));
            }
        }
        assert_eq!(total, EXPANDED, "{path}");
        assert!(most <= 4 << 20, "{path}: grew by {most}");
    }
}

#[dual]
#[form_test]
async fn res_02_a_bomb_is_streamed_in_small_memory() {
    if let Ok(address) = std::env::var(TARGET) {
        decode_in_the_child(&address).await;
        return;
    }
    let gzip = gzip_bomb();
    let mut twice = GzEncoder::new(Vec::new(), Compression::best());
    twice.write_all(&gzip).unwrap();
    let (twice, zstd) = (twice.finish().unwrap(), zstd_bomb());
    assert!(gzip.len() < EXPANDED / 500 && twice.len() < gzip.len() && zstd.len() < EXPANDED / 500);
    let server = Server::http(move |request| match request.target.as_str() {
        "/gzip" => Reply::ok(gzip.clone()).header("content-encoding", "gzip"),
        "/gzip-gzip" => Reply::ok(twice.clone()).header("content-encoding", "gzip, gzip"),
        _ => Reply::ok(zstd.clone()).header("content-encoding", "zstd"),
    });
    in_a_child(&server, "res_02_a_bomb_is_streamed_in_small_memory");
}

/// The address space of this process.
fn reserved() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').next().unwrap().parse().unwrap();
    pages << 12
}

#[dual]
async fn believe_nothing_in_the_child(address: &str) {
    let client = client();
    let url = format!("http://{address}/");
    let warm = client.get(format!("{url}warm")).send().await.unwrap();
    warm.bytes().await.unwrap_err();
    for way in ["bytes", "text", "buffer", "chunk"] {
        let mut response = client.get(&url).send().await.unwrap();
        assert_eq!(response.content_length(), Some(10 << 30));
        let before = (resident(), reserved());
        let error = match way {
            "bytes" => response.bytes().await.map(drop).unwrap_err(),
            "text" => response.text().await.map(drop).unwrap_err(),
            "buffer" => response.buffer().await.map(drop).unwrap_err(),
            _ => {
                let first = response.chunk().await.unwrap().unwrap();
                assert_eq!(first, "hello");
                response.chunk().await.unwrap_err()
            }
        };
        assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{way}");
        let grown = (
            resident().saturating_sub(before.0),
            reserved().saturating_sub(before.1),
        );
        // Pages of the program itself are among them, as they are touched first.
        assert!(grown.0 <= 4 << 20 && grown.1 <= 4 << 20, "{way}: {grown:?}");
    }
}

#[dual]
#[form_test]
async fn res_09_an_announced_length_reserves_nothing() {
    if let Ok(address) = std::env::var(TARGET) {
        believe_nothing_in_the_child(&address).await;
        return;
    }
    let server = Server::http(|_| {
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\nhello").closing()
    });
    in_a_child(&server, "res_09_an_announced_length_reserves_nothing");
}
