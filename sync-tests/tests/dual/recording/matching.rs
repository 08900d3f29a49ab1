//! Which entry answers.

use std::sync::Arc;

use dimorph::transport::{MatchOn, Replay};
use dimorph::{ErrorKind, Method, Request};
use sync_tests::{Reply, Server};

use super::common::builder;
use super::form::Transport;
use super::{Folder, counting, dual, form_test, over, text_of, with};

#[dual]
#[form_test]
async fn strict_replays_answer_once_and_in_order() {
    let folder = Folder::new();
    let server = counting();
    let recorder = over(folder.recorder());
    for path in ["/a?x=1&y=2", "/a?x=1&y=2", "/b"] {
        text_of(&recorder, server.url(path)).await.unwrap();
    }
    let replay = folder.replay();
    let client = with(replay.clone());
    for (path, expected) in [("/b", "2"), ("/a?x=1&y=2", "0"), ("/a?x=1&y=2", "1")] {
        let text = text_of(&client, server.url(path)).await.unwrap();
        assert_eq!(text, expected, "{path}");
        assert_eq!(replay.unused().is_empty(), expected == "1");
    }
    for (path, why) in [
        (
            "/b",
            format!("entry 3, GET {}: it was used before", server.url("/b")),
        ),
        (
            "/a?y=2&x=1",
            "the query is `y=2&x=1`, recorded `x=1&y=2`".to_owned(),
        ),
        (
            "/c?token=t0ken",
            "the path is `/c`, recorded `/b`, the query is `token=REDACTED`, recorded ``"
                .to_owned(),
        ),
    ] {
        let error = text_of(&client, server.url(path)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::App);
        let told = error.to_string();
        assert!(told.contains(&why), "{told}");
        assert!(told.contains("tape.har answers GET http://"), "{told}");
        assert!(!told.contains("t0ken"), "{told}");
    }
}

#[dual]
#[form_test]
async fn lenient_replays_take_the_query_in_any_order_and_answer_again() {
    let folder = Folder::new();
    let server = counting();
    let recorder = over(folder.recorder());
    for path in ["/a?x=1&y=2", "/a?y=2&x=1", "/b"] {
        text_of(&recorder, server.url(path)).await.unwrap();
    }
    let replay = folder.replay().lenient();
    let client = with(replay.clone());
    for (path, expected) in [
        ("/a?y=2&x=1", "0"),
        ("/a?x=1&y=2", "1"),
        ("/a?x=1&y=2", "1"),
    ] {
        let text = text_of(&client, format!("http://elsewhere.test{path}")).await;
        assert_eq!(text.unwrap(), expected, "{path}");
    }
    assert_eq!(
        replay.unused(),
        [format!("entry 3: GET {}", server.url("/b"))]
    );
    let error = text_of(&client, server.url("/a?x=1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::App);
}

#[test]
#[should_panic(expected = "and not asked for:\n  entry 1: GET http://h.test/?token=REDACTED")]
fn entries_that_nobody_asked_for_are_named() {
    let text = r#"{"log": {"entries": [{"request": {"method": "GET", "url": "http://h.test/?token=t"},
        "response": {"status": 200}}]}}"#;
    Replay::parse(text).unwrap().assert_all_used();
}

#[dual]
#[form_test]
async fn requests_are_matched_on_what_one_chooses() {
    let folder = Folder::new();
    let server = Server::http(|request| Reply::ok(request.body.clone()));
    let recorder = over(folder.recorder());
    for n in ["1", "2"] {
        let request = recorder.post(server.url("/")).header("x-n", n).body(n);
        request.send().await.unwrap();
    }
    let n = "x-n".parse().unwrap();
    let by_header = folder
        .replay()
        .match_on([MatchOn::Method, MatchOn::Header(n)]);
    let by_closure = folder.replay().lenient().match_with(|request, recorded| {
        request.headers().get("x-n") == recorded.request_headers().get("x-n")
    });
    let by_body = folder.replay().repeats(true);
    for (what, replay) in [
        ("header", by_header),
        ("closure", by_closure),
        ("body", by_body),
    ] {
        let client = with(replay);
        for n in ["2", "1"] {
            let request = client.post(server.url("/")).header("x-n", n).body(n);
            let response = request.send().await.unwrap();
            let text = response.text().await.unwrap();
            assert_eq!(text, n, "{what}");
        }
    }
    let client = with(folder.replay());
    let request = client.post(server.url("/")).body("3");
    let error = request.send().await.unwrap_err().to_string();
    assert!(
        error.contains("the body differs from byte 0 on (1 bytes, recorded 1)"),
        "{error}"
    );
}

#[dual]
#[form_test]
async fn what_a_browser_exported_is_replayed() {
    let replay = Replay::parse(include_str!("browser.har")).unwrap();
    let client = builder()
        .follow_redirects(true)
        .transport(replay.clone())
        .build()
        .unwrap();
    let response = client.get("https://shop.test/").send().await.unwrap();
    assert_eq!(response.url().as_str(), "https://shop.test/home");
    assert_eq!(response.version(), dimorph::Version::HTTP_2);
    assert_eq!(client.cookies().get("b").unwrap().as_deref(), Some("2"));
    let text = response.text().await.unwrap();
    assert_eq!(text, "<h1>Käse</h1>");
    let request = client
        .post("https://shop.test/cart")
        .form([("item", "1 2"), ("n", "3")]);
    let response = request.send().await.unwrap();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes, &b"\x89PNG"[..]);
    replay.assert_all_used();
}

#[dual]
#[form_test]
async fn a_replay_can_be_shared_and_mounted() {
    let replay = Replay::parse(include_str!("browser.har")).unwrap();
    let shared: Arc<dyn Transport> = Arc::new(replay.repeats(true));
    let mounted = builder()
        .mount("https://shop.test", Arc::clone(&shared))
        .build()
        .unwrap();
    for client in [mounted, with(shared)] {
        let request = Request::new(Method::GET, "https://shop.test/home").unwrap();
        let response = client.send(request).await.unwrap();
        assert_eq!(response.status(), 200);
    }
}
