//! How a call ends that does not end well.

use std::fmt;
use std::io;

use dimorph::Phase;

use crate::terminal::escaped;

/// Nothing to complain about.
pub(crate) const OK: u8 = 0;
/// The request failed, or `--check-status` met a status.
pub(crate) const FAILED: u8 = 1;
/// The command line was wrong; nothing was sent.
pub(crate) const USAGE: u8 = 2;

/// Why a call ends, and with which status.
pub(crate) struct Failure {
    pub(crate) status: u8,
    /// Nothing is said where this is empty: whoever read standard output went away.
    pub(crate) message: String,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// Something about the command line, or a file that it names.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure {
            status: USAGE,
            message: message.into(),
        }
    }

    /// Something on the way.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Failure {
            status: FAILED,
            message: message.into(),
        }
    }

    /// A file that the command line names.
    pub(crate) fn file(what: impl fmt::Display, error: &io::Error) -> Self {
        Failure::usage(format!("{what}: {}", reason(error)))
    }
}

/// The operating system's words, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// What is bad about the request itself was not sent; everything else failed on its way.
impl From<dimorph::Error> for Failure {
    fn from(error: dimorph::Error) -> Self {
        let status = match error.phase() {
            Some(Phase::Build) => USAGE,
            None if error.is_builder() => USAGE,
            // A redirect may lead to a URL that is none, after something was sent.
            _ => FAILED,
        };
        Failure {
            status,
            // A server's words may be among them.
            message: escaped(&error.to_string()).into_owned(),
        }
    }
}

/// An error of writing the output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure {
                status: OK,
                message: String::new(),
            },
            _ => Failure::failed(format!("cannot write the output: {}", reason(&error))),
        }
    }
}
