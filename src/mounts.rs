//! URL patterns, and the one order in which they are asked.
//!
//! ```text
//! http   http://            every URL of a scheme
//! all    all://             every URL
//! all://example.com         one host
//! all://*.example.com       its subdomains
//! all://*example.com        both
//! http://example.com:8080   any of them at one port; without a port: at any
//! ```
//!
//! The words of the seed's `proxies` keys (`http`, `all`) and HTTPX 0.28's patterns are both taken.

use std::cmp::{Ordering, Reverse};

use url::Host;

use crate::error::{Error, Result};
use crate::location::Origin;

/// What a mount or a proxy is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// `None`: all schemes.
    pub(crate) secure: Option<bool>,
    pub(crate) host: HostPattern,
    /// `None`: any port, so that a key never silently misses a request to another port of its host.
    pub(crate) port: Option<u16>,
}

impl Pattern {
    /// Parses a pattern. The empty one matches everything, as in HTTPX.
    pub(crate) fn parse(text: &str) -> Result<Pattern> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return match scheme(text) {
                Some(secure) => Ok(Pattern {
                    secure,
                    host: HostPattern::Any,
                    port: None,
                }),
                None => Err(bad(
                    text,
                    "is no URL form: `http`, `https`, `all` or `all://example.com` is",
                )),
            };
        };
        let Some(secure) = scheme_of_url(scheme) else {
            return Err(bad(text, "has another scheme than http, https and all"));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !matches!(path, "" | "/") {
            return Err(bad(text, "goes on after the host: patterns end there"));
        }
        if authority.contains('@') {
            return Err(bad(text, "has a user: patterns have none"));
        }
        let Some((host, port)) = split_port(authority) else {
            return Err(bad(
                text,
                "has a bad port, or an IPv6 address without brackets",
            ));
        };
        let Some(host) = HostPattern::parse(host) else {
            return Err(bad(text, "has a bad host: `*` stands at its start only"));
        };
        Ok(Pattern { secure, host, port })
    }

    pub(crate) fn matches(&self, origin: &Origin<'_>) -> bool {
        self.secure.is_none_or(|secure| secure == origin.secure)
            && self.port.is_none_or(|port| port == origin.port)
            && self.host.matches(origin.host)
    }

    /// The order of S18, as a key whose least value is asked first.
    fn rank(&self) -> (u8, Reverse<usize>, bool, bool) {
        let (kind, length) = self.host.rank();
        (
            kind,
            Reverse(length),
            self.port.is_none(),
            self.secure.is_none(),
        )
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        let rest = |p: &Pattern| (p.port, p.secure);
        self.rank()
            .cmp(&other.rank())
            // What is left decides nothing, but makes equal mean the same.
            .then_with(|| self.host.text().cmp(other.host.text()))
            .then_with(|| rest(self).cmp(&rest(other)))
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The host of a pattern; names are lower case, in their ASCII form, and without a final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    Any,
    Exact(Box<str>),
    /// Subdomains only.
    Below(Box<str>),
    /// The domain and its subdomains.
    AtOrBelow(Box<str>),
}

impl HostPattern {
    /// Parses `host`, `*.host`, `*host`, `*` or nothing.
    pub(crate) fn parse(text: &str) -> Option<HostPattern> {
        Some(if matches!(text, "" | "*") {
            HostPattern::Any
        } else if let Some(domain) = text.strip_prefix("*.") {
            HostPattern::Below(normal(domain)?)
        } else if let Some(domain) = text.strip_prefix('*') {
            HostPattern::AtOrBelow(normal(domain)?)
        } else {
            HostPattern::Exact(normal(text)?)
        })
    }

    /// Tells whether an origin's host fits; only whole labels do.
    fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let below = |domain: &str| {
            host.strip_suffix(domain)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty())
        };
        match self {
            HostPattern::Any => true,
            HostPattern::Exact(name) => host == &**name,
            HostPattern::Below(domain) => below(domain),
            HostPattern::AtOrBelow(domain) => host == &**domain || below(domain),
        }
    }

    fn text(&self) -> &str {
        match self {
            HostPattern::Any => "",
            HostPattern::Exact(name) | HostPattern::Below(name) | HostPattern::AtOrBelow(name) => {
                name
            }
        }
    }

    /// Exact before wildcard before none, and the length as written.
    fn rank(&self) -> (u8, usize) {
        match self {
            HostPattern::Exact(name) => (0, name.len()),
            HostPattern::Below(name) => (1, name.len() + "*.".len()),
            HostPattern::AtOrBelow(name) => (1, name.len() + "*".len()),
            HostPattern::Any => (2, 0),
        }
    }
}

/// Values by pattern, in the order in which they are asked.
#[derive(Debug, Clone)]
pub(crate) struct Mounts<T> {
    sorted: Vec<(Pattern, T)>,
}

impl<T> Mounts<T> {
    /// Adds a value; one for an equal pattern is replaced.
    pub(crate) fn insert(&mut self, pattern: Pattern, value: T) {
        match self
            .sorted
            .binary_search_by(|(other, _)| other.cmp(&pattern))
        {
            Ok(at) => self.sorted[at].1 = value,
            Err(at) => self.sorted.insert(at, (pattern, value)),
        }
    }

    /// Returns the value of the first pattern that matches.
    pub(crate) fn find(&self, origin: &Origin<'_>) -> Option<&T> {
        self.sorted
            .iter()
            .find(|(pattern, _)| pattern.matches(origin))
            .map(|(_, value)| value)
    }

    /// Keeps the values that a function says yes to.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.sorted.retain(|(_, value)| keep(value));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Pattern, &T)> {
        self.sorted.iter().map(|(pattern, value)| (pattern, value))
    }
}

impl<T> Default for Mounts<T> {
    fn default() -> Self {
        Mounts { sorted: Vec::new() }
    }
}

/// Reads a scheme: `Some(None)` for all of them.
pub(crate) fn scheme_of_url(text: &str) -> Option<Option<bool>> {
    let is = |name| text.eq_ignore_ascii_case(name);
    if is("all") {
        Some(None)
    } else if is("http") {
        Some(Some(false))
    } else if is("https") {
        Some(Some(true))
    } else {
        None
    }
}

/// Reads a key that is a scheme alone.
fn scheme(text: &str) -> Option<Option<bool>> {
    if text.is_empty() {
        Some(None)
    } else {
        scheme_of_url(text)
    }
}

/// Splits `host:port`; an IPv6 address stands in brackets.
pub(crate) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if authority.starts_with('[') {
        let (host, rest) = authority.split_at(authority.find(']')? + 1);
        match rest {
            "" => (host, ""),
            _ => (host, rest.strip_prefix(':')?),
        }
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    // `parse` would take a sign.
    let number = port.bytes().all(|b| b.is_ascii_digit());
    match port {
        "" => Some((host, None)),
        _ if number => Some((host, Some(port.parse().ok()?))),
        _ => None,
    }
}

/// The longest host that is looked at; a name has 253 bytes at most (RFC 1035 section 2.3.4).
const HOST_LIMIT: usize = 1024;

/// Brings a host into the form that URLs have it in, without a final dot.
pub(crate) fn parse_host(text: &str) -> Option<Host<Box<str>>> {
    if text.len() > HOST_LIMIT || text.contains('*') {
        return None;
    }
    match Host::parse(text).ok()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            // An empty label can be in no name that is ever looked up.
            (!name.split('.').any(str::is_empty)).then(|| Host::Domain(name.into()))
        }
        Host::Ipv4(address) => Some(Host::Ipv4(address)),
        Host::Ipv6(address) => Some(Host::Ipv6(address)),
    }
}

fn normal(text: &str) -> Option<Box<str>> {
    Some(match parse_host(text)? {
        Host::Domain(name) => name,
        address => address.to_string().into(),
    })
}

/// The pattern is shown unless it may hold a password.
fn bad(pattern: &str, fault: &str) -> Error {
    Error::builder(if pattern.contains('@') {
        format!("the URL pattern {fault}")
    } else {
        format!("the URL pattern `{}` {fault}", pattern.escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;

    fn matches(pattern: &str, url: &str) -> bool {
        let url = Location::parse(url).unwrap();
        Pattern::parse(pattern).unwrap().matches(&url.origin())
    }

    #[test]
    fn a_pattern_matches_by_scheme_host_and_port() {
        let table = [
            ("http", "http://example.com", true),
            ("HTTP", "http://example.com", true),
            ("http", "https://example.com", false),
            ("https", "https://example.com:8443", true),
            ("all", "https://example.com:123", true),
            ("", "https://example.com:123", true),
            ("all://", "http://[::1]/", true),
            ("http://*", "http://example.com", true),
            ("http://*", "https://example.com", false),
            ("all://*:8080", "http://example.com:8080", true),
            ("all://*:8080", "http://example.com", false),
            ("all://:8080", "http://example.com:8080", true),
            ("http://example.com", "http://example.com:8080", true),
            ("http://example.com/", "http://example.com/x", true),
            ("http://example.com:", "http://example.com/x", true),
            ("http://example.com:80", "http://example.com", true),
            ("http://example.com:80", "http://example.com:8080", false),
            ("all://example.com:80", "https://example.com", false),
            ("all://example.com:443", "https://example.com", true),
            ("https://example.com:443", "https://example.com:8443", false),
            ("HTTP://EXAMPLE.com", "http://example.com", true),
            ("http://example.com.", "http://example.com", true),
            ("http://example.com", "http://example.com./", true),
            ("http://example.com", "http://www.example.com", false),
            ("http://example.com", "http://notexample.com", false),
            ("all://*.example.com", "http://www.example.com", true),
            ("all://*.example.com", "http://a.b.example.com", true),
            ("all://*.example.com", "http://example.com", false),
            ("all://*.example.com", "http://notexample.com", false),
            ("all://*example.com", "http://example.com", true),
            ("all://*example.com", "http://www.example.com./", true),
            ("all://*example.com", "http://wwwexample.com", false),
            ("all://bücher.de", "http://xn--bcher-kva.de", true),
            ("all://*.BÜCHER.de", "http://www.bücher.de", true),
            ("all://[::1]", "http://[0:0::1]:81/", true),
            ("all://[::1]:80", "http://[::1]/", true),
            ("all://[::1]:80", "http://[::1]:81/", false),
            ("all://127.0.0.1", "http://127.1/", true),
            ("all://*127.0.0.1", "http://127.0.0.1/", true),
            ("all://*.0.0.1", "http://127.0.0.1/", false),
        ];
        for (pattern, url, expected) in table {
            assert_eq!(matches(pattern, url), expected, "{pattern} {url}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_an_error_that_shows_no_password() {
        let table = [
            "example.com",
            "example.com:80",
            "http:",
            "ftp",
            "ftp://example.com",
            "://example.com",
            "all://::1",
            "all://[::1",
            "all://[::1]x",
            "all://[::1%25eth0]",
            "all://[fe80::1%eth0]",
            "all://example.com:x",
            "all://example.com:+1",
            "all://example.com:65536",
            "all://exa mple.com",
            "all://example.*",
            "all://**.example.com",
            "all://.example.com",
            "all://*.",
            "all://.",
            "all://example.com/path",
            "all://example.com?q",
            "all://example.com#f",
            "all://tom:mot123@example.com",
            "tom:mot123@example.com",
        ];
        for pattern in table {
            let error = Pattern::parse(pattern).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Builder, "{pattern}");
            assert!(!format!("{error} {error:?}").contains("mot123"), "{error}");
        }
        let long = format!("all://{}", "é".repeat(100_000));
        assert!(Pattern::parse(&long).is_err());
    }

    #[test]
    fn the_most_particular_pattern_is_asked_first() {
        let order = [
            "http://www.example.com:8080",
            "all://www.example.com:8080",
            "http://www.example.com",
            "all://www.example.com",
            "https://example.com:8080",
            "http://example.com",
            "all://*.www.example.com",
            "all://*www.example.com",
            "http://*.example.com:81",
            "all://*.example.com:81",
            "http://*.example.com",
            "all://*.example.com",
            "http://*example.com:82",
            "all://*example.com",
            "http://:83",
            "all://*:83",
            "http",
            "all",
        ];
        let mut mounts = Mounts::default();
        for pattern in order.iter().rev() {
            mounts.insert(Pattern::parse(pattern).unwrap(), *pattern);
        }
        let asked: Vec<_> = mounts.iter().map(|(_, pattern)| *pattern).collect();
        assert_eq!(asked, order);
    }

    #[test]
    fn an_equal_pattern_replaces() {
        let mut mounts = Mounts::default();
        assert!(mounts.is_empty());
        for (pattern, value) in [("http", 1), ("all", 2), ("HTTP://*/", 3)] {
            mounts.insert(Pattern::parse(pattern).unwrap(), value);
        }
        let find = |url| {
            mounts
                .find(&Location::parse(url).unwrap().origin())
                .copied()
        };
        assert_eq!(find("http://a/"), Some(3));
        assert_eq!(find("https://a/"), Some(2));
        assert_eq!(mounts.iter().count(), 2);
    }
}
