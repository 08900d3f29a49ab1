//! `NO_PROXY`: which requests the environment's proxies are not for.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use url::{Host, Url};

use crate::location::{Location, Origin};
use crate::mounts::{HostPattern, Pattern, parse_host, scheme_of_url, split_port};

/// The hosts that are asked directly.
///
/// ```text
/// *                             every host
/// example.com  .example.com     the host and its subdomains
/// *.example.com                 its subdomains
/// http://example.com            the host itself, for one scheme (HTTPX 0.28)
/// 127.0.0.1  ::1  [::1]         an address
/// 10.0.0.0/8  fe80::/10         a network
/// example.com:8080  [::1]:8080  any of them but a network, at one port
/// ```
///
/// What cannot be understood matches nothing: a typing error sends more through the proxy, never less.
///
/// ```
/// use dimorph::{NoProxy, Url};
///
/// let list = NoProxy::new("localhost, .example.org");
/// assert!(list.matches(&Url::parse("http://www.example.org/")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct NoProxy {
    all: bool,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    Name(Pattern),
    Network {
        secure: Option<bool>,
        network: IpNet,
        port: Option<u16>,
    },
}

impl NoProxy {
    /// Makes the list of `NO_PROXY`'s form.
    pub fn new(list: &str) -> NoProxy {
        NoProxy::parse(list)
    }

    /// Reads the list from the environment: `no_proxy`, else `NO_PROXY`; `None` where neither is set.
    pub fn from_env() -> Option<NoProxy> {
        crate::env::no_proxy(&|name| std::env::var_os(name))
    }

    /// Tells whether a URL is to be asked directly; an URL without a host is not.
    ///
    /// ```
    /// use dimorph::{NoProxy, Url};
    ///
    /// let list = NoProxy::new("10.0.0.0/8, example.com:8080");
    /// assert!(list.matches(&Url::parse("http://10.1.2.3/")?));
    /// assert!(list.matches(&Url::parse("http://www.example.com:8080/")?));
    /// assert!(!list.matches(&Url::parse("http://www.example.com/")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matches(&self, url: &Url) -> bool {
        match Location::from_url(url.clone()) {
            Ok(location) => self.bypasses(&location.origin()),
            Err(_) => false,
        }
    }

    /// Parses a comma-separated list.
    pub(crate) fn parse(list: &str) -> NoProxy {
        let items = || list.split(',').map(str::trim);
        NoProxy {
            all: items().any(|item| item == "*"),
            entries: items().filter_map(Entry::parse).collect(),
        }
    }

    /// Tells whether the list has `*`.
    pub(crate) fn bypasses_all(&self) -> bool {
        self.all
    }

    pub(crate) fn bypasses(&self, origin: &Origin<'_>) -> bool {
        if self.all {
            return true;
        }
        if self.entries.is_empty() {
            return false;
        }
        let address = address(origin);
        self.entries
            .iter()
            .any(|entry| entry.matches(origin, address))
    }
}

impl Entry {
    fn parse(item: &str) -> Option<Entry> {
        if item.is_empty() {
            return None;
        }
        let (scheme, rest) = match item.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest.strip_suffix('/').unwrap_or(rest)),
            None => (None, item),
        };
        let secure = match scheme {
            Some(scheme) => scheme_of_url(scheme)?,
            None => None,
        };
        if let Some(network) = network(rest) {
            return Some(Entry::Network {
                secure,
                network,
                port: None,
            });
        }
        let (host, port) = split_port(rest)?;
        let host = if let Some(domain) = host.strip_prefix('.') {
            // The leading dot is decoration, as for curl and HTTPX 0.13.
            HostPattern::AtOrBelow(domain_name(domain)?)
        } else if host.starts_with('*') {
            HostPattern::parse(host)?
        } else {
            match parse_host(host)? {
                Host::Domain(name) if scheme.is_some() => HostPattern::Exact(name),
                Host::Domain(name) => HostPattern::AtOrBelow(name),
                Host::Ipv4(address) => return Some(Entry::address(secure, address.into(), port)),
                Host::Ipv6(address) => return Some(Entry::address(secure, address.into(), port)),
            }
        };
        Some(Entry::Name(Pattern { secure, host, port }))
    }

    fn address(secure: Option<bool>, address: IpAddr, port: Option<u16>) -> Entry {
        Entry::Network {
            secure,
            network: address.to_canonical().into(),
            port,
        }
    }

    fn matches(&self, origin: &Origin<'_>, address: Option<IpAddr>) -> bool {
        match self {
            // A suffix is a matter of names: what stands in brackets has no labels, whatever its zone id says.
            Entry::Name(pattern) => {
                let names = !origin.host.starts_with('[') || pattern.host == HostPattern::Any;
                names && pattern.matches(origin)
            }
            Entry::Network {
                secure,
                network,
                port,
            } => {
                secure.is_none_or(|secure| secure == origin.secure)
                    && port.is_none_or(|port| port == origin.port)
                    && address.is_some_and(|address| {
                        // `::ffff:10.0.0.1` is 10.0.0.1 to the socket, so it is here.
                        network.contains(&address) || network.contains(&address.to_canonical())
                    })
            }
        }
    }
}

fn domain_name(text: &str) -> Option<Box<str>> {
    match parse_host(text)? {
        Host::Domain(name) => Some(name),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Parses an address or a network, with or without brackets.
fn network(text: &str) -> Option<IpNet> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let inner = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address: IpAddr = match inner {
        Some(inner) => IpAddr::V6(inner.parse().ok()?),
        None => address.parse().ok()?,
    };
    let Some(prefix) = prefix else {
        return Some(address.to_canonical().into());
    };
    if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let prefix: u8 = prefix.parse().ok()?;
    let network = IpNet::new(address, prefix).ok()?;
    Some(match (address.to_canonical(), prefix.checked_sub(96)) {
        (IpAddr::V4(mapped), Some(rest)) if address.is_ipv6() => {
            Ipv4Net::new(mapped, rest).ok()?.into()
        }
        _ => network,
    })
}

/// The origin's address, where its host is one.
fn address(origin: &Origin<'_>) -> Option<IpAddr> {
    match origin
        .host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => Some(IpAddr::V6(inner.parse().ok()?)),
        None => Some(IpAddr::V4(origin.host.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;

    fn bypasses(list: &str, url: &str) -> bool {
        NoProxy::parse(list).bypasses(&Location::parse(url).unwrap().origin())
    }

    #[test]
    fn hosts_are_compared_by_whole_labels() {
        let table = [
            ("", "http://example.com", false),
            (",, ,", "http://example.com", false),
            ("example.com,", "http://other.com", false),
            ("*", "http://example.com", true),
            ("a.com , * ", "http://example.com", true),
            ("example.com", "http://example.com:8080", true),
            ("example.com", "https://www.example.com", true),
            ("example.com", "http://notexample.com", false),
            ("example.com", "http://example.com.evil", false),
            ("google.ca", "http://notgoogle.ca", false),
            ("EXAMPLE.com", "http://example.COM", true),
            ("example.com.", "http://example.com", true),
            ("example.com", "http://example.com./", true),
            (".example.com", "http://www.example.com", true),
            (".example.com", "http://example.com", true),
            (".example.com", "http://notexample.com", false),
            ("..example.com", "http://www.example.com", false),
            ("*.example.com", "http://www.example.com", true),
            ("*.example.com", "http://example.com", false),
            ("*example.com", "http://example.com", true),
            ("*example.com", "http://notexample.com", false),
            ("ex*.com", "http://example.com", false),
            (".", "http://example.com", false),
            (".com", "http://example.com", true),
            ("bücher.de", "http://www.xn--bcher-kva.de", true),
            ("a.com b.com", "http://b.com", false),
            ("a\u{fffd}.com", "http://a.com", false),
            ("example.com/path", "http://example.com/path", false),
            ("tom@example.com", "http://example.com", false),
            ("localhost", "http://localhost:3000", true),
            ("localhost", "http://www.localhost", true),
        ];
        for (list, url, expected) in table {
            assert_eq!(bypasses(list, url), expected, "{list:?} {url}");
        }
    }

    #[test]
    fn a_port_and_a_scheme_narrow_an_entry() {
        let table = [
            ("example.com:8080", "http://example.com:8080", true),
            ("example.com:8080", "http://www.example.com:8080", true),
            ("example.com:8080", "http://example.com", false),
            ("example.com:80", "http://example.com", true),
            ("example.com:80", "https://example.com", false),
            ("example.com:", "http://example.com", true),
            ("example.com:x", "http://example.com", false),
            ("*:8080", "http://example.com:8080", true),
            ("*:8080", "http://[::1]:8080", true),
            ("*:8080", "http://example.com", false),
            ("[::1]:8080", "http://[::1]:8080", true),
            ("[::1]:8080", "http://[::1]", false),
            ("10.0.0.1:81", "http://10.0.0.1:81", true),
            ("10.0.0.1:81", "http://10.0.0.1", false),
            ("http://github.com", "http://github.com", true),
            ("http://github.com/", "http://github.com", true),
            ("http://github.com", "https://github.com", false),
            ("http://github.com", "http://api.github.com", false),
            ("https://127.0.0.1", "http://127.0.0.1", false),
            ("https://127.0.0.1", "https://127.0.0.1", true),
            ("all://*.github.com", "https://api.github.com", true),
            ("ftp://github.com", "http://github.com", false),
        ];
        for (list, url, expected) in table {
            assert_eq!(bypasses(list, url), expected, "{list:?} {url}");
        }
    }

    #[test]
    fn addresses_and_networks_are_compared_as_numbers() {
        let table = [
            ("127.0.0.1", "http://127.0.0.1", true),
            ("127.0.0.1", "http://127.1", true),
            ("127.0.0.1", "http://127.0.0.11", false),
            (".0.0.1", "http://127.0.0.1", false),
            ("0.1", "http://127.0.0.1", false),
            ("10.0.0.0/8", "http://10.255.1.2:81", true),
            ("10.1.2.3/8", "http://10.255.1.2", true),
            ("10.0.0.0/8", "http://11.0.0.1", false),
            ("10.0.0.0/8", "http://10.example.com", false),
            ("10.0.0.0/33", "http://10.0.0.0", false),
            ("10.0.0.0/+8", "http://10.0.0.0", false),
            ("10.0.0.0/", "http://10.0.0.0", false),
            ("10.0.0.0/8/8", "http://10.0.0.0", false),
            ("10.0.0.0/8:80", "http://10.0.0.1", false),
            ("0.0.0.0/0", "http://8.8.8.8", true),
            ("0.0.0.0/0", "http://[::1]", false),
            ("0.0.0.0/0", "http://example.com", false),
            ("::1", "http://[::1]:81", true),
            ("[::1]", "http://[0::1]", true),
            ("0:0:0:0:0:0:0:1", "http://[::1]", true),
            ("::1", "http://[::2]", false),
            ("[::1", "http://[::1]", false),
            ("[127.0.0.1]", "http://127.0.0.1", false),
            ("fe80::/10", "http://[fe80::1]", true),
            ("[fe80::]/10", "http://[fe80::1]", true),
            ("fe80::/10", "http://[fec0::1]", false),
            ("fe80::/129", "http://[fe80::]", false),
            ("::/0", "http://[2001:db8::1]", true),
            ("::/0", "http://127.0.0.1", false),
            ("::/0", "http://[::ffff:127.0.0.1]", true),
            ("127.0.0.1", "http://[::ffff:127.0.0.1]", true),
            ("127.0.0.0/8", "http://[::ffff:127.0.0.1]", true),
            ("::ffff:127.0.0.1", "http://127.0.0.1", true),
            ("::ffff:10.0.0.0/104", "http://10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "http://11.1.1.1", false),
            ("::ffff:10.0.0.0/8", "http://10.1.1.1", false),
        ];
        for (list, url, expected) in table {
            assert_eq!(bypasses(list, url), expected, "{list:?} {url}");
        }
    }

    #[test]
    fn prx_10_zone_ids_suffixes_case_and_final_dots() {
        let list = ".example.test,10.0.0.0/8,[::1],localhost,*.x,fe80::1%eth0,[fe80::1%25eth0]";
        let table = [
            ("http://notexample.test/", false),
            ("http://EXAMPLE.test./", true),
            ("http://a.EXAMPLE.test./", true),
            ("http://10.20.30.40/", true),
            ("http://[::1]/", true),
            ("http://LOCALHOST./", true),
            ("http://notlocalhost/", false),
            ("http://a.x/", true),
            ("http://x/", false),
            ("http://ax/", false),
            ("http://[fe80::1]/", false),
        ];
        for (url, expected) in table {
            assert_eq!(bypasses(list, url), expected, "{url}");
        }
        // The URL parser refuses zone ids; even if one came through, its text is no host name.
        assert!(Location::parse("http://[::1%25.example.test]/").is_err());
        let no_proxy = NoProxy::parse(list);
        for host in [
            "[::1%25.example.test]",
            "[::1%.example.test",
            "[fe80::1%eth0]",
        ] {
            let origin = Origin {
                secure: false,
                host,
                port: 80,
            };
            assert!(!no_proxy.bypasses(&origin), "{host}");
        }
    }

    #[test]
    fn hostile_lists_are_read_and_match_nothing() {
        for piece in [
            "[", "]", ":", "://", "/", "*.", ".", "%", "@", "\0", "\u{130}", "xn--", "::",
        ] {
            let list = format!("{piece},{}", piece.repeat(50_000));
            assert!(!bypasses(&list, "http://example.com/"), "{piece:?}");
            assert!(!bypasses(&list, "http://[::1]/"), "{piece:?}");
        }
    }
}
