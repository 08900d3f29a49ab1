//! A client's options of TLS, and the rustls configuration that they make.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, KeyLogFile, RootCertStore, SupportedProtocolVersion};

use super::verifiers::{AnyCertificate, AnyName};
use super::{Certificate, CertificateRevocationList, Identity, Version};
use crate::config::HttpVersion;
use crate::error;

/// What a builder was told about TLS.
pub(crate) struct Options {
    pub(crate) root_certs: Vec<Certificate>,
    /// `root_certs` alone, without the operating system's.
    pub(crate) certs_only: bool,
    pub(crate) crls: Vec<CertificateRevocationList>,
    pub(crate) identity: Option<Identity>,
    pub(crate) hostname_verification: bool,
    pub(crate) certs_verification: bool,
    pub(crate) sni: bool,
    pub(crate) keylog: bool,
    pub(crate) min_version: Option<Version>,
    pub(crate) max_version: Option<Version>,
    pub(crate) info: bool,
    backend: Backend,
}

/// Who makes the configuration.
enum Backend {
    Rustls,
    BuiltRustls(Box<ClientConfig>),
    UnknownPreconfigured,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Rustls => "Rustls",
            Backend::BuiltRustls(_) => "BuiltRustls",
            Backend::UnknownPreconfigured => "UnknownPreconfigured",
        })
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            root_certs: Vec::new(),
            certs_only: false,
            crls: Vec::new(),
            identity: None,
            hostname_verification: true,
            certs_verification: true,
            sni: true,
            keylog: false,
            min_version: None,
            max_version: None,
            info: false,
            backend: Backend::Rustls,
        }
    }
}

impl Options {
    /// Takes a configuration made elsewhere; anything but a `rustls::ClientConfig` of this version fails later.
    pub(crate) fn preconfigure(&mut self, tls: impl Any) {
        let mut given = Some(tls);
        let config = (&mut given as &mut dyn Any).downcast_mut::<Option<ClientConfig>>();
        self.backend = match config.and_then(Option::take) {
            Some(config) => Backend::BuiltRustls(Box::new(config)),
            None => Backend::UnknownPreconfigured,
        };
    }

    /// Goes back to a configuration made here.
    pub(crate) fn use_rustls(&mut self) {
        self.backend = Backend::Rustls;
    }

    /// Makes the configuration. What it offers by ALPN is up to each connection, unless it was made elsewhere: then it stays within
    /// what that names.
    pub(crate) fn config(&self, speaks: HttpVersion) -> crate::Result<Arc<ClientConfig>> {
        let config = match &self.backend {
            Backend::Rustls => self.build()?,
            Backend::BuiltRustls(config) => {
                let mut config = ClientConfig::clone(config);
                // Without a word about HTTP/2 none is wanted.
                if config.alpn_protocols.is_empty() && speaks == HttpVersion::All {
                    config.alpn_protocols = vec![b"http/1.1".to_vec()];
                }
                config
            }
            Backend::UnknownPreconfigured => {
                return Err(error::builder(
                    "Unknown TLS backend passed to `use_preconfigured_tls`",
                ));
            }
        };
        Ok(Arc::new(config))
    }

    fn build(&self) -> crate::Result<ClientConfig> {
        let provider = provider();
        let versions = self.versions()?;
        let verifier = self.verifier(&provider)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|_| error::builder("invalid TLS versions"))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(Identity { key, chain }) => config
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(error::builder)?,
            None => config.with_no_client_auth(),
        };
        config.enable_sni = self.sni;
        if self.keylog {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(config)
    }

    fn versions(&self) -> crate::Result<Vec<&'static SupportedProtocolVersion>> {
        let mut versions = rustls::ALL_VERSIONS.to_vec();
        versions.retain(|supported| {
            let version = Version::of(supported.version);
            let enough = self.min_version.is_none_or(|min| version >= Some(min));
            enough && self.max_version.is_none_or(|max| version <= Some(max))
        });
        match versions.is_empty() {
            true => Err(error::builder("empty supported tls versions")),
            false => Ok(versions),
        }
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> crate::Result<Arc<dyn ServerCertVerifier>> {
        if !self.certs_verification {
            return Ok(Arc::new(AnyCertificate::new(provider)));
        }
        if !self.certs_only {
            // The platform's verifier knows neither.
            if !self.hostname_verification {
                return Err(error::builder(
                    "disabling rustls hostname verification only allowed with tls_certs_only()",
                ));
            }
            if !self.crls.is_empty() {
                return Err(error::builder("CRLs only allowed with tls_certs_only()"));
            }
            return match self.root_certs.is_empty() {
                true => platform_verifier(provider),
                false => platform_verifier_with(&self.root_certs, provider),
            };
        }
        let mut roots = RootCertStore::empty();
        for certificate in &self.root_certs {
            for der in certificate.to_ders()? {
                roots.add(der).map_err(error::builder)?;
            }
        }
        // Without a root nobody is trusted, under any name: webpki's verifier would refuse to be made.
        if !self.hostname_verification || (roots.is_empty() && self.crls.is_empty()) {
            return Ok(Arc::new(AnyName::new(roots, provider)));
        }
        let crls = self.crls.iter().map(|list| list.0.clone());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .with_crls(crls)
                .build()
                .map_err(|_| error::builder("invalid TLS verification settings"))?;
        Ok(verifier)
    }

    /// Shows what `Debug` of a builder tells of them.
    pub(crate) fn fmt_fields(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        if !self.hostname_verification {
            f.field("tls_danger_accept_invalid_hostnames", &true);
        }
        if !self.certs_verification {
            f.field("tls_danger_accept_invalid_certs", &true);
        }
        if let Some(version) = &self.min_version {
            f.field("tls_version_min", version);
        }
        if let Some(version) = &self.max_version {
            f.field("tls_version_max", version);
        }
        f.field("tls_sni", &self.sni);
        f.field("tls_info", &self.info);
        f.field("tls_sslkeylogfile", &self.keylog);
        if cfg!(feature = "default-tls") {
            f.field("tls_backend", &self.backend);
        }
    }
}

/// The process's crypto provider, else ring.
fn provider() -> Arc<CryptoProvider> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Arc::clone(provider);
    }
    default_provider()
}

#[cfg(feature = "rustls")]
fn default_provider() -> Arc<CryptoProvider> {
    use std::sync::OnceLock;

    static RING: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(RING.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

#[cfg(not(feature = "rustls"))]
fn default_provider() -> Arc<CryptoProvider> {
    panic!(
        "No rustls crypto provider is installed: with `rustls-no-provider` the program calls \
         `CryptoProvider::install_default` before it makes a client"
    );
}

/// The platform's verifier, one for the process: reading the system's certificates takes longer than all else that a
/// client is made of.
fn platform_verifier(provider: &Arc<CryptoProvider>) -> crate::Result<Arc<dyn ServerCertVerifier>> {
    type Kept = (Arc<CryptoProvider>, Arc<dyn ServerCertVerifier>);
    static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, verifier)) = &*kept
        && Arc::ptr_eq(of, provider)
    {
        return Ok(Arc::clone(verifier));
    }
    let verifier = platform_verifier_with(&[], provider)?;
    *kept = Some((Arc::clone(provider), Arc::clone(&verifier)));
    Ok(verifier)
}

fn platform_verifier_with(
    extra: &[Certificate],
    provider: &Arc<CryptoProvider>,
) -> crate::Result<Arc<dyn ServerCertVerifier>> {
    let mut ders = Vec::with_capacity(extra.len());
    for certificate in extra {
        ders.extend(certificate.to_ders()?);
    }
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(ders, Arc::clone(provider));
    match verifier {
        Ok(verifier) => Ok(Arc::new(verifier)),
        Err(error) => compiled_in(extra, provider).unwrap_or(Err(error::builder(error))),
    }
}

/// Mozilla's roots, where they are compiled in and the system has none.
#[cfg(any(
    feature = "rustls-tls-webpki-roots",
    feature = "rustls-tls-webpki-roots-no-provider"
))]
fn compiled_in(
    extra: &[Certificate],
    provider: &Arc<CryptoProvider>,
) -> Option<crate::Result<Arc<dyn ServerCertVerifier>>> {
    if !extra.is_empty() {
        return None;
    }
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(error::builder);
    Some(verifier.map(|verifier| verifier as Arc<dyn ServerCertVerifier>))
}

#[cfg(not(any(
    feature = "rustls-tls-webpki-roots",
    feature = "rustls-tls-webpki-roots-no-provider"
)))]
fn compiled_in(
    _extra: &[Certificate],
    _provider: &Arc<CryptoProvider>,
) -> Option<crate::Result<Arc<dyn ServerCertVerifier>>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(set: impl FnOnce(&mut Options)) -> Options {
        let mut options = Options::default();
        set(&mut options);
        options
    }

    #[test]
    fn versions_are_cut_from_both_ends() {
        let cases = [
            (None, None, Ok(2)),
            (Some(Version::TLS_1_0), None, Ok(2)),
            (Some(Version::TLS_1_3), None, Ok(1)),
            (None, Some(Version::TLS_1_2), Ok(1)),
            (Some(Version::TLS_1_3), Some(Version::TLS_1_2), Err(())),
            (None, Some(Version::TLS_1_1), Err(())),
        ];
        for (min, max, expected) in cases {
            let options = options(|o| {
                o.min_version = min;
                o.max_version = max;
            });
            let found = options.versions().map(|v| v.len()).map_err(|_| ());
            assert_eq!(found, expected, "{min:?} {max:?}");
        }
    }

    #[test]
    fn options_that_the_platform_cannot_honour_are_refused() {
        let cases = [
            options(|o| o.hostname_verification = false),
            options(|o| {
                let pem = b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n";
                o.crls = vec![CertificateRevocationList::from_pem(pem).unwrap()];
            }),
            options(|o| {
                o.certs_only = true;
                o.root_certs = vec![Certificate::from_der(b"not der").unwrap()];
            }),
            options(|o| o.preconfigure("no configuration")),
        ];
        for options in cases {
            assert!(options.config(HttpVersion::All).unwrap_err().is_builder());
        }
    }

    #[test]
    fn a_configuration_made_elsewhere_is_taken() {
        let made = options(|o| o.certs_verification = false)
            .config(HttpVersion::All)
            .unwrap();
        let mut options = options(|o| o.preconfigure(ClientConfig::clone(&made)));
        assert!(options.config(HttpVersion::All).is_ok());
        assert_eq!(format!("{:?}", options.backend), "BuiltRustls");
        options.use_rustls();
        assert_eq!(format!("{:?}", options.backend), "Rustls");
    }

    #[test]
    fn a_configuration_made_elsewhere_says_what_is_offered() {
        type Names = &'static [&'static [u8]];
        const SPECIAL: Names = &[b"h2", b"special"];
        let cases: [(_, Names, Names); 5] = [
            (HttpVersion::All, &[], &[b"http/1.1"]),
            (HttpVersion::Http1, &[], &[]),
            (HttpVersion::Http2, &[], &[]),
            (HttpVersion::All, SPECIAL, SPECIAL),
            (HttpVersion::Http1, SPECIAL, SPECIAL),
        ];
        for (speaks, given, kept) in cases {
            let made = options(|o| o.certs_verification = false);
            let made = made.config(speaks).unwrap();
            assert!(made.alpn_protocols.is_empty());
            let mut config = ClientConfig::clone(&made);
            config.alpn_protocols = given.iter().map(|name| name.to_vec()).collect();
            let config = options(|o| o.preconfigure(config)).config(speaks).unwrap();
            assert_eq!(config.alpn_protocols, kept, "{speaks:?} {given:?}");
        }
    }

    #[test]
    fn no_roots_at_all_make_a_client_that_trusts_nobody() {
        assert!(
            options(|o| o.certs_only = true)
                .config(HttpVersion::All)
                .is_ok()
        );
    }
}
