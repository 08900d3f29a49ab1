//! Bodies saved as files: whole, or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dimorph::transport::{Mock, MockResponse};
use dimorph::{ErrorKind, Progress};
use flate2::Compression;
use flate2::write::GzEncoder;
use sync_tests::{Reply, Server};

use super::common::{assert_at_rest, builder, client};
use super::{dual, form_test};

/// A folder for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("dimorph-saving-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("file.bin")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// More than is written at a time, and not a multiple of it.
fn content() -> Vec<u8> {
    (0..300_001_u32).map(|n| (n / 7 + n % 251) as u8).collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bodies by their framing; `/cut` ends early.
fn server() -> Server {
    Server::http(|request| match request.target.as_str() {
        "/sized" => Reply::ok(content()),
        "/chunked" => Reply::chunked(content().chunks(40_000)),
        "/gzip" => Reply::ok(gzipped(&content())).header("content-encoding", "gzip"),
        "/empty" => Reply::ok(""),
        "/404" => Reply::status(404).body("no such thing"),
        "/bad-gzip" => Reply::ok(&gzipped(&content())[..9000]).header("content-encoding", "gzip"),
        _ => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut").closing(),
    })
}

#[dual]
#[form_test]
async fn a_body_is_saved_decoded_and_whole() {
    let (folder, server, client) = (Folder::new(), server(), client());
    for path in ["/sized", "/chunked", "/gzip"] {
        let response = client.get(server.url(path)).send().await.unwrap();
        let bytes = response.save_to(folder.file()).await.unwrap();
        assert_eq!(bytes, 300_001, "{path}");
        assert!(fs::read(folder.file()).unwrap() == content(), "{path}");
        assert_eq!(names(&folder.0), ["file.bin"], "{path}");
    }
    let response = client.get(server.url("/empty")).send().await.unwrap();
    let bytes = response.save_to(folder.file()).await.unwrap();
    assert_eq!(bytes, 0);
    assert_eq!(fs::read(folder.file()).unwrap(), b"");
    assert_eq!(server.connections(), 1, "the connection is kept");
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn until_it_is_whole_the_file_that_was_there_stays() {
    let (folder, server, client) = (Folder::new(), server(), client());
    fs::write(folder.file(), "old").unwrap();
    let response = client.get(server.url("/chunked")).send().await.unwrap();
    let mut calls = 0;
    let look = |_| {
        calls += 1;
        assert_eq!(fs::read(folder.file()).unwrap(), b"old");
        let names = names(&folder.0);
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names[0].starts_with(".file.bin.") && names[0].ends_with(".part"));
    };
    response.save_to_with(folder.file(), look).await.unwrap();
    assert!(calls > 1, "{calls}");
    assert!(fs::read(folder.file()).unwrap() == content());
    assert_eq!(names(&folder.0), ["file.bin"]);
}

#[dual]
#[form_test]
async fn a_body_that_fails_leaves_no_file_and_the_old_one() {
    let (folder, server, client) = (Folder::new(), server(), client());
    for (path, kind) in [
        ("/cut", ErrorKind::RemoteProtocolError),
        ("/bad-gzip", ErrorKind::DecodingError),
    ] {
        let response = client.get(server.url(path)).send().await.unwrap();
        let error = response.save_to(folder.file()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{path}");
        assert!(names(&folder.0).is_empty(), "{path}");
        fs::write(folder.file(), "old").unwrap();
        let response = client.get(server.url(path)).send().await.unwrap();
        response.save_to(folder.file()).await.unwrap_err();
        assert_eq!(fs::read(folder.file()).unwrap(), b"old", "{path}");
        assert_eq!(names(&folder.0), ["file.bin"], "{path}");
        fs::remove_file(folder.file()).unwrap();
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn progress_counts_as_on_download_does() {
    let (folder, server, client) = (Folder::new(), server(), client());
    let wire = gzipped(&content()).len() as u64;
    for (path, bytes, total) in [
        ("/sized", 300_001, Some(300_001)),
        ("/chunked", 300_001, None),
        ("/gzip", wire, Some(wire)),
    ] {
        let counted = Arc::<Mutex<Vec<Progress>>>::default();
        let counter = Arc::clone(&counted);
        let request = client
            .get(server.url(path))
            .on_download(move |progress| counter.lock().unwrap().push(progress));
        let response = request.send().await.unwrap();
        let mut told = Vec::new();
        let tell = |progress: Progress| told.push(progress);
        let saved = response.save_to_with(folder.file(), tell).await.unwrap();
        assert_eq!(saved, 300_001, "decoded");
        assert!(told.windows(2).all(|two| two[0].bytes < two[1].bytes));
        let last = told.last().unwrap();
        assert_eq!((last.bytes, last.total), (bytes, total), "{path}");
        let counted = counted.lock().unwrap();
        let last = counted.last().unwrap();
        assert_eq!((last.bytes, last.total), (bytes, total), "{path}");
    }
}

#[dual]
#[form_test]
async fn errors_of_the_file_name_its_path() {
    let (folder, server, client) = (Folder::new(), server(), client());
    for (path, why) in [
        (folder.0.clone(), "is a directory"),
        (folder.0.join("none/file"), "o such file or directory"),
        (PathBuf::from("/dev/null"), "no regular file"),
    ] {
        let response = client.get(server.url("/sized")).send().await.unwrap();
        let error = response.save_to(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        let text = error.to_string();
        assert!(
            text.contains(path.to_str().unwrap()) && text.contains(why),
            "{text}"
        );
        assert!(names(&folder.0).is_empty());
    }
    // Its folder goes while it is written.
    let response = client.get(server.url("/sized")).send().await.unwrap();
    let remove = |_| drop(fs::remove_dir_all(&folder.0));
    let error = response
        .save_to_with(folder.file(), remove)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteError);
    assert!(error.to_string().contains("file.bin"), "{error}");
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn errors_are_saved_unless_they_are_made_errors_before() {
    let (folder, server, client) = (Folder::new(), server(), client());
    let response = client.get(server.url("/404")).send().await.unwrap();
    response.save_to(folder.file()).await.unwrap();
    assert_eq!(fs::read(folder.file()).unwrap(), b"no such thing");
    let response = client.get(server.url("/404")).send().await.unwrap();
    let error = response.error_for_status().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HttpStatus);
}

#[dual]
#[form_test]
async fn what_was_read_before_is_not_saved_unless_it_was_kept() {
    let mock = Mock::new(|_: &dimorph::Request| MockResponse::new(200).body("0123456789"));
    let client = builder().transport(mock).build().unwrap();
    let folder = Folder::new();
    let get = || client.get("http://mock.test/");
    let mut response = get().send().await.unwrap();
    response.buffer().await.unwrap();
    response.chunk().await.unwrap();
    let mut told = Vec::new();
    let tell = |progress: Progress| told.push(progress.bytes);
    let bytes = response.save_to_with(folder.file(), tell).await.unwrap();
    assert_eq!((bytes, &told[..]), (10, &[10][..]));
    assert_eq!(fs::read(folder.file()).unwrap(), b"0123456789");
    let mut response = get().send().await.unwrap();
    while response.chunk().await.unwrap().is_some() {}
    let error = response.save_to(folder.0.join("other")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamConsumed);
    assert_eq!(names(&folder.0), ["file.bin"]);
}

#[cfg(unix)]
#[dual]
#[form_test]
async fn a_saved_file_has_the_mode_of_the_one_it_replaces_or_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, server, client) = (Folder::new(), server(), client());
    let other = folder.0.join("other");
    fs::write(&other, "").unwrap();
    let response = client.get(server.url("/sized")).send().await.unwrap();
    response.save_to(folder.file()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&folder.file()), mode(&other));
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    let response = client.get(server.url("/sized")).send().await.unwrap();
    let look = |_| {
        let names = names(&folder.0);
        let part = folder.0.join(&names[0]);
        assert_eq!(mode(&part) & 0o777, 0o600, "{names:?}");
    };
    response.save_to_with(&other, look).await.unwrap();
    assert_eq!(mode(&other) & 0o777, 0o600);
}
