//! The session file: cookies, and for each origin the headers and the credentials that were given for it.
//!
//! ```json
//! {"dimorph-session": 1,
//!  "cookies": {"version": 1, "cookies": [{"name": "id", "value": "1", "domain": "example.org", …}]},
//!  "origins": {"https://example.org": {"headers": [["X-Team", "blue"]], "auth": {"basic": ["tom", "mot123"]}}}}
//! ```

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dimorph::{Cookies, Url};
use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::failure::{Failure, Result, reason};
use crate::plan::{Credentials, Plan};

/// More than a full cookie jar takes.
const FILE_LIMIT: u64 = 64 << 20;
/// Their values belong to one request.
const PASSING: [&str; 5] = ["content-", "if-", "range", "cookie", "host"];

/// A session, read from its file.
pub(crate) struct Session {
    path: PathBuf,
    read_only: bool,
    pub(crate) cookies: Cookies,
    origins: Map<String, Value>,
}

/// What was kept for the origin of a request.
pub(crate) struct Saved {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) auth: Option<Credentials>,
}

impl Saved {
    /// Tells whether a header of this name was kept.
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name);
        names.any(|other| other.eq_ignore_ascii_case(name))
    }
}

impl Session {
    /// Opens the session that the arguments name; a file that is not there yet is an empty one.
    pub(crate) fn open(args: &Args) -> Result<Option<Session>> {
        let read_only = args.session.is_none();
        let Some(path) = args.session.as_ref().or(args.session_read_only.as_ref()) else {
            return Ok(None);
        };
        let mut session = Session {
            path: path.clone(),
            read_only,
            cookies: Cookies::new(),
            origins: Map::new(),
        };
        let shown = path.display();
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if !read_only && folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Failure::usage(format!(
                "the session {shown}: its folder is not there"
            )));
        }
        let meta = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(session)),
            other => other.map_err(|e| Failure::file(format_args!("the session {shown}"), &e))?,
        };
        if meta.is_file() && meta.len() == 0 {
            // As mktemp makes one.
            return Ok(Some(session));
        }
        if meta.len() > FILE_LIMIT {
            return Err(Failure::usage(format!(
                "the session {shown}: it is larger than 64 MiB"
            )));
        }
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::file(format_args!("the session {shown}"), &error))?;
        session
            .read(&text)
            .map_err(|why| Failure::usage(format!("the session {shown}: {why}")))?;
        Ok(Some(session))
    }

    fn read(&mut self, text: &str) -> Result<(), String> {
        let mut whole: Value =
            serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        if whole["dimorph-session"] != 1 {
            return Err("it is no session of version 1".into());
        }
        if let Some(cookies) = whole.get("cookies") {
            self.cookies =
                Cookies::from_json(&cookies.to_string()).map_err(|error| error.to_string())?;
        }
        match whole.get_mut("origins").map(Value::take) {
            Some(Value::Object(origins)) => self.origins = origins,
            None => {}
            Some(_) => return Err("`origins` is no object".into()),
        }
        Ok(())
    }

    /// Returns what was kept for an origin.
    pub(crate) fn saved(&self, url: &Url) -> Saved {
        let entry = self.origins.get(&origin(url));
        let headers = entry
            .and_then(|entry| entry["headers"].as_array())
            .into_iter()
            .flatten()
            .filter_map(|pair| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned())))
            .collect();
        let auth = entry.and_then(|entry| credentials(&entry["auth"]));
        Saved { headers, auth }
    }

    /// Takes the cookies, headers and credentials of the command line in.
    pub(crate) fn remember(&mut self, plan: &mut Plan, url: &Url) -> Result<()> {
        for (name, value) in plan.cookies.drain(..) {
            self.cookies
                .set(name, value, url.as_str())
                .map_err(|error| Failure::usage(error.to_string()))?;
        }
        let mut saved = self.saved(url);
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        saved.headers.retain(|(name, _)| {
            let given = plan.headers.iter().map(|(name, _)| name);
            !given.chain(&plan.removed).any(|other| same(other, name))
        });
        saved.headers.extend(
            plan.headers
                .iter()
                .filter(|(name, _)| is_kept(name))
                .cloned(),
        );
        let auth = plan.auth.clone().or(saved.auth);
        if saved.headers.is_empty() && auth.is_none() {
            self.origins.remove(&origin(url));
            return Ok(());
        }
        let mut entry = json!({ "headers": saved.headers });
        if let Some(auth) = &auth {
            entry["auth"] = match auth {
                Credentials::Basic(user, password) => json!({ "basic": [user, password] }),
                Credentials::Digest(user, password) => json!({ "digest": [user, password] }),
                Credentials::Bearer(token) => json!({ "bearer": token }),
            };
        }
        self.origins.insert(origin(url), entry);
        Ok(())
    }

    /// Writes the file: in one step, and readable to its owner only.
    pub(crate) fn save(&self) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let cookies: Value = serde_json::from_str(&self.cookies.to_json()).unwrap_or(Value::Null);
        let whole = json!({ "dimorph-session": 1, "cookies": cookies, "origins": self.origins });
        // A link stays one: what it leads to is replaced.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        write_atomic(&path, format!("{whole:#}\n").as_bytes()).map_err(|error| {
            Failure::failed(format!(
                "cannot save the session {}: {}",
                self.path.display(),
                reason(&error)
            ))
        })
    }
}

fn is_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !PASSING.iter().any(|start| name.starts_with(start))
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn credentials(value: &Value) -> Option<Credentials> {
    let pair = |kind: &str| {
        let list = value.get(kind)?.as_array()?;
        Some((
            list.first()?.as_str()?.into(),
            list.get(1)?.as_str()?.into(),
        ))
    };
    if let Some((user, password)) = pair("basic") {
        return Some(Credentials::Basic(user, password));
    }
    if let Some((user, password)) = pair("digest") {
        return Some(Credentials::Digest(user, password));
    }
    Some(Credentials::Bearer(value.get("bearer")?.as_str()?.into()))
}

/// Replaces a file in one step by one of mode 0600.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let beside = path.with_file_name(format!(
        ".{}.{}.tmp",
        name.to_string_lossy(),
        std::process::id()
    ));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Left behind by a process that had our number, and was killed.
    let _ = fs::remove_file(&beside);
    let mut file = options.open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    written
        .and_then(|()| fs::rename(&beside, path))
        .inspect_err(|_| {
            // The first error is the one to tell.
            let _ = fs::remove_file(&beside);
        })
}
