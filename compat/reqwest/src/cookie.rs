//! Cookies: what a store is, and one to begin with.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// Keeps cookies for a client and gives them back.
pub trait CookieStore: Send + Sync {
    /// Stores what the `set-cookie` fields of an answer from `url` say.
    fn set_cookies(&self, cookie_headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url);

    /// Returns the `cookie` field for a request to `url`; `None` where there are no cookies for it.
    fn cookies(&self, url: &Url) -> Option<HeaderValue>;
}

/// A cookie that a response set.
pub struct Cookie<'a>(cookie::Cookie<'a>);

impl<'a> Cookie<'a> {
    fn parse(value: &'a HeaderValue) -> Option<Cookie<'a>> {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        cookie::Cookie::parse(text).ok().map(Cookie)
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Returns the value.
    pub fn value(&self) -> &str {
        self.0.value()
    }

    /// Tells whether it has `HttpOnly`.
    pub fn http_only(&self) -> bool {
        self.0.http_only().unwrap_or(false)
    }

    /// Tells whether it has `Secure`.
    pub fn secure(&self) -> bool {
        self.0.secure().unwrap_or(false)
    }

    /// Tells whether it has `SameSite=Lax`.
    pub fn same_site_lax(&self) -> bool {
        self.0.same_site() == Some(cookie::SameSite::Lax)
    }

    /// Tells whether it has `SameSite=Strict`.
    pub fn same_site_strict(&self) -> bool {
        self.0.same_site() == Some(cookie::SameSite::Strict)
    }

    /// Returns the `Path`, where it has one.
    pub fn path(&self) -> Option<&str> {
        self.0.path()
    }

    /// Returns the `Domain`, where it has one.
    pub fn domain(&self) -> Option<&str> {
        self.0.domain()
    }

    /// Returns the `Max-Age`, where it has one.
    pub fn max_age(&self) -> Option<Duration> {
        // A negative age is one that has passed.
        let age = self.0.max_age()?;
        Some(Duration::try_from(age).unwrap_or_default())
    }

    /// Returns the moment at which it expires; `None` where it names none.
    pub fn expires(&self) -> Option<SystemTime> {
        self.0.expires_datetime().map(SystemTime::from)
    }
}

/// Shows everything but the value.
impl fmt::Debug for Cookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie")
            .field("name", &self.name())
            .field("domain", &self.domain())
            .field("path", &self.path())
            .field("secure", &self.secure())
            .field("http_only", &self.http_only())
            .finish_non_exhaustive()
    }
}

/// A cookie store in memory: what `cookie_store(true)` makes.
///
/// ```
/// use reqwest::Url;
/// use reqwest::cookie::{CookieStore, Jar};
///
/// let jar = Jar::default();
/// let url: Url = "https://shop.test/".parse()?;
/// jar.add_cookie_str("cart=7; Domain=shop.test", &url);
/// assert_eq!(jar.cookies(&url).unwrap(), "cart=7");
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Default)]
pub struct Jar(RwLock<cookie_store::CookieStore>);

impl Jar {
    /// Adds a cookie, written as a `set-cookie` field has it, as if `url` had set it. What does not parse, or may not
    /// be set by `url`, is left out.
    pub fn add_cookie_str(&self, cookie: &str, url: &Url) {
        if let Ok(cookie) = cookie::Cookie::parse(cookie) {
            self.store(std::iter::once(cookie.into_owned()), url);
        }
    }

    fn store(&self, cookies: impl Iterator<Item = cookie::Cookie<'static>>, url: &Url) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .store_response_cookies(cookies, url);
    }
}

impl CookieStore for Jar {
    fn set_cookies(&self, cookie_headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let cookies = cookie_headers.filter_map(|value| Some(Cookie::parse(value)?.0.into_owned()));
        self.store(cookies, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        let store = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut field = String::new();
        for (name, value) in store.get_request_values(url) {
            if !field.is_empty() {
                field.push_str("; ");
            }
            field.push_str(name);
            field.push('=');
            field.push_str(value);
        }
        match field.is_empty() {
            true => None,
            false => HeaderValue::try_from(field).ok(),
        }
    }
}

/// Shows how many cookies there are, and no value.
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Jar")
            .field("cookies", &store.iter_any().count())
            .finish()
    }
}

/// The cookies that a response set; fields that are none are passed over.
pub(crate) fn response_cookies(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    headers.get_all(SET_COOKIE).iter().filter_map(Cookie::parse)
}

/// Hands what a response set over to a store.
pub(crate) fn store(store: &dyn CookieStore, headers: &HeaderMap, url: &Url) {
    let mut fields = headers.get_all(SET_COOKIE).iter().peekable();
    if fields.peek().is_some() {
        store.set_cookies(&mut fields, url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jar_gives_back_what_belongs_to_a_url() {
        let jar = Jar::default();
        let url = Url::parse("http://a.test/x/y").unwrap();
        for cookie in [
            "one=1; Path=/x",
            "two=2; Path=/other",
            "three=3; Secure",
            "four=4; Domain=elsewhere.test",
            "no cookie at all",
        ] {
            jar.add_cookie_str(cookie, &url);
        }
        assert_eq!(jar.cookies(&url).unwrap(), "one=1");
        assert_eq!(jar.cookies(&Url::parse("http://b.test/").unwrap()), None);
    }

    #[test]
    fn a_response_cookie_tells_its_attributes_and_debug_hides_the_value() {
        let mut headers = HeaderMap::new();
        headers.append(
            SET_COOKIE,
            HeaderValue::from_static(
                "sid=s3cret; Path=/; Domain=a.test; Secure; HttpOnly; SameSite=Lax; Max-Age=60",
            ),
        );
        headers.append(
            SET_COOKIE,
            HeaderValue::from_static("old=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=-5"),
        );
        headers.append(SET_COOKIE, HeaderValue::from_static("=nameless"));
        let cookies: Vec<_> = response_cookies(&headers).collect();
        let [sid, old] = cookies.as_slice() else {
            panic!("{cookies:?}")
        };
        assert_eq!((sid.name(), sid.value()), ("sid", "s3cret"));
        assert_eq!((sid.path(), sid.domain()), (Some("/"), Some("a.test")));
        assert!(sid.secure() && sid.http_only() && sid.same_site_lax() && !sid.same_site_strict());
        assert_eq!(sid.max_age(), Some(Duration::from_secs(60)));
        assert_eq!(sid.expires(), None);
        assert_eq!(old.max_age(), Some(Duration::ZERO));
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(old.expires(), Some(then));
        assert!(!format!("{cookies:?}").contains("s3cret"));
    }
}
