//! 421 (Misdirected Request).

use super::*;

#[dual]
#[form_test]
async fn h2_13_a_misdirected_request_is_answered_or_sent_again_on_its_own_connection() {
    // A connection is an origin's own here, so there is hardly a better one; in any case it ends.
    for path in ["/always", "/once"] {
        let peer = H2Peer::answering(|asked| match asked.path() {
            "/always" => Answer::status(421).body("misdirected"),
            "/once" if asked.connection == 0 => Answer::status(421).body("misdirected"),
            _ => Answer::carry(asked),
        });
        let client = client();
        let call = (client.clone(), peer.url(path), b"body".to_vec());
        let (status, text) = post(call).await.unwrap();
        let tries = peer.count();
        assert!(
            (status, tries) == (421, 1) || tries == 2,
            "{path}: {status} after {tries}"
        );
        match status {
            421 => assert_eq!(text, "misdirected"),
            _ => assert_eq!((status, &*text), (200, "body")),
        }
        let asked = peer.asked();
        if tries == 2 {
            let [.., first, second] = &asked[..] else {
                panic!("two requests")
            };
            assert_ne!(first.connection, second.connection);
        }
        assert_works(&client, &peer, path).await;
    }
}
