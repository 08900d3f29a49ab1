//! Stands in for HTTP/2 where it was not compiled in: there are no such connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;

use super::dual;
use super::failure::Failure;
use super::pool::Lease;
use super::send::Trip;
use super::stream::Stream;
use super::upload::Upload;
use crate::client_config::ClientConfig;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::pool_state::Shared;
use crate::proto::h1::{RequestFraming, ResponseHead};
use crate::request::Request;
use crate::stream_id::StreamId;
use crate::tls_info::TlsInfo;

/// A connection that nobody can make.
#[derive(Debug, Clone)]
pub(crate) struct Http2(Infallible);

/// A body that nobody can get.
#[derive(Debug)]
pub(crate) struct StreamBody(Infallible);

impl Shared for Http2 {
    fn capacity(&self) -> usize {
        match self.0 {}
    }

    fn is_open(&self) -> bool {
        match self.0 {}
    }
}

impl Http2 {
    pub(crate) fn is(&self, _other: &Http2) -> bool {
        match self.0 {}
    }

    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        match self.0 {}
    }

    pub(crate) fn is_usable(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn tell_changes(&self, _listener: Box<dyn Fn() + Send + Sync>) {
        match self.0 {}
    }
}

#[dual]
impl Http2 {
    pub(crate) async fn open(
        _stream: Stream,
        _config: &ClientConfig,
        _deadline: Option<Instant>,
    ) -> Result<Http2> {
        // Neither ALPN nor an option leads here without it.
        Err(
            Error::new(ErrorKind::LocalProtocolError, "HTTP/2 was not compiled in")
                .in_phase(Phase::Connect),
        )
    }

    pub(crate) async fn exchange(
        &self,
        _lease: Lease,
        _request: &Request,
        _upload: Upload,
        _framing: RequestFraming,
        _trip: &Trip<'_>,
    ) -> Result<(ResponseHead, Box<StreamBody>), Failure> {
        match self.0 {}
    }
}

impl StreamBody {
    pub(crate) fn stream_id(&self) -> StreamId {
        match self.0 {}
    }

    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        match self.0 {}
    }

    pub(crate) fn tls_info(&mut self) -> Option<TlsInfo> {
        match self.0 {}
    }

    pub(crate) fn is_over(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn begin_waiting(&mut self) -> Option<Instant> {
        match self.0 {}
    }

    pub(crate) fn limit(&mut self, _until: Option<Instant>) {
        match self.0 {}
    }

    pub(crate) fn remaining(&self) -> Option<u64> {
        match self.0 {}
    }

    pub(crate) fn trailers(&mut self) -> Option<Box<HeaderMap>> {
        match self.0 {}
    }
}

#[dual]
impl StreamBody {
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>> {
        match self.0 {}
    }
}
