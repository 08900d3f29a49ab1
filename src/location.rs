//! Where a request goes: a URL parsed once, and only as far as the wire needs it.
//!
//! `url::Url::parse` costs a small request a fifth of its instructions. Most URLs are plain ASCII in
//! the form that the WHATWG rules would give them anyway; [`Location::parse`] recognises those and keeps
//! offsets into the text. Everything else goes through `url`, whose result then is the text. Either way
//! the host connected to is the host of the parsed URL, and [`Location::url`] gives the full `Url` on demand.

use std::ops::Range;
use std::sync::OnceLock;

use url::{Position, Url};

use crate::config::URL_LIMIT;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::hints;

/// Scheme, host and port of a URL (RFC 6454), borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    pub(crate) secure: bool,
    /// Lower case; an IPv6 address keeps its brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl Origin<'_> {
    /// The host as a resolver or a socket takes it: no brackets, no trailing dot.
    pub(crate) fn host_name(&self) -> &str {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.strip_suffix('.').unwrap_or(host)
    }
}

/// An absolute `http` or `https` URL with its parts found.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    /// The URL without userinfo and fragment.
    text: Box<str>,
    secure: bool,
    host: Range<u32>,
    port: u16,
    /// Where path and query begin.
    path: u32,
    url: OnceLock<Box<Url>>,
}

impl Location {
    /// Parses an absolute URL.
    pub(crate) fn parse(input: &str) -> Result<Location> {
        Location::parse_or(
            input,
            "the URL has no scheme, and there is no base_url before it",
        )
    }

    /// Parses an absolute URL; `no_scheme` is said of one that is not.
    fn parse_or(input: &str, no_scheme: &'static str) -> Result<Location> {
        match Location::parse_plain(input) {
            Some(location) => Ok(location),
            None => Location::parse_any(input, no_scheme),
        }
    }

    /// Takes over a parsed `Url`.
    pub(crate) fn from_url(url: Url) -> Result<Location> {
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            other => {
                return Err(Error::new(
                    ErrorKind::UnsupportedProtocol,
                    format!("the scheme `{other}` is not supported, only http and https are"),
                )
                .in_phase(Phase::Build));
            }
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(invalid("the URL has no host"));
        };
        let Some(port) = url.port_or_known_default() else {
            return Err(invalid("the URL has no port"));
        };
        let prefix = if secure { "https://" } else { "http://" };
        let mut text = String::with_capacity(url.as_str().len());
        text.push_str(prefix);
        let host_start = text.len() as u32;
        text.push_str(host);
        let host_end = text.len() as u32;
        text.push_str(&url[Position::AfterHost..Position::AfterPort]);
        let path = text.len() as u32;
        text.push_str(&url[Position::BeforePath..Position::AfterQuery]);
        Ok(Location {
            text: text.into(),
            secure,
            host: host_start..host_end,
            port,
            path,
            url: OnceLock::from(Box::new(url)),
        })
    }

    /// The fast path: a URL that the WHATWG parser would give back unchanged (but for a missing `/`).
    fn parse_plain(input: &str) -> Option<Location> {
        let bytes = input.as_bytes();
        if bytes.len() > URL_LIMIT {
            return None;
        }
        let (secure, start) = if input.starts_with("http://") {
            (false, 7)
        } else if input.starts_with("https://") {
            (true, 8)
        } else {
            return None;
        };
        let host_len = bytes[start..]
            .iter()
            .position(|&b| !is(b, HOST))
            .unwrap_or(bytes.len() - start);
        let host_end = start + host_len;
        if !plain_host(&bytes[start..host_end]) {
            return None;
        }
        let default_port = if secure { 443 } else { 80 };
        let (port, path) = match bytes.get(host_end) {
            Some(b':') => {
                let digits = bytes[host_end + 1..]
                    .iter()
                    .take(6)
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                if digits == 0 || digits > 5 || bytes[host_end + 1] == b'0' {
                    return None;
                }
                let end = host_end + 1 + digits;
                let port: u16 = input[host_end + 1..end].parse().ok()?;
                if port == default_port {
                    return None;
                }
                (port, end)
            }
            _ => (default_port, host_end),
        };
        let text: Box<str> = match bytes.get(path) {
            None => {
                let mut text = String::with_capacity(input.len() + 1);
                text.push_str(input);
                text.push('/');
                text.into()
            }
            Some(b'/') if plain_path_and_query(&bytes[path..]) => input.into(),
            _ => return None,
        };
        Some(Location {
            text,
            secure,
            host: start as u32..host_end as u32,
            port,
            path: path as u32,
            url: OnceLock::new(),
        })
    }

    fn parse_any(input: &str, no_scheme: &'static str) -> Result<Location> {
        if input.len() > URL_LIMIT {
            return Err(invalid(format!("the URL is longer than {URL_LIMIT} bytes")));
        }
        if !has_scheme(input) {
            return Err(invalid(match input.split(['/', '?', '#']).next() {
                Some(first) if first.contains('.') || first.starts_with("localhost") => format!(
                    "the URL has no scheme: did you mean `http://{}`?",
                    redact(input).escape_debug()
                ),
                _ => no_scheme.to_owned(),
            }));
        }
        // The WHATWG rules drop tabs and newlines from the middle of a URL; nobody means them.
        if input
            .bytes()
            .any(|b| matches!(b, b'\t' | b'\r' | b'\n' | 0))
        {
            return Err(invalid("the URL contains a control character"));
        }
        let url = Url::parse(input).map_err(|error| {
            invalid(match error {
                url::ParseError::EmptyHost => "the URL has no host".to_owned(),
                other => format!("the URL does not parse: {other}"),
            })
            .with_hint(hints::of_url(input))
        })?;
        Location::from_url(url)
    }

    /// The full URL, userinfo and fragment included.
    pub(crate) fn url(&self) -> &Url {
        self.url.get_or_init(|| {
            Box::new(
                Url::parse(&self.text).expect("a plain URL is a URL: parse_plain takes a subset"),
            )
        })
    }

    pub(crate) fn into_url(self) -> Url {
        self.url();
        *self.url.into_inner().expect("url() has filled the cell")
    }

    /// User name and password of the URL, percent-encoded, where it has any.
    pub(crate) fn userinfo(&self) -> Option<(&str, &str)> {
        // A plain URL has none, and is not parsed to find that out.
        let url = self.url.get()?;
        let password = url.password();
        (!url.username().is_empty() || password.is_some())
            .then(|| (url.username(), password.unwrap_or("")))
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin {
            secure: self.secure,
            host: self.host(),
            port: self.port,
        }
    }

    pub(crate) fn host(&self) -> &str {
        &self.text[self.host.start as usize..self.host.end as usize]
    }

    /// Host and port as the `host` field has them: without a default port.
    pub(crate) fn authority(&self) -> &str {
        &self.text[self.host.start as usize..self.path as usize]
    }

    /// The request target in origin-form (RFC 9112 section 3.2.1).
    pub(crate) fn path_and_query(&self) -> &str {
        let target = &self.text[self.path as usize..];
        if target.is_empty() { "/" } else { target }
    }

    /// The request target in absolute-form (RFC 9112 section 3.2.2): no userinfo, no fragment.
    pub(crate) fn absolute(&self) -> &str {
        &self.text
    }
}

/// Tells whether `input` begins with a scheme and `://`, or with `http:`/`https:` in any form.
pub(crate) fn has_scheme(input: &str) -> bool {
    let Some(colon) = input.find(':') else {
        return false;
    };
    let scheme = &input.as_bytes()[..colon];
    let well_formed = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b));
    well_formed
        && (input[colon..].starts_with("://")
            || scheme.eq_ignore_ascii_case(b"http")
            || scheme.eq_ignore_ascii_case(b"https"))
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidUrl, message).in_phase(Phase::Build)
}

/// What precedes an `@` may be a password.
fn redact(input: &str) -> &str {
    input.rsplit_once('@').map_or(input, |(_, rest)| rest)
}

const HOST: u8 = 1;
const PATH: u8 = 2;
const QUERY: u8 = 4;

/// Which characters stay as they are in which part. `%` is left out of paths: `%2e` is a dot segment.
static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        if b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.' {
            table[i] |= HOST;
        }
        if b.is_ascii_alphanumeric() {
            table[i] |= PATH | QUERY;
        }
        i += 1;
    }
    let path = b"-._~!$&()*+,;=:@/";
    let mut i = 0;
    while i < path.len() {
        table[path[i] as usize] |= PATH | QUERY;
        i += 1;
    }
    table[b'%' as usize] |= QUERY;
    table[b'?' as usize] |= QUERY;
    table
};

fn is(b: u8, class: u8) -> bool {
    CLASS[b as usize] & class != 0
}

/// A host that is its own normal form: lower-case labels that neither need IDNA nor look like a number, or a dotted quad.
fn plain_host(host: &[u8]) -> bool {
    let (Some(first), Some(last)) = (host.first(), host.last()) else {
        return false;
    };
    if *first == b'.' || *last == b'.' || host.len() > 253 {
        return false;
    }
    let last_label = host.rsplit(|&b| b == b'.').next().unwrap_or(host);
    if last_label[0].is_ascii_digit() {
        return is_dotted_quad(host);
    }
    // `xn--` labels are validated, and an empty label is rejected, by the full parser.
    !host.windows(2).any(|pair| pair == b".." || pair == b"--")
}

fn is_dotted_quad(host: &[u8]) -> bool {
    let mut parts = 0;
    for part in host.split(|&b| b == b'.') {
        parts += 1;
        let value = part.iter().try_fold(0u16, |sum, b| {
            b.is_ascii_digit()
                .then(|| sum.saturating_mul(10).saturating_add(u16::from(b - b'0')))
        });
        let leading_zero = part.len() > 1 && part[0] == b'0';
        if part.is_empty() || part.len() > 3 || leading_zero || value.is_none_or(|v| v > 255) {
            return false;
        }
    }
    parts == 4
}

/// Path and query in normal form: no segment that begins with a dot, nothing that would be percent-encoded.
fn plain_path_and_query(target: &[u8]) -> bool {
    let mut previous = 0;
    for (i, &b) in target.iter().enumerate() {
        if !is(b, PATH) {
            return b == b'?' && target[i + 1..].iter().all(|&b| is(b, QUERY));
        }
        if b == b'.' && previous == b'/' {
            return false;
        }
        previous = b;
    }
    true
}

/// A base URL that relative URLs are *prepended* with (S7), prepared once per client.
#[derive(Debug, Clone)]
pub(crate) struct BaseUrl {
    url: Url,
    /// Scheme, userinfo, authority and path, without the final slash.
    prefix: Box<str>,
    query: Option<Box<str>>,
    fragment: Option<Box<str>>,
}

impl BaseUrl {
    pub(crate) fn parse(input: &str) -> Result<BaseUrl> {
        let mut url = Location::parse_or(input, "the URL has no scheme")?.into_url();
        // HTTPX shows a base_url with its final slash.
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        let prefix = url[..Position::AfterPath].trim_end_matches('/').into();
        Ok(BaseUrl {
            prefix,
            query: url.query().filter(|q| !q.is_empty()).map(Into::into),
            fragment: url.fragment().map(Into::into),
            url,
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Joins by exactly one slash; base's query comes first; dot segments cannot climb above the base's path.
    pub(crate) fn join(&self, input: &str) -> Result<Location> {
        // What the URL rules would trim later must not hide a dot segment now.
        let input = input.trim_matches(|c: char| c <= ' ');
        let (rest, fragment) = match input.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (input, self.fragment.as_deref()),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let mut text = String::with_capacity(self.prefix.len() + input.len() + 1);
        text.push_str(&self.prefix);
        text.push('/');
        // One slash joins: `//host/x` is the path `/host/x` below the base, never another host.
        push_without_climbing(&mut text, path.trim_start_matches(['/', '\\']));
        let mut separator = '?';
        for part in [self.query.as_deref(), query].into_iter().flatten() {
            text.push(separator);
            text.push_str(part);
            separator = '&';
        }
        if let Some(fragment) = fragment {
            text.push('#');
            text.push_str(fragment);
        }
        Location::parse(&text)
    }
}

/// Appends a relative path with its dot segments resolved against itself alone.
fn push_without_climbing(text: &mut String, path: &str) {
    let is_dot = |s: &str| s == "." || s.eq_ignore_ascii_case("%2e");
    let is_dot_dot = |s: &str| {
        let lower = s.to_ascii_lowercase();
        matches!(lower.as_str(), ".." | ".%2e" | "%2e." | "%2e%2e")
    };
    let special = |s: &str| s.starts_with('.') || s.starts_with("%2");
    if !path.split(['/', '\\']).any(special) {
        text.push_str(path);
        return;
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split(['/', '\\']).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if is_dot_dot(segment) {
            kept.pop();
        } else if !is_dot(segment) {
            kept.push(segment);
            continue;
        }
        if last {
            kept.push("");
        }
    }
    text.push_str(&kept.join("/"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_path_gives_what_the_full_parser_gives() {
        let cases = [
            "http://example.org",
            "http://example.org/",
            "https://example.org:8443/a/b?c=d&e=%20",
            "http://127.0.0.1:3000/x",
            "http://a-b.c0.test/~u/!$&()*+,;=:@",
            "http://h/?",
            "https://h:80/",
            "http://h/a.b/..c?x=/../?y",
            "http://1.example/x",
        ];
        for input in cases {
            let fast = Location::parse_plain(input);
            let full = Location::from_url(Url::parse(input).unwrap()).unwrap();
            if let Some(fast) = fast {
                assert_eq!(fast.text, full.text, "{input}");
                assert_eq!(fast.origin(), full.origin(), "{input}");
                assert_eq!(fast.path, full.path, "{input}");
                assert_eq!(fast.url(), full.url(), "{input}");
            } else {
                assert!(
                    ["http://h/a.b/..c?x=/../?y"].contains(&input),
                    "{input} should be plain"
                );
            }
        }
    }

    #[test]
    fn whatever_the_full_parser_would_change_is_not_plain() {
        let cases = [
            "HTTP://h/",
            "http://H/",
            "http://h:80/",
            "https://h:443/",
            "http://h:0080/",
            "http://h/a b",
            "http://h/é",
            "http://h/%2e%2e/x",
            "http://h/./x",
            "http://h/x/..",
            "http://h/a'b?c'd",
            "http://u@h/",
            "http://h/#f",
            "http://0x7f.1/",
            "http://127.1/",
            "http://256.0.0.1/",
            "http://h./",
            "http://a..b/",
            "http://xn--a/",
            "http://h\\x",
            "http://[::1]/",
            "http://h?x",
            "http:///h",
            "http://h/?a'b",
            "http://01.2.3.4/",
        ];
        for input in cases {
            assert!(Location::parse_plain(input).is_none(), "{input}");
        }
    }

    #[test]
    fn bad_urls_say_what_is_wrong() {
        let cases = [
            ("/rel", ErrorKind::InvalidUrl, "no scheme"),
            (
                "example.org/x",
                ErrorKind::InvalidUrl,
                "did you mean `http://example.org/x`",
            ),
            ("http://", ErrorKind::InvalidUrl, "no host"),
            ("ftp://h/", ErrorKind::UnsupportedProtocol, "`ftp`"),
            ("http://h:99999/", ErrorKind::InvalidUrl, "port"),
            (
                "http://h/a\r\nb",
                ErrorKind::InvalidUrl,
                "control character",
            ),
            ("", ErrorKind::InvalidUrl, "no scheme"),
        ];
        for (input, kind, words) in cases {
            let error = Location::parse(input).unwrap_err();
            assert_eq!(error.kind(), kind, "{input}");
            assert!(error.to_string().contains(words), "{input}: {error}");
        }
    }

    #[test]
    fn base_urls_are_prepended() {
        let cases = [
            (
                "https://www.example.com/some/path",
                "/testing/123",
                "https://www.example.com/some/path/testing/123",
            ),
            (
                "http://x.test/api/",
                "//y.test/z",
                "http://x.test/api/y.test/z",
            ),
            ("http://x.test/api/", "", "http://x.test/api/"),
            ("http://x.test/api", "/", "http://x.test/api/"),
            ("http://x.test/api/", "../../etc", "http://x.test/api/etc"),
            ("http://x.test/api/", "a/%2E%2e/b/.", "http://x.test/api/b/"),
            (
                "http://x.test/api?k=v",
                "/p?q=1",
                "http://x.test/api/p?k=v&q=1",
            ),
            ("http://x.test/api#frag", "/p", "http://x.test/api/p#frag"),
            (
                "http://u:p@x.test:8080/api",
                "/p",
                "http://u:p@x.test:8080/api/p",
            ),
            (
                "https://www.example.com/base%2Fpath",
                "/testing",
                "https://www.example.com/base%2Fpath/testing",
            ),
        ];
        for (base, input, expected) in cases {
            let joined = BaseUrl::parse(base).unwrap().join(input).unwrap();
            assert_eq!(joined.url().as_str(), expected, "{base} + {input}");
        }
    }

    #[test]
    fn the_text_has_neither_userinfo_nor_fragment() {
        let location = Location::parse("http://u:p@h.test:81/a?b#c").unwrap();
        assert_eq!(location.absolute(), "http://h.test:81/a?b");
        assert_eq!(location.authority(), "h.test:81");
        assert_eq!(location.url().as_str(), "http://u:p@h.test:81/a?b#c");
    }
}
