//! The jar as a whole; each module's own rules are tested beside it.

mod api;
mod limits;
mod saved;
mod scopes;

use http::HeaderMap;
use http::header::{HeaderValue, SET_COOKIE};
use url::Url;

use super::{Cookie, Cookies, now};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// What a request to `to` sends.
fn sent(jar: &Cookies, to: &str) -> String {
    let pairs = jar.pairs_for(&url(to));
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("; ")
}

/// A jar after these fields from these URLs.
fn jar_of(fields: &[(&str, &str)]) -> Cookies {
    let jar = Cookies::new();
    for (from, field) in fields {
        jar.add(field, &url(from));
    }
    jar
}

/// Rows of (fields received, requests and what each sends).
type Flow<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);

fn check_flows(flows: &[Flow<'_>]) {
    for (fields, requests) in flows {
        let jar = jar_of(fields);
        for (to, expected) in *requests {
            assert_eq!(sent(&jar, to), *expected, "{fields:?} then {to}");
        }
    }
}

fn headers(fields: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(SET_COOKIE, HeaderValue::from_bytes(field).unwrap());
    }
    headers
}
