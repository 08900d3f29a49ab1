//! One authority and one certificate for 127.0.0.1, made for the run; ring for every peer.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::Done;

/// Writes `ca.der`, `cert.der` and `key.der` into the directory.
pub(crate) fn make_certificates(directory: &Path) -> Done {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    fs::write(directory.join("ca.der"), authority.der())?;
    fs::write(directory.join("cert.der"), leaf.der())?;
    fs::write(directory.join("key.der"), key.serialize_der())?;
    Ok(())
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

pub(crate) fn server_config(directory: &Path, http2: bool) -> Done<Arc<ServerConfig>> {
    let chain = vec![CertificateDer::from(fs::read(directory.join("cert.der"))?)];
    let key = PrivateKeyDer::try_from(fs::read(directory.join("key.der"))?)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.ticketer = Ticketer::new()?;
    if http2 {
        config.alpn_protocols = vec![HTTP2.to_vec()];
    }
    Ok(Arc::new(config))
}

/// What is offered by ALPN for HTTP/2, and nothing beside it.
pub(crate) const HTTP2: &[u8] = b"h2";

pub(crate) fn client_config(authority: &[u8], http2: bool) -> Done<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.to_vec()))?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if http2 {
        config.alpn_protocols = vec![HTTP2.to_vec()];
    }
    Ok(Arc::new(config))
}
