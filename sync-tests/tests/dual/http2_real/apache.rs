//! Apache httpd: Early Hints, and Digest authentication that we did not write.

use std::sync::{Arc, Mutex};

use dimorph::{DigestAuth, EventKind, Version};

use super::peers::{PASSWORD, USER, apache, lines};
use super::{dual, form_test};
use super::{get, text};

#[dual]
#[form_test]
async fn early_hints_of_httpd_are_told() {
    let Some(peer) = apache() else { return };
    let hints = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let hints = Arc::clone(&hints);
        move |event: &dimorph::Event<'_>| {
            if let EventKind::Informational {
                status, headers, ..
            } = event.kind()
            {
                let link = headers["link"].to_str().unwrap().to_owned();
                hints.lock().unwrap().push((status.as_u16(), link));
            }
        }
    };
    let client = peer.knowing().on_event(listener).build().unwrap();
    for _ in 0..2 {
        let response = get(&client, peer.url(0, "/hints/hello.txt")).await;
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, Version::HTTP_2)
        );
        let text = response.text().await.unwrap();
        assert_eq!(text, "hello");
    }
    let told = hints.lock().unwrap().clone();
    assert!(!told.is_empty());
    for hint in told {
        assert_eq!(hint, (103, "</style.css>; rel=preload".to_owned()));
    }
    let text = text(&client, peer.url(0, "/lines.txt")).await;
    assert!(text == lines());
    assert_eq!(client.pool_stats().opened, 1);
}

#[dual]
#[form_test]
async fn httpd_takes_digest_credentials() {
    let Some(peer) = apache() else { return };
    for (password, expected) in [(PASSWORD, 200), ("wrong", 401)] {
        let auth = DigestAuth::new(USER, password);
        let client = peer.knowing().auth(auth).build().unwrap();
        for _ in 0..3 {
            let response = get(&client, peer.url(0, "/digest/hello.txt")).await;
            let answer = (response.status().as_u16(), response.version());
            assert_eq!(answer, (expected, Version::HTTP_2));
        }
        assert_eq!(client.pool_stats().opened, 1);
    }
}
