//! To whom cookies go.

use http::header::{HOST, HeaderValue};

use super::{Cookies, check_flows, headers, jar_of, sent, url};

#[test]
fn cookies_go_where_httpx_sends_them() {
    let org = "http://example.org/";
    check_flows(&[
        (&[(org, "a=b=c")], &[(org, "a=b=c")]),
        (
            &[(org, "a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT")],
            &[(org, "a=1")],
        ),
        (
            &[("http://a.test/start", "s=1; path=/")],
            &[("http://a.test/end", "s=1"), ("http://b.test/end", "")],
        ),
        (
            &[(org, "a=1; path=/"), (org, "b=2; path=/")],
            &[(org, "a=1; b=2")],
        ),
        (
            &[(org, "a=1; path=/"), (org, "b=2"), (org, "a=2; path=/")],
            &[(org, "a=2; b=2")],
        ),
        (
            &[("http://www.example.org/", "a=1; Domain=.example.org")],
            &[
                ("http://api.example.org/", "a=1"),
                (org, "a=1"),
                ("http://example.com/", ""),
            ],
        ),
        (
            &[("http://example.org:8000/", "a=1")],
            &[("http://example.org:9000/", "a=1")],
        ),
        (
            &[
                ("http://example.org/x", "a=1; path=/"),
                ("http://example.org/x", "b=2; path=/x"),
            ],
            &[("http://example.org/x/y", "b=2; a=1")],
        ),
        (
            &[("https://example.org/", "a=1; Secure")],
            &[(org, ""), ("https://example.org/", "a=1")],
        ),
        (
            &[(org, "a=1; Domain=org")],
            &[(org, ""), ("http://org/", "")],
        ),
        (&[(org, "a=\"b c\"")], &[(org, "a=\"b c\"")]),
        (
            &[("http://example.org/sub", "a=1; Path=/sub")],
            &[("http://example.org/subway", "")],
        ),
        (&[(org, "a=1")], &[("https://example.org/", "a=1")]),
        (
            &[("http://example.org/dir/page", "a=1")],
            &[("http://example.org/dir/other", "a=1"), (org, "")],
        ),
        (&[(org, "a=1; Path=")], &[(org, "a=1")]),
        (&[(org, "a=1; HttpOnly; SameSite=Strict")], &[(org, "a=1")]),
        (&[(org, "a=\u{e9}")], &[(org, "a=\u{e9}")]),
        (
            &[(org, "a=1"), (org, "a=2; Domain=example.org")],
            &[(org, "a=1; a=2"), ("http://x.example.org/", "a=2")],
        ),
    ]);
}

#[test]
fn a_cookie_without_domain_stays_with_its_host() {
    check_flows(&[
        (
            &[("http://example.org/", "a=1")],
            &[
                ("http://www.example.org/", ""),
                ("http://org/", ""),
                ("http://example.org/", "a=1"),
            ],
        ),
        (
            &[("http://127.0.0.1/", "a=1")],
            &[
                ("http://127.0.0.1:81/", "a=1"),
                ("http://1.127.0.0.1.test/", ""),
            ],
        ),
        (
            &[("http://[::1]/", "a=1")],
            &[("http://[::1]:8080/x", "a=1"), ("http://127.0.0.1/", "")],
        ),
    ]);
}

#[test]
fn addresses_have_no_domain_cookies() {
    check_flows(&[
        (
            &[("http://127.0.0.1/", "a=1; Domain=.0.0.1")],
            &[("http://127.0.0.1/", ""), ("http://1.0.0.1/", "")],
        ),
        (
            &[("http://127.0.0.1/", "a=1; Domain=127.0.0.1")],
            &[("http://127.0.0.1/", "a=1")],
        ),
        (
            &[("http://[::1]/", "a=1; Domain=[::1]")],
            &[("http://[::1]/", "a=1")],
        ),
    ]);
}

/// Without the list, one without a dot is all that is known to be public.
#[test]
fn coo_01_a_public_suffix_is_no_domain_in_any_case() {
    check_flows(&[
        (
            &[("http://foo.uk/", "a=1; Domain=uk")],
            &[("http://bar.uk/", ""), ("http://foo.uk/", "")],
        ),
        (
            &[("http://foo.uk/", "a=1; Domain=.uK")],
            &[("http://bar.uk/", "")],
        ),
        (
            &[("http://intranet/", "a=1; Domain=intranet")],
            &[("http://intranet/", "a=1"), ("http://x.intranet/", "")],
        ),
    ]);
    #[cfg(feature = "psl")]
    for domain in [
        "co.uk",
        ".co.uk",
        "cO.Uk",
        "CO.UK.",
        "github.io",
        "gitHub.IO",
    ] {
        for host in ["foo.co.uk", "foo.github.io"] {
            let jar = jar_of(&[(&format!("http://{host}/"), &format!("a=1; Domain={domain}"))]);
            assert!(jar.is_empty(), "{host} {domain}");
        }
    }
    #[cfg(feature = "psl")]
    check_flows(&[
        // A suffix that is a host as well has cookies of its own.
        (
            &[("http://github.io/", "a=1; Domain=github.io")],
            &[("http://github.io/", "a=1"), ("http://me.github.io/", "")],
        ),
        (
            &[("http://www.example.co.uk/", "a=1; Domain=example.co.uk")],
            &[("http://shop.example.co.uk/", "a=1")],
        ),
    ]);
}

#[test]
fn coo_02_a_trailing_dot_opens_no_public_suffix() {
    check_flows(&[
        (
            &[("http://foo.uk./", "a=1; Domain=uk.")],
            &[("http://bar.uk./", ""), ("http://bar.uk/", "")],
        ),
        (
            &[("http://foo.uk/", "a=1; Domain=uk.")],
            &[("http://bar.uk/", "")],
        ),
        (
            &[("http://foo.uk./", "a=1; Domain=uk")],
            &[("http://bar.uk./", "")],
        ),
    ]);
    #[cfg(feature = "psl")]
    for (from, domain) in [
        ("http://foo.co.uk./", "co.uk."),
        ("http://foo.co.uk./", "co.uk"),
        ("http://foo.co.uk/", "co.uk."),
        ("http://foo.github.io./", ".GitHub.io."),
    ] {
        let jar = jar_of(&[(from, &format!("a=1; Domain={domain}"))]);
        assert!(jar.is_empty(), "{from} {domain}");
    }
}

#[test]
fn url_09_a_host_with_a_trailing_dot_is_the_host_without() {
    check_flows(&[
        (
            &[("http://a.test./x/y", "a=1")],
            &[
                ("http://a.test./x", "a=1"),
                ("http://a.test/x", "a=1"),
                ("http://b.a.test./x", ""),
            ],
        ),
        (
            &[("http://a.test/", "a=1; Domain=a.test.")],
            &[
                ("http://a.test./", "a=1"),
                ("http://b.a.test/", "a=1"),
                ("http://b.a.test./", "a=1"),
            ],
        ),
    ]);
}

#[test]
fn coo_04_tail_match_is_not_a_domain_match() {
    check_flows(&[
        (
            &[
                ("http://example.com/", "a=1"),
                ("http://example.com/", "b=2; Domain=example.com"),
            ],
            &[
                ("http://badexample.com/", ""),
                ("http://ample.com/", ""),
                ("http://a.example.com/", "b=2"),
            ],
        ),
        (
            &[("http://badexample.com/", "a=1; Domain=example.com")],
            &[("http://example.com/", "")],
        ),
    ]);
}

#[test]
fn coo_06_a_secure_cookie_goes_over_https_only() {
    check_flows(&[
        (
            &[("https://example.org/", "a=1; Secure")],
            &[("http://example.org/", ""), ("https://example.org/", "a=1")],
        ),
        (
            &[("https://localhost/", "a=1; secure")],
            &[("http://localhost/", ""), ("https://localhost/", "a=1")],
        ),
        (
            &[("https://127.0.0.1/", "a=1; secure=x")],
            &[("http://127.0.0.1/", "")],
        ),
    ]);
}

#[test]
fn http_sets_no_secure_cookie_not_even_on_this_machine() {
    for host in ["example.org", "localhost", "127.0.0.1", "[::1]"] {
        let jar = jar_of(&[(&format!("http://{host}/"), "a=1; Secure")]);
        assert!(jar.is_empty(), "{host}");
    }
}

#[test]
fn coo_07_http_leaves_secure_cookies_alone() {
    let secure = (
        "https://www.example.org/",
        "a=1; Secure; Path=/; Domain=example.org",
    );
    let to = "https://www.example.org/x/y";
    for (from, field) in [
        ("http://www.example.org/", "a=2; Path=/"),
        ("http://www.example.org/", "a=2; Path=/; Domain=example.org"),
        ("http://example.org/", "a=2; Domain=example.org"),
        ("http://b.www.example.org/", "a=2; Domain=www.example.org"),
        // A longer path would be sent first.
        ("http://www.example.org/", "a=2; Path=/x"),
        ("http://www.example.org/", "a=2; Path=/x/y"),
        (
            "http://www.example.org/",
            "a=; Max-Age=0; Domain=example.org",
        ),
    ] {
        check_flows(&[(&[secure, (from, field)], &[(to, "a=1")])]);
    }
    check_flows(&[
        // https may, and so may http where the secure one does not go.
        (
            &[
                secure,
                (
                    "https://www.example.org/",
                    "a=2; Path=/; Domain=example.org",
                ),
            ],
            &[(to, "a=2")],
        ),
        (
            &[
                ("https://a.test/", "a=1; Secure; Path=/x"),
                ("http://a.test/", "a=2; Path=/"),
            ],
            &[("https://a.test/x", "a=1; a=2"), ("http://a.test/x", "a=2")],
        ),
        (
            &[
                ("https://a.test/", "a=1; Secure; Path=/x"),
                ("http://a.test/", "a=2; Path=/xy"),
            ],
            &[("https://a.test/xy", "a=2")],
        ),
        (
            &[secure, ("http://example.com/", "a=2")],
            &[("http://example.com/", "a=2")],
        ),
        (
            &[secure, ("http://www.example.org/", "b=2")],
            &[("http://www.example.org/", "b=2")],
        ),
    ]);
}

#[test]
fn a_prefixed_name_must_keep_its_promise() {
    let (http, https) = ("http://a.example.org/x", "https://a.example.org/x");
    let cases = [
        (https, "__Secure-a=1; Secure", true),
        (
            https,
            "__Secure-a=1; Secure; Domain=example.org; Path=/x",
            true,
        ),
        (https, "__Secure-a=1", false),
        (https, "__SECURE-a=1", false),
        (http, "__Secure-a=1; Secure", false),
        (http, "__secure-a=1", false),
        (https, "__Host-a=1; Secure; Path=/", true),
        (https, "__Host-a=1; Secure; Path=/; Domain=", true),
        (https, "__hOST-a=1; Secure; Path=/", true),
        (https, "__Host-a=1; Path=/", false),
        (https, "__Host-a=1; Secure", false),
        (https, "__Host-a=1; Secure; Path=/x", false),
        (
            https,
            "__host-a=1; Secure; Path=/; Domain=a.example.org",
            false,
        ),
        (
            https,
            "__HOST-a=1; Secure; Path=/; Domain=example.org",
            false,
        ),
        (http, "__Host-a=1; Secure; Path=/", false),
        ("https://a.example.org/", "__Host-a=1; Secure", false),
        (https, "__Host=1", true),
        (https, "__Secure=1", true),
        (https, "_\u{e9}Secure-=1", true),
        // It would be sent as `__Host-a=1`.
        (https, "=__Host-a=1", false),
    ];
    for (from, field, expected) in cases {
        assert_eq!(Cookies::new().add(field, &url(from)), expected, "{field}");
    }
}

#[test]
fn coo_11_a_path_matches_at_slashes() {
    check_flows(&[
        (
            &[("http://a.test/", "a=1; Path=/foo")],
            &[
                ("http://a.test/foobar", ""),
                ("http://a.test/foo/bar", "a=1"),
                ("http://a.test/foo", "a=1"),
                ("http://a.test/foo?x", "a=1"),
                ("http://a.test/Foo", ""),
                ("http://a.test/", ""),
            ],
        ),
        (
            &[("http://a.test/", "a=1; Path=/foo/")],
            &[
                ("http://a.test/foo", ""),
                ("http://a.test/foo/", "a=1"),
                ("http://a.test/foo/bar", "a=1"),
            ],
        ),
        (
            &[
                ("http://a.test/x/y/z", "a=1"),
                ("http://a.test/x/y/z", "b=2; Path=relative"),
            ],
            &[("http://a.test/x/y", "a=1; b=2"), ("http://a.test/x", "")],
        ),
        (
            &[("http://a.test/", "a=1; Path=/f\u{f6}\u{f6}")],
            &[("http://a.test/f\u{f6}\u{f6}", ""), ("http://a.test/f", "")],
        ),
    ]);
}

#[test]
fn coo_13_the_host_field_says_nothing_about_scope() {
    let jar = Cookies::new();
    let mut headers = headers(&[b"a=1; Domain=victim.test", b"b=2"]);
    headers.insert(HOST, HeaderValue::from_static("victim.test"));
    jar.store(&url("http://a.test/"), &headers);
    assert_eq!(sent(&jar, "http://victim.test/"), "");
    assert_eq!(sent(&jar, "http://a.test/"), "b=2");
}

#[test]
fn coo_14_a_redirect_sets_cookies_for_its_own_host_only() {
    let jar = Cookies::new();
    let response = headers(&[b"own=1", b"foreign=1; Domain=b.test"]);
    jar.store(&url("http://a.test/"), &response);
    assert_eq!(sent(&jar, "http://a.test/next"), "own=1");
    assert_eq!(sent(&jar, "http://b.test/next"), "");
    let own = Cookies::of_response(&url("http://a.test/"), &response);
    assert_eq!(format!("{own:?}"), "Cookies[own for a.test/]");
}

#[test]
fn what_is_no_http_host_has_no_cookies() {
    for other in [
        "ftp://a.test/",
        "file:///etc/x",
        "data:text/plain,x",
        "ws://a.test/",
        "http://a.test../",
    ] {
        assert!(!Cookies::new().add("a=1", &url(other)), "{other}");
        assert_eq!(sent(&jar_of(&[("http://a.test/", "a=1")]), other), "");
    }
}
