//! Standard input as the body.

use std::fs::File;
use std::process::Stdio;

use sync_tests::peers::Folder;

use crate::support::{Ran, command, mirror, only, run_with};

#[test]
fn a_pipe_is_the_body() {
    let server = mirror();
    run_with(b"[1]", &[&*server.url("/")]).text();
    let request = only(&server);
    assert_eq!((&*request.method, &*request.body), ("POST", &b"[1]"[..]));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some("3"));
    let server = mirror();
    run_with(b"a=1", &["--form", "PUT", &*server.url("/")]).text();
    let request = only(&server);
    assert_eq!(request.method, "PUT");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let server = mirror();
    run_with(b"x", &[&*server.url("/"), "Content-Type:text/x"]).text();
    assert_eq!(only(&server).header("content-type"), Some("text/x"));
}

#[test]
fn a_long_pipe_is_sent_as_it_is_read() {
    let server = mirror();
    let body: Vec<u8> = (0..3 << 20).map(|at| b'a' + (at % 23) as u8).collect();
    run_with(&body, &[&*server.url("/")]).text();
    let request = only(&server);
    assert!(request.body == body);
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
}

#[test]
fn a_file_is_the_body_and_has_a_length() {
    let folder = Folder::new();
    let file = folder.write("body", "text");
    let server = mirror();
    let run = |file: File| {
        let mut command = command(&[&*server.url("/")]);
        Ran::of(command.stdin(Stdio::from(file)).output().unwrap()).text()
    };
    run(File::open(file).unwrap());
    let request = only(&server);
    assert_eq!(
        (&*request.body, request.header("content-length")),
        (&b"text"[..], Some("4"))
    );
    run(File::open(folder.write("empty", "")).unwrap());
    assert_eq!(server.requests()[1].method, "GET");
}

#[test]
fn empty_input_and_other_bodies_leave_it_alone() {
    let rows: [(&[u8], &[&str], &str); 4] = [
        (b"", &[], "GET"),
        (b"piped", &["--ignore-stdin"], "GET"),
        (b"piped", &["a=1"], "POST"),
        (b"piped", &["-c", "text"], "POST"),
    ];
    for (input, args, method) in rows {
        let server = mirror();
        run_with(input, &[&[&*server.url("/")], args].concat()).text();
        let request = only(&server);
        assert_eq!(request.method, method, "{args:?}");
        assert!(!request.text().contains("piped"));
    }
}

#[test]
fn a_pipe_that_nobody_closes_is_not_waited_for_when_told() {
    let server = mirror();
    let mut child = command(&["--ignore-stdin", &*server.url("/")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let held = child.stdin.take();
    assert!(child.wait().unwrap().success());
    drop(held);
}
