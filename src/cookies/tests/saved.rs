//! The jar as JSON and as a file.

use std::time::Duration;

use super::{Cookies, jar_of, sent};

#[test]
fn coo_16_a_damaged_file_injects_nothing() {
    let entry = |change: &str| format!(r#"{{"name":"a","value":"1","domain":"a.test",{change}}}"#);
    let bad = [
        entry(&format!(r#""value":"{}""#, "v".repeat(5 * 1024))),
        entry(r#""value":"x\r\nset-cookie: b=2""#),
        entry(r#""value":"x\tvictim.test\tTRUE""#),
        entry(r#""value":"x; b=2""#),
        entry(r#""value":"x\u0000""#),
        entry(r#""name":"a=b""#),
        entry(r#""name":"""#),
        entry(r#""name":7"#),
        entry(r#""domain":"com","host_only":false"#),
        entry(r#""domain":".com""#),
        entry(r#""domain":"""#),
        entry(r#""domain":"a.test\r\n""#),
        entry(r#""domain":"http://a.test/""#),
        entry(r#""domain":"127.0.0.1","host_only":false"#),
        entry(r#""host_only":"no""#),
        entry(r#""path":"x""#),
        entry(r#""path":"/;\u0001""#),
        entry(r#""path":7"#),
        entry(r#""name":"__Host-a""#),
        entry(r#""name":"__Host-a","secure":true,"host_only":false"#),
        entry(r#""name":"__secure-a""#),
        entry(r#""expires":0"#),
        entry(r#""expires":"tomorrow""#),
        entry(r#""expires":9999999999999999999"#),
        "7".to_owned(),
        "null".to_owned(),
        #[cfg(feature = "psl")]
        entry(r#""domain":"co.uk","host_only":false"#),
    ];
    for entry in &bad {
        let json = format!(
            r#"{{"version":1,"cookies":[{entry},{{"name":"z","value":"9","domain":"Z.test"}}]}}"#
        );
        let jar = Cookies::from_json(&json).unwrap();
        assert_eq!(format!("{jar:?}"), "Cookies[z for z.test/]", "{entry}");
    }
}

#[test]
fn a_text_that_is_no_jar_is_an_error_that_says_where() {
    let cases = [
        ("", "line 1 column 0"),
        ("{\"version\":1,\n\"cookies\":[}", "line 2 column"),
        ("# Netscape HTTP Cookie File", "line 1 column"),
        ("[]", "no `version`"),
        ("{\"cookies\":[]}", "no `version`"),
        ("{\"version\":2,\"cookies\":[]}", "another version"),
        ("{\"version\":\"1\",\"cookies\":[]}", "another version"),
        ("{\"version\":1}", "no list"),
        ("{\"version\":1,\"cookies\":{}}", "no list"),
    ];
    for (text, expected) in cases {
        let error = Cookies::from_json(text).unwrap_err();
        assert!(
            error.is_builder() && error.to_string().contains(expected),
            "{error}"
        );
    }
    let deep = "[".repeat(1_000_000);
    assert!(Cookies::from_json(&deep).is_err());
}

#[test]
fn a_jar_survives_its_file_with_order_and_attributes() {
    let directory = Scratch::new("round-trip");
    let path = directory.0.join("jar.json");
    let jar = jar_of(&[
        (
            "https://a.test/x/y",
            "s=secret; Secure; HttpOnly; SameSite=lax; Max-Age=3600",
        ),
        (
            "http://b.test/",
            "t=\"q\\\u{e9}\"; Domain=b.test; Expires=Thu, 01 Jan 2099 00:00:00 GMT",
        ),
        ("http://c.test/", "session=1"),
        ("http://[::1]/", "v6=1"),
    ]);
    let full = format!("{jar:?}");
    assert_eq!(
        full,
        "Cookies[s for a.test/x, t for .b.test/, session for c.test/, v6 for [::1]/]"
    );

    jar.save(&path).unwrap();
    let loaded = Cookies::load(&path).unwrap();
    assert_eq!(
        format!("{loaded:?}"),
        "Cookies[s for a.test/x, t for .b.test/]"
    );
    let first = loaded.iter().next().unwrap();
    assert_eq!(
        (first.value(), first.secure(), first.http_only()),
        ("secret", true, true)
    );
    assert_eq!((first.same_site(), first.host_only()), (Some("Lax"), true));
    let was = jar.iter().next().unwrap().expires().unwrap();
    let lost = was.duration_since(first.expires().unwrap()).unwrap();
    assert!(lost < Duration::from_secs(1));
    assert_eq!(sent(&loaded, "http://x.b.test/"), "t=\"q\\\u{e9}\"");

    jar.save_all(&path).unwrap();
    assert_eq!(format!("{:?}", Cookies::load(&path).unwrap()), full);
    assert_eq!(
        format!("{:?}", Cookies::from_json(&jar.to_json()).unwrap()),
        full
    );
    // Nothing stays beside it.
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_saved_jar_is_its_owners_alone_and_no_link_leads_elsewhere() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = Scratch::new("mode");
    let path = directory.0.join("jar.json");
    let elsewhere = directory.0.join("elsewhere");
    std::fs::write(&elsewhere, "kept").unwrap();
    symlink(&elsewhere, &path).unwrap();
    jar_of(&[("http://a.test/", "a=1; Max-Age=60")])
        .save(&path)
        .unwrap();
    let found = std::fs::symlink_metadata(&path).unwrap();
    assert!(found.is_file());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "kept");
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    let directory = Scratch::new("missing");
    let path = directory.0.join("no/jar.json");
    let name = path.display().to_string();
    for error in [
        Cookies::load(&path).unwrap_err(),
        Cookies::new().save(&path).unwrap_err(),
    ] {
        assert!(
            error.is_builder() && error.to_string().contains(&name),
            "{error}"
        );
    }
    std::fs::write(directory.0.join("bad"), "{").unwrap();
    let error = Cookies::load(directory.0.join("bad"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("bad: not JSON: ") && error.contains("line 1 column 1"),
        "{error}"
    );
    std::fs::write(directory.0.join("bytes"), b"\xff").unwrap();
    assert!(Cookies::load(directory.0.join("bytes")).is_err());
    // What could not take its name leaves nothing behind.
    assert!(jar_of(&[]).save(&directory.0).is_err());
    let beside = std::fs::read_dir(directory.0.parent().unwrap()).unwrap();
    let name = directory
        .0
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let left = beside.filter(|e| {
        let found = e.as_ref().unwrap().file_name();
        found.to_string_lossy().starts_with(&format!(".{name}."))
    });
    assert_eq!(left.count(), 0);
}

/// A directory of its own, gone at the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("dimorph-cookies-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
