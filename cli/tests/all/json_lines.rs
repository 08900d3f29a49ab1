//! `--json-lines`: a line for each JSON value of the body.

use sync_tests::Server;
use sync_tests::http::Reply;

use crate::support::{command, gated, read_some, run};
use crate::terminal::shown;

#[test]
fn each_value_is_a_line_however_it_is_laid_out() {
    let body = "{\"a\": [1.0, 2],\n \"b\": \"x y\"}\n\n[1e400]\n\"s\" 1 2\ntrue{}[ ]";
    let lines = "{\"a\":[1.0,2],\"b\":\"x y\"}\n[1e400]\n\"s\"\n1\n2\ntrue\n{}\n[]\n";
    let server =
        Server::http(move |_| Reply::ok(body).header("content-type", "application/x-ndjson"));
    assert_eq!(run(&["--json-lines", &*server.url("/")]).text(), lines);
    assert_eq!(
        shown(&["--json-lines", "--body", "--color=never", &*server.url("/")]),
        lines
    );
}

#[test]
fn a_line_is_written_when_its_value_is_there() {
    let (server, release) = gated("application/json", "{\"a\": 1}\n{\"b\"", ": 2}");
    let mut child = command(&["--json-lines", &*server.url("/")])
        .spawn()
        .unwrap();
    assert_eq!(read_some(&mut child, 8), b"{\"a\":1}\n");
    release.send(()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"{\"b\":2}\n");
}

#[test]
fn what_is_not_json_is_an_error_that_says_where() {
    let server = Server::http(|_| Reply::ok("{\"a\": 1}\n{\"b\": oops}\n"));
    let ran = run(&["--json-lines", &*server.url("/")]);
    assert_eq!((ran.status, &*ran.out), (1, &b"{\"a\":1}\n"[..]));
    assert_eq!(
        ran.err,
        "dimorph: the body is not JSON: expected value at line 2 column 7\n"
    );
    let server =
        Server::http(|_| Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1]").closing());
    let ran = run(&["--json-lines", &*server.url("/")]);
    assert_eq!((ran.status, &*ran.out), (1, &b"[1]\n"[..]));
    assert!(
        ran.err.starts_with("dimorph: RemoteProtocolError: "),
        "{}",
        ran.err
    );
}

#[test]
fn a_value_without_an_end_does_not_take_all_memory() {
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"n\":1}\n[\"")?;
        let piece = "x".repeat(1 << 20);
        while wire.send(&piece).is_ok() {}
        Ok(())
    });
    let ran = run(&["--json-lines", &*server.url("/")]);
    assert_eq!((ran.status, &*ran.out), (1, &b"{\"n\":1}\n"[..]));
    assert_eq!(
        ran.err,
        "dimorph: reading the body: a JSON value of it is larger than 64 MiB\n"
    );
}

#[test]
fn a_byte_order_mark_before_the_first_value_is_left_out() {
    let server = Server::http(|_| Reply::ok("\u{feff}[1]\n"));
    assert_eq!(run(&["--json-lines", &*server.url("/")]).text(), "[1]\n");
}
