//! Which cryptography is used: the one given, else ring, else aws-lc-rs.
//!
//! Never the process's default provider: with two compiled in rustls would panic for want of one, and a library has no
//! business installing it.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::error::TlsError;

/// Returns the provider to use.
pub(super) fn choose(given: Option<&Arc<CryptoProvider>>) -> Result<Arc<CryptoProvider>, TlsError> {
    match given {
        Some(provider) => Ok(Arc::clone(provider)),
        None => compiled().ok_or(TlsError::NoProvider),
    }
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
fn compiled() -> Option<Arc<CryptoProvider>> {
    use std::sync::OnceLock;
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        #[cfg(feature = "ring")]
        let provider = rustls::crypto::ring::default_provider();
        #[cfg(not(feature = "ring"))]
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Arc::new(x25519_first(provider))
    });
    Some(Arc::clone(provider))
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn compiled() -> Option<Arc<CryptoProvider>> {
    None
}

/// Puts X25519 at the head of the key exchange groups, the one for which a share is sent.
///
/// The post-quantum hybrid costs 39 % of a handshake, and any crate in the build can put it first by switching on
/// rustls' `prefer-post-quantum`. It stays in the list, for servers that ask for it.
#[cfg(any(feature = "ring", feature = "aws-lc-rs", test))]
pub(super) fn x25519_first(mut provider: CryptoProvider) -> CryptoProvider {
    // A stable sort keeps the order of the rest.
    provider
        .kx_groups
        .sort_by_key(|group| group.name() != rustls::NamedGroup::X25519);
    provider
}
