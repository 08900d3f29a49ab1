//! Handshakes in memory between a client configured here and a rustls server, with certificates made on the spot.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use rcgen::{DnType, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConnection, Error, HandshakeKind, NamedGroup,
    ProtocolVersion, ServerConfig, ServerConnection,
};

use super::*;
use pki::{Leaf, Pki, TempDir};

mod environment;
mod hostile;
mod identity;
mod pki;
mod session;
mod trust;

fn options() -> TlsOptions {
    TlsOptions {
        provider: Some(Arc::new(ring::default_provider())),
        ..TlsOptions::default()
    }
}

fn verify(how: impl Into<Verify>) -> TlsOptions {
    TlsOptions {
        verify: how.into(),
        ..options()
    }
}

fn empty_env(_: &str) -> Option<OsString> {
    None
}

impl TlsOptions {
    fn with_roots_of(mut self, pki: &Pki) -> TlsOptions {
        self.extra_roots.push(Certificate::from_pem(pki.root.pem()));
        self
    }

    fn built(self) -> Arc<ClientConfig> {
        self.built_for(Protocol::Http1)
    }

    fn built_for(self, wanted: Protocol) -> Arc<ClientConfig> {
        let source = self.prepare().unwrap();
        source.config(&empty_env, wanted).unwrap()
    }
}

impl Pki {
    fn connect(
        &self,
        options: TlsOptions,
        host: &str,
    ) -> Result<(ClientConnection, ServerConnection), Error> {
        connect(options, self.server.server(rustls::ALL_VERSIONS), host)
    }
}

fn connect(
    options: TlsOptions,
    server: Arc<ServerConfig>,
    host: &str,
) -> Result<(ClientConnection, ServerConnection), Error> {
    handshake(options.built(), server, host)
}

/// Shakes hands; the error is the client's view of it.
fn handshake(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    host: &str,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(client, name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    // Six flights are more than any handshake takes, tickets and a final alert included.
    for _ in 0..6 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            server.read_tls(&mut wire).unwrap();
            // What it objects to reaches the client as an alert.
            let _ = server.process_new_packets();
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}
