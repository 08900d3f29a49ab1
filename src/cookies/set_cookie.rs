//! The value of one `set-cookie` field into its parts (RFC 6265bis section 5.6).

use time::OffsetDateTime;

use super::{Refusal, date};

/// What a `set-cookie` says, before anybody asks whether it may.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// As written; may be empty.
    pub(super) domain: Option<&'a str>,
    /// Only where it begins with `/`; anything else stands for the default path.
    pub(super) path: Option<&'a str>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<&'static str>,
    /// Seconds; no more than fit, no less than 0.
    pub(super) max_age: Option<i64>,
    pub(super) expires: Option<OffsetDateTime>,
}

/// Splits a field's value; of an attribute that repeats, the last counts.
pub(super) fn parse(text: &str) -> Result<SetCookie<'_>, Refusal> {
    // Step 1: control characters anywhere, but a tab, refuse the whole.
    if text.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        return Err(Refusal::ControlCharacter);
    }
    let mut parts = text.split(';');
    let pair = parts.next().unwrap_or_default();
    // RFC 6265 ignores `x`; RFC 6265bis takes it as a cookie without a name, which nothing here can hold.
    let Some((name, value)) = pair.split_once('=') else {
        return Err(Refusal::Nameless);
    };
    let mut cookie = SetCookie {
        name: trim(name),
        value: trim(value),
        ..SetCookie::default()
    };
    if cookie.name.is_empty() {
        return Err(Refusal::Nameless);
    }
    for attribute in parts {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let (name, value) = (trim(name), trim(value));
        // Step 6 of the attributes: longer values are ignored, together with their attribute.
        if value.len() <= 1024 {
            cookie.take(name, value);
        }
    }
    Ok(cookie)
}

impl<'a> SetCookie<'a> {
    fn take(&mut self, name: &str, value: &'a str) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("domain") {
            self.domain = Some(value);
        } else if is("path") {
            self.path = Some(value).filter(|path| path.starts_with('/'));
        } else if is("secure") {
            self.secure = true;
        } else if is("httponly") {
            self.http_only = true;
        } else if is("samesite") {
            self.same_site = same_site(value);
        } else if is("max-age") {
            self.max_age = seconds(value).or(self.max_age);
        } else if is("expires") {
            self.expires = date::parse(value).or(self.expires);
        }
    }
}

/// `Max-Age`: an optional minus and digits, else nothing (section 5.6.2).
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if digits.len() < text.len() {
        return Some(0);
    }
    // Digits that do not fit are too many, not wrong.
    Some(digits.parse().unwrap_or(i64::MAX))
}

pub(super) fn same_site(value: &str) -> Option<&'static str> {
    ["Strict", "Lax", "None"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(value))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_split_as_rfc_6265bis_says() {
        let pair = |name, value| SetCookie {
            name,
            value,
            ..SetCookie::default()
        };
        let with = |change: fn(&mut SetCookie<'static>)| {
            let mut cookie = pair("a", "1");
            change(&mut cookie);
            Ok(cookie)
        };
        let cases: &[(&str, Result<SetCookie<'_>, Refusal>)] = &[
            ("a=1", with(|_| {})),
            (" a\t= 1 ;", with(|_| {})),
            ("a=b=c", Ok(pair("a", "b=c"))),
            ("a=", Ok(pair("a", ""))),
            ("a=\"b c\"", Ok(pair("a", "\"b c\""))),
            ("a=\"1;2\"", Ok(pair("a", "\"1"))),
            ("a=b\tc", Ok(pair("a", "b\tc"))),
            ("path=/x", Ok(pair("path", "/x"))),
            ("a=1; a=2; unknown; =", with(|_| {})),
            (
                "a=1; SECURE; httponly=x",
                with(|c| (c.secure, c.http_only) = (true, true)),
            ),
            ("a=1; Path=/x; path=/y", with(|c| c.path = Some("/y"))),
            ("a=1; Path=/x; path=y", with(|_| {})),
            ("a=1; Domain=x.y; domain=", with(|c| c.domain = Some(""))),
            ("a=1; SameSite=lAX", with(|c| c.same_site = Some("Lax"))),
            ("a=1; SameSite=odd", with(|_| {})),
            ("a=1; Max-Age=60; Max-Age=x", with(|c| c.max_age = Some(60))),
            ("a=1; Max-Age=", with(|_| {})),
            ("a=1; Max-Age=+60", with(|_| {})),
            ("a=1; Max-Age=-", with(|_| {})),
            ("a=1; Max-Age=-60", with(|c| c.max_age = Some(0))),
            (
                "a=1; Max-Age=99999999999999999999",
                with(|c| c.max_age = Some(i64::MAX)),
            ),
            ("a=1; Expires=garbage", with(|_| {})),
            ("x", Err(Refusal::Nameless)),
            ("=x", Err(Refusal::Nameless)),
            (" =x; Path=/", Err(Refusal::Nameless)),
            ("", Err(Refusal::Nameless)),
            ("a=1; Path=/\u{1}", Err(Refusal::ControlCharacter)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn an_attribute_of_more_than_1024_bytes_is_ignored() {
        let path = format!("/{}", "x".repeat(1023));
        for (text, expected) in [(path.clone(), true), (format!("{path}x"), false)] {
            let field = format!("a=1; Path={text}");
            assert_eq!(parse(&field).unwrap().path.is_some(), expected);
        }
    }
}
