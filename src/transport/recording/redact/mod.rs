//! What must not reach the file: the rules by name, and those of the user's.

mod multipart;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONTENT_LOCATION, CONTENT_TYPE, COOKIE, LINK, LOCATION, REFERER, REFRESH, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::transport::recording::compare::boundary;
use crate::transport::recording::json::Json;
use crate::transport::recording::names::{is_secret_header, is_secret_name};
use crate::transport::recording::recorded::Recorded;

/// What stands in a secret's place.
pub(crate) const REDACTED: &str = "REDACTED";

/// The schemes that stay readable before credentials.
const SCHEMES: [&str; 4] = ["Basic", "Bearer", "Digest", "Negotiate"];

/// What may follow a cookie; anything else there may be the rest of its value.
const ATTRIBUTES: [&str; 9] = [
    "expires",
    "max-age",
    "domain",
    "path",
    "secure",
    "httponly",
    "samesite",
    "partitioned",
    "priority",
];

type Hook = Arc<dyn Fn(&mut Recorded) + Send + Sync>;

/// The rules of redaction. Without any of the user's they know the usual names.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    headers: Names,
    params: Names,
    pointers: Vec<Vec<String>>,
    texts: Vec<String>,
    hooks: Vec<Hook>,
}

/// Names taken in or left out, in lower case.
#[derive(Clone, Default)]
struct Names {
    redacted: Vec<String>,
    kept: Vec<String>,
}

impl Names {
    fn says(&self, name: &str, default: fn(&str) -> bool) -> bool {
        let is_in = |names: &[String]| names.iter().any(|n| n.eq_ignore_ascii_case(name));
        is_in(&self.redacted) || (!is_in(&self.kept) && default(name))
    }

    fn redact(&mut self, name: &str) {
        self.kept.retain(|kept| !kept.eq_ignore_ascii_case(name));
        self.redacted.push(name.to_owned());
    }

    fn keep(&mut self, name: &str) {
        self.redacted.retain(|n| !n.eq_ignore_ascii_case(name));
        self.kept.push(name.to_owned());
    }
}

impl Rules {
    pub(crate) fn redact_header(&mut self, name: &str) {
        self.headers.redact(name);
    }

    pub(crate) fn keep_header(&mut self, name: &str) {
        self.headers.keep(name);
    }

    pub(crate) fn redact_param(&mut self, name: &str) {
        self.params.redact(name);
    }

    pub(crate) fn keep_param(&mut self, name: &str) {
        self.params.keep(name);
    }

    /// RFC 6901, with `*` for every item.
    pub(crate) fn redact_json(&mut self, pointer: &str) {
        let path = pointer.split('/').skip(1);
        self.pointers.push(
            path.map(|s| s.replace("~1", "/").replace("~0", "~"))
                .collect(),
        );
    }

    pub(crate) fn redact_text(&mut self, text: String) {
        self.texts.push(text);
    }

    pub(crate) fn hook(&mut self, hook: impl Fn(&mut Recorded) + Send + Sync + 'static) {
        self.hooks.push(Arc::new(hook));
    }

    /// Takes every secret out that the rules know.
    pub(crate) fn apply(&self, recorded: &mut Recorded) {
        recorded.url = self.url(&recorded.url);
        self.headers(&mut recorded.headers);
        self.headers(&mut recorded.answer.headers);
        if let Some(body) = self.request_body(recorded) {
            recorded.body = body;
        }
        for pointer in &self.pointers {
            if let Some(body) = at_pointer(&recorded.body, pointer) {
                recorded.body = body;
            }
            if let Some(body) = at_pointer(&recorded.answer.body, pointer) {
                recorded.set_response_body(body);
            }
        }
        for text in &self.texts {
            recorded.replace(text, REDACTED);
        }
        for hook in &self.hooks {
            hook(recorded);
        }
    }

    /// The URL as it may be shown: no userinfo, no secret parameters, no fragment.
    pub(crate) fn url(&self, url: &Url) -> Url {
        let mut shown = url.clone();
        shown.set_fragment(None);
        if !shown.username().is_empty() || shown.password().is_some() {
            // Both fail only for URLs that cannot have userinfo.
            let _ = shown.set_username(REDACTED);
            let _ = shown.set_password(None);
        }
        if let Some(query) = shown.query() {
            let query = self.pairs(query, &['&']).into_owned();
            shown.set_query(Some(&query));
        }
        shown
    }

    fn headers(&self, headers: &mut HeaderMap) {
        for (name, value) in headers.iter_mut() {
            let text = String::from_utf8_lossy(value.as_bytes());
            let changed = if self.is_secret(name, value) {
                Some(in_place_of(name, &text))
            } else if [LOCATION, CONTENT_LOCATION, REFERER].contains(name) {
                Some(self.reference(&text, &['?', '&', '#']))
            } else if [LINK, REFRESH].contains(name) {
                Some(self.reference(&text, &['?', '&', '#', '>', '"', ' ']))
            } else {
                None
            };
            if let Some(changed) = changed
                && changed != text
            {
                *value = HeaderValue::try_from(changed)
                    .unwrap_or_else(|_| HeaderValue::from_static(REDACTED));
            }
        }
    }

    fn is_secret(&self, name: &HeaderName, value: &HeaderValue) -> bool {
        self.headers.says(name.as_str(), is_secret_header)
            || (value.is_sensitive() && self.headers.says(name.as_str(), |_| true))
    }

    /// A URL, perhaps a relative one, in a header.
    fn reference(&self, text: &str, ends: &[char]) -> String {
        let mut out = self.pairs(text, ends).into_owned();
        let mut from = 0;
        while let Some(at) = out[from..].find("//").map(|at| from + at + 2) {
            let rest = &out[at..];
            let end = rest.find(['/', '?', '#', '>', '"', ' ']);
            let authority = &rest[..end.unwrap_or(rest.len())];
            from = at;
            if let Some(userinfo) = authority.rfind('@') {
                out.replace_range(at..at + userinfo, REDACTED);
                from = at + REDACTED.len();
            }
        }
        out
    }

    /// `name=value` pairs, with the values of the secret ones replaced. A `;` may divide pairs as well, and belongs to a secret
    /// value if in doubt.
    fn pairs<'t>(&self, text: &'t str, ends: &[char]) -> Cow<'t, str> {
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(ends) {
            let end = piece.chars().next_back().filter(|c| ends.contains(c));
            let body = &piece[..piece.len() - end.map_or(0, char::len_utf8)];
            out.push_str(&self.pair(body));
            out.extend(end);
        }
        match out == text {
            true => Cow::Borrowed(text),
            false => Cow::Owned(out),
        }
    }

    fn pair<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut at = 0;
        for part in text.split(';') {
            if let Some((name, value)) = part.split_once('=')
                && !value.is_empty()
                && self.is_param(name)
            {
                return format!("{}={REDACTED}", &text[..at + name.len()]).into();
            }
            at += part.len() + 1;
        }
        Cow::Borrowed(text)
    }

    fn is_param(&self, name: &str) -> bool {
        let spaced = name.replace('+', " ");
        let name = percent_decode_str(&spaced).decode_utf8_lossy();
        self.params.says(&name, is_secret_name)
    }

    /// The secret members of a form or of JSON. Requests only: what is asked needs not be known to the letter, what is answered
    /// is data.
    fn request_body(&self, recorded: &Recorded) -> Option<Bytes> {
        let media_type = media_type(&recorded.headers)?;
        if media_type.starts_with("multipart/") {
            let boundary = boundary(&recorded.headers)?;
            return self.parts(&recorded.body, &boundary).map(Bytes::from);
        }
        self.content(&media_type, &recorded.body).map(Bytes::from)
    }

    /// A form or JSON without its secrets; `None` where it has none.
    fn content(&self, media_type: &str, body: &[u8]) -> Option<Vec<u8>> {
        if media_type == "application/x-www-form-urlencoded" {
            return match std::str::from_utf8(body) {
                Ok(text) => match self.pairs(text, &['&']) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(text) => Some(text.into_bytes()),
                },
                // Bytes of another charset: each stands for itself, on the way there and back.
                Err(_) => {
                    let text: String = body.iter().map(|&byte| char::from(byte)).collect();
                    match self.pairs(&text, &['&']) {
                        Cow::Borrowed(_) => None,
                        Cow::Owned(text) => text.chars().map(|c| u8::try_from(c).ok()).collect(),
                    }
                }
            };
        }
        if media_type.ends_with("/json") || media_type.ends_with("+json") {
            let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
            let mut json: Json = serde_json::from_slice(body).ok()?;
            return match self.members(&mut json) {
                true => Some(json.compact().into_bytes()),
                false => None,
            };
        }
        None
    }

    /// The parts of a multipart body: of a secret name whatever it holds, else the secrets of a form or of JSON in it. `None` where
    /// nothing is secret.
    fn parts(&self, body: &[u8], boundary: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(body.len());
        let mut from = 0;
        for part in multipart::parts(body, boundary) {
            let content = &body[part.content.clone()];
            let is_secret = part.name.as_ref().is_some_and(|name| self.is_param(name));
            let changed = match is_secret && !content.is_empty() {
                true => Some(REDACTED.as_bytes().to_vec()),
                false => self.content(&part.media_type, content),
            };
            if let Some(changed) = changed {
                out.extend_from_slice(&body[from..part.content.start]);
                out.extend_from_slice(&changed);
                from = part.content.end;
            }
        }
        (from > 0).then(|| {
            out.extend_from_slice(&body[from..]);
            out
        })
    }

    fn members(&self, json: &mut Json) -> bool {
        let mut changed = false;
        match json {
            Json::List(list) => {
                for item in list {
                    changed |= self.members(item);
                }
            }
            Json::Object(members) => {
                for (name, value) in members {
                    // `key` alone names anything in JSON.
                    let by_default = |name: &str| name != "key" && is_secret_name(name);
                    // A number is a PIN, and a list holds several; only nothing is no secret.
                    if *value != Json::Null && self.params.says(name, by_default) {
                        *value = Json::text(REDACTED);
                        changed = true;
                    } else {
                        changed |= self.members(value);
                    }
                }
            }
            _ => {}
        }
        changed
    }
}

/// The type before parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or_default();
    Some(media_type.trim().to_ascii_lowercase())
}

/// What a secret header's value becomes.
fn in_place_of(name: &HeaderName, value: &str) -> String {
    if name == COOKIE {
        let cookies = value.split(';').map(|cookie| cookie_pair(cookie.trim()));
        return cookies.collect::<Vec<_>>().join("; ");
    }
    if name == SET_COOKIE {
        let mut parts = value.split(';').map(str::trim);
        let mut out = cookie_pair(parts.next().unwrap_or_default());
        for part in parts {
            let attribute = part.split('=').next().unwrap_or_default().trim();
            if ATTRIBUTES.contains(&attribute.to_ascii_lowercase().as_str()) {
                out.push_str("; ");
                out.push_str(part);
            }
        }
        return out;
    }
    match value.split_once(' ') {
        Some((scheme, _)) if SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(scheme)) => {
            format!("{scheme} {REDACTED}")
        }
        _ => REDACTED.to_owned(),
    }
}

fn cookie_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => REDACTED.to_owned(),
    }
}

/// The JSON text with what stands at the pointer replaced; `None` where nothing does.
fn at_pointer(body: &[u8], pointer: &[String]) -> Option<Bytes> {
    let mut json: Json = serde_json::from_slice(body).ok()?;
    replace_at(&mut json, pointer).then(|| json.compact().into())
}

fn replace_at(json: &mut Json, pointer: &[String]) -> bool {
    let Some((first, rest)) = pointer.split_first() else {
        *json = Json::text(REDACTED);
        return true;
    };
    let mut found = false;
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                if name == first || first == "*" {
                    found |= replace_at(value, rest);
                }
            }
        }
        Json::List(list) => {
            let index: Option<usize> = first.parse().ok();
            for (at, item) in list.iter_mut().enumerate() {
                if index == Some(at) || first == "*" {
                    found |= replace_at(item, rest);
                }
            }
        }
        _ => {}
    }
    found
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("headers", &self.headers.redacted)
            .field("params", &self.params.redacted)
            .field("json", &self.pointers)
            .finish_non_exhaustive()
    }
}
