//! Proxies that refuse, lie, or are not who they say: what the caller sees, and what they never get.

use dimorph::{Certificate, ErrorKind, Phase, PoolLimits, Proxy, ProxyMode};
use sync_tests::authority::{Authority, self_signed};
use sync_tests::certs::{certs, sniff, tls};
use sync_tests::{Proxy as Relay, Reply, Server, Step, Tls};

use super::common::{assert_at_rest, builder, ms, name, refused};
use super::proxies::through;
use super::{dual, form_test};

const ESTABLISHED: &str = "HTTP/1.1 200 OK\r\n\r\n";

#[dual]
#[form_test]
async fn prx_06_a_proxy_with_a_bad_certificate_gets_no_byte() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let trusted = Authority::new("an authority that the client trusts");
    let other = Authority::new("one that it does not");
    let names = ["127.0.0.1"];
    for (what, leaf, words) in [
        ("good", trusted.leaf(&names), ""),
        ("unknown authority", other.leaf(&names), "issuer"),
        ("self-signed", self_signed(&names), "certificate"),
        ("wrong host", trusted.leaf(&["other.invalid"]), "127.0.0.1"),
        ("expired", trusted.expired(&names), "expired"),
    ] {
        let relay = Relay::builder()
            .tls(Tls::On(leaf.server()))
            .route_all(origin.address())
            .start();
        let root = Certificate::from_pem(trusted.pem.as_bytes());
        let client = builder()
            .add_root_certificate(root)
            .proxy(relay.url_as("user:hush"))
            .build()
            .unwrap();
        for url in ["http://a.test/", "https://a.test/"] {
            let sent = client.get(url).body("hush").send().await;
            if what == "good" {
                assert_eq!(sent.unwrap().status(), 200);
                continue;
            }
            let error = sent.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::ConnectError,
                "{what} {url}: {error}"
            );
            assert!(error.is_connect() && error.phase() == Some(Phase::Tls));
            let text = error.to_string();
            let place = relay.address().to_string();
            assert!(
                text.contains(&place) && text.contains(words) && !text.contains("hush"),
                "{what}: {text}"
            );
            assert!(!format!("{error:?}").contains("hush"));
        }
        if what != "good" {
            assert!(relay.settle(|relay| relay.handshakes().len() == 2));
            let bytes: usize = relay.received().iter().map(Vec::len).sum();
            assert_eq!((bytes, relay.requests().len()), (0, 0), "{what}");
            assert_eq!(client.pool_stats().connections, 0);
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn a_certificate_of_the_origin_is_checked_through_a_tunnel() {
    for (config, words) in [
        (certs().wrong_host(), "a.test"),
        (certs().expired(), "expired"),
    ] {
        let origin = Server::answering(Tls::On(config), |_| Reply::ok("in"));
        for over in [Tls::Off, tls()] {
            let relay = Relay::builder()
                .tls(over)
                .route_all(origin.address())
                .start();
            let client = through(relay.url());
            let error = client.get("https://a.test/").send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectError, "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(!error.to_string().contains("the proxy"), "{error}");
        }
        assert_eq!(origin.requests().len(), 0);
    }
}

#[dual]
#[form_test]
async fn prx_07_tickets_of_a_proxy_are_not_offered_to_its_namesake() {
    // Proxy and origin have one name, one certificate and one store of sessions: a ticket of the one would be good for the other.
    let shared = Tls::On(certs().good());
    let origin = Server::answering(shared.clone(), |_| Reply::ok("in"));
    let relay = Relay::builder()
        .tls(shared)
        .route_all(origin.address())
        .start();
    let client = builder()
        .resolve("a.test", relay.address())
        .pool_limits(PoolLimits::new().soft_limit(0))
        .proxy(format!("https://a.test:{}", relay.address().port()))
        .build()
        .unwrap();
    for _ in 0..3 {
        let response = client.get("https://a.test/").send().await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(text, "in");
    }
    for (role, handshakes) in [
        ("proxy", relay.handshakes()),
        ("origin", origin.handshakes()),
    ] {
        let handshakes: Vec<_> = handshakes.into_iter().map(Result::unwrap).collect();
        let resumed: Vec<_> = handshakes.iter().map(|h| h.resumed).collect();
        assert_eq!(resumed, [false, true, true], "{role}");
        let named = handshakes
            .iter()
            .all(|h| h.server_name.as_deref() == Some("a.test"));
        assert!(named, "{role}");
    }
}

#[dual]
#[form_test]
async fn prx_07_sessions_are_kept_apart_where_authorities_differ() {
    let authority = Authority::new("the proxy's authority");
    let origin = Server::answering(tls(), |_| Reply::ok("in"));
    let relay = Relay::builder()
        .tls(Tls::On(authority.leaf(&["127.0.0.1"]).server()))
        .route_all(origin.address())
        .start();
    let root = Certificate::from_pem(authority.pem.as_bytes());
    let client = builder()
        .add_root_certificate(root)
        .pool_limits(PoolLimits::new().soft_limit(0))
        .proxy(relay.url())
        .build()
        .unwrap();
    for url in ["https://a.test/", "https://b.test/", "https://a.test/"] {
        let response = client.get(url).send().await.unwrap();
        response.bytes().await.unwrap();
    }
    let resumed = |handshakes: Vec<Result<sync_tests::wire::Handshake, String>>| {
        let all = handshakes.into_iter().map(|h| h.unwrap().resumed);
        all.collect::<Vec<_>>()
    };
    assert_eq!(resumed(relay.handshakes()), [false, true, true]);
    assert_eq!(resumed(origin.handshakes()), [false, false, true]);
}

#[dual]
#[form_test]
async fn prx_07_a_client_certificate_is_shown_to_the_origin_alone() {
    let origin = Server::answering(Tls::On(certs().with_client_auth()), |_| Reply::ok("in"));
    let identity = || builder().cert(certs().client_file.to_str().unwrap());
    let relay = Relay::builder()
        .tls(tls())
        .route_all(origin.address())
        .start();
    let client = identity().proxy(relay.url()).build().unwrap();
    let response = client.get("https://a.test/").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let shown = |handshakes: Vec<Result<sync_tests::wire::Handshake, String>>| {
        let mut all = handshakes.into_iter();
        all.any(|h| h.unwrap().client_certificate)
    };
    assert!(shown(origin.handshakes()) && !shown(relay.handshakes()));
    // A proxy that asks for one gets none.
    let curious = Relay::builder()
        .tls(Tls::On(certs().with_client_auth()))
        .route_all(origin.address())
        .start();
    let client = identity()
        .proxy(curious.url_as("user:pass"))
        .build()
        .unwrap();
    for url in ["https://a.test/", "http://a.test/"] {
        client.get(url).send().await.unwrap_err();
    }
    assert!(curious.settle(|relay| relay.handshakes().len() == 2));
    assert!(curious.handshakes().iter().all(Result::is_err));
    assert_eq!(curious.requests().len(), 0);
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn prx_08_a_refusal_of_connect_is_an_error_and_nothing_of_it_is_the_origin_s() {
    for status in [301, 302, 403, 404, 407, 502, 503] {
        let body = "<script>hush</script>";
        let answer = format!(
            "HTTP/1.1 {status} No Way\r\nset-cookie: evil=1\r\nset-cookie: e2=1; domain=a.test\r\nlocation: http://evil.test/\r\n\
             proxy-authenticate: Basic realm=\"x\"\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{body}",
            body.len(),
        );
        let relay = Relay::builder().answer_connect(answer).start();
        let client = builder()
            .proxy(relay.url_as("user:hush"))
            .retries(2)
            .build()
            .unwrap();
        let error = client.get("https://a.test/").send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ProxyError, "{error}");
        assert!(error.is_proxy() && !error.is_status() && !error.is_connect());
        assert_eq!(error.status().map(|s| s.as_u16()), Some(status));
        let text = format!("{error} {error:?}");
        assert!(text.contains(&format!("{status} No Way")), "{text}");
        assert!(text.contains(&relay.address().to_string()), "{text}");
        assert!(!text.contains("script") && !text.contains("hush"), "{text}");
        assert!(client.cookies().is_empty(), "{:?}", client.cookies());
        // Not asked again, and not kept.
        assert_eq!(
            (relay.connections(), client.pool_stats().connections),
            (1, 0)
        );
        assert!(relay.settle(|relay| relay.in_use() == 0));
    }
}

#[dual]
#[form_test]
async fn prx_09_bytes_behind_the_answer_to_connect_are_never_a_response() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let forged = "HTTP/1.1 200 OK\r\nset-cookie: evil=1\r\ncontent-length: 6\r\n\r\nHACKED";
    for over in [Tls::Off, tls()] {
        for pieces in [
            vec![Step::send(format!("{ESTABLISHED}{forged}"))],
            vec![Step::send(ESTABLISHED), Step::send(forged)],
            vec![Step::Trickle(format!("{ESTABLISHED}{forged}").into())],
        ] {
            let whole = pieces.len() == 1;
            for (mode, url) in [
                (ProxyMode::Default, "https://a.test/"),
                (ProxyMode::TunnelOnly, "http://a.test/"),
            ] {
                // What comes later than the answer is the tunnel's: without TLS nobody can tell who said it.
                if url.starts_with("http:") && !matches!(pieces[..], [Step::Send(_)]) {
                    continue;
                }
                let mut steps = pieces.clone();
                steps.push(Step::Tunnel);
                let relay = Relay::builder()
                    .tls(over.clone())
                    .route_all(origin.address())
                    .connect_steps(steps)
                    .start();
                let proxy = Proxy::new(relay.url()).unwrap().mode(mode);
                let client = builder().timeout(ms(2000)).proxy(proxy).build().unwrap();
                let error = client.get(url).send().await.unwrap_err();
                let kinds = [ErrorKind::ConnectError, ErrorKind::ProxyError];
                assert!(kinds.contains(&error.kind()), "{whole} {url} {error}");
                assert!(!format!("{error} {error:?}").contains("HACKED"));
                assert!(client.cookies().is_empty());
                assert_eq!(client.pool_stats().connections, 0);
            }
        }
    }
    assert_eq!(origin.requests().len(), 0);
}

#[dual]
#[form_test]
async fn interim_and_unusual_answers_open_a_tunnel() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    for answer in [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 200 OK\nserver: x\n\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299 Odd\r\ncontent-length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\nset-cookie: evil=1\r\n\r\n",
    ] {
        for trickle in [false, true] {
            let bytes = answer.as_bytes().to_vec();
            let send = match trickle {
                true => Step::Trickle(bytes),
                false => Step::Send(bytes),
            };
            let relay = Relay::builder()
                .route_all(origin.address())
                .connect_steps([send, Step::Tunnel])
                .start();
            let client = through(relay.url());
            for _ in 0..2 {
                let response = client.get("https://a.test/").send().await;
                let text = response.unwrap().text().await.unwrap();
                assert_eq!(text, "in", "{answer:?}");
            }
            assert_eq!(relay.connections(), 1);
            assert!(client.cookies().is_empty());
        }
    }
}

#[dual]
#[form_test]
async fn an_answer_to_connect_that_is_none_is_an_error() {
    use ErrorKind::*;
    let endless = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'y'; 400 << 10]].concat();
    let fields = "a: b\r\n".repeat(400);
    let interim = "HTTP/1.1 100 C\r\n\r\n".repeat(100);
    let cases: Vec<(&str, Vec<Step>, &[ErrorKind])> = vec![
        ("nothing", vec![Step::Close], &[RemoteProtocolError]),
        (
            "a reset",
            vec![Step::Reset],
            &[ConnectError, RemoteProtocolError],
        ),
        (
            "garbage",
            vec![Step::send("SSH-2.0-x\r\n\r\n"), Step::Close],
            &[RemoteProtocolError],
        ),
        (
            "TLS",
            vec![Step::send(b"\x15\x03\x01\x00\x02\x02\x28"), Step::Close],
            &[RemoteProtocolError],
        ),
        (
            "a status alone",
            vec![Step::send("HTTP/1.1 200 OK\r\n"), Step::Close],
            &[RemoteProtocolError],
        ),
        (
            "a 101",
            vec![
                Step::send("HTTP/1.1 101 S\r\nupgrade: x\r\n\r\n"),
                Step::Close,
            ],
            &[RemoteProtocolError],
        ),
        (
            "NUL",
            vec![
                Step::send("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n"),
                Step::Stall,
            ],
            &[RemoteProtocolError],
        ),
        (
            "an endless line",
            vec![Step::send(endless), Step::Stall],
            &[LimitExceeded],
        ),
        (
            "many fields",
            vec![
                Step::send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")),
                Step::Stall,
            ],
            &[LimitExceeded],
        ),
        (
            "many interim answers",
            vec![Step::send(interim), Step::Stall],
            &[LimitExceeded],
        ),
        (
            "an end in the tunnel",
            vec![Step::send(ESTABLISHED), Step::Close],
            &[ConnectError],
        ),
        (
            "a reset in the tunnel",
            vec![Step::send(ESTABLISHED), Step::Reset],
            &[ConnectError],
        ),
    ];
    for (what, steps, kinds) in cases {
        for over in [Tls::Off, tls()] {
            let relay = Relay::builder()
                .tls(over)
                .connect_steps(steps.clone())
                .start();
            let client = through(relay.url());
            let error = client.get("https://a.test/").send().await.unwrap_err();
            // Over TLS a connection that breaks off has no close_notify.
            let kind = error.kind();
            assert!(
                kinds.contains(&kind) || what.contains("reset") && kind == RemoteProtocolError,
                "{what}: {error}"
            );
            let stats = client.pool_stats();
            assert_eq!((stats.active, stats.connections), (0, 0), "{what}");
        }
    }
}

#[dual]
#[form_test]
async fn a_proxy_that_cannot_be_reached_is_a_connect_error_that_names_it() {
    let address = refused();
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let client = through(format!("{scheme}://user:hush@{address}"));
        for url in ["http://10.0.0.1/", "https://10.0.0.1/"] {
            let error = client.get(url).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectError, "{scheme} {error}");
            let text = format!("{error} {error:?}");
            assert!(text.contains(&format!("the proxy {address}")), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
        assert_eq!(client.pool_stats().connections, 0);
    }
    let client = through("http://no-such-proxy.invalid:3128");
    let error = client.get("http://10.0.0.1/").send().await.unwrap_err();
    assert_eq!(name(error.kind()), "ConnectError", "{error}");
    assert!(
        error.to_string().contains("no-such-proxy.invalid"),
        "{error}"
    );
}

#[dual]
#[form_test]
async fn a_host_that_the_proxy_cannot_reach_is_its_answer() {
    let relay = Relay::builder().start();
    let client = through(relay.url());
    let response = client.get("http://nowhere.test/").send().await.unwrap();
    assert_eq!(response.status(), 502);
    let error = client
        .get("https://nowhere.test/")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProxyError);
    assert_eq!(error.status().map(|s| s.as_u16()), Some(502));
    assert_eq!(error.url().unwrap().host_str(), Some("nowhere.test"));
}

#[dual]
#[form_test]
async fn a_proxy_that_says_nothing_is_named_by_the_timeout() {
    let silent = Server::wire(|wire| {
        while !wire.read_some()?.is_empty() {}
        Ok(())
    });
    let place = silent.address().to_string();
    for scheme in ["https", "socks5h", "http"] {
        let client = builder()
            .proxy(format!("{scheme}://{place}"))
            .timeout(dimorph::Timeout::new(ms(5000)).connect(ms(30)))
            .build()
            .unwrap();
        let error = client.get("https://a.test/").send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{error}");
        let text = error.to_string();
        let named = text.contains(&place) || text.contains("through the proxy");
        assert!(named && text.contains("within 30ms"), "{text}");
    }
}
