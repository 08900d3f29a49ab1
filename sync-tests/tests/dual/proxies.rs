//! Proxies: what is forwarded, what is tunnelled, and which connections are shared.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use dimorph::{Body, ErrorKind, EventKind, PoolLimits, Proxy, ProxyMode, Timeout};
use sync_tests::certs::{sniff, tls};
use sync_tests::{Proxy as Relay, Received, Reply, Server, Tls};

use super::common::{assert_at_rest, builder, ms};
use super::form::Client;
use super::{dual, form_test, form_util};

/// A client that sends everything through this proxy.
pub(super) fn through(proxy: impl dimorph::IntoProxy) -> Client {
    builder().proxy(proxy).build().unwrap()
}

#[dual]
pub(super) async fn fetch(client: &Client, url: &str) -> String {
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200, "{url}");
    response.text().await.unwrap()
}

/// The fields of a request that are for proxies.
pub(super) fn for_proxy(request: &Received) -> Vec<(String, String)> {
    let fields = request.headers.iter();
    let proxies = fields.filter(|(name, _)| name.to_lowercase().starts_with("proxy-"));
    proxies.cloned().collect()
}

pub(super) fn assert_no_proxy_fields(server: &Server) {
    for request in server.requests() {
        assert_eq!(for_proxy(&request), [], "{request:?}");
    }
}

#[dual]
#[form_test]
async fn each_mode_forwards_or_tunnels_through_plain_and_tls_proxies() {
    use ProxyMode::{Default, ForwardOnly, TunnelOnly};
    for over in [Tls::Off, tls()] {
        for (mode, scheme, forwards) in [
            (Default, "http", true),
            (Default, "https", false),
            (ForwardOnly, "http", true),
            (ForwardOnly, "https", true),
            (TunnelOnly, "http", false),
            (TunnelOnly, "https", false),
        ] {
            let origin = Server::answering(sniff(), |request| Reply::ok(request.body.clone()));
            let relay = Relay::builder()
                .tls(over.clone())
                .route_all(origin.address())
                .start();
            let client = through(Proxy::new(relay.url()).unwrap().mode(mode));
            let url = format!("{scheme}://a.test/path?q=1");
            for body in ["one", "two"] {
                let sent = client.put(&url).body(body).send().await;
                let text = sent.unwrap().text().await.unwrap();
                assert_eq!(text, body);
            }
            let what = format!("{mode:?} {scheme}");
            let port = if scheme == "http" { 80 } else { 443 };
            let seen: Vec<_> = relay
                .requests()
                .iter()
                .map(|r| format!("{} {}", r.method, r.target))
                .collect();
            if forwards {
                assert_eq!(seen, [format!("PUT {url}"), format!("PUT {url}")], "{what}");
            } else {
                assert_eq!(seen, [format!("CONNECT a.test:{port}")], "{what}");
            }
            assert_eq!(relay.requests()[0].tls, matches!(over, Tls::On(_)));
            assert_eq!(
                (relay.connections(), origin.connections()),
                (1, 1),
                "{what}"
            );
            for request in origin.requests() {
                assert_eq!(
                    (&*request.target, request.tls),
                    ("/path?q=1", scheme == "https" && !forwards)
                );
                assert_eq!(request.header("host"), Some("a.test"));
            }
            assert_no_proxy_fields(&origin);
            let stats = client.pool_stats();
            assert_eq!((stats.opened, stats.reused), (1, 1), "{what}");
        }
    }
}

/// 4 MiB, no part of which looks like another.
fn large() -> Vec<u8> {
    (0..1_u32 << 20).flat_map(u32::to_le_bytes).collect()
}

#[dual]
#[form_test]
async fn large_bodies_pass_both_ways_through_tls_in_tls() {
    let origin = Server::answering(sniff(), |request| match &*request.target {
        "/chunked" => Reply::chunked(request.body.chunks(70_000)),
        _ => Reply::ok(request.body.clone()),
    });
    for over in [tls(), Tls::Off] {
        let relay = Relay::builder()
            .tls(over)
            .route_all(origin.address())
            .start();
        let client = through(relay.url());
        for scheme in ["https", "http"] {
            for path in ["/sized", "/chunked"] {
                for streamed in [false, true] {
                    let body = match streamed {
                        true => Body::from_reader(Cursor::new(large())),
                        false => Body::from(large()),
                    };
                    let request = client.post(format!("{scheme}://a.test{path}")).body(body);
                    let response = request.send().await.unwrap();
                    let back = response.bytes().await.unwrap();
                    assert!(
                        back == large(),
                        "{scheme} {path} {streamed}: {} bytes",
                        back.len()
                    );
                }
            }
        }
        assert_eq!((relay.connections(), relay.tunnels()), (2, 1));
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_redirect_leads_from_a_forwarded_request_into_a_tunnel_and_back() {
    let origin = Server::answering(sniff(), |request| match &*request.target {
        "/start" => Reply::redirect(307, "https://b.test/middle"),
        "/middle" => Reply::redirect(307, "http://a.test/end"),
        _ => Reply::ok(request.body.clone()),
    });
    let relay = Relay::builder()
        .route_all(origin.address())
        .credentials("user", "pass")
        .start();
    let client = through(relay.url_as("user:pass"));
    let sent = client
        .post("http://a.test/start")
        .body("again")
        .send()
        .await;
    let response = sent.unwrap();
    assert_eq!(response.url().as_str(), "http://a.test/end");
    let text = response.text().await.unwrap();
    assert_eq!(text, "again");
    let targets: Vec<_> = relay.requests().into_iter().map(|r| r.target).collect();
    assert_eq!(
        targets,
        ["http://a.test/start", "b.test:443", "http://a.test/end"]
    );
    assert_eq!((relay.connections(), relay.tunnels()), (2, 1));
}

#[dual]
#[form_test]
async fn forwarded_connections_are_shared_between_origins() {
    let origin = Server::http(|request| Reply::ok(request.header("host").unwrap()));
    let relay = Relay::builder().route_all(origin.address()).start();
    let other = Relay::builder().route_all(origin.address()).start();
    let keys = [
        ("all://", relay.url()),
        // The same proxy by another key shares the connections of the first; other credentials are another proxy.
        ("all://*.same.test", relay.url()),
        ("all://user.test", relay.url_as("user:pass")),
        ("all://other.test", other.url()),
    ];
    let client = builder().proxies(keys).build().unwrap();
    for host in ["a.test", "b.test", "b.test:81", "x.same.test", "a.test"] {
        let text = fetch(&client, &format!("http://{host}/")).await;
        assert_eq!(text, host);
    }
    assert_eq!((relay.connections(), client.pool_stats().reused), (1, 4));
    fetch(&client, "http://user.test/").await;
    fetch(&client, "http://other.test/").await;
    assert_eq!((relay.connections(), other.connections()), (2, 1));
    assert_eq!(client.pool_stats().idle, 3);
}

#[dual]
#[form_test]
async fn tunnels_belong_to_one_origin() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let relay = Relay::builder().route_all(origin.address()).start();
    let client = through(relay.url());
    for host in ["a.test", "b.test", "a.test:444", "a.test", "b.test"] {
        fetch(&client, &format!("https://{host}/")).await;
    }
    let targets: Vec<_> = relay.requests().into_iter().map(|r| r.target).collect();
    assert_eq!(targets, ["a.test:443", "b.test:443", "a.test:444"]);
    assert_eq!(client.pool_stats().reused, 2);
    // A connection of its own leads nowhere but to its server: it does not serve what is forwarded.
    fetch(&client, "http://a.test/").await;
    assert_eq!(relay.connections(), 4);
}

#[dual]
#[form_test]
async fn limits_of_the_pool_count_connections_to_proxies() {
    let origin = Server::answering(sniff(), |request| match &*request.target {
        "/held" => Reply::chunked(["i"; 10]).paced(ms(100)),
        _ => Reply::ok("in"),
    });
    let relay = Relay::builder().route_all(origin.address()).start();
    let client = builder()
        .proxy(relay.url())
        .pool_limits(PoolLimits::new().hard_limit(1))
        .timeout(Timeout::new(ms(5000)).pool(ms(100)))
        .build()
        .unwrap();
    // An idle connection of another way makes room.
    for url in [
        "http://a.test/",
        "https://a.test/",
        "https://b.test/",
        "http://b.test/",
    ] {
        fetch(&client, url).await;
    }
    assert_eq!(
        (relay.connections(), client.pool_stats().connections),
        (4, 1)
    );
    let open = form_util::until(|| relay.in_use() == 1).await;
    assert!(open, "{} are open", relay.in_use());
    for (held, url) in [
        ("https://a.test/held", "http://a.test/"),
        ("http://a.test/held", "https://a.test/"),
        ("https://a.test/held", "https://a.test/"),
    ] {
        let held = client.get(held).send().await.unwrap();
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolTimeout, "{url}");
        drop(held);
        fetch(&client, url).await;
    }
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn events_tell_of_the_proxy_and_show_no_credential() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let relay = Relay::builder()
        .tls(tls())
        .route_all(origin.address())
        .start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let client = builder()
        .proxy(relay.url_as("user:hush"))
        .on_event({
            let told = Arc::clone(&told);
            move |event| {
                let shown = format!("{event:?}");
                assert!(!shown.contains("hush"), "{shown}");
                let mut name = event.kind().name().to_owned();
                match event.kind() {
                    EventKind::TunnelOpened { proxy, .. } => name += &format!(" {proxy}"),
                    EventKind::TlsEstablished { server_name, .. } => {
                        name += &format!(" {server_name}");
                    }
                    EventKind::Connected { remote_addr, .. } => {
                        name += &format!(" {}", remote_addr.unwrap());
                    }
                    _ => {}
                }
                told.lock().unwrap().push(name);
            }
        })
        .build()
        .unwrap();
    fetch(&client, "https://a.test/").await;
    let told = told.lock().unwrap().clone();
    let expected = [
        "request.started".to_owned(),
        "pool.acquired".to_owned(),
        "connection.resolved".to_owned(),
        format!("connection.connected {}", relay.address()),
        "connection.tls_established 127.0.0.1".to_owned(),
        format!("proxy.tunnel_opened {}/", relay.url()),
        "connection.tls_established a.test".to_owned(),
        "response.started".to_owned(),
        "response.completed".to_owned(),
    ];
    assert_eq!(told, expected);
    assert!(!format!("{client:?}").contains("hush"));
}

#[dual]
#[form_test]
async fn targets_are_those_of_rfc_9112() {
    let origin = Server::http(|_| Reply::ok("in"));
    let relay = Relay::builder().route_all(origin.address()).start();
    let forwards = Proxy::new(relay.url())
        .unwrap()
        .mode(ProxyMode::ForwardOnly);
    let tunnels = Proxy::new(relay.url()).unwrap().mode(ProxyMode::TunnelOnly);
    let forwards = through(forwards);
    for (url, absolute, authority) in [
        ("http://a.test", "http://a.test/", "a.test:80"),
        ("http://a.test:80/x", "http://a.test/x", "a.test:80"),
        (
            "http://A.test:8080?q#f",
            "http://a.test:8080/?q",
            "a.test:8080",
        ),
        ("http://[::1]/", "http://[::1]/", "[::1]:80"),
        ("http://[0:0::1]:81/x", "http://[::1]:81/x", "[::1]:81"),
        ("http://127.1/", "http://127.0.0.1/", "127.0.0.1:80"),
        (
            "http://bücher.de/ü",
            "http://xn--bcher-kva.de/%C3%BC",
            "xn--bcher-kva.de:80",
        ),
        ("http://user:hush@b.test/", "http://b.test/", "b.test:80"),
        (
            "http://c.test/http://d.test/",
            "http://c.test/http://d.test/",
            "c.test:80",
        ),
    ] {
        fetch(&forwards, url).await;
        let seen = relay.requests().pop().unwrap();
        assert_eq!((&*seen.method, &*seen.target), ("GET", absolute));
        let host = absolute.split('/').nth(2);
        assert_eq!(seen.header("host"), host, "{url}");
        fetch(&through(&tunnels), url).await;
        let seen = relay.requests().pop().unwrap();
        assert_eq!((&*seen.method, &*seen.target), ("CONNECT", authority));
        assert_eq!(seen.header("host"), Some(authority));
        assert!(seen.header("authorization").is_none());
        let inside = origin.requests().pop().unwrap();
        assert!(inside.target.starts_with('/') && inside.header("host") == host);
    }
    // What is forwarded to a server that wants TLS is absolute too.
    fetch(&forwards, "https://a.test:443/x").await;
    assert_eq!(relay.requests().pop().unwrap().target, "https://a.test/x");
}

#[dual]
#[form_test]
async fn connections_are_upgraded_through_proxies() {
    let origin = Server::wire_tls(sniff(), |wire| {
        wire.read_head()?;
        wire.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nready;")?;
        loop {
            let bytes = wire.read_some()?;
            if bytes.is_empty() {
                return Ok(());
            }
            wire.send(bytes)?;
        }
    });
    let large: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    for over in [Tls::Off, tls()] {
        let relay = Relay::builder()
            .tls(over)
            .route_all(origin.address())
            .start();
        let proxy = Proxy::new(relay.url()).unwrap().mode(ProxyMode::TunnelOnly);
        let client = through(proxy);
        for url in ["https://a.test/", "http://a.test/"] {
            let request = client
                .get(url)
                .header("connection", "upgrade")
                .header("upgrade", "echo");
            let response = request.send().await.unwrap();
            let mut stream = response.upgrade().await.unwrap();
            let greeting = form_util::read_exactly(&mut stream, 6).await;
            assert_eq!(greeting, b"ready;");
            for part in large.chunks(40_000) {
                form_util::write_all(&mut stream, part).await;
                let back = form_util::read_exactly(&mut stream, part.len()).await;
                assert!(back == part, "{url}");
            }
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_proxy_that_cannot_be_one_is_an_error_of_build_that_shows_no_credential() {
    for (url, kind) in [
        ("127.0.0.1:3128", ErrorKind::InvalidUrl),
        ("user:hush@127.0.0.1", ErrorKind::InvalidUrl),
        ("", ErrorKind::InvalidUrl),
        ("http://user:hush@", ErrorKind::InvalidUrl),
        ("http://user:hush@[oops", ErrorKind::InvalidUrl),
        ("http://user:hush@p:99999", ErrorKind::InvalidUrl),
        ("http://user:hush/@p", ErrorKind::InvalidUrl),
        ("http://user:hush\r\nx: y@p", ErrorKind::InvalidUrl),
        ("ftp://user:hush@p", ErrorKind::Builder),
        ("socks4://user:hush@p", ErrorKind::Builder),
        ("hush://p", ErrorKind::Builder),
    ] {
        let started = builder().proxy(url);
        let shown = format!("{started:?}");
        let error = started.build().unwrap_err();
        assert_eq!(error.kind(), kind, "{url}: {error}");
        let secret =
            !url.starts_with("hush") && format!("{shown} {error} {error:?}").contains("hush");
        assert!(!secret, "{url}: {error:?}");
    }
    let given = Proxy::new("https://user:hush@p.test:1/path?q").unwrap();
    let given = given.header("x-key", "hush").unwrap();
    assert_eq!(given.url().as_str(), "https://p.test:1/");
    assert!(!format!("{given:?} {:#?}", builder().proxy(&given)).contains("hush"));
    for (name, value) in [
        ("host", "x"),
        ("content-length", "1"),
        ("x-a", " padded"),
        ("x b", "c"),
        ("x-a", "b\r\nc"),
    ] {
        let error = given.clone().header(name, value).unwrap_err();
        let kinds = [ErrorKind::Builder, ErrorKind::LocalProtocolError];
        assert!(kinds.contains(&error.kind()), "{name}: {error}");
    }
}
