//! What is written: bytes into a pipe, and something for people on a terminal.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sync_tests::Server;
use sync_tests::http::{Reply, echo};

use crate::support::{command, gated, read_some, run};
use crate::terminal::{Ends, Terminal, plain, shown};

const JSON: &str = r#"{"z":1.0,"a":[1e400,12345678901234567890123,-0.10],"s":"a\u00e9\"\\ :{","e":{},"l":[ ],"n":null,"t":true}"#;

const LAID_OUT: &str = r#"{
  "z": 1.0,
  "a": [
    1e400,
    12345678901234567890123,
    -0.10
  ],
  "s": "a\u00e9\"\\ :{",
  "e": {},
  "l": [],
  "n": null,
  "t": true
}
"#;

fn serving(content_type: &'static str, body: impl Into<Vec<u8>>) -> Server {
    let body = body.into();
    Server::http(move |_| Reply::ok(body.clone()).header("content-type", content_type))
}

#[test]
fn a_pipe_gets_the_bytes_as_they_came() {
    let server = serving("application/json", JSON);
    assert_eq!(run(&[&*server.url("/")]).text(), JSON);
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let server = serving("application/octet-stream", bytes.clone());
    assert!(run(&[&*server.url("/")]).out == bytes);
    let server = serving("text/plain", "\x1b[31m\u{85}no line end");
    assert_eq!(
        run(&[&*server.url("/")]).text(),
        "\x1b[31m\u{85}no line end"
    );
}

#[test]
fn content_codings_are_taken_off() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(JSON.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let server =
        Server::http(move |_| Reply::ok(packed.clone()).header("content-encoding", "gzip"));
    assert_eq!(run(&[&*server.url("/")]).text(), JSON);
}

#[test]
fn a_terminal_gets_the_head_and_indented_json_in_colour() {
    let server = serving("application/json", JSON);
    let text = shown(&[&*server.url("/")]);
    assert!(
        text.contains("\x1b[1mHTTP/1.1\x1b[0m \x1b[1m\x1b[32m200 OK\x1b[0m\n"),
        "{text:?}"
    );
    assert!(
        text.contains("\x1b[36mContent-Type\x1b[0m: application/json\n"),
        "{text:?}"
    );
    assert!(
        text.contains("\x1b[1m\x1b[34m\"z\"\x1b[0m: \x1b[33m1.0\x1b[0m,"),
        "{text:?}"
    );
    let text = plain(&text);
    let (head, body) = text.split_once("\n\n").unwrap();
    assert_eq!(
        head,
        format!(
            "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: {}",
            JSON.len()
        )
    );
    assert_eq!(body, LAID_OUT);
}

#[test]
fn other_json_types_are_laid_out_and_bad_json_is_not() {
    for (content_type, body, shows) in [
        (
            "application/problem+json; charset=utf-8",
            "{\"a\":1}",
            "{\n  \"a\": 1\n}\n",
        ),
        ("application/json", "{\"a\":1} x", "{\"a\":1} x\n"),
        ("application/json", "\u{feff}[1]", "[\n  1\n]\n"),
        ("text/plain", "{\"a\":1}", "{\"a\":1}\n"),
        ("text/plain; charset=latin1", "", ""),
    ] {
        let server = serving(content_type, body);
        assert_eq!(
            plain(&shown(&["--body", &*server.url("/")])),
            shows,
            "{content_type}"
        );
    }
    let server = serving("text/plain; charset=iso-8859-1", *b"caf\xe9\n");
    assert_eq!(shown(&["--body", &*server.url("/")]), "café\n");
}

#[test]
fn colours_can_be_switched() {
    let server = serving("application/json", "{\"a\":1}");
    let url = &*server.url("/");
    let (_, text) =
        Terminal::start_with(&["--body", url], &[("NO_COLOR", "1")], Ends::default()).end();
    assert_eq!(text, "{\n  \"a\": 1\n}\n");
    let (_, text) =
        Terminal::start_with(&["--body", url], &[("TERM", "dumb")], Ends::default()).end();
    assert_eq!(text, "{\n  \"a\": 1\n}\n");
    assert_eq!(
        shown(&["--body", "--color", "never", url]),
        "{\n  \"a\": 1\n}\n"
    );
    let text = run(&["--color", "always", url]).text();
    assert!(text.contains("\x1b[33m1\x1b[0m\n}"), "{text:?}");
    assert_eq!(run(&["--color=never", url]).text(), "{\"a\":1}");
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let server = Server::http(|_| {
        Reply::raw(
            b"HTTP/1.1 200 O\xc2\x9bK\r\nx-evil: a\xc2\x9b31mb\xe2\x80\xaec\r\ncontent-type: text/plain\r\ncontent-length: 18\r\n\r\n\x1b]0;title\x07 \x1b[31mok".to_vec(),
        )
    });
    let text = plain(&shown(&["--color", "never", &*server.url("/")]));
    assert!(text.contains("X-Evil: a\\u009b31mb\\u202ec\n"), "{text:?}");
    assert!(
        text.contains("\\u001b]0;title\\u0007 \\u001b[31mok\n"),
        "{text:?}"
    );
    assert!(!text.contains(['\x1b', '\x07', '\u{9b}']), "{text:?}");
    let server = serving("application/json", "{\"a\":\"\u{9b}31m\u{7f}\"}");
    let text = shown(&["--body", "--color", "never", &*server.url("/")]);
    assert_eq!(text, "{\n  \"a\": \"\\u009b31m\\u007f\"\n}\n");
}

#[test]
fn bytes_that_are_no_text_stay_away_from_a_terminal() {
    for (content_type, body) in [
        ("image/png", "\u{89}PNG"),
        ("text/plain", "a\0b"),
        ("application/zip", "PK"),
    ] {
        let server = serving(content_type, body);
        let text = plain(&shown(&["--body", &*server.url("/")]));
        let notice = format!(
            "({} bytes of {content_type}, not shown on a terminal; --download FILE saves it)\n",
            body.len()
        );
        assert_eq!(text, notice);
    }
}

#[test]
fn one_part_alone_is_shown_when_asked() {
    let server = serving("text/plain", "body");
    let url = &*server.url("/p");
    let head = "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 4\n";
    assert_eq!(run(&["--headers-only", url]).text(), head);
    assert_eq!(run(&["--print", "h", url]).text(), head);
    assert_eq!(run(&["--print", "hb", url]).text(), format!("{head}\nbody"));
    assert_eq!(run(&["--print=", url]).text(), "");
    let text = run(&["--print", "HB", url, "a=1"]).text();
    assert!(
        text.starts_with("POST /p HTTP/1.1\nHost: 127.0.0.1:"),
        "{text}"
    );
    assert!(text.ends_with("\n\n{\"a\":\"1\"}\n\n"), "{text}");
    assert!(run(&["--print", "m", url]).text().contains("connect "));
    assert_eq!(plain(&shown(&["--body", url])), "body\n");
    assert_eq!(plain(&shown(&["--headers-only", url])), head);
    assert!(
        run(&["--print", "x", url])
            .complaint(2)
            .contains("`x` is none of the letters")
    );
}

#[test]
fn a_pipe_gets_each_piece_when_it_comes() {
    let (server, release) = gated("text/plain", "first piece", "last piece");
    let mut child = command(&[&*server.url("/")]).spawn().unwrap();
    assert_eq!(read_some(&mut child, 11), b"first piece");
    release.send(()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"last piece");
}

#[test]
fn a_terminal_gets_each_piece_with_stream() {
    let (server, release) = gated("application/json", "{\"first\":1,", "\"last\":2}");
    let mut terminal = Terminal::start(&["--stream", &*server.url("/")]);
    terminal.wait_for("{\"first\":1,");
    release.send(()).unwrap();
    let (status, text) = terminal.end();
    assert!(
        status == 0 && text.ends_with("\n{\"first\":1,\"last\":2}\n"),
        "{text}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let server = Server::http(|_| Reply::ok(vec![b'x'; 4 << 20]));
    let mut child = command(&[&*server.url("/")]).spawn().unwrap();
    read_some(&mut child, 10);
    drop(child.stdout.take());
    let ran = crate::support::Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.status, &*ran.err), (0, ""));
}

#[test]
fn what_came_before_a_failure_is_shown() {
    let cut = |request: &sync_tests::Received| {
        match &*request.target {
        "/json" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"a\":").closing(),
        _ => echo(request),
    }
    };
    let server = Server::http(cut);
    let ran = run(&[&*server.url("/json")]);
    assert_eq!((ran.status, &*ran.out), (1, &b"{\"a\":"[..]));
    assert!(
        ran.err.starts_with("dimorph: RemoteProtocolError: "),
        "{}",
        ran.err
    );
    let (status, text) = Terminal::start(&[&*server.url("/json")]).end();
    assert_eq!(status, 1);
    assert!(
        plain(&text).contains("\n\n{\"a\":\ndimorph: RemoteProtocolError: "),
        "{text}"
    );
}

#[test]
fn always_coloured_output_keeps_what_is_no_text() {
    for (content_type, body) in [
        ("image/png", &b"\x89PNG\xff"[..]),
        ("text/plain", b"a\0\xff"),
    ] {
        let server = serving(content_type, body);
        assert_eq!(run(&["--color=always", &*server.url("/")]).out, body);
    }
}

#[test]
fn a_body_too_large_to_be_laid_out_is_shown_as_it_comes() {
    let body = format!("[{}1]", "1,".repeat(9 << 20));
    let server = serving("application/json", body.clone());
    assert!(run(&["--color=always", &*server.url("/")]).out == body.as_bytes());
}

#[test]
fn lines_end_as_they_should_and_nothing_overwrites_them() {
    let server = serving("text/plain", "a\r\nb\rc\n");
    assert_eq!(
        run(&["--color=always", &*server.url("/")]).text(),
        "a\nb\\u000dc\n"
    );
    assert_eq!(
        run(&["--color=always", "--stream", &*server.url("/")]).text(),
        "a\nb\\u000dc\n"
    );
    let server = Server::http(|_| Reply::chunked(["a\r", "\nb\r", "c"]));
    assert_eq!(
        run(&["--color=always", "--stream", &*server.url("/")]).text(),
        "a\nb\\u000dc\n"
    );
}

#[test]
fn deeply_nested_json_is_laid_out_in_proportion_to_its_size() {
    const DEPTH: usize = 50_000;
    let body = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
    let server = serving("application/json", body.clone());
    let ran = run(&["--color", "always", "--body", &*server.url("/")]);
    let text = ran.text();
    assert!(text.len() < 80 * body.len(), "{}", text.len());
    let squeezed: String = text.split_whitespace().collect();
    assert!(squeezed == body);
}

#[test]
fn what_is_empty_is_not_called_kept_back() {
    let server = Server::http(|request| match &*request.method {
        "HEAD" => {
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 9\r\n\r\n")
        }
        _ => Reply::status(204).header("content-type", "image/png"),
    });
    for method in ["HEAD", "GET"] {
        let text = shown(&[method, &*server.url("/")]);
        assert!(!text.contains("not shown"), "{text}");
    }
}

#[test]
fn a_terminal_gets_events_as_they_come() {
    let (server, release) = gated("text/event-stream", "data: 1\n\n", "data: 2\n\n");
    let mut terminal = Terminal::start(&["--body", &*server.url("/")]);
    terminal.wait_for("data: 1");
    release.send(()).unwrap();
    assert_eq!(terminal.end(), (0, "data: 1\n\ndata: 2\n\n".into()));
}
