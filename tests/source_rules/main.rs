//! Scans the source for what the compiler cannot see: which room names which, and what survives being compiled twice.

#![allow(clippy::unwrap_used, reason = "a failing test should be loud")]

mod rules;
mod strip;

use std::fs;
use std::path::{Path, PathBuf};

use rules::{File, Finding, RULES, Room, both_instances_mount_the_same};

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path, into: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        // `#[cfg(test)] mod tests;` in the parent.
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path
                .strip_prefix(src())
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            into.push(File::new(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

fn all_files() -> Vec<File> {
    let mut all = Vec::new();
    files(&src(), &mut all);
    all
}

fn report(findings: &[Finding]) {
    let lines: Vec<_> = findings
        .iter()
        .map(|f| format!("src/{}:{}: {}", f.path, f.line, f.fact))
        .collect();
    assert!(findings.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn every_file_keeps_every_rule() {
    let findings: Vec<_> = all_files()
        .iter()
        .flat_map(|file| RULES.iter().flat_map(|rule| rule(file)))
        .collect();
    report(&findings);
}

#[test]
fn both_instances_mount_the_same_files() {
    let all = all_files();
    let find = |path: &str| {
        all.iter()
            .find(|f| f.path == path)
            .unwrap_or_else(|| panic!("src/{path} is missing"))
    };
    report(&both_instances_mount_the_same(
        find("blocking.rs"),
        find("asynchronous.rs"),
        |path| src().join(path).exists(),
    ));
}

#[test]
fn the_manifest_never_turns_on_the_global_switch() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert!(!fs::read_to_string(manifest).unwrap().contains("is_sync"));
}

/// An empty or moved folder must not pass for a clean one.
#[test]
fn every_room_is_seen() {
    let all = all_files();
    for (room, at_least) in [
        (Room::Lib, 1),
        (Room::Instance, 2),
        (Room::Core, 3),
        (Room::Rt, 2),
        (Room::Shared, 5),
    ] {
        let seen = all.iter().filter(|f| f.room() == room).count();
        assert!(seen >= at_least, "{room:?}: {seen} files");
    }
}

/// Where each rule stops a file: (path, source, findings over all rules).
const CASES: &[(&str, &str, usize)] = &[
    // Arrows.
    ("url.rs", "use crate::error::Error;", 0),
    ("url.rs", "use crate::blocking::Client;", 1),
    ("url.rs", "use crate::asynchronous::Client;", 1),
    ("url.rs", "use super::core::client;", 1),
    ("url.rs", "fn f() { rt::sleep(); }", 1),
    (
        "url.rs",
        "use core::fmt; use std::sync::Arc; fn start(s: str::Chars) {}",
        0,
    ),
    (
        "core/send.rs",
        "use super::{dual, rt}; use crate::error::Error;",
        0,
    ),
    ("core/send.rs", "use crate::blocking::Client;", 1),
    ("rt/blocking.rs", "use super::core::Pool;", 1),
    ("rt/blocking.rs", "use crate::asynchronous::rt;", 1),
    (
        "rt/blocking.rs",
        "use std::net::TcpStream; fn f() { Instant::now(); }",
        0,
    ),
    ("lib.rs", "pub use blocking::Client; mod url;", 0),
    ("lib.rs", "pub fn get() {}", 1),
    ("lib.rs", "pub struct S; impl S {}", 2),
    // I/O, clocks and waiting in shared files.
    (
        "pool_state.rs",
        "use std::time::Instant; fn f(now: Instant) {}",
        0,
    ),
    ("pool_state.rs", "fn f() { Instant::now(); }", 1),
    ("pool_state.rs", "fn f() { SystemTime::now(); }", 1),
    ("proto/h1/head.rs", "use std::net::SocketAddr;", 0),
    ("proto/h1/head.rs", "use std::net::TcpStream;", 1),
    ("proto/h1/head.rs", "use socket2::Socket;", 1),
    (
        "proto/h1/head.rs",
        "// TcpStream\nconst A: &str = \"TcpStream\";",
        0,
    ),
    (
        "proto/h1/head.rs",
        "#[cfg(test)] mod tests { use std::net::TcpStream; }",
        0,
    ),
    ("redirect.rs", "async fn f() { g().await }", 1),
    ("redirect.rs", "async fn f() { g()\n    .await }", 1),
    (
        "auth/digest.rs",
        "async { let r = exchange.send(request).await?; }",
        0,
    ),
    (
        "auth/digest.rs",
        "async { exchange.send(request).await?; sleep().await; }",
        1,
    ),
    (
        "transport/retry.rs",
        "async { next.send(request).await?; next.sleep(time).await; }",
        0,
    ),
    ("transport/retry.rs", "async { sleep(time).await; }", 1),
    // tokio.
    ("rt/tokio.rs", "use tokio::net::TcpStream;", 0),
    (
        "asynchronous.rs",
        "impl tokio::io::AsyncRead for Response {}",
        0,
    ),
    ("core/http2.rs", "use tokio::io::AsyncRead;", 1),
    ("body.rs", "use tokio::io::AsyncRead;", 1),
    ("blocking.rs", "use tokio::runtime::Runtime;", 1),
    (
        "core/http2.rs",
        "/// Unlike tokio::spawn.\nfn f() { log(\"tokio\"); }",
        0,
    ),
    // The two switches.
    (
        "blocking.rs",
        "pub(crate) use maybe_async::must_be_sync as dual;",
        0,
    ),
    (
        "asynchronous.rs",
        "pub(crate) use maybe_async::must_be_async as dual;",
        0,
    ),
    ("core/send.rs", "use maybe_async::must_be_sync as dual;", 1),
    ("blocking.rs", "use maybe_async::maybe_async;", 2),
    ("blocking.rs", "#[maybe_async::maybe_async] impl C {}", 2),
    ("blocking.rs", "use maybe_async::{must_be_sync};", 1),
    ("core/mod.rs", "#[cfg(is_sync)] fn f() {}", 1),
    // What takes #[dual].
    (
        "core/client.rs",
        "#[dual] impl Client { pub async fn send(&self) { self.go().await } }",
        0,
    ),
    (
        "core/client.rs",
        "#[dual]\n#[inline]\n/// Docs.\npub(crate) async fn send() {}",
        0,
    ),
    ("core/client.rs", "#[dual] struct Client;", 1),
    ("core/client.rs", "#[dual] mod x {}", 1),
    (
        "core/client.rs",
        "#[dual(AFIT)] pub trait Body { async fn read(&mut self); }",
        0,
    ),
    (
        "core/client.rs",
        "#[dual] pub trait Body { async fn read(&mut self); }",
        1,
    ),
    (
        "core/client.rs",
        "#[dual(AFIT)] impl Body for File { async fn read(&mut self) {} }",
        0,
    ),
    (
        "core/client.rs",
        "#[dual] impl Body for File { async fn read(&mut self) {} }",
        1,
    ),
    (
        "core/client.rs",
        "#[dual] impl<F: for<'a> Fn(&'a u8)> Walk<F> { async fn go(&self) {} }",
        0,
    ),
    // .await inside a macro.
    (
        "core/send.rs",
        "async fn f() { let x = g().await; assert!(x); }",
        0,
    ),
    ("core/send.rs", "async fn f() { assert!(g().await); }", 1),
    (
        "core/send.rs",
        "async fn f() { vec![g().await, h().await]; }",
        2,
    ),
    ("core/send.rs", "async fn f() { a!(b!(g().await)); }", 1),
    (
        "core/send.rs",
        "async fn f() { tokio::select! { x = g().await => {} } }",
        2,
    ),
    (
        "core/send.rs",
        "async fn f() { if !(g().await) { return; } if x != (g().await) {} }",
        0,
    ),
    // Inner async.
    ("core/send.rs", "fn f() { let c = async |x| x; }", 1),
    ("core/send.rs", "fn f() { let c = async move |x| x; }", 1),
    ("core/send.rs", "fn f() { async fn g() {} }", 1),
    (
        "core/send.rs",
        "impl C { fn f(a: [u8; 4]) { if x { pub(crate) async fn g() {} } } }",
        1,
    ),
    (
        "core/send.rs",
        "mod m { impl C { async fn g() {} async fn h() {} } }",
        0,
    ),
    (
        "core/send.rs",
        "fn f() -> BoxFuture { let a = 1; Box::pin(async move { a }) }",
        0,
    ),
    ("core/send.rs", "fn f() -> X { async { 1 } }", 0),
    (
        "core/send.rs",
        "async fn f() { let later = async { 1 }; later.await; }",
        1,
    ),
    ("core/send.rs", "async fn f() { if x { async { 1 } } }", 1),
    ("core/send.rs", "async fn f() { async { 1 }.await }", 1),
    // Telling the forms apart.
    ("core/send.rs", "#[cfg(feature = \"rustls\")] use x;", 0),
    ("core/send.rs", "#[cfg(feature = \"async\")] use x;", 1),
    (
        "core/send.rs",
        "fn f() { if cfg!(feature=\"blocking\") {} }",
        1,
    ),
    ("body.rs", "#[cfg(feature = \"async\")] use x;", 0),
    ("core/send.rs", "// cfg(feature = \"async\")\n", 0),
];

#[test]
fn each_rule_finds_what_breaks_it() {
    for (path, source, expected) in CASES {
        let file = File::new(path, source);
        let findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&file)).collect();
        assert_eq!(findings.len(), *expected, "{path}: {source}\n{findings:#?}");
    }
}

#[test]
fn each_rule_is_broken_by_some_case() {
    for (i, rule) in RULES.iter().enumerate() {
        let broken = CASES
            .iter()
            .any(|(path, source, _)| !rule(&File::new(path, source)).is_empty());
        assert!(broken, "no case breaks rule {i}");
    }
}

#[test]
fn a_finding_names_its_line() {
    let file = File::new(
        "body.rs",
        "fn a() {}\n/* two\nlines */ fn b() { c().await }\n",
    );
    let lines: Vec<_> = RULES
        .iter()
        .flat_map(|rule| rule(&file))
        .map(|f| f.line)
        .collect();
    assert_eq!(lines, [3]);
}

#[test]
fn a_missing_mount_is_found() {
    let own = "#[path = \"rt/blocking.rs\"] mod rt; #[path = \"core/mod.rs\"] mod core;";
    let other = "#[path = \"rt/tokio.rs\"] mod rt; #[path = \"core/mod.rs\"] mod core;";
    for (blocking, asynchronous, missing, expected) in [
        (own, other, "", 0),
        (own, other, "rt/tokio.rs", 1),
        (own, "#[path = \"core/mod.rs\"] mod core;", "", 1),
        ("#[path = \"rt/blocking.rs\"] mod rt;", other, "", 2),
        (
            &format!("{own} #[path = \"core/extra.rs\"] mod extra;"),
            other,
            "",
            1,
        ),
    ] {
        let files = [
            File::new("blocking.rs", blocking),
            File::new("asynchronous.rs", asynchronous),
        ];
        let findings = both_instances_mount_the_same(&files[0], &files[1], |path| path != missing);
        assert_eq!(
            findings.len(),
            expected,
            "{blocking} / {asynchronous}: {findings:#?}"
        );
    }
}
