//! `-v`: the request, the connection and the times; and `--offline`, which shows the request alone.

use std::process::Stdio;

use sync_tests::Server;
use sync_tests::http::{Reply, echo};

use crate::support::{mirror, only, run, run_with};
use crate::terminal::{Ends, Terminal, plain, shown};

#[test]
fn a_terminal_gets_request_answer_and_times() {
    let server =
        Server::http(|_| Reply::ok("{\"ok\":true}").header("content-type", "application/json"));
    let text = plain(&shown(&["-v", &*server.url("/x"), "a=1"]));
    let port = server.port();
    let expected = format!(
        "* Connected to 127.0.0.1 port {port}\n\
         POST /x HTTP/1.1\nHost: 127.0.0.1:{port}\n"
    );
    assert!(text.starts_with(&expected), "{text}");
    let middle = "Content-Type: application/json\n\n{\"a\":\"1\"}\n\nHTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 11\n\n{\n  \"ok\": true\n}\n* ";
    assert!(text.contains(middle), "{text}");
    let times = text.lines().last().unwrap();
    let names: Vec<&str> = times
        .split("  ")
        .map(|phase| {
            phase
                .split(' ')
                .nth(usize::from(phase.starts_with("* ")))
                .unwrap()
        })
        .collect();
    assert_eq!(
        names,
        ["dns", "connect", "wait", "read", "total"],
        "{times}"
    );
}

#[test]
fn into_a_pipe_the_body_goes_alone() {
    let server = mirror();
    let ran = run(&["-v", &*server.url("/x")]);
    assert_eq!(ran.status, 0);
    assert!(ran.out.starts_with(b"{\"method\":\"GET\""));
    assert!(
        ran.err.contains("GET /x HTTP/1.1\n") && ran.err.contains("HTTP/1.1 200 OK\n"),
        "{}",
        ran.err
    );
    let ends = Ends {
        stdin: None,
        stdout: Some(Stdio::null()),
    };
    let (_, text) = Terminal::start_with(&["-v", &*server.url("/x")], &[], ends).end();
    assert!(text.contains("\x1b[1mGET /x HTTP/1.1\x1b[0m\n"), "{text:?}");
}

#[test]
fn credentials_are_hidden_unless_asked_for_twice() {
    let server = mirror();
    let url = &*server.url("/");
    let args = ["--auth", "tom", "mot123", "--cookies", "c", "v1", url];
    let ran = run(&[&["-v"], &args[..]].concat());
    assert!(
        ran.err.contains("Authorization: Basic [hidden]\n")
            && ran.err.contains("Cookie: [hidden]\n"),
        "{}",
        ran.err
    );
    let ran = run(&[&["-vv"], &args[..]].concat());
    assert!(
        ran.err.contains("Authorization: Basic dG9tOm1vdDEyMw==\n")
            && ran.err.contains("Cookie: c=v1\n"),
        "{}",
        ran.err
    );
    let ran = run(&["-v", "--bearer", "t0k", url]);
    assert!(
        ran.err.contains("Authorization: Bearer [hidden]\n"),
        "{}",
        ran.err
    );
}

#[test]
fn every_hop_is_shown() {
    let server = Server::http(|request| match &*request.target {
        "/from" => Reply::redirect(302, "/to"),
        _ => echo(request),
    });
    let ran = run(&["-v", "--follow-redirects", &*server.url("/from")]);
    let heads: Vec<&str> = ran
        .err
        .lines()
        .filter(|line| line.contains("HTTP/1.1"))
        .collect();
    assert_eq!(
        heads,
        [
            "GET /from HTTP/1.1",
            "HTTP/1.1 302 Found",
            "GET /to HTTP/1.1",
            "HTTP/1.1 200 OK"
        ]
    );
    assert!(
        ran.err.contains("* Using a connection that was open\n"),
        "{}",
        ran.err
    );
}

#[test]
fn a_request_that_fails_is_shown_too() {
    let server = Server::wire(|wire| wire.read_head().map(drop));
    let ran = run(&["-v", &*server.url("/x")]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("GET /x HTTP/1.1\n"), "{}", ran.err);
    assert!(
        ran.err.contains("dimorph: RemoteProtocolError: "),
        "{}",
        ran.err
    );
}

#[test]
fn what_offline_prints_is_what_goes_over_the_wire() {
    let rows: [&[&str]; 12] = [
        &["URL"],
        &["HEAD", "URL"],
        &["POST", "URL"],
        &["PUT", "URL", "a=1", "b:=[2]"],
        &["URL", "-c", "text", "-h", "X-A", "1"],
        &[
            "URL",
            "-c",
            "text",
            "-h",
            "Content-Type",
            "text/x",
            "-h",
            "X-Z",
            "1",
        ],
        &[
            "URL",
            "-d",
            "a",
            "1",
            "--auth",
            "tom",
            "mot123",
            "--cookies",
            "c",
            "1",
        ],
        &["URL", "--bearer", "t", "User-Agent:me", "Accept:"],
        &["URL", "Connection:", "Accept-Encoding:gzip"],
        &["URL", "Host:elsewhere", "q==1 2", "Range:bytes=0-1"],
        &["DELETE", "URL", "Connection:close"],
        &["URL", "-c", "", "-m", "PATCH"],
    ];
    for row in rows {
        let server = mirror();
        let url = server.url("/x?y#z");
        let args: Vec<&str> = row
            .iter()
            .map(|arg| if *arg == "URL" { &*url } else { arg })
            .collect();
        let text = run(&[&["--offline"], &*args].concat()).text();
        assert_eq!(server.connections(), 0);
        run(&args).text();
        let request = only(&server);
        let wire = [&request.head[..], &request.body].concat();
        assert_eq!(text, String::from_utf8(wire).unwrap(), "{row:?}");
    }
}

#[test]
fn offline_shows_what_is_read_while_it_is_sent() {
    let text = run_with(&[b'x'; (1 << 20) + 5], &["--offline", "e.org"]).text();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    assert_eq!(body.len(), (1 << 20) + 5);
    let text = plain(&shown(&[
        "--offline",
        "--auth",
        "tom",
        "mot123",
        "e.org",
        "a=1",
    ]));
    assert!(
        text.contains("Authorization: Basic dG9tOm1vdDEyMw==\n\n{\n  \"a\": \"1\"\n}\n"),
        "{text}"
    );
}

#[test]
fn what_is_no_part_of_the_exchange_stays_out_of_a_pipe() {
    let server = Server::http(|_| Reply::ok("body"));
    let url = &*server.url("/");
    for part in [&["--body"][..], &["--print", "b"]] {
        let ran = run(&[&["-v", url], part].concat());
        assert_eq!(String::from_utf8(ran.out).unwrap(), "body");
        assert!(ran.err.starts_with("* Connected to "), "{}", ran.err);
    }
}

#[test]
fn offline_prints_the_parts_that_were_named() {
    let args = ["--offline", "example.org", "a=1"];
    let text = |more: &[&str]| run(&[&args[..], more].concat()).text();
    let whole = text(&[]);
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    for more in [&["--body"][..], &["--print", "B"]] {
        assert_eq!(text(more), body);
    }
    for more in [&["--headers-only"][..], &["--print", "H"]] {
        assert_eq!(text(more), format!("{head}\r\n\r\n"));
    }
}
