use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::config::URL_LIMIT;
use crate::error::ErrorKind;

fn new(url: &str) -> Proxy {
    Proxy::new(url).unwrap()
}

fn block(proxy: &Proxy) -> &str {
    std::str::from_utf8(proxy.header_block()).unwrap()
}

#[test]
fn a_url_becomes_kind_origin_and_credentials() {
    let http = ProxyKind::Http { secure: false };
    let https = ProxyKind::Http { secure: true };
    let table = [
        ("http://h", http, "h", 80, ""),
        ("http://h:3128/", http, "h", 3128, ""),
        (
            "HTTP://H.Example:3128/path?q#f",
            http,
            "h.example",
            3128,
            "",
        ),
        #[cfg(feature = "rustls")]
        ("https://h", https, "h", 443, ""),
        #[cfg(feature = "rustls")]
        ("https://h:80", https, "h", 80, ""),
        ("http://[::1]", http, "[::1]", 80, ""),
        ("http://[0:0::1]:81", http, "[::1]", 81, ""),
        ("http://127.1:81", http, "127.0.0.1", 81, ""),
        ("http://bücher.de", http, "xn--bcher-kva.de", 80, ""),
        ("http://user@h:1", http, "h", 1, "user:"),
        ("http://:pw@h:1", http, "h", 1, ":pw"),
        ("http://@h:1", http, "h", 1, ""),
        ("http://:@h:1", http, "h", 1, ""),
        ("http://tom:mot123@h", http, "h", 80, "tom:mot123"),
        ("http://user:pa%20ss@h:3128", http, "h", 3128, "user:pa ss"),
        ("http://u%40x:p%3A%2f%25@h", http, "h", 80, "u@x:p:/%"),
        // Decoded once, and only where there is something to decode.
        ("http://u:%2541@h", http, "h", 80, "u:%41"),
        ("http://u:50%@h", http, "h", 80, "u:50%"),
        ("http://u:a@b@h", http, "h", 80, "u:a@b"),
        ("http://u:a b|\"{}@h", http, "h", 80, "u:a b|\"{}"),
        ("http://bü:%C3%BC@h", http, "h", 80, "bü:ü"),
    ];
    for (url, kind, host, port, credentials) in table {
        let proxy = new(url);
        let origin = proxy.origin();
        assert_eq!(proxy.kind(), kind, "{url}");
        assert_eq!((origin.host, origin.port), (host, port), "{url}");
        assert_eq!(origin.secure, kind == https, "{url}");
        let value = STANDARD.encode(credentials);
        let expected = match credentials {
            "" => String::new(),
            _ => format!("Proxy-Authorization: Basic {value}\r\n"),
        };
        assert_eq!(block(&proxy), expected, "{url}");
        assert_eq!(proxy.socks_credentials(), None, "{url}");
        let shown = proxy.url();
        assert!(shown.username().is_empty() && shown.password().is_none());
        assert_eq!((shown.path(), shown.query()), ("/", None));
    }
    // A byte that is no UTF-8 is a byte of the password all the same.
    let value = STANDARD.encode(b"u:\xff");
    assert!(block(&new("http://u:%FF@h")).contains(&value));
}

#[cfg(feature = "socks")]
#[test]
fn a_socks_url_has_the_same_rules() {
    type Pair<'a> = Option<(&'a [u8], &'a [u8])>;
    let table: [(&str, bool, &str, u16, Pair<'_>); 8] = [
        ("socks5://h", false, "h", 1080, None),
        ("socks5h://h", true, "h", 1080, None),
        ("SOCKS5H://H.Example:80", true, "h.example", 80, None),
        ("socks5://[0:0::1]:443", false, "[::1]", 443, None),
        ("socks5://127.1", false, "127.0.0.1", 1080, None),
        ("socks5://bücher.de", false, "xn--bcher-kva.de", 1080, None),
        (
            "socks5://tom:mot%20123@h:1",
            false,
            "h",
            1,
            Some((b"tom", b"mot 123")),
        ),
        (
            "socks5://a:%00%ff@h",
            false,
            "h",
            1080,
            Some((b"a", b"\0\xff")),
        ),
    ];
    for (url, remote_dns, host, port, credentials) in table {
        let proxy = new(url);
        let origin = proxy.origin();
        assert_eq!(proxy.kind(), ProxyKind::Socks { remote_dns }, "{url}");
        assert_eq!(
            (origin.secure, origin.host, origin.port),
            (false, host, port),
            "{url}"
        );
        assert_eq!(proxy.socks_credentials(), credentials, "{url}");
        assert_eq!(block(&proxy), "", "{url}");
        assert!(proxy.url().username().is_empty() && proxy.url().password().is_none());
    }
}

#[cfg(feature = "socks")]
#[test]
fn prx_12_socks_credentials_that_cannot_be_sent_are_an_error() {
    let long = "x".repeat(256);
    let fits = "x".repeat(255);
    new(&format!("socks5://{fits}:{fits}@h")).check().unwrap();
    for url in [
        format!("socks5://{long}:p@h"),
        format!("socks5h://u:{long}@h"),
        "socks5://u@h".to_owned(),
        "socks5://:p@h".to_owned(),
    ] {
        let error = Proxy::new(&url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder, "{url}");
        assert!(error.to_string().contains("255 bytes"), "{error}");
    }
    let error = new("socks5://h").basic_auth("u", &long).check();
    assert!(error.unwrap_err().to_string().contains("255 bytes"));
}

#[cfg(feature = "socks")]
#[test]
fn a_socks_proxy_neither_forwards_nor_takes_headers() {
    let proxy = new("socks5://h");
    assert!(proxy.tunnels(false) && proxy.tunnels(true));
    assert!(proxy.clone().mode(ProxyMode::TunnelOnly).check().is_ok());
    let forwarding = proxy.clone().mode(ProxyMode::ForwardOnly);
    assert!(forwarding.tunnels(false));
    assert_eq!(forwarding.check().unwrap_err().kind(), ErrorKind::Builder);
    let error = proxy.header("x-a", "b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
}

#[cfg(not(feature = "socks"))]
#[test]
fn without_its_feature_a_socks_proxy_is_an_error_that_names_it() {
    let error = Proxy::new("socks5://h").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert!(error.to_string().contains("`socks`"), "{error}");
}

#[test]
fn what_is_no_proxys_url_is_an_error_that_shows_no_password() {
    use ErrorKind::{Builder, InvalidUrl};
    let table = [
        ("", InvalidUrl),
        ("h", InvalidUrl),
        ("h:3128", InvalidUrl),
        ("tom:mot123@h:3128", InvalidUrl),
        ("//tom:mot123@h", InvalidUrl),
        ("://h", InvalidUrl),
        ("1http://h", InvalidUrl),
        ("http:h", InvalidUrl),
        ("http://", InvalidUrl),
        ("http:///h", InvalidUrl),
        ("http://:80", InvalidUrl),
        ("http://tom:mot123@", InvalidUrl),
        ("http://tom:mot123@:80", InvalidUrl),
        ("http://tom:mot123@h:x", InvalidUrl),
        ("http://tom:mot123@h:65536", InvalidUrl),
        ("http://tom:mot123@h h", InvalidUrl),
        ("http://tom:mot123@[::1", InvalidUrl),
        ("http://tom:mot123@[::1%25eth0]", InvalidUrl),
        ("http://tom:mot\n123@h", InvalidUrl),
        ("http://tom:mot123\\@h", InvalidUrl),
        // A slash in a password makes a path of the rest, and a port of what was before it.
        ("http://tom:mot/123@h", InvalidUrl),
        ("http://tom:1/mot123@h", InvalidUrl),
        ("http://tom:1?mot123@h", InvalidUrl),
        ("http://tom:1#mot123@h", InvalidUrl),
        ("ftp://tom:mot123@127.0.0.1", Builder),
        ("invalid://example.com", Builder),
        ("socks4://tom:mot123@h", Builder),
        ("socks://h", Builder),
        ("file:///h", Builder),
    ];
    for (url, kind) in table {
        let error = Proxy::new(url).unwrap_err();
        assert_eq!(error.kind(), kind, "{url}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("mot123"), "{shown}");
        if kind == Builder {
            let scheme = url.split(':').next().unwrap();
            assert!(shown.contains(&format!("`{scheme}`")), "{shown}");
        }
    }
    #[cfg(feature = "socks")]
    for url in [
        "socks5://",
        "socks5://:1080",
        "socks5://u:p@",
        "socks5://u:p@:1",
    ] {
        assert_eq!(Proxy::new(url).unwrap_err().kind(), InvalidUrl, "{url}");
    }
    let long = format!("http://{}", "x".repeat(URL_LIMIT));
    assert_eq!(Proxy::new(long).unwrap_err().kind(), InvalidUrl);
}

#[test]
fn the_mode_decides_between_forwarding_and_a_tunnel() {
    use ProxyMode::{Default, ForwardOnly, TunnelOnly};
    // As in the seed: the same for proxies with and without TLS.
    for url in [
        "http://h",
        #[cfg(feature = "rustls")]
        "https://h",
    ] {
        for (mode, http, https) in [
            (Default, false, true),
            (ForwardOnly, false, false),
            (TunnelOnly, true, true),
        ] {
            let proxy = new(url).mode(mode);
            assert!(proxy.check().is_ok());
            let tunnels = (proxy.tunnels(false), proxy.tunnels(true));
            assert_eq!(tunnels, (http, https), "{url} {mode:?}");
        }
    }
}

#[test]
fn headers_for_the_proxy_follow_its_credentials() {
    let proxy = new("http://u:p@h")
        .header("x-first", "1")
        .and_then(|proxy| proxy.header("X-Second", "2"))
        .and_then(|proxy| proxy.header("x-first", "3"))
        .unwrap();
    assert_eq!(
        block(&proxy),
        "Proxy-Authorization: Basic dTpw\r\nX-First: 1\r\nX-First: 3\r\nX-Second: 2\r\n"
    );
    let proxy = proxy.basic_auth("v", "q");
    assert!(block(&proxy).starts_with("Proxy-Authorization: Basic djpx\r\nX-First"));
}

#[test]
fn an_explicit_proxy_authorization_wins() {
    let explicit = |proxy: Proxy| proxy.header("proxy-authorization", "Bearer abc").unwrap();
    for proxy in [
        explicit(new("http://u:p@h")),
        explicit(new("http://h")).basic_auth("u", "p"),
        explicit(explicit(new("http://h"))),
    ] {
        assert_eq!(block(&proxy), "Proxy-Authorization: Bearer abc\r\n");
    }
}

#[test]
fn a_proxys_header_cannot_frame_the_message_or_break_a_line() {
    let table = [
        ("host", "x", ErrorKind::Builder),
        ("Content-Length", "1", ErrorKind::Builder),
        ("transfer-encoding", "chunked", ErrorKind::Builder),
        ("connection", "close", ErrorKind::Builder),
        ("x-a", " b", ErrorKind::Builder),
        ("x-a", "b\r\nx-b: c", ErrorKind::LocalProtocolError),
        ("x a", "b", ErrorKind::LocalProtocolError),
    ];
    for (name, value, kind) in table {
        let error = new("http://h").header(name, value).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {value:?}");
    }
}

#[test]
fn debug_shows_neither_password_nor_header_value() {
    let table = [
        ("http://127.0.0.1:3080", "Proxy(http://127.0.0.1:3080)"),
        (
            "http://tom:mot123@127.0.0.1:3080",
            "Proxy(http://127.0.0.1:3080, user \"tom\")",
        ),
        // An API key stands where the user does.
        ("http://mot123@h", "Proxy(http://h, user [secure])"),
    ];
    for (url, expected) in table {
        assert_eq!(format!("{:?}", new(url)), expected);
    }
    let full = new("http://tom:mot123@h")
        .mode(ProxyMode::TunnelOnly)
        .header("x-key", "mot123")
        .unwrap();
    assert_eq!(
        format!("{full:?}"),
        "Proxy(http://h, user \"tom\", TunnelOnly, header x-key)"
    );
}

#[test]
fn prx_05_proxies_with_other_credentials_headers_or_modes_are_others() {
    let proxy = new("http://u:p@h");
    assert_eq!(proxy, proxy.clone());
    assert_eq!(proxy, new("HTTP://u:p@H:80/path"));
    assert_eq!(proxy, new("http://h").basic_auth("u", "p"));
    for other in [
        new("http://h"),
        new("http://v:p@h"),
        new("http://u:q@h"),
        new("http://u:p@h:81"),
        new("http://u:p@g"),
        #[cfg(feature = "rustls")]
        new("https://u:p@h:80"),
        #[cfg(feature = "socks")]
        new("socks5://u:p@h:80"),
        proxy.clone().mode(ProxyMode::TunnelOnly),
        proxy.clone().header("x-a", "b").unwrap(),
    ] {
        assert_ne!(proxy, other);
    }
    #[cfg(feature = "socks")]
    assert_ne!(new("socks5://h"), new("socks5h://h"));
}

#[test]
fn urls_and_proxies_are_taken_as_proxies() {
    let url = Url::parse("http://u:p@h").unwrap();
    let proxy = new("http://u:p@h");
    let text = "http://u:p@h".to_owned();
    for made in [
        text.as_str().into_proxy(),
        (&text).into_proxy(),
        text.clone().into_proxy(),
        (&url).into_proxy(),
        url.clone().into_proxy(),
        (&proxy).into_proxy(),
        proxy.clone().into_proxy(),
    ] {
        assert_eq!(made.unwrap(), proxy);
    }
    assert!("h:1".into_proxy().is_err());
}
