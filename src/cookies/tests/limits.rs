//! What a jar refuses or lets go, however it is asked.

use super::super::receive;
use super::{Cookies, headers, jar_of, now, sent, url};

#[test]
fn coo_09_control_characters_refuse_a_cookie() {
    for control in (0..0x20u8).chain([0x7f]).filter(|&b| b != b'\t') {
        let control = char::from(control);
        for field in [
            format!("a=1{control}b"),
            format!("a{control}=1"),
            format!("a=1{control}"),
            format!("a=1; Path=/{control}"),
            format!("a=1; unknown{control}"),
        ] {
            assert!(
                !Cookies::new().add(&field, &url("http://a.test/")),
                "{field:?}"
            );
        }
    }
    assert!(Cookies::new().add("a=1;\tPath=/", &url("http://a.test/")));
}

#[test]
fn name_and_value_have_4096_bytes_at_most() {
    for (len, expected) in [(4095, true), (4096, false), (100_000, false)] {
        let value = "v".repeat(len);
        let jar = Cookies::new();
        assert_eq!(
            jar.add(&format!("a={value}"), &url("http://a.test/")),
            expected
        );
        assert_eq!(jar.set("a", &value, "a.test").is_ok(), expected);
    }
}

#[test]
fn a_domain_has_50_cookies_at_most_and_the_oldest_go() {
    let jar = Cookies::new();
    for n in 0..60 {
        assert!(jar.add(&format!("c{n}=1"), &url("http://a.test/")));
    }
    // Touching one again makes it no younger.
    jar.add("c10=2", &url("http://a.test/"));
    jar.add("c60=1; Domain=a.test", &url("http://a.test/"));
    let names: Vec<_> = jar.iter().map(|c| c.name().to_owned()).collect();
    let expected: Vec<_> = (11..=60).map(|n| format!("c{n}")).collect();
    assert_eq!(names, expected);
}

#[test]
fn http_pushes_out_no_secure_cookie() {
    let jar = jar_of(&[("https://a.test/", "session=1; Secure")]);
    for n in 0..100 {
        jar.add(&format!("c{n}=1"), &url("http://a.test/"));
    }
    assert_eq!(jar.len(), 50);
    assert_eq!(jar.get("session").unwrap().as_deref(), Some("1"));
}

#[test]
fn a_jar_has_3000_cookies_at_most_and_the_oldest_go() {
    let jar = Cookies::new();
    for n in 0..3100 {
        jar.add(
            &format!("c{n}=1"),
            &url(&format!("http://h{}.test/", n % 150)),
        );
    }
    assert_eq!(jar.len(), 3000);
    assert_eq!(jar.get("c99").unwrap(), None);
    assert_eq!(jar.get("c100").unwrap().as_deref(), Some("1"));
    jar.clear();
    assert!(jar.is_certainly_empty());
}

#[test]
fn coo_12_lifetimes_end_within_400_days_and_never_panic() {
    let limit = 400 * 24 * 3600;
    // What is left to live; none: gone, or none needed.
    let cases = [
        ("Max-Age=99999999999999999999", Some(limit)),
        ("Max-Age=9223372036854775807", Some(limit)),
        ("Max-Age=34560001", Some(limit)),
        ("Max-Age=3600", Some(3600)),
        (
            "Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            Some(3600),
        ),
        ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", Some(limit)),
        ("Expires=Thu, 01 Jan 2099 00:00:00 GMT", Some(limit)),
        ("Expires=Fri, 31 Dec 10000 23:59:59 GMT", None),
        ("Expires=garbage", None),
        ("Expires=", None),
        ("Max-Age=garbage", None),
        ("", None),
    ];
    for (attributes, expected) in cases {
        let jar = jar_of(&[("http://a.test/", &format!("a=1; {attributes}"))]);
        let cookie = jar.iter().next().expect(attributes);
        let left = cookie.expires().map(|at| {
            let left = time::OffsetDateTime::from(at) - now();
            left.whole_seconds()
        });
        match (left, expected) {
            (Some(left), Some(expected)) => assert!(
                (expected - 60..=expected).contains(&left),
                "{attributes}: {left}"
            ),
            (left, expected) => assert_eq!(left, expected, "{attributes}"),
        }
    }
    for attributes in [
        "Max-Age=0",
        "Max-Age=-1",
        "Max-Age=-99999999999999999999",
        "Max-Age=0; Expires=Thu, 01 Jan 2099 00:00:00 GMT",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Expires=Mon, 01 Jan 0001 00:00:00 GMT",
    ] {
        let jar = jar_of(&[
            ("http://a.test/", "a=1"),
            ("http://a.test/", &format!("a=2; {attributes}")),
        ]);
        assert!(jar.is_certainly_empty(), "{attributes}");
    }
}

#[test]
fn an_expired_cookie_is_neither_sent_nor_counted() {
    let jar = jar_of(&[
        ("http://a.test/", "a=1; Max-Age=1"),
        ("http://a.test/", "b=2"),
    ]);
    let later = now() + time::Duration::seconds(2);
    assert_eq!(
        jar.read().pairs_for(&url("http://a.test/"), later),
        [("b".into(), "2".into())]
    );
    // Out of its way: the place is free again, and the expired one goes first.
    jar.change(|jar| {
        for n in 0..49 {
            let field = format!("c{n}=1");
            jar.insert(
                receive::receive(&field, &url("http://a.test/"), later).unwrap(),
                later,
            );
        }
        assert_eq!(jar.held(), 50);
        assert!(jar.iter().all(|c| c.name() != "a"));
    });
}

#[test]
fn fields_that_are_not_utf_8_are_read_as_latin_1() {
    let jar = Cookies::new();
    let response = headers(&[
        b"a=\xe9",
        b"b=\xc3\xa9",
        b"\xff\xfe",
        b"c=3; Domain=\xff.test",
        b"",
    ]);
    jar.store(&url("http://a.test/"), &response);
    assert_eq!(sent(&jar, "http://a.test/"), "a=\u{e9}; b=\u{e9}");
}

#[test]
fn res_13_a_hostile_field_costs_linear_time() {
    let size = 256 * 1024;
    let from = url("https://www.a.test/");
    let fields = [
        "a=1;".repeat(size / 4),
        "=".repeat(size),
        ";".repeat(size),
        " ".repeat(size),
        format!("a=1; Domain={}a.test", "a.".repeat(size / 2)),
        format!("a=1; Domain={}a.test", "\u{e4}".repeat(500)),
        format!("a=1; Expires={}", "1 ".repeat(500)).repeat(size / 1024),
        "a=1; Max-Age=9".repeat(size / 14),
        format!("a=1; Max-Age={}", "9".repeat(size)),
        format!("a={}", "\u{e9}".repeat(size / 2)),
        "a=1; Domain=\u{e4}\u{f6}.test".repeat(size / 24),
    ];
    for field in &fields {
        let start = now();
        Cookies::new().add(field, &from);
        let took = now() - start;
        // 20 ms is promised of an optimised build on a quiet machine; quadratic time would be minutes.
        assert!(
            took < time::Duration::seconds(1),
            "{took} for {:.40}",
            field
        );
    }
}
