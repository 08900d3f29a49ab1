//! What HTTP/2 carries without harm may break a line where somebody makes HTTP/1.1 of it.

use dimorph::ErrorKind::LocalProtocolError;
use dimorph::Method;

use super::*;

#[dual]
#[form_test]
async fn inj_12_what_breaks_a_field_is_refused_before_anything_is_sent() {
    let peer = H2Peer::carrying();
    let client = client();
    for (name, value) in [
        ("x-a", "b\r\nx-evil: 1"),
        ("x-a", "b\n"),
        ("x-a", "b\r"),
        ("x-a", "b\0"),
        ("x-a", "\r\n\r\nGET / HTTP/1.1"),
        ("x-a", "b\u{1}"),
        ("x-a", "b\u{7f}"),
        ("cookie", "a=b\r\nx-evil: 1"),
        ("x-a\r\nx-evil", "1"),
        ("x-a\n", "1"),
        ("x a", "1"),
        ("x-a:", "1"),
        ("", "1"),
        ("x\0", "1"),
        (":path", "/evil"),
        (":method", "POST"),
        (":authority", "evil.test"),
        (":scheme", "https"),
        (":status", "200"),
        (":protocol", "websocket"),
        (":x", "1"),
    ] {
        let what = format!("{name:?}: {value:?}");
        let request = client.get(peer.url("/")).header(name, value);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), LocalProtocolError, "{what}");
    }
    assert_eq!(peer.connections(), 0, "nothing was even connected");
    for host in [
        "evil.test\r\nx: 1",
        "evil.test/path",
        "user@evil.test",
        "a b",
    ] {
        let request = client.get(peer.url("/")).header("host", host);
        let error = request.send().await.expect_err(host);
        assert_eq!(error.kind(), LocalProtocolError, "host: {host:?}");
    }
    assert_eq!(peer.count(), 0, "nothing was sent");
    assert_works(&client, &peer, "after all").await;
}

#[dual]
#[form_test]
async fn inj_12_fields_of_a_connection_are_not_sent() {
    let peer = H2Peer::carrying();
    let client = client();
    for (name, value) in [
        ("connection", "close"),
        ("connection", "keep-alive, x-own"),
        ("Keep-Alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("TRANSFER-ENCODING", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAARAAAAA"),
        ("te", "gzip"),
        ("te", "trailers, deflate;q=0.5"),
    ] {
        let request = client.get(peer.url("/")).header(name, value);
        let outcome = request.send().await;
        if let Err(error) = outcome {
            // To refuse is right, too; to send is not.
            assert_eq!(error.kind(), LocalProtocolError, "{name}: {value}");
            continue;
        }
        let asked = peer.asked().pop().unwrap();
        let sent = asked.header(name);
        let is_gone = sent.is_none() || name == "te" && sent == Some("trailers");
        assert!(is_gone, "{name}: {value} came as {sent:?}");
    }
    // This one means what it says (RFC 9113 section 8.2.2).
    let request = client.get(peer.url("/")).header("te", "trailers");
    request.send().await.unwrap();
    let asked = peer.asked().pop().unwrap();
    assert_eq!(asked.header("te"), Some("trailers"));
    assert!(asked.header("connection").is_none());
    assert_eq!(peer.violations(), [""; 0]);
}

#[dual]
#[form_test]
async fn inj_12_a_body_of_unknown_length_has_no_transfer_encoding() {
    let peer = H2Peer::carrying();
    let client = client();
    let body = form_util::pieces_body(vec![b"one, ".to_vec(), b"two".to_vec()]);
    let request = client.post(peer.url("/")).body(body);
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "one, two");
    let asked = peer.asked().pop().unwrap();
    assert_eq!(asked.header("transfer-encoding"), None);
    assert_eq!(asked.header("content-length"), None);
}

#[dual]
#[form_test]
async fn inj_12_pseudo_header_fields_come_first_and_names_in_lower_case() {
    let peer = H2Peer::carrying();
    let client = client();
    for (method, path, expected) in [
        (Method::GET, "/there?q=1#fragment", "/there?q=1"),
        (Method::POST, "", "/"),
        (Method::PUT, "?q", "/?q"),
        (Method::OPTIONS, "/%0d%0a", "/%0d%0a"),
        (Method::HEAD, "/\u{e4}", "/%C3%A4"),
    ] {
        let url = format!("{}{path}", peer.url(""));
        let request = client.request(method.clone(), url);
        let request = request.header("X-UPPER", "Kept As Is").body("body");
        request.send().await.unwrap();
        let asked = peer.asked().pop().unwrap();
        let names: Vec<&str> = asked.fields.iter().map(|(name, _)| &**name).collect();
        let mut first = names[..4].to_vec();
        first.sort_unstable();
        assert_eq!(first, [":authority", ":method", ":path", ":scheme"]);
        assert!(names[4..].iter().all(|name| !name.starts_with(':')));
        assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
        assert!(!names.contains(&"host"), "{names:?}");
        assert_eq!(asked.method(), method.as_str());
        assert_eq!(asked.path(), expected);
        assert_eq!(asked.header("x-upper"), Some("Kept As Is"));
        assert_eq!(asked.header(":scheme"), Some("http"));
    }
    // A host of the caller's own takes the place of the URL's.
    let request = client.get(peer.url("/")).header("host", "other.test");
    request.send().await.unwrap();
    let asked = peer.asked().pop().unwrap();
    assert_eq!(asked.authority(), "other.test");
    assert!(matches!(asked.header("host"), None | Some("other.test")));
}

#[dual]
#[form_test]
async fn inj_12_white_space_at_the_ends_of_a_value_is_not_sent() {
    // RFC 9113 section 8.2.1.
    let peer = H2Peer::carrying();
    let client = client();
    for value in [" b", "b ", "\tb", "b\t", "  b  "] {
        let request = client.get(peer.url("/")).header("x-a", value);
        match request.send().await {
            Ok(_) => assert_eq!(peer.asked().pop().unwrap().header("x-a"), Some("b")),
            Err(error) => assert_eq!(error.kind(), LocalProtocolError, "{value:?}"),
        }
    }
}

#[dual]
#[form_test]
async fn inj_12_connect_has_an_authority_alone() {
    // RFC 9113 section 8.5. To refuse is right, too.
    let peer = H2Peer::carrying();
    let client = client();
    let request = client.request(Method::CONNECT, peer.url("/path?q"));
    match request.send().await {
        Err(error) => assert_eq!(error.kind(), LocalProtocolError, "{}", said(&error)),
        Ok(_) => {
            let asked = peer.asked().pop().unwrap();
            assert_eq!(asked.method(), "CONNECT");
            assert_eq!(
                (asked.header(":path"), asked.header(":scheme")),
                (None, None)
            );
            assert_eq!(asked.authority(), peer.address().to_string());
        }
    }
    assert_works(&client, &peer, "CONNECT").await;
}
