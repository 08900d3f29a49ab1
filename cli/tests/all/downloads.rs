//! Downloads, and those that go on where an earlier one ended.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sync_tests::http::Reply;
use sync_tests::peers::{Folder, Nginx};
use sync_tests::{Received, Server};

use crate::support::{Ran, command, run, run_in};
use crate::terminal::{Ends, Terminal, plain};

const SIZE: usize = 3 << 20;

fn content() -> Vec<u8> {
    (0..SIZE).map(|at| (at % 251) as u8).collect()
}

/// Serves ranges of the content under an entity tag.
fn ranges(request: &Received, tag: &str) -> Reply {
    let whole = content();
    let first = request.header("range").map(|range| {
        let range = range.strip_prefix("bytes=").unwrap();
        range.strip_suffix('-').unwrap().parse::<usize>().unwrap()
    });
    let same = request.header("if-range").is_none_or(|value| value == tag);
    match first {
        Some(first) if same && first >= SIZE => {
            Reply::status(416).header("content-range", &format!("bytes */{SIZE}"))
        }
        Some(first) if same => Reply::status(206).body(&whole[first..]).header(
            "content-range",
            &format!("bytes {first}-{}/{SIZE}", SIZE - 1),
        ),
        _ => Reply::ok(whole),
    }
    .header("etag", tag)
}

/// The first answer breaks off in the middle.
fn breaking(tag: &'static str, later: &'static str) -> Server {
    let count = AtomicUsize::new(0);
    Server::http(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let head = format!("HTTP/1.1 200 OK\r\netag: {tag}\r\ncontent-length: {SIZE}\r\n\r\n");
            Reply::raw([head.as_bytes(), &content()[..SIZE / 3]].concat()).closing()
        }
        _ => ranges(request, later),
    })
}

#[test]
fn the_body_goes_to_the_file_alone() {
    let folder = Folder::new();
    let server = Server::http(|request| ranges(request, "\"1\""));
    let args = ["--download", "file", &*server.url("/")];
    assert_eq!(run_in(folder.path(), &args).text(), "");
    assert!(fs::read(folder.path().join("file")).unwrap() == content());
    assert!(!folder.path().join("file.resume").exists());
    assert_eq!(
        server.requests()[0].header("accept-encoding"),
        Some("identity")
    );
    // A shorter one replaces it.
    let server = Server::http(|_| Reply::ok("short"));
    run_in(folder.path(), &["--download", "file", &*server.url("/")]).text();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"short");
}

#[test]
fn a_terminal_sees_the_progress() {
    let folder = Folder::new();
    let file = folder.path().join("file").display().to_string();
    let server = Server::http(|request| ranges(request, "\"1\""));
    let ends = Ends {
        stdin: None,
        stdout: Some(Stdio::null()),
    };
    let args = ["--download", &*file, &*server.url("/")];
    let (status, text) = Terminal::start_with(&args, &[], ends).end();
    let text = plain(&text);
    assert_eq!(status, 0, "{text}");
    for word in [
        "file",
        "100%",
        "3.00 MiB/3.00 MiB",
        "/s",
        "left",
        "Saved 3,145,728 bytes to ",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let (_, text) = Terminal::start(&args).end();
    assert!(
        plain(&text).contains("HTTP/1.1 200 OK\nEtag: \"1\"\n"),
        "{text}"
    );
    assert!(fs::read(file).unwrap() == content());
}

#[test]
fn an_interrupted_download_goes_on_byte_for_byte() {
    let folder = Folder::new();
    let server = breaking("\"1\"", "\"1\"");
    let url = &*server.url("/");
    let file = folder.path().join("file");
    let complaint = run_in(folder.path(), &["--download", "file", url]).complaint(1);
    assert!(
        complaint.contains("file has 1,048,576 bytes; --continue goes on from there"),
        "{complaint}"
    );
    assert_eq!(fs::metadata(&file).unwrap().len() as usize, SIZE / 3);
    assert_eq!(
        run_in(folder.path(), &["--download", "file", "--continue", url]).text(),
        ""
    );
    assert!(fs::read(&file).unwrap() == content());
    let request = &server.requests()[1];
    assert_eq!(request.header("range"), Some("bytes=1048576-"));
    assert_eq!(request.header("if-range"), Some("\"1\""));
    assert!(!folder.path().join("file.resume").exists());
    // Once more: there is nothing left to get.
    assert_eq!(
        run_in(folder.path(), &["--download", "file", "--continue", url]).text(),
        ""
    );
    assert_eq!(server.requests().len(), 3);
    assert!(fs::read(&file).unwrap() == content());
}

#[test]
fn a_file_that_changed_is_fetched_anew() {
    let folder = Folder::new();
    let server = breaking("\"1\"", "\"2\"");
    let url = &*server.url("/");
    run_in(folder.path(), &["--download", "file", url]).complaint(1);
    run_in(folder.path(), &["--download", "file", "--continue", url]).text();
    assert!(fs::read(folder.path().join("file")).unwrap() == content());
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn an_answer_of_another_version_is_not_appended() {
    let count = AtomicUsize::new(0);
    let server = Server::http(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::raw("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 9\r\n\r\nold").closing(),
        1 => Reply::status(206)
            .body("222222")
            .header("content-range", "bytes 3-8/9")
            .header("etag", "\"2\""),
        _ => {
            assert_eq!(
                (request.header("range"), request.header("if-range")),
                (None, None)
            );
            Reply::ok("new222222").header("etag", "\"2\"")
        }
    });
    let folder = Folder::new();
    let url = &*server.url("/");
    run_in(folder.path(), &["--download", "file", url]).complaint(1);
    run_in(folder.path(), &["--download", "file", "--continue", url]).text();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"new222222");
}

#[test]
fn a_server_without_ranges_or_with_wrong_ones_starts_anew() {
    let whole = |_: &Received| Reply::ok(content());
    let wrong = |request: &Received| match request.header("range") {
        Some(_) => Reply::status(206)
            .body("xx")
            .header("content-range", "bytes 0-1/2"),
        None => Reply::ok(content()),
    };
    let other_length = |request: &Received| match request.header("range") {
        Some(_) => Reply::status(416).header("content-range", "bytes */2"),
        None => Reply::ok(content()),
    };
    for server in [
        Server::http(whole),
        Server::http(wrong),
        Server::http(other_length),
    ] {
        let folder = Folder::new();
        let file = folder.write("file", "something else");
        run_in(
            folder.path(),
            &["--download", "file", "--continue", &*server.url("/")],
        )
        .text();
        assert!(fs::read(file).unwrap() == content());
    }
}

#[test]
fn a_weak_tag_is_no_validator_and_a_date_is() {
    for (fields, validator) in [
        ("etag: W/\"1\"\r\n", None),
        (
            "etag: W/\"1\"\r\nlast-modified: Tue, 15 Nov 1994 12:45:26 GMT\r\n",
            Some("Tue, 15 Nov 1994 12:45:26 GMT"),
        ),
    ] {
        let count = AtomicUsize::new(0);
        let server = Server::http(move |request| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::raw(format!(
                "HTTP/1.1 200 OK\r\n{fields}content-length: 9\r\n\r\nabc"
            ))
            .closing(),
            _ => {
                assert_eq!(request.header("range"), Some("bytes=3-"));
                Reply::status(206)
                    .body("defghi")
                    .header("content-range", "bytes 3-8/9")
            }
        });
        let folder = Folder::new();
        let url = &*server.url("/");
        run_in(folder.path(), &["--download", "file", url]).complaint(1);
        run_in(folder.path(), &["--download", "file", "--continue", url]).text();
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"abcdefghi");
        assert_eq!(server.requests()[1].header("if-range"), validator);
    }
}

#[test]
fn a_failure_leaves_the_file_as_it_is() {
    let folder = Folder::new();
    let file = folder.write("file", "kept");
    let server = Server::http(|_| Reply::status(404).body("not here"));
    let url = &*server.url("/");
    for option in ["--continue", "--check-status"] {
        let complaint = run_in(folder.path(), &["--download", "file", option, url]).complaint(1);
        assert_eq!(
            complaint,
            "the answer is 404 Not Found; nothing was written to file"
        );
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }
    run_in(folder.path(), &["--download", "file", url]).text();
    assert_eq!(fs::read(&file).unwrap(), b"not here");
}

#[test]
fn ctrl_c_leaves_what_came_and_the_rest_can_be_fetched() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            let whole = content();
            match head.header("range") {
                None => {
                    wire.send(format!(
                        "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {SIZE}\r\n\r\n"
                    ))?;
                    wire.send(&whole[..1000])?;
                    // Until the client is gone.
                    wire.drain(Duration::from_secs(20));
                }
                Some(range) => {
                    assert_eq!(range, "bytes=1000-");
                    let rest = &whole[1000..];
                    wire.send(format!("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 1000-{}/{SIZE}\r\ncontent-length: {}\r\n\r\n", SIZE - 1, rest.len()))?;
                    wire.send(rest)?;
                }
            }
        }
        Ok(())
    });
    let url = &*server.url("/");
    let mut terminal = Terminal::start(&["--download", file.to_str().unwrap(), url]);
    terminal.wait_for("1000 B/3.00 MiB");
    let end = Instant::now() + Duration::from_secs(20);
    while fs::metadata(&file).map_or(0, |meta| meta.len()) < 1000 && Instant::now() < end {
        std::thread::yield_now();
    }
    terminal.type_in("\x03");
    terminal.end();
    assert_eq!(fs::metadata(&file).unwrap().len(), 1000);
    run(&["--download", file.to_str().unwrap(), "--continue", url]).text();
    assert!(fs::read(&file).unwrap() == content());
}

#[test]
fn nginx_goes_on_from_the_middle() {
    let Some(nginx) = Nginx::start() else { return };
    let folder = Folder::new();
    let url = &*nginx.url("/hello.txt");
    let file = folder.write("file", "he");
    run_in(folder.path(), &["--download", "file", "--continue", url]).text();
    assert_eq!(fs::read(&file).unwrap(), b"hello");
    run_in(folder.path(), &["--download", "file", "--continue", url]).text();
    assert_eq!(fs::read(&file).unwrap(), b"hello");
    folder.write("file", "he");
    folder.write("file.resume", "\"another\"");
    run_in(folder.path(), &["--download", "file", "--continue", url]).text();
    assert_eq!(fs::read(&file).unwrap(), b"hello");
}

#[test]
fn redirects_are_followed_and_codings_taken_off() {
    let folder = Folder::new();
    let server = Server::http(|request| match &*request.target {
        "/from" => Reply::redirect(302, "/to"),
        _ => Reply::ok("x"),
    });
    run_in(
        folder.path(),
        &["--download", "file", &*server.url("/from")],
    )
    .text();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"x");
}

#[test]
fn an_upload_shows_its_progress_too() {
    let folder = Folder::new();
    let file = folder
        .write("up", vec![b'x'; 200_000])
        .display()
        .to_string();
    // The answer waits until the bar was seen.
    let (sender, seen) = std::sync::mpsc::channel();
    let seen = std::sync::Mutex::new(seen);
    let server = Server::wire(move |wire| {
        let head = wire.read_head()?.unwrap();
        wire.read_body(&head)?;
        let _ = seen.lock().unwrap().recv();
        wire.send("HTTP/1.1 204 No Content\r\n\r\n")
    });
    let mut terminal =
        Terminal::start(&["--headers-only", &*server.url("/"), &*format!("@{file}")]);
    terminal.wait_for("Sending");
    sender.send(()).unwrap();
    let (status, text) = terminal.end();
    assert!(
        status == 0 && plain(&text).contains("HTTP/1.1 204 No Content"),
        "{text}"
    );
}

#[test]
fn a_disk_that_is_full_is_said() {
    let server = Server::http(|_| Reply::ok(content()));
    let output = command(&["--download", "/dev/full", &*server.url("/")])
        .output()
        .unwrap();
    let complaint = Ran::of(output).complaint(1);
    assert_eq!(complaint, "cannot write /dev/full: No space left on device");
    assert!(!std::path::Path::new("/dev/full.resume").exists());
}

#[test]
fn a_part_of_the_rest_is_not_taken_for_the_whole() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, &content()[..1000]).unwrap();
    let server = Server::http(|request| {
        let range = request.header("range").unwrap();
        let first = range.strip_prefix("bytes=").unwrap().strip_suffix('-');
        let first: usize = first.unwrap().parse().unwrap();
        let end = SIZE.min(first + SIZE / 2);
        let range = format!("bytes {first}-{}/{SIZE}", end - 1);
        Reply::status(206)
            .body(&content()[first..end])
            .header("content-range", &range)
    });
    let args = ["--download", "file", "--continue", &*server.url("/")];
    let complaint = run_in(folder.path(), &args).complaint(1);
    assert_eq!(
        complaint,
        "the server sent a part of the rest\nfile has 1,573,864 of 3,145,728 bytes; --continue goes on from there"
    );
    assert_eq!(run_in(folder.path(), &args).text(), "");
    assert!(fs::read(&file).unwrap() == content());
}

#[test]
fn a_file_that_cannot_be_written_is_noticed_before_anything_is_sent() {
    let folder = Folder::new();
    let server = Server::http(|_| Reply::ok("text"));
    for name in [".", "folder/", "missing/file"] {
        let ran = run_in(folder.path(), &["--download", name, &*server.url("/")]);
        let complaint = ran.complaint(2);
        assert!(complaint.starts_with("--download: "), "{complaint}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_validator_that_cannot_be_one_is_left_alone() {
    let folder = Folder::new();
    folder.write("file", &content()[..1000]);
    folder.write("file.resume", "a\u{1}b\nc");
    let server = Server::http(|request| ranges(request, "\"1\""));
    let args = ["--download", "file", "--continue", &*server.url("/")];
    assert_eq!(run_in(folder.path(), &args).text(), "");
    assert!(fs::read(folder.path().join("file")).unwrap() == content());
}
