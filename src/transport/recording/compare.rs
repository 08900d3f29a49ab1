//! Comparing what was recorded with what is asked, where `REDACTED` stands for anything.

use std::collections::HashMap;

use http::HeaderMap;
use memchr::memmem;

use super::json::Json;
use super::recorded::Recorded;
use super::redact::{REDACTED, media_type};
use crate::request::Request;

/// Compares, and lets every `REDACTED` of the recorded side stand for anything.
pub(super) fn wild(recorded: &[u8], given: &[u8]) -> bool {
    if recorded == given {
        return true;
    }
    let mut marks = memmem::find_iter(recorded, REDACTED);
    let Some(first) = marks.next() else {
        return false;
    };
    let Some(mut given) = given.strip_prefix(&recorded[..first]) else {
        return false;
    };
    let mut from = first + REDACTED.len();
    for mark in marks {
        let piece = &recorded[from..mark];
        // The first place where it fits leaves the most room for what follows.
        let Some(at) = memmem::find(given, piece) else {
            return false;
        };
        given = &given[at + piece.len()..];
        from = mark + REDACTED.len();
    }
    given.ends_with(&recorded[from..])
}

pub(super) fn in_order(recorded: &str, given: &str) -> bool {
    recorded == given
        || (recorded.split('&').count() == given.split('&').count()
            && recorded
                .split('&')
                .zip(given.split('&'))
                .all(|(old, new)| wild(old.as_bytes(), new.as_bytes())))
}

pub(super) fn in_any_order(recorded: &str, given: &str) -> bool {
    let mut left: HashMap<String, usize> = HashMap::new();
    for pair in pairs(given) {
        *left.entry(pair).or_default() += 1;
    }
    // Those that fit anything come last, so that they take nothing from those that fit one.
    let mut rest = Vec::new();
    for pair in pairs(recorded) {
        if !take(&mut left, &pair) {
            rest.push(pair);
        }
    }
    let all_fit = rest.iter().all(|pair| {
        let fits = |given: &&String| wild(pair.as_bytes(), given.as_bytes());
        let fitting = left.keys().find(fits).cloned();
        fitting.is_some_and(|fitting| take(&mut left, &fitting))
    });
    all_fit && left.is_empty()
}

fn take(left: &mut HashMap<String, usize>, pair: &str) -> bool {
    match left.get_mut(pair) {
        None => return false,
        Some(count) if *count > 1 => *count -= 1,
        Some(_) => drop(left.remove(pair)),
    }
    true
}

/// The parameters, however they are encoded.
fn pairs(query: &str) -> impl Iterator<Item = String> {
    url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| format!("{name}={value}"))
}

pub(super) fn same_body(recorded: &Recorded, request: &Request) -> bool {
    let old = &recorded.body[..];
    // What was no bytes before was read before this.
    let new = request.content().unwrap_or_default();
    if old == new {
        return true;
    }
    if let (Some(was), Some(is)) = (boundary(&recorded.headers), boundary(request.headers())) {
        return wild(&without(old, &was), &without(new, &is));
    }
    if memmem::find(old, REDACTED.as_bytes()).is_none() {
        return false;
    }
    // JSON is written anew where something in it was redacted, so its white space says nothing.
    let json = |body| serde_json::from_slice::<Json>(body).ok();
    match (json(old), json(new)) {
        (Some(old), Some(new)) => same_json(&old, &new),
        _ => wild(old, new),
    }
}

fn same_json(recorded: &Json, given: &Json) -> bool {
    match (recorded, given) {
        (Json::Text(text), _) if text == REDACTED => true,
        (Json::Text(old), Json::Text(new)) => wild(old.as_bytes(), new.as_bytes()),
        (Json::List(old), Json::List(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(a, b)| same_json(a, b))
        }
        (Json::Object(old), Json::Object(new)) => {
            let by_name: HashMap<&str, &Json> = new.iter().map(|(n, v)| (n.as_str(), v)).collect();
            old.len() == new.len()
                && old.iter().all(|(name, value)| {
                    by_name
                        .get(name.as_str())
                        .is_some_and(|new| same_json(value, new))
                })
        }
        _ => recorded == given,
    }
}

/// The boundary of a multipart form, which is another one each time.
pub(super) fn boundary(headers: &HeaderMap) -> Option<Vec<u8>> {
    if !media_type(headers)?.starts_with("multipart/") {
        return None;
    }
    let value = headers.get(http::header::CONTENT_TYPE)?.as_bytes();
    let at = memmem::find(&value.to_ascii_lowercase(), b"boundary=")? + b"boundary=".len();
    let rest = &value[at..];
    let boundary = match rest.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|&b| b == b'"').next(),
        None => rest.split(|&b| b == b';' || b == b' ').next(),
    };
    boundary.filter(|b| !b.is_empty()).map(<[u8]>::to_vec)
}

fn without(body: &[u8], boundary: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut from = 0;
    for at in memmem::find_iter(body, boundary) {
        out.extend_from_slice(&body[from..at]);
        from = at + boundary.len();
    }
    out.extend_from_slice(&body[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacted_stands_for_anything() {
        for (old, new, fits) in [
            ("a", "a", true),
            ("a", "b", false),
            ("REDACTED", "", true),
            ("REDACTED", "anything", true),
            ("x=REDACTED", "x=1", true),
            ("x=REDACTED", "y=1", false),
            ("REDACTED.", "a.b.", true),
            ("REDACTED.", "a.b", false),
            ("aREDACTEDbREDACTEDc", "a1b2c", true),
            ("aREDACTEDbREDACTEDc", "abc", true),
            ("aREDACTEDbREDACTEDc", "ac", false),
            ("aREDACTEDbREDACTEDb", "ab", false),
            ("aREDACTEDa", "a", false),
        ] {
            assert_eq!(wild(old.as_bytes(), new.as_bytes()), fits, "{old} {new}");
        }
    }
}
