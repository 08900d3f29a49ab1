//! What a request for events says.

use http::HeaderName;
use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, HeaderValue};

use super::MEDIA_TYPE;
use crate::request::Request;

/// Asks for events, fresh ones, in a coding that does not hold them back.
pub(crate) fn ask_for_events(request: &mut Request) {
    let all = request.headers();
    let has_cache_control = all.contains_key(CACHE_CONTROL);
    let codings = all
        .get(ACCEPT_ENCODING)
        .and_then(|value| without_zstd(value.to_str().ok()?));
    let headers = request.request_headers_mut();
    let mut set = |name: HeaderName, value: HeaderValue| {
        if !headers.own_contains(&name) && !headers.is_suppressed(&name) {
            headers.own_mut().insert(name, value);
        }
    };
    set(ACCEPT, HeaderValue::from_static(MEDIA_TYPE));
    if !has_cache_control {
        set(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(codings) = codings {
        set(ACCEPT_ENCODING, codings);
    }
}

/// The list without zstd, whose decoder keeps back as much as the window of its frame; `None`: it is not in there.
fn without_zstd(codings: &str) -> Option<HeaderValue> {
    let is_zstd = |coding: &&str| {
        let name = coding.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("zstd")
    };
    let all = || codings.split(',').map(str::trim);
    all().find(is_zstd)?;
    let others: Vec<&str> = all().filter(|coding| !is_zstd(coding)).collect();
    let others = match others.is_empty() {
        true => "identity".to_owned(),
        false => others.join(", "),
    };
    HeaderValue::try_from(others).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zstd_is_taken_off_the_list() {
        let cases = [
            ("gzip, deflate, br, zstd", Some("gzip, deflate, br")),
            ("zstd;q=0.5,gzip", Some("gzip")),
            ("ZSTD", Some("identity")),
            ("gzip, br", None),
            ("zstandard", None),
            ("", None),
        ];
        for (codings, expected) in cases {
            let found = without_zstd(codings);
            let found = found.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{codings}");
        }
    }
}
