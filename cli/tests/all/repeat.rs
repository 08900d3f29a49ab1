//! `--repeat N`: the table.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use sync_tests::Server;
use sync_tests::http::Reply;

use crate::support::{mirror, run, run_with};
use crate::terminal::{plain, shown};

#[test]
fn the_table_has_a_line_for_each_phase() {
    let server = mirror();
    let text = run(&["--repeat", "10", &*server.url("/"), "a=1"]).text();
    let lines: Vec<&str> = text.lines().collect();
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(lines[0]),
        ["min", "median", "p90", "p99", "max", "count"]
    );
    let phases: Vec<(String, String)> = lines[1..]
        .iter()
        .take_while(|line| !line.is_empty())
        .map(|line| (words(line)[0].clone(), words(line).pop().unwrap()))
        .collect();
    let expected = [
        ("dns", "1"),
        ("connect", "1"),
        ("wait", "10"),
        ("read", "10"),
        ("total", "10"),
    ];
    assert_eq!(phases, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(text.contains("\n200 OK: 10\n"), "{text}");
    assert!(
        text.contains("\nconnections: 1 opened, 9 times one reused; "),
        "{text}"
    );
    assert_eq!(server.requests().len(), 10);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.body == b"{\"a\":\"1\"}")
    );
    assert!(plain(&shown(&["--repeat", "2", &*server.url("/")])).contains("200 OK: 2\n"));
}

#[test]
fn statuses_and_failures_are_counted() {
    let count = AtomicUsize::new(0);
    let server = Server::http(move |_| match count.fetch_add(1, Ordering::SeqCst) % 4 {
        0 => Reply::status(503),
        1 => Reply::raw("nonsense\r\n\r\n").closing(),
        _ => Reply::ok("x").closing(),
    });
    let ran = run(&["--repeat", "8", &*server.url("/")]);
    let text = String::from_utf8(ran.out).unwrap();
    assert_eq!(ran.status, 1, "{text}");
    assert!(
        text.contains("\n200 OK: 4\n503 Service Unavailable: 2\nRemoteProtocolError: "),
        "{text}"
    );
    let server = Server::http(|_| Reply::status(503));
    let url = &*server.url("/");
    assert_eq!(run(&["--repeat", "2", url]).status, 0);
    assert_eq!(run(&["--repeat", "2", "--check-status", url]).status, 1);
}

#[test]
fn standard_input_is_sent_each_time() {
    let server = mirror();
    let body = vec![b'x'; (1 << 20) + 1];
    run_with(&body, &["--repeat", "2", &*server.url("/")]).text();
    assert!(server.requests().iter().all(|request| request.body == body));
}

#[test]
fn a_connection_that_was_refused_is_not_counted_as_opened() {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap();
    let ran = run(&["--repeat", "2", &format!("http://{port}/")]);
    let text = String::from_utf8(ran.out).unwrap();
    assert!(text.contains("\nconnections: 0 opened, "), "{text}");
}
