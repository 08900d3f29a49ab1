//! The jar as JSON, and that as a file. The format stands at `Cookies::save`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cookie_store::CookieExpiration;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::cookie::{Cookie, Parts};
use super::jar::IN_ALL;
use super::scope::Scope;
use super::{at_most_400_days, given, set_cookie};
use crate::error::{BoxError, Error, Result};
use crate::merge::check_cookie;
use crate::part_file::PartFile;

const VERSION: u64 = 1;
/// More than a full jar of the largest cookies takes.
const FILE_LIMIT: u64 = 64 << 20;

pub(super) fn to_json(cookies: &[Cookie]) -> String {
    let entries: Vec<Value> = cookies.iter().map(entry).collect();
    json!({ "version": VERSION, "cookies": entries }).to_string()
}

fn entry(cookie: &Cookie) -> Value {
    json!({
        "name": cookie.name(),
        "value": cookie.value(),
        "domain": cookie.domain(),
        "host_only": cookie.host_only(),
        "path": cookie.path(),
        "secure": cookie.secure(),
        "http_only": cookie.http_only(),
        "same_site": cookie.same_site(),
        "expires": cookie.expires_unix(),
    })
}

/// Why a text is not a jar's.
pub(super) struct NotAJar {
    what: &'static str,
    source: Option<BoxError>,
}

impl NotAJar {
    fn saying(what: &'static str) -> Self {
        NotAJar { what, source: None }
    }

    pub(super) fn at(self, place: &dyn fmt::Display) -> Error {
        // serde_json says line and column, and nothing of the text.
        match self.source {
            Some(source) => {
                Error::builder(format!("{place}: {}: {source}", self.what)).with_source(source)
            }
            None => Error::builder(format!("{place}: {}", self.what)),
        }
    }
}

/// Reads the entries that could have been set, or received, and have not expired.
pub(super) fn from_json(text: &str, now: OffsetDateTime) -> Result<Vec<Cookie>, NotAJar> {
    let file: Value = serde_json::from_str(text).map_err(|error| NotAJar {
        what: "not JSON",
        source: Some(error.into()),
    })?;
    match file.get("version") {
        Some(version) if version.as_u64() == Some(VERSION) => {}
        Some(_) => return Err(NotAJar::saying("a cookie file of another version than 1")),
        None => return Err(NotAJar::saying("not a cookie file: it has no `version`")),
    }
    let Some(entries) = file.get("cookies").and_then(Value::as_array) else {
        return Err(NotAJar::saying("not a cookie file: `cookies` is no list"));
    };
    let entries = &entries[entries.len().saturating_sub(IN_ALL)..];
    Ok(entries.iter().filter_map(|e| cookie(e, now)).collect())
}

/// One entry, held to what `set` and responses are held to.
fn cookie(entry: &Value, now: OffsetDateTime) -> Option<Cookie> {
    let text = |key: &str| entry.get(key)?.as_str();
    let flag = |key: &str, default| match entry.get(key) {
        None => Some(default),
        Some(value) => value.as_bool(),
    };
    let (name, value) = (text("name")?, text("value")?);
    check_cookie(name, value).ok()?;
    // A domain is written as a plain host; a URL or a leading dot is not of our writing.
    let domain = text("domain").filter(|d| !d.starts_with('.') && !d.contains("://"))?;
    let scope = Scope {
        host_only: flag("host_only", true)?,
        ..Scope::named(domain)?
    };
    scope.check().ok()?;
    let cookie = Cookie::new(Parts {
        name,
        value,
        domain: scope.domain,
        host_only: scope.host_only,
        path: given::path(match entry.get("path") {
            None => "/",
            Some(path) => path.as_str()?,
        })?,
        secure: flag("secure", false)?,
        http_only: flag("http_only", false)?,
        same_site: text("same_site").and_then(set_cookie::same_site),
        expires: match entry.get("expires") {
            None | Some(Value::Null) => CookieExpiration::SessionEnd,
            Some(at) => {
                let at = OffsetDateTime::from_unix_timestamp(at.as_i64()?).ok()?;
                at_most_400_days(at, now)
            }
        },
    });
    cookie.ok().filter(|cookie| cookie.is_live(now))
}

pub(super) fn read(path: &Path) -> Result<String> {
    let read = || {
        let mut text = String::new();
        File::open(path)?
            .take(FILE_LIMIT + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > FILE_LIMIT {
            return Err(io::Error::other("it is larger than 64 MiB"));
        }
        Ok(text)
    };
    read().map_err(|error| failed("read", path, error))
}

/// Replaces the file in one step, by one for its owner only.
pub(super) fn save(path: &Path, text: &str) -> Result<()> {
    let save = || {
        let mut part = PartFile::create_private(path)?;
        part.write(text.as_bytes())?;
        part.place()
    };
    save().map_err(|error| failed("save", path, error))
}

fn failed(verb: &str, path: &Path, error: io::Error) -> Error {
    let path = path.display();
    Error::builder(format!("cannot {verb} the cookies at {path}: {error}")).with_source(error)
}
