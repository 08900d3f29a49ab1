//! One connection: its stream, its buffers, and the state of the exchange on it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;

use super::dual;
use super::stream::Stream;
use crate::config::Wait;
use crate::proto::h1::{Exchange, H1Limits};

/// How much is received at a time while the head of a response is awaited.
const HEAD_READ: usize = 3072;
/// The largest buffer that an idle connection keeps.
const KEPT_BUFFER: usize = 4096;

pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// Received, and not used yet.
    pub(crate) received: BytesMut,
    /// Where heads are received: cleared once, so that a read costs no clearing.
    scratch: Box<[u8; HEAD_READ]>,
    /// Heads, chunk sizes and small bodies on their way out.
    pub(crate) outgoing: Vec<u8>,
    pub(crate) exchange: Exchange,
    pub(crate) remote_addr: Option<SocketAddr>,
}

impl Connection {
    pub(crate) fn new(stream: Stream, limits: H1Limits) -> Box<Self> {
        Box::new(Connection {
            remote_addr: stream.peer_addr(),
            stream,
            received: BytesMut::new(),
            scratch: Box::new([0; HEAD_READ]),
            outgoing: Vec::with_capacity(512),
            exchange: Exchange::new(limits),
        })
    }

    /// Tells whether an idle connection can be used again.
    pub(crate) fn is_usable(&mut self) -> bool {
        self.received.is_empty() && self.stream.is_silent()
    }

    /// Receives what is there now.
    pub(crate) fn try_receive(&mut self) -> io::Result<usize> {
        let received = self.stream.try_read(&mut self.scratch[..])?;
        self.received.extend_from_slice(&self.scratch[..received]);
        Ok(received)
    }

    /// Gives back what only a transfer needs.
    pub(crate) fn rest(&mut self) {
        self.stream.shrink();
        self.outgoing.clear();
        self.outgoing.shrink_to(KEPT_BUFFER);
        if self.received.capacity() > KEPT_BUFFER {
            self.received = BytesMut::new();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stream.close();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was received may be secret.
        f.debug_struct("Connection")
            .field("remote_addr", &self.remote_addr)
            .finish_non_exhaustive()
    }
}

#[dual]
impl Connection {
    /// Receives a little more behind what is held; 0 is the end.
    pub(crate) async fn receive(&mut self, wait: Wait) -> io::Result<usize> {
        let received = self.stream.read(&mut self.scratch[..], wait).await?;
        self.received.extend_from_slice(&self.scratch[..received]);
        Ok(received)
    }
}
