//! What a response tells of the TLS session that it came through.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "rustls")]
use crate::tls::TlsVersion;

/// The TLS session of a response, in its extensions where the client was built with `tls_info(true)`.
///
/// ```no_run
/// use dimorph::{Client, TlsInfo};
///
/// let client = Client::builder().tls_info(true).build()?;
/// let response = client.get("https://example.org/").send()?;
/// if let Some(info) = response.extensions().get::<TlsInfo>() {
///     println!("{:?}", info.version());
///     println!("a certificate of {} bytes", info.peer_certificate().unwrap().len());
/// }
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct TlsInfo {
    peer_certificate: Option<Arc<[u8]>>,
    #[cfg(feature = "rustls")]
    version: Option<TlsVersion>,
}

impl TlsInfo {
    #[cfg(feature = "rustls")]
    pub(crate) fn new(peer_certificate: Option<Vec<u8>>, version: Option<TlsVersion>) -> Self {
        TlsInfo {
            peer_certificate: peer_certificate.map(Arc::from),
            version,
        }
    }

    /// Returns the server's own certificate, in DER.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.peer_certificate.as_deref()
    }

    /// Returns the TLS version spoken.
    #[cfg(feature = "rustls")]
    pub fn version(&self) -> Option<TlsVersion> {
        self.version
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsInfo")
    }
}
