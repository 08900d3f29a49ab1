//! Which root certificates are trusted: the compiled and the system's, a path's, or the environment's.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::error::TlsError;
use super::pem;
use crate::env;

/// Returns the default roots: those compiled in, and the system's with the feature `native-roots`.
///
/// Parsed once per process. Empty when neither feature is on.
pub(super) fn default() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| {
        #[allow(unused_mut, reason = "neither feature may be on")]
        let mut roots = RootCertStore::empty();
        #[cfg(feature = "webpki-roots")]
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        #[cfg(feature = "native-roots")]
        roots.add_parsable_certificates(system::certificates());
        Arc::new(roots)
    }))
}

/// Returns the roots that the environment puts in place of the default ones.
///
/// As in HTTPX: `SSL_CERT_FILE` first, then `SSL_CERT_DIR`, each only if what it names exists.
pub(super) fn from_environment(
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<RootCertStore>, TlsError> {
    if let Some(file) = env::cert_file(env)
        && fs::metadata(&file).is_ok_and(|found| !found.is_dir())
    {
        return from_file(env::SSL_CERT_FILE, &file).map(Some);
    }
    let mut dirs = env::cert_dirs(env);
    dirs.retain(|dir| dir.is_dir());
    match dirs.as_slice() {
        [] => Ok(None),
        [one] => from_dir(env::SSL_CERT_DIR, one).map(Some),
        // Of a list, OpenSSL lets some be empty; one certificate anywhere will do.
        several => {
            let mut roots = RootCertStore::empty();
            let mut failure = None;
            for dir in several {
                match from_dir(env::SSL_CERT_DIR, dir) {
                    Ok(more) => roots.extend(more.roots),
                    Err(error) => failure = Some(error),
                }
            }
            match failure {
                Some(error) if roots.is_empty() => Err(error),
                _ => Ok(Some(roots)),
            }
        }
    }
}

/// Reads the roots in a file, or in the files of a directory.
pub(super) fn from_path(option: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => from_dir(option, path),
        Ok(_) => from_file(option, path),
        Err(error) => Err(unreadable(option, path, &error)),
    }
}

/// Reads a PEM bundle. Broken PEM is an error; a certificate that cannot be a root is left out, since real bundles
/// hold ancient ones, unless nothing else is in the file.
fn from_file(option: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let text = fs::read(path).map_err(|error| unreadable(option, path, &error))?;
    let found = pem::certificates(&text).map_err(|fault| content(option, path, fault))?;
    if found.is_empty() {
        return Err(content(option, path, "holds no certificate"));
    }
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(found) {
        (0, _) => Err(content(
            option,
            path,
            "holds no certificate that can be parsed",
        )),
        _ => Ok(roots),
    }
}

/// Reads every regular file of a directory that is PEM, hashed names and links included; what is not PEM is left out.
fn from_dir(option: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let entries = fs::read_dir(path).map_err(|error| unreadable(option, path, &error))?;
    let mut found: Vec<CertificateDer<'static>> = Vec::new();
    for entry in entries.flatten() {
        let file = entry.path();
        // Not the entry's own type: hashed names are links. A pipe would block.
        if fs::metadata(&file).is_ok_and(|found| found.is_file())
            && let Ok(text) = fs::read(&file)
            && let Ok(more) = pem::certificates(&text)
        {
            found.extend(more);
        }
    }
    // The same certificate under its readable name, its hash, and in the bundle.
    found.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    found.dedup();
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(found) {
        (0, _) => Err(content(option, path, "holds no file with a certificate")),
        _ => Ok(roots),
    }
}

fn unreadable(option: &'static str, path: &Path, error: &std::io::Error) -> TlsError {
    TlsError::Unreadable {
        option,
        path: path.into(),
        reason: error.to_string(),
    }
}

fn content(option: &'static str, path: &Path, fault: impl Into<String>) -> TlsError {
    TlsError::Content {
        option,
        place: format!("`{}`", path.display()),
        fault: fault.into(),
    }
}

/// Whether the crates that read the system's store would find a variable in the process's own environment.
///
/// They read `SSL_CERT_FILE` and `SSL_CERT_DIR` by themselves, whatever `trust_env` says, so with one set they cannot be
/// asked for the system's store. This is the one place that looks at the process: it asks what they would see.
#[cfg(any(feature = "native-roots", feature = "platform-verifier"))]
pub(super) fn environment_would_be_read() -> bool {
    [env::SSL_CERT_FILE, env::SSL_CERT_DIR]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

#[cfg(feature = "native-roots")]
mod system {
    use std::path::Path;

    use rustls::pki_types::CertificateDer;

    /// Returns the system's root certificates; none if it has none.
    pub(super) fn certificates() -> Vec<CertificateDer<'static>> {
        if !super::environment_would_be_read() {
            return rustls_native_certs::load_native_certs().certs;
        }
        let file = FILES.iter().map(Path::new).find(|path| path.exists());
        let dir = DIRS.iter().map(Path::new).find(|path| path.exists());
        rustls_native_certs::load_certs_from_paths(file, dir).certs
    }

    /// Where Unix systems keep the bundle; the first that exists is read.
    const FILES: &[&str] = &[
        "/etc/ssl/certs/ca-certificates.crt", // Debian, Arch, Gentoo
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
        "/etc/ssl/ca-bundle.pem",             // SUSE
        "/etc/ssl/cert.pem",                  // Alpine, the BSDs, macOS
        "/usr/local/etc/ssl/cert.pem",        // FreeBSD
    ];

    /// Where they keep single certificates.
    const DIRS: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs"];
}
