//! Certificate authorities beside the one of [`certs`](crate::certs): for a proxy that must not be trusted by an origin's roots.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority with a key of its own. Its file stays until the build folder is cleared.
pub struct Authority {
    /// The certificate.
    pub pem: String,
    /// A file with the certificate.
    pub file: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Leaf {
    /// The certificate.
    pub pem: String,
    /// The private key.
    pub key_pem: String,
    der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

impl Authority {
    /// Makes one.
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();

        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tmp"))
            .join(format!("certs-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = folder.join(format!("authority-{number}.pem"));
        fs::write(&file, issuer.pem()).unwrap();
        Authority {
            pem: issuer.pem(),
            file,
            issuer,
        }
    }

    /// Signs a certificate for these names and addresses.
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        Leaf::make(params(names), Some(&self.issuer))
    }

    /// Signs one that ran out long ago.
    pub fn expired(&self, names: &[&str]) -> Leaf {
        let mut params = params(names);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        Leaf::make(params, Some(&self.issuer))
    }
}

/// Makes a certificate that nobody signed but itself.
pub fn self_signed(names: &[&str]) -> Leaf {
    Leaf::make(params(names), None)
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

impl Leaf {
    fn make(params: CertificateParams, issuer: Option<&CertifiedIssuer<'static, KeyPair>>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer),
            None => params.self_signed(&key),
        }
        .unwrap();
        Leaf {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
            key_der: key.serialize_der(),
        }
    }

    /// Returns a server configuration with this certificate.
    pub fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key_der.clone()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}
