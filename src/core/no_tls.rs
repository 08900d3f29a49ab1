//! Stands in for `tls_stream.rs` where no TLS is compiled in: a session that cannot exist.

use std::io;

use super::dual;
use super::layer::Layer;
use crate::client_config::ClientConfig;
use crate::config::Wait;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::location::Origin;
use crate::pool_state::Protocol;
use crate::tls_info::TlsInfo;

#[derive(Debug)]
pub(crate) enum TlsSession {}

/// As in `tls_stream.rs`.
pub(crate) fn hint_of(_error: &io::Error) -> Option<&'static str> {
    None
}

impl TlsSession {
    pub(crate) fn try_send(&mut self, _io: &mut Layer, _bytes: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    #[cfg(feature = "http2")]
    pub(crate) fn try_send_pieces(
        &mut self,
        _io: &mut Layer,
        _pieces: &[io::IoSlice<'_>],
    ) -> io::Result<usize> {
        match *self {}
    }

    #[cfg(feature = "http2")]
    pub(crate) fn receive_now(&mut self, _io: &mut Layer, _buffer: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn try_read(&mut self, _io: &mut Layer, _buffer: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn try_flush(&mut self, _io: &mut Layer) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn is_silent(&mut self, _io: &mut Layer) -> bool {
        match *self {}
    }

    pub(crate) fn has_plaintext(&self) -> bool {
        match *self {}
    }

    pub(crate) fn close(&mut self, _io: &mut Layer) {
        match *self {}
    }

    pub(crate) fn alpn_is_h2(&self) -> bool {
        match *self {}
    }

    pub(crate) fn info(&self) -> TlsInfo {
        match *self {}
    }

    pub(crate) fn shrink(&mut self) {
        match *self {}
    }
}

/// A configuration that cannot exist.
pub(crate) use std::convert::Infallible as Prepared;

#[dual]
pub(crate) async fn prepare(_config: &ClientConfig, _protocol: Protocol) -> Result<Prepared> {
    Err(Error::new(
        ErrorKind::UnsupportedProtocol,
        "https needs TLS, and dimorph was built without it: switch on its feature `rustls`",
    )
    .in_phase(Phase::Tls))
}

#[dual]
pub(crate) async fn prepare_for_proxy(config: &ClientConfig) -> Result<Prepared> {
    prepare(config, Protocol::Http1).await
}

#[dual]
impl TlsSession {
    pub(crate) async fn connect(
        _io: &mut Layer,
        config: Prepared,
        _origin: Origin<'_>,
        _received: &[u8],
        _wait: Wait,
        _protocol: Protocol,
    ) -> Result<Box<TlsSession>> {
        match config {}
    }

    pub(crate) async fn read(
        &mut self,
        _io: &mut Layer,
        _buffer: &mut [u8],
        _wait: Wait,
    ) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) async fn read_spare(
        &mut self,
        _io: &mut Layer,
        _buffer: &mut Vec<u8>,
        _wait: Wait,
    ) -> io::Result<usize> {
        match *self {}
    }
}
