//! Certificates, keys and revocation lists in PEM or DER, from memory or from files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, InconsistentKeys};

use super::error::TlsError;

/// A root certificate to trust besides the default ones.
///
/// The bytes are read when the client is built; what is wrong with them is an error there.
///
/// ```no_run
/// use dimorph::{Certificate, Client};
///
/// let authority = Certificate::from_pem(std::fs::read("authority.pem")?);
/// let client = Client::builder().add_root_certificate(authority).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Certificate(Encoded);

impl Certificate {
    /// Takes one certificate in PEM.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Certificate {
        Certificate(Encoded::Pem(pem.as_ref().into()))
    }

    /// Takes every certificate of a PEM bundle.
    pub fn from_pem_bundle(pem: impl AsRef<[u8]>) -> Certificate {
        Certificate(Encoded::PemBundle(pem.as_ref().into()))
    }

    /// Takes one certificate in DER.
    pub fn from_der(der: impl AsRef<[u8]>) -> Certificate {
        Certificate(Encoded::Der(der.as_ref().into()))
    }

    /// Decodes it; `number` counts from one and is for the error.
    pub(super) fn parse(&self, number: usize) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        self.0.parse("root certificate", number, "certificate")
    }
}

impl From<CertificateDer<'_>> for Certificate {
    fn from(der: CertificateDer<'_>) -> Certificate {
        Certificate::from_der(der)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.0)
    }
}

/// A list of certificates that their issuer has revoked.
///
/// As soon as one list is given, every certificate of a server's chain must be covered by a list of its issuer.
/// The bytes are read when the client is built; what is wrong with them is an error there.
///
/// ```no_run
/// use dimorph::{CertificateRevocationList, Client};
///
/// let lists = CertificateRevocationList::from_pem_bundle(std::fs::read("revoked.pem")?);
/// let client = Client::builder().crls([lists]).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CertificateRevocationList(Encoded);

impl CertificateRevocationList {
    /// Takes one list in PEM.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> CertificateRevocationList {
        CertificateRevocationList(Encoded::Pem(pem.as_ref().into()))
    }

    /// Takes every list of a PEM bundle.
    pub fn from_pem_bundle(pem: impl AsRef<[u8]>) -> CertificateRevocationList {
        CertificateRevocationList(Encoded::PemBundle(pem.as_ref().into()))
    }

    /// Takes one list in DER.
    pub fn from_der(der: impl AsRef<[u8]>) -> CertificateRevocationList {
        CertificateRevocationList(Encoded::Der(der.as_ref().into()))
    }

    /// Decodes it; `number` counts from one and is for the error.
    pub(super) fn parse(
        &self,
        number: usize,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        self.0.parse("crls", number, "X509 CRL")
    }
}

impl From<CertificateRevocationListDer<'_>> for CertificateRevocationList {
    fn from(der: CertificateRevocationListDer<'_>) -> CertificateRevocationList {
        CertificateRevocationList::from_der(der)
    }
}

impl fmt::Debug for CertificateRevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateRevocationList({})", self.0)
    }
}

/// A client certificate with its private key (HTTPX's `cert=`).
///
/// A path names a PEM file that holds the certificate, its chain and the key; a pair of paths names the certificate's
/// file and the key's. Keys are PKCS#8, PKCS#1 (RSA) or SEC1 (EC), not encrypted. The files are read when the client
/// is built; a bad one is an error there that names it.
///
/// ```no_run
/// use dimorph::{Client, ClientCert};
///
/// let client = Client::builder().cert("client.pem").build()?;
/// let client = Client::builder().cert(("cert.pem", "key.pem")).build()?;
/// let from_a_vault: Vec<u8> = std::fs::read("client.pem")?;
/// let client = Client::builder().cert(ClientCert::from_pem(from_a_vault)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientCert(Identity);

#[derive(Clone)]
enum Identity {
    File(PathBuf),
    Files(PathBuf, PathBuf),
    Pem(Arc<[u8]>),
    PemPair(Arc<[u8]>, Arc<[u8]>),
}

impl ClientCert {
    /// Takes the certificate, its chain and the key from one PEM text.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> ClientCert {
        ClientCert(Identity::Pem(pem.as_ref().into()))
    }

    /// Takes the certificate with its chain from one PEM text, the key from another.
    pub fn from_pem_pair(cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> ClientCert {
        ClientCert(Identity::PemPair(cert.as_ref().into(), key.as_ref().into()))
    }

    /// Reads and decodes it, and checks that the key belongs to the certificate.
    pub(super) fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let (certs_from, key_from) = match &self.0 {
            Identity::File(path) => {
                let text = Text::read(path)?;
                (text.clone(), text)
            }
            Identity::Files(cert, key) => (Text::read(cert)?, Text::read(key)?),
            Identity::Pem(pem) => {
                let text = Text::given(pem, "the PEM text");
                (text.clone(), text)
            }
            Identity::PemPair(cert, key) => (
                Text::given(cert, "the certificate's PEM text"),
                Text::given(key, "the key's PEM text"),
            ),
        };
        // First, since the older form breaks the reading of the certificates beside it.
        if encrypted(&key_from.bytes) {
            return Err(key_from.error("holds an encrypted private key; decrypt it first".into()));
        }
        let chain = certificates(&certs_from.bytes).map_err(|fault| certs_from.error(fault))?;
        if chain.is_empty() {
            return Err(certs_from.error("holds no certificate".into()));
        }
        let key = private_key(&key_from.bytes).map_err(|fault| key_from.error(fault))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let fault = if certs_from.place == key_from.place {
                    "holds a key that is not that of its first certificate".to_owned()
                } else {
                    let cert = &certs_from.place;
                    format!("holds a key that is not that of the first certificate in {cert}")
                };
                key_from.error(fault)
            }
            rustls::Error::InvalidCertificate(CertificateError::BadEncoding) => {
                certs_from.error("holds a certificate that cannot be parsed".into())
            }
            other => key_from.error(format!("holds a key that cannot be used: {other}")),
        })
    }
}

impl From<&str> for ClientCert {
    fn from(path: &str) -> ClientCert {
        ClientCert(Identity::File(path.into()))
    }
}

impl From<String> for ClientCert {
    fn from(path: String) -> ClientCert {
        ClientCert(Identity::File(path.into()))
    }
}

impl From<&Path> for ClientCert {
    fn from(path: &Path) -> ClientCert {
        ClientCert(Identity::File(path.into()))
    }
}

impl From<&String> for ClientCert {
    fn from(path: &String) -> Self {
        path.as_str().into()
    }
}

impl From<&PathBuf> for ClientCert {
    fn from(path: &PathBuf) -> Self {
        path.as_path().into()
    }
}

impl From<PathBuf> for ClientCert {
    fn from(path: PathBuf) -> ClientCert {
        ClientCert(Identity::File(path))
    }
}

impl<A: AsRef<Path>, B: AsRef<Path>> From<(A, B)> for ClientCert {
    fn from((cert, key): (A, B)) -> ClientCert {
        ClientCert(Identity::Files(cert.as_ref().into(), key.as_ref().into()))
    }
}

impl fmt::Debug for ClientCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("ClientCert");
        match &self.0 {
            Identity::File(path) => tuple.field(path).finish(),
            Identity::Files(cert, key) => tuple.field(cert).field(key).finish(),
            Identity::Pem(_) | Identity::PemPair(..) => tuple.finish_non_exhaustive(),
        }
    }
}

/// Decodes every certificate of a PEM text; what is wrong with the text is the error.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(&error))
}

pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => "holds no private key".into(),
        error => fault(&error),
    })
}

/// Whether a PEM text holds an encrypted key, in the form of RFC 7468 section 11 or the older one of RFC 1421.
///
/// rustls reads neither, and would report no key, or bad base64.
fn encrypted(text: &[u8]) -> bool {
    const MARKS: [&[u8]; 2] = [
        b"-----BEGIN ENCRYPTED PRIVATE KEY",
        b"Proc-Type: 4,ENCRYPTED",
    ];
    MARKS
        .iter()
        .any(|mark| text.windows(mark.len()).any(|window| window == *mark))
}

/// Says what is wrong with a PEM text, without quoting it: it may be a key.
fn fault(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "is not whole PEM: an END line is missing".into(),
        pem::Error::IllegalSectionStart { .. } => "is not PEM: a BEGIN line is malformed".into(),
        pem::Error::Base64Decode(_) => "is not PEM: a section is not base64".into(),
        // What this also stands for has no name in older versions of the crate.
        _ => "is not PEM, or holds a section that is too large".into(),
    }
}

/// PEM bytes for `cert`, with where they came from.
#[derive(Clone)]
struct Text {
    bytes: Arc<[u8]>,
    place: String,
}

impl Text {
    fn read(path: &Path) -> Result<Text, TlsError> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Text {
                bytes: bytes.into(),
                place: format!("`{}`", path.display()),
            }),
            Err(error) => Err(TlsError::Unreadable {
                option: "cert",
                path: path.into(),
                reason: error.to_string(),
            }),
        }
    }

    fn given(bytes: &Arc<[u8]>, name: &str) -> Text {
        Text {
            bytes: Arc::clone(bytes),
            place: name.into(),
        }
    }

    fn error(&self, fault: String) -> TlsError {
        TlsError::Content {
            option: "cert",
            place: self.place.clone(),
            fault,
        }
    }
}

/// Bytes as the user gave them; decoded once, when the client is built.
#[derive(Clone)]
enum Encoded {
    Pem(Arc<[u8]>),
    PemBundle(Arc<[u8]>),
    Der(Arc<[u8]>),
}

impl Encoded {
    fn parse<T: PemObject + From<Vec<u8>>>(
        &self,
        option: &'static str,
        number: usize,
        label: &str,
    ) -> Result<Vec<T>, TlsError> {
        let error = |fault: String| TlsError::Content {
            option,
            place: format!("number {number}"),
            fault,
        };
        let (text, one) = match self {
            Encoded::Der(der) => return Ok(vec![T::from(der.to_vec())]),
            Encoded::Pem(text) => (text, true),
            Encoded::PemBundle(text) => (text, false),
        };
        let found: Vec<T> = T::pem_slice_iter(text)
            .collect::<Result<_, _>>()
            .map_err(|found| error(fault(&found)))?;
        match found.len() {
            0 => Err(error(format!("holds no PEM section for a {label}"))),
            2.. if one => Err(error(format!(
                "holds {} PEM sections where from_pem takes one; use from_pem_bundle",
                found.len()
            ))),
            _ => Ok(found),
        }
    }
}

impl fmt::Display for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, bytes) = match self {
            Encoded::Pem(bytes) => ("PEM", bytes),
            Encoded::PemBundle(bytes) => ("PEM bundle", bytes),
            Encoded::Der(bytes) => ("DER", bytes),
        };
        write!(f, "{form}, {} bytes", bytes.len())
    }
}
