//! TLS: certificates, identities, and how a client uses them.
//!
//! TLS is rustls' here, whichever feature asks for it. Unless told otherwise a client trusts what the operating system
//! trusts, and speaks TLS 1.2 and 1.3.

use std::fmt;

use rustls_pki_types::pem::{self, PemObject as _, SectionKind};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::error;

mod options;
mod verifiers;

pub(crate) use options::Options;

/// A certificate to trust.
#[derive(Clone)]
pub struct Certificate(Encoded);

#[derive(Clone)]
enum Encoded {
    Der(CertificateDer<'static>),
    /// One or more, looked into when the client is built.
    Pem(Vec<u8>),
}

impl Certificate {
    /// Takes a certificate in DER.
    ///
    /// # Errors
    /// None yet: what is no certificate shows when the client is built.
    pub fn from_der(der: &[u8]) -> crate::Result<Certificate> {
        Ok(Certificate(Encoded::Der(der.to_vec().into())))
    }

    /// Takes a certificate in PEM.
    ///
    /// # Errors
    /// None yet: what is no certificate shows when the client is built.
    pub fn from_pem(pem: &[u8]) -> crate::Result<Certificate> {
        Ok(Certificate(Encoded::Pem(pem.to_vec())))
    }

    /// Takes each certificate of a PEM file.
    ///
    /// # Errors
    /// A builder error for what is no PEM.
    pub fn from_pem_bundle(pem_bundle: &[u8]) -> crate::Result<Vec<Certificate>> {
        let ders = certificates(pem_bundle)?;
        Ok(ders
            .into_iter()
            .map(|der| Certificate(Encoded::Der(der)))
            .collect())
    }

    fn to_ders(&self) -> crate::Result<Vec<CertificateDer<'static>>> {
        match &self.0 {
            Encoded::Der(der) => Ok(vec![der.clone()]),
            Encoded::Pem(pem) => certificates(pem),
        }
    }
}

fn certificates(pem: &[u8]) -> crate::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| error::builder("invalid certificate encoding"))
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish()
    }
}

/// The client's own certificate, with its key.
pub struct Identity {
    key: PrivateKeyDer<'static>,
    chain: Vec<CertificateDer<'static>>,
}

impl Identity {
    /// Takes a private key (PKCS #1, PKCS #8 or SEC 1) and its certificates, the client's own first, from one PEM file.
    ///
    /// # Errors
    /// A builder error where the file is no PEM, or lacks either, or holds anything else.
    pub fn from_pem(buf: &[u8]) -> crate::Result<Identity> {
        let mut rest = buf;
        let mut key = None;
        let mut chain = Vec::new();
        while let Some((kind, der)) =
            pem::from_buf(&mut rest).map_err(|_| refused("Invalid identity PEM file"))?
        {
            match kind {
                SectionKind::Certificate => chain.push(der.into()),
                SectionKind::PrivateKey => key = Some(PrivateKeyDer::Pkcs8(der.into())),
                SectionKind::RsaPrivateKey => key = Some(PrivateKeyDer::Pkcs1(der.into())),
                SectionKind::EcPrivateKey => key = Some(PrivateKeyDer::Sec1(der.into())),
                _ => return Err(refused("No valid certificate was found")),
            }
        }
        match key {
            Some(key) if !chain.is_empty() => Ok(Identity { key, chain }),
            _ => Err(refused("private key or certificate not found")),
        }
    }
}

/// For what was written for the platform's own library.
#[cfg(feature = "native-tls")]
impl Identity {
    /// Takes certificates, the client's own first, and their key in PKCS #8, each in PEM.
    ///
    /// # Errors
    /// As [`from_pem`](Identity::from_pem).
    pub fn from_pkcs8_pem(pem: &[u8], key: &[u8]) -> crate::Result<Identity> {
        Identity::from_pem(&[pem, b"\n", key].concat())
    }

    /// Takes a PKCS #12 archive, which cannot be read here.
    ///
    /// # Errors
    /// A builder error, always.
    pub fn from_pkcs12_der(_der: &[u8], _password: &str) -> crate::Result<Identity> {
        Err(error::builder("PKCS #12 is not read here: use PEM"))
    }
}

fn refused(why: &str) -> crate::Error {
    error::builder(rustls::Error::General(why.to_owned()))
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Identity {
            key: self.key.clone_key(),
            chain: self.chain.clone(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish()
    }
}

/// A list of certificates that are no longer valid.
pub struct CertificateRevocationList(CertificateRevocationListDer<'static>);

impl CertificateRevocationList {
    /// Takes a list in PEM.
    ///
    /// # Errors
    /// A builder error for what is none.
    pub fn from_pem(pem: &[u8]) -> crate::Result<CertificateRevocationList> {
        CertificateRevocationListDer::from_pem_slice(pem)
            .map(CertificateRevocationList)
            .map_err(|_| error::builder("invalid crl encoding"))
    }

    /// Takes each list of a PEM file.
    ///
    /// # Errors
    /// A builder error for what is no PEM.
    pub fn from_pem_bundle(pem_bundle: &[u8]) -> crate::Result<Vec<CertificateRevocationList>> {
        CertificateRevocationListDer::pem_slice_iter(pem_bundle)
            .map(|list| list.map(CertificateRevocationList))
            .collect::<Result<_, _>>()
            .map_err(|_| error::builder("invalid crl encoding"))
    }
}

impl fmt::Debug for CertificateRevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRevocationList").finish()
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Number);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Tls1_0,
    Tls1_1,
    Tls1_2,
    Tls1_3,
}

impl Version {
    /// TLS 1.0, which is not spoken: it only says "at least" and "at most".
    pub const TLS_1_0: Version = Version(Number::Tls1_0);
    /// TLS 1.1, which is not spoken: it only says "at least" and "at most".
    pub const TLS_1_1: Version = Version(Number::Tls1_1);
    /// TLS 1.2.
    pub const TLS_1_2: Version = Version(Number::Tls1_2);
    /// TLS 1.3.
    pub const TLS_1_3: Version = Version(Number::Tls1_3);

    fn of(version: rustls::ProtocolVersion) -> Option<Version> {
        match version {
            rustls::ProtocolVersion::TLSv1_0 => Some(Version::TLS_1_0),
            rustls::ProtocolVersion::TLSv1_1 => Some(Version::TLS_1_1),
            rustls::ProtocolVersion::TLSv1_2 => Some(Version::TLS_1_2),
            rustls::ProtocolVersion::TLSv1_3 => Some(Version::TLS_1_3),
            _ => None,
        }
    }
}

/// What is known of the TLS of a connection: an extension of responses, where `tls_info(true)` is set.
#[derive(Clone)]
pub struct TlsInfo {
    peer_certificate: Option<Vec<u8>>,
    version: Option<Version>,
}

impl TlsInfo {
    pub(crate) fn of(info: &dimorph::TlsInfo) -> Self {
        let version = info.version().map(|version| match version {
            dimorph::TlsVersion::TLS_1_3 => Version::TLS_1_3,
            _ => Version::TLS_1_2,
        });
        TlsInfo {
            peer_certificate: info.peer_certificate().map(<[u8]>::to_vec),
            version,
        }
    }

    /// Returns the peer's own certificate, in DER.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.peer_certificate.as_deref()
    }

    /// Returns the version that was agreed on, where it is known.
    pub fn version(&self) -> Option<Version> {
        self.version
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(label: &str) -> String {
        format!("-----BEGIN {label}-----\n-----END {label}-----\n")
    }

    #[test]
    fn an_identity_is_a_key_and_a_certificate_in_pem() {
        let cases = [
            (vec!["CERTIFICATE", "RSA PRIVATE KEY"], None),
            (vec!["PRIVATE KEY", "CERTIFICATE", "CERTIFICATE"], None),
            (vec!["EC PRIVATE KEY", "CERTIFICATE"], None),
            (vec![], Some("not found")),
            (vec!["CERTIFICATE"], Some("not found")),
            (vec!["PRIVATE KEY"], Some("not found")),
            (vec!["CERTIFICATE", "X509 CRL"], Some("No valid")),
        ];
        for (labels, expected) in cases {
            let pem: String = labels.iter().copied().map(section).collect();
            match (Identity::from_pem(pem.as_bytes()), expected) {
                (Ok(_), None) => {}
                (Err(error), Some(text)) => {
                    assert!(error.is_builder());
                    assert!(format!("{error:?}").contains(text), "{error:?}");
                }
                (result, _) => panic!("{labels:?}: {result:?}"),
            }
        }
        assert!(Identity::from_pem(b"not pem").is_err());
        assert!(Identity::from_pem(b"-----BEGIN CERTIFICATE-----\n%").is_err());
    }

    #[test]
    fn bundles_hold_none_or_more() {
        let two = section("CERTIFICATE").repeat(2);
        assert_eq!(
            Certificate::from_pem_bundle(two.as_bytes()).unwrap().len(),
            2
        );
        assert!(Certificate::from_pem_bundle(b"").unwrap().is_empty());
        let lists = section("X509 CRL").repeat(3);
        let lists = CertificateRevocationList::from_pem_bundle(lists.as_bytes()).unwrap();
        assert_eq!(lists.len(), 3);
        assert!(CertificateRevocationList::from_pem(b"nothing").is_err());
    }

    #[test]
    fn versions_have_an_order() {
        assert!(Version::TLS_1_0 < Version::TLS_1_1);
        assert!(Version::TLS_1_2 < Version::TLS_1_3);
        assert_eq!(format!("{:?}", Version::TLS_1_2), "Version(Tls1_2)");
    }
}
