//! The file: when it is written, and what is wrong with it.

use std::fs;

use dimorph::ErrorKind;
use dimorph::transport::{Mode, Recording, Replay};
use sync_tests::{Reply, Server};

use super::form::Client;
use super::{Folder, counting, dual, form_test, form_util, over, text_of, with};

#[dual]
async fn one_of_many((client, url): (Client, String)) {
    let response = client.get(url.as_str()).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(url.ends_with(&text), "{url} {text}");
}

#[dual]
#[form_test]
async fn concurrent_exchanges_are_all_recorded() {
    let folder = Folder::new();
    let server = Server::http(|request| Reply::ok(request.target.clone()));
    let recorder = over(folder.recorder());
    let all = |client: &Client| -> Vec<_> {
        (0..40)
            .map(|n| (client.clone(), server.url(&format!("/{n}/"))))
            .collect()
    };
    form_util::concurrently(8, all(&recorder), one_of_many).await;
    assert_eq!(folder.entries(), 40);
    let replay = folder.replay();
    form_util::concurrently(8, all(&with(replay.clone())), one_of_many).await;
    replay.assert_all_used();
}

#[dual]
#[form_test]
async fn a_small_file_is_written_at_once_and_a_large_one_at_the_end() {
    let folder = Folder::new();
    let server = Server::http(|request| match request.target.as_str() {
        "/large" => Reply::ok("x".repeat(2 << 20)),
        _ => Reply::ok("small"),
    });
    let recorder = folder.recorder();
    let client = over(recorder.clone());
    for (path, entries) in [("/small", 1), ("/large", 2), ("/small", 2)] {
        text_of(&client, server.url(path)).await.unwrap();
        assert_eq!(folder.entries(), entries, "{path}");
    }
    recorder.save().unwrap();
    assert_eq!(folder.entries(), 3);
    text_of(&client, server.url("/small")).await.unwrap();
    client.close().await;
    assert_eq!(folder.entries(), 4);
    // Dropped in a panic, it is written as well.
    let client = over(recorder.clone());
    text_of(&client, server.url("/small")).await.unwrap();
    assert_eq!(folder.entries(), 4);
    drop(client);
    let panicking = std::thread::spawn(move || {
        let _last = recorder;
        std::panic::resume_unwind(Box::new("the test failed"));
    });
    assert!(panicking.join().is_err());
    let written = form_util::until(|| folder.entries() == 5).await;
    assert!(written, "{}", folder.entries());
    assert_eq!(
        fs::read_dir(folder.tape().parent().unwrap())
            .unwrap()
            .count(),
        1
    );
}

#[dual]
#[form_test]
async fn a_file_that_cannot_be_written_is_told_with_the_exchange() {
    let folder = Folder::new();
    fs::create_dir_all(folder.tape()).unwrap();
    let server = counting();
    let client = over(folder.recorder());
    let error = text_of(&client, server.url("/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    assert!(
        error.to_string().contains("tape.har cannot be written: "),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_recording_is_told_with_its_place() {
    let folder = Folder::new();
    let missing = Replay::from_file(folder.tape()).unwrap_err();
    assert!(
        missing.to_string().contains("there is no such file"),
        "{missing}"
    );
    fs::create_dir_all(folder.tape().parent().unwrap()).unwrap();
    for (text, expected) in [
        (
            "{\n  \"log\": {",
            "tape.har is not a recording: not JSON: EOF while parsing an object at line 2 column 10",
        ),
        ("{}", "tape.har is not a recording: it has no `log`"),
        (
            r#"{"log": {"entries": [{"request": {"url": "http://h.test", "method": "GET"}, "response": {"status": 200}}, {}]}}"#,
            "tape.har is not a recording: entry 2: it has no `request`",
        ),
    ] {
        fs::write(folder.tape(), text).unwrap();
        let opened = Recording::open(folder.tape()).unwrap_err();
        let read = Replay::from_file(folder.tape()).unwrap_err();
        for error in [opened, read] {
            assert_eq!(error.kind(), ErrorKind::Builder);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[cfg(unix)]
#[dual]
#[form_test]
async fn a_new_file_is_private_and_one_that_was_there_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let server = counting();
    let mode = || fs::metadata(folder.tape()).unwrap().permissions().mode() & 0o777;
    let client = over(folder.recorder());
    text_of(&client, server.url("/")).await.unwrap();
    assert_eq!(mode(), 0o600);
    for kept in [0o644, 0o600] {
        fs::set_permissions(folder.tape(), fs::Permissions::from_mode(kept)).unwrap();
        for client in [&client, &over(folder.recorder())] {
            text_of(client, server.url("/")).await.unwrap();
            assert_eq!(mode(), kept);
        }
    }
}

#[dual]
#[form_test]
async fn a_file_that_another_made_unreadable_is_told_and_left_alone() {
    let folder = Folder::new();
    let server = counting();
    let client = over(folder.recording(Mode::NewEpisodes));
    text_of(&client, server.url("/")).await.unwrap();
    fs::write(folder.tape(), "half a fi").unwrap();
    let error = text_of(&client, server.url("/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    let told = error.to_string();
    assert!(
        told.contains("tape.har cannot be written: ") && told.contains("is not a recording"),
        "{told}"
    );
    assert_eq!(folder.text(), "half a fi");
    // Nothing is lost: gone, the file is written anew.
    fs::remove_file(folder.tape()).unwrap();
    client.close().await;
    assert_eq!(folder.entries(), 2);
}
