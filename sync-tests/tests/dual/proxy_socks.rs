//! SOCKS5 and SOCKS5h (RFC 1928, RFC 1929).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use dimorph::{ErrorKind, Phase, Proxy, ProxyMode, Resolve, Resolving};
use sync_tests::certs::sniff;
use sync_tests::socks::{Asked, Stage};
use sync_tests::{Reply, Server, Socks, Step};

use super::common::{assert_at_rest, builder};
use super::form::{Client, ClientBuilder};
use super::proxies::through;
use super::{dual, form_test};

/// Counts what it is asked, and knows one address for everything.
#[derive(Clone)]
struct Counting {
    asked: Arc<Mutex<Vec<String>>>,
    answer: SocketAddr,
}

impl Counting {
    fn new(answer: impl Into<IpAddr>) -> Self {
        Counting {
            asked: Arc::default(),
            answer: (answer.into(), 0).into(),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Counting {
    fn resolve(&self, host: &str) -> Resolving {
        self.asked.lock().unwrap().push(host.to_owned());
        Box::pin(std::future::ready(Ok(vec![self.answer])))
    }
}

fn origin() -> Server {
    Server::answering(sniff(), |request| Reply::ok(request.body.clone()))
}

#[dual]
async fn echo(client: &Client, url: &str) -> String {
    let response = client.put(url).body("echo").send().await.unwrap();
    response.text().await.unwrap()
}

#[dual]
#[form_test]
async fn prx_14_socks5h_looks_nothing_up_and_socks5_exactly_once() {
    let origin = origin();
    for (remote, lookups) in [(true, 0), (false, 1)] {
        let socks = Socks::builder().route_all(origin.address()).start();
        let resolver = Counting::new([10, 1, 2, 3]);
        let url = if remote { socks.url_h() } else { socks.url() };
        let client = builder()
            .resolver(resolver.clone())
            .proxy(url)
            .build()
            .unwrap();
        for scheme in ["http", "https"] {
            // The certificate is for a.test.
            let text = echo(&client, &format!("{scheme}://a.test/")).await;
            assert_eq!(text, "echo");
            let text = echo(&client, &format!("{scheme}://a.test/again")).await;
            assert_eq!(text, "echo");
        }
        assert_eq!(resolver.asked(), vec!["a.test"; 2 * lookups]);
        let address = |port| Asked::Address(Ipv4Addr::new(10, 1, 2, 3).into(), port);
        let expected = match remote {
            true => [80, 443].map(|port| Asked::Name("a.test".to_owned(), port)),
            false => [address(80), address(443)],
        };
        assert_eq!(socks.asked(), expected);
        // A proxy's own name has to be looked up, whatever is beyond it.
        let port = socks.address().port();
        let resolver = Counting::new(Ipv4Addr::LOCALHOST);
        let scheme = if remote { "socks5h" } else { "socks5" };
        let client = builder()
            .resolver(resolver.clone())
            .proxy(format!("{scheme}://socks.test:{port}"))
            .build()
            .unwrap();
        echo(&client, "http://a.test/").await;
        let expected = if remote {
            &["socks.test"][..]
        } else {
            &["socks.test", "a.test"]
        };
        assert_eq!(resolver.asked(), expected);
    }
}

#[dual]
#[form_test]
async fn addresses_are_asked_for_as_addresses() {
    let origin = origin();
    for remote in [false, true] {
        let socks = Socks::builder().route_all(origin.address()).start();
        let resolver = Counting::new(Ipv4Addr::LOCALHOST);
        let url = if remote { socks.url_h() } else { socks.url() };
        let client = builder()
            .resolver(resolver.clone())
            .proxy(url)
            .build()
            .unwrap();
        for url in [
            "http://10.0.0.1:81/",
            "https://127.0.0.1/",
            "https://[::1]:444/",
        ] {
            let text = echo(&client, url).await;
            assert_eq!(text, "echo");
        }
        let expected = [
            Asked::Address(Ipv4Addr::new(10, 0, 0, 1).into(), 81),
            Asked::Address(Ipv4Addr::LOCALHOST.into(), 443),
            Asked::Address(Ipv6Addr::LOCALHOST.into(), 444),
        ];
        assert_eq!(socks.asked(), expected);
        assert_eq!(resolver.asked(), [""; 0]);
    }
}

#[dual]
#[form_test]
async fn addresses_given_by_hand_keep_their_port() {
    let origin = origin();
    let socks = Socks::builder().start();
    // Without a route this proxy connects to the very address it is asked for.
    let client = builder()
        .resolve("a.test", origin.address())
        .proxy(socks.url())
        .build()
        .unwrap();
    let text = echo(&client, "https://a.test/").await;
    assert_eq!(text, "echo");
    let expected = Asked::Address(origin.address().ip(), origin.port());
    assert_eq!(socks.asked(), [expected]);
}

#[dual]
#[form_test]
async fn user_and_password_are_sent_byte_for_byte() {
    let origin = origin();
    let long = "x".repeat(255);
    for (user, password, userinfo) in [
        ("user", "pass", "user:pass".to_owned()),
        (
            "us:er",
            "p@ss/wörd",
            "us%3Aer:p%40ss%2Fw%C3%B6rd".to_owned(),
        ),
        (&long, &long, format!("{long}:{long}")),
    ] {
        for trickle in [false, true] {
            let mut socks = Socks::builder()
                .route_all(origin.address())
                .credentials(user, password);
            if trickle {
                socks = socks.trickle();
            }
            let socks = socks.start();
            let client = through(socks.url_h_as(&userinfo));
            let text = echo(&client, "https://a.test/").await;
            assert_eq!(text, "echo");
            let sent = socks.exchanges().remove(0);
            assert_eq!(sent.credentials, Some((user.into(), password.into())));
            assert_eq!(sent.methods, [2], "only a login is offered");
        }
    }
    let socks = Socks::builder()
        .route_all(origin.address())
        .credentials("by", "hand")
        .start();
    let client = builder().proxy(Proxy::new(socks.url_h()).unwrap().basic_auth("by", "hand"));
    let text = echo(&client.build().unwrap(), "http://a.test/").await;
    assert_eq!(text, "echo");
    // Nothing of them is in the tunnel.
    for request in origin.requests() {
        assert!(
            request
                .headers
                .iter()
                .all(|(name, _)| !name.to_lowercase().starts_with("proxy"))
        );
    }
}

#[dual]
#[form_test]
async fn wrong_credentials_are_a_proxy_error() {
    let origin = origin();
    let socks = Socks::builder()
        .route_all(origin.address())
        .credentials("user", "right")
        .start();
    for (userinfo, words) in [
        ("user:hush", "invalid username/password"),
        ("", "wants a user"),
    ] {
        let url = match userinfo {
            "" => socks.url_h(),
            _ => socks.url_h_as(userinfo),
        };
        let client = builder().proxy(url).retries(1).build().unwrap();
        let before = socks.connections();
        let error = client.get("https://a.test/").send().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::ProxyError, Some(Phase::Proxy))
        );
        let text = format!("{error} {error:?}");
        assert!(text.contains(words) && !text.contains("hush"), "{text}");
        assert_eq!(socks.connections() - before, 1, "not tried again");
        assert_at_rest(&client).await;
    }
    assert!(socks.asked().is_empty());
    // A proxy that asks for no login does not get one.
    let open = Socks::builder().route_all(origin.address()).start();
    let client = through(open.url_h_as("user:hush"));
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProxyError);
    assert_eq!(open.exchanges()[0].credentials, None);
}

#[dual]
#[form_test]
async fn prx_12_what_socks_cannot_carry_is_refused_before_anything_is_sent() {
    let origin = origin();
    let socks = Socks::builder().route_all(origin.address()).start();
    let resolver = Counting::new(Ipv4Addr::LOCALHOST);
    let begin = |url: String| -> ClientBuilder { builder().resolver(resolver.clone()).proxy(url) };
    let label = "a".repeat(60);
    let long = [&*label; 6].join(".");
    assert!(long.len() > 255);
    let client = begin(socks.url_h()).build().unwrap();
    for host in [&*long, &"b".repeat(256)] {
        for scheme in ["http", "https"] {
            let error = client
                .get(format!("{scheme}://{host}/"))
                .send()
                .await
                .unwrap_err();
            let kinds = [
                ErrorKind::ProxyError,
                ErrorKind::InvalidUrl,
                ErrorKind::ConnectError,
            ];
            assert!(kinds.contains(&error.kind()), "{error}");
        }
    }
    assert!(socks.asked().is_empty());
    let over = "x".repeat(256);
    for userinfo in [
        format!("{over}:p"),
        format!("u:{over}"),
        "user".to_owned(),
        ":p".to_owned(),
    ] {
        let error = begin(socks.url_h_as(&userinfo)).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder, "{userinfo}: {error}");
        let proxy = Proxy::new(socks.url_h()).unwrap();
        let (user, password) = userinfo.split_once(':').unwrap_or((&userinfo, ""));
        let error = builder()
            .proxy(proxy.basic_auth(user, password))
            .build()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder, "{userinfo}: {error}");
    }
    let forwards = Proxy::new(socks.url())
        .unwrap()
        .mode(ProxyMode::ForwardOnly);
    let error = builder().proxy(forwards).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    let error = Proxy::new(socks.url())
        .unwrap()
        .header("x-a", "b")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert_eq!(resolver.asked(), [""; 0]);
}

#[dual]
#[form_test]
async fn prx_12_a_hostile_reply_is_a_proxy_error_and_nothing_is_looked_up() {
    let method: &[&[u8]] = &[
        b"\x04\x00",
        b"\x05\x02",
        b"\x05\x01",
        b"\x05\xff",
        b"\x00\x00",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ];
    let login: &[&[u8]] = &[b"\x01\x01", b"\x05\x00", b"\x00\x00", b"\x01\xff"];
    let reply: &[&[u8]] = &[
        b"\x04\x00\x00\x01\0\0\0\0\0\0",
        b"\x05\x00\x01\x01\0\0\0\0\0\0",
        b"\x05\x00\x00\x09\0\0\0\0\0\0",
        b"\x05\x00\x00\x00\0\0\0\0\0\0",
        b"\x05\x01\x00\x01\0\0\0\0\0\0",
        b"\x05\x06\x00\x01\0\0\0\0\0\0",
        b"\x05\x07\x00\x01\0\0\0\0\0\0",
        b"\x05\xff\x00\x01\0\0\0\0\0\0",
        // Short ones, and a name that promises more than comes.
        b"",
        b"\x05\x00",
        b"\x05\x00\x00\x01\0\0\0\0\0",
        b"\x05\x00\x00\x03\xffabc",
    ];
    for (stage, answers) in [
        (Stage::Method, method),
        (Stage::Credentials, login),
        (Stage::Connect, reply),
    ] {
        for answer in answers {
            for trickle in [false, true] {
                let send = match trickle {
                    true => Step::Trickle(answer.to_vec()),
                    false => Step::send(*answer),
                };
                let mut socks = Socks::builder().at(stage, [send, Step::Close]);
                let login = stage == Stage::Credentials;
                if login {
                    socks = socks.credentials("user", "pass");
                }
                let socks = socks.start();
                let userinfo = if login { "user:pass@" } else { "" };
                let url = socks.url_h().replace("//", &format!("//{userinfo}"));
                let resolver = Counting::new(Ipv4Addr::LOCALHOST);
                let client = builder()
                    .resolver(resolver.clone())
                    .proxy(url)
                    .build()
                    .unwrap();
                let error = client
                    .get("http://only-proxy-knows.test/")
                    .send()
                    .await
                    .unwrap_err();
                let kind = error.kind();
                assert_eq!(kind, ErrorKind::ProxyError, "{stage:?} {answer:?} {error}");
                assert_eq!(resolver.asked(), [""; 0]);
                let stats = client.pool_stats();
                assert_eq!((stats.active, stats.connections), (0, 0));
            }
        }
    }
}

#[dual]
#[form_test]
async fn a_reply_with_any_bound_address_opens_a_tunnel() {
    let origin = origin();
    let name = [&[5, 0, 0, 3, 255][..], &[b'n'; 255], &[0, 80]].concat();
    let v6 = [&[5, 0, 0, 4][..], &[1; 18]].concat();
    let empty = vec![5, 0, 0, 3, 0, 0, 80];
    for reply in [name, v6, empty] {
        for trickle in [false, true] {
            let send = match trickle {
                true => Step::Trickle(reply.clone()),
                false => Step::send(reply.clone()),
            };
            let socks = Socks::builder()
                .route_all(origin.address())
                .at(Stage::Connect, [send, Step::Tunnel])
                .start();
            let client = through(socks.url_h());
            for url in ["http://a.test/", "https://a.test/"] {
                let text = echo(&client, url).await;
                assert_eq!(text, "echo", "{reply:?}");
            }
        }
    }
}

#[dual]
#[form_test]
async fn a_reply_that_ends_at_any_byte_is_an_error() {
    let answers: [(Stage, &[u8]); 3] = [
        (Stage::Method, &[5, 2]),
        (Stage::Credentials, &[1, 0]),
        (Stage::Connect, &[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]),
    ];
    for (stage, answer) in answers {
        for length in 0..answer.len() {
            for end in [Step::Close, Step::Reset] {
                let socks = Socks::builder()
                    .credentials("user", "pass")
                    .at(stage, [Step::send(&answer[..length]), end.clone()])
                    .start();
                let client = through(socks.url_h_as("user:pass"));
                let error = client.get("https://a.test/").send().await.unwrap_err();
                let kinds = [ErrorKind::ProxyError, ErrorKind::ConnectError];
                assert!(
                    kinds.contains(&error.kind()),
                    "{stage:?} {length} {end:?}: {error}"
                );
                let stats = client.pool_stats();
                assert_eq!((stats.active, stats.connections), (0, 0));
            }
        }
    }
}

#[dual]
#[form_test]
async fn tunnels_of_socks_are_used_again_and_carry_large_bodies() {
    let origin = origin();
    let socks = Socks::builder().route_all(origin.address()).start();
    let client = through(socks.url_h());
    let large: Vec<u8> = (0..1_u32 << 19).flat_map(u32::to_le_bytes).collect();
    for _ in 0..2 {
        for url in ["http://a.test/", "https://a.test/"] {
            let response = client.post(url).body(large.clone()).send().await.unwrap();
            let back = response.bytes().await.unwrap();
            assert!(back == large, "{url}: {} bytes", back.len());
        }
    }
    assert_eq!((socks.connections(), client.pool_stats().reused), (2, 2));
}
