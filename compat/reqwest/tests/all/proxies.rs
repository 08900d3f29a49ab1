//! Which proxy gets what.

use std::error::Error as _;

use reqwest::blocking::ClientBuilder;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{NoProxy, Proxy};
use sync_tests::certs::{certs, sniff};
use sync_tests::{Proxy as Relay, Reply, Server, Socks, Tls};

fn builder() -> ClientBuilder {
    let authority = reqwest::Certificate::from_pem(certs().ca_pem.as_bytes()).unwrap();
    reqwest::blocking::Client::builder()
        .tls_certs_only([authority])
        .user_agent("me/1")
}

fn server() -> Server {
    Server::answering(sniff(), |request| {
        let seen = request.headers.iter().map(|(name, _)| name.as_str());
        Reply::ok(seen.collect::<Vec<_>>().join(" "))
    })
}

#[test]
fn a_proxy_forwards_http_and_tunnels_https() {
    let server = server();
    let relay = Relay::builder()
        .route_all(server.address())
        .credentials("tom", "m t")
        .start();
    let mut own = HeaderMap::new();
    own.insert("x-own", HeaderValue::from_static("1"));
    own.insert("user-agent", HeaderValue::from_static("other/1"));
    let proxy = Proxy::all(relay.url()).unwrap();
    let proxy = proxy.basic_auth("tom", "m t").headers(own);
    let client = builder().proxy(proxy).build().unwrap();
    client.get("http://a.test/plain").send().unwrap();
    let seen = client.get("https://a.test/secret").send().unwrap();
    assert!(!seen.text().unwrap().contains("x-own"));
    let [plain, connect] = &relay.requests()[..] else {
        panic!("two are expected: {:?}", relay.requests());
    };
    assert_eq!(plain.target, "http://a.test/plain");
    assert_eq!(connect.method, "CONNECT");
    for request in [plain, connect] {
        assert_eq!(
            request.header("proxy-authorization"),
            Some("Basic dG9tOm0gdA==")
        );
        assert_eq!(request.header("x-own"), Some("1"));
        let agents = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
        assert_eq!(agents.count(), 1, "{request:?}");
    }
    assert_eq!(connect.header("user-agent"), Some("me/1"));
}

#[test]
fn a_refused_tunnel_says_so() {
    let relay = Relay::builder().credentials("tom", "mot123").start();
    let client = builder().proxy(Proxy::all(relay.url()).unwrap());
    let error = client.build().unwrap().get("https://a.test/").send();
    let error = error.unwrap_err();
    assert!(error.is_connect() && error.is_request(), "{error:?}");
    let (mut told, mut cause) = (String::new(), error.source());
    while let Some(error) = cause {
        told += &error.to_string();
        cause = error.source();
    }
    assert!(told.contains("auth"), "{told}");
}

#[test]
fn socks_proxies_get_names_and_credentials() {
    let server = server();
    let socks = Socks::builder()
        .route_all(server.address())
        .credentials("tom", "mot123")
        .start();
    let proxy = Proxy::all(socks.url_h()).unwrap();
    let client = builder().proxy(proxy.basic_auth("tom", "mot123"));
    let client = client.build().unwrap();
    for url in ["http://a.test/", "https://b.test/"] {
        assert_eq!(client.get(url).send().unwrap().status(), 200, "{url}");
    }
    assert_eq!(socks.connections(), 2);
}

#[test]
fn the_first_proxy_for_a_url_gets_it() {
    let server = server();
    let relays = [0, 1].map(|_| Relay::builder().route_all(server.address()).start());
    let second = relays[1].url();
    let bypass = NoProxy::from_string("direct.test");
    let client = builder()
        .proxy(Proxy::https(relays[0].url()).unwrap())
        .proxy(
            Proxy::custom(move |url| (url.host_str() != Some("none.test")).then(|| second.clone()))
                .no_proxy(bypass),
        )
        .resolve("direct.test", server.address())
        .resolve("none.test", server.address())
        .build()
        .unwrap();
    for host in ["a.test", "direct.test", "none.test"] {
        let url = format!("http://{host}:{}/", server.port());
        client.get(url).send().unwrap();
    }
    client.get("https://a.test/").send().unwrap();
    assert_eq!(
        relays.each_ref().map(|relay| relay.requests().len()),
        [1, 1]
    );
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_proxy_may_be_reached_over_tls() {
    let server = server();
    let relay = Relay::builder()
        .tls(Tls::On(certs().good()))
        .route_all(server.address())
        .start();
    let client = builder().proxy(Proxy::all(relay.url()).unwrap());
    let client = client.build().unwrap();
    for url in ["http://a.test/", "https://a.test/"] {
        assert_eq!(client.get(url).send().unwrap().status(), 200, "{url}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_spoken_to_is_a_failed_connection() {
    let proxy = || Proxy::all("socks4://127.0.0.1:1").unwrap();
    let client = reqwest::Client::builder().proxy(proxy()).build().unwrap();
    let asynchronous = client.get("http://a.test/x").send().await;
    let blocking = tokio::task::spawn_blocking(move || {
        let client = super::builder().proxy(proxy()).build().unwrap();
        client.get("http://a.test/x").send().unwrap_err()
    });
    for error in [asynchronous.unwrap_err(), blocking.await.unwrap()] {
        assert!(error.is_connect() && error.is_request(), "{error:?}");
        assert_eq!(error.url().unwrap().as_str(), "http://a.test/x");
    }
}
