//! Sessions: what is kept from call to call, and for whom.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use sync_tests::Server;
use sync_tests::http::{Reply, echo};
use sync_tests::peers::Folder;

use crate::support::{mirror, run};

/// Sets a cookie, and is a mirror.
fn setting() -> Server {
    Server::http(|request| echo(request).header("set-cookie", "id=c00kie; Path=/"))
}

#[test]
fn cookies_headers_and_credentials_are_kept() {
    let folder = Folder::new();
    let file = folder.path().join("s.json").display().to_string();
    let server = setting();
    let url = &*server.url("/");
    run(&[
        "--session",
        &file,
        "--auth",
        "tom",
        "mot123",
        url,
        "X-Team:blue",
        "If-Match:x",
        "a=1",
    ])
    .text();
    run(&["--session", &file, url]).text();
    let request = &server.requests()[1];
    assert_eq!(request.header("cookie"), Some("id=c00kie"));
    assert_eq!(request.header("x-team"), Some("blue"));
    assert_eq!(
        request.header("authorization"),
        Some("Basic dG9tOm1vdDEyMw==")
    );
    assert_eq!(
        (request.header("if-match"), request.header("content-type")),
        (None, None)
    );
    assert_eq!(request.header("accept"), Some("*/*"));
    // What is given again replaces what was kept; what is removed is gone.
    run(&[
        "--session",
        &file,
        "--bearer",
        "t",
        url,
        "X-Team:red",
        "--cookies",
        "own",
        "1",
    ])
    .text();
    run(&["--session", &file, url]).text();
    let request = &server.requests()[3];
    assert_eq!(request.header("x-team"), Some("red"));
    assert_eq!(request.header("authorization"), Some("Bearer t"));
    assert!(request.header("cookie").unwrap().contains("own=1"));
    run(&["--session", &file, url, "X-Team:"]).text();
    run(&["--session", &file, url]).text();
    assert_eq!(server.requests()[5].header("x-team"), None);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["s.json"]);
}

#[test]
fn nothing_of_one_origin_goes_to_another() {
    let folder = Folder::new();
    let file = folder.path().join("s.json").display().to_string();
    let (server, other) = (setting(), mirror());
    run(&[
        "--session",
        &file,
        "--auth",
        "tom",
        "mot123",
        &*server.url("/"),
        "X-Secret:s",
    ])
    .text();
    let elsewhere = format!("http://localhost:{}/", other.port());
    run(&["--session", &file, &elsewhere]).text();
    let to = elsewhere.clone();
    let sender = Server::http(move |_| Reply::redirect(302, &to));
    run(&[
        "--session",
        &file,
        "--auth",
        "tom",
        "mot123",
        &*sender.url("/"),
        "X-Secret:s",
    ])
    .text();
    run(&["--session", &file, "--follow-redirects", &*sender.url("/")]).text();
    assert_eq!(sender.requests()[1].header("x-secret"), Some("s"));
    let got = other.requests();
    assert_eq!(got.len(), 2);
    for request in got {
        for name in ["cookie", "authorization", "x-secret"] {
            assert_eq!(request.header(name), None);
        }
    }
}

#[test]
fn a_session_can_be_read_only() {
    let folder = Folder::new();
    let file = folder.path().join("s.json").display().to_string();
    let server = setting();
    let url = &*server.url("/");
    run(&["--session", &file, url, "X-A:1"]).text();
    let before = fs::read(&file).unwrap();
    run(&["--session-read-only", &file, url, "X-A:2", "X-B:1"]).text();
    assert_eq!(server.requests()[1].header("x-a"), Some("2"));
    assert_eq!(server.requests()[1].header("cookie"), Some("id=c00kie"));
    assert_eq!(fs::read(&file).unwrap(), before);
    let none = folder.path().join("none").display().to_string();
    run(&["--session-read-only", &none, url]).text();
    assert!(!folder.path().join("none").exists());
}

#[test]
fn the_file_is_as_the_book_says() {
    let folder = Folder::new();
    let file = folder.path().join("s.json").display().to_string();
    let server = setting();
    run(&[
        "--session",
        &file,
        "--digest",
        "--auth",
        "tom",
        "mot123",
        &*server.url("/"),
        "X-A:1",
    ])
    .text();
    let whole: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(whole["dimorph-session"], 1);
    assert_eq!(whole["cookies"]["cookies"][0]["name"], "id");
    let origin = &whole["origins"][format!("http://127.0.0.1:{}", server.port())];
    assert_eq!(origin["headers"], serde_json::json!([["X-A", "1"]]));
    assert_eq!(
        origin["auth"],
        serde_json::json!({"digest": ["tom", "mot123"]})
    );
    for bad in [
        "[]",
        "{}",
        "{\"dimorph-session\":2}",
        "{\"dimorph-session\":1,\"origins\":[]}",
        "{\"dimorph-session\":1,\"cookies\":3}",
    ] {
        fs::write(&file, bad).unwrap();
        let complaint = run(&["--session", &file, &*server.url("/")]).complaint(2);
        assert!(complaint.contains("s.json: "), "{bad}: {complaint}");
        assert_eq!(fs::read(&file).unwrap(), bad.as_bytes());
    }
}

#[test]
fn a_file_that_cannot_be_written_is_noticed_before_anything_is_sent() {
    let folder = Folder::new();
    let server = setting();
    let file = folder.path().join("missing/s.json").display().to_string();
    let complaint = run(&["--session", &file, &*server.url("/")]).complaint(2);
    assert!(
        complaint.ends_with("its folder is not there"),
        "{complaint}"
    );
    assert_eq!(server.connections(), 0);
}

#[test]
fn an_empty_file_is_a_new_session_and_a_link_stays_a_link() {
    let folder = Folder::new();
    let [file, link] = ["s.json", "link.json"].map(|name| folder.path().join(name));
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let server = setting();
    run(&["--session", &*link.to_string_lossy(), &*server.url("/")]).text();
    assert!(link.is_symlink());
    assert!(fs::read_to_string(&file).unwrap().contains("c00kie"));
}
