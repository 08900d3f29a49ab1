//! What a connection or a TLS session stands on: a socket, or a TLS session with a proxy over one.

use std::io;
#[cfg(any(feature = "rustls", feature = "http2"))]
use std::io::IoSlice;
use std::net::SocketAddr;

use super::tls_stream::TlsSession;
use super::{dual, rt};
use crate::config::Wait;

#[derive(Debug)]
pub(crate) enum Layer {
    Socket(rt::Stream),
    /// TLS to a proxy, through which another TLS session may go.
    Tls(Box<Secured>),
}

#[derive(Debug)]
pub(crate) struct Secured {
    tls: Box<TlsSession>,
    below: Layer,
}

impl Layer {
    /// The same bytes through a TLS session.
    pub(crate) fn secured(self, tls: Box<TlsSession>) -> Layer {
        Layer::Tls(Box::new(Secured { tls, below: self }))
    }

    #[inline]
    pub(crate) fn socket(&mut self) -> &mut rt::Stream {
        match self {
            Layer::Socket(socket) => socket,
            Layer::Tls(secured) => secured.below.socket(),
        }
    }

    #[inline]
    pub(crate) fn is_secured(&self) -> bool {
        matches!(self, Layer::Tls(_))
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Layer::Socket(socket) => socket.peer_addr(),
            Layer::Tls(secured) => secured.below.peer_addr(),
        }
    }

    #[inline]
    pub(crate) fn is_at_home(&self) -> bool {
        match self {
            Layer::Socket(socket) => socket.is_at_home(),
            Layer::Tls(secured) => secured.below.is_at_home(),
        }
    }

    /// Receives what is there now.
    #[inline]
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Layer::Socket(socket) => socket.try_read(buffer),
            Layer::Tls(secured) => secured.tls.try_read(&mut secured.below, buffer),
        }
    }

    /// Receives what the kernel has now, whatever a runtime's reactor believes.
    #[cfg(any(feature = "rustls", feature = "http2"))]
    pub(crate) fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Layer::Socket(socket) => socket.receive_now(buffer),
            Layer::Tls(secured) => secured.tls.receive_now(&mut secured.below, buffer),
        }
    }

    /// Sends what goes out now; through TLS, what is taken may still wait in the session.
    #[inline]
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Layer::Socket(socket) => socket.try_write(bytes),
            Layer::Tls(secured) => secured.tls.try_send(&mut secured.below, bytes),
        }
    }

    /// Sends what goes out now of several pieces.
    #[cfg(any(feature = "rustls", feature = "http2"))]
    pub(crate) fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Layer::Socket(socket) => socket.try_write_vectored(pieces),
            Layer::Tls(secured) => match pieces.iter().find(|piece| !piece.is_empty()) {
                Some(piece) => secured.tls.try_send(&mut secured.below, piece),
                None => Ok(0),
            },
        }
    }

    /// Pushes out what TLS still holds; `WouldBlock` while there is more.
    #[inline]
    pub(crate) fn try_flush(&mut self) -> io::Result<()> {
        match self {
            Layer::Socket(_) => Ok(()),
            Layer::Tls(secured) => secured.tls.try_flush(&mut secured.below),
        }
    }

    /// Tells whether bytes are here that no socket will announce.
    #[inline]
    pub(crate) fn holds_bytes(&self) -> bool {
        match self {
            Layer::Socket(_) => false,
            Layer::Tls(secured) => secured.tls.has_plaintext() || secured.below.holds_bytes(),
        }
    }

    /// Tells whether nothing arrived on an idle connection: no byte, no end, no error.
    #[inline]
    pub(crate) fn is_silent(&mut self) -> bool {
        match self {
            Layer::Socket(socket) => socket.is_silent(),
            Layer::Tls(secured) => secured.tls.is_silent(&mut secured.below),
        }
    }

    /// Says goodbye to a proxy, if that goes out at once.
    #[inline]
    pub(crate) fn close(&mut self) {
        if let Layer::Tls(secured) = self {
            secured.tls.close(&mut secured.below);
        }
    }

    #[inline]
    pub(crate) fn shrink(&mut self) {
        if let Layer::Tls(secured) = self {
            secured.tls.shrink();
        }
    }
}

#[dual]
impl Layer {
    /// Receives into `buffer`; 0 is the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        match self {
            Layer::Socket(socket) => socket.read(buffer, wait).await,
            Layer::Tls(_) => self.read_secured(buffer, wait).await,
        }
    }

    /// Receives into the spare capacity of `buffer`; 0 is the end.
    pub(crate) async fn read_spare(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> io::Result<usize> {
        let Layer::Socket(socket) = self else {
            let room = (buffer.capacity() - buffer.len()).min(PIECE);
            let mut piece = vec![0; room];
            let read = self.read_secured(&mut piece, wait).await?;
            buffer.extend_from_slice(&piece[..read]);
            return Ok(read);
        };
        socket.read_spare(buffer, wait).await
    }

    /// Waits on the socket alone, so that sessions over sessions need no recursion.
    async fn read_secured(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        loop {
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.socket().ready(true, false, wait).await?;
                }
                other => return other,
            }
        }
    }

    /// Waits until there may be something to read, or room to write, as asked.
    pub(crate) async fn ready(
        &mut self,
        read: bool,
        write: bool,
        wait: Wait,
    ) -> io::Result<rt::Ready> {
        if read && self.holds_bytes() {
            return Ok(rt::Ready {
                read: true,
                write: false,
            });
        }
        self.socket().ready(read, write, wait).await
    }
}

/// The largest read through a proxy's session that has to be copied.
const PIECE: usize = 64 * 1024;
