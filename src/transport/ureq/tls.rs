//! ureq's TLS with our cryptography and roots.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use ureq::tls::{RootCerts, TlsConfig, TlsConfigBuilder};

use crate::error::{Error, Result};

/// The settings of a transport that was told nothing.
pub(super) fn defaults() -> TlsConfigBuilder {
    let tls = TlsConfig::builder();
    let tls = match provider() {
        Some(provider) => tls.unversioned_rustls_crypto_provider(Arc::new(provider)),
        None => tls,
    };
    #[cfg(not(feature = "webpki-roots"))]
    let tls = tls.root_certs(system_roots());
    tls
}

/// ring, else aws-lc-rs, as for the engine.
fn provider() -> Option<CryptoProvider> {
    #[cfg(feature = "ring")]
    return Some(rustls::crypto::ring::default_provider());
    #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
    return Some(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    None
}

/// Without compiled roots the system's, where they may be asked for.
#[cfg(not(feature = "webpki-roots"))]
fn system_roots() -> RootCerts {
    #[cfg(feature = "native-roots")]
    let found = rustls_native_certs::load_native_certs().certs;
    #[cfg(not(feature = "native-roots"))]
    let found: Vec<rustls::pki_types::CertificateDer<'_>> = Vec::new();
    found
        .iter()
        .map(|der| ureq::tls::Certificate::from_der(der).to_owned())
        .into()
}

/// ureq panics over https where it knows no cryptography, or is to use roots that were not compiled in.
pub(super) fn check(tls: &TlsConfig) -> Result<()> {
    let has_provider = cfg!(feature = "ring")
        || tls.unversioned_rustls_crypto_provider().is_some()
        || CryptoProvider::get_default().is_some();
    let has_roots = cfg!(any(feature = "ring", feature = "webpki-roots"))
        || tls.disable_verification()
        || !matches!(tls.root_certs(), RootCerts::WebPki);
    let missing = match (has_provider, has_roots) {
        (true, true) => return Ok(()),
        (false, _) => "a crypto provider",
        (true, false) => "root certificates",
    };
    Err(Error::builder(format!(
        "https through ureq needs {missing}: give them to its TlsConfig"
    )))
}
