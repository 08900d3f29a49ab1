//! Recordings: what they hold, what is said where nothing answers, and files that are none.

use dimorph::transport::{Handler, MatchOn, Mode, Recorder, Recording, Replay};
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use sync_tests::Server;
use sync_tests::peers::Folder;

use super::super::common::refused;
use super::super::dual;
use super::every_type::{Shown, secretive};
use super::transports::{asked, over, show_outcome, show_panic};

/// An exchange as a browser exports it, with all its secrets.
fn exported() -> Value {
    let field = |name: &str, value: &str| json!({"name": name, "value": value});
    json!({
        "request": {
            "method": "POST",
            "url": "http://tom:hush@a.test/old",
            "headers": [field("Authorization", "Basic dG9tOmh1c2g"), field("Cookie", "r=hush"), field("Referer", "http://tom:hush@a.test/")],
            "postData": {"mimeType": "text/plain", "text": "hush"},
        },
        "response": {
            "status": 200,
            "headers": [field("Set-Cookie", "s=hush"), field("Location", "http://tom:hush@a.test/b"), field("Link", "<http://hush@a.test/2>; rel=\"next\", <//tom:hush@a.test>"), field("Content-Length", "4")],
            "content": {"text": "hush"},
        },
    })
}

fn file_of(entry: &Value) -> String {
    json!({"log": {"entries": [entry]}}).to_string()
}

#[dual]
pub(super) async fn tapes(shown: &Shown, server: &Server) {
    broken(shown);
    let folder = Folder::new();
    let path = folder.path().join("tape.har");
    let nobody = format!("http://tom:hush@{}", refused());
    for proxy in [None, Some(nobody)] {
        let mut engine = secretive(shown, server);
        if let Some(proxy) = proxy {
            engine = engine.proxy(proxy);
        }
        let watch = shown.clone();
        let recorder = Recorder::new(&path)
            .record_errors(true)
            .redact(move |recorded| {
                recorded.set_response_body("hush");
                // A realm is no secret.
                recorded.response_headers_mut().remove("www-authenticate");
                watch.debug(recorded);
            });
        let transport = recorder.clone().over(engine.build().unwrap());
        shown.debug(&transport);
        let client = over(shown, server, transport);
        for path in ["/", "/404", "/status", "/redirect"] {
            show_outcome(shown, asked(&client, path)).await;
        }
        shown.debug(&recorder);
        recorder.save().unwrap();
        replayed(shown, server, &Replay::from_file(&path).unwrap()).await;
    }
    let replay = Replay::parse(file_of(&exported())).unwrap();
    replayed(shown, server, &replay).await;

    for mode in [Mode::None, Mode::NewEpisodes] {
        shown.debug(&mode);
        let recording = Recording::open(&path).unwrap().mode(mode);
        let engine = secretive(shown, server).build().unwrap();
        let client = over(shown, server, recording.clone().over(engine));
        show_outcome(shown, asked(&client, "/new")).await;
        shown.debug(&recording);
        show_panic(shown, || recording.assert_all_used());
    }
    // A folder stands where the file is to be.
    let recorder = Recorder::new(folder.path());
    let engine = secretive(shown, server).build().unwrap();
    let client = over(shown, server, recorder.clone().over(engine));
    show_outcome(shown, asked(&client, "/")).await;
    shown.error(&recorder.save().unwrap_err());
}

/// Requests that are answered, and requests that nothing fits.
#[dual]
async fn replayed(shown: &Shown, server: &Server, replay: &Replay) {
    let on_header = MatchOn::Header(AUTHORIZATION);
    shown.debug(&on_header);
    show_panic(shown, || replay.assert_all_used());
    shown.text("unused", replay.unused().join(" "));
    let watch = shown.clone();
    let refusing = replay.clone().match_with(move |request, recorded| {
        watch.debug(request);
        watch.debug(recorded);
        false
    });
    for replay in [
        refusing,
        replay.clone().match_on([MatchOn::Body, on_header]),
        replay.clone(),
    ] {
        let client = over(shown, server, replay.clone().alone());
        for path in ["/old", "/", "/404", "/none"] {
            show_outcome(shown, asked(&client, path)).await;
        }
        let old = client.post("http://tom:hush@a.test/old").body("hush");
        show_outcome(shown, old).await;
        shown.debug(&replay);
    }
}

/// Texts that are no recordings.
fn broken(shown: &Shown) {
    let with = |pointer: &str, value: Value| {
        let mut entry = exported();
        *entry.pointer_mut(pointer).unwrap() = value;
        file_of(&entry)
    };
    let texts = [
        "hush".to_owned(),
        "\"hush\"".to_owned(),
        "{\"log\": \"hush\"}".to_owned(),
        "{\"log\": {\"entries\": [{\"request\": \"hush\"".to_owned(),
        file_of(&json!("hush")),
        with("/request", json!("hush")),
        with("/request/url", json!("http://tom:hush@[oops/")),
        with("/request/url", json!("hush")),
        with("/request/method", json!("hush hush")),
        with("/request/headers/0/name", json!("hush hush")),
        with("/request/headers/0/value", json!("hush\n")),
        with("/request/headers", json!("hush")),
        with("/request/postData/text", json!(["hush"])),
        with("/response", json!("hush")),
        with("/response/status", json!("hush")),
        with("/response/headers/0/value", json!("hush\n")),
        with("/response/content/text", json!(["hush"])),
        with(
            "/response/content",
            json!({"text": "hush!", "encoding": "base64"}),
        ),
        with(
            "/response/content",
            json!({"text": "x", "encoding": "hush"}),
        ),
    ];
    let mut refused = 0;
    for text in texts {
        match Replay::parse(&text) {
            Ok(replay) => shown.debug(&replay),
            Err(error) => {
                refused += 1;
                shown.error(&error);
            }
        }
    }
    assert!(refused > 10, "{refused} texts were refused");
}
