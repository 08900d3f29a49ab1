//! The netrc file that the environment names, read once for each client (S13).

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::BasicAuth;
use super::netrc::{Netrc, read_first};
use crate::error::{Error, Phase, Result};

/// Where a client looks for credentials when nobody gave it any. A clone is a reference to the same.
#[derive(Clone)]
pub(crate) struct Source(Option<Arc<Inner>>);

struct Inner {
    paths: Vec<PathBuf>,
    read: OnceLock<File>,
}

enum File {
    None,
    Read(Netrc),
    /// `$NETRC` names a file that cannot be read.
    Unreadable(String),
}

impl Source {
    /// No file at all.
    pub(crate) fn none() -> Self {
        Source(None)
    }

    pub(crate) fn of(paths: Vec<PathBuf>) -> Self {
        Source((!paths.is_empty()).then(|| {
            Arc::new(Inner {
                paths,
                read: OnceLock::new(),
            })
        }))
    }

    /// Tells whether the file was read, or is none of this client's business.
    pub(crate) fn is_read(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|inner| inner.read.get().is_some())
    }

    /// Reads the file unless that was done.
    pub(crate) fn read(&self) {
        if let Some(inner) = &self.0 {
            inner.read.get_or_init(|| inner.read_file());
        }
    }

    /// Tells whether there may be credentials at all, or a fault to speak of.
    pub(crate) fn has_entries(&self) -> bool {
        let file = self.0.as_ref().and_then(|inner| inner.read.get());
        !matches!(file, None | Some(File::None))
    }

    /// The credentials for a host, if the file, which has been read, has any.
    pub(crate) fn find(&self, host: &str) -> Result<Option<BasicAuth>> {
        let bad = |message: String| Err(Error::builder(message).in_phase(Phase::Auth));
        match self.0.as_ref().and_then(|inner| inner.read.get()) {
            None | Some(File::None) => Ok(None),
            Some(File::Unreadable(message)) => bad(message.clone()),
            Some(File::Read(netrc)) => match netrc.lookup(host) {
                Ok(found) => Ok(found.map(|(user, password)| BasicAuth::new(user, password))),
                Err(error) => bad(error.to_string()),
            },
        }
    }
}

impl Inner {
    fn read_file(&self) -> File {
        match read_first(&self.paths) {
            None => File::None,
            Some((path, Ok(text))) => File::Read(Netrc::parse(&text, &path)),
            // A home directory that is closed to this process says nothing; a file that was named should have.
            Some((path, Err(error))) if self.paths.len() == 1 => File::Unreadable(format!(
                "the netrc file {} cannot be read: {error}",
                path.display()
            )),
            Some(_) => File::None,
        }
    }
}
