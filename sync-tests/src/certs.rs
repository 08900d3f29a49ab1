//! A certificate authority made on the spot, and its leaves.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::Tls;

/// The names of the good leaf.
const NAMES: [&str; 17] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "example.org",
    "*.example.org",
    "example.com",
    "*.example.com",
    "e.org",
    "a.test",
    "b.test",
    "h.test",
    "x.test",
    "y.test",
    "name.test",
    "origin.test",
    "client.test",
    "two.test",
];

/// A key and a certificate in PEM and DER.
pub struct Leaf {
    /// The certificate.
    pub pem: String,
    /// The private key.
    pub key_pem: String,
    der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

/// The authority and its leaves, in memory and in files.
pub struct Certs {
    /// The authority's certificate.
    pub ca_pem: String,
    /// A file with the authority's certificate.
    pub ca_file: PathBuf,
    /// A directory with that file in it.
    pub ca_dir: PathBuf,
    /// A file with a client certificate and its key.
    pub client_file: PathBuf,
    /// A file with the client certificate alone.
    pub client_cert_file: PathBuf,
    /// A file with the client certificate's key alone.
    pub client_key_file: PathBuf,
    ca_der: CertificateDer<'static>,
    good: Leaf,
    wrong: Leaf,
    expired: Leaf,
}

/// Returns the certificates of this process.
pub fn certs() -> &'static Certs {
    static CERTS: OnceLock<Certs> = OnceLock::new();
    CERTS.get_or_init(Certs::make)
}

impl Certs {
    fn make() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "dimorph test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();

        let leaf = |names: &[&str], expired: bool| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let mut params = CertificateParams::new(names).unwrap();
            if expired {
                params.not_before = date_time_ymd(2001, 1, 1);
                params.not_after = date_time_ymd(2002, 1, 1);
            }
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            Leaf {
                pem: certificate.pem(),
                key_pem: key.serialize_pem(),
                der: certificate.der().clone(),
                key_der: key.serialize_der(),
            }
        };
        let client = leaf(&["client.test"], false);

        let base = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tmp"))
            .join(format!("certs-{}", std::process::id()));
        let ca_dir = base.join("ca");
        fs::create_dir_all(&ca_dir).unwrap();
        let file = |name: &str, text: String| {
            let path = base.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let ca_pem = issuer.pem();
        Certs {
            ca_file: file("ca/ca.pem", ca_pem.clone()),
            ca_dir,
            client_file: file("client.pem", format!("{}{}", client.pem, client.key_pem)),
            client_cert_file: file("client-cert.pem", client.pem.clone()),
            client_key_file: file("client-key.pem", client.key_pem.clone()),
            ca_der: issuer.der().clone(),
            ca_pem,
            good: leaf(&NAMES, false),
            wrong: leaf(&["other.invalid"], false),
            expired: leaf(&NAMES, true),
        }
    }

    /// Returns the authority as a store of roots.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca_der.clone()).unwrap();
        roots
    }

    fn server(&self, leaf: &Leaf, client_auth: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if client_auth {
            let roots = Arc::new(self.roots());
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .unwrap(),
            )
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf.key_der.clone()));
        let mut config = builder
            .with_single_cert(vec![leaf.der.clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// Returns a server configuration with the good leaf.
    pub fn good(&self) -> Arc<ServerConfig> {
        self.server(&self.good, false)
    }

    /// Returns a server configuration that wants a client certificate.
    pub fn with_client_auth(&self) -> Arc<ServerConfig> {
        self.server(&self.good, true)
    }

    /// Returns a server configuration for another host's name.
    pub fn wrong_host(&self) -> Arc<ServerConfig> {
        self.server(&self.wrong, false)
    }

    /// Returns a server configuration with a certificate that ran out long ago.
    pub fn expired(&self) -> Arc<ServerConfig> {
        self.server(&self.expired, false)
    }
}

/// TLS with the good leaf on every connection.
pub fn tls() -> Tls {
    Tls::On(certs().good())
}

/// TLS with the good leaf, and plain HTTP, on one port.
pub fn sniff() -> Tls {
    Tls::Sniff(certs().good())
}
