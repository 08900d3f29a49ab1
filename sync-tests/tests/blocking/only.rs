//! What only the blocking form promises: no runtime and no hidden thread.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Command;

use dimorph::blocking::{Response, Transport};
use dimorph::{Client, Request, Result};
use sync_tests::certs::{certs, sniff};
use sync_tests::{Reply, Server};

const TARGET: &str = "DIMORPH_TESTS_TARGET";
const AUTHORITY: &str = "DIMORPH_TESTS_AUTHORITY";

fn threads() -> BTreeSet<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(|task| task.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The count is of a process of its own: there the threads of servers and other tests are not.
#[test]
fn requests_to_an_address_spawn_no_thread() {
    match std::env::var(TARGET) {
        Ok(address) => count_in_the_child(&address),
        Err(_) => {
            let server = Server::answering(sniff(), |_| Reply::chunked(["a", "b", "c"]));
            let child = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "only::requests_to_an_address_spawn_no_thread",
                    "--nocapture",
                ])
                .args(["--test-threads", "1"])
                .env(TARGET, server.address().to_string())
                .env(AUTHORITY, &certs().ca_file)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&child.stderr);
            assert!(child.status.success(), "{said}");
            assert_eq!(server.requests().len(), 7);
        }
    }
}

fn count_in_the_child(address: &str) {
    let before = threads();
    let check = |when: &str| {
        let now = threads();
        assert!(
            now.is_subset(&before),
            "{when}: {} threads became {}",
            before.len(),
            now.len()
        );
    };
    let client = Client::builder()
        .verify(std::env::var(AUTHORITY).unwrap().as_str())
        .build()
        .unwrap();
    check("after building");
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}/");
        for _ in 0..2 {
            let mut response = client.get(&url).send().unwrap();
            check("with a response in hand");
            let mut text = String::new();
            response.read_to_string(&mut text).unwrap();
            assert_eq!(text, "abc");
            check("after a response");
        }
        let response = client.post(&url).body(vec![0; 1 << 20]).send().unwrap();
        drop(response);
        check("after a response was dropped");
    }
    let response = dimorph::get(format!("http://{address}/")).send().unwrap();
    assert_eq!(response.text().unwrap(), "abc");
    client.close();
    check("at the end");
}

/// `?` in a function of std's errors, `Iterator` adaptors, and `io::copy`: what blocking users write.
#[test]
fn a_response_is_a_reader_and_gives_iterators()
-> std::result::Result<(), Box<dyn std::error::Error>> {
    let server = Server::http(|_| Reply::chunked(["one\ntwo\n", "three"]));
    let mut response = dimorph::get(server.url("/")).send()?;
    let mut all = Vec::new();
    std::io::copy(&mut response, &mut all)?;
    assert_eq!(all, b"one\ntwo\nthree");

    let mut response = dimorph::get(server.url("/")).send()?;
    let lines: Vec<String> = response.iter_lines().collect::<Result<_, _>>()?;
    assert_eq!(lines, ["one", "two", "three"]);

    let mut response = dimorph::get(server.url("/")).send()?;
    let size: usize = response
        .iter_bytes()
        .map(|part| part.map_or(0, |part| part.len()))
        .sum();
    assert_eq!(size, 13);
    Ok(())
}

#[test]
fn pages_are_an_iterator() -> Result<()> {
    let server = Server::http(|request| match request.target.as_str() {
        "/3" => Reply::ok("3"),
        target => {
            let next = target[1..].parse::<u32>().unwrap() + 1;
            Reply::ok(&target[1..]).header("link", &format!("</{next}>; rel=next"))
        }
    });
    let client = Client::new();
    let pages = client.get(server.url("/1")).pages();
    let texts: Vec<String> = pages.map(|page| page?.text()).collect::<Result<_>>()?;
    assert_eq!(texts, ["1", "2", "3"]);
    Ok(())
}

#[test]
fn read_gives_io_errors_with_the_error_inside() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    });
    let mut response: Response = dimorph::get(server.url("/")).send().unwrap();
    let mut all = Vec::new();
    let error = response.read_to_end(&mut all).unwrap_err();
    let inner = error
        .get_ref()
        .unwrap()
        .downcast_ref::<dimorph::Error>()
        .unwrap();
    assert_eq!(inner.kind(), dimorph::ErrorKind::RemoteProtocolError);
    assert_eq!(all, b"half");
}

#[test]
fn small_reads_are_whole() {
    let server = Server::http(|_| Reply::ok("abcdef"));
    let mut response = dimorph::get(server.url("/")).send().unwrap();
    let mut seen = Vec::new();
    let mut byte = [0];
    while response.read(&mut byte).unwrap() == 1 {
        seen.push(byte[0]);
    }
    assert_eq!(seen, b"abcdef");
    assert_eq!(response.read(&mut []).unwrap(), 0);
}

/// Answers by itself.
struct Canned;

impl Transport for Canned {
    fn send(&self, request: Request) -> Result<Response> {
        if request.url().path() == "/redirect" {
            let made = http::Response::builder()
                .status(302)
                .header("location", "/end")
                .body("");
            return Ok(Response::from(made.unwrap()));
        }
        Ok(Response::from(http::Response::new(format!(
            "{} {}",
            request.method(),
            request.url()
        ))))
    }
}

#[test]
fn a_transport_takes_the_network_s_place() {
    let client = Client::builder()
        .transport(Canned)
        .base_url("http://canned.test")
        .build()
        .unwrap();
    let response = client.put("/x").params([("a", 1)]).send().unwrap();
    assert_eq!(response.url().as_str(), "http://canned.test/x?a=1");
    assert_eq!(response.request().method(), "PUT");
    assert_eq!(response.text().unwrap(), "PUT http://canned.test/x?a=1");
    let response = client.get("/redirect").send().unwrap();
    assert_eq!(response.history().len(), 1);
    assert_eq!(response.text().unwrap(), "GET http://canned.test/end");
}
