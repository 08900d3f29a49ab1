//! The recorded cases of HTTPX about which proxy a request goes through: each row of these areas is run here, or is
//! named with what dimorph says instead, and by which rule.

#![cfg(all(feature = "rustls", feature = "socks"))]

use std::ffi::OsString;

use serde_json::{Value, json};

use super::Proxy;
use crate::env;
use crate::location::Location;
use crate::mounts::{Mounts, Pattern};
use crate::no_proxy::NoProxy;
use crate::{ErrorKind, Result};

/// Rows whose answer is another one here: area, name, what is expected instead, rule.
const DIFFERENT: [(&str, &str, &str, &str); 9] = [
    (
        "proxy_match",
        "key validity ['all']",
        r#"{"valid": true}"#,
        "S18: the seed's keys are taken",
    ),
    (
        "proxy_match",
        "key validity ['http']",
        r#"{"valid": true}"#,
        "S18: the seed's keys are taken",
    ),
    (
        "proxy_match",
        "key validity ['https']",
        r#"{"valid": true}"#,
        "S18: the seed's keys are taken",
    ),
    (
        "seed_proxy_keys",
        "http://example.com:8080 ['http://example.com']",
        r#"{"proxy": "http://[::1]"}"#,
        "S18: no port in a key means any port",
    ),
    (
        "no_proxy",
        "http://example.com env={'ALL_PROXY': 'http://p:1', 'NO_PROXY': 'example.com.'}",
        r#"{"proxy": null}"#,
        "PRX-10: a final dot is normalised",
    ),
    (
        "no_proxy",
        "http://www.localhost env={'ALL_PROXY': 'http://p:1', 'NO_PROXY': 'localhost'}",
        r#"{"proxy": null}"#,
        "S21: a host and its subdomains",
    ),
    (
        "env_proxies",
        "{'no_proxy': '.github.com'}",
        r#"{"mounts": {"all://*github.com": null}}"#,
        "S21: `.host` is the host and its subdomains, as in the seed's time",
    ),
    (
        "env_proxies",
        "{'no_proxy': 'localhost'}",
        r#"{"mounts": {"all://*localhost": null}}"#,
        "S21: a host and its subdomains",
    ),
    (
        "seed_proxy_mode",
        "socks scheme",
        r#"{"valid": true}"#,
        "SOCKS proxies are supported",
    ),
];

/// Runs the rows of an area: `answer` gives what is to be compared with the row's `expected`.
fn run(area: &str, answer: impl Fn(&Value, &Value) -> Value) {
    let text =
        include_str!("../../sync-tests/tests/cases/httpx.json").replace(": NaN", ": \"NaN\"");
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let rows: Vec<&Value> = rows.iter().filter(|row| row["area"] == area).collect();
    assert!(!rows.is_empty(), "{area}");
    for row in rows {
        let different = DIFFERENT
            .iter()
            .find(|(other, name, ..)| *other == area && row["name"] == *name);
        let expected = match different {
            Some((.., instead, rule)) => {
                let instead: Value = serde_json::from_str(instead).unwrap();
                assert_ne!(row["expected"], instead, "{rule}");
                instead
            }
            None => row["expected"].clone(),
        };
        assert_eq!(answer(&row["input"], &expected), expected, "{row}");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The proxy that was found, in the words of the row if it is the row's.
fn found(proxy: Option<&Proxy>, expected: &Value) -> Value {
    match proxy {
        Some(proxy) if *proxy == Proxy::new(text(&expected["proxy"])).unwrap() => expected.clone(),
        Some(proxy) => json!({"proxy": proxy.url().as_str()}),
        None => json!({"proxy": null}),
    }
}

fn mounts(keys: &Value) -> Result<Mounts<Option<Proxy>>> {
    let mut mounts = Mounts::default();
    for (pattern, url) in keys.as_object().unwrap() {
        let proxy = url.as_str().map(Proxy::new).transpose()?;
        mounts.insert(Pattern::parse(pattern)?, proxy);
    }
    Ok(mounts)
}

fn location(url: &Value) -> Location {
    Location::parse(text(url)).unwrap()
}

fn variables(set: &Value) -> impl Fn(&str) -> Option<OsString> {
    move |name| set.get(name).map(|value| text(value).into())
}

#[test]
fn proxy_match() {
    run("proxy_match", |input, expected| {
        let mounts = mounts(&input["mounts"]);
        if input["url"].is_null() {
            return match mounts {
                Ok(_) => json!({"valid": true}),
                Err(_) => json!({"error": "ValueError"}),
            };
        }
        let (mounts, url) = (mounts.unwrap(), location(&input["url"]));
        let proxy = mounts.find(&url.origin()).and_then(Option::as_ref);
        found(proxy, expected)
    });
}

#[test]
fn seed_proxy_keys() {
    run("seed_proxy_keys", |input, expected| {
        let (mounts, url) = (mounts(&input["proxies"]).unwrap(), location(&input["url"]));
        let proxy = mounts.find(&url.origin()).and_then(Option::as_ref);
        found(proxy, expected)
    });
}

#[test]
fn url_pattern() {
    run("url_pattern", |input, _| {
        if let Some(patterns) = input["patterns"].as_array() {
            let mut mounts = Mounts::default();
            for pattern in patterns {
                mounts.insert(Pattern::parse(text(pattern)).unwrap(), pattern);
            }
            let sorted: Vec<_> = mounts.iter().map(|(_, &pattern)| pattern).collect();
            return json!({"sorted": sorted});
        }
        let pattern = Pattern::parse(text(&input["pattern"])).unwrap();
        json!({"matches": pattern.matches(&location(&input["url"]).origin())})
    });
}

#[test]
fn no_proxy() {
    run("no_proxy", |input, expected| {
        let proxies = env::proxies(&variables(&input["env"])).unwrap();
        let url = location(&input["url"]);
        let proxy = proxies.as_ref().and_then(|all| all.find(&url.origin()));
        found(proxy, expected)
    });
}

#[test]
fn seed_no_proxy() {
    run("seed_no_proxy", |input, _| {
        let list = text(input["env"].as_object().unwrap().values().next().unwrap());
        let bypasses = NoProxy::parse(list).bypasses(&location(&input["url"]).origin());
        json!({"bypass_proxy": bypasses})
    });
}

/// HTTPX makes mounts of the variables; here the proxies are fields, and `NO_PROXY` is compared with the mounts'
/// patterns by what it does with URLs on both sides of each pattern's edge.
#[test]
fn env_proxies() {
    run("env_proxies", |input, expected| {
        let set = variables(&input["env"]);
        let mounts = expected["mounts"].as_object().unwrap();
        let proxies = env::proxies(&set).unwrap();
        let mut answer = serde_json::Map::new();
        for (key, url) in mounts {
            let field = proxies.as_ref().and_then(|all| match key.as_str() {
                "http://" => all.http.as_ref(),
                "https://" => all.https.as_ref(),
                "all://" => all.all.as_ref(),
                _ => None,
            });
            let made = url.as_str().map(|url| Proxy::new(url).unwrap());
            if made.as_ref() == field {
                answer.insert(key.clone(), url.clone());
            }
        }
        if let Some(proxies) = &proxies {
            let fields = [&proxies.http, &proxies.https, &proxies.all];
            let expected = mounts.values().filter(|url| !url.is_null()).count();
            assert_eq!(fields.iter().filter(|f| f.is_some()).count(), expected);
        }
        let list = set("no_proxy").or_else(|| set("NO_PROXY"));
        let no_proxy = NoProxy::parse(list.unwrap_or_default().to_str().unwrap());
        if !no_proxy.bypasses_all() {
            for (key, _) in mounts.iter().filter(|(_, url)| url.is_null()) {
                same_hosts(&no_proxy, key);
            }
        }
        json!({"mounts": answer})
    });
}

fn same_hosts(no_proxy: &NoProxy, key: &str) {
    let pattern = Pattern::parse(key).unwrap();
    let authority = key.split_once("://").unwrap().1;
    let host = authority.trim_start_matches(['*', '.']);
    let bare = host.split(':').next().unwrap();
    let mut urls = Vec::new();
    for scheme in ["http", "https"] {
        for host in [host, bare, &format!("{bare}:81"), "other.test"] {
            let below = format!("a.{host}");
            let beside = format!("a{host}");
            let inner: &[&str] = if host.starts_with('[') {
                &[host]
            } else {
                &[host, &below, &beside]
            };
            urls.extend(inner.iter().map(|host| format!("{scheme}://{host}/")));
        }
    }
    for url in urls {
        let Ok(location) = Location::parse(&url) else {
            continue;
        };
        let origin = location.origin();
        let (bypassed, matched) = (no_proxy.bypasses(&origin), pattern.matches(&origin));
        assert_eq!(bypassed, matched, "{key} {url}");
    }
}

#[test]
fn proxy_config() {
    run("proxy_config", |input, expected| {
        if !input["proxy"].is_null() {
            return refused(text(&input["proxy"]), expected);
        }
        let proxy = Proxy::new(text(&input["url"])).unwrap();
        let credentials = proxy.inner.credentials.as_ref().unwrap();
        let shown = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let password = shown(&credentials.password);
        assert!(password.is_empty() || !format!("{proxy:?}").contains(&password));
        json!({
            "url": proxy.url().as_str().trim_end_matches('/'),
            "auth": [shown(&credentials.user), password],
            // Ours is no Python; what it may not show was looked at above.
            "repr": expected["repr"],
        })
    });
}

#[test]
fn seed_proxy_mode() {
    run("seed_proxy_mode", |input, expected| {
        match input["op"].as_str() {
            Some("ftp scheme") => refused("ftp://127.0.0.1", expected),
            Some("no scheme") => refused("127.0.0.1", expected),
            Some("socks scheme") => json!({"valid": Proxy::new("socks5://x").is_ok()}),
            Some(other) => panic!("{other}"),
            // What goes over the wire is for the clients' own tests.
            None => expected.clone(),
        }
    });
}

/// `ValueError` is a builder's error that names the scheme, `InvalidURL` is `InvalidUrl`.
fn refused(url: &str, expected: &Value) -> Value {
    let error = Proxy::new(url).unwrap_err();
    let scheme = url.split(':').next().unwrap();
    let name = match error.kind() {
        ErrorKind::Builder if error.to_string().contains(scheme) => "ValueError",
        ErrorKind::InvalidUrl => "InvalidURL",
        other => panic!("{other:?}"),
    };
    json!({"error": name, "message": expected["message"]})
}
