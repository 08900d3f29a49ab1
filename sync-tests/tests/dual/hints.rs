//! What an error says of the common mistakes: a wrong scheme, a proxy that is none, an authority unknown.

use dimorph::PoolLimits;
use sync_tests::certs::{certs, tls};
use sync_tests::{Proxy as Relay, Reply, Server, Tls};

use super::common::{assert_at_rest, builder, client, ms};
use super::form::{Client, ClientBuilder};
use super::{dual, form_test};

const PAGE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<h1>Hi!</h1>\n";

/// A server that says the same whatever it hears.
fn saying(bytes: &'static [u8]) -> Server {
    Server::wire(move |wire| {
        wire.read_some()?;
        wire.send(bytes)
    })
}

#[dual]
async fn hint_of(client: ClientBuilder, url: &str) -> String {
    let error = client.build().unwrap().get(url).send().await.unwrap_err();
    let hint = error.hint().unwrap_or_default().to_owned();
    let shown = error.to_string().ends_with(&format!("(hint: {hint})"));
    assert!(shown, "{error}");
    hint
}

#[dual]
#[form_test]
async fn http_on_a_port_of_tls_and_the_other_way_round() {
    let server = Server::answering(tls(), |_| Reply::ok("in"));
    let hint = hint_of(builder(), &server.url("/")).await;
    assert!(hint.contains("https://"), "{hint}");
    for plain in [
        saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        saying(b"SSH-2.0-Server\r\n"),
    ] {
        let hint = hint_of(builder(), &plain.https("/")).await;
        assert!(hint.contains("http://"), "{hint}");
    }
}

#[dual]
#[form_test]
async fn certificates_that_lack_an_authority_or_are_not_shown() {
    let server = Server::answering(tls(), |_| Reply::ok("in"));
    let stranger = Client::builder().trust_env(false);
    let hint = hint_of(stranger, &server.https("/")).await;
    assert!(hint.contains("verify("), "{hint}");
    let curious = Server::answering(Tls::On(certs().with_client_auth()), |_| Reply::ok("in"));
    let error = client().get(curious.https("/")).send().await.unwrap_err();
    // TLS 1.3 tells it behind the handshake, when the request is under way.
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("`cert("), "{error}");
}

#[dual]
#[form_test]
async fn proxies_that_are_web_sites_or_want_a_log_in() {
    let denied = |head: &str| format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
    let cases = [
        (
            "",
            denied("403 No\r\ncontent-type: text/html; charset=utf-8"),
            "HTML page",
        ),
        (
            "",
            denied("407 No\r\nproxy-authenticate: Basic realm=\"x\""),
            "Proxy::basic_auth",
        ),
        (
            "user:hush",
            denied("407 No\r\nproxy-authenticate: Basic realm=\"x\""),
            "does not accept",
        ),
        ("", PAGE.to_owned(), "a page of its own"),
        ("", "<html>log in</html>\r\n".to_owned(), "without a head"),
    ];
    for (userinfo, answer, words) in cases {
        let relay = Relay::builder().answer_connect(answer.clone()).start();
        let url = match userinfo {
            "" => relay.url(),
            userinfo => relay.url_as(userinfo),
        };
        let hint = hint_of(builder().proxy(url), "https://a.test/").await;
        assert!(
            hint.contains(words) && !hint.contains("hush"),
            "{answer}: {hint}"
        );
    }
    let relay = Relay::builder().tls(tls()).start();
    let plain = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    for (url, words) in [
        (
            format!("https://{}", plain.address()),
            "the proxy's URL meant to be http://",
        ),
        (format!("http://{}", relay.address()), "https://"),
    ] {
        let error = builder()
            .proxy(url)
            .build()
            .unwrap()
            .get("http://a.test/")
            .send()
            .await;
        let hint = error.unwrap_err().hint().unwrap_or_default().to_owned();
        assert!(hint.contains(words), "{hint}");
    }
}

#[dual]
#[form_test]
async fn a_version_of_http_that_the_server_does_not_speak() {
    // SETTINGS, then GOAWAY: what a server of HTTP/2 says to HTTP/1.1.
    let server =
        saying(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01");
    let hint = hint_of(builder(), &server.url("/")).await;
    assert!(hint.contains("http2_prior_knowledge()"), "{hint}");
    let server = saying(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let hint = hint_of(builder().http2_prior_knowledge(), &server.url("/")).await;
    assert!(
        hint.contains("leave `http2_prior_knowledge()` out"),
        "{hint}"
    );
}

#[dual]
#[form_test]
async fn a_pool_whose_connections_are_all_taken() {
    let server = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf");
    let client = builder()
        .pool_limits(PoolLimits::new().hard_limit(1))
        .timeout(dimorph::Timeout::new(ms(5000)).pool(ms(1)))
        .build()
        .unwrap();
    let unread = client.get(server.url("/")).send().await.unwrap();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert!(error.hint().unwrap().contains("read to its end"), "{error}");
    drop(unread);
    assert_at_rest(&client).await;
}
