//! A certificate authority, the certificates it signs, and servers that show them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// A certificate authority and a server with the name a.test.
pub(super) struct Pki {
    pub(super) root: CertifiedIssuer<'static, KeyPair>,
    pub(super) server: Leaf,
}

impl Pki {
    pub(super) const SERIAL: u64 = 7;

    pub(super) fn new() -> Pki {
        Pki::named("root")
    }

    pub(super) fn named(name: &str) -> Pki {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let server = Leaf::new(&root, "a.test", |_| {});
        Pki { root, server }
    }

    pub(super) fn leaf(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        Leaf::new(&self.root, name, change)
    }

    pub(super) fn crl(&self, revoked: Option<u64>) -> rcgen::CertificateRevocationList {
        let revoked = revoked.map(|serial| RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2060, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::from_iter(revoked),
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(&self.root)
        .unwrap()
    }

    pub(super) fn mutual_server(&self) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![self.server.cert.der().clone()], self.server.key_der());
        Arc::new(config.unwrap())
    }
}

pub(super) struct Leaf {
    pub(super) cert: rcgen::Certificate,
    pub(super) key: KeyPair,
}

impl Leaf {
    fn new(
        root: &CertifiedIssuer<'static, KeyPair>,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(Pki::SERIAL));
        change(&mut params);
        let cert = params.signed_by(&key, root).unwrap();
        Leaf { cert, key }
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// A server with this certificate. The key is not checked against it: a thief's would not pass.
    pub(super) fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let key = provider.key_provider.load_private_key(self.key_der());
        let certified = CertifiedKey::new(vec![self.cert.der().clone()], key.unwrap());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        Arc::new(config)
    }
}

/// A directory of its own for one test, removed at its end.
pub(super) struct TempDir(PathBuf);

impl TempDir {
    pub(super) fn new() -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dimorph-tls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
