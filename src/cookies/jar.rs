//! The cookies by domain, with their limits and their order. It knows no lock, no clock and no file.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use time::OffsetDateTime;
use url::Url;

use super::Refusal;
use super::cookie::Cookie;
use super::scope::{Scope, domains_of, host_of, is_subdomain};

/// How many cookies one domain may have (RFC 6265 section 6.1).
const PER_DOMAIN: usize = 50;
/// How many cookies there may be in all.
pub(super) const IN_ALL: usize = 3000;

#[derive(Default)]
pub(super) struct Jar {
    /// Those for the subdomains and those for the host alone together; none is empty.
    domains: HashMap<String, Vec<Cookie>>,
    held: usize,
    /// The place in the order of creation that the next new cookie gets.
    next: u64,
}

impl Jar {
    /// How many there are, expired ones included.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Cookie> {
        self.domains.values().flatten()
    }

    /// Takes a cookie from a response, which came over https or not.
    pub(super) fn receive(
        &mut self,
        cookie: Cookie,
        https: bool,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        if !https && self.iter().any(|old| shadows(&cookie, old, now)) {
            return Err(Refusal::ShadowsSecure);
        }
        self.insert(cookie, now);
        Ok(())
    }

    /// Puts a cookie in its place; one that has expired empties the place (RFC 6265 section 5.3, steps 11 and 12).
    pub(super) fn insert(&mut self, cookie: Cookie, now: OffsetDateTime) {
        if !cookie.is_live(now) {
            self.remove_where(Some(cookie.domain()), |old| old.is_same(&cookie));
            return;
        }
        let domain = self.domains.entry(cookie.domain().to_owned()).or_default();
        if let Some(old) = domain.iter_mut().find(|old| old.is_same(&cookie)) {
            // The place in the order stays that of the first.
            *old = cookie.created_at(old.created());
            return;
        }
        domain.push(cookie.created_at(self.next));
        self.next += 1;
        self.held += 1;
        if domain.len() > PER_DOMAIN
            && let Some(at) = (0..domain.len()).min_by_key(|&at| rank(&domain[at], now))
        {
            domain.remove(at);
            self.held -= 1;
        }
        // All expired ones go at once, so that a full jar is rarely searched.
        if self.held > IN_ALL && self.remove_where(None, |old| !old.is_live(now)) == 0 {
            let first = self.iter().map(|old| rank(old, now)).min();
            self.remove_where(None, |old| Some(rank(old, now)) == first);
        }
    }

    /// Removes what is selected and returns how many of them had not expired.
    pub(super) fn remove(&mut self, selection: &Selection<'_>, now: OffsetDateTime) -> usize {
        let live = |c: &&Cookie| c.is_live(now) && selection.includes(c);
        let live = self.iter().filter(live).count();
        let domain = selection.scope.as_ref().map(|s| s.domain.as_str());
        self.remove_where(domain, |c| selection.includes(c));
        live
    }

    /// Removes the cookies, of one domain or of all, that `which` picks, and returns how many.
    fn remove_where(&mut self, domain: Option<&str>, which: impl Fn(&Cookie) -> bool) -> usize {
        let before = self.held;
        let mut thin = |cookies: &mut Vec<Cookie>| {
            let len = cookies.len();
            cookies.retain(|c| !which(c));
            self.held -= len - cookies.len();
            !cookies.is_empty()
        };
        match domain {
            None => self.domains.retain(|_, cookies| thin(cookies)),
            Some(domain) => {
                if let Entry::Occupied(mut found) = self.domains.entry(domain.to_owned())
                    && !thin(found.get_mut())
                {
                    found.remove();
                }
            }
        }
        before - self.held
    }

    /// What a request sends: the longest path first, then the oldest (RFC 6265 section 5.4, step 2).
    pub(super) fn pairs_for(&self, url: &Url, now: OffsetDateTime) -> Vec<(String, String)> {
        let Some(host) = host_of(url) else {
            return Vec::new();
        };
        let undotted = (url.host_str() != Some(&host)).then(|| {
            let mut url = url.clone();
            // A host less its trailing dot is still a host.
            let _ = url.set_host(Some(&host));
            url
        });
        let url = undotted.as_ref().unwrap_or(url);
        let mut found: Vec<&Cookie> = domains_of(&host)
            .filter_map(|domain| self.domains.get(domain))
            .flatten()
            .filter(|cookie| cookie.goes_to(url, now))
            .collect();
        found.sort_by_key(|cookie| (Reverse(cookie.path().len()), cookie.created()));
        found
            .into_iter()
            .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
            .collect()
    }
}

/// Who goes first when there is no room: the expired, then what http could have set (so that http cannot push out what
/// is `Secure`), then the oldest.
fn rank(cookie: &Cookie, now: OffsetDateTime) -> (bool, bool, u64) {
    (cookie.is_live(now), cookie.secure(), cookie.created())
}

/// Whether a cookie that came over http would replace `old`, which is `Secure`, or be sent before it where both go (RFC 6265bis section 5.7, step 18).
fn shadows(new: &Cookie, old: &Cookie, now: OffsetDateTime) -> bool {
    let related = |a: &str, b: &str| a == b || is_subdomain(a, b) || is_subdomain(b, a);
    old.secure()
        && old.is_live(now)
        && old.name() == new.name()
        && related(old.domain(), new.domain())
        && path_matches(new.path(), old.path())
}

/// RFC 6265 section 5.1.4, for two paths of cookies; for a request's it is `CookiePath::matches`.
fn path_matches(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || above.ends_with('/') || rest.starts_with('/'))
}

/// Cookies by what the user says of them.
pub(super) struct Selection<'a> {
    name: Option<&'a str>,
    /// A host alone finds the cookies for its subdomains, too; `.host` only those.
    scope: Option<Scope>,
    path: Option<&'a str>,
}

impl<'a> Selection<'a> {
    /// `None`: the domain is none, and nothing can have it.
    pub(super) fn of(
        name: Option<&'a str>,
        domain: Option<&str>,
        path: Option<&'a str>,
    ) -> Option<Self> {
        let scope = match domain {
            Some(domain) => Some(Scope::named(domain)?),
            None => None,
        };
        Some(Selection { name, scope, path })
    }

    pub(super) fn includes(&self, cookie: &Cookie) -> bool {
        let in_scope = |scope: &Scope| {
            scope.domain == cookie.domain() && (scope.host_only || !cookie.host_only())
        };
        self.name.is_none_or(|name| name == cookie.name())
            && self.scope.as_ref().is_none_or(in_scope)
            && self.path.is_none_or(|path| path == cookie.path())
    }
}
