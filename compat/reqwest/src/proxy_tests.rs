//! Which proxy is for which URL.

use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// Where a URL goes, as `host`, `tunnels`.
fn way(matcher: &Matcher, to: &str) -> Option<(String, bool)> {
    let chosen = matcher.intercept(&url(to))?;
    Some((chosen.target.url, chosen.tunnels))
}

fn to(proxy: &str, tunnels: bool) -> Option<(String, bool)> {
    Some((proxy.to_owned(), tunnels))
}

#[test]
fn a_proxy_is_for_its_scheme() {
    let target = "http://proxy.test:81/ignored";
    let seen = "http://proxy.test:81";
    let cases = [
        (Proxy::http(target), to(seen, false), None),
        (Proxy::https(target), None, to(seen, true)),
        (Proxy::all(target), to(seen, false), to(seen, true)),
        (
            Proxy::all("socks5://proxy.test"),
            to("socks5://proxy.test:1080", true),
            to("socks5://proxy.test:1080", true),
        ),
        (Proxy::all("gopher://proxy.test"), None, None),
    ];
    for (proxy, http, https) in cases {
        let shown = format!("{proxy:?}");
        let matcher = proxy.unwrap().into_matcher();
        assert_eq!(way(&matcher, "http://a.test/"), http, "{shown}");
        assert_eq!(way(&matcher, "https://a.test/"), https, "{shown}");
        assert_eq!(way(&matcher, "ftp://a.test/"), None, "{shown}");
    }
}

#[test]
fn an_address_without_a_scheme_is_one_of_http() {
    for (given, expected) in [
        ("127.0.0.1:3128", "http://127.0.0.1:3128/"),
        ("localhost:3128", "http://localhost:3128/"),
        ("proxy.test", "http://proxy.test/"),
        ("https://proxy.test", "https://proxy.test/"),
    ] {
        assert_eq!(given.into_proxy().unwrap().as_str(), expected);
    }
    let error = "http://:81".into_proxy().unwrap_err();
    assert!(error.is_builder());
}

#[test]
fn a_custom_proxy_sees_scheme_host_and_port() {
    let matcher = Proxy::custom(|url| match url.as_str() {
        "http://one.test:81/" => Some("http://first.test"),
        "https://two.test/" => Some("https://second.test"),
        _ => None,
    })
    .into_matcher();
    for (url, expected) in [
        (
            "http://u:p@one.test:81/path?q#f",
            to("http://first.test", false),
        ),
        ("https://two.test/path", to("https://second.test", true)),
        ("http://three.test/", None),
    ] {
        assert_eq!(way(&matcher, url), expected);
    }
}

#[test]
fn the_first_of_several_wins() {
    let matchers = [
        Proxy::https("http://one.test").unwrap().into_matcher(),
        Proxy::all("http://two.test").unwrap().into_matcher(),
    ];
    let chosen = |to| choose(&matchers, &url(to)).unwrap().target.url;
    assert_eq!(chosen("https://a.test/"), "http://one.test");
    assert_eq!(chosen("http://a.test/"), "http://two.test");
}

#[test]
fn hosts_in_no_proxy_go_direct() {
    let matcher = Proxy::all("http://proxy.test")
        .unwrap()
        .no_proxy(NoProxy::from_string(".a.test, b.test,10.0.0.0/8,::1"))
        .into_matcher();
    for (url, direct) in [
        ("http://a.test/", true),
        ("http://x.a.test/", true),
        ("http://nota.test/", false),
        ("https://b.test:8443/", true),
        ("http://10.1.2.3/", true),
        ("http://11.1.2.3/", false),
        ("http://[::1]/", true),
        ("http://c.test/", false),
    ] {
        assert_eq!(way(&matcher, url).is_none(), direct, "{url}");
    }
}

#[test]
fn the_environment_names_proxies_by_scheme() {
    fn system(pairs: &'static [(&'static str, &'static str)]) -> Matcher {
        Matcher::from_env(&|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }
    let matcher = system(&[
        ("ALL_PROXY", "http://all.test"),
        ("http_proxy", "plain.test:81"),
        ("NO_PROXY", "direct.test"),
    ]);
    assert_eq!(
        way(&matcher, "http://a.test/"),
        to("http://plain.test:81", false)
    );
    assert_eq!(
        way(&matcher, "https://a.test/"),
        to("http://all.test", true)
    );
    assert_eq!(way(&matcher, "http://direct.test/"), None);
    // The first name of each pair is the upper case one, set but empty included.
    let matcher = system(&[("HTTP_PROXY", ""), ("http_proxy", "plain.test")]);
    assert_eq!(way(&matcher, "http://a.test/"), None);
    let matcher = system(&[("http_proxy", "plain.test"), ("REQUEST_METHOD", "GET")]);
    assert_eq!(way(&matcher, "http://a.test/"), None);
}

#[test]
fn credentials_and_headers_reach_the_proxy_alone() {
    let mut own = HeaderMap::new();
    own.insert("x-own", HeaderValue::from_static("1"));
    let agent = HeaderValue::from_static("me/1");
    let matcher = Proxy::all("http://tom:m%20t@proxy.test")
        .unwrap()
        .headers(own)
        .into_matcher();
    let forwarded = matcher.intercept(&url("http://a.test/")).unwrap();
    assert_eq!(forwarded.forward_headers().unwrap()["x-own"], "1");
    let shown = format!("{:?}", forwarded.to_dimorph(Some(&agent)).unwrap());
    assert_eq!(
        shown,
        "Proxy(http://proxy.test, header proxy-authorization)"
    );
    let tunnelled = matcher.intercept(&url("https://a.test/")).unwrap();
    assert!(tunnelled.forward_headers().is_none());
    let shown = format!("{:?}", tunnelled.to_dimorph(Some(&agent)).unwrap());
    for header in ["user-agent", "x-own", "proxy-authorization"] {
        assert!(shown.contains(&format!("header {header}")), "{shown}");
    }
    assert!(forwarded != tunnelled);
    assert!(forwarded == matcher.intercept(&url("http://b.test/")).unwrap());

    let socks = Proxy::all("socks5h://proxy.test").unwrap();
    let socks = socks.basic_auth("tom", "mot123").into_matcher();
    let socks = socks.intercept(&url("http://a.test/")).unwrap();
    if cfg!(feature = "socks") {
        let shown = format!("{:?}", socks.to_dimorph(None).unwrap());
        assert!(shown.contains("user \"tom\""), "{shown}");
    }
}

#[test]
fn debug_shows_no_credentials() {
    let proxy = Proxy::all("http://tom:mot123@proxy.test").unwrap();
    assert_eq!(format!("{proxy:?}"), "Proxy(All(http://proxy.test), None)");
    let matcher = proxy.into_matcher();
    let chosen = matcher.intercept(&url("http://a.test/")).unwrap();
    assert!(!format!("{matcher:?}{chosen:?}").contains("mot123"));
    let custom = Proxy::custom(|_| None::<Url>).into_matcher();
    assert_eq!(format!("{custom:?}"), "_");
}
