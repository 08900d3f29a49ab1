//! Whether what a server sets may be stored, and as what (RFC 6265bis section 5.7, the steps that need no jar).

use cookie_store::{CookieExpiration, CookiePath};
use time::{Duration, OffsetDateTime};
use url::Url;

use super::cookie::{Cookie, Parts, is_prefixed};
use super::scope::{Scope, host_of};
use super::set_cookie::{self, SetCookie};
use super::{Refusal, at_most_400_days};

/// Reads one `set-cookie` of a response from `url`. The host is the URL's: whatever the request's `host` field said does not count.
pub(super) fn receive(text: &str, url: &Url, now: OffsetDateTime) -> Result<Cookie, Refusal> {
    let host = host_of(url).ok_or(Refusal::NotHttp)?;
    let cookie = set_cookie::parse(text)?;
    let scope = Scope::received(&host, cookie.domain)?;
    if cookie.secure && url.scheme() != "https" {
        return Err(Refusal::SecureFromHttp);
    }
    // `__Host-` asks for the attribute Path, not just for its value, and forbids Domain even where it names the host.
    if is_prefixed(cookie.name, "__Host-")
        && (cookie.path.is_none() || cookie.domain.is_some_and(|domain| !domain.is_empty()))
    {
        return Err(Refusal::BrokenPrefix);
    }
    Cookie::new(Parts {
        name: cookie.name,
        value: cookie.value,
        domain: scope.domain,
        host_only: scope.host_only,
        path: match cookie.path {
            Some(path) => CookiePath::new(path, url),
            None => CookiePath::default_path(url),
        },
        secure: cookie.secure,
        http_only: cookie.http_only,
        same_site: cookie.same_site,
        expires: expiry(&cookie, now),
    })
}

/// `Max-Age` counts before `Expires`; one that is not positive is in the past.
fn expiry(cookie: &SetCookie<'_>, now: OffsetDateTime) -> CookieExpiration {
    match (cookie.max_age, cookie.expires) {
        (Some(0), _) => CookieExpiration::AtUtc(OffsetDateTime::UNIX_EPOCH),
        (Some(seconds), _) => at_most_400_days(now.saturating_add(Duration::seconds(seconds)), now),
        (None, Some(at)) => at_most_400_days(at, now),
        (None, None) => CookieExpiration::SessionEnd,
    }
}
