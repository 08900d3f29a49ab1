//! The variables that OpenSSL and its users know.

use std::path::PathBuf;

use super::{Env, path};

/// A PEM bundle that replaces the default roots, if the file exists.
pub(crate) const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
/// Directories of PEM files that replace the default roots, if there is no such file and a directory exists.
pub(crate) const SSL_CERT_DIR: &str = "SSL_CERT_DIR";
/// The file to which the secrets of each TLS session are appended.
pub(crate) const SSLKEYLOGFILE: &str = "SSLKEYLOGFILE";

/// Returns the path in `SSL_CERT_FILE`.
pub(crate) fn cert_file(env: Env<'_>) -> Option<PathBuf> {
    path(env, SSL_CERT_FILE)
}

/// Returns the paths in `SSL_CERT_DIR`: a list with the platform's separator, as OpenSSL reads it.
pub(crate) fn cert_dirs(env: Env<'_>) -> Vec<PathBuf> {
    match env(SSL_CERT_DIR) {
        Some(list) => std::env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        None => Vec::new(),
    }
}

/// Tells whether any of the three names something.
pub(crate) fn has_tls_files(env: Env<'_>) -> bool {
    [SSL_CERT_FILE, SSL_CERT_DIR, SSLKEYLOGFILE]
        .iter()
        .any(|name| path(env, name).is_some())
}

/// Returns the path in `SSLKEYLOGFILE`.
pub(crate) fn key_log_file(env: Env<'_>) -> Option<PathBuf> {
    path(env, SSLKEYLOGFILE)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let table: [(Option<&str>, Option<&str>); 3] =
            [(None, None), (Some(""), None), (Some("a b"), Some("a b"))];
        for (value, expected) in table {
            let env = |_: &str| value.map(OsString::from);
            assert_eq!(cert_file(&env), expected.map(PathBuf::from), "{value:?}");
            assert_eq!(key_log_file(&env), expected.map(PathBuf::from), "{value:?}");
        }
    }

    #[test]
    fn each_variable_is_asked_by_its_own_name() {
        let env = |name: &str| Some(OsString::from(name));
        assert_eq!(cert_file(&env), Some("SSL_CERT_FILE".into()));
        assert_eq!(cert_dirs(&env), [PathBuf::from("SSL_CERT_DIR")]);
        assert_eq!(key_log_file(&env), Some("SSLKEYLOGFILE".into()));
    }

    #[cfg(unix)]
    #[test]
    fn the_directory_variable_is_a_list() {
        let table: [(&str, &[&str]); 4] = [
            ("", &[]),
            ("/a", &["/a"]),
            ("/a:/b", &["/a", "/b"]),
            (":/a:", &["/a"]),
        ];
        for (value, expected) in table {
            let env = |_: &str| Some(OsString::from(value));
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(cert_dirs(&env), expected, "{value:?}");
        }
    }
}
