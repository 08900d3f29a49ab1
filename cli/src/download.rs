//! Downloads into a file, and going on with those that were interrupted.
//!
//! ```text
//!   FILE has n bytes ── Range: bytes=n-, If-Range: the validator that FILE.resume keeps
//!     206, from byte n      append; what is still missing then is said
//!     2xx else              the whole file, from its beginning
//!     416, n bytes in all   nothing is missing
//!     416 else, other 206   ask once more, for the whole file
//!     anything else         FILE stays as it is
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dimorph::Client;
use dimorph::blocking::Response;
use dimorph::header::{CONTENT_RANGE, ETAG, HeaderName, LAST_MODIFIED};

use crate::args::Args;
use crate::bar::Bar;
use crate::exchange::{self, Upload, named};
use crate::failure::{Failure, OK, Result, reason};
use crate::phases::counted;
use crate::screen::Screen;
use crate::session::write_atomic;
use crate::setup::Setup;
use crate::terminal::field_text;
use crate::watch::Watch;

/// Saves the body of the answer; returns the exit status.
pub(crate) fn run(args: &Args, path: &Path, setup: &mut Setup, screen: &Screen) -> Result<u8> {
    let target = Target::new(path)?;
    target.check()?;
    let mut done = if args.resume { target.length()? } else { 0 };
    let watch = Watch::new(screen.parts, screen.notes.clone(), setup.keeps_alive());
    let client = watch.listen(setup.client(args)).build()?;
    let response = loop {
        let validator = target.validator().filter(|_| done > 0);
        let response = ask(setup, &client, done, validator.as_deref())?;
        match verdict(&response, done, validator.as_deref()) {
            Verdict::Whole => {
                done = 0;
                break response;
            }
            Verdict::Rest => break response,
            Verdict::Complete => {
                setup.save_session()?;
                target.forget();
                let bytes = counted(done);
                let shown = path.display();
                Bar::new("", done, Some(done))
                    .finish(&format!("{shown} has all {bytes} bytes already"));
                return Ok(OK);
            }
            Verdict::Anew => done = 0,
            Verdict::Refused if args.resume || args.check_status => {
                setup.save_session()?;
                exchange::head(&response, screen, false)?;
                return Err(Failure::failed(format!(
                    "the answer is {}; nothing was written to {}",
                    named(&response),
                    path.display()
                )));
            }
            Verdict::Refused => break response,
        }
    };
    setup.save_session()?;
    exchange::head(&response, screen, true)?;
    save(response, &target, done)?;
    exchange::times(&watch, screen)?;
    Ok(OK)
}

/// Asks for the file, from byte `done` on.
fn ask(setup: &mut Setup, client: &Client, done: u64, validator: Option<&str>) -> Result<Response> {
    let upload = Upload::new(&setup.plan.payload);
    let mut request = upload.counted(setup.request(client)?);
    if done > 0 {
        request = request.header("range", format!("bytes={done}-"));
    }
    if let Some(validator) = validator {
        request = request.header("if-range", validator);
    }
    let response = request.send();
    upload.clear();
    Ok(response?)
}

enum Verdict {
    Whole,
    Rest,
    Complete,
    Anew,
    Refused,
}

fn verdict(response: &Response, done: u64, validator: Option<&str>) -> Verdict {
    let range = response.headers().get(CONTENT_RANGE);
    let range = range.map(|value| field_text(value.as_bytes()));
    let range = range
        .as_deref()
        .and_then(|value| value.strip_prefix("bytes "));
    match (response.status().as_u16(), range) {
        (206, Some(range))
            if done > 0
                && starts_at(range, done)
                && !response.is_decoded()
                && validator.is_none_or(|validator| still_has(response, validator)) =>
        {
            Verdict::Rest
        }
        (206, _) if done > 0 => Verdict::Anew,
        // Byte `done` is behind the last one (RFC 9110 section 15.5.17).
        (416, Some(range)) if done > 0 && range == format!("*/{done}") => Verdict::Complete,
        (416, _) if done > 0 => Verdict::Anew,
        _ if response.is_success() => Verdict::Whole,
        _ => Verdict::Refused,
    }
}

/// Tells whether the answer is of the version that was asked for: there are servers that know ranges, and not `If-Range`.
fn still_has(response: &Response, validator: &str) -> bool {
    let name = match validator.starts_with('"') {
        true => ETAG,
        false => LAST_MODIFIED,
    };
    let value = response.headers().get(name);
    value.is_none_or(|value| value.as_bytes() == validator.as_bytes())
}

/// Reads the first number of `500-999/1000`.
fn starts_at(range: &str, done: u64) -> bool {
    let first = range.split('-').next().unwrap_or("");
    first.parse() == Ok(done)
}

/// Reads the last number of `500-599/1000`: a server may send less than it was asked for (RFC 9110 section 15.3.7).
fn whole_length(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit_once('/')?.1.trim().parse().ok()
}

/// Writes the body behind the `done` bytes that are there. Each piece is written at once: whatever interrupts, what came is in the file.
fn save(mut response: Response, target: &Target, done: u64) -> Result<()> {
    let name = target.name();
    let failed = |error: &io::Error| {
        Failure::failed(format!(
            "cannot write {}: {}",
            target.path.display(),
            reason(error)
        ))
    };
    let mut file = target.open(done > 0).map_err(|error| failed(&error))?;
    if done == 0 {
        target.remember(&response);
    }
    let whole = if done > 0 {
        whole_length(&response)
    } else {
        None
    };
    let total = response.content_length().filter(|_| !response.is_decoded());
    let bar = Bar::new(&name, done, total.map(|rest| done.saturating_add(rest)));
    let mut written = done;
    loop {
        match response.chunk() {
            Ok(Some(piece)) => {
                file.write_all(&piece).map_err(|error| failed(&error))?;
                written += piece.len() as u64;
                bar.set(written);
            }
            Ok(None) => break,
            Err(error) => {
                bar.finish("");
                let failure = Failure::from(error);
                return Err(Failure::failed(format!(
                    "{}\n{} has {} bytes; --continue goes on from there",
                    failure.message,
                    target.path.display(),
                    counted(written)
                )));
            }
        }
    }
    if let Some(whole) = whole.filter(|whole| *whole > written) {
        bar.finish("");
        return Err(Failure::failed(format!(
            "the server sent a part of the rest\n{} has {} of {} bytes; --continue goes on from there",
            target.path.display(),
            counted(written),
            counted(whole)
        )));
    }
    target.forget();
    bar.finish(&format!(
        "Saved {} bytes to {}",
        counted(written),
        target.path.display()
    ));
    Ok(())
}

/// The file, and the one beside it that says of which version its beginning is.
struct Target {
    path: PathBuf,
    beside: PathBuf,
}

impl Target {
    fn new(path: &Path) -> Result<Target> {
        let shown = path.display();
        let is_folder = path.is_dir()
            || path
                .as_os_str()
                .to_string_lossy()
                .ends_with(std::path::is_separator);
        let Some(name) = path.file_name().filter(|_| !is_folder) else {
            return Err(Failure::usage(format!(
                "--download: {shown} is a directory"
            )));
        };
        if name == "-" {
            return Err(Failure::usage(
                "--download: for standard output, leave it out and use a pipe",
            ));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Failure::usage(format!(
                "--download: the folder of {shown} is not there"
            )));
        }
        let mut beside = name.to_owned();
        beside.push(".resume");
        Ok(Target {
            path: path.to_owned(),
            beside: path.with_file_name(beside),
        })
    }

    /// Finds out whether the file can be written, before anything is sent; it stays as it is.
    fn check(&self) -> Result<()> {
        let mut options = OpenOptions::new();
        let opened = match fs::metadata(&self.path) {
            Ok(meta) if meta.is_file() => options.append(true).open(&self.path).map(drop),
            Ok(_) => Ok(()),
            // A link whose file is yet to be made.
            Err(_) if self.path.is_symlink() => Ok(()),
            Err(_) => options
                .write(true)
                .create_new(true)
                .open(&self.path)
                .and_then(|_| fs::remove_file(&self.path)),
        };
        opened.map_err(|error| {
            Failure::file(
                format_args!("--download: cannot write {}", self.path.display()),
                &error,
            )
        })
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// How much is there.
    fn length(&self) -> Result<u64> {
        match fs::metadata(&self.path) {
            Ok(meta) => Ok(meta.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Failure::file(self.path.display(), &error)),
        }
    }

    fn open(&self, append: bool) -> io::Result<File> {
        let mut options = OpenOptions::new();
        match append {
            true => options.append(true),
            false => options.write(true).create(true).truncate(true),
        };
        options.open(&self.path)
    }

    /// What the beginning of the file can be recognized by.
    fn validator(&self) -> Option<String> {
        let text = fs::read_to_string(&self.beside).ok()?;
        let text = text.trim_end();
        // What no header may hold was not written by us.
        let is_field = !text.is_empty() && !text.contains(char::is_control);
        is_field.then(|| text.to_owned())
    }

    /// Keeps the validator of what is written now. A weak one says nothing about bytes (RFC 9110 section 13.1.5).
    fn remember(&self, response: &Response) {
        self.forget();
        let field = |name: HeaderName| response.headers().get(name);
        let strong = field(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
        let is_file = fs::metadata(&self.path).is_ok_and(|meta| meta.is_file());
        if let Some(value) = strong.or(field(LAST_MODIFIED))
            && is_file
            && !response.is_decoded()
            && response.is_success()
        {
            // Without it, going on is less certain, and still possible.
            let _ = write_atomic(&self.beside, value.as_bytes());
        }
    }

    /// The file is whole, or begun anew.
    fn forget(&self) {
        let _ = fs::remove_file(&self.beside);
    }
}
