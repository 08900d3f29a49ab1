//! The options of TLS.

use std::any::Any;

use super::client_builder::ClientBuilder;
use crate::tls::{Certificate, CertificateRevocationList, Identity, Options, Version};

impl ClientBuilder {
    fn tls(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.config.tls);
        self
    }

    /// Trusts these roots besides the operating system's.
    pub fn tls_certs_merge(self, certs: impl IntoIterator<Item = Certificate>) -> ClientBuilder {
        self.tls(|tls| tls.root_certs.extend(certs))
    }

    /// Trusts these roots alone.
    pub fn tls_certs_only(self, certs: impl IntoIterator<Item = Certificate>) -> ClientBuilder {
        self.tls(|tls| {
            tls.root_certs.extend(certs);
            tls.certs_only = true;
        })
    }

    /// Trusts this root besides the others: the older name for [`tls_certs_merge`](ClientBuilder::tls_certs_merge).
    pub fn add_root_certificate(self, cert: Certificate) -> ClientBuilder {
        self.tls_certs_merge([cert])
    }

    /// Trusts the operating system's roots or not: 0.12's name. `false` trusts the given ones alone.
    #[doc(hidden)]
    pub fn tls_built_in_root_certs(self, enabled: bool) -> ClientBuilder {
        self.tls(|tls| tls.certs_only = !enabled)
    }

    /// As [`tls_built_in_root_certs`](ClientBuilder::tls_built_in_root_certs), for Mozilla's roots: 0.12's name, without effect.
    #[doc(hidden)]
    pub fn tls_built_in_webpki_certs(self, _enabled: bool) -> ClientBuilder {
        self
    }

    /// As [`tls_built_in_root_certs`](ClientBuilder::tls_built_in_root_certs): 0.12's name.
    #[doc(hidden)]
    pub fn tls_built_in_native_certs(self, enabled: bool) -> ClientBuilder {
        self.tls_built_in_root_certs(enabled)
    }

    /// Refuses certificates that these lists revoke; needs [`tls_certs_only`](ClientBuilder::tls_certs_only).
    pub fn tls_crls_only(
        self,
        crls: impl IntoIterator<Item = CertificateRevocationList>,
    ) -> ClientBuilder {
        self.tls(|tls| tls.crls.extend(crls))
    }

    /// The older name for [`tls_crls_only`](ClientBuilder::tls_crls_only) with one list.
    pub fn add_crl(self, crl: CertificateRevocationList) -> ClientBuilder {
        self.tls_crls_only([crl])
    }

    /// The older name for [`tls_crls_only`](ClientBuilder::tls_crls_only).
    pub fn add_crls(
        self,
        crls: impl IntoIterator<Item = CertificateRevocationList>,
    ) -> ClientBuilder {
        self.tls_crls_only(crls)
    }

    /// Sets the client's own certificate.
    pub fn identity(self, identity: Identity) -> ClientBuilder {
        self.tls(|tls| tls.identity = Some(identity))
    }

    /// Accepts a certificate of another host: dangerous, whoever holds any certificate can answer.
    pub fn tls_danger_accept_invalid_hostnames(
        self,
        accept_invalid_hostname: bool,
    ) -> ClientBuilder {
        self.tls(|tls| tls.hostname_verification = !accept_invalid_hostname)
    }

    /// The older name for [`tls_danger_accept_invalid_hostnames`](ClientBuilder::tls_danger_accept_invalid_hostnames).
    pub fn danger_accept_invalid_hostnames(self, accept_invalid_hostname: bool) -> ClientBuilder {
        self.tls_danger_accept_invalid_hostnames(accept_invalid_hostname)
    }

    /// Accepts any certificate: dangerous, anybody on the way can answer.
    pub fn tls_danger_accept_invalid_certs(self, accept_invalid_certs: bool) -> ClientBuilder {
        self.tls(|tls| tls.certs_verification = !accept_invalid_certs)
    }

    /// The older name for [`tls_danger_accept_invalid_certs`](ClientBuilder::tls_danger_accept_invalid_certs).
    pub fn danger_accept_invalid_certs(self, accept_invalid_certs: bool) -> ClientBuilder {
        self.tls_danger_accept_invalid_certs(accept_invalid_certs)
    }

    /// Tells the server the host's name in the handshake. Default: on.
    pub fn tls_sni(self, tls_sni: bool) -> ClientBuilder {
        self.tls(|tls| tls.sni = tls_sni)
    }

    /// Writes the session keys to the file that `SSLKEYLOGFILE` names. Default: off.
    pub fn tls_sslkeylogfile(self, on: bool) -> ClientBuilder {
        self.tls(|tls| tls.keylog = on)
    }

    /// Sets the lowest version of TLS. Default: 1.2.
    pub fn tls_version_min(self, version: Version) -> ClientBuilder {
        self.tls(|tls| tls.min_version = Some(version))
    }

    /// The older name for [`tls_version_min`](ClientBuilder::tls_version_min).
    pub fn min_tls_version(self, version: Version) -> ClientBuilder {
        self.tls_version_min(version)
    }

    /// Sets the highest version of TLS. Default: 1.3.
    pub fn tls_version_max(self, version: Version) -> ClientBuilder {
        self.tls(|tls| tls.max_version = Some(version))
    }

    /// The older name for [`tls_version_max`](ClientBuilder::tls_version_max).
    pub fn max_tls_version(self, version: Version) -> ClientBuilder {
        self.tls_version_max(version)
    }

    /// Uses rustls, as it does anyway.
    pub fn tls_backend_rustls(self) -> ClientBuilder {
        self.tls(Options::use_rustls)
    }

    /// The older name for [`tls_backend_rustls`](ClientBuilder::tls_backend_rustls).
    pub fn use_rustls_tls(self) -> ClientBuilder {
        self.tls_backend_rustls()
    }

    /// Uses rustls: the platform's own library is not linked.
    #[cfg(feature = "native-tls")]
    pub fn tls_backend_native(self) -> ClientBuilder {
        self.tls_backend_rustls()
    }

    /// The older name for [`tls_backend_native`](ClientBuilder::tls_backend_native).
    #[cfg(feature = "native-tls")]
    pub fn use_native_tls(self) -> ClientBuilder {
        self.tls_backend_native()
    }

    /// Takes a `rustls::ClientConfig` of rustls 0.23; with anything else the client is not built.
    pub fn tls_backend_preconfigured(self, tls: impl Any) -> ClientBuilder {
        self.tls(|options| options.preconfigure(tls))
    }

    /// The older name for [`tls_backend_preconfigured`](ClientBuilder::tls_backend_preconfigured).
    pub fn use_preconfigured_tls(self, tls: impl Any) -> ClientBuilder {
        self.tls_backend_preconfigured(tls)
    }

    /// Puts a [`TlsInfo`](crate::tls::TlsInfo) among the extensions of each response. Default: off.
    pub fn tls_info(self, tls_info: bool) -> ClientBuilder {
        self.tls(|tls| tls.info = tls_info)
    }
}
