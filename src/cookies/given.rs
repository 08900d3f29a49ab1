//! A cookie that the user sets.

use cookie_store::{CookieExpiration, CookiePath};

use super::cookie::{Cookie, Parts, is_prefixed};
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::merge::check_cookie;

/// Makes the cookie of `Cookies::set_with_path`.
pub(super) fn cookie(name: &str, value: &str, domain: &str, path: &str) -> Result<Cookie> {
    check_cookie(name, value)?;
    let scope = Scope::named(domain).ok_or_else(|| {
        // Userinfo of a URL is not repeated.
        let domain = domain.rsplit('@').next().unwrap_or("").escape_debug();
        Error::builder(format!(
            "a cookie's domain cannot be `{domain}`: a host, `.host` or an http URL is"
        ))
    })?;
    scope.check().map_err(|refusal| refusal.into_error(name))?;
    let path = self::path(path).ok_or_else(|| {
        Error::builder(
            "a cookie's path begins with `/`, has at most 1024 bytes and no control character",
        )
    })?;
    Cookie::new(Parts {
        name,
        value,
        domain: scope.domain,
        host_only: scope.host_only,
        path,
        // Nobody would want `set` to fail for the want of a parameter that it does not have.
        secure: is_prefixed(name, "__Secure-") || is_prefixed(name, "__Host-"),
        http_only: false,
        same_site: None,
        expires: CookieExpiration::SessionEnd,
    })
    .map_err(|refusal| refusal.into_error(name))
}

/// A path that a `set-cookie` could have named.
pub(super) fn path(text: &str) -> Option<CookiePath> {
    let fits = text.len() <= 1024 && !text.bytes().any(|b| b == b';' || b.is_ascii_control());
    fits.then(|| CookiePath::parse(text)).flatten()
}
