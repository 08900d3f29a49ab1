//! Options of a client: TLS.

use std::sync::Arc;

use super::ClientBuilder;
use crate::tls::{Certificate, CertificateRevocationList, ClientCert, TlsVersion, Verify};

/// TLS: the client's, never one request's.
impl ClientBuilder {
    /// Sets how servers' certificates are verified: `true`, `false`, a file or directory of CA certificates, or a
    /// `rustls::ClientConfig`. Default: `true`, by Mozilla's roots.
    ///
    /// An explicit file or directory is read by [`build`](ClientBuilder::build), and names the only authorities that are trusted then.
    /// What each value means stands with [`Verify`].
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let client = Client::builder().verify("authorities.pem").build()?;
// Anyone on the way can read and change what is sent.
let client = Client::builder().verify(false).build()?;"#
    )]
    pub fn verify(mut self, verify: impl Into<Verify>) -> Self {
        self.tls.verify = verify.into();
        self
    }

    /// Sets the client's own certificate: a PEM file with its key, or a pair of files.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let client = Client::builder().cert("client.pem").build()?;
let client = Client::builder().cert(("cert.pem", "key.pem")).build()?;"#
    )]
    pub fn cert(mut self, cert: impl Into<ClientCert>) -> Self {
        self.tls.cert = Some(cert.into());
        self
    }

    /// Trusts a certificate besides the roots that `verify` names.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"use dimorph::Certificate;

let authority = Certificate::from_pem(std::fs::read("authority.pem")?);
let client = Client::builder().add_root_certificate(authority).build()?;"#
    )]
    pub fn add_root_certificate(mut self, certificate: Certificate) -> Self {
        self.tls.extra_roots.push(certificate);
        self
    }

    /// Refuses the certificates that these lists revoke.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"use dimorph::CertificateRevocationList;

let revoked = CertificateRevocationList::from_pem(std::fs::read("revoked.pem")?);
let client = Client::builder().crls([revoked]).build()?;"#
    )]
    pub fn crls(mut self, lists: impl IntoIterator<Item = CertificateRevocationList>) -> Self {
        self.tls.crls.extend(lists);
        self
    }

    /// Sets the oldest TLS version spoken. Default: 1.2.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use dimorph::TlsVersion;

let client = Client::builder().min_tls_version(TlsVersion::TLS_1_3).build()?;"#
    )]
    pub fn min_tls_version(mut self, version: TlsVersion) -> Self {
        self.tls.min_version = Some(version);
        self
    }

    /// Sets the newest TLS version spoken. Default: 1.3.
    pub fn max_tls_version(mut self, version: TlsVersion) -> Self {
        self.tls.max_version = Some(version);
        self
    }

    /// Puts a [`TlsInfo`](crate::TlsInfo) into the extensions of responses that came through TLS. Default: it does not.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"use dimorph::TlsInfo;

let client = Client::builder().tls_info(true).build()?;
let response = client.get("https://example.org/").send()"#,
        r#"?;
let info = response.extensions().get::<TlsInfo>().unwrap();
println!("{:?}", info.version());"#
    )]
    pub fn tls_info(mut self, on: bool) -> Self {
        self.config.tls_info = on;
        self
    }

    /// Names the server in the handshake (SNI) or not. Default: it does.
    pub fn tls_sni(mut self, on: bool) -> Self {
        self.tls.no_sni = !on;
        self
    }

    /// Uses this crypto provider. Default: ring where the feature `ring` is on, else aws-lc-rs where its feature is; without either, https
    /// needs one given here.
    ///
    /// # Example
    ///
    #[doc = example!(
        running r#"use std::sync::Arc;

let provider = Arc::new(rustls::crypto::ring::default_provider());
let client = Client::builder().crypto_provider(provider).build()?;"#
    )]
    pub fn crypto_provider(
        mut self,
        provider: impl Into<Arc<rustls::crypto::CryptoProvider>>,
    ) -> Self {
        self.tls.provider = Some(provider.into());
        self
    }
}
