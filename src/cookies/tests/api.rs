//! What the user asks of a jar.

use super::{Cookie, Cookies, jar_of, sent};
use crate::error::ErrorKind;

#[test]
fn coo_17_clones_share_one_jar_and_other_jars_nothing() {
    let (jar, other) = (Cookies::new(), Cookies::new());
    let clone = jar.clone();
    clone.set("a", "1", "a.test").unwrap();
    assert_eq!(sent(&jar, "http://a.test/"), "a=1");
    assert!(other.is_empty() && other.is_certainly_empty());
    assert!(!jar.is_certainly_empty());
    clone.clear();
    assert!(jar.is_certainly_empty());
}

#[test]
fn inj_11_what_would_break_the_header_is_refused() {
    let jar = Cookies::new();
    for bad in ["\r", "\n", "\r\nx: y", "\0", ";", "\u{7f}", "\u{1}"] {
        let error = jar.set("a", format!("1{bad}"), "a.test").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{bad:?}");
        assert!(
            jar.set(format!("a{bad}"), "1", "a.test").is_err(),
            "{bad:?}"
        );
        // A host may have `;` as far as URLs go, and no header shows it.
        let domain = jar.set("a", "1", format!("a.test{bad}"));
        assert!(domain.is_err() || bad == ";", "{bad:?}");
        assert!(
            jar.set_with_path("a", "1", "a.test", format!("/{bad}"))
                .is_err(),
            "{bad:?}"
        );
    }
    assert!(jar.set("a=b", "1", "a.test").is_err());
    assert!(jar.set("", "1", "a.test").is_err());
    assert_eq!(sent(&jar, "http://a.test/"), "");
}

#[test]
fn set_takes_hosts_dotted_hosts_and_urls() {
    let jar = Cookies::new();
    jar.set("host", "1", "example.org").unwrap();
    jar.set("all", "2", ".example.org").unwrap();
    jar.set("url", "3", "https://Example.org:8000/app").unwrap();
    jar.set_with_path("deep", "4", "example.org", "/app")
        .unwrap();
    jar.set("__Host-x", "5", "example.org").unwrap();
    assert_eq!(
        sent(&jar, "http://example.org/app/x"),
        "deep=4; host=1; all=2; url=3"
    );
    assert_eq!(sent(&jar, "https://www.example.org/app"), "all=2");
    assert_eq!(
        sent(&jar, "https://example.org/"),
        "host=1; all=2; url=3; __Host-x=5"
    );
    jar.set("host", "9", "EXAMPLE.org.").unwrap();
    assert!(sent(&jar, "http://example.org/").starts_with("host=9; "));

    for (name, domain, path) in [
        ("a", "", "/"),
        ("a", ".", "/"),
        ("a", ".org", "/"),
        ("a", ".127.0.0.1", "/"),
        ("a", "example.org/x", "/"),
        ("a", "ftp://example.org", "/"),
        ("a", "example.org", ""),
        ("a", "example.org", "x"),
        ("__Host-a", ".example.org", "/"),
        ("__host-a", "example.org", "/x"),
        #[cfg(feature = "psl")]
        ("a", ".co.uk", "/"),
    ] {
        let error = jar.set_with_path(name, "secret", domain, path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder, "{name} {domain} {path}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[test]
fn one_name_for_two_domains_is_a_conflict_until_one_is_named() {
    let jar = Cookies::new();
    jar.set("a", "1", "x.test").unwrap();
    assert_eq!(jar.get("a").unwrap().as_deref(), Some("1"));
    assert_eq!(jar.get("b").unwrap(), None);
    jar.set("a", "2", "y.test").unwrap();
    jar.set_with_path("a", "3", "y.test", "/p").unwrap();
    jar.set("a", "4", ".z.test").unwrap();
    jar.set("a", "5", "z.test").unwrap();
    assert_eq!(jar.get("a").unwrap_err().kind(), ErrorKind::CookieConflict);
    let cases = [
        ("x.test", None, Ok(Some("1"))),
        ("X.test.", None, Ok(Some("1"))),
        ("https://x.test/q", None, Ok(Some("1"))),
        ("www.x.test", None, Ok(None)),
        ("not a host", None, Ok(None)),
        ("y.test", None, Err(())),
        ("y.test", Some("/p"), Ok(Some("3"))),
        ("y.test", Some("/"), Ok(Some("2"))),
        ("y.test", Some("/q"), Ok(None)),
        (".z.test", None, Ok(Some("4"))),
        ("z.test", None, Err(())),
    ];
    for (domain, path, expected) in cases {
        let found = jar.get_for("a", domain, path);
        let found = found.as_ref().map(|v| v.as_deref()).map_err(|_| ());
        assert_eq!(found, expected, "{domain} {path:?}");
    }
}

#[test]
fn delete_and_clear_tell_how_many_went() {
    let jar = Cookies::new();
    for domain in ["x.test", ".x.test", "y.test"] {
        jar.set("a", "1", domain).unwrap();
        jar.set_with_path("a", "1", domain, "/p").unwrap();
        jar.set("b", "1", domain).unwrap();
    }
    assert_eq!(jar.len(), 9);
    assert_eq!(jar.delete("a", Some("y.test"), Some("/p")), 1);
    assert_eq!(jar.delete("a", Some(".x.test"), None), 2);
    assert_eq!(jar.delete("a", Some("nowhere.test"), None), 0);
    assert_eq!(jar.delete("a", Some("???"), None), 0);
    assert_eq!(jar.delete("a", None, None), 3);
    assert_eq!(jar.clear_domain("x.test"), 2);
    assert_eq!(jar.len(), 1);
    jar.clear();
    assert!(jar.is_empty() && jar.is_certainly_empty());
}

#[test]
fn debug_shows_no_value_and_a_jar_crosses_threads() {
    fn crosses<T: Send + Sync + Clone + 'static>() {}
    crosses::<Cookies>();
    crosses::<Cookie>();
    let jar = jar_of(&[
        ("http://example.org/", "session=mot123"),
        (
            "http://example.org/",
            "b=mot123; Path=/x; Domain=example.org",
        ),
    ]);
    let text = format!("{jar:?} {:?}", jar.iter().collect::<Vec<_>>());
    assert_eq!(
        text,
        "Cookies[session for example.org/, b for .example.org/x] [Cookie[session for example.org/], Cookie[b for .example.org/x]]"
    );
}
