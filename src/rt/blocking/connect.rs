//! TCP connections with Happy Eyeballs (RFC 8305) on non-blocking sockets and one poll(2).

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, SockAddr, Socket as RawSocket};

use super::{Socket, Stream, options as socket_options, poll_many, system};
use crate::dial::{DialOptions, attempt_delay};

/// Connects to the first address that answers; a silent one is joined by the next after [a delay](attempt_delay).
pub(crate) fn connect(
    addresses: &[SocketAddr],
    options: &DialOptions,
    deadline: Option<Instant>,
) -> io::Result<Stream> {
    let mut untried = addresses.iter();
    let mut pending: Vec<(RawSocket, SocketAddr)> = Vec::new();
    let mut next_attempt = Instant::now();
    let left = deadline.map(|deadline| deadline.saturating_duration_since(next_attempt));
    let delay = attempt_delay(left, addresses.len());
    let mut last_error = None;
    loop {
        if pending.is_empty() || Instant::now() >= next_attempt {
            if let Some(address) = untried.next() {
                match begin(*address, options) {
                    Ok((socket, true)) => return finish(socket, *address, options),
                    Ok((socket, false)) => {
                        pending.push((socket, *address));
                        next_attempt = Instant::now() + delay;
                    }
                    Err(error) => last_error = Some(error),
                }
                continue;
            }
            if pending.is_empty() {
                return Err(
                    last_error.unwrap_or_else(|| io::Error::other("the host has no address"))
                );
            }
        }
        let wake = if untried.len() == 0 {
            deadline
        } else {
            Some(deadline.map_or(next_attempt, |d| d.min(next_attempt)))
        };
        let ready = wait_any(&pending, wake);
        match ready {
            Ok(index) => {
                let (socket, address) = pending.swap_remove(index);
                match socket.take_error() {
                    Ok(None) => return finish(socket, address, options),
                    Ok(Some(error)) | Err(error) => {
                        last_error = Some(error);
                        next_attempt = Instant::now();
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

fn wait_any(pending: &[(RawSocket, SocketAddr)], deadline: Option<Instant>) -> io::Result<usize> {
    let mut fds: Vec<PollFd<'_>> = pending
        .iter()
        .map(|(socket, _)| PollFd::new(socket, PollFlags::OUT))
        .collect();
    poll_many(&mut fds, deadline)?;
    Ok(fds
        .iter()
        .position(|fd| !fd.revents().is_empty())
        .unwrap_or(0))
}

/// Starts connecting; `true`: it was done at once, as on loopback.
fn begin(address: SocketAddr, options: &DialOptions) -> io::Result<(RawSocket, bool)> {
    let socket = system::tcp_socket(Domain::for_address(address))?;
    socket_options::before_connect(&socket, options)?;
    if let Some(local) = options.local_address {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => Ok((socket, true)),
        Err(error) if system::is_in_progress(&error) => Ok((socket, false)),
        Err(error) => Err(error),
    }
}

fn finish(socket: RawSocket, peer: SocketAddr, options: &DialOptions) -> io::Result<Stream> {
    system::connected(&socket)?;
    if options.nodelay != Some(false) {
        socket.set_tcp_nodelay(true)?;
    }
    socket_options::once_connected(&socket, options)?;
    Ok(Stream::new(Socket::Tcp(socket.into()), Some(peer)))
}
