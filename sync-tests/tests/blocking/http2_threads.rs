//! Threads that share a connection of HTTP/2, and have nobody but themselves to drive it.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use dimorph::{Body, Client};
use sync_tests::certs::certs;

use crate::dual_tests::http2_real::content::{large, of_nonce};
use crate::dual_tests::http2_real::hyper_server::Hyper;
use crate::dual_tests::http2_real::{client, download, get, knowing, text};
use crate::form_util::until;

const TARGET: &str = "DIMORPH_TESTS_HTTP2_THREADS_TARGET";
const AUTHORITY: &str = "DIMORPH_TESTS_HTTP2_THREADS_AUTHORITY";

/// Longer than anything here takes, where all is well.
const LONG: Duration = Duration::from_secs(20);

fn both() -> [Hyper; 2] {
    [Hyper::plain(), Hyper::secure()]
}

fn threads() -> BTreeSet<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(|task| task.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn count_in_the_child(base: &str) {
    let before = threads();
    let authority = std::env::var(AUTHORITY).unwrap();
    let client = knowing().verify(&*authority).build().unwrap();
    let check = |when: &str| {
        let now = threads();
        assert!(
            now.is_subset(&before),
            "{when}: {} became {}",
            before.len(),
            now.len()
        );
    };
    assert_eq!(text(&client, format!("{base}/")), "hello");
    check("after a request");
    let mut response = get(&client, format!("{base}/large/64"));
    response.chunk().unwrap();
    check("in a body");
    let body = Body::from_reader(&large()[..1 << 20]);
    let echo = client.post(format!("{base}/echo")).body(body).send();
    check("in another");
    assert!(echo.unwrap().bytes().unwrap() == large()[..1 << 20]);
    drop(response);
    assert_eq!(text(&client, format!("{base}/")), "hello");
    check("at the end");
    assert_eq!(client.pool_stats().opened, 1);
}

/// The count is of a process of its own: there the threads of servers and other tests are not.
#[test]
fn requests_over_http_2_spawn_no_thread() {
    if let Ok(base) = std::env::var(TARGET) {
        count_in_the_child(&base);
        return;
    }
    for server in both() {
        let name = "http2_threads::requests_over_http_2_spawn_no_thread";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads", "1"])
            .env(TARGET, server.url(""))
            .env(AUTHORITY, &certs().ca_file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{said}");
        assert_eq!(server.requests().len(), 4);
    }
}

#[test]
fn a_response_is_read_by_other_threads_than_the_one_that_asked() {
    for server in both() {
        let client = client();
        let ask = {
            let (client, url) = (client.clone(), server.url("/large/16"));
            move || get(&client, url)
        };
        let mut response = thread::spawn(ask).join().unwrap();
        let mut total = 0;
        loop {
            // Each thread reads a piece, and ends.
            let piece = thread::spawn(move || {
                let mut bytes = vec![0; 1 << 20];
                let mut read = 0;
                while read < bytes.len() {
                    match response.read(&mut bytes[read..]).unwrap() {
                        0 => break,
                        count => read += count,
                    }
                }
                bytes.truncate(read);
                (response, bytes)
            });
            let bytes;
            (response, bytes) = piece.join().unwrap();
            if bytes.is_empty() {
                break;
            }
            assert!(large()[total..total + bytes.len()] == bytes);
            total += bytes.len();
        }
        assert_eq!(total, 16 << 20);
        assert_eq!(client.pool_stats().active, 0);
    }
}

#[test]
fn a_hook_may_wait_for_other_requests_of_its_connection() {
    for server in both() {
        let client = client();
        let (done, is_done) = channel();
        let is_done = Mutex::new(Some(is_done));
        let (begin, is_begun) = channel();
        let hook = move |_| {
            if let Some(is_done) = is_done.lock().unwrap().take() {
                begin.send(()).unwrap();
                is_done.recv_timeout(LONG).expect("the other request ends");
            }
        };
        let slow = {
            let request = client.get(server.url("/large/16")).on_download(hook);
            thread::spawn(move || request.send().unwrap().bytes().unwrap())
        };
        is_begun.recv_timeout(LONG).unwrap();
        for _ in 0..10 {
            assert_eq!(text(&client, server.url("/")), "hello");
        }
        download(&client, server.url("/large/16"), 16 << 20);
        done.send(()).unwrap();
        assert!(slow.join().unwrap() == large()[..16 << 20]);
        assert_eq!(client.pool_stats().opened, 1);
    }
}

/// A body that asks the server for what it is to be.
struct Nested {
    client: Client,
    base: String,
    next: u64,
    left: Vec<u8>,
}

impl Read for Nested {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() && self.next < 20 {
            let response = get(&self.client, format!("{}/nonce/{}", self.base, self.next));
            self.left = response.bytes().map_err(std::io::Error::other)?.to_vec();
            self.next += 1;
        }
        let count = buffer.len().min(self.left.len());
        buffer[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }
}

#[test]
fn a_body_may_be_made_of_other_responses_of_its_connection() {
    for server in both() {
        let client = client();
        let body = Nested {
            client: client.clone(),
            base: server.url(""),
            next: 0,
            left: Vec::new(),
        };
        let request = client
            .post(server.url("/echo"))
            .body(Body::from_reader(body));
        let bytes = request.send().unwrap().bytes().unwrap();
        assert!(bytes == (0..20).flat_map(of_nonce).collect::<Vec<u8>>());
        assert_eq!(client.pool_stats().opened, 1);
    }
}

/// Waits for its turn, then reads on.
fn read_in_turn(client: &Client, url: String, turn: &Mutex<Receiver<()>>) -> Vec<u8> {
    let mut response = get(client, url);
    let mut bytes = response.chunk().unwrap().unwrap().to_vec();
    turn.lock().unwrap().recv_timeout(LONG).unwrap();
    response.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_connection_that_nobody_reads_for_a_while_is_read_on_by_whoever_comes_first() {
    for server in both() {
        let client = client();
        let (go, turn) = channel();
        let turn = Mutex::new(turn);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    let url = server.url("/large/1");
                    scope.spawn(|| read_in_turn(&client, url, &turn))
                })
                .collect();
            assert!(until(|| server.requests().len() == 4));
            // All four have their first piece, or wait for it, and then nobody reads.
            for _ in 0..4 {
                go.send(()).unwrap();
            }
            for reader in readers {
                assert!(reader.join().unwrap() == large()[..1 << 20]);
            }
        });
        assert_eq!(client.pool_stats().opened, 1);
    }
}

#[test]
fn a_server_that_went_while_nobody_listened_is_noticed_by_every_response() {
    for server in both() {
        let client = client();
        let mut held: Vec<_> = (0..6).map(|_| get(&client, server.url("/hold"))).collect();
        for response in &mut held {
            assert_eq!(response.chunk().unwrap().unwrap(), "begun,");
        }
        server.cut_connections();
        assert!(until(|| server.open() == 0));
        thread::scope(|scope| {
            for response in held {
                scope.spawn(|| {
                    let error = response.bytes().unwrap_err();
                    assert!(error.is_network() || error.is_protocol(), "{error:?}");
                });
            }
        });
        assert_eq!(text(&client, server.url("/")), "hello");
        assert_eq!(client.pool_stats().opened, 2);
    }
}
