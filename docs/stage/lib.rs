//! The stage on which the book's snippets play: a world of its own in which `example.com` and `httpbin.org` answer, and no network.
//!
//! A snippet is played in a child process whose environment leads every client there: `HTTP_PROXY` and `HTTPS_PROXY` name a proxy of
//! ours that takes each host for our server, `SSL_CERT_FILE` names our authority, `HOME` and the current directory are a folder with
//! the files that snippets read. So the text of a snippet is what a user would write, `Client::new()` and all.
//!
//! ```text
//! # stage::play(|stage| {
//! let response = dimorph::get("https://example.com").send()?;
//! # Ok(()) });
//! ```
//!
//! Where a snippet sets proxies itself, or trusts no environment, hidden lines map names by `resolve` to the addresses of the [`Stage`].

#![allow(
    clippy::unwrap_used,
    reason = "support code of tests: a failure here is a broken test, and should be loud"
)]

mod bin;
mod set;

use std::env;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, exit};

use serde_json::Value;

use crate::set::Set;

/// What a snippet returns.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The variable that tells a child process what is where.
const WHERE: &str = "DIMORPH_STAGE";

/// Where the servers are.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// The server, for http and https, whatever the host.
    pub server: SocketAddr,
    /// A proxy that takes every host for the server; it may be spoken to over TLS.
    pub proxy: SocketAddr,
    /// A proxy that wants the credentials `username:password`.
    pub guarded_proxy: SocketAddr,
    /// A SOCKS5 proxy.
    pub socks: SocketAddr,
    /// The server of `http2.example.com`: HTTP/2 for http, what ALPN chooses for https.
    pub http2: SocketAddr,
}

impl Stage {
    fn of(text: &str) -> Self {
        let mut addresses = text.split(' ').map(|address| address.parse().unwrap());
        let mut next = || addresses.next().unwrap();
        Stage {
            server: next(),
            proxy: next(),
            guarded_proxy: next(),
            socks: next(),
            http2: next(),
        }
    }

    /// What the proxies were asked, in order: `GET http://example.com/`, `CONNECT example.com:443`.
    pub fn seen_by_proxies(&self) -> Vec<String> {
        let mut stream = TcpStream::connect(self.server).unwrap();
        let ask = format!(
            "GET {} HTTP/1.1\r\nhost: stage\r\nconnection: close\r\n\r\n",
            bin::PROXY_LOG
        );
        stream.write_all(ask.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}

/// Plays a blocking snippet.
pub fn play(snippet: impl FnOnce(&Stage) -> Outcome) {
    play_in(&[], snippet);
}

/// Plays a blocking snippet with these environment variables.
pub fn play_in(variables: &[(&str, &str)], snippet: impl FnOnce(&Stage) -> Outcome) {
    let outcome = snippet(&enter(variables));
    if let Err(error) = outcome {
        panic!("{error}\n{error:?}");
    }
}

/// Plays an async snippet.
pub fn play_async(snippet: impl AsyncFnOnce(&Stage) -> Outcome) {
    play_async_in(&[], snippet);
}

/// Plays an async snippet with these environment variables.
pub fn play_async_in(variables: &[(&str, &str)], snippet: impl AsyncFnOnce(&Stage) -> Outcome) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    play_in(variables, |stage| runtime.block_on(snippet(stage)));
}

/// Returns in the child process alone.
fn enter(variables: &[(&str, &str)]) -> Stage {
    if let Ok(text) = env::var(WHERE) {
        return Stage::of(&text);
    }
    let set = Set::build();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(env::args_os().skip(1));
    child.env(WHERE, set.addresses());
    for (name, value) in set.environment() {
        child.env(name, value);
    }
    child
        .envs(variables.iter().copied())
        .current_dir(&set.folder);
    let status = child.status().unwrap();
    set.clear();
    exit(status.code().unwrap_or(1));
}

/// Looks into JSON by a pointer such as `/headers/User-Agent`.
pub fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} is not in {value}"))
}
