//! Socket options that both forms set, where they were asked for.

use std::io;

use socket2::{Socket, TcpKeepalive};

use crate::dial::DialOptions;

/// What has to be set before the connection is begun.
pub(super) fn before_connect(socket: &Socket, options: &DialOptions) -> io::Result<()> {
    if let Some(interface) = &options.interface {
        bind_to(socket, interface).map_err(|error| {
            let message = format!("interface {}: {error}", interface.escape_debug());
            io::Error::new(error.kind(), message)
        })?;
    }
    Ok(())
}

/// What is set on a connection that stands.
pub(super) fn once_connected(socket: &Socket, options: &DialOptions) -> io::Result<()> {
    let wanted = options.keepalive;
    if wanted.idle.is_some() || wanted.interval.is_some() || wanted.retries.is_some() {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = wanted.idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = wanted.interval {
            keepalive = keepalive.with_interval(interval);
        }
        #[cfg(unix)]
        if let Some(retries) = wanted.retries {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if options.user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.user_timeout)?;
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
fn bind_to(socket: &Socket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
fn bind_to(_socket: &Socket, _interface: &str) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "binding to an interface is not supported on this system",
    ))
}
