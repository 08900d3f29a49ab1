//! The proxy does what its documentation says, by curl.

use super::forward::authority;
use super::*;
use crate::Server;
use crate::authority::{Authority, self_signed};
use crate::certs::{sniff, tls};
use crate::peers::curl;
use crate::wire::find;
use crate::{Reply, http};

#[test]
fn targets_are_taken_apart() {
    for (target, expected) in [
        ("http://a.test/x", Some("a.test:80")),
        ("https://a.test?x", Some("a.test:443")),
        ("http://u:p@a.test:8080", Some("a.test:8080")),
        ("http://[::1]/", Some("[::1]:80")),
        ("http://[::1]:81/", Some("[::1]:81")),
        ("/x", None),
    ] {
        assert_eq!(authority(target).as_deref(), expected, "{target}");
    }
}

#[test]
fn forwards_and_tunnels_whatever_the_host() {
    let origin = Server::answering(sniff(), http::echo);
    for over in [Tls::Off, tls()] {
        let proxy = Proxy::builder()
            .tls(over)
            .route("origin.test", origin.address())
            .start();
        let at = proxy.url();
        for (url, seen) in [
            ("http://origin.test/a?b", "http://origin.test/a?b"),
            ("https://origin.test/a?b", "origin.test:443"),
        ] {
            let answer = curl(&["-x", &at, "-d", "the body", url]).unwrap();
            assert_eq!(answer.status, 200, "{url} {answer:?}");
            let echoed: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(
                (&echoed["target"], &echoed["body"]),
                (&"/a?b".into(), &"the body".into())
            );
            assert_eq!(proxy.requests().last().unwrap().target, seen);
        }
        assert_eq!(proxy.requests()[0].body, b"the body");
        assert_eq!((proxy.connections(), proxy.tunnels()), (2, 1));
        let answer = curl(&["-x", &at, "http://elsewhere.test/"]).unwrap();
        assert_eq!(answer.status, 502);
        assert!(proxy.settle(|proxy| proxy.in_use() == 0));
    }
}

#[test]
fn one_connection_forwards_many_requests_to_several_origins() {
    let [one, two] = ["one", "two"].map(|name| Server::http(move |_| Reply::ok(name)));
    let proxy = Proxy::builder()
        .route("a.test", one.address())
        .route("b.test", two.address())
        .start();
    let urls = [
        "http://a.test/1",
        "http://a.test/2",
        "http://b.test/3",
        "http://a.test/4",
    ];
    let at = proxy.url();
    let answer = curl(&[&["-x", &at], &urls[..]].concat()).unwrap();
    assert!(answer.body.starts_with(b"one"), "{answer:?}");
    assert_eq!(proxy.requests().len(), 4);
    assert_eq!(
        (proxy.connections(), one.connections(), two.connections()),
        (1, 2, 1)
    );
}

#[test]
fn wants_credentials() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    let proxy = Proxy::builder()
        .route_all(origin.address())
        .credentials("user", "p:w")
        .start();
    for (userinfo, status, connect) in [("user:p%3Aw", 200, 200), ("user:no", 407, 407)] {
        let at = proxy.url_as(userinfo);
        let plain = curl(&["-x", &at, "http://a.test/"]).unwrap();
        let tunnelled = curl(&["-x", &at, "https://a.test/"]).unwrap();
        assert_eq!((plain.status, tunnelled.connect_status), (status, connect));
    }
    assert_eq!(origin.requests().len(), 2);
    assert_eq!(find(&origin.requests()[0].head, b"roxy-"), None);
}

#[test]
fn large_bodies_pass_both_ways_through_tls_in_tls() {
    let large: Vec<u8> = (0..1_u32 << 20).flat_map(u32::to_le_bytes).collect();
    let folder = crate::peers::Folder::new();
    let file = folder.write("large", &large);
    let origin = Server::answering(tls(), |request| Reply::ok(request.body.clone()));
    let proxy = Proxy::builder()
        .tls(tls())
        .route_all(origin.address())
        .start();
    let upload = format!("@{}", file.display());
    let answer = curl(&[
        "-x",
        &proxy.url(),
        "--data-binary",
        &upload,
        "https://a.test/",
    ]);
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.body == large), (200, true));
}

#[test]
fn does_as_it_is_told() {
    let origin = Server::answering(sniff(), |_| Reply::ok("in"));
    // curl takes no interim answer from a proxy.
    for (steps, exit, connect) in [
        (
            vec![Step::send(
                "HTTP/1.1 403 No\r\ncontent-length: 4\r\n\r\n<p/>",
            )],
            56,
            403,
        ),
        (vec![Step::Close], 56, 0),
        (vec![Step::Reset], 56, 0),
        (
            vec![
                Step::send("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
                Step::Tunnel,
            ],
            56,
            100,
        ),
        (
            vec![
                Step::Trickle(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
                Step::Tunnel,
            ],
            0,
            200,
        ),
        (
            vec![Step::send(ESTABLISHED), Step::TunnelUntil(40)],
            35,
            200,
        ),
    ] {
        let proxy = Proxy::builder()
            .route_all(origin.address())
            .connect_steps(steps.clone())
            .start();
        let answer = curl(&["-x", &proxy.url(), "https://a.test/"]).unwrap();
        assert_eq!(
            (answer.exit, answer.connect_status),
            (exit, connect),
            "{steps:?} {answer:?}"
        );
    }
    let proxy = Proxy::builder()
        .answer_connect("HTTP/1.1 200 OK\r\n")
        .start();
    let answer = curl(&["-x", &proxy.url(), "-m", "0.2", "https://a.test/"]).unwrap();
    assert_eq!(answer.exit, 28, "{answer:?}");
}

#[test]
fn a_reset_is_one() {
    let proxy = Proxy::builder().connect_steps([Step::Reset]).start();
    let answer = curl(&["-x", &proxy.url(), "https://a.test/"]).unwrap();
    assert!(answer.message.contains("reset"), "{answer:?}");
}

#[test]
fn an_authority_of_its_own_is_trusted_by_name_only() {
    let origin = Server::http(|_| Reply::ok("in"));
    let authority = Authority::new("the proxy's authority");
    let names = ["127.0.0.1"];
    for (leaf, exit) in [
        (authority.leaf(&names), 0),
        (authority.leaf(&["other.invalid"]), 60),
        (authority.expired(&names), 60),
        (self_signed(&names), 60),
    ] {
        let proxy = Proxy::builder()
            .tls(Tls::On(leaf.server()))
            .route_all(origin.address())
            .credentials("u", "p")
            .start();
        let (at, file) = (proxy.url_as("u:p"), authority.file.to_str().unwrap());
        let args = ["-x", &at, "--proxy-cacert", file, "http://a.test/"];
        assert_eq!(curl(&args).unwrap().exit, exit);
        assert_eq!(curl(&["-x", &at, "http://a.test/"]).unwrap().exit, 60);
        let accepted = usize::from(exit == 0);
        assert_eq!(proxy.requests().len(), accepted);
        assert!(proxy.settle(|proxy| proxy.handshakes().len() == 2));
        // curl looks at the name when the handshake is over; not one byte comes all the same.
        let spoken = proxy
            .received()
            .iter()
            .filter(|bytes| !bytes.is_empty())
            .count();
        assert_eq!(spoken, accepted);
    }
}
