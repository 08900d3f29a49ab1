//! The options of a blocking client that are about TLS.

use super::ClientBuilder;
use crate::tls::{self, Certificate, CertificateRevocationList, Identity};

impl ClientBuilder {
    /// Trusts these certificates too.
    pub fn tls_certs_merge(self, certs: impl IntoIterator<Item = Certificate>) -> ClientBuilder {
        self.with(|inner| inner.tls_certs_merge(certs))
    }

    /// Trusts these certificates, and none of the system's.
    pub fn tls_certs_only(self, certs: impl IntoIterator<Item = Certificate>) -> ClientBuilder {
        self.with(|inner| inner.tls_certs_only(certs))
    }

    /// Trusts a certificate too: [`tls_certs_merge`](Self::tls_certs_merge) by its old name.
    pub fn add_root_certificate(self, cert: Certificate) -> ClientBuilder {
        self.with(|inner| inner.add_root_certificate(cert))
    }

    /// Refuses certificates on these lists. For `tls_certs_only` alone.
    pub fn tls_crls_only(
        self,
        crls: impl IntoIterator<Item = CertificateRevocationList>,
    ) -> ClientBuilder {
        self.with(|inner| inner.tls_crls_only(crls))
    }

    /// Adds a list: [`tls_crls_only`](Self::tls_crls_only) by its old name.
    pub fn add_crl(self, crl: CertificateRevocationList) -> ClientBuilder {
        self.with(|inner| inner.add_crl(crl))
    }

    /// Adds lists: [`tls_crls_only`](Self::tls_crls_only) by its old name.
    pub fn add_crls(
        self,
        crls: impl IntoIterator<Item = CertificateRevocationList>,
    ) -> ClientBuilder {
        self.with(|inner| inner.add_crls(crls))
    }

    /// Sets the client's own certificate.
    pub fn identity(self, identity: Identity) -> ClientBuilder {
        self.with(|inner| inner.identity(identity))
    }

    /// Accepts certificates for other names. For `tls_certs_only` alone. Whoever holds any certificate of these
    /// authorities can then pretend to be the server.
    pub fn tls_danger_accept_invalid_hostnames(
        self,
        accept_invalid_hostname: bool,
    ) -> ClientBuilder {
        self.with(|inner| inner.tls_danger_accept_invalid_hostnames(accept_invalid_hostname))
    }

    /// [`tls_danger_accept_invalid_hostnames`](Self::tls_danger_accept_invalid_hostnames) by its old name.
    pub fn danger_accept_invalid_hostnames(self, accept_invalid_hostname: bool) -> ClientBuilder {
        self.with(|inner| inner.danger_accept_invalid_hostnames(accept_invalid_hostname))
    }

    /// Accepts any certificate. Anybody can then pretend to be the server.
    pub fn tls_danger_accept_invalid_certs(self, accept_invalid_certs: bool) -> ClientBuilder {
        self.with(|inner| inner.tls_danger_accept_invalid_certs(accept_invalid_certs))
    }

    /// [`tls_danger_accept_invalid_certs`](Self::tls_danger_accept_invalid_certs) by its old name.
    pub fn danger_accept_invalid_certs(self, accept_invalid_certs: bool) -> ClientBuilder {
        self.with(|inner| inner.danger_accept_invalid_certs(accept_invalid_certs))
    }

    /// Sets whether the server is told its name (default: it is).
    pub fn tls_sni(self, tls_sni: bool) -> ClientBuilder {
        self.with(|inner| inner.tls_sni(tls_sni))
    }

    /// Sets whether secrets are written to the file that `SSLKEYLOGFILE` names, for debugging.
    pub fn tls_sslkeylogfile(self, on: bool) -> ClientBuilder {
        self.with(|inner| inner.tls_sslkeylogfile(on))
    }

    /// Sets the oldest version of TLS that is spoken.
    pub fn tls_version_min(self, version: tls::Version) -> ClientBuilder {
        self.with(|inner| inner.tls_version_min(version))
    }

    /// [`tls_version_min`](Self::tls_version_min) by its old name.
    pub fn min_tls_version(self, version: tls::Version) -> ClientBuilder {
        self.with(|inner| inner.min_tls_version(version))
    }

    /// Sets the newest version of TLS that is spoken.
    pub fn tls_version_max(self, version: tls::Version) -> ClientBuilder {
        self.with(|inner| inner.tls_version_max(version))
    }

    /// [`tls_version_max`](Self::tls_version_max) by its old name.
    pub fn max_tls_version(self, version: tls::Version) -> ClientBuilder {
        self.with(|inner| inner.max_tls_version(version))
    }

    /// Goes back from a preconfigured TLS to the options here.
    pub fn tls_backend_rustls(self) -> ClientBuilder {
        self.with(|inner| inner.tls_backend_rustls())
    }

    /// [`tls_backend_rustls`](Self::tls_backend_rustls) by its old name.
    pub fn use_rustls_tls(self) -> ClientBuilder {
        self.with(|inner| inner.use_rustls_tls())
    }

    /// Sets whether responses have a [`TlsInfo`](tls::TlsInfo) among their extensions.
    pub fn tls_info(self, tls_info: bool) -> ClientBuilder {
        self.with(|inner| inner.tls_info(tls_info))
    }

    /// Takes a `rustls::ClientConfig`; anything else is an error of [`build`](Self::build).
    pub fn tls_backend_preconfigured(self, tls: impl std::any::Any) -> ClientBuilder {
        self.with(|inner| inner.tls_backend_preconfigured(tls))
    }

    /// [`tls_backend_preconfigured`](Self::tls_backend_preconfigured) by its old name.
    pub fn use_preconfigured_tls(self, tls: impl std::any::Any) -> ClientBuilder {
        self.with(|inner| inner.use_preconfigured_tls(tls))
    }

    /// As the async client's method of this name; it is 0.12's.
    #[doc(hidden)]
    pub fn tls_built_in_root_certs(self, enabled: bool) -> ClientBuilder {
        self.with(|inner| inner.tls_built_in_root_certs(enabled))
    }

    /// As the async client's method of this name; it is 0.12's.
    #[doc(hidden)]
    pub fn tls_built_in_webpki_certs(self, enabled: bool) -> ClientBuilder {
        self.with(|inner| inner.tls_built_in_webpki_certs(enabled))
    }

    /// As the async client's method of this name; it is 0.12's.
    #[doc(hidden)]
    pub fn tls_built_in_native_certs(self, enabled: bool) -> ClientBuilder {
        self.with(|inner| inner.tls_built_in_native_certs(enabled))
    }

    /// Uses rustls: the platform's own library is not linked.
    #[cfg(feature = "native-tls")]
    pub fn tls_backend_native(self) -> ClientBuilder {
        self.with(|inner| inner.tls_backend_native())
    }

    /// [`tls_backend_native`](Self::tls_backend_native) by its old name.
    #[cfg(feature = "native-tls")]
    pub fn use_native_tls(self) -> ClientBuilder {
        self.tls_backend_native()
    }
}
