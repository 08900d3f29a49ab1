//! A connection's bytes, plain or through TLS.

#[cfg(feature = "http2")]
use bytes::Buf;
use bytes::BytesMut;
use std::io;
use std::net::SocketAddr;

use super::layer::Layer;
use super::tls_stream::TlsSession;
use super::{dual, rt};
use crate::config::Wait;
use crate::tls_info::TlsInfo;

#[derive(Debug)]
pub(crate) struct Stream {
    io: Layer,
    tls: Option<Box<TlsSession>>,
    /// Something of the current request may have left.
    sent: bool,
    /// What came before this stood: a server of HTTP/2 need not wait to be asked (RFC 9113 section 3.4).
    early: BytesMut,
}

impl Stream {
    pub(crate) fn new(io: Layer, tls: Option<Box<TlsSession>>) -> Self {
        Stream {
            io,
            tls,
            sent: false,
            early: BytesMut::new(),
        }
    }

    /// A stream of which a part has come already.
    pub(crate) fn behind(early: BytesMut, io: Layer) -> Self {
        let mut stream = Stream::new(io, None);
        stream.early = early;
        stream
    }

    /// Takes what came before this stood.
    #[cfg(feature = "http2")]
    pub(crate) fn take_early(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let taken = buffer.len().min(self.early.len());
        self.early
            .split_to(taken)
            .copy_to_slice(&mut buffer[..taken]);
        (taken > 0).then_some(taken)
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.io.peer_addr()
    }

    /// Sends what goes out now; through TLS, what is taken may still wait in the session.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => {
                let sent = self.io.try_write(bytes);
                // Of what a session with a proxy refuses, a part may be gone.
                self.sent |= sent.is_ok() || self.io.is_secured();
                sent
            }
            Some(tls) => {
                self.sent = true;
                tls.try_send(&mut self.io, bytes)
            }
        }
    }

    /// As [`try_send`](Stream::try_send), of several pieces.
    #[cfg(feature = "http2")]
    pub(crate) fn try_send_pieces(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.io.try_write_vectored(pieces),
            Some(tls) => tls.try_send_pieces(&mut self.io, pieces),
        }
    }

    /// Tells whether TLS goes over the socket, with the server or a proxy.
    #[cfg(feature = "http2")]
    pub(crate) fn is_secured(&self) -> bool {
        self.tls.is_some() || self.io.is_secured()
    }

    /// Receives what the kernel has now, whatever a runtime's reactor believes.
    #[cfg(feature = "http2")]
    pub(crate) fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.io.receive_now(buffer),
            Some(tls) => tls.receive_now(&mut self.io, buffer),
        }
    }

    /// Begins to watch whether anything is sent.
    pub(crate) fn begin_request(&mut self) {
        self.sent = false;
    }

    pub(crate) fn has_sent(&self) -> bool {
        self.sent
    }

    /// Receives what is there now.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match &mut self.tls {
            None => self.io.try_read(buffer),
            Some(tls) => tls.try_read(&mut self.io, buffer),
        }
    }

    /// Pushes out what TLS still holds; `WouldBlock` while there is more.
    pub(crate) fn try_flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => self.io.try_flush(),
            Some(tls) => tls.try_flush(&mut self.io),
        }
    }

    /// Tells whether an idle connection can be used again: nothing arrived on it, no end, no error.
    pub(crate) fn is_silent(&mut self) -> bool {
        if let (None, Layer::Socket(socket)) = (&self.tls, &mut self.io) {
            return socket.is_at_home() && socket.is_silent();
        }
        if !self.io.is_at_home() {
            return false;
        }
        match &mut self.tls {
            None => self.io.is_silent(),
            Some(tls) => tls.is_silent(&mut self.io),
        }
    }

    /// Says goodbye, if that goes out at once: TLS tells the peer that nothing was cut off.
    pub(crate) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.io);
        }
        self.io.close();
    }

    /// Tells whether the server chose HTTP/2 in the TLS handshake (ALPN).
    pub(crate) fn alpn_is_h2(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.alpn_is_h2())
    }

    /// What the server showed of itself, for a connection through TLS.
    pub(crate) fn tls_info(&self) -> Option<TlsInfo> {
        self.tls.as_ref().map(|tls| tls.info())
    }

    /// Gives back the buffers that only bulk transfers need.
    pub(crate) fn shrink(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.shrink();
        }
        self.io.shrink();
    }

    /// The socket, where nothing lies over it.
    pub(crate) fn bare(&mut self) -> Option<&mut rt::Stream> {
        match (&self.tls, &mut self.io) {
            (None, Layer::Socket(socket)) => Some(socket),
            _ => None,
        }
    }

    pub(crate) fn io(&mut self) -> &mut rt::Stream {
        self.io.socket()
    }

    /// What is beneath, to put TLS over it.
    pub(crate) fn into_layer(self) -> Layer {
        match self.tls {
            None => self.io,
            Some(tls) => self.io.secured(tls),
        }
    }
}

#[dual]
impl Stream {
    /// Receives into `buffer`; 0 is the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match (&mut self.tls, &mut self.io) {
            // Said twice, since most reads go this way.
            (None, Layer::Socket(socket)) => socket.read(buffer, wait).await,
            (None, io) => io.read(buffer, wait).await,
            (Some(tls), io) => tls.read(io, buffer, wait).await,
        }
    }

    /// Receives into the spare capacity of `buffer`; 0 is the end.
    pub(crate) async fn read_spare(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> io::Result<usize> {
        match &mut self.tls {
            None => self.io.read_spare(buffer, wait).await,
            Some(tls) => tls.read_spare(&mut self.io, buffer, wait).await,
        }
    }

    /// Waits until there is something to read, or room to write, as asked.
    pub(crate) async fn ready(
        &mut self,
        read: bool,
        write: bool,
        wait: Wait,
    ) -> io::Result<rt::Ready> {
        if read && self.tls.as_ref().is_some_and(|tls| tls.has_plaintext()) {
            return Ok(rt::Ready {
                read: true,
                write: false,
            });
        }
        self.io.ready(read, write, wait).await
    }

    /// Sends everything.
    pub(crate) async fn send_all(&mut self, mut bytes: &[u8], wait: Wait) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_send(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.socket().ready(false, true, wait).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.flush(wait).await
    }

    /// Pushes out what TLS still holds.
    pub(crate) async fn flush(&mut self, wait: Wait) -> io::Result<()> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.socket().ready(false, true, wait).await?;
                }
                other => return other,
            }
        }
    }
}
