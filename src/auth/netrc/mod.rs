//! Credentials from netrc files: found by host, sent by Basic.

mod lexer;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Auth, AuthFlow, basic};
use crate::error::{Error, Result};
use crate::request::Request;

/// What a netrc file may hold at most.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Sends the credentials that a netrc file has for the request's host: HTTPX's `httpx.NetRCAuth`.
///
/// A request to a host without an entry (and no `default` entry) goes as it is, and so does one whose entry has no
/// password. The file is read once, here. It is understood as Python's `netrc` module understands it: comments, quotes,
/// backslashes and macros included. Its owner and mode are not checked, so keep it to yourself (`chmod 600`).
///
/// ```
/// use dimorph::NetrcAuth;
///
/// let auth = NetrcAuth::from_text("machine example.org login user password \"pass word\"")?;
/// # let _ = auth;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct NetrcAuth {
    netrc: Arc<Netrc>,
}

impl NetrcAuth {
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    /// `Builder`, which names the file, and the line where that is malformed; never what stands there.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use dimorph::{Client, NetrcAuth};
    ///
    /// let client = Client::builder().auth(NetrcAuth::from_file("secrets/netrc")?).build()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<NetrcAuth> {
        let path = path.as_ref();
        let bytes = File::open(path).and_then(read_all).map_err(|error| {
            let path = path.display();
            Error::builder(format!("cannot read the netrc file {path}: {error}")).with_source(error)
        })?;
        NetrcAuth::new(Netrc::parse(&bytes, path))
    }

    /// Takes the text of a file.
    ///
    /// # Errors
    /// `Builder`, which names the line that is malformed.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::NetrcAuth;
    ///
    /// assert!(NetrcAuth::from_text("machine example.org login user password word").is_ok());
    /// let error = NetrcAuth::from_text("machine example.org login").unwrap_err();
    /// assert!(error.to_string().contains("line 1"));
    /// ```
    pub fn from_text(text: &str) -> Result<NetrcAuth> {
        NetrcAuth::new(Netrc::parse(text.as_bytes(), Path::new("")))
    }

    fn new(netrc: Netrc) -> Result<NetrcAuth> {
        match &netrc.error {
            Some(error) => Err(error.to_error()),
            None => Ok(NetrcAuth {
                netrc: Arc::new(netrc),
            }),
        }
    }
}

impl Auth for NetrcAuth {
    fn auth_flow<'a>(&'a self, request: Request) -> AuthFlow<'a> {
        let host = request.url().host_str().unwrap_or_default();
        let header = match self.netrc.lookup(host) {
            Ok(None) => return AuthFlow::once(request),
            Ok(Some((login, password))) => basic::header(login, password),
            Err(error) => Err(error.to_error()),
        };
        basic::authorized(request, header)
    }
}

impl fmt::Debug for NetrcAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetrcAuth({} hosts)", self.netrc.hosts.len())
    }
}

/// A netrc file that was read.
#[derive(Default)]
pub(crate) struct Netrc {
    hosts: HashMap<String, Credentials>,
    default: Option<Credentials>,
    error: Option<NetrcError>,
}

struct Credentials {
    login: String,
    password: String,
}

/// Why a file is malformed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetrcError {
    file: PathBuf,
    line: usize,
    why: &'static str,
}

impl Netrc {
    /// Understands a file; the path is for errors. What stands before a malformed line is kept, and the error.
    pub(crate) fn parse(bytes: &[u8], file: &Path) -> Netrc {
        let cleaned = lexer::clean(bytes);
        let parsed = netrc_rs::Netrc::parse_borrow(&cleaned.text, false)
            .expect("the lexer writes nothing but entries of placeholders");
        let mut netrc = Netrc {
            error: cleaned.bad.map(|bad| NetrcError {
                file: file.to_owned(),
                line: bad.line,
                why: bad.why,
            }),
            ..Netrc::default()
        };
        let value = |placeholder: Option<String>| {
            let value = placeholder.map(|placeholder| cleaned.value(&placeholder));
            value.unwrap_or_default().to_owned()
        };
        for machine in parsed.machines {
            let credentials = Credentials {
                login: value(machine.login),
                password: value(machine.password),
            };
            // The last of several wins, as in Python.
            match machine.name {
                Some(name) => drop(netrc.hosts.insert(key(cleaned.value(&name)), credentials)),
                None => netrc.default = Some(credentials),
            }
        }
        netrc
    }

    /// Finds user name and password for a host, which is given without its port.
    ///
    /// An entry without a password sends nothing; one without a login sends an empty one.
    ///
    /// # Errors
    /// Where the file is malformed, and the host's own entry may come after the bad line.
    pub(crate) fn lookup(&self, host: &str) -> Result<Option<(&str, &str)>, &NetrcError> {
        let found = match (self.hosts.get(&key(host)), &self.error) {
            (Some(found), _) => Some(found),
            (None, Some(error)) => return Err(error),
            (None, None) => self.default.as_ref(),
        };
        Ok(found
            .filter(|found| !found.password.is_empty())
            .map(|found| (&*found.login, &*found.password)))
    }
}

impl fmt::Debug for Netrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Netrc({} hosts)", self.hosts.len())
    }
}

impl NetrcError {
    /// The error of a request, or of whoever named the file.
    pub(crate) fn to_error(&self) -> Error {
        Error::builder(self.to_string())
    }
}

impl fmt::Display for NetrcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the netrc ")?;
        match self.file.as_os_str().is_empty() {
            true => f.write_str("text")?,
            false => write!(f, "file {}", self.file.display())?,
        }
        write!(f, " is malformed in line {}: {}", self.line, self.why)
    }
}

/// A host's name as it is compared: lower case, without brackets and the root's dot, in its ASCII form.
fn key(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.strip_suffix('.').unwrap_or(host);
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return address.to_string();
    }
    // No name is longer than 255 bytes (RFC 1035 section 2.3.4), in any script.
    if host.is_ascii() || host.len() > 1024 {
        return host.to_ascii_lowercase();
    }
    match url::Host::parse(host) {
        Ok(url::Host::Domain(domain)) => domain,
        _ => host.to_ascii_lowercase(),
    }
}

const TOO_LARGE: &str = "it is larger than 1 MiB";

/// Reads the first of the files that exists, and no other.
pub(crate) fn read_first(paths: &[PathBuf]) -> Option<(PathBuf, io::Result<Vec<u8>>)> {
    paths.iter().find_map(|path| match File::open(path) {
        Err(error) if is_absent(error.kind()) => None,
        opened => Some((path.clone(), opened.and_then(read_all))),
    })
}

fn is_absent(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read_all(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST_FILE {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, TOO_LARGE)),
        false => Ok(bytes),
    }
}
