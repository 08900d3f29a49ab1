//! The file: read whole, and written whole beside itself and put in place.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::json::Json;
use crate::error::{BoxError, Error, ErrorKind, Result};

/// More is no recording, but a mistake.
const FILE_LIMIT: u64 = 1 << 30;

/// How far an entry stands to the right.
const INDENT: &str = "\n      ";

/// A HAR file's text, taken apart: the members of `log`, and its entries.
pub(super) struct Parsed {
    pub(super) log: Vec<(String, Json)>,
    pub(super) entries: Vec<Json>,
}

/// Reads a file; `None` where there is none.
pub(super) fn load(path: &Path) -> Result<Option<Parsed>> {
    let fails = |error: io::Error| {
        Error::builder(format!(
            "the recording {} cannot be read: {error}",
            path.display()
        ))
        .with_source(error)
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fails(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(fails)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(not_a_recording(
            path,
            &format!("it has more than {FILE_LIMIT} bytes"),
        ));
    }
    parse(&bytes)
        .map(Some)
        .map_err(|what| not_a_recording(path, &what))
}

pub(super) fn not_a_recording(path: &Path, what: &str) -> Error {
    Error::builder(format!("{} is not a recording: {what}", path.display()))
}

/// Takes a text apart; says what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    // Some exporters write a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file: Json = serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
    let Json::Object(members) = file else {
        return Err("it is not an object".to_owned());
    };
    let log = members.into_iter().rfind(|(name, _)| name == "log");
    let Some((_, Json::Object(mut log))) = log else {
        return Err("it has no `log`".to_owned());
    };
    let at = log.iter().rposition(|(name, _)| name == "entries");
    match at.map(|at| log.remove(at)) {
        Some((_, Json::List(entries))) => {
            log.retain(|(name, _)| name != "entries");
            Ok(Parsed { log, entries })
        }
        _ => Err("`log.entries` is not a list".to_owned()),
    }
}

/// An entry as it stands in the file.
pub(super) fn entry_text(entry: &Json) -> Box<str> {
    // Inside of JSON texts a line break is always an escape.
    entry.pretty().replace('\n', INDENT).into()
}

/// The whole file's text.
pub(super) fn render<'t>(log: &[(String, Json)], entries: impl Iterator<Item = &'t str>) -> String {
    let mut out = String::from("{\n  \"log\": {");
    for (name, value) in log {
        out.push_str("\n    ");
        out.push_str(&Json::text(name.as_str()).compact());
        out.push_str(": ");
        out.push_str(&value.pretty().replace('\n', "\n    "));
        out.push(',');
    }
    out.push_str("\n    \"entries\": [");
    let mut separator = "";
    let mut any = false;
    for entry in entries {
        out.push_str(separator);
        out.push_str(INDENT);
        out.push_str(entry);
        separator = ",";
        any = true;
    }
    out.push_str(if any { "\n    ]" } else { "]" });
    out.push_str("\n  }\n}\n");
    out
}

/// Puts a file in place of the one there may be; nobody ever sees half of it.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    write_beside(path, text).map_err(|error| not_written(path, error))
}

pub(super) fn not_written(path: &Path, error: impl Into<BoxError>) -> Error {
    let error = error.into();
    let path = path.display();
    let message = format!("the recording {path} cannot be written: {error}");
    Error::new(ErrorKind::App, message).with_source(error)
}

fn write_beside(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent()
        && !folder.as_os_str().is_empty()
    {
        fs::create_dir_all(folder)?;
    }
    let beside = beside(&path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // What was private stays private, and what was shared is shared; a new file holds private traffic.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    let written = keep_mode(&path, &file).and_then(|()| file.write_all(text.as_bytes()));
    drop(file);
    let placed = written.and_then(|()| fs::rename(&beside, &path));
    if placed.is_err() {
        // What failed before is what is told.
        let _ = fs::remove_file(&beside);
    }
    placed
}

/// Gives a file the mode of the one whose place it takes.
#[cfg(unix)]
fn keep_mode(path: &Path, file: &File) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_file() => file.set_permissions(there.permissions()),
        _ => Ok(()),
    }
}

/// Elsewhere a file has the rights of its folder.
#[cfg(not(unix))]
fn keep_mode(_path: &Path, _file: &File) -> io::Result<()> {
    Ok(())
}

/// Tells one state of a file from another: every writing is a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    file: (u64, u64),
}

/// The state of the file; `None` where there is none.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let there = fs::metadata(path).ok().filter(|there| there.is_file())?;
    Some(Stamp {
        length: there.len(),
        modified: there.modified().ok(),
        #[cfg(unix)]
        file: {
            use std::os::unix::fs::MetadataExt;
            (there.dev(), there.ino())
        },
    })
}

/// A name in the same folder that nobody else uses.
fn beside(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    hidden.push(format!(".{}.{number}.tmp", std::process::id()));
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_again_as_it_was_read() {
        for text in [
            "{\n  \"log\": {\n    \"entries\": []\n  }\n}\n",
            "{\n  \"log\": {\n    \"version\": \"1.2\",\n    \"pages\": [\n      {}\n    ],\n    \"entries\": [\n      {\n        \"a\": \"\\n\"\n      },\n      1\n    ]\n  }\n}\n",
        ] {
            let parsed = parse(text.as_bytes()).unwrap();
            let entries: Vec<_> = parsed.entries.iter().map(entry_text).collect();
            let again = render(&parsed.log, entries.iter().map(|entry| &**entry));
            assert_eq!(again, text);
        }
    }

    #[test]
    fn what_is_no_recording_is_told_with_its_place() {
        for (bytes, expected) in [
            (
                &b""[..],
                "not JSON: EOF while parsing a value at line 1 column 0",
            ),
            (
                b"{\n  \"log\": {\n    \"entries\": [\n      {",
                "not JSON: EOF while parsing an object at line 4 column 7",
            ),
            (b"{} {}", "not JSON: trailing characters at line 1 column 4"),
            (
                b"\"\xff\"",
                "not JSON: invalid unicode code point at line 1",
            ),
            (b"[]", "it is not an object"),
            (b"{}", "it has no `log`"),
            (b"{\"log\": []}", "it has no `log`"),
            (b"{\"log\": {}}", "`log.entries` is not a list"),
            (
                b"{\"log\": {\"entries\": {}}}",
                "`log.entries` is not a list",
            ),
            (
                &b"[".repeat(200),
                "not JSON: recursion limit exceeded at line 1 column 128",
            ),
        ] {
            let what = parse(bytes).err().unwrap();
            assert!(what.starts_with(expected), "{what}");
        }
        assert!(parse(b"\xef\xbb\xbf{\"log\": {\"entries\": []}}").is_ok());
    }

    #[test]
    fn a_file_is_put_in_place_as_a_whole_and_nothing_stays_beside_it() {
        let folder = std::env::temp_dir().join(format!("dimorph-file-{}", std::process::id()));
        let path = folder.join("deep/er/tape.har");
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1);
        // A folder stands where the file is to go.
        let error = replace(&folder.join("deep"), "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::App);
        assert!(
            error.to_string().contains("deep cannot be written: "),
            "{error}"
        );
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_private_and_one_that_was_there_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("dimorph-mode-{}", std::process::id()));
        let path = folder.join("tape.har");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        replace(&path, "one").unwrap();
        assert_eq!(mode(), 0o600);
        for kept in [0o644, 0o640, 0o600, 0o400, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
            replace(&path, "two").unwrap();
            assert_eq!(mode(), kept);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
