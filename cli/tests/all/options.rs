//! HTTPX's options, with HTTPX's arities, as they arrive at the server.

use std::fs;

use crate::support::{mirror, only, run, run_in, seen};
use sync_tests::Server;
use sync_tests::http::{Reply, echo};
use sync_tests::peers::Folder;

#[test]
fn the_method_is_get_and_post_with_a_body() {
    let rows: [(&[&str], &str); 14] = [
        (&["URL"], "GET"),
        (&["-m", "PUT", "URL"], "PUT"),
        (&["--method", "M-SEARCH", "URL"], "M-SEARCH"),
        (&["URL", "-m", "delete"], "DELETE"),
        (&["URL", "-m", "own"], "own"),
        (&["-c", "x", "URL"], "POST"),
        (&["-d", "a", "1", "URL"], "POST"),
        (&["-j", "{}", "URL"], "POST"),
        (&["URL", "a=1"], "POST"),
        (&["URL", "a==1", "X-A:1"], "GET"),
        (&["put", "URL"], "PUT"),
        (&["PUT", "URL", "a=1"], "PUT"),
        (&["REPORT", "URL"], "REPORT"),
        (&["-m", "GET", "URL", "a=1"], "GET"),
    ];
    for (args, method) in rows {
        assert_eq!(seen(args).method, method, "{args:?}");
    }
}

#[test]
fn parameters_headers_and_cookies_take_two_values_each() {
    let request = seen(&[
        "URL",
        "-p",
        "a",
        "1",
        "--params",
        "b",
        "x y",
        "-p",
        "a",
        "2",
        "-h",
        "X-One",
        "-1",
        "--headers",
        "X-Two",
        "--three",
        "--cookies",
        "c",
        "1",
        "--cookies",
        "d",
        "2",
    ]);
    assert_eq!(request.target, "/x?a=1&b=x+y&a=2");
    assert_eq!(request.header("x-one"), Some("-1"));
    assert_eq!(request.header("x-two"), Some("--three"));
    assert_eq!(request.header("cookie"), Some("c=1; d=2"));
}

#[test]
fn bodies_are_text_json_or_forms() {
    let request = seen(&["URL", "-c", "-5\n"]);
    assert_eq!(
        (request.text(), request.header("content-type")),
        ("-5\n".into(), None)
    );
    let request = seen(&["URL", "-j", "{ \"a\": 1.0 }"]);
    assert_eq!(request.text(), "{ \"a\": 1.0 }");
    assert_eq!(request.header("content-type"), Some("application/json"));
    let request = seen(&["URL", "-d", "a b", "1&2", "--data", "c", "ü"]);
    assert_eq!(request.text(), "a+b=1%262&c=%C3%BC");
    let form = Some("application/x-www-form-urlencoded");
    assert_eq!(request.header("content-type"), form);
    let request = seen(&["URL", "--form", "a=1", "n:=2", "s:=\"t\""]);
    assert_eq!(
        (request.text(), request.header("content-type")),
        ("a=1&n=2&s=t".into(), form)
    );
}

#[test]
fn files_are_parts_of_a_multipart_form() {
    let folder = Folder::new();
    let csv = folder.write("a.csv", "1,2").display().to_string();
    let request = seen(&[
        "URL", "-d", "note", "hi", "-f", "up", &csv, "--files", "again", &csv,
    ]);
    let text = request.text();
    assert!(
        request
            .header("content-type")
            .unwrap()
            .starts_with("multipart/form-data; boundary=")
    );
    for piece in [
        "form-data; name=\"note\"\r\n\r\nhi\r\n",
        "form-data; name=\"up\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n",
        "form-data; name=\"again\"; filename=\"a.csv\"",
    ] {
        assert!(text.contains(piece), "{piece} in {text}");
    }
}

#[test]
fn redirects_are_followed_when_asked() {
    let server = Server::http(|request| match &*request.target {
        "/from" => Reply::redirect(302, "/to"),
        _ => echo(request),
    });
    assert_eq!(run(&[&*server.url("/from")]).text(), "");
    assert_eq!(server.requests().len(), 1);
    for option in ["--follow-redirects", "--follow"] {
        let text = run(&[option, &*server.url("/from")]).text();
        assert!(text.contains("\"/to\""), "{text}");
    }
}

#[test]
fn the_url_may_be_short() {
    let server = mirror();
    let port = server.port();
    for (url, target) in [
        (format!(":{port}/a"), "/a"),
        (format!(":{port}"), "/"),
        (format!("127.0.0.1:{port}/b?to=http://x"), "/b?to=http://x"),
        (format!("://127.0.0.1:{port}/c"), "/c"),
        (format!("//127.0.0.1:{port}/d"), "/d"),
        (format!("HTTP://127.0.0.1:{port}/e"), "/e"),
    ] {
        // localhost may be ::1 first.
        run(&[&url]).text();
        assert_eq!(server.requests().last().unwrap().target, target, "{url}");
    }
    let text = run(&["--offline", ":/x"]).text();
    assert!(
        text.starts_with("GET /x HTTP/1.1\r\nHost: localhost\r\n"),
        "{text}"
    );
    let text = run(&["--offline", "[::1]:8000/x", "X-A:\u{fc}"]).text();
    assert!(
        text.starts_with("GET /x HTTP/1.1\r\nHost: [::1]:8000\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\nX-A: \u{fc}\r\n"), "{text}");
    let text = run(&["--offline", "localhost", "a=1"]).text();
    assert!(
        text.starts_with("POST / HTTP/1.1\r\nHost: localhost\r\n"),
        "{text}"
    );
}

#[test]
fn output_goes_to_a_file_when_asked() {
    let folder = Folder::new();
    let file = folder.path().join("out");
    let server = Server::http(|_| Reply::ok("body"));
    let args = ["-o", file.to_str().unwrap(), &*server.url("/")];
    assert_eq!(run(&args).text(), "");
    assert_eq!(fs::read(file).unwrap(), b"body");
    only(&server);
}

#[test]
fn an_output_file_gets_the_parts_that_were_named() {
    let folder = Folder::new();
    let server = Server::http(|_| Reply::ok("body"));
    let args = ["-o", "out", "--print", "hb", &*server.url("/")];
    assert_eq!(run_in(folder.path(), &args).text(), "");
    let text = fs::read_to_string(folder.path().join("out")).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200 OK\n") && text.ends_with("\n\nbody"),
        "{text}"
    );
}

#[test]
fn an_output_file_stays_as_it_is_until_there_is_an_answer() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    fs::write(&out, "what was there, and is longer").unwrap();
    let server = Server::wire(|wire| wire.read_head().map(drop));
    let ran = run_in(folder.path(), &["-o", "out", &*server.url("/")]);
    assert_eq!(ran.status, 1);
    assert_eq!(
        fs::read_to_string(&out).unwrap(),
        "what was there, and is longer"
    );
    for body in ["new", ""] {
        let server = Server::http(move |_| Reply::ok(body));
        run_in(folder.path(), &["-o", "out", &*server.url("/")]).text();
        assert_eq!(fs::read_to_string(&out).unwrap(), body);
    }
}
