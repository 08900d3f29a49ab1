//! Each peer does what its documentation says, by curl.

use super::*;
use crate::certs::{certs, tls};
use crate::{Reply, Server};

fn origin() -> Server {
    Server::http(|_| Reply::ok("from the origin"))
}

#[test]
fn squid_forwards_for_those_it_knows() {
    let (Some(squid), origin) = (Squid::start(), origin()) else {
        return;
    };
    let url = format!("http://origin.test:{}/path?q", origin.port());
    for (userinfo, expected) in [
        ("user:pass%20word", 200),
        ("user:wrong", 407),
        ("nobody:x", 407),
        ("", 407),
    ] {
        let answer = curl(&["-x", &squid.url_as(userinfo), &url]).unwrap();
        assert_eq!(answer.status, expected, "{userinfo:?} {answer:?}");
        assert_eq!(answer.body == b"from the origin", expected == 200);
    }
    let requests = origin.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].target, "/path?q");
    assert_eq!(requests[0].header("proxy-authorization"), None);
    let log = squid.log();
    assert!(
        log[0].starts_with("200 GET http://origin.test") && log[0].ends_with("/path?q user"),
        "{log:?}"
    );
}

#[test]
fn squid_tunnels_for_those_it_knows() {
    let (Some(squid), origin) = (
        Squid::start(),
        Server::answering(tls(), |_| Reply::ok("secret")),
    ) else {
        return;
    };
    let (name, at) = squid.host();
    let resolve = format!("{name}:{}:127.0.0.1", at.port());
    let proxy = squid.tls_url_as("user:pass%20word");
    let url = format!("https://origin.test:{}/", origin.port());
    let answer = curl(&["--resolve", &resolve, "-x", &proxy, &url]).unwrap();
    assert_eq!(answer.pair(), (200, b"secret".as_slice()), "{answer:?}");

    for host in ["origin.test", "127.0.0.1"] {
        let url = format!("https://{host}:{}/", origin.port());
        let answer = curl(&["-x", &squid.url(), &url]).unwrap();
        assert_eq!(
            (answer.pair(), answer.connect_status),
            ((200, b"secret".as_slice()), 200)
        );
        let answer = curl(&["-x", &squid.url_as("user:wrong"), &url]).unwrap();
        assert_eq!((answer.status, answer.connect_status), (0, 407));
    }
    assert_eq!(origin.requests().len(), 3);
}

#[test]
fn microsocks_connects_for_those_it_knows() {
    let (Some(socks), origin) = (Microsocks::start(), origin()) else {
        return;
    };
    let url = format!("http://localhost:{}/", origin.port());
    for scheme in ["socks5", "socks5h"] {
        let answer = curl(&["-x", &socks.url(scheme), &url]).unwrap();
        assert_eq!(answer.pair(), (200, b"from the origin".as_slice()));
        for userinfo in ["user:wrong", ""] {
            let answer = curl(&["-x", &socks.url_as(scheme, userinfo), &url]).unwrap();
            assert_eq!((answer.status, answer.exit), (0, 97), "{answer:?}");
        }
    }
    assert_eq!(origin.requests().len(), 2);
}

#[test]
fn apache_wants_digest() {
    let Some(apache) = Apache::start() else {
        return;
    };
    for path in ["/digest/", "/brief/"] {
        let url = apache.url(&format!("{path}hello.txt"));
        for (login, expected) in [
            ("user:pass word", 200),
            ("user:wrong", 401),
            ("nobody:x", 401),
        ] {
            let answer = curl(&["--digest", "-u", login, &url]).unwrap();
            assert_eq!(answer.status, expected, "{path} {login}");
            assert_eq!(answer.body == b"hello", expected == 200);
        }
        let basic = curl(&["--basic", "-u", "user:pass word", &url]).unwrap();
        assert_eq!(basic.status, 401);
    }
    let url = apache.url("/basic/hello.txt");
    let answer = curl(&["--basic", "-u", "user:pass word", &url]).unwrap();
    assert_eq!(answer.pair(), (200, b"hello".as_slice()));
    assert_eq!(curl(&[&url]).unwrap().status, 401);
    assert_eq!(curl(&[&apache.url("/hello.txt")]).unwrap().status, 200);
}

#[test]
fn nginx_wants_basic_and_client_certificates() {
    let Some(nginx) = Nginx::start() else {
        return;
    };
    let resolve = nginx.curl_resolve();
    let run = |more: &[&str]| {
        let args: Vec<&str> = resolve
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        curl(&args).unwrap()
    };
    for url in [
        nginx.url("/basic/hello.txt"),
        nginx.tls_url("/basic/hello.txt"),
    ] {
        assert_eq!(
            run(&["-u", "user:pass word", &url]).pair(),
            (200, b"hello, user".as_slice())
        );
        assert_eq!(run(&["-u", "user:wrong", &url]).status, 401);
        assert_eq!(run(&[&url]).status, 401);
    }
    let who = nginx.mtls_url("/who");
    assert_eq!(run(&[&who]).status, 400);
    let certificate = certs().client_file.to_str().unwrap();
    let answer = run(&["--cert", certificate, &who]);
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.ends_with("SUCCESS"), "{text}");
    let answer = run(&["--cert", certificate, &nginx.mtls_url("/hello.txt")]);
    assert_eq!(answer.pair(), (200, b"hello".as_slice()));
}

#[test]
fn peers_leave_nothing_behind() {
    let Some(squid) = Squid::start() else { return };
    let (address, folder) = (squid.address(), squid.folder().to_owned());
    drop(squid);
    assert!(TcpStream::connect(address).is_err());
    assert!(!folder.exists());
}
