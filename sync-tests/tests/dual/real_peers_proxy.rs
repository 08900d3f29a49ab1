//! Proxies that others wrote: squid and microsocks. curl goes the same ways, and agrees.

use dimorph::{Body, ErrorKind, Proxy, ProxyMode};
use sync_tests::certs::{sniff, tls};
use sync_tests::peers::{Microsocks, Squid, curl};
use sync_tests::{Received, Reply, Server};

use super::common::{assert_at_rest, builder};
use super::form::{Client, ClientBuilder};
use super::{dual, form_test};

/// Answers with what it got; `/large` with more.
fn origin() -> Server {
    Server::answering(sniff(), |request: &Received| match &*request.target {
        "/large" => Reply::ok(large()),
        "/redirect" => Reply::redirect(307, "/end"),
        "/404" => Reply::status(404).body("not here"),
        _ => Reply::ok(format!(
            "{} {} {}",
            request.method,
            request.target,
            String::from_utf8_lossy(&request.body)
        )),
    })
}

/// 4 MiB, no part of which looks like another.
fn large() -> Vec<u8> {
    (0..1_u32 << 20).flat_map(u32::to_le_bytes).collect()
}

fn begin(squid: &Squid) -> ClientBuilder {
    let (host, address) = squid.host();
    builder().resolve(host, [address])
}

#[dual]
async fn outcome(client: &Client, url: &str) -> (u16, Vec<u8>) {
    let response = client.get(url).send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, body.to_vec())
}

/// curl's answer through the same proxy.
fn curls(proxy: &str, more: &[&str], url: &str) -> Option<(u16, Vec<u8>)> {
    let answer = curl(&[&["-x", proxy, "-L"], more, &[url]].concat())?;
    assert_eq!(answer.exit, 0, "{answer:?}");
    Some((answer.status, answer.body))
}

/// The user and password that squid and microsocks know, as URLs have them.
const RIGHT: &str = "user:pass%20word";

#[dual]
#[form_test]
async fn squid_forwards_and_tunnels_on_a_plain_and_a_tls_port() {
    let Some(squid) = Squid::start() else { return };
    let origin = origin();
    let (host, address) = squid.host();
    let to_squid = format!("{host}:{}:{}", address.port(), address.ip());
    for proxy in [squid.url(), squid.tls_url_as(RIGHT)] {
        let client = begin(&squid).proxy(&proxy).build().unwrap();
        for scheme in ["http", "https"] {
            for path in ["/", "/a?b=c", "/large", "/redirect", "/404"] {
                let url = format!("{scheme}://a.test:{}{path}", origin.port());
                let ours = outcome(&client, &url).await;
                let Some(theirs) = curls(&proxy, &["--resolve", &to_squid], &url) else {
                    return;
                };
                assert!(ours == theirs, "{proxy} {url}: {} {}", ours.0, theirs.0);
            }
        }
        // One connection that forwards, and one tunnel.
        assert_eq!(client.pool_stats().opened, 2, "{proxy}");
        assert_at_rest(&client).await;
    }
    let port = origin.port();
    let count = |line: String| squid.log().iter().filter(|l| **l == line).count();
    // A tunnel is in the log when it has ended: one of ours and five of curl's at each port.
    let tunnels = || count(format!("200 CONNECT a.test:{port} user"));
    assert!(origin.settle(|_| tunnels() == 12), "{:?}", squid.log());
    let absent = count(format!("404 GET http://a.test:{port}/404 user"));
    assert_eq!(absent, 4, "{:?}", squid.log());
    for request in origin.requests() {
        assert_eq!(request.header("proxy-authorization"), None);
    }
}

#[dual]
#[form_test]
async fn squid_carries_large_bodies_both_ways() {
    let Some(squid) = Squid::start() else { return };
    let origin = Server::answering(sniff(), |request| Reply::ok(request.body.clone()));
    for proxy in [squid.url(), squid.tls_url_as(RIGHT)] {
        let client = begin(&squid).proxy(&proxy).build().unwrap();
        for scheme in ["http", "https"] {
            for streamed in [false, true] {
                let body = match streamed {
                    true => Body::from_reader(std::io::Cursor::new(large())),
                    false => Body::from(large()),
                };
                let url = format!("{scheme}://a.test:{}/", origin.port());
                let response = client.post(url).body(body).send().await.unwrap();
                let back = response.bytes().await.unwrap();
                assert!(
                    back == large(),
                    "{proxy} {scheme} {streamed}: {} bytes",
                    back.len()
                );
            }
        }
    }
}

#[dual]
#[form_test]
async fn squid_refuses_wrong_credentials_and_none() {
    let Some(squid) = Squid::start() else { return };
    let origin = origin();
    let plain = format!("http://a.test:{}/", origin.port());
    let secure = format!("https://a.test:{}/", origin.port());
    for userinfo in ["", "user:hush", "nobody:pass%20word"] {
        for proxy in [squid.url_as(userinfo), squid.tls_url_as(userinfo)] {
            let client = begin(&squid).proxy(&proxy).build().unwrap();
            let (status, body) = outcome(&client, &plain).await;
            assert_eq!(status, 407);
            assert!(String::from_utf8_lossy(&body).contains("squid"));
            let error = client.get(&secure).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ProxyError, "{error}");
            assert_eq!(error.status().map(|s| s.as_u16()), Some(407));
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hush") && !text.contains("html"), "{text}");
        }
        let Some(theirs) = curl(&["-x", &squid.url_as(userinfo), &plain]) else {
            return;
        };
        assert_eq!(theirs.status, 407);
        let theirs = curl(&["-x", &squid.url_as(userinfo), &secure]).unwrap();
        assert_eq!(theirs.connect_status, 407);
    }
    // A header of the request's own is what squid sees.
    let client = begin(&squid)
        .proxy(squid.url_as("user:hush"))
        .build()
        .unwrap();
    for url in [&plain, &secure] {
        let request = client
            .get(url)
            .header("proxy-authorization", "Basic dXNlcjpwYXNzIHdvcmQ=");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    for request in origin.requests() {
        assert_eq!(request.header("proxy-authorization"), None);
    }
    assert_eq!(origin.requests().len(), 2);
}

#[dual]
#[form_test]
async fn squid_tunnels_plain_requests_and_says_where_it_cannot_go() {
    let Some(squid) = Squid::start() else { return };
    let origin = origin();
    let proxy = Proxy::new(squid.url()).unwrap().mode(ProxyMode::TunnelOnly);
    let client = begin(&squid).proxy(proxy).build().unwrap();
    for _ in 0..2 {
        let url = format!("http://b.test:{}/x", origin.port());
        let (status, body) = outcome(&client, &url).await;
        assert_eq!((status, &*body), (200, &b"GET /x "[..]));
    }
    let connect = format!("200 CONNECT b.test:{} user", origin.port());
    client.close().await;
    assert!(
        origin.settle(|_| squid.log().contains(&connect)),
        "{:?}",
        squid.log()
    );

    let nobody = super::common::refused();
    let client = begin(&squid).proxy(squid.url()).build().unwrap();
    let (status, _) = outcome(&client, &format!("http://{nobody}/")).await;
    assert_eq!(status, 503);
    let error = client
        .get(format!("https://{nobody}/"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.status().map(|s| s.as_u16())),
        (ErrorKind::ProxyError, Some(503))
    );
    let theirs = curl(&["-x", &squid.url(), &format!("http://{nobody}/")]);
    assert!(theirs.is_none_or(|answer| answer.status == 503));
}

#[dual]
#[form_test]
async fn squid_s_certificate_is_checked() {
    let Some(squid) = Squid::start() else { return };
    let (_, address) = squid.host();
    // It is for a name, not for this address.
    let client = builder()
        .proxy(format!("https://{RIGHT}@{address}"))
        .build()
        .unwrap();
    for url in ["http://a.test/", "https://a.test/"] {
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectError, "{error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
    assert_eq!(squid.log(), [""; 0]);
}

#[dual]
#[form_test]
async fn microsocks_connects_by_name_and_by_address() {
    let Some(socks) = Microsocks::start() else {
        return;
    };
    let origin = Server::answering(tls(), |_| Reply::ok("in"));
    let plain = self::origin();
    for scheme in ["socks5", "socks5h"] {
        let proxy = socks.url(scheme);
        let client = builder().proxy(&proxy).build().unwrap();
        for host in ["127.0.0.1", "localhost"] {
            let urls = [
                format!("https://{host}:{}/", origin.port()),
                format!("http://{host}:{}/x", plain.port()),
                format!("http://{host}:{}/redirect", plain.port()),
                format!("https://{host}:{}/large", plain.port()),
            ];
            for url in urls {
                let ours = outcome(&client, &url).await;
                let Some(theirs) = curls(&proxy, &["-4"], &url) else {
                    return;
                };
                assert!(ours == theirs, "{proxy} {url}: {} {}", ours.0, theirs.0);
            }
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn microsocks_refuses_wrong_credentials_and_none() {
    let Some(socks) = Microsocks::start() else {
        return;
    };
    let origin = origin();
    for scheme in ["socks5", "socks5h"] {
        for userinfo in ["", "user:hush", "nobody:pass%20word"] {
            let client = builder().proxy(socks.url_as(scheme, userinfo));
            let client = client.build().unwrap();
            for url in [origin.url("/"), origin.https("/")] {
                let error = client.get(&url).send().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ProxyError, "{error}");
                assert!(!format!("{error} {error:?}").contains("hush"));
                let Some(theirs) = curl(&["-x", &socks.url_as(scheme, userinfo), &url]) else {
                    return;
                };
                assert_eq!(theirs.exit, 97, "{theirs:?}");
            }
            assert_at_rest(&client).await;
        }
        let client = builder().proxy(socks.url(scheme)).build().unwrap();
        let nobody = super::common::refused();
        let error = client
            .get(format!("http://{nobody}/"))
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ProxyError);
        assert!(error.to_string().contains("refused"), "{error}");
    }
    assert_eq!(origin.requests().len(), 0);
}
