//! The cookie jar (S5): what responses set, and what requests to the same hosts send back.
//!
//! ```text
//!   set-cookie ─ set_cookie.rs ─ receive.rs ─────────────┐
//!                (attributes)    (may it be stored?)     │
//!                                  │ scope.rs: for whom  ├─ jar.rs: Cookies ─ pairs_for(url)
//!                                  │ date.rs: until when │  (limits, order)
//!   set, load ── given.rs, file.rs ──────────────────────┘
//! ```
//!
//! A cookie, its domain and path match and its expiry are `cookie_store`'s. Everything is checked before it
//! is stored, since that crate takes what a browser would not, and kept here by host, since its own container looks
//! at each domain for each request, knows no order of creation, and sends `Secure` cookies to http://localhost.

mod cookie;
mod date;
mod file;
mod given;
mod jar;
mod receive;
mod refusal;
mod scope;
mod set_cookie;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cookie_store::CookieExpiration;
use http::HeaderMap;
use http::header::{HeaderValue, SET_COOKIE};
use time::OffsetDateTime;
use url::Url;

pub use cookie::Cookie;

use crate::error::{Error, ErrorKind, Result};
use jar::{Jar, Selection};
use refusal::Refusal;

/// A cookie jar: HTTPX's `Cookies`. Cheap to clone; clones share one jar, across threads and clients.
///
/// A jar takes cookies by RFC 6265 with the hardening of its successor, RFC 6265bis:
/// - a cookie goes to the host that set it, or to the subdomains of a `Domain` that this host belongs to; never to IP addresses that
///   merely look alike, to a host name without a dot, or, with the feature `psl`, to all of a public suffix such as `co.uk`;
/// - `Secure` cookies come and go over https only (http://localhost is no exception), and http cannot replace or hide them;
/// - names that begin with `__Secure-` or `__Host-`, in any case, must keep what the prefix promises;
/// - no control characters, at most 4096 bytes of name and value, 50 cookies a domain, 3000 in all (the expired go first, then those that are not `Secure`, then the oldest);
/// - nothing lives longer than 400 days.
///
/// Ports do not matter, and neither does a trailing dot of the host. A cookie without a name is refused. Unlike HTTPX, a cookie
/// without `Domain` is not sent to subdomains.
///
/// `Debug` prints names, domains and paths, never a value: `Cookies[session for example.org/]`.
///
/// # Example
/// ```
/// use dimorph::{Cookies, Url};
///
/// let jar = Cookies::new();
/// jar.set("theme", "dark", "example.org")?;
/// jar.add("session=abc; Path=/app; Secure", &Url::parse("https://example.org/app")?);
/// assert_eq!(jar.get("session")?.as_deref(), Some("abc"));
/// assert_eq!(jar.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Cookies(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many cookies `jar` holds, expired ones included: a client without cookies asks no more than this.
    held: AtomicUsize,
    jar: Mutex<Jar>,
}

impl Cookies {
    /// Makes an empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a session cookie for the path `/`; the same as [`set_with_path`](Self::set_with_path) with `/`.
    ///
    /// # Errors
    /// As for [`set_with_path`](Self::set_with_path).
    pub fn set(
        &self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
        domain: impl AsRef<str>,
    ) -> Result<()> {
        self.set_with_path(name, value, domain, "/")
    }

    /// Sets a session cookie, replacing the one of the same name, domain and path.
    ///
    /// `domain` is a host (`example.org`: that host only), a host with a leading dot (`.example.org`: its
    /// subdomains too) or a URL (`https://example.org/app`: its host only). Unlike HTTPX, an empty domain, which would mean
    /// every host, is refused. A cookie that a prefix of its name says to be `Secure` is; others go over http, too.
    ///
    /// # Errors
    /// `LocalProtocolError` for a control character or `;` in name or value, or `=` in the name. `Builder` for a domain
    /// that is no host, a public suffix or IP address with a leading dot, a path that does not begin with `/`, name and
    /// value of more than 4096 bytes, a `__Host-` name for subdomains or another path than `/`.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::Cookies;
    ///
    /// let jar = Cookies::new();
    /// jar.set_with_path("theme", "dark", ".example.org", "/app")?;
    /// assert_eq!(jar.get_for("theme", ".example.org", Some("/app"))?.as_deref(), Some("dark"));
    /// assert!(jar.set("theme", "dark", "").is_err());
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn set_with_path(
        &self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
        domain: impl AsRef<str>,
        path: impl AsRef<str>,
    ) -> Result<()> {
        let cookie = given::cookie(
            name.as_ref(),
            value.as_ref(),
            domain.as_ref(),
            path.as_ref(),
        )?;
        self.change(|jar| jar.insert(cookie, now()));
        Ok(())
    }

    /// Takes the value of one `set-cookie` field as if `url` had sent it; false: it was refused.
    ///
    /// ```
    /// use dimorph::{Cookies, Url};
    ///
    /// let jar = Cookies::new();
    /// assert!(jar.add("theme=dark", &Url::parse("https://example.org/")?));
    /// assert!(!jar.add("theme=dark; Domain=org", &Url::parse("https://example.org/")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, set_cookie: &str, url: &Url) -> bool {
        let now = now();
        match receive::receive(set_cookie, url, now) {
            Ok(cookie) => self
                .change(|jar| jar.receive(cookie, url.scheme() == "https", now))
                .is_ok(),
            Err(_) => false,
        }
    }

    /// Returns the value of the cookie of this name.
    ///
    /// # Errors
    /// `CookieConflict` when there are several, for different domains or paths: see [`get_for`](Self::get_for).
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::{Cookies, ErrorKind};
    ///
    /// let jar = Cookies::new();
    /// jar.set("theme", "dark", "example.org")?;
    /// assert_eq!(jar.get("theme")?.as_deref(), Some("dark"));
    /// jar.set("theme", "light", "example.com")?;
    /// assert_eq!(jar.get("theme").unwrap_err().kind(), ErrorKind::CookieConflict);
    /// assert_eq!(jar.get_for("theme", "example.com", None)?.as_deref(), Some("light"));
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn get(&self, name: &str) -> Result<Option<String>> {
        self.only(name, Selection::of(Some(name), None, None))
    }

    /// Returns the value of the cookie of this name, domain (a host, `.host` or a URL, as for [`set`](Self::set), where a plain host
    /// also finds the cookies that go to its subdomains) and, where given, path. Names the cookie; it does not ask what a request would send.
    ///
    /// # Errors
    /// `CookieConflict` when there still are several.
    pub fn get_for(&self, name: &str, domain: &str, path: Option<&str>) -> Result<Option<String>> {
        self.only(name, Selection::of(Some(name), Some(domain), path))
    }

    fn only(&self, name: &str, selection: Option<Selection<'_>>) -> Result<Option<String>> {
        let Some(selection) = selection else {
            return Ok(None);
        };
        let now = now();
        let jar = self.read();
        let mut found = jar
            .iter()
            .filter(|c| c.is_live(now) && selection.includes(c));
        let first = found.next();
        if found.next().is_some() {
            return Err(Error::new(
                ErrorKind::CookieConflict,
                format!("several cookies are named `{}`", name.escape_debug()),
            ));
        }
        Ok(first.map(|c| c.value().to_owned()))
    }

    /// Deletes the cookies of this name, of one domain or path where given (as for [`get_for`](Self::get_for)), and returns how many went.
    ///
    /// ```
    /// use dimorph::Cookies;
    ///
    /// let jar = Cookies::new();
    /// jar.set("theme", "dark", "example.org")?;
    /// jar.set("theme", "light", "example.com")?;
    /// assert_eq!(jar.delete("theme", Some("example.org"), None), 1);
    /// assert_eq!(jar.delete("theme", None, None), 1);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn delete(&self, name: &str, domain: Option<&str>, path: Option<&str>) -> usize {
        self.remove(Selection::of(Some(name), domain, path))
    }

    /// Deletes all cookies.
    pub fn clear(&self) {
        self.change(|jar| *jar = Jar::default());
    }

    /// Deletes the cookies of one domain (as for [`get_for`](Self::get_for)) and returns how many went.
    pub fn clear_domain(&self, domain: &str) -> usize {
        self.remove(Selection::of(None, Some(domain), None))
    }

    fn remove(&self, selection: Option<Selection<'_>>) -> usize {
        let Some(selection) = selection else { return 0 };
        let now = now();
        self.change(|jar| jar.remove(&selection, now))
    }

    /// Returns how many cookies the jar has, not counting expired ones.
    pub fn len(&self) -> usize {
        let now = now();
        self.read().iter().filter(|c| c.is_live(now)).count()
    }

    /// Tells whether the jar has no cookie.
    pub fn is_empty(&self) -> bool {
        self.is_certainly_empty() || self.len() == 0
    }

    /// Returns the cookies of this moment, oldest first.
    ///
    /// ```
    /// use dimorph::Cookies;
    ///
    /// let jar = Cookies::new();
    /// jar.set("a", "1", "example.org")?;
    /// jar.set("b", "2", "example.org")?;
    /// let names: Vec<String> = jar.iter().map(|cookie| cookie.name().to_owned()).collect();
    /// assert_eq!(names, ["a", "b"]);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Cookie> + use<> {
        self.snapshot().into_iter()
    }

    fn snapshot(&self) -> Vec<Cookie> {
        let now = now();
        let mut cookies: Vec<Cookie> = self
            .read()
            .iter()
            .filter(|c| c.is_live(now))
            .cloned()
            .collect();
        cookies.sort_by_key(Cookie::created);
        cookies
    }

    /// Saves the cookies that outlive a session, those with a lifetime of their own, to a JSON file.
    ///
    /// The file is replaced in one step: a temporary file beside it, readable to its owner only (mode 0600 on Unix), is written, synced
    /// and renamed. A symbolic link of this name is replaced, not followed. The format:
    ///
    /// ```json
    /// {"version":1,"cookies":[{"name":"session","value":"abc","domain":"example.org","host_only":true,"path":"/",
    ///   "secure":true,"http_only":true,"same_site":"Lax","expires":1893456000}]}
    /// ```
    ///
    /// `expires` is in seconds since 1970, null for a session cookie. Only `name`, `value` and `domain` must be there.
    /// The order is that of creation.
    ///
    /// # Errors
    /// `Builder` when the file cannot be written; the old one then is as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut cookies = self.snapshot();
        cookies.retain(Cookie::is_persistent);
        file::save(path.as_ref(), &file::to_json(&cookies))
    }

    /// Saves all cookies, session cookies too; otherwise as [`save`](Self::save).
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    pub fn save_all(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(path.as_ref(), &self.to_json())
    }

    /// Loads a jar that [`save`](Self::save) or [`save_all`](Self::save_all) wrote.
    ///
    /// Nothing in the file is believed: an entry that [`set`](Self::set) or a response could not have set is left out, and so is one
    /// that has expired. Of more than 3000 entries the last 3000 count.
    ///
    /// # Errors
    /// `Builder` when the file cannot be read, is larger than 64 MiB, or is not of this format; the message names the file and, for bad JSON, line and column.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::{Client, Cookies};
    ///
    /// # let path = std::env::temp_dir().join(format!("dimorph-cookies-{}.json", std::process::id()));
    /// # Cookies::new().save_all(&path)?;
    /// let jar = Cookies::load(&path)?;
    /// let client = Client::builder().cookie_jar(jar.clone()).build()?;
    /// // … requests …
    /// jar.save_all(&path)?;
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Cookies> {
        let path = path.as_ref();
        let text = file::read(path)?;
        Self::read_json(&text, &path.display())
    }

    /// Writes all cookies, session cookies too, in the format of [`save`](Self::save). It contains the values: treat it as a secret.
    ///
    /// ```
    /// use dimorph::Cookies;
    ///
    /// let jar = Cookies::new();
    /// jar.set("theme", "dark", "example.org")?;
    /// let copy = Cookies::from_json(&jar.to_json())?;
    /// assert_eq!(copy.get("theme")?.as_deref(), Some("dark"));
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn to_json(&self) -> String {
        file::to_json(&self.snapshot())
    }

    /// Makes a jar from what [`to_json`](Self::to_json) wrote, with the checks of [`load`](Self::load).
    ///
    /// # Errors
    /// `Builder` when the text is not of this format.
    pub fn from_json(json: &str) -> Result<Cookies> {
        Self::read_json(json, &"the cookies")
    }

    fn read_json(json: &str, place: &dyn fmt::Display) -> Result<Cookies> {
        let now = now();
        let cookies = file::from_json(json, now).map_err(|bad| bad.at(place))?;
        let jar = Cookies::new();
        jar.change(|jar| {
            for cookie in cookies {
                jar.insert(cookie, now);
            }
        });
        Ok(jar)
    }

    /// Tells whether nothing is stored; one atomic load. False may still mean that all has expired.
    pub(crate) fn is_certainly_empty(&self) -> bool {
        // Whoever must see a cookie has heard of its storing already, by a lock or a channel: no ordering is needed here.
        self.0.held.load(Ordering::Relaxed) == 0
    }

    /// What a request to `url` sends: the longest path first, then the oldest (RFC 6265 section 5.4).
    pub(crate) fn pairs_for(&self, url: &Url) -> Vec<(String, String)> {
        if self.is_certainly_empty() {
            return Vec::new();
        }
        self.read().pairs_for(url, now())
    }

    /// Takes every `set-cookie` of a response from `url`.
    pub(crate) fn store(&self, url: &Url, headers: &HeaderMap) {
        let mut fields = headers.get_all(SET_COOKIE).iter().peekable();
        if fields.peek().is_none() {
            return;
        }
        let now = now();
        let secure = url.scheme() == "https";
        let received: Vec<Cookie> = fields
            .filter_map(|field| receive::receive(&text_of(field), url, now).ok())
            .collect();
        self.change(|jar| {
            for cookie in received {
                // A refused cookie is not an error of the response.
                let _ = jar.receive(cookie, secure, now);
            }
        });
    }

    /// What one response from `url` set, by itself: `response.cookies()`.
    pub(crate) fn of_response(url: &Url, headers: &HeaderMap) -> Cookies {
        let cookies = Cookies::new();
        cookies.store(url, headers);
        cookies
    }

    fn read(&self) -> MutexGuard<'_, Jar> {
        // No code of others runs under the lock, and each change leaves the jar whole.
        self.0.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Jar) -> T) -> T {
        let mut jar = self.read();
        let result = change(&mut jar);
        self.0.held.store(jar.held(), Ordering::Relaxed);
        result
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies[")?;
        for (index, cookie) in self.snapshot().iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            cookie.describe(f)?;
        }
        f.write_str("]")
    }
}

/// A field's text; what is not UTF-8 is read as Latin-1, as HTTPX does.
fn text_of(field: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(field.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => field
            .as_bytes()
            .iter()
            .map(|&b| char::from(b))
            .collect::<String>()
            .into(),
    }
}

/// The clock of the whole jar, asked once for each call. Everything below takes the time as an argument.
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// An expiry no later than 400 days from now (RFC 6265bis section 5.5).
fn at_most_400_days(at: OffsetDateTime, now: OffsetDateTime) -> CookieExpiration {
    CookieExpiration::AtUtc(at.min(now.saturating_add(time::Duration::days(400))))
}
