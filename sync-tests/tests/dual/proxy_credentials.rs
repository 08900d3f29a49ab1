//! Credentials for proxies: who sees them, and who never does.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dimorph::{ErrorKind, Proxy, ProxyMode};
use sync_tests::certs::{sniff, tls};
use sync_tests::{Proxy as Relay, Reply, Server, Step, Tls};

use super::common::{assert_at_rest, builder};
use super::proxies::{assert_no_proxy_fields, fetch, for_proxy, through};
use super::{dual, form_test};

/// The field as Basic credentials make it.
fn basic(pair: &[u8]) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[dual]
#[form_test]
async fn credentials_are_percent_decoded_and_reach_no_origin() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    for over in [Tls::Off, tls()] {
        let relay = Relay::builder()
            .tls(over)
            .route_all(origin.address())
            .credentials("tom@home", "a:b/c ü%")
            .start();
        let client = through(relay.url_as("tom%40home:a%3Ab%2Fc%20%C3%BC%25"));
        for url in ["http://a.test/", "https://a.test/", "https://b.test/"] {
            let text = fetch(&client, url).await;
            assert_eq!(text, "in");
        }
        let expected = basic("tom@home:a:b/c ü%".as_bytes());
        for request in relay.requests() {
            let fields = for_proxy(&request);
            assert_eq!(
                fields,
                [("Proxy-Authorization".to_owned(), expected.clone())]
            );
        }
        let given = Proxy::new(relay.url()).unwrap();
        let client = through(given.basic_auth("tom@home", "a:b/c ü%"));
        fetch(&client, "http://a.test/").await;
        fetch(&client, "https://a.test/").await;
        // Not one byte of them is in a tunnel or behind a proxy.
        for bytes in origin.received() {
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            assert!(!text.contains("proxy-") && !text.contains(&expected.to_lowercase()));
        }
    }
}

#[dual]
#[form_test]
async fn an_explicit_header_wins_over_the_credentials_of_the_url() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let relay = Relay::builder().route_all(origin.address()).start();
    let client = through(relay.url_as("user:url"));
    for url in ["http://a.test/", "https://a.test/"] {
        fetch(&client, url).await;
        let own = client.get(url).header("proxy-authorization", "Bearer own");
        let response = own.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "in");
        fetch(&client, url).await;
    }
    let proxy = Proxy::new(relay.url_as("user:url")).unwrap();
    let proxy = proxy
        .header("proxy-authorization", "Bearer theirs")
        .unwrap();
    let named = through(proxy.header("x-to-proxy", "1").unwrap());
    fetch(&named, "http://a.test/").await;
    fetch(&named, "https://a.test/").await;

    let seen: Vec<_> = relay
        .requests()
        .iter()
        .map(|r| {
            let fields = for_proxy(r);
            assert_eq!(fields.len(), 1, "{r:?}");
            (r.method.clone(), fields[0].1.clone())
        })
        .collect();
    let url = basic(b"user:url");
    let expected = [
        ("GET", &*url),
        ("GET", "Bearer own"),
        ("GET", &url),
        ("CONNECT", &url),
        ("CONNECT", "Bearer own"),
        // The tunnel of the request with credentials of its own serves no other: the first one does.
        ("GET", "Bearer theirs"),
        ("CONNECT", "Bearer theirs"),
    ];
    let expected = expected.map(|(method, value)| (method.to_owned(), value.to_owned()));
    assert_eq!(seen, expected);
    let own: Vec<_> = relay.requests().into_iter().skip(5).collect();
    assert!(own.iter().all(|r| r.header("x-to-proxy") == Some("1")));
    assert_no_proxy_fields(&origin);
    assert!(
        origin
            .requests()
            .iter()
            .all(|r| r.header("x-to-proxy").is_none() || !r.tls)
    );
}

#[dual]
#[form_test]
async fn red_06_proxy_authorization_does_not_follow_a_redirect() {
    let origin = Server::answering(sniff(), |request| {
        match (request.header("host").unwrap(), &*request.target) {
            (_, "/end") => Reply::ok("end"),
            (host, _) if host.starts_with("a.test") => {
                let scheme = if request.tls { "https" } else { "http" };
                Reply::redirect(302, &format!("{scheme}://b.test/back"))
            }
            _ => Reply::redirect(302, &request.url().replace("b.test/back", "a.test/end")),
        }
    });
    let relay = Relay::builder().route_all(origin.address()).start();
    let direct = builder()
        .resolve("a.test", origin.address())
        .resolve("b.test", origin.address());
    let mut clients = vec![direct.build().unwrap(), through(relay.url())];
    let tunnels = Proxy::new(relay.url()).unwrap().mode(ProxyMode::TunnelOnly);
    clients.push(through(tunnels));
    for client in clients {
        for scheme in ["http", "https"] {
            let request = client
                .get(format!("{scheme}://a.test/start"))
                .header("proxy-authorization", "Basic p");
            let response = request.send().await.unwrap();
            assert_eq!(response.history().len(), 2);
        }
    }
    for request in origin.requests().iter().filter(|r| r.target != "/start") {
        assert_eq!(for_proxy(request), [], "{request:?}");
    }
    for request in relay.requests() {
        let first = request.target.ends_with("/start") || request.target.starts_with("a.test:");
        let fields = for_proxy(&request);
        assert!(first || fields.is_empty(), "{request:?}");
    }
    // A request that returns to the first host has lost them too.
    let back = relay
        .requests()
        .into_iter()
        .filter(|r| r.target.ends_with("/end"));
    assert!(back.map(|r| for_proxy(&r)).all(|fields| fields.is_empty()));
}

#[dual]
#[form_test]
async fn prx_03_the_proxy_behind_a_redirect_sees_nothing_of_the_first_ones_credentials() {
    let origin = Server::answering(sniff(), |request| match request.tls {
        true => Reply::ok("end"),
        false => Reply::redirect(302, "https://a.test/end"),
    });
    let one = Relay::builder().route_all(origin.address()).start();
    let two = Relay::builder().route_all(origin.address()).start();
    let client = builder()
        .proxies([
            ("http://", one.url_as("user:pass")),
            ("https://", two.url()),
        ])
        .build()
        .unwrap();
    for own in [false, true] {
        let mut request = client.get("http://a.test/");
        if own {
            // http to https of one host is the one way on which credentials for the server go along; not for the proxy.
            request = request
                .header("proxy-authorization", "Basic own")
                .header("authorization", "Bearer server");
        }
        let response = request.send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "end");
    }
    let seen: Vec<_> = one.requests().iter().map(for_proxy).collect();
    let field = |value: String| vec![("Proxy-Authorization".to_owned(), value)];
    assert_eq!(
        seen,
        [field(basic(b"user:pass")), field("Basic own".to_owned())]
    );
    assert_eq!(two.requests().len(), 1);
    assert!(two.requests().iter().all(|r| for_proxy(r).is_empty()));
    assert_no_proxy_fields(&origin);
    let last = origin.requests().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer server"));
}

#[dual]
#[form_test]
async fn prx_05_a_tunnel_of_one_user_is_not_used_for_another() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let relay = Relay::builder().route_all(origin.address()).start();
    let one = through(relay.url_as("one:1"));
    let two = through(relay.url_as("two:2"));
    for client in [&one, &two, &one, &two] {
        fetch(client, "https://a.test/").await;
    }
    // One client, and credentials of single requests.
    let third = through(relay.url());
    for value in [
        None,
        Some("Basic a"),
        Some("Basic b"),
        Some("Basic a"),
        None,
    ] {
        let mut request = third.get("https://a.test/");
        if let Some(value) = value {
            request = request.header("proxy-authorization", value);
        }
        let response = request.send().await.unwrap();
        response.bytes().await.unwrap();
    }
    let seen: Vec<_> = relay
        .requests()
        .iter()
        .map(|r| r.header("proxy-authorization").map(str::to_owned))
        .collect();
    let values = [
        Some(basic(b"one:1")),
        Some(basic(b"two:2")),
        None,
        Some("Basic a".to_owned()),
        Some("Basic b".to_owned()),
    ];
    assert_eq!(seen, values);
    assert_eq!(relay.tunnels(), 5);
}

#[dual]
#[form_test]
async fn prx_02_connect_carries_nothing_of_the_request() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let relay = Relay::builder().route_all(origin.address()).start();
    let client = builder()
        .proxy(relay.url_as("user:pass"))
        .header("x-default", "d")
        .cookie("client", "c")
        .basic_auth("server", Some("secret"))
        .build()
        .unwrap();
    let request = client
        .post("https://a.test/path?q=secret")
        .header("x-secret", "s")
        .header("cookie", "a=b")
        .header("proxy-connection", "keep-alive")
        .cookie("own", "c")
        .body("secret");
    let response = request.send().await.unwrap();
    response.bytes().await.unwrap();
    let connect = relay.requests().remove(0);
    let expected = format!(
        "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nAccept: */*\r\nProxy-Authorization: {}\r\n\r\n",
        basic(b"user:pass")
    );
    assert_eq!(String::from_utf8_lossy(&connect.head), expected);
    assert!(origin.requests()[0].header("authorization").is_some());
}

#[dual]
#[form_test]
async fn prx_04_what_one_proxy_asked_for_is_not_told_to_another() {
    let challenge = "HTTP/1.1 407 Auth\r\nproxy-authenticate: Digest realm=\"p\", nonce=\"n\", qop=\"auth\"\r\n\
                     www-authenticate: Digest realm=\"p\", nonce=\"n\", qop=\"auth\"\r\ncontent-length: 2\r\n\r\nno";
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let one = Relay::builder()
        .forward_steps([Step::send(challenge), Step::Next])
        .answer_connect(challenge)
        .start();
    let two = Relay::builder().route_all(origin.address()).start();
    // One object for both: what it remembers must not cross.
    let auth = Arc::new(dimorph::DigestAuth::new("user", "pass"));
    let [one_client, two_client] = [&one, &two].map(|relay| {
        let builder = builder().proxy(relay.url()).auth(Arc::clone(&auth));
        builder.build().unwrap()
    });
    let response = one_client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.status(), 407);
    let text = response.text().await.unwrap();
    assert_eq!(text, "no");
    let error = one_client.get("https://a.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProxyError);
    for url in ["http://a.test/", "https://a.test/", "http://b.test/"] {
        fetch(&two_client, url).await;
    }
    let all = one.requests().into_iter().chain(two.requests());
    for request in all.chain(origin.requests()) {
        assert_eq!(for_proxy(&request), [], "{request:?}");
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
}

#[dual]
#[form_test]
async fn a_forwarded_407_is_a_response_like_any_other() {
    let origin = Server::http(|_| Reply::ok("in"));
    let relay = Relay::builder()
        .route_all(origin.address())
        .credentials("user", "right")
        .start();
    for userinfo in ["user:wrong", "user"] {
        let client = through(relay.url_as(userinfo));
        let response = client.get("http://a.test/").send().await.unwrap();
        assert_eq!(response.status(), 407);
        assert!(response.headers().contains_key("proxy-authenticate"));
        assert!(!format!("{response:?}").contains("wrong"));
        assert_at_rest(&client).await;
    }
    assert_eq!(origin.connections(), 0);
}
