//! Protocols without I/O.

pub(crate) mod h1;
#[cfg(feature = "http2")]
pub(crate) mod h2;
pub(crate) mod socks5;
