//! URLs that two readers could read in two ways: the host that is looked up, named and greeted is one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dimorph::{ErrorKind, Method, Resolve, Resolving};
use sync_tests::Server;
use sync_tests::certs::sniff;
use sync_tests::http::echo;

use super::common::{builder, client};
use super::form::Client;
use super::{dual, form_test};

/// Writes down what it is asked, and answers with one server.
#[derive(Clone)]
struct Names {
    asked: Arc<Mutex<Vec<String>>>,
    answer: SocketAddr,
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        self.asked.lock().unwrap().push(host.to_owned());
        let answer = Ok(vec![SocketAddr::new(self.answer.ip(), self.answer.port())]);
        Box::pin(std::future::ready(answer))
    }
}

/// What one URL led to: the name that was looked up, the `host` field and the target, or the error.
#[dual]
async fn reached(base: Option<&str>, url: &str) -> Result<(String, String, String), ErrorKind> {
    let server = Server::answering(sniff(), echo);
    let names = Names {
        asked: Arc::default(),
        answer: server.address(),
    };
    let mut builder = builder().resolver(names.clone());
    if let Some(base) = base {
        builder = builder.base_url(base);
    }
    let client = builder.build().unwrap();
    let sent = client.get(url).send().await;
    let asked = names.asked.lock().unwrap().clone();
    match sent {
        Ok(_) => {
            assert_eq!(asked.len(), 1, "{url}");
            let seen = server.requests().remove(0);
            let host = seen.header("host").unwrap().to_owned();
            Ok((asked[0].clone(), host, seen.target))
        }
        Err(error) => {
            assert!(asked.is_empty(), "{url}: {asked:?}");
            assert_eq!(server.connections(), 0, "{url}");
            Err(error.kind())
        }
    }
}

fn to(name: &str, host: &str, target: &str) -> Result<(String, String, String), ErrorKind> {
    Ok((name.to_owned(), host.to_owned(), target.to_owned()))
}

#[dual]
#[form_test]
async fn url_01_a_backslash_is_a_slash_and_hides_no_host() {
    for (url, expected) in [
        (
            "http://good.test\\@evil.test/",
            to("good.test", "good.test", "/@evil.test/"),
        ),
        ("http:\\\\good.test", to("good.test", "good.test", "/")),
        ("http:/\\good.test\\x", to("good.test", "good.test", "/x")),
        (
            "http://good.test\\.evil.test/",
            to("good.test", "good.test", "/.evil.test/"),
        ),
        (
            "http://good.test#@evil.test/",
            to("good.test", "good.test", "/"),
        ),
        (
            "http://good.test?@evil.test/",
            to("good.test", "good.test", "/?@evil.test/"),
        ),
        (
            "http://good.test;@evil.test/",
            to("evil.test", "evil.test", "/"),
        ),
    ] {
        let got = reached(None, url).await;
        assert_eq!(got, expected, "{url}");
    }
}

#[dual]
#[form_test]
async fn url_03_userinfo_ends_at_the_last_at() {
    for (url, host) in [
        ("http://a@b@c.test/", "c.test"),
        ("http://a:b@c:d@e.test/", "e.test"),
        ("http://good.test:80@evil.test/", "evil.test"),
        ("http://good.test%40evil.test@c.test/", "c.test"),
        ("http://@c.test/", "c.test"),
    ] {
        let got = reached(None, url).await;
        assert_eq!(got, to(host, host, "/"), "{url}");
    }
}

#[dual]
#[form_test]
async fn url_04_a_host_is_decoded_once_and_has_no_delimiter() {
    for url in [
        "http://evil.test%2fgood.test/",
        "http://evil.test%2Fgood.test/",
        "http://evil.test%5cgood.test/",
        "http://evil.test%3fgood.test/",
        "http://evil.test%23good.test/",
        "http://evil.test%40good.test/",
        "http://evil.test%3a80/",
        "http://evil.test%00good.test/",
        "http://evil.test%0d%0ax/",
        "http://evil.test%20good.test/",
        "http://%2561.test/",
        "http://%zz.test/",
        "http://a<b.test/",
        "http://a b.test/",
        "http://a|b.test/",
        "http://a^b.test/",
    ] {
        let got = reached(None, url).await;
        assert_eq!(got, Err(ErrorKind::InvalidUrl), "{url}");
    }
    for (url, host) in [
        ("http://%61.test/", "a.test"),
        ("http://%41.TEST/", "a.test"),
        ("http://b\u{fc}cher.test/", "xn--bcher-kva.test"),
        ("http://a\u{3002}test/", "a.test"),
        ("http://\u{ff21}.test/", "a.test"),
    ] {
        let got = reached(None, url).await;
        assert_eq!(got, to(host, host, "/"), "{url}");
    }
}

#[dual]
#[form_test]
async fn url_06_a_zone_is_refused_and_an_address_has_one_spelling() {
    for url in [
        "http://[::1%25eth0]/",
        "http://[::1%eth0]/",
        "http://[fe80::1%25lo]/",
        "http://[::1]x/",
        "http://[::1]:x/",
        "http://[::1/",
        "http://::1/",
        "http://[127.0.0.1]/",
        "http://[::1]]/",
        "http://256.0.0.1/",
        "http://1.2.3.4.5/",
        "http://0x7f.0.0.0x100/",
    ] {
        let got = reached(None, url).await;
        assert_eq!(got, Err(ErrorKind::InvalidUrl), "{url}");
    }
    let client = client();
    for (url, host) in [
        ("http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]"),
        ("http://[0:0:0:0:0:0:0:1]/", "[::1]"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://0177.0.0.1/", "127.0.0.1"),
        ("http://127.1/", "127.0.0.1"),
    ] {
        let request = client.build_request(Method::GET, url).unwrap();
        assert_eq!(request.url().host_str(), Some(host), "{url}");
    }
    // What is connected to is what the URL says in the end.
    let server = Server::http(echo);
    for spelling in ["0x7f.1", "2130706433", "127.1"] {
        let url = format!("http://{spelling}:{}/", server.port());
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.remote_addr(), Some(server.address()));
        let host = server
            .requests()
            .pop()
            .unwrap()
            .header("host")
            .unwrap()
            .to_owned();
        assert_eq!(host, server.address().to_string());
    }
}

#[dual]
#[form_test]
async fn url_08_a_port_is_digits_up_to_65535() {
    for port in [
        "65536", "99999", "8a", "+80", "-1", "80 80", "0x50", "1e3", "\u{663}",
    ] {
        let url = format!("http://a.test:{port}/");
        let got = reached(None, &url).await;
        assert_eq!(got, Err(ErrorKind::InvalidUrl), "{url}");
    }
    let client = client();
    for (port, expected) in [
        ("", None),
        ("00080", None),
        ("080", None),
        ("0", Some(0)),
        ("65535", Some(65535)),
        ("443", Some(443)),
    ] {
        let url = format!("http://a.test:{port}/");
        let request = client.build_request(Method::GET, &url).unwrap();
        assert_eq!(request.url().port(), expected, "{url}");
    }
    let error = client.get("http://127.0.0.1:0/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError);
}

#[dual]
#[form_test]
async fn url_09_a_trailing_dot_is_kept_in_the_name_and_left_out_of_the_handshake() {
    let server = Server::answering(sniff(), echo);
    let names = Names {
        asked: Arc::default(),
        answer: server.address(),
    };
    let client = builder().resolver(names.clone()).build().unwrap();
    for url in ["https://a.test./", "https://a.test/", "https://A.TEST./"] {
        let response = client.get(url).send().await.unwrap();
        response.bytes().await.unwrap();
    }
    let handshakes = server.handshakes();
    for handshake in &handshakes {
        let handshake = handshake.as_ref().unwrap();
        assert_eq!(handshake.server_name.as_deref(), Some("a.test"));
    }
    // Host field and pool take the dotted name for another one; resolver and handshake get it without the dot.
    let asked = names.asked.lock().unwrap().clone();
    let hosts: Vec<String> = server
        .requests()
        .iter()
        .map(|r| r.header("host").unwrap().to_owned())
        .collect();
    assert_eq!(hosts, ["a.test.", "a.test", "a.test."]);
    assert_eq!(asked, ["a.test", "a.test"]);
    assert_eq!(handshakes.len(), 2, "one connection for each name");
}

#[dual]
#[form_test]
async fn url_10_a_long_url_is_refused_or_read_in_linear_time() {
    let client = client();
    let begun = Instant::now();
    let long = |n: usize| format!("http://a.test/{}", "x".repeat(n));
    let mut kinds = Vec::new();
    for url in [
        long((64 << 10) - 14),
        long(16 << 20),
        format!("http://{}a.test/", "a@".repeat(1_000_000)),
        format!("http://{}", "a@".repeat(1_000_000)),
        format!("http://a.test/{}", "../".repeat(300_000)),
        format!("http://{}", "a.".repeat(500_000)),
        format!("http://[{}", "1:".repeat(500_000)),
        format!("http://a.test/?{}", "a=b&".repeat(250_000)),
        format!("http://{}", "%61".repeat(300_000)),
    ] {
        let built = client.build_request(Method::GET, &url);
        kinds.push(
            built
                .map(|request| request.url().as_str().len())
                .map_err(|e| e.kind()),
        );
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(kinds[0], Ok(64 << 10), "64 KiB are the limit");
    assert_eq!(kinds[1], Err(ErrorKind::InvalidUrl));
    assert_eq!(kinds[3], Err(ErrorKind::InvalidUrl));
}

#[dual]
#[form_test]
async fn url_11_a_path_never_changes_the_host_of_the_base_url() {
    let base = Some("http://base.test/api");
    for (url, expected) in [
        (
            "//evil.test/x",
            to("base.test", "base.test", "/api/evil.test/x"),
        ),
        (
            "///evil.test/x",
            to("base.test", "base.test", "/api/evil.test/x"),
        ),
        ("/x", to("base.test", "base.test", "/api/x")),
        ("../../x", to("base.test", "base.test", "/api/x")),
        (
            "@evil.test/",
            to("base.test", "base.test", "/api/@evil.test/"),
        ),
        (":80/", to("base.test", "base.test", "/api/:80/")),
        // A scheme makes it absolute, however it goes on.
        ("http:evil.test", to("evil.test", "evil.test", "/")),
        ("http://evil.test/", to("evil.test", "evil.test", "/")),
    ] {
        let got = reached(base, url).await;
        assert_eq!(got, expected, "{url}");
    }
    for url in ["\\\\evil.test", "\\/evil.test", "/\\evil.test/x"] {
        let (name, host, _) = reached(base, url).await.unwrap();
        assert_eq!((&*name, &*host), ("base.test", "base.test"), "{url}");
    }
    let nothing: Client = client();
    let error = nothing.get("//evil.test/x").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
}
