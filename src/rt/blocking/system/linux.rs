//! Sockets that block, but for calls that say otherwise; and eventfd(2).

use std::io;
#[cfg(any(feature = "rustls", feature = "http2"))]
use std::io::IoSlice;
#[cfg(any(feature = "rustls", feature = "http2"))]
use std::os::fd::AsFd;
#[cfg(feature = "http2")]
use std::os::fd::OwnedFd;

#[cfg(feature = "http2")]
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
#[cfg(any(feature = "rustls", feature = "http2"))]
use rustix::net::SendAncillaryBuffer;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, Protocol, Socket, Type};

/// A read may wait in the kernel, under SO_RCVTIMEO.
pub(crate) const READS_WAIT: bool = true;

/// Receives what is there.
pub(crate) const RECEIVE_NOW: RecvFlags = RecvFlags::DONTWAIT;

/// Sends what there is room for.
pub(crate) const SEND_NOW: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// Sends what there is room for of several pieces.
#[cfg(any(feature = "rustls", feature = "http2"))]
pub(crate) fn send_pieces_now(socket: impl AsFd, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(
        socket,
        pieces,
        &mut control,
        SEND_NOW,
    )?)
}

/// Makes a TCP socket whose connect(2) does not wait.
pub(crate) fn tcp_socket(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
}

/// Tells whether connect(2) has begun. (EAGAIN would be a lack of local ports.)
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// Makes a socket ready for its life, once it is connected.
pub(crate) fn connected(socket: &Socket) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(socket, false)?)
}

/// What interrupts a thread in poll(2): a counter.
#[cfg(feature = "http2")]
pub(crate) struct Alarm(OwnedFd);

#[cfg(feature = "http2")]
impl Alarm {
    pub(crate) fn new() -> io::Result<Alarm> {
        Ok(Alarm(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    /// Wakes who polls it; a counter that is full does as well.
    pub(crate) fn ring(&self) {
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    pub(crate) fn silence(&self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.0, &mut count);
    }

    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.0, PollFlags::IN)
    }
}
