//! The headers of a request: the client's, serialised once, and the request's own on top.

use std::sync::{Arc, OnceLock};

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
    EXPECT, Entry, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, RANGE,
    SET_COOKIE, TRANSFER_ENCODING, USER_AGENT,
};

use crate::config;
use crate::decode::Codings;

/// The fields that the connection itself looks at. Clients rarely set them, so that one flag answers for all.
const SPECIAL: [HeaderName; 9] = [
    HOST,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    TRANSFER_ENCODING,
    CONNECTION,
    EXPECT,
    COOKIE,
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
];

/// A client's headers and their HTTP/1.1 form.
#[derive(Debug)]
pub(crate) struct DefaultHeaders {
    map: HeaderMap,
    /// Every field line, with `Connection: keep-alive` where HTTPX has it.
    wire: Box<[u8]>,
    /// One of the names in `SPECIAL` is among them.
    special: bool,
    /// `accept-encoding` is the library's own, so it goes when the request asks for a range.
    own_accept_encoding: bool,
}

impl DefaultHeaders {
    /// The library's defaults, with the client's replacing them by name (S3).
    pub(crate) fn new(
        client: &HeaderMap,
        suppressed: &[HeaderName],
        codings: Option<&Codings>,
    ) -> Self {
        let accepted = Codings::accept(codings).and_then(|names| HeaderValue::try_from(names).ok());
        let mut map = HeaderMap::with_capacity(4 + client.len());
        let library = [
            (ACCEPT, Some(HeaderValue::from_static("*/*"))),
            (ACCEPT_ENCODING, accepted),
            (
                USER_AGENT,
                Some(HeaderValue::from_static(config::USER_AGENT)),
            ),
        ];
        let ranged = client.contains_key(RANGE);
        for (name, value) in library {
            if let Some(value) = value
                && !client.contains_key(&name)
                && !suppressed.contains(&name)
                && !(ranged && name == ACCEPT_ENCODING)
            {
                map.insert(name, value);
            }
        }
        for (name, value) in client {
            if !suppressed.contains(name) {
                map.append(name, value.clone());
            }
        }
        let own_accept_encoding = !client.contains_key(ACCEPT_ENCODING);
        let mut wire = Vec::with_capacity(128);
        let keep_alive = !map.contains_key(CONNECTION) && !suppressed.contains(&CONNECTION);
        write_fields(&mut wire, &map, keep_alive, None, &mut |_| {});
        let special = SPECIAL.iter().any(|name| map.contains_key(name));
        DefaultHeaders {
            map,
            wire: wire.into(),
            special,
            own_accept_encoding,
        }
    }
}

/// A request's headers.
///
/// While nothing but the client's defaults and additions to them is in play, they are written from the client's
/// serialised block; the merged map is built when somebody looks.
#[derive(Debug, Default)]
pub(crate) struct RequestHeaders {
    defaults: Option<Arc<DefaultHeaders>>,
    own: HeaderMap,
    /// Names that are not sent at all, `connection` included.
    suppressed: Vec<HeaderName>,
    /// The request was merged with a client, so the writer says `Connection: keep-alive` as HTTPX's client does.
    from_client: bool,
    merged: OnceLock<Box<HeaderMap>>,
}

impl Clone for RequestHeaders {
    fn clone(&self) -> Self {
        RequestHeaders {
            defaults: self.defaults.clone(),
            own: self.own.clone(),
            suppressed: self.suppressed.clone(),
            from_client: self.from_client,
            merged: OnceLock::new(),
        }
    }
}

impl RequestHeaders {
    pub(crate) fn with_defaults(defaults: Arc<DefaultHeaders>) -> Self {
        RequestHeaders {
            defaults: Some(defaults),
            from_client: true,
            ..RequestHeaders::default()
        }
    }

    pub(crate) fn map(&self) -> &HeaderMap {
        match &self.defaults {
            None => &self.own,
            Some(defaults) => self.merged.get_or_init(|| Box::new(self.merge(defaults))),
        }
    }

    /// The merged map, to change; from here on it is the request's own.
    pub(crate) fn map_mut(&mut self) -> &mut HeaderMap {
        if let Some(defaults) = self.defaults.take() {
            let merged = self.merged.take();
            self.own = match merged {
                Some(merged) => *merged,
                None => self.merge(&defaults),
            };
        }
        &mut self.own
    }

    /// The request's own headers, to be merged over the client's later.
    pub(crate) fn own_mut(&mut self) -> &mut HeaderMap {
        self.merged.take();
        &mut self.own
    }

    pub(crate) fn own_contains(&self, name: &HeaderName) -> bool {
        self.own.contains_key(name)
    }

    /// Tells whether a field of [`SPECIAL`] is there, without building the merged map.
    #[inline]
    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// Looks up a field of [`SPECIAL`] without building the merged map.
    #[inline]
    pub(crate) fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        debug_assert!(
            SPECIAL.contains(name),
            "{name} is not looked up in defaults without special names"
        );
        if self.own.is_empty()
            && self
                .defaults
                .as_ref()
                .is_none_or(|defaults| !defaults.special)
        {
            return None;
        }
        self.get_special(name)
    }

    fn get_special(&self, name: &HeaderName) -> Option<&HeaderValue> {
        if let Some(value) = self.own.get(name) {
            return Some(value);
        }
        match &self.defaults {
            Some(defaults) if defaults.special && !self.suppressed.contains(name) => {
                defaults.map.get(name)
            }
            _ => None,
        }
    }

    /// Tells whether a name is removed at every level.
    pub(crate) fn is_suppressed(&self, name: &HeaderName) -> bool {
        self.suppressed.contains(name)
    }

    /// Removes a name at every level.
    pub(crate) fn suppress(&mut self, name: HeaderName) {
        self.own_mut().remove(&name);
        self.suppressed.push(name);
    }

    fn merge(&self, defaults: &DefaultHeaders) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(defaults.map.len() + self.own.len());
        let range = defaults.own_accept_encoding && self.own.contains_key(RANGE);
        for (name, value) in &defaults.map {
            let dropped = self.own.contains_key(name)
                || self.suppressed.contains(name)
                || (range && name == ACCEPT_ENCODING);
            if !dropped {
                map.append(name, value.clone());
            }
        }
        for (name, value) in &self.own {
            map.append(name, value.clone());
        }
        map
    }

    /// The merged map without the fields of these names, as a map of its own.
    #[cfg(feature = "http2")]
    pub(crate) fn merged_without(&self, dropped: &dyn Fn(&HeaderName) -> bool) -> HeaderMap {
        let all = match (&self.defaults, self.merged.get()) {
            (Some(defaults), None) if self.own.is_empty() && self.suppressed.is_empty() => {
                defaults.map.clone()
            }
            (Some(defaults), None) => self.merge(defaults),
            _ => self.map().clone(),
        };
        if !all.keys().any(dropped) {
            return all;
        }
        // Room for the framing field.
        let mut map = HeaderMap::with_capacity(all.len() + 1);
        for (name, value) in &all {
            if !dropped(name) {
                map.append(name, value.clone());
            }
        }
        map
    }

    /// Tells whether the request asks for its connection to be closed.
    pub(crate) fn says_close(&self) -> bool {
        self.contains(&CONNECTION)
            && self
                .map()
                .get_all(CONNECTION)
                .iter()
                .any(|value| has_token(value.as_bytes(), b"close"))
    }

    /// Writes all field lines but `host`; `framing` is called where the framing field belongs: before `content-type`, else at the end.
    /// `hidden` is not written.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        hidden: Option<&HeaderName>,
        framing: &mut dyn FnMut(&mut Vec<u8>),
    ) {
        match &self.defaults {
            Some(defaults)
                if hidden.is_none() && self.merged.get().is_none() && self.adds_only(defaults) =>
            {
                out.extend_from_slice(&defaults.wire);
                if self.own.is_empty() {
                    framing(out);
                } else {
                    write_fields(out, &self.own, false, None, framing);
                }
            }
            _ => {
                let map = self.map();
                let keep_alive = self.from_client
                    && !map.contains_key(CONNECTION)
                    && !self.suppressed.contains(&CONNECTION);
                write_fields(out, map, keep_alive, hidden, framing);
            }
        }
    }

    /// Finds a value that begins or ends with white space: the peer would read another one (RFC 9110 section 5.5).
    pub(crate) fn padded_value(&self) -> Option<&HeaderName> {
        padded_value(&self.own)
    }

    fn adds_only(&self, defaults: &DefaultHeaders) -> bool {
        self.suppressed.is_empty()
            && self
                .own
                .keys()
                .all(|name| !defaults.map.contains_key(name) && name != CONNECTION && name != RANGE)
    }
}

/// Writes `map` in HTTPX's order: `Connection: keep-alive`, where wanted, goes before `User-Agent`.
fn write_fields(
    out: &mut Vec<u8>,
    map: &HeaderMap,
    mut keep_alive: bool,
    hidden: Option<&HeaderName>,
    framing: &mut dyn FnMut(&mut Vec<u8>),
) {
    let mut framed = false;
    let mut line = |out: &mut Vec<u8>| {
        if std::mem::take(&mut keep_alive) {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
    };
    for (name, value) in map {
        if name == HOST
            || name == CONTENT_LENGTH
            || name == TRANSFER_ENCODING
            || hidden == Some(name)
        {
            continue;
        }
        if name == USER_AGENT {
            line(out);
        } else if name == CONTENT_TYPE && !framed {
            framed = true;
            framing(out);
        }
        write_name(out, name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    line(out);
    if !framed {
        framing(out);
    }
}

/// Writes a field name in Title-Case, as HTTPX's own defaults have it.
pub(crate) fn write_name(out: &mut Vec<u8>, name: &HeaderName) {
    let start = out.len();
    out.extend_from_slice(name.as_str().as_bytes());
    let mut at_start = true;
    for byte in &mut out[start..] {
        if at_start {
            byte.make_ascii_uppercase();
        }
        at_start = *byte == b'-';
    }
}

pub(crate) fn padded_value(map: &HeaderMap) -> Option<&HeaderName> {
    let padding = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    map.iter()
        .find(|(_, value)| padding(value.as_bytes().first()) || padding(value.as_bytes().last()))
        .map(|(name, _)| name)
}

/// Tells whether a comma-separated list has a token, in any case.
pub(crate) fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|&b| b == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Takes `from` over `into`, replacing all values of each name in it.
pub(crate) fn replace_names(into: &mut HeaderMap, from: HeaderMap) {
    let mut current: Option<HeaderName> = None;
    for (name, value) in from {
        match name {
            Some(name) => {
                // Removed and appended, not inserted, so that it moves to the end as in HTTPX.
                if let Entry::Occupied(entry) = into.entry(&name) {
                    entry.remove_entry_mult();
                }
                into.append(&name, value);
                current = Some(name);
            }
            None => {
                if let Some(name) = &current {
                    into.append(name, value);
                }
            }
        }
    }
}

/// Tells whether a field's value is a secret that no `Debug` shows.
pub(crate) fn is_secret(name: &HeaderName) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(name)
}

/// A field's value for messages, with the userinfo of URLs left out: `location`, `referer` and `link` may have one.
pub(crate) fn shown_value(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find("//") {
        let (before, authority) = rest.split_at(at + 2);
        out.push_str(before);
        let ends = |c: char| matches!(c, '/' | '?' | '#' | '<' | '>' | '"') || c.is_whitespace();
        let end = authority.find(ends).unwrap_or(authority.len());
        rest = match authority[..end].rfind('@') {
            Some(host) => {
                out.push_str("[secure]");
                &authority[host..]
            }
            None => authority,
        };
    }
    out.push_str(rest);
    out
}

/// A header map for `Debug`, with secrets left out.
pub(crate) struct Redacted<'a>(pub(crate) &'a HeaderMap);

impl std::fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(name, value)| {
                let shown = if is_secret(name) || value.is_sensitive() {
                    "[secure]".to_owned()
                } else {
                    shown_value(value)
                };
                (name.as_str(), shown)
            }))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(headers: &RequestHeaders) -> String {
        let mut out = Vec::new();
        headers.write(&mut out, None, &mut |out| {
            out.extend_from_slice(b"[framing]\r\n");
        });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn userinfo_in_values_is_not_shown() {
        for (value, expected) in [
            ("http://tom:hush@h.test/a", "http://[secure]@h.test/a"),
            ("//hush@h.test", "//[secure]@h.test"),
            ("http://a@b@h.test?c@d", "http://[secure]@h.test?c@d"),
            (
                "<http://h.test/1>; rel=\"prev\", <http://tom:hush@h.test>; rel=\"next\"",
                "<http://h.test/1>; rel=\"prev\", <http://[secure]@h.test>; rel=\"next\"",
            ),
            ("http://h.test tom@h.test", "http://h.test tom@h.test"),
            ("////@//", "////[secure]@//"),
            ("a//", "a//"),
            ("tom@h.test", "tom@h.test"),
        ] {
            let value = HeaderValue::from_static(value);
            assert_eq!(shown_value(&value), expected);
        }
    }

    fn client() -> Arc<DefaultHeaders> {
        let mut map = HeaderMap::new();
        map.insert("x-auth", HeaderValue::from_static("from-client"));
        Arc::new(DefaultHeaders::new(&map, &[], None))
    }

    #[test]
    fn the_fast_block_and_the_merged_map_write_the_same() {
        let mut fast = RequestHeaders::with_defaults(client());
        fast.own_mut()
            .insert("x-custom", HeaderValue::from_static("1"));
        let slow = fast.clone();
        slow.map();
        let mut owned = fast.clone();
        owned.map_mut();
        assert_eq!(wire(&fast), wire(&slow));
        assert_eq!(wire(&fast), wire(&owned));
        assert!(wire(&fast).contains("Connection: keep-alive\r\nUser-Agent: dimorph/"));
        assert!(wire(&fast).ends_with("X-Auth: from-client\r\nX-Custom: 1\r\n[framing]\r\n"));
    }

    #[test]
    fn the_request_replaces_removes_and_ranges() {
        let mut replaced = RequestHeaders::with_defaults(client());
        replaced
            .own_mut()
            .insert("X-AUTH", HeaderValue::from_static("mine"));
        assert_eq!(wire(&replaced).matches("X-Auth").count(), 1);
        assert!(wire(&replaced).contains("X-Auth: mine"));

        let mut bare = RequestHeaders::with_defaults(client());
        bare.suppress(USER_AGENT);
        bare.suppress(CONNECTION);
        assert!(!wire(&bare).contains("User-Agent") && !wire(&bare).contains("Connection"));

        let mut range = RequestHeaders::with_defaults(client());
        range
            .own_mut()
            .insert(RANGE, HeaderValue::from_static("bytes=0-1"));
        assert!(!wire(&range).contains("Accept-Encoding"));
    }

    #[test]
    fn framing_stands_before_content_type() {
        let mut headers = RequestHeaders::with_defaults(client());
        headers
            .own_mut()
            .insert("content-type", HeaderValue::from_static("application/json"));
        assert!(wire(&headers).ends_with("[framing]\r\nContent-Type: application/json\r\n"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut map = HeaderMap::new();
        map.insert(AUTHORIZATION, HeaderValue::from_static("Basic c2VjcmV0"));
        map.insert("x-a", HeaderValue::from_static("b"));
        let text = format!("{:?}", Redacted(&map));
        assert!(!text.contains("c2VjcmV0") && text.contains("x-a"), "{text}");
    }
}
