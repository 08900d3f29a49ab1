//! One cookie of a jar.

use std::fmt;
use std::sync::LazyLock;
use std::time::SystemTime;

use cookie_store::{CookieDomain, CookieExpiration, CookiePath, RawCookie};
use time::OffsetDateTime;
use url::Url;

use super::Refusal;

/// A cookie of a [`Cookies`](crate::Cookies) jar, as it was when it was asked for.
///
/// `Debug` prints name, domain and path, not the value.
///
/// ```
/// use dimorph::{Cookies, Url};
///
/// let jar = Cookies::new();
/// let url = Url::parse("https://example.org/app")?;
/// jar.add("session=abc; Path=/app; Secure; Max-Age=60", &url);
/// for cookie in jar.iter() {
///     assert_eq!(cookie.name(), "session");
///     assert_eq!((cookie.domain(), cookie.path()), ("example.org", "/app"));
///     assert!(cookie.secure() && cookie.host_only() && cookie.expires().is_some());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Cookie {
    inner: cookie_store::Cookie<'static>,
    same_site: Option<&'static str>,
    /// Its place in the order of creation; the jar gives it.
    created: u64,
}

/// What makes a cookie, with every decision taken.
pub(super) struct Parts<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// Canonical: lower case, punycode, no dot in front or behind.
    pub(super) domain: String,
    pub(super) host_only: bool,
    pub(super) path: CookiePath,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<&'static str>,
    pub(super) expires: CookieExpiration,
}

impl Cookie {
    /// Makes a cookie after the checks that hold wherever it comes from.
    pub(super) fn new(parts: Parts<'_>) -> Result<Self, Refusal> {
        if parts.name.is_empty() {
            return Err(Refusal::Nameless);
        }
        // RFC 6265bis section 5.6, step 5.
        if parts.name.len() + parts.value.len() > 4096 {
            return Err(Refusal::TooLarge);
        }
        // RFC 6265bis section 4.1.3; section 5.7 has user agents compare without regard to case.
        if is_prefixed(parts.name, "__Secure-") && !parts.secure {
            return Err(Refusal::BrokenPrefix);
        }
        if is_prefixed(parts.name, "__Host-")
            && !(parts.secure && parts.host_only && &*parts.path == "/")
        {
            return Err(Refusal::BrokenPrefix);
        }
        let raw = RawCookie::build((parts.name.to_owned(), parts.value.to_owned()))
            .secure(parts.secure)
            .http_only(parts.http_only)
            .build();
        let mut inner = cookie_store::Cookie::try_from_raw_cookie(&raw, &ANY_URL)
            .expect("an https URL may set a cookie without Domain");
        inner.path = parts.path;
        inner.expires = parts.expires;
        inner.domain = if parts.host_only {
            CookieDomain::HostOnly(parts.domain)
        } else {
            CookieDomain::Suffix(parts.domain)
        };
        Ok(Cookie {
            inner,
            same_site: parts.same_site,
            created: 0,
        })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.inner.name()
    }

    /// Returns the value, quotes included.
    pub fn value(&self) -> &str {
        self.inner.value()
    }

    /// Returns the domain: a host name in lower case, without a dot before or after it, or an IP address.
    pub fn domain(&self) -> &str {
        match &self.inner.domain {
            CookieDomain::HostOnly(domain) | CookieDomain::Suffix(domain) => domain,
            CookieDomain::NotPresent | CookieDomain::Empty => "",
        }
    }

    /// Tells whether it goes to the host [`domain`](Self::domain) only, not to the subdomains.
    pub fn host_only(&self) -> bool {
        matches!(self.inner.domain, CookieDomain::HostOnly(_))
    }

    /// Returns the path under which it is sent.
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// Tells whether it goes over https only.
    pub fn secure(&self) -> bool {
        self.inner.secure().unwrap_or(false)
    }

    /// Tells whether it has the attribute `HttpOnly`, which means nothing to an HTTP client.
    pub fn http_only(&self) -> bool {
        self.inner.http_only().unwrap_or(false)
    }

    /// Returns the attribute `SameSite`: `Strict`, `Lax` or `None`. It means nothing to an HTTP client.
    pub fn same_site(&self) -> Option<&str> {
        self.same_site
    }

    /// Returns when it expires, at most 400 days after it was set; `None` for a session cookie.
    pub fn expires(&self) -> Option<SystemTime> {
        match self.inner.expires {
            CookieExpiration::AtUtc(at) => Some(at.into()),
            CookieExpiration::SessionEnd => None,
        }
    }

    pub(super) fn expires_unix(&self) -> Option<i64> {
        match self.inner.expires {
            CookieExpiration::AtUtc(at) => Some(at.unix_timestamp()),
            CookieExpiration::SessionEnd => None,
        }
    }

    pub(super) fn is_persistent(&self) -> bool {
        self.inner.is_persistent()
    }

    pub(super) fn is_live(&self, now: OffsetDateTime) -> bool {
        !self.inner.expires_by(&now)
    }

    /// Whether a request to `url`, its host canonical, sends it. http never sends `Secure` ones, to loopback neither.
    pub(super) fn goes_to(&self, url: &Url, now: OffsetDateTime) -> bool {
        (url.scheme() == "https" || !self.secure()) && self.is_live(now) && self.inner.matches(url)
    }

    /// Whether both have one place in the jar (RFC 6265bis section 5.7, step 23): the newer then replaces the older.
    pub(super) fn is_same(&self, other: &Cookie) -> bool {
        self.name() == other.name()
            && self.path() == other.path()
            && self.inner.domain == other.inner.domain
    }

    pub(super) fn created(&self) -> u64 {
        self.created
    }

    pub(super) fn created_at(mut self, place: u64) -> Self {
        self.created = place;
        self
    }

    /// `session for example.org/`; `.example.org` where it goes to the subdomains.
    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.host_only() { "" } else { "." };
        let (name, path) = (self.name().escape_debug(), self.path().escape_debug());
        write!(f, "{name} for {dot}{}{path}", self.domain())
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie[")?;
        self.describe(f)?;
        f.write_str("]")
    }
}

pub(super) fn is_prefixed(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// cookie_store takes domain and path from a URL; ours are decided before, and put in after.
static ANY_URL: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://example.org/").expect("a literal that is a URL"));
