//! Sockets that never block, waited for in poll(2) (WSAPoll on Windows); and a datagram socket that talks to itself.
//!
//! For every system but Linux. `RUSTFLAGS="--cfg dimorph_portable"` has Linux use it too, so that the tests can run over it.

use std::io;
#[cfg(any(feature = "rustls", feature = "http2"))]
use std::io::{IoSlice, Write};
#[cfg(feature = "http2")]
use std::net::{Ipv4Addr, UdpSocket};

#[cfg(feature = "http2")]
use rustix::event::{PollFd, PollFlags};
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, Protocol, Socket, Type};

/// Who reads waits in poll(2), whatever the wait.
pub(crate) const READS_WAIT: bool = false;

/// Receives what is there.
pub(crate) const RECEIVE_NOW: RecvFlags = RecvFlags::empty();

/// Sends what there is room for. Where a closed peer raises a signal, the standard library or the socket's options have switched it off.
pub(crate) const SEND_NOW: SendFlags = SendFlags::empty();

/// Sends what there is room for of several pieces.
#[cfg(any(feature = "rustls", feature = "http2"))]
pub(crate) fn send_pieces_now(mut socket: impl Write, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.write_vectored(pieces)
}

/// Makes a TCP socket whose connect(2) does not wait.
pub(crate) fn tcp_socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Tells whether connect(2) has begun: EINPROGRESS; on Windows, WSAEWOULDBLOCK.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
        || (cfg!(windows) && error.kind() == io::ErrorKind::WouldBlock)
}

/// Makes a socket ready for its life, once it is connected.
pub(crate) fn connected(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)
}

/// What interrupts a thread in poll(2): datagrams of its own.
#[cfg(feature = "http2")]
pub(crate) struct Alarm(UdpSocket);

#[cfg(feature = "http2")]
impl Alarm {
    pub(crate) fn new() -> io::Result<Alarm> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Connected to itself, it hears nobody else.
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        Ok(Alarm(socket))
    }

    /// Wakes who polls it; a queue that is full does as well.
    pub(crate) fn ring(&self) {
        let _ = self.0.send(&[1]);
    }

    pub(crate) fn silence(&self) {
        let mut byte = [0; 1];
        while self.0.recv(&mut byte).is_ok() {}
    }

    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.0, PollFlags::IN)
    }
}
