//! TLS options become a `rustls::ClientConfig`.
//!
//! ```text
//! TlsOptions --prepare()--> TlsSource --config(env, protocol)--> Arc<ClientConfig>
//!  as given     build()      explicit    first https              kept, with its
//!               of a client  files read  connection               session store
//! ```
//!
//! What was given explicitly is read in `prepare`, so a bad path is an error of `build()`. Roots and environment wait
//! for the first connection that needs them: a machine without any CA file can still talk http, and building a client
//! costs microseconds. No sockets and no clock here; the stream is driven elsewhere.

use std::ffi::OsString;
use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

mod alpn;
mod describe;
mod error;
mod key_log;
mod pem;
mod provider;
mod roots;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use alpn::is_h2;
pub(crate) use describe::{Fault, describe, is_authority};
pub(crate) use error::TlsError;
pub use pem::{Certificate, CertificateRevocationList, ClientCert};
pub use verify::Verify;

use crate::env;
use crate::pool_state::Protocol;
use alpn::Offers;
use verify::{AcceptAny, AnyName, Kind};

/// A version of the TLS protocol. Versions compare: the newer is the greater.
///
/// ```
/// use dimorph::{Client, TlsVersion};
///
/// assert!(TlsVersion::TLS_1_2 < TlsVersion::TLS_1_3);
/// let client = Client::builder().min_tls_version(TlsVersion::TLS_1_3).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(Version);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Version {
    Tls12,
    Tls13,
}

impl TlsVersion {
    /// TLS 1.2, the oldest that is spoken (RFC 8996 retires the older ones).
    pub const TLS_1_2: TlsVersion = TlsVersion(Version::Tls12);
    /// TLS 1.3.
    pub const TLS_1_3: TlsVersion = TlsVersion(Version::Tls13);

    /// The version that a session speaks.
    pub(crate) fn of(version: rustls::ProtocolVersion) -> Option<TlsVersion> {
        match version {
            rustls::ProtocolVersion::TLSv1_2 => Some(TlsVersion::TLS_1_2),
            rustls::ProtocolVersion::TLSv1_3 => Some(TlsVersion::TLS_1_3),
            _ => None,
        }
    }
}

/// The TLS options of one client.
#[derive(Clone)]
pub(crate) struct TlsOptions {
    pub(crate) verify: Verify,
    pub(crate) cert: Option<ClientCert>,
    /// Trusted besides the roots that `verify` names.
    pub(crate) extra_roots: Vec<Certificate>,
    pub(crate) crls: Vec<CertificateRevocationList>,
    pub(crate) min_version: Option<TlsVersion>,
    pub(crate) max_version: Option<TlsVersion>,
    pub(crate) provider: Option<Arc<CryptoProvider>>,
    pub(crate) no_sni: bool,
    pub(crate) no_hostname_verification: bool,
    /// Whether `SSL_CERT_FILE`, `SSL_CERT_DIR` and `SSLKEYLOGFILE` count.
    pub(crate) trust_env: bool,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions {
            verify: Verify::default(),
            cert: None,
            extra_roots: Vec::new(),
            crls: Vec::new(),
            min_version: None,
            max_version: None,
            provider: None,
            no_sni: false,
            no_hostname_verification: false,
            trust_env: true,
        }
    }
}

impl TlsOptions {
    /// Reads and parses what was given explicitly. Parses no roots when nothing was.
    pub(crate) fn prepare(self) -> Result<TlsSource, TlsError> {
        let trust = match &self.verify.0 {
            Kind::Config(config) => return self.used_as_it_is(config),
            Kind::DefaultRoots => Trust::Default,
            Kind::Path(path) => Trust::Roots(Arc::new(roots::from_path("verify", path)?)),
            Kind::Nothing => Trust::Anything,
        };
        let versions = versions(self.min_version, self.max_version)?;
        let identity = match &self.cert {
            Some(cert) => {
                let provider = provider::choose(self.provider.as_ref())?;
                Some(Arc::new(cert.load(&provider)?))
            }
            None => None,
        };
        let plan = Plan {
            trust,
            versions,
            identity,
            extra_roots: parse_roots(&self.extra_roots)?,
            crls: parse_crls(&self.crls, self.provider.as_ref())?,
            provider: self.provider,
            no_sni: self.no_sni,
            no_hostname_verification: self.no_hostname_verification,
            trust_env: self.trust_env,
        };
        Ok(Source::Planned(plan, OnceLock::new()).into())
    }

    /// Takes the user's own configuration. An option that it could not honour is refused rather than dropped: most of
    /// them are there for security.
    fn used_as_it_is(&self, config: &Arc<ClientConfig>) -> Result<TlsSource, TlsError> {
        let given = [
            ("cert", self.cert.is_some()),
            ("a root certificate", !self.extra_roots.is_empty()),
            ("crls", !self.crls.is_empty()),
            ("min_tls_version", self.min_version.is_some()),
            ("max_tls_version", self.max_version.is_some()),
            ("crypto_provider", self.provider.is_some()),
            ("switching SNI off", self.no_sni),
            (
                "switching host name verification off",
                self.no_hostname_verification,
            ),
        ];
        if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
            return Err(TlsError::Conflict { option });
        }
        Ok(Source::Given(Arc::clone(config)).into())
    }
}

/// Where one client's TLS configuration comes from. A clone is a reference to the same.
#[derive(Clone)]
pub(crate) struct TlsSource(Arc<Shared>);

struct Shared {
    source: Source,
    /// The configurations for servers.
    offers: Offers,
    /// The configuration for proxies, derived at first need.
    proxies: OnceLock<Arc<ClientConfig>>,
}

impl From<Source> for TlsSource {
    fn from(source: Source) -> Self {
        TlsSource(Arc::new(Shared {
            source,
            offers: Offers::default(),
            proxies: OnceLock::new(),
        }))
    }
}

enum Source {
    Given(Arc<ClientConfig>),
    Planned(Plan, OnceLock<Arc<ClientConfig>>),
}

impl TlsSource {
    /// Returns the rustls configuration that offers a protocol, if it was built before.
    pub(crate) fn ready(&self, wanted: Protocol) -> Option<Arc<ClientConfig>> {
        self.0.offers.ready(wanted)
    }

    /// Returns the rustls configuration that offers a protocol (RFC 7301), built at first need and kept.
    ///
    /// The sessions to resume are kept in it, for all protocols together: those of one client are never offered by another.
    /// An error is not kept, so a mended file works at the next call.
    pub(crate) fn config(
        &self,
        env: &dyn Fn(&str) -> Option<OsString>,
        wanted: Protocol,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let base = self.base(env)?;
        Ok(self.0.offers.of(&base, wanted))
    }

    /// The configuration for a proxy's certificate: the same trust, with a session store of its own and no certificate of
    /// the client's: what one peer gave is not shown to the other. It offers no protocol; proxies are spoken to in HTTP/1.1.
    pub(crate) fn for_proxies(&self, own: &Arc<ClientConfig>) -> Arc<ClientConfig> {
        let derived = self.0.proxies.get_or_init(|| {
            let mut config = ClientConfig::clone(own);
            config.resumption = Resumption::in_memory_sessions(PROXY_SESSIONS);
            config.client_auth_cert_resolver = Arc::new(NoCertificate);
            config.alpn_protocols.clear();
            Arc::new(config)
        });
        Arc::clone(derived)
    }

    /// What the configurations of all protocols have in common.
    fn base(&self, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Arc<ClientConfig>, TlsError> {
        match &self.0.source {
            Source::Given(config) => Ok(Arc::clone(config)),
            Source::Planned(plan, kept) => {
                if let Some(config) = kept.get() {
                    return Ok(Arc::clone(config));
                }
                let built = Arc::new(plan.build(env)?);
                // Of two that build at once the first wins, and both use its session store.
                Ok(Arc::clone(kept.get_or_init(|| built)))
            }
        }
    }
}

/// How many proxies' sessions are kept to be resumed.
const PROXY_SESSIONS: usize = 16;

#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSource").finish_non_exhaustive()
    }
}

/// Parsed options.
struct Plan {
    trust: Trust,
    versions: &'static [&'static SupportedProtocolVersion],
    identity: Option<Arc<CertifiedKey>>,
    extra_roots: Vec<CertificateDer<'static>>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    provider: Option<Arc<CryptoProvider>>,
    no_sni: bool,
    no_hostname_verification: bool,
    trust_env: bool,
}

enum Trust {
    Default,
    Roots(Arc<RootCertStore>),
    Anything,
}

impl Plan {
    fn build(&self, env: &dyn Fn(&str) -> Option<OsString>) -> Result<ClientConfig, TlsError> {
        let env = |name: &str| if self.trust_env { env(name) } else { None };
        let provider = provider::choose(self.provider.as_ref())?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .map_err(TlsError::Refused)?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(&provider, &env)?);
        let mut config = match &self.identity {
            Some(key) => {
                let resolver = SingleCertAndKey::from(Arc::clone(key));
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = !self.no_sni;
        if let Some(path) = env::key_log_file(&env) {
            let log = key_log::KeyLog::open(&path).map_err(|error| TlsError::Unreadable {
                option: env::SSLKEYLOGFILE,
                path,
                reason: error.to_string(),
            })?;
            config.key_log = Arc::new(log);
        }
        Ok(config)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let roots = match &self.trust {
            Trust::Anything => {
                let algorithms = provider.signature_verification_algorithms;
                return Ok(Arc::new(AcceptAny(algorithms)));
            }
            Trust::Roots(roots) => Arc::clone(roots),
            Trust::Default => match roots::from_environment(env)? {
                Some(roots) => Arc::new(roots),
                None => {
                    #[cfg(feature = "platform-verifier")]
                    if let Some(verifier) = self.system_verifier(provider)? {
                        return Ok(verifier);
                    }
                    roots::default()
                }
            },
        };
        let roots = self.with_extra(roots)?;
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .with_crls(self.crls.iter().cloned())
            .build()
            .map_err(|error| TlsError::Refused(rustls::Error::General(error.to_string())))?;
        Ok(if self.no_hostname_verification {
            Arc::new(AnyName(verifier))
        } else {
            verifier
        })
    }

    fn with_extra(&self, roots: Arc<RootCertStore>) -> Result<Arc<RootCertStore>, TlsError> {
        if self.extra_roots.is_empty() {
            return Ok(roots);
        }
        let mut roots = Arc::unwrap_or_clone(roots);
        for certificate in &self.extra_roots {
            // `prepare` has parsed each of them once.
            roots.add(certificate.clone()).map_err(TlsError::Refused)?;
        }
        Ok(Arc::new(roots))
    }

    /// Returns the operating system's verifier, or none where it cannot do what was asked and the root list must:
    /// it takes no revocation lists, promises no order in which it finds faults, and on systems without one of their
    /// own it reads `SSL_CERT_FILE` and `SSL_CERT_DIR` past `trust_env`.
    #[cfg(feature = "platform-verifier")]
    fn system_verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ServerCertVerifier>>, TlsError> {
        const HAS_ITS_OWN: bool =
            cfg!(any(windows, target_vendor = "apple", target_os = "android"));
        if !self.crls.is_empty()
            || self.no_hostname_verification
            || (cfg!(target_os = "android") && !self.extra_roots.is_empty())
            || (!HAS_ITS_OWN && roots::environment_would_be_read())
        {
            return Ok(None);
        }
        // With nothing of the client's own in it, one serves the process: the system's store is read once.
        static SHARED: OnceLock<Arc<dyn ServerCertVerifier>> = OnceLock::new();
        let shareable = self.provider.is_none() && self.extra_roots.is_empty();
        if let Some(verifier) = SHARED.get().filter(|_| shareable) {
            return Ok(Some(Arc::clone(verifier)));
        }
        #[cfg(not(target_os = "android"))]
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
            self.extra_roots.iter().cloned(),
            Arc::clone(provider),
        );
        #[cfg(target_os = "android")]
        let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
        let verifier: Arc<dyn ServerCertVerifier> = Arc::new(verifier.map_err(TlsError::Refused)?);
        Ok(Some(if shareable {
            Arc::clone(SHARED.get_or_init(|| verifier))
        } else {
            verifier
        }))
    }
}

fn versions(
    min: Option<TlsVersion>,
    max: Option<TlsVersion>,
) -> Result<&'static [&'static SupportedProtocolVersion], TlsError> {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    static ONLY_12: [&SupportedProtocolVersion; 1] = [&TLS12];
    static ONLY_13: [&SupportedProtocolVersion; 1] = [&TLS13];
    let min = min.unwrap_or(TlsVersion::TLS_1_2);
    let max = max.unwrap_or(TlsVersion::TLS_1_3);
    match (min.0, max.0) {
        (Version::Tls12, Version::Tls13) => Ok(&BOTH),
        (Version::Tls12, Version::Tls12) => Ok(&ONLY_12),
        (Version::Tls13, Version::Tls13) => Ok(&ONLY_13),
        (Version::Tls13, Version::Tls12) => Err(TlsError::NoVersionLeft),
    }
}

fn parse_roots(given: &[Certificate]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut all = Vec::new();
    for (index, certificate) in given.iter().enumerate() {
        for der in certificate.parse(index + 1)? {
            let usable = RootCertStore::empty().add(der.clone());
            usable.map_err(|_| TlsError::Content {
                option: "root certificate",
                place: format!("number {}", index + 1),
                fault: "cannot be parsed".into(),
            })?;
            all.push(der);
        }
    }
    Ok(all)
}

fn parse_crls(
    given: &[CertificateRevocationList],
    provider: Option<&Arc<CryptoProvider>>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let mut all = Vec::new();
    for (index, list) in given.iter().enumerate() {
        for der in list.parse(index + 1)? {
            // rustls parses lists only for a verifier, and does not say which one is bad: so each goes alone into a
            // verifier with which nothing is ever verified.
            let provider = provider::choose(provider)?;
            let trial = WebPkiServerVerifier::builder_with_provider(nobody(), provider)
                .with_crls([der.clone()])
                .build();
            if let Err(VerifierBuilderError::InvalidCrl(error)) = trial {
                return Err(TlsError::Content {
                    option: "crls",
                    place: format!("number {}", index + 1),
                    fault: format!("cannot be parsed: {error:?}"),
                });
            }
            all.push(der);
        }
    }
    Ok(all)
}

/// A root store that is not empty, as a verifier demands, and trusts nobody.
fn nobody() -> Arc<RootCertStore> {
    let anchor = rustls::pki_types::TrustAnchor {
        subject: [].as_slice().into(),
        subject_public_key_info: [].as_slice().into(),
        name_constraints: None,
    };
    Arc::new(RootCertStore {
        roots: vec![anchor],
    })
}
