//! The exit status, and what is said.

use sync_tests::Server;
use sync_tests::http::Reply;
use sync_tests::peers::{Folder, free_address};

use crate::support::run;
use crate::terminal::Terminal;

fn answering(status: u16) -> Server {
    Server::http(move |_| Reply::status(status))
}

#[test]
fn an_answer_is_success_whatever_its_status() {
    for status in [200, 204, 304, 404, 500] {
        let server = answering(status);
        assert_eq!(run(&[&*server.url("/")]).text(), "", "{status}");
    }
}

#[test]
fn check_status_wants_2xx() {
    for (status, exit) in [(200, 0), (204, 0), (304, 1), (404, 1), (503, 1)] {
        let server = answering(status);
        let ran = run(&["--check-status", &*server.url("/")]);
        assert_eq!(ran.status, exit, "{status}");
        assert_eq!(ran.err.is_empty(), exit == 0);
    }
    let server = Server::http(|request| match &*request.target {
        "/from" => Reply::redirect(302, "/to"),
        _ => Reply::ok("x"),
    });
    let url = &*server.url("/from");
    assert_eq!(
        run(&["--check-status", url]).complaint(1),
        "the answer is 302 Found"
    );
    assert_eq!(
        run(&["--check-status", "--follow-redirects", url]).text(),
        "x"
    );
    let server = answering(404);
    let (status, text) = Terminal::start(&["--check-status", &*server.url("/")]).end();
    assert!(status == 1 && !text.contains("dimorph:"), "{text}");
}

#[test]
fn a_request_that_fails_is_1_and_says_where() {
    let nobody = free_address();
    let complaint = run(&[format!("http://{nobody}/")]).complaint(1);
    assert!(
        complaint.starts_with("ConnectError: ") && complaint.contains(&nobody.to_string()),
        "{complaint}"
    );
    let complaint = run(&[format!("http://tom:mot123@{nobody}/")]).complaint(1);
    assert!(!complaint.contains("mot123"), "{complaint}");
    let server = Server::wire(|wire| {
        wire.read_head()?;
        wire.drain(std::time::Duration::from_secs(20));
        Ok(())
    });
    let complaint = run(&["--timeout", "0.2", &*server.url("/")]).complaint(1);
    assert!(
        complaint.starts_with("ReadTimeout: nothing received within 200ms"),
        "{complaint}"
    );
}

#[test]
fn a_redirect_to_what_is_no_url_failed_on_its_way() {
    for location in ["ftp://e.org/", "http://", "http://a b/"] {
        let server = Server::http(move |_| Reply::redirect(302, location));
        run(&["--follow-redirects", &*server.url("/")]).complaint(1);
    }
}

#[test]
fn a_wrong_command_line_is_2_and_sends_nothing() {
    let server = answering(200);
    let url = &*server.url("/");
    let folder = Folder::new();
    let none = folder.path().join("none").display().to_string();
    let bad_json = folder.write("bad", "{").display().to_string();
    let rows: Vec<(Vec<&str>, &str)> = vec![
        (vec![], "no URL is given"),
        (vec!["--nope", url], "unexpected argument '--nope' found"),
        (
            vec![url, "--auth", "tom"],
            "2 values required for '--auth <USER> <PASS>' but 1 was provided",
        ),
        (vec![url, "-p", "a"], "2 values required"),
        (vec![url, "--timeout", "-1"], "it is no number of seconds"),
        (vec![url, "--timeout=soon"], "it is no number of seconds"),
        (
            vec![url, "-j", "{"],
            "--json: it is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (vec![url, "-c", "a", "-j", "{}"], "cannot be used with"),
        (vec![url, "-c", "a", "-f", "x", "y"], "cannot be used with"),
        (
            vec![url, "-j", "{}", "f@y"],
            "a file of a form and another body exclude each other",
        ),
        (vec![url, "-f", "x", &none], "No such file or directory"),
        (vec![url, "-m", "a b"], "`a b` is no method"),
        (vec!["http://", "a=1"], "InvalidUrl"),
        (vec!["ftp://e.org"], "UnsupportedProtocol"),
        (vec![url, "-h", "a b", "c"], "header name"),
        (vec![url, "-h", "a", "c\nd"], "forbidden character"),
        (vec![url, "--cookies", "a=b", "c"], "LocalProtocolError"),
        (
            vec![url, "--cookies", "a=b", "c", "--session", &none],
            "LocalProtocolError",
        ),
        (vec![url, "--verify", &none], "none"),
        (vec![url, "--cert", &none], "none"),
        (vec![url, "--proxy", "ftp://x"], "proxy"),
        (
            vec![url, "--session", &bad_json],
            "it is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (vec![url, "--download", "/"], "is a directory"),
        (vec![url, "--download", "-"], "leave it out"),
        (vec![url, "--download", "/nonexistent/x"], "is not there"),
        (
            vec![url, "-o", "/nonexistent/x"],
            "the output /nonexistent/x: No such file or directory",
        ),
        (vec![url, "--continue"], "--download <FILE>"),
        (vec![url, "--digest"], "--auth <USER> <PASS>"),
        (vec![url, "--repeat", "0"], "0 is not in 1..=1000000"),
    ];
    for (args, complaint) in rows {
        let got = run(&args).complaint(2);
        assert!(got.contains(complaint), "{args:?}: {got}");
    }
    assert_eq!(server.connections(), 0);
}
