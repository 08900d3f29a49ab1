//! What a body read piece by piece takes of the process's memory.

use std::process::Command;

use sync_tests::Server;

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

/// The growth is of a process of its own: there the servers and the other tests are not.
#[dual]
#[form_test]
async fn a_large_chunked_body_is_read_in_small_memory() {
    if let Ok(address) = std::env::var(TARGET) {
        read_in_the_child(&address).await;
        return;
    }
    let server = chunked();
    let name = "dual_tests::memory::a_large_chunked_body_is_read_in_small_memory";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(TARGET, server.address().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert_eq!(server.connections(), 1, "the child ran the test");
}
