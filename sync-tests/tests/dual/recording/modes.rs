//! When a recording replays, and when it records.

use dimorph::ErrorKind;
use dimorph::transport::{Mode, Recording};
use sync_tests::{Reply, Server};

use super::{Folder, counting, dual, form_test, over, text_of, with};

#[dual]
#[form_test]
async fn once_records_a_new_file_and_replays_it_from_then_on() {
    let folder = Folder::new();
    let server = counting();
    let url = server.url("/");
    let recording = folder.recording(Mode::Once);
    assert!(recording.is_recording());
    let client = over(recording);
    for expected in ["0", "1"] {
        let text = text_of(&client, url.clone()).await.unwrap();
        assert_eq!(text, expected);
    }
    drop(client);
    let recording = folder.recording(Mode::Once);
    assert!(!recording.is_recording());
    let client = over(recording.clone());
    for expected in ["0", "1"] {
        let text = text_of(&client, url.clone()).await.unwrap();
        assert_eq!(text, expected);
    }
    recording.assert_all_used();
    let error = text_of(&client, url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
    assert_eq!(server.requests().len(), 2);
}

#[dual]
#[form_test]
async fn none_sends_nothing_whether_there_is_a_file_or_not() {
    let folder = Folder::new();
    let server = counting();
    let client = over(folder.recording(Mode::None));
    let error = text_of(&client, server.url("/")).await.unwrap_err();
    assert!(
        error.to_string().contains("there are no entries"),
        "{error}"
    );
    drop(client);
    assert!(!folder.tape().exists());
    assert_eq!(server.requests().len(), 0);
}

#[dual]
#[form_test]
async fn new_episodes_are_added_to_what_is_replayed() {
    let folder = Folder::new();
    let server = counting();
    text_of(&over(folder.recorder()), server.url("/a"))
        .await
        .unwrap();
    let before = folder.text();
    let client = over(folder.recording(Mode::NewEpisodes));
    for (path, expected) in [("/a", "0"), ("/b", "1"), ("/b", "2"), ("/a", "3")] {
        let text = text_of(&client, server.url(path)).await.unwrap();
        assert_eq!(text, expected, "{path}");
    }
    client.close().await;
    assert_eq!(folder.entries(), 4);
    // What was there stays to the letter.
    let kept = before.trim_end_matches(|c: char| " \n]}".contains(c));
    assert!(folder.text().starts_with(kept), "{}", folder.text());
    let replay = folder.replay();
    let client = with(replay.clone());
    for (path, expected) in [("/a", "0"), ("/b", "1"), ("/b", "2"), ("/a", "3")] {
        let text = text_of(&client, server.url(path)).await.unwrap();
        assert_eq!(text, expected, "{path}");
    }
    replay.assert_all_used();
}

#[dual]
#[form_test]
async fn all_records_everything_anew() {
    let folder = Folder::new();
    let server = counting();
    for expected in ["0", "1"] {
        let client = over(folder.recording(Mode::All));
        let text = text_of(&client, server.url("/")).await.unwrap();
        assert_eq!(text, expected);
        drop(client);
        assert_eq!(folder.entries(), 1);
    }
    let text = text_of(&with(folder.replay()), server.url("/"))
        .await
        .unwrap();
    assert_eq!(text, "1");
}

#[dual]
#[form_test]
async fn the_last_mode_that_is_said_counts() {
    let folder = Folder::new();
    let server = counting();
    text_of(&over(folder.recorder()), server.url("/a"))
        .await
        .unwrap();
    for (modes, a, b) in [
        (&[Mode::All, Mode::Once][..], Some("0"), None),
        (&[Mode::All, Mode::None], Some("0"), None),
        (&[Mode::All, Mode::NewEpisodes], Some("0"), Some("1")),
        (&[Mode::None, Mode::All], Some("2"), Some("3")),
    ] {
        let recording = Recording::open(folder.tape()).unwrap();
        let recording = modes.iter().fold(recording, |r, mode| r.mode(*mode));
        let client = over(recording);
        for (path, expected) in [("/a", a), ("/b", b)] {
            let text = text_of(&client, server.url(path)).await.ok();
            assert_eq!(text.as_deref(), expected, "{modes:?} {path}");
        }
    }
    assert_eq!(folder.entries(), 2);
}

#[dual]
#[form_test]
async fn recordings_of_one_file_keep_what_the_others_wrote() {
    for (first, second, there) in [
        (Mode::Once, Mode::Once, false),
        (Mode::NewEpisodes, Mode::NewEpisodes, false),
        (Mode::NewEpisodes, Mode::NewEpisodes, true),
        (Mode::All, Mode::All, true),
        (Mode::All, Mode::NewEpisodes, true),
    ] {
        let folder = Folder::new();
        let server = Server::http(|request| Reply::ok(request.target.clone()));
        if there {
            let client = over(folder.recorder());
            text_of(&client, server.url("/old")).await.unwrap();
        }
        let clients = [
            over(folder.recording(first)),
            over(folder.recording(second)),
        ];
        for path in ["/0", "/1", "/2", "/3", "/4", "/5"] {
            for client in &clients {
                let url = server.url(&format!("{path}/x"));
                text_of(client, url).await.unwrap();
            }
        }
        drop(clients);
        let what = format!("{first:?} {second:?}");
        let kept = there && first != Mode::All;
        assert_eq!(folder.entries(), 12 + usize::from(kept), "{what}");
        assert_eq!(folder.text().contains("/old"), kept, "{what}");
        // Each entry is there once: twice the same request, and no third time.
        let client = with(folder.replay());
        for path in ["/0", "/3", "/5"] {
            let url = server.url(&format!("{path}/x"));
            for answered in [true, true, false] {
                let text = text_of(&client, url.clone()).await;
                assert_eq!(text.is_ok(), answered, "{what} {path}");
            }
        }
    }
}
