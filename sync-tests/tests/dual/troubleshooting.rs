//! The messages that the book's chapter on troubleshooting explains are those that the client gives, and no others.

use std::collections::HashMap;

use dimorph::{Body, Error, PoolLimits, Timeout};
use sync_tests::blackhole::BlackHole;
use sync_tests::certs::{certs, tls};
use sync_tests::{Proxy as Relay, Reply, Server, Tls};

use super::common::{ms, refused};
use super::form::{Client, ClientBuilder};
use super::{dual, form_test};

const CHAPTER: &str = include_str!("../../../docs/src/troubleshooting.md");

/// The messages of the chapter that begin with a kind: the lines of its blocks of messages.
fn explained() -> Vec<&'static str> {
    let blocks = CHAPTER.split("\n```").skip(1).step_by(2);
    let texts = blocks.filter_map(|block| block.strip_prefix("text,message\n"));
    let lines = texts.flat_map(str::lines);
    lines
        .filter(|line| {
            let (kind, _) = line.split_once(": ").unwrap_or_default();
            !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        .collect()
}

/// The messages that were seen, as the chapter would print them.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn note(&mut self, error: &Error) {
        self.0.push(error.to_string());
    }

    /// Replaces what every run has its own of.
    fn replace(&mut self, from: &str, to: &str) {
        let last = self.0.last_mut().unwrap();
        *last = last.replace(from, to);
    }

    fn assert_explained(&self) {
        let explained = explained();
        for message in &self.0 {
            assert!(
                explained.contains(&message.as_str()),
                "the chapter does not explain\n{message}"
            );
        }
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .trust_env(false)
        .verify(certs().ca_file.to_str().unwrap())
}

fn to(server: &Server) -> ClientBuilder {
    builder().resolve("example.com", server.address())
}

/// A client whose proxy is at this address, whatever it speaks.
fn through(scheme: &str, address: std::net::SocketAddr) -> ClientBuilder {
    builder()
        .proxy(format!("{scheme}://proxy.example:3128"))
        .resolve("proxy.example", address)
}

#[dual]
async fn failure(builder: ClientBuilder, url: &str) -> Error {
    let client = builder.build().unwrap();
    let sent = client.get(url).send().await;
    sent.unwrap_err()
}

#[dual]
async fn of_connecting(seen: &mut Seen) {
    let closed = refused();
    let error = failure(builder(), &format!("http://{closed}/")).await;
    seen.note(&error);
    seen.replace(&closed.to_string(), "127.0.0.1:8080");
    let error = failure(builder(), "http://no-such-host.invalid/").await;
    // What the system's resolver says is its own.
    let known = "ConnectError: the name `no-such-host.invalid` could not be looked up: ";
    assert!(error.to_string().starts_with(known) && CHAPTER.contains(known));
    if let Some(hole) = BlackHole::open().unwrap() {
        let hasty = builder().timeout(Timeout::new(None).connect(ms(50)));
        let hasty = hasty.resolve("example.com", hole.address());
        let error = failure(hasty, "http://example.com/").await;
        seen.note(&error);
        seen.replace("50ms", "5s");
    }
    let silent = Server::wire(|wire| {
        wire.read_head()?;
        Ok(())
    });
    let hasty = to(&silent).timeout(Timeout::new(None).connect(ms(300)));
    let error = failure(hasty, "https://example.com/").await;
    seen.note(&error);
    seen.replace("300ms", "5s");
    for url in ["http://::1:8080/", "http://[fe80::1%25eth0]/"] {
        let error = failure(builder(), url).await;
        seen.note(&error);
    }
    let other = Server::wire(|wire| wire.send("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"));
    let error = failure(to(&other), "http://example.com/").await;
    seen.note(&error);
}

#[dual]
async fn of_tls(seen: &mut Seen) {
    let secure = Server::answering(tls(), |_| Reply::ok(""));
    let error = failure(to(&secure), "http://example.com:443/").await;
    seen.note(&error);
    let plain = Server::wire(|wire| {
        wire.read_some()?;
        wire.send("HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    let error = failure(to(&plain), "https://example.com/").await;
    seen.note(&error);
    let stranger = Client::builder().trust_env(false);
    let stranger = stranger.resolve("example.com", secure.address());
    let error = failure(stranger, "https://example.com/").await;
    seen.note(&error);
    let expired = Server::answering(Tls::On(certs().expired()), |_| Reply::ok(""));
    let here = builder().resolve("localhost", expired.address());
    let error = failure(here, "https://localhost/").await;
    seen.note(&error);
    let text = error.to_string();
    let days = text.split("expired ").nth(1).unwrap();
    let (days, _) = days.split_once(" ago").unwrap();
    seen.replace(days, "3 days");
    let other = Server::answering(Tls::On(certs().wrong_host()), |_| Reply::ok(""));
    let error = failure(to(&other), "https://example.com/").await;
    seen.note(&error);
    let strict = Server::answering(Tls::On(certs().with_client_auth()), |_| Reply::ok(""));
    let here = builder().resolve("localhost", strict.address());
    let error = failure(here, "https://localhost/").await;
    seen.note(&error);
    let error = builder().verify("no/such.pem").build().unwrap_err();
    seen.note(&error);
    let error = builder().cert("Cargo.toml").build().unwrap_err();
    seen.note(&error);
    seen.replace("Cargo.toml", "report.xls");
}

#[dual]
async fn of_proxies(seen: &mut Seen) {
    let origin = Server::http(|_| Reply::ok(""));
    let plain = Server::wire(|wire| {
        wire.read_some()?;
        wire.send("HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    let guarded = Relay::builder().route_all(origin.address());
    let guarded = guarded.credentials("user", "password").start();
    let forbidding = "HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\n<html>";
    let forbidding = Relay::builder().answer_connect(forbidding).start();
    let secure = Relay::builder().tls(tls()).start();
    for (client, url) in [
        (through("https", plain.address()), "https://example.com/"),
        (through("http", secure.address()), "https://example.com/"),
        (through("http", guarded.address()), "https://example.com/"),
        (
            through("http", forbidding.address()),
            "https://example.com/",
        ),
        (through("http", refused()), "http://example.com/"),
        (through("socks5h", plain.address()), "https://example.com/"),
    ] {
        let error = failure(client, url).await;
        seen.note(&error);
    }
}

#[dual]
async fn of_timeouts(seen: &mut Seen) {
    let silent = Server::wire(|wire| {
        wire.read_head()?;
        wire.read_head()?;
        Ok(())
    });
    let hasty = to(&silent).timeout(Timeout::new(None).read(ms(50)));
    let error = failure(hasty, "http://example.com/").await;
    seen.note(&error);
    seen.replace("50ms", "5s");
    for timeout in [Timeout::none().total(ms(50)), Timeout::none().head(ms(50))] {
        let error = failure(to(&silent).timeout(timeout), "http://example.com/").await;
        seen.note(&error);
        seen.replace("50ms", "30s");
    }
    let large = Server::http(|request| match request.method.as_str() {
        "GET" => Reply::ok(vec![0; 8 << 20]),
        _ => Reply::ok(""),
    });
    let limits = PoolLimits::new().hard_limit(1);
    let hasty = to(&large).timeout(Timeout::new(None).pool(ms(50)));
    let client = hasty.pool_limits(limits).build().unwrap();
    let held = client.get("http://example.com/").send().await.unwrap();
    let waited = client.get("http://example.com/").send().await;
    seen.note(&waited.unwrap_err());
    seen.replace("50ms", "5s");
    drop(held);
    let deaf = Server::wire(|wire| {
        wire.narrow();
        wire.read_head()?;
        std::thread::sleep(ms(500));
        Ok(())
    });
    let hasty = to(&deaf).timeout(Timeout::new(None).write(ms(50)));
    let client = hasty.build().unwrap();
    let body = vec![0_u8; 64 << 20];
    let posted = client.post("http://example.com/").body(body).send().await;
    seen.note(&posted.unwrap_err());
    seen.replace("50ms", "5s");
}

#[dual]
async fn of_ends(seen: &mut Seen) {
    let once = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        wire.read_head()?;
        Ok(())
    });
    let client = to(&once).build().unwrap();
    client.get("http://example.com/").send().await.unwrap();
    let posted = client.post("http://example.com/").body("x").send().await;
    seen.note(&posted.unwrap_err());
    let short = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    });
    let client = to(&short).build().unwrap();
    let response = client.get("http://example.com/").send().await.unwrap();
    let read = response.bytes().await;
    seen.note(&read.unwrap_err());
    let torn = Server::wire(|wire| {
        wire.read_some()?;
        wire.reset();
        Ok(())
    });
    let error = failure(to(&torn), "http://example.com/").await;
    seen.note(&error);
}

#[dual]
async fn of_versions(seen: &mut Seen) {
    let secure = Server::answering(tls(), |_| Reply::ok(""));
    let error = failure(to(&secure).http1(false), "https://example.com/").await;
    seen.note(&error);
    // As a server of HTTP/2 alone does: its SETTINGS, empty, whatever it was sent.
    let newer = Server::wire(|wire| {
        wire.read_some()?;
        wire.send(b"\0\0\0\x04\0\0\0\0\0")
    });
    let error = failure(to(&newer), "http://example.com/").await;
    seen.note(&error);
    let plain = Server::http(|_| Reply::ok(""));
    let error = failure(to(&plain).http2_prior_knowledge(), "http://example.com/").await;
    seen.note(&error);
}

#[dual]
async fn of_urls_and_bodies(seen: &mut Seen) {
    for url in ["example.com/x", "/x", "ftp://example.com/"] {
        let error = failure(builder(), url).await;
        seen.note(&error);
    }
    let server = Server::http(|request| match request.target.as_str() {
        "/gzip" => Reply::ok("not gzip").header("content-encoding", "gzip"),
        "/redirect" => Reply::redirect(307, "/"),
        "/page" => Reply::ok("<!doctype html>").header("content-type", "text/html"),
        "/items" => Reply::ok("{\"items\": [{\"id\": 1}, {\"id\": \"two\"}]}"),
        _ => Reply::ok("one\ntwo"),
    });
    let client = to(&server).build().unwrap();
    let body = Body::from_reader(&b"once"[..]);
    let put = client.put("http://example.com/redirect").body(body);
    let sent = put.send().await;
    seen.note(&sent.unwrap_err());
    let mut response = client.get("http://example.com/").send().await.unwrap();
    response.iter_lines().next().await.unwrap().unwrap();
    let read = response.bytes().await;
    seen.note(&read.unwrap_err());
    let response = client.get("http://example.com/gzip").send().await.unwrap();
    let read = response.bytes().await;
    seen.note(&read.unwrap_err());
    let response = client.get("http://example.com/page").send().await.unwrap();
    let read = response.json::<serde_json::Value>().await;
    seen.note(&read.unwrap_err());
    let response = client.get("http://example.com/items").send().await.unwrap();
    let read = response.json::<HashMap<String, Vec<HashMap<String, u64>>>>();
    let read = read.await;
    seen.note(&read.unwrap_err());
    client.close().await;
    let sent = client.get("http://example.com/").send().await;
    seen.note(&sent.unwrap_err());
}

#[dual]
#[form_test]
async fn every_message_that_the_chapter_explains_is_one_that_the_client_gives() {
    let mut seen = Seen::default();
    of_connecting(&mut seen).await;
    of_tls(&mut seen).await;
    of_proxies(&mut seen).await;
    of_timeouts(&mut seen).await;
    of_ends(&mut seen).await;
    of_versions(&mut seen).await;
    of_urls_and_bodies(&mut seen).await;
    seen.assert_explained();
    for message in explained() {
        // Two depend on the machine: its resolver's words, and whether it can be made to swallow packets.
        let elsewhere = message.contains("no-such-host") || message.contains("while connecting");
        assert!(
            elsewhere || seen.0.iter().any(|text| text == message),
            "nothing gives\n{message}"
        );
    }
}
