//! Redirects: which request comes next, and what it must not carry (RFC 9110 section 15.4).

use std::fmt;

use http::header::{
    AUTHORIZATION, COOKIE, EXPECT, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
};
use http::{Method, StatusCode};
use url::Url;

use crate::auth::Choice;
use crate::client_config::ClientConfig;
use crate::error::{BoxError, Error, ErrorKind, Phase, Result, strip_userinfo};
use crate::location::Location;
use crate::merge;
use crate::request::{RedactedUrl, Request};

/// Decides about each redirect that would be followed.
pub(crate) type Policy = dyn Fn(Attempt<'_>) -> Action + Send + Sync;

/// A redirect that is about to be followed, for a `redirect_policy`.
///
/// ```
/// use dimorph::{Client, transport::Mock};
///
/// let mock = Mock::routes().get("*", (302, [("location", "/login")], ""));
/// let client = Client::builder()
///     .transport(mock)
///     .redirect_policy(|attempt| {
///         println!("{} leads to {}", attempt.status(), attempt.url());
///         if attempt.url().path() == "/login" {
///             return attempt.error("the session has ended");
///         }
///         attempt.follow()
///     })
///     .build()?;
/// let error = client.get("https://example.org/").send().unwrap_err();
/// assert!(error.is_redirect());
/// # Ok::<(), dimorph::Error>(())
/// ```
pub struct Attempt<'a> {
    pub(crate) status: StatusCode,
    pub(crate) next: &'a Url,
    pub(crate) previous: &'a [Url],
}

impl<'a> Attempt<'a> {
    /// Returns the status of the redirect.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns where it leads.
    pub fn url(&self) -> &'a Url {
        self.next
    }

    /// Returns the URLs requested so far, the first one first.
    pub fn previous(&self) -> &'a [Url] {
        self.previous
    }

    /// Follows it.
    pub fn follow(self) -> Action {
        Action(Decision::Follow)
    }

    /// Does not follow it: the redirect is the response.
    pub fn stop(self) -> Action {
        Action(Decision::Stop)
    }

    /// Ends the call with an error: `TooManyRedirects`, whose source is the one given.
    pub fn error(self, error: impl Into<BoxError>) -> Action {
        Action(Decision::Fail(error.into()))
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("status", &self.status)
            .field("url", &RedactedUrl(self.next))
            .finish_non_exhaustive()
    }
}

/// What a `redirect_policy` decided; made by the methods of [`Attempt`].
///
/// ```
/// use dimorph::{Action, Attempt};
///
/// fn within_a_site(attempt: Attempt<'_>) -> Action {
///     match attempt.url().host_str() == attempt.previous()[0].host_str() {
///         true => attempt.follow(),
///         false => attempt.stop(),
///     }
/// }
///
/// let client = dimorph::Client::builder().redirect_policy(within_a_site).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug)]
pub struct Action(pub(crate) Decision);

#[derive(Debug)]
pub(crate) enum Decision {
    Follow,
    Stop,
    Fail(BoxError),
}

/// The statuses that are followed, given a `location`.
pub(crate) fn is_followed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The method of the next request: browsers', as in HTTPX.
fn next_method(method: &Method, status: StatusCode) -> Method {
    let to_get = match status.as_u16() {
        301 => *method == Method::POST,
        302 | 303 => *method != Method::HEAD,
        _ => false,
    };
    if to_get { Method::GET } else { method.clone() }
}

/// Where `target`, which is called `what`, leads, seen from `current`.
fn next_url(current: &Url, target: &[u8], what: &str) -> Result<Url> {
    let bad = |why: &str| {
        let shown = String::from_utf8_lossy(target);
        // First: a cut could take away the `@` that tells them.
        let shown = without_credentials(&shown);
        let shown: String = shown.escape_debug().take(100).collect();
        Error::new(
            ErrorKind::RemoteProtocolError,
            format!("{what} `{shown}` {why}"),
        )
    };
    let text = match std::str::from_utf8(target) {
        Ok(text) => text.trim().to_owned(),
        // Not UTF-8: each byte is its own character, as in HTTPX.
        Err(_) => target.iter().map(|&b| b as char).collect(),
    };
    if text.bytes().any(|b| b.is_ascii_control()) {
        return Err(bad("contains a control character"));
    }
    let mut next = current
        .join(&text)
        .map_err(|error| bad("cannot be followed").with_source(error))?;
    if !matches!(next.scheme(), "http" | "https") {
        let scheme = next.scheme();
        let message = format!("{what} leads to the scheme `{scheme}`, which is not supported");
        return Err(Error::new(ErrorKind::UnsupportedProtocol, message));
    }
    if next.host_str().is_none_or(str::is_empty) {
        return Err(bad("has no host"));
    }
    // Userinfo stays with a relative location, and is never taken from a server's words.
    let same_user = next.username() == current.username() && next.password() == current.password();
    if !(same_user && same_origin(&next, current)) {
        strip_userinfo(&mut next);
    }
    if next.fragment().is_none() {
        next.set_fragment(current.fragment());
    }
    Ok(next)
}

fn without_credentials(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, rest)| rest)
}

fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

/// From http on port 80 to https on port 443 of one host, credentials may go.
fn is_upgrade_to_https(from: &Url, to: &Url) -> bool {
    from.host_str() == to.host_str()
        && (from.scheme(), from.port_or_known_default()) == ("http", Some(80))
        && (to.scheme(), to.port_or_known_default()) == ("https", Some(443))
}

/// Makes the request that follows a redirect, without its body where the method changed.
///
/// # Errors
/// `RemoteProtocolError` or `UnsupportedProtocol` for the location, `BodyNotReplayable` where a reader or stream would have to be sent again.
pub(crate) fn next_request(
    request: &Request,
    status: StatusCode,
    location: &HeaderValue,
    config: Option<&ClientConfig>,
) -> Result<Request> {
    let method = next_method(request.method(), status);
    next_url(
        request.url(),
        location.as_bytes(),
        "the redirect's location",
    )
    .and_then(|url| moved(request, method, url, config))
    .map_err(|error| error.in_phase(Phase::Redirect))
}

/// Makes the request for the next page of a listing, by the link in a response to `request`, or to what redirects made of it: `hops`
/// are the URLs that they led to.
///
/// # Errors
/// As [`next_request`].
pub(crate) fn next_page(
    request: &Request,
    hops: &[&Url],
    target: &str,
    config: &ClientConfig,
) -> Result<Request> {
    let method = match *request.method() {
        Method::HEAD => Method::HEAD,
        _ => Method::GET,
    };
    let own_cookies = (!merge::cookies_are_ours(request))
        .then(|| request.headers().get(COOKIE).cloned())
        .flatten();
    let mut page = None;
    for hop in hops {
        let from = page.as_ref().unwrap_or(request);
        page = Some(moved(from, method.clone(), (*hop).clone(), Some(config))?);
    }
    let from = page.as_ref().unwrap_or(request);
    let mut url = next_url(from.url(), target.as_bytes(), "the link to the next page")?;
    let same = same_origin(from.url(), &url);
    if (same || is_upgrade_to_https(from.url(), &url)) && !has_userinfo(&url) {
        // What a link leaves out is still what the listing was asked for with. Neither fails for a URL with a host.
        let _ = url.set_username(from.url().username());
        let _ = url.set_password(from.url().password());
    }
    let mut next = moved(from, method, url, Some(config))?;
    if let Some(cookies) = own_cookies
        && same
        && hops.iter().all(|hop| same_origin(hop, request.url()))
    {
        next.headers_mut().insert(COOKIE, cookies);
    }
    Ok(next)
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The request at another URL, without what must not go there.
fn moved(
    request: &Request,
    method: Method,
    url: Url,
    config: Option<&ClientConfig>,
) -> Result<Request> {
    let same = same_origin(request.url(), &url);
    let keeps_credentials = same || is_upgrade_to_https(request.url(), &url);

    let mut next = request.without_body();
    let drops_body = method != *request.method();
    if !drops_body {
        next.set_body(request.body().try_clone()?);
    }
    *next.method_mut() = method;
    next.set_location(Location::from_url(url)?);
    if !same && next.options().cookies.is_some() {
        next.options_mut().cookies = None;
    }
    let signed = request
        .headers()
        .get(AUTHORIZATION)
        .is_some_and(is_bound_to_its_url);
    if drops_body || !same || signed || request.headers().contains_key(COOKIE) {
        let headers = next.headers_mut();
        headers.remove(COOKIE);
        if drops_body {
            let content: Vec<HeaderName> = headers
                .keys()
                .filter(|name| name.as_str().starts_with("content-"))
                .cloned()
                .collect();
            for name in content.iter().chain([&TRANSFER_ENCODING, &EXPECT]) {
                headers.remove(name);
            }
        }
        if !same {
            headers.remove(HOST);
            headers.remove(PROXY_AUTHORIZATION);
            for name in config.map_or(&[][..], |config| &config.sensitive_headers) {
                headers.remove(name);
            }
        }
        if !keeps_credentials || signed {
            headers.remove(AUTHORIZATION);
        }
    }
    if !keeps_credentials {
        // Nor may a later `send` of this request bring them back.
        next.options_mut().auth = Choice::Off;
    }
    if let Some(config) = config {
        merge::put_cookies(config, &mut next);
    }
    Ok(next)
}

/// Digest credentials name the URL that they were made for (RFC 7616 section 3.4.3): at another one they are wrong.
fn is_bound_to_its_url(value: &HeaderValue) -> bool {
    let scheme = value.as_bytes().get(..7);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"digest "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, url: &str, fields: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::new(method, url).unwrap();
        for (name, value) in fields {
            request
                .headers_mut()
                .append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn follow(request: &Request, status: u16, location: &'static str) -> Result<Request> {
        let mut config = ClientConfig::plain();
        config.sensitive_headers = vec![HeaderName::from_static("x-key")];
        next_request(
            request,
            StatusCode::from_u16(status).unwrap(),
            &HeaderValue::from_static(location),
            Some(&config),
        )
    }

    #[test]
    fn methods_change_as_browsers_change_them() {
        let cases = [
            (301, "POST", "GET"),
            (301, "PUT", "PUT"),
            (301, "HEAD", "HEAD"),
            (302, "POST", "GET"),
            (302, "PUT", "GET"),
            (302, "HEAD", "HEAD"),
            (303, "DELETE", "GET"),
            (303, "HEAD", "HEAD"),
            (307, "POST", "POST"),
            (308, "PATCH", "PATCH"),
        ];
        for (status, from, to) in cases {
            let method = Method::from_bytes(from.as_bytes()).unwrap();
            assert_eq!(
                next_method(&method, StatusCode::from_u16(status).unwrap()),
                to,
                "{status} {from}"
            );
        }
    }

    #[test]
    fn locations_resolve_against_the_request() {
        let cases = [
            (
                "https://example.org/x/y/z#frag",
                "../w",
                Ok("https://example.org/x/w#frag"),
            ),
            (
                "https://example.org/x?a=1",
                "?b=2",
                Ok("https://example.org/x?b=2"),
            ),
            (
                "https://example.org/x",
                "//example.com/#f",
                Ok("https://example.com/#f"),
            ),
            (
                "https://u:p@example.org/a",
                "/b",
                Ok("https://u:p@example.org/b"),
            ),
            (
                "https://example.org/a",
                "https://u:p@evil.test/b",
                Ok("https://evil.test/b"),
            ),
            (
                "https://example.org/a",
                "https://example.org@evil.test/",
                Ok("https://evil.test/"),
            ),
            (
                "https://example.org/a",
                "https://:443/",
                Err(ErrorKind::RemoteProtocolError),
            ),
            (
                "https://example.org/a",
                "market://details?id=42",
                Err(ErrorKind::UnsupportedProtocol),
            ),
            (
                "https://example.org/a",
                "javascript:alert(1)",
                Err(ErrorKind::UnsupportedProtocol),
            ),
        ];
        for (from, location, expected) in cases {
            let next = follow(&request(Method::GET, from, &[]), 302, location);
            match expected {
                Ok(url) => assert_eq!(next.unwrap().url().as_str(), url),
                Err(kind) => assert_eq!(next.unwrap_err().kind(), kind, "{location}"),
            }
        }
    }

    #[test]
    fn a_bad_location_is_shown_without_credentials() {
        let long: &'static str = format!("https://tom:{}@:443/", "mot123".repeat(30)).leak();
        for location in ["https://tom:mot123@:443/", long] {
            let request = request(Method::GET, "https://example.org/", &[]);
            let error = follow(&request, 302, location).unwrap_err().to_string();
            assert!(
                error.contains(":443/") && !error.contains("mot123"),
                "{error}"
            );
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let fields = [
            ("authorization", "abc"),
            ("cookie", "h=1"),
            ("x-key", "k"),
            ("proxy-authorization", "p"),
            ("x-other", "o"),
            ("host", "alias"),
        ];
        type Row<'a> = (&'a str, &'static str, &'a [&'a str]);
        let cases: [Row<'_>; 6] = [
            (
                "https://example.org/a",
                "/b",
                &[
                    "authorization",
                    "host",
                    "proxy-authorization",
                    "x-key",
                    "x-other",
                ],
            ),
            (
                "https://EXAMPLE.org/a",
                "https://example.org:443/b",
                &[
                    "authorization",
                    "host",
                    "proxy-authorization",
                    "x-key",
                    "x-other",
                ],
            ),
            (
                "https://example.org/a",
                "https://example.org:8443/b",
                &["x-other"],
            ),
            (
                "https://example.org/a",
                "http://example.org/b",
                &["x-other"],
            ),
            (
                "https://example.org/a",
                "https://notexample.org/b",
                &["x-other"],
            ),
            (
                "http://example.org/a",
                "https://example.org/b",
                &["authorization", "x-other"],
            ),
        ];
        for (from, location, kept) in cases {
            let next = follow(&request(Method::GET, from, &fields), 302, location).unwrap();
            let mut names: Vec<&str> = next.headers().keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, kept, "{from} to {location}");
        }
    }

    #[test]
    fn a_changed_method_drops_the_body_and_what_describes_it() {
        let mut post = request(
            Method::POST,
            "http://h.test/",
            &[
                ("content-type", "text/x"),
                ("content-language", "en"),
                ("expect", "100-continue"),
                ("x-a", "1"),
            ],
        );
        post.set_body("body".into());
        let next = follow(&post, 303, "/b").unwrap();
        assert_eq!(next.headers().len(), 1);
        assert_eq!(next.content(), Some(&b""[..]));
        let kept = follow(&post, 307, "/b").unwrap();
        assert_eq!(
            (kept.headers().len(), kept.content()),
            (4, Some(&b"body"[..]))
        );
        post.set_body(crate::body::Body::from_reader(std::io::empty()));
        assert_eq!(
            follow(&post, 308, "/b").unwrap_err().kind(),
            ErrorKind::BodyNotReplayable
        );
        assert!(follow(&post, 303, "/b").is_ok());
    }
}
