//! Redirects: whether they are followed, and what the next request may not carry.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use http::header::{
    AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, WWW_AUTHENTICATE,
};
use url::Url;

use crate::error::BoxError;

/// What a client does about redirects. Default: follow up to ten.
pub struct Policy {
    kind: PolicyKind,
}

enum PolicyKind {
    Custom(Box<dyn Fn(Attempt<'_>) -> Action + Send + Sync>),
    Limit(usize),
    None,
}

/// A redirect that may be followed: where it leads, and the way so far.
#[derive(Debug)]
pub struct Attempt<'a> {
    status: StatusCode,
    next: &'a Url,
    previous: &'a [Url],
}

/// What a policy decided.
#[derive(Debug)]
pub struct Action {
    inner: ActionKind,
}

#[derive(Debug)]
pub(crate) enum ActionKind {
    Follow,
    Stop,
    Error(BoxError),
}

impl Policy {
    /// Follows up to `max` redirects; one more is an error.
    pub fn limited(max: usize) -> Self {
        Policy {
            kind: PolicyKind::Limit(max),
        }
    }

    /// Follows no redirect: the response is returned as it is.
    pub fn none() -> Self {
        Policy {
            kind: PolicyKind::None,
        }
    }

    /// Asks a function about each redirect. There is no limit but the function's.
    ///
    /// ```
    /// use reqwest::redirect::Policy;
    ///
    /// let at_home = Policy::custom(|attempt| {
    ///     if attempt.url().host_str() == Some("example.org") {
    ///         Policy::default().redirect(attempt)
    ///     } else {
    ///         attempt.stop()
    ///     }
    /// });
    /// # let _ = at_home;
    /// ```
    pub fn custom<T>(policy: T) -> Self
    where
        T: Fn(Attempt<'_>) -> Action + Send + Sync + 'static,
    {
        Policy {
            kind: PolicyKind::Custom(Box::new(policy)),
        }
    }

    /// Decides about one redirect; for policies that build on others.
    pub fn redirect(&self, attempt: Attempt<'_>) -> Action {
        match &self.kind {
            PolicyKind::Custom(policy) => policy(attempt),
            // The first URL is the one that was asked for, not a redirect.
            PolicyKind::Limit(max) if attempt.previous.len() > *max => {
                attempt.error(TooManyRedirects)
            }
            PolicyKind::Limit(_) => attempt.follow(),
            PolicyKind::None => attempt.stop(),
        }
    }

    pub(crate) fn check(&self, status: StatusCode, next: &Url, previous: &[Url]) -> ActionKind {
        let attempt = Attempt {
            status,
            next,
            previous,
        };
        self.redirect(attempt).inner
    }

    pub(crate) fn is_default(&self) -> bool {
        matches!(self.kind, PolicyKind::Limit(DEFAULT_LIMIT))
    }
}

const DEFAULT_LIMIT: usize = 10;

impl Default for Policy {
    fn default() -> Self {
        Policy::limited(DEFAULT_LIMIT)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policy").field(&self.kind).finish()
    }
}

impl fmt::Debug for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyKind::Custom(_) => f.pad("Custom"),
            PolicyKind::Limit(max) => f.debug_tuple("Limit").field(max).finish(),
            PolicyKind::None => f.pad("None"),
        }
    }
}

impl<'a> Attempt<'a> {
    /// Returns the status of the redirect.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the URL that it leads to.
    pub fn url(&self) -> &Url {
        self.next
    }

    /// Returns the URLs that were asked so far, the first of them first.
    pub fn previous(&self) -> &[Url] {
        self.previous
    }

    /// Follows it.
    pub fn follow(self) -> Action {
        Action {
            inner: ActionKind::Follow,
        }
    }

    /// Does not follow it: the response is returned as it is.
    pub fn stop(self) -> Action {
        Action {
            inner: ActionKind::Stop,
        }
    }

    /// Ends the request with this error.
    pub fn error<E: Into<Box<dyn StdError + Send + Sync>>>(self, error: E) -> Action {
        Action {
            inner: ActionKind::Error(error.into()),
        }
    }
}

#[derive(Debug)]
struct TooManyRedirects;

impl fmt::Display for TooManyRedirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many redirects")
    }
}

impl StdError for TooManyRedirects {}

/// Removes what is meant for one origin alone where a redirect leaves it. `host` goes too, since it names the old one.
pub(crate) fn remove_sensitive_headers(headers: &mut HeaderMap, next: &Url, previous: &Url) {
    let same_origin = next.scheme() == previous.scheme()
        && next.host_str() == previous.host_str()
        && next.port_or_known_default() == previous.port_or_known_default();
    if same_origin {
        return;
    }
    for name in [
        AUTHORIZATION,
        COOKIE,
        HOST,
        PROXY_AUTHORIZATION,
        WWW_AUTHENTICATE,
    ] {
        headers.remove(name);
    }
    headers.remove("cookie2");
}

/// The `referer` of the next request; none from `https` to `http` (RFC 9110 section 10.1.3).
pub(crate) fn referer(next: &Url, previous: &Url) -> Option<HeaderValue> {
    if next.scheme() == "http" && previous.scheme() == "https" {
        return None;
    }
    let mut referer = previous.clone();
    // These fail for URLs without a host, which none here is.
    let _ = referer.set_username("");
    let _ = referer.set_password(None);
    referer.set_fragment(None);
    referer.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_limit_counts_redirects_and_not_the_first_request() {
        let next = url("http://x/");
        for (limit, asked, followed) in [(0, 1, false), (1, 1, true), (1, 2, false), (10, 10, true)]
        {
            let previous = vec![url("http://a/"); asked];
            let action = Policy::limited(limit).check(StatusCode::FOUND, &next, &previous);
            assert_eq!(
                matches!(action, ActionKind::Follow),
                followed,
                "{limit} {asked}"
            );
        }
    }

    #[test]
    fn another_origin_gets_no_credentials() {
        let cases = [
            ("http://a/x", "http://a/y", true),
            ("http://a:80/", "http://a/", true),
            ("http://a/", "http://b/", false),
            ("http://a:81/", "http://a/", false),
            ("https://a:8443/", "http://a:8443/", false),
        ];
        let names = [
            "authorization",
            "cookie",
            "cookie2",
            "proxy-authorization",
            "host",
        ];
        for (previous, next, kept) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static("*/*"));
            for name in names {
                headers.insert(name, HeaderValue::from_static("secret"));
            }
            remove_sensitive_headers(&mut headers, &url(next), &url(previous));
            let left = if kept { 1 + names.len() } else { 1 };
            assert_eq!(headers.len(), left, "{previous} {next}");
        }
    }

    #[test]
    fn a_referer_names_no_secrets_and_no_https_page_to_http() {
        let cases = [
            ("http://u:p@a/x?q#f", "http://b/", Some("http://a/x?q")),
            ("https://a/x", "http://b/", None),
            ("https://a/x", "https://b/", Some("https://a/x")),
        ];
        for (previous, next, expected) in cases {
            let value = referer(&url(next), &url(previous));
            assert_eq!(
                value.as_ref().map(|value| value.to_str().unwrap()),
                expected
            );
        }
    }
}
