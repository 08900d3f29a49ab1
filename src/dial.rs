//! What is decided before a socket is opened: options, overrides, and the order of the addresses (RFC 8305).

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Phase};

/// How long one of several addresses may stay silent before the next is tried beside it: less than
/// [`ATTEMPT_DELAY`] where the time that is left would not suffice for all.
pub(crate) fn attempt_delay(left: Option<Duration>, addresses: usize) -> Duration {
    let share = left.map(|left| left / u32::try_from(addresses.max(1)).unwrap_or(u32::MAX));
    share.map_or(ATTEMPT_DELAY, |share| share.min(ATTEMPT_DELAY))
}

/// How long one address may stay silent before the next is tried beside it (RFC 8305 section 5).
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The future of a name look-up. The blocking client polls it on the calling thread.
///
/// ```
/// fn nowhere() -> dimorph::Resolving {
///     Box::pin(async { Err(std::io::ErrorKind::NotFound.into()) })
/// }
/// # let _ = nowhere();
/// ```
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks up host names for a client.
///
/// One implementation serves both clients: the blocking one polls the future on the calling thread, without a runtime.
/// A port of 0 in an address stands for the URL's port.
///
/// ```
/// use dimorph::{Resolve, Resolving};
///
/// struct Loopback;
/// impl Resolve for Loopback {
///     fn resolve(&self, _host: &str) -> Resolving {
///         Box::pin(std::future::ready(Ok(vec![([127, 0, 0, 1], 0).into()])))
///     }
/// }
/// # let _ = Loopback;
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// Looks up the addresses of a host: a name, never an IP address. An empty list is an error.
    ///
    /// It may take as long as the connect timeout lets it; each new connection asks anew.
    fn resolve(&self, host: &str) -> Resolving;
}

impl<R: Resolve + ?Sized> Resolve for Arc<R> {
    fn resolve(&self, host: &str) -> Resolving {
        (**self).resolve(host)
    }
}

/// TCP keep-alive: how long a connection is silent before probes begin, how long between them, how many.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeepAlive {
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) retries: Option<u32>,
}

/// How connections are made.
#[derive(Clone, Default)]
pub(crate) struct DialOptions {
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) nodelay: Option<bool>,
    pub(crate) keepalive: KeepAlive,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) interface: Option<Box<str>>,
    pub(crate) resolver: Option<Arc<dyn Resolve>>,
    pub(crate) overrides: Vec<(Box<str>, Vec<SocketAddr>)>,
    pub(crate) unix_socket: Option<PathBuf>,
}

impl DialOptions {
    /// The addresses given for a host by hand.
    pub(crate) fn overridden(&self, host: &str) -> Option<&[SocketAddr]> {
        self.overrides
            .iter()
            .rev()
            .find(|(name, _)| name.eq_ignore_ascii_case(host))
            .map(|(_, addresses)| addresses.as_slice())
    }
}

impl fmt::Debug for DialOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialOptions")
            .field("local_address", &self.local_address)
            .field("nodelay", &self.nodelay)
            .field("keepalive", &self.keepalive)
            .field("resolver", &self.resolver.is_some())
            .field("user_timeout", &self.user_timeout)
            .field("interface", &self.interface)
            .field("overrides", &self.overrides)
            .field("unix_socket", &self.unix_socket)
            .finish()
    }
}

/// A function around the step that connects returned without running it.
pub(crate) fn not_connected() -> Error {
    Error::new(
        ErrorKind::ConnectError,
        "what was given to around_connect did not run the step that connects",
    )
    .in_phase(Phase::Connect)
}

/// The addresses in the order to try them: families take turns, beginning with the resolver's first (RFC 8305 section 4).
/// Addresses without a port get the URL's.
pub(crate) fn attempt_order(
    addresses: impl IntoIterator<Item = SocketAddr>,
    port: u16,
) -> Vec<SocketAddr> {
    let (mut first, mut second): (Vec<SocketAddr>, Vec<SocketAddr>) = (Vec::new(), Vec::new());
    for mut address in addresses {
        if address.port() == 0 {
            address.set_port(port);
        }
        let same_family = first
            .first()
            .is_none_or(|f| f.is_ipv4() == address.is_ipv4());
        let list = if same_family { &mut first } else { &mut second };
        if !list.contains(&address) {
            list.push(address);
        }
    }
    if second.is_empty() {
        return first;
    }
    let mut order = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            return order;
        }
        order.extend(one.into_iter().chain(other));
    }
}

/// How long to wait before the n-th retry of connecting: 0, 0.5, 1, 2, 4 … seconds (httpcore's `exponential_backoff`).
pub(crate) fn retry_delay(retry: u32) -> Duration {
    match retry {
        0 => Duration::ZERO,
        n => Duration::from_millis(500).saturating_mul(1 << (n - 1).min(16)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_ports_are_filled_in() {
        let cases: [(&[&str], &[&str]); 4] = [
            (&[], &[]),
            (&["1.1.1.1:0", "2.2.2.2:0"], &["1.1.1.1:80", "2.2.2.2:80"]),
            (
                &["[::1]:0", "[::2]:0", "[::3]:0", "1.1.1.1:0"],
                &["[::1]:80", "1.1.1.1:80", "[::2]:80", "[::3]:80"],
            ),
            (
                &["1.1.1.1:9", "1.1.1.1:9", "[::1]:0"],
                &["1.1.1.1:9", "[::1]:80"],
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(attempt_order(addresses(given), 80), addresses(expected));
        }
    }

    #[test]
    fn retries_wait_longer_each_time() {
        let delays: Vec<_> = (0..5).map(|n| retry_delay(n).as_millis()).collect();
        assert_eq!(delays, [0, 500, 1000, 2000, 4000]);
    }
}
