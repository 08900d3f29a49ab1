//! `proxy-authorization` that a request brings along, and what a proxy's own user and password may be.

use dimorph::{ErrorKind, Proxy, ProxyMode};
use sync_tests::certs::{sniff, tls};
use sync_tests::{Proxy as Relay, Reply, Server, Socks, Tls};

use super::common::{assert_at_rest, builder};
use super::form::Client;
use super::proxies::{assert_no_proxy_fields, for_proxy, through};
use super::{dual, form_test};

/// Leads from `/start` to `/end` of the same origin.
fn origin() -> Server {
    Server::answering(sniff(), |request| match &*request.target {
        "/start" => Reply::redirect(302, "/end"),
        _ => Reply::ok("in"),
    })
}

#[dual]
async fn fetch_as(client: &Client, url: &str, value: Option<&str>) {
    let request = value.into_iter().fold(client.get(url), |request, value| {
        request.header("proxy-authorization", value)
    });
    let response = request.send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "in", "{url}");
}

/// What a proxy was asked, each with the value of the one field for proxies.
fn asked(relay: &Relay) -> Vec<String> {
    let requests = relay.requests();
    let lines = requests.iter().map(|request| {
        let fields = for_proxy(request);
        assert!(fields.len() <= 1, "{request:?}");
        let value = fields.first().map_or("-", |(_, value)| value);
        format!("{} {} {value}", request.method, request.target)
    });
    lines.collect()
}

#[dual]
#[form_test]
async fn a_value_of_the_request_s_own_is_forwarded_or_goes_with_connect() {
    for over in [Tls::Off, tls()] {
        let origin = origin();
        let relay = Relay::builder().tls(over).route_all(origin.address());
        let relay = relay.start();
        let client = through(relay.url());
        fetch_as(&client, "http://a.test/", Some("Bearer own")).await;
        fetch_as(&client, "https://a.test/", Some("Bearer own")).await;
        assert_eq!(
            asked(&relay),
            [
                "GET http://a.test/ Bearer own",
                "CONNECT a.test:443 Bearer own"
            ]
        );
        assert_no_proxy_fields(&origin);
        assert_eq!(origin.requests().len(), 2);
    }
}

#[dual]
#[form_test]
async fn a_value_of_the_request_s_own_outlives_a_redirect_within_its_origin() {
    let origin = origin();
    let relay = Relay::builder().route_all(origin.address()).start();
    let tunnels = Proxy::new(relay.url()).unwrap().mode(ProxyMode::TunnelOnly);
    for (client, scheme, port) in [
        (through(relay.url()), "https", 443),
        (through(tunnels), "http", 80),
    ] {
        let before = relay.requests().len();
        let request = client.get(format!("{scheme}://a.test/start"));
        let request = request.header("proxy-authorization", "Bearer own");
        let response = request.send().await.unwrap();
        // What was asked for is what is remembered.
        for request in [response.history()[0].request(), response.request()] {
            assert_eq!(request.headers()["proxy-authorization"], "Bearer own");
        }
        let text = response.text().await.unwrap();
        assert_eq!(text, "in");
        let connect = format!("CONNECT a.test:{port} Bearer own");
        assert_eq!(
            asked(&relay)[before..],
            [connect],
            "one tunnel for both hops"
        );
    }
    // Forwarded, each hop brings it.
    let client = through(relay.url());
    let before = relay.requests().len();
    fetch_as(&client, "http://a.test/start", Some("Bearer own")).await;
    assert_eq!(
        asked(&relay)[before..],
        [
            "GET http://a.test/start Bearer own",
            "GET http://a.test/end Bearer own"
        ]
    );
    assert_no_proxy_fields(&origin);
}

#[dual]
#[form_test]
async fn requests_with_one_value_share_a_tunnel_and_others_do_not() {
    let origin = origin();
    let relay = Relay::builder().route_all(origin.address()).start();
    let client = through(relay.url());
    for _ in 0..3 {
        for value in [Some("Bearer one"), Some("Bearer two"), None] {
            fetch_as(&client, "https://a.test/", value).await;
        }
    }
    let connects = ["Bearer one", "Bearer two", "-"].map(|v| format!("CONNECT a.test:443 {v}"));
    assert_eq!(asked(&relay), connects);
    let stats = client.pool_stats();
    assert_eq!((stats.opened, stats.reused, stats.idle), (3, 6, 3));

    // A value of the client's is every request's.
    let relay = Relay::builder().route_all(origin.address()).start();
    let client = builder()
        .proxy(relay.url())
        .header("proxy-authorization", "Bearer always")
        .build()
        .unwrap();
    for _ in 0..3 {
        fetch_as(&client, "https://a.test/", None).await;
    }
    assert_eq!(asked(&relay), ["CONNECT a.test:443 Bearer always"]);
    assert_no_proxy_fields(&origin);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_server_asked_directly_sees_no_value_that_is_meant_for_a_proxy() {
    let origin = origin();
    let relay = Relay::builder().route_all(origin.address()).start();
    let client = builder()
        .resolve("a.test", [origin.address()])
        .proxy(relay.url())
        .mount_direct("all://a.test")
        .build()
        .unwrap();
    for scheme in ["http", "https"] {
        fetch_as(&client, &format!("{scheme}://a.test/start"), Some("own")).await;
    }
    assert_eq!(origin.requests().len(), 4);
    assert_no_proxy_fields(&origin);
    assert_eq!(relay.connections(), 0);
}

#[dual]
#[form_test]
async fn a_socks_proxy_and_who_is_behind_it_see_nothing_of_a_value_for_proxies() {
    let origin = origin();
    let socks = Socks::builder().route_all(origin.address()).start();
    let client = through(socks.url_h());
    for scheme in ["http", "https"] {
        for value in ["Bearer one", "Bearer two", "Bearer one"] {
            fetch_as(&client, &format!("{scheme}://a.test/"), Some(value)).await;
        }
    }
    assert_no_proxy_fields(&origin);
    for bytes in socks.received() {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(
            !text.contains("bearer") && !text.contains("proxy-"),
            "{text}"
        );
    }
    // It is no part of the way: all requests to one origin share a connection.
    assert_eq!(socks.connections(), 2);
}

#[dual]
#[form_test]
async fn a_proxy_s_user_with_a_colon_or_a_control_character_is_refused_when_the_client_is_built() {
    let built = |proxy: Proxy| builder().proxy(proxy).build();
    for userinfo in [
        "a%3Ab:hush",
        "a%0Ab:hush",
        "a%00:hush",
        "%7F:hush",
        "a:hush%0D",
        "a:%1Bhush",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{userinfo}@proxy.test");
            let sent = match Proxy::new(&url) {
                Ok(proxy) => built(proxy),
                Err(error) => Err(error),
            };
            let error = sent.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Builder, "{url}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
    }
    let plain = || Proxy::new("http://proxy.test").unwrap();
    for (user, password) in [("a:b", "c"), ("a\n", "c"), ("a", "c\0")] {
        let error = built(plain().basic_auth(user, password)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder, "{user:?} {password:?}");
    }
    // A colon may stand in a password, and anywhere for SOCKS (RFC 1929).
    for url in ["http://a:b%3Ac@proxy.test", "socks5://a%3Ab:c@proxy.test"] {
        built(Proxy::new(url).unwrap()).unwrap();
    }
}

#[cfg(unix)]
#[dual]
#[form_test]
async fn a_unix_socket_and_a_proxy_exclude_each_other() {
    use sync_tests::http::echo;
    use sync_tests::peers::Folder;

    let folder = Folder::new();
    let path = folder.path().join("socket");
    let server = Server::unix(&path, echo);
    let proxy = "http://user:hush@proxy.test";
    for both in [
        builder().unix_socket(&path).proxy(proxy),
        builder().proxy(proxy).unix_socket(&path),
        builder()
            .unix_socket(&path)
            .proxies([("https://x.test", proxy)]),
    ] {
        let error = both.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    let alone = builder().proxy(proxy).no_proxy().unix_socket(&path);
    let client = alone.build().unwrap();
    let response = client.get("http://a.test/x").send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(
        text.contains("\"/x\"") && !text.to_lowercase().contains("proxy"),
        "{text}"
    );
    assert_eq!(server.requests().len(), 1);
}
