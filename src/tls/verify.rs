//! How the server's certificate is verified: the option, and the verifiers that rustls lacks.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// How the server's certificate is verified (HTTPX's `verify=`).
///
/// | from | meaning |
/// |---|---|
/// | `true`, the default | against the default roots, or those of `SSL_CERT_FILE` or `SSL_CERT_DIR` under `trust_env` if they exist |
/// | a path | against the certificates in this PEM file, or in the PEM files of this directory, and no others |
/// | a `rustls::ClientConfig` | as that configuration says; it is used as it is, but for ALPN: its names of HTTP versions that the client does not ask for are left out, and where it has none the client's are offered |
/// | `false` | not at all: anyone on the way can read and change what is sent |
///
/// The host name must be among the certificate's subject alternative names; its common name is never used.
///
/// ```
/// use std::sync::Arc;
/// use dimorph::Client;
///
/// let client = Client::builder().verify(true).build()?;
/// assert!(Client::builder().verify("no/such/authorities.pem").build().is_err());
///
/// let provider = Arc::new(rustls::crypto::ring::default_provider());
/// let own = rustls::ClientConfig::builder_with_provider(provider)
///     .with_safe_default_protocol_versions()?
///     .with_root_certificates(rustls::RootCertStore::empty())
///     .with_no_client_auth();
/// let client = Client::builder().verify(own).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Verify(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    DefaultRoots,
    Path(PathBuf),
    Config(Arc<ClientConfig>),
    Nothing,
}

impl Default for Verify {
    fn default() -> Verify {
        Verify(Kind::DefaultRoots)
    }
}

impl From<bool> for Verify {
    fn from(verify: bool) -> Verify {
        Verify(if verify {
            Kind::DefaultRoots
        } else {
            Kind::Nothing
        })
    }
}

impl From<&str> for Verify {
    fn from(path: &str) -> Verify {
        Verify(Kind::Path(path.into()))
    }
}

impl From<String> for Verify {
    fn from(path: String) -> Verify {
        Verify(Kind::Path(path.into()))
    }
}

impl From<&Path> for Verify {
    fn from(path: &Path) -> Verify {
        Verify(Kind::Path(path.into()))
    }
}

impl From<&String> for Verify {
    fn from(path: &String) -> Self {
        path.as_str().into()
    }
}

impl From<&PathBuf> for Verify {
    fn from(path: &PathBuf) -> Self {
        path.as_path().into()
    }
}

impl From<PathBuf> for Verify {
    fn from(path: PathBuf) -> Verify {
        Verify(Kind::Path(path))
    }
}

impl From<Arc<ClientConfig>> for Verify {
    fn from(config: Arc<ClientConfig>) -> Verify {
        Verify(Kind::Config(config))
    }
}

impl From<ClientConfig> for Verify {
    fn from(config: ClientConfig) -> Verify {
        Verify(Kind::Config(Arc::new(config)))
    }
}

impl fmt::Debug for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::DefaultRoots => f.write_str("Verify(true)"),
            Kind::Path(path) => f.debug_tuple("Verify").field(path).finish(),
            Kind::Config(_) => f.write_str("Verify(rustls::ClientConfig)"),
            Kind::Nothing => f.write_str("Verify(false)"),
        }
    }
}

/// `verify(false)`: accepts any certificate.
///
/// The handshake's signature is still checked, so the peer holds the key of the certificate that it shows.
#[derive(Debug)]
pub(super) struct AcceptAny(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Verifies all but the host name.
///
/// The wrapped verifier checks chain, dates, purpose and revocation before the name, so a wrong name is the only thing
/// wrong when it reports one. This holds for webpki's verifier; the systems' verifiers promise no order.
#[derive(Debug)]
pub(super) struct AnyName(pub(super) Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
