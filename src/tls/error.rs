//! What can be wrong with TLS settings, found before any connection is made.

use std::path::PathBuf;

/// A TLS setting that cannot be used. Each message names the option or variable, the file if there is one, and the fault.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum TlsError {
    /// A named file or directory cannot be opened or read.
    #[error("{option}: cannot open `{}`: {reason}", .path.display())]
    Unreadable {
        option: &'static str,
        path: PathBuf,
        reason: String,
    },
    /// A file, directory or text was read and does not hold what the option needs.
    #[error("{option}: {place} {fault}")]
    Content {
        option: &'static str,
        place: String,
        fault: String,
    },
    /// `min_tls_version` is above `max_tls_version`.
    #[error("min_tls_version is above max_tls_version: no TLS version is left")]
    NoVersionLeft,
    /// An option that cannot act on the user's own configuration.
    #[error(
        "{option} has no effect on the rustls::ClientConfig given to verify: set it in that configuration"
    )]
    Conflict { option: &'static str },
    /// No cryptography was compiled in and none was given.
    #[error(
        "https needs a crypto provider: enable the feature `ring` or `aws-lc-rs`, or give one with crypto_provider"
    )]
    NoProvider,
    /// There is nothing to verify a server's certificate against.
    #[error(
        "https needs root certificates and none were found: enable the feature `webpki-roots`, `native-roots` or \
         `platform-verifier`, or give a path to verify"
    )]
    NoRoots,
    /// rustls refused the combination.
    #[error("TLS settings: {0}")]
    Refused(rustls::Error),
}
