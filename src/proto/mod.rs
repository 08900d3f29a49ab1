//! Protocols without I/O.

pub(crate) mod h1;
