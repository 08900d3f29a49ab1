//! Protocols without I/O.

pub(crate) mod h1;
pub(crate) mod socks5;
