//! What the upload of a large file takes of the process's memory.

use std::fs::{self, File};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dimorph::multipart::{Form, Part};
use sync_tests::{Reply, Server};

use super::super::common::{client, resident};
use super::super::{dual, form_test};

const TARGET: &str = "DIMORPH_TESTS_UPLOAD_TARGET";
const FILE: &str = "DIMORPH_TESTS_UPLOAD_FILE";
const SIZE: u64 = 64 << 20;
/// How much the process may grow.
const MOST: usize = 8 << 20;

/// Counts what comes, and keeps none of it.
fn counting() -> Server {
    Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            let mut total = 0;
            match head.header("content-length") {
                Some(length) => {
                    let length: usize = length.parse().unwrap();
                    while total < length {
                        total += wire.read_exactly((length - total).min(1 << 20))?.len();
                        wire.received.lock().unwrap().clear();
                    }
                }
                // The end of a form is its last line; chunk sizes are counted with the rest.
                None => loop {
                    let piece = wire.read_some()?;
                    wire.received.lock().unwrap().clear();
                    total += piece.len();
                    if piece.is_empty() || piece.ends_with(b"0\r\n\r\n") {
                        break;
                    }
                },
            }
            Reply::ok(total.to_string()).send(wire, false)?;
        }
        Ok(())
    })
}

#[dual]
async fn upload_in_the_child(address: &str) {
    let path = std::env::var(FILE).unwrap();
    let client = client();
    let url = format!("http://{address}/");
    // What the first request costs once is not of interest.
    let small = Form::new().text("a", "1");
    let warm = client.post(&url).multipart(small).send().await.unwrap();
    warm.bytes().await.unwrap();
    for chunked in [false, true] {
        let part = match chunked {
            // A reader that hides that it is a file.
            true => Part::reader(std::io::Read::take(File::open(&path).unwrap(), SIZE)),
            false => Part::file(&path).unwrap(),
        };
        let form = Form::new().text("a", "1").part("file", part);
        let before = resident();
        let (most, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (peak, count) = (Arc::clone(&most), Arc::clone(&calls));
        let request = client.post(&url).multipart(form).on_upload(move |_| {
            // Reading /proc for each piece would take longer than sending it.
            if count.fetch_add(1, Ordering::Relaxed) % 32 == 0 {
                let grown = resident().saturating_sub(before);
                peak.fetch_max(grown, Ordering::Relaxed);
            }
        });
        let response = request.send().await.unwrap();
        let received: u64 = response.text().await.unwrap().parse().unwrap();
        assert!(received > SIZE, "{received}");
        assert!(calls.load(Ordering::Relaxed) > 64, "in many pieces");
        let most = most.load(Ordering::Relaxed);
        assert!(most <= MOST, "chunked {chunked}: grew by {most}");
    }
}

/// The growth is of a process of its own: there the servers and the other tests are not.
#[dual]
#[form_test]
async fn a_large_file_is_sent_in_small_memory() {
    if let Ok(address) = std::env::var(TARGET) {
        upload_in_the_child(&address).await;
        return;
    }
    let server = counting();
    let path = std::env::temp_dir().join(format!("dimorph-sparse-{}", server.port()));
    File::create(&path).unwrap().set_len(SIZE).unwrap();
    let name = "dual_tests::multipart::memory::a_large_file_is_sent_in_small_memory";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(TARGET, server.address().to_string())
        .env(FILE, &path)
        .output()
        .unwrap();
    fs::remove_file(&path).unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert_eq!(server.connections(), 1, "the child ran the test");
}
