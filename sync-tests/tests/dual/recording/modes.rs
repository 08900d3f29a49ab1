//! When a recording replays, and when it records.

use dimorph::ErrorKind;
use dimorph::transport::Mode;

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
