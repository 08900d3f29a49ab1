//! Whom a cookie is for: canonical hosts, the `Domain` attribute, public suffixes (RFC 6265 sections 5.1.2, 5.1.3 and 5.3).

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::Refusal;

/// The hosts that one cookie goes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) domain: String,
    /// Not to the subdomains.
    pub(super) host_only: bool,
}

impl Scope {
    fn host_only(host: &str) -> Self {
        Scope {
            domain: host.to_owned(),
            host_only: true,
        }
    }

    /// The scope of a cookie that `host` sets with this `Domain` (section 5.3, steps 4 to 6).
    pub(super) fn received(host: &str, domain: Option<&str>) -> Result<Self, Refusal> {
        let domain = domain.unwrap_or_default();
        let domain = domain.strip_prefix('.').unwrap_or(domain);
        if domain.is_empty() {
            return Ok(Scope::host_only(host));
        }
        let domain = canonical(domain).ok_or(Refusal::ForeignDomain)?;
        if domain == host {
            // A public suffix may set cookies for itself, as an address may, but for nothing beneath.
            let host_only = is_ip(host) || is_public_suffix(host);
            return Ok(Scope { domain, host_only });
        }
        if !is_subdomain(host, &domain) {
            return Err(Refusal::ForeignDomain);
        }
        if is_public_suffix(&domain) {
            return Err(Refusal::PublicSuffix);
        }
        Ok(Scope {
            domain,
            host_only: false,
        })
    }

    /// The scope that a user names: a host, `.host` or a URL. `None`: no host in it.
    pub(super) fn named(text: &str) -> Option<Self> {
        if text.contains("://") {
            return Some(Scope::host_only(&host_of(&Url::parse(text).ok()?)?));
        }
        let (host, host_only) = match text.strip_prefix('.') {
            Some(host) => (host, false),
            None => (text, true),
        };
        let domain = match host.parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]"),
            Err(_) => undotted(&Host::parse(host).ok()?.to_string())?.to_owned(),
        };
        Some(Scope { domain, host_only })
    }

    /// Whether cookies may have this scope at all.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if !self.host_only && (is_ip(&self.domain) || is_public_suffix(&self.domain)) {
            return Err(Refusal::PublicSuffix);
        }
        Ok(())
    }
}

/// The host of an http or https URL as cookies know it. A trailing dot names the same host, to the resolver as to TLS: so it does here.
pub(super) fn host_of(url: &Url) -> Option<String> {
    let host = undotted(url.host_str()?)?;
    matches!(url.scheme(), "http" | "https").then(|| host.to_owned())
}

/// Whether `host` lies beneath `domain`; addresses have nothing beneath them.
pub(super) fn is_subdomain(host: &str, domain: &str) -> bool {
    let above = host.strip_suffix(domain);
    !domain.is_empty() && above.is_some_and(|rest| rest.ends_with('.')) && !is_ip(host)
}

/// `host` and each domain that it lies beneath, the longest first.
pub(super) fn domains_of(host: &str) -> impl Iterator<Item = &str> {
    let beneath = if is_ip(host) { "" } else { host };
    let parents = beneath.match_indices('.').map(|(at, _)| &beneath[at + 1..]);
    std::iter::once(host).chain(parents)
}

/// Lower case, punycode, no trailing dot. A URL's host already is, so that only what is not ASCII needs IDNA.
fn canonical(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(undotted(domain)?.to_ascii_lowercase());
    }
    Some(undotted(&Host::parse(domain).ok()?.to_string())?.to_owned())
}

/// Less one trailing dot; no host ends in two, or is a dot.
fn undotted(host: &str) -> Option<&str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty() && !host.ends_with('.')).then_some(host)
}

fn is_ip(host: &str) -> bool {
    host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

/// A name without a dot, whatever it is (`com`, `intranet`), or one of the public suffix list.
fn is_public_suffix(domain: &str) -> bool {
    !domain.contains('.') || is_listed(domain)
}

/// Asks the list, which is compiled in: no file, no parsing. A suffix that only its default rule gives is not one (any unknown top level).
#[cfg(feature = "psl")]
fn is_listed(domain: &str) -> bool {
    psl::suffix(domain.as_bytes()).is_some_and(|s| s.is_known() && s == domain.as_bytes())
}

#[cfg(not(feature = "psl"))]
fn is_listed(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_attribute_is_for_the_host_or_its_subdomains_or_refused() {
        let host_only = |domain| Ok((domain, true));
        let subdomains = |domain| Ok((domain, false));
        let foreign = Err(Refusal::ForeignDomain);
        let public = Err(Refusal::PublicSuffix);
        let cases = [
            ("example.org", None, host_only("example.org")),
            ("example.org", Some(""), host_only("example.org")),
            ("example.org", Some("."), host_only("example.org")),
            ("example.org", Some(".."), foreign),
            (
                "example.org",
                Some("example.org"),
                subdomains("example.org"),
            ),
            (
                "example.org",
                Some(".example.org"),
                subdomains("example.org"),
            ),
            ("example.org", Some("..example.org"), foreign),
            ("example.org", Some("example.org.."), foreign),
            (
                "example.org",
                Some("eXample.ORG."),
                subdomains("example.org"),
            ),
            (
                "www.example.org",
                Some("example.org"),
                subdomains("example.org"),
            ),
            ("www.example.org", Some("le.org"), foreign),
            ("www.example.org", Some("org"), public),
            ("www.example.org", Some("org."), public),
            ("example.org", Some("www.example.org"), foreign),
            ("example.org", Some("example.com"), foreign),
            ("badexample.org", Some("example.org"), foreign),
            ("example.org", Some("%65xample.org"), foreign),
            ("example.org", Some("example.org:80"), foreign),
            ("example.org", Some("example.org\u{0}"), foreign),
            (
                "xn--bcher-kva.example",
                Some("B\u{fc}cher.example"),
                subdomains("xn--bcher-kva.example"),
            ),
            (
                "a.xn--bcher-kva.example",
                Some("XN--bcher-KVA.example"),
                subdomains("xn--bcher-kva.example"),
            ),
            ("localhost", Some("localhost"), host_only("localhost")),
            ("localhost", Some("local"), foreign),
            ("127.0.0.1", Some("127.0.0.1"), host_only("127.0.0.1")),
            ("127.0.0.1", Some("0.0.1"), foreign),
            ("127.0.0.1", Some("1"), foreign),
            ("[::1]", Some("[::1]"), host_only("[::1]")),
            ("[::1]", Some("::1"), foreign),
            ("[::1]", Some("1]"), foreign),
        ];
        for (host, domain, expected) in cases {
            let found = Scope::received(host, domain);
            let found = found.as_ref().map(|s| (s.domain.as_str(), s.host_only));
            assert_eq!(found.map_err(|e| *e), expected, "{host} {domain:?}");
        }
    }

    #[test]
    fn a_user_names_a_host_or_its_subdomains_or_a_url() {
        let cases = [
            ("example.org", Some(("example.org", true))),
            ("Example.ORG.", Some(("example.org", true))),
            (".example.org", Some(("example.org", false))),
            (
                "https://Example.org:8000/app?x",
                Some(("example.org", true)),
            ),
            ("http://[::1]:80/", Some(("[::1]", true))),
            ("b\u{fc}cher.example", Some(("xn--bcher-kva.example", true))),
            ("localhost", Some(("localhost", true))),
            ("127.0.0.1", Some(("127.0.0.1", true))),
            ("::1", Some(("[::1]", true))),
            ("[::1]", Some(("[::1]", true))),
            ("", None),
            (".", None),
            ("example.org:80", None),
            ("example.org/app", None),
            ("exa mple.org", None),
            ("example.org\r\n", None),
            ("example.org..", None),
            ("example.org\u{3002}", Some(("example.org", true))),
            ("example.org\u{3002}.", None),
            ("ftp://example.org/", None),
            ("mailto:a@example.org", None),
        ];
        for (text, expected) in cases {
            let found = Scope::named(text);
            let found = found.as_ref().map(|s| (s.domain.as_str(), s.host_only));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[cfg(feature = "psl")]
    #[test]
    fn public_suffixes_are_those_of_the_list() {
        let cases = [
            ("co.uk", true),
            ("example.co.uk", false),
            ("github.io", true),
            ("me.github.io", false),
            ("ck", true),
            ("foo.ck", true),
            ("www.ck", false),
            ("xn--55qx5d.cn", true),
            ("shishi.xn--55qx5d.cn", false),
            ("com", true),
            ("test", true),
            ("a.test", false),
            ("internal", true),
            ("db.internal", false),
        ];
        for (domain, expected) in cases {
            assert_eq!(is_public_suffix(domain), expected, "{domain}");
        }
    }

    #[test]
    fn the_domains_of_a_host_are_its_ends_but_an_address_has_one() {
        let found = |host| domains_of(host).collect::<Vec<_>>();
        assert_eq!(found("a.b.c"), ["a.b.c", "b.c", "c"]);
        assert_eq!(found("localhost"), ["localhost"]);
        assert_eq!(found("127.0.0.1"), ["127.0.0.1"]);
        assert_eq!(found("[::1]"), ["[::1]"]);
    }
}
