//! A connection that speaks HTTP no longer.

use std::io;

use super::connection::Connection;
use super::pool::Lease;

/// A connection taken over after `101 Switching Protocols`; it holds its slot of the pool until it is dropped.
#[derive(Debug)]
pub struct Upgraded {
    lease: Lease,
}

impl Upgraded {
    pub(crate) fn new(lease: Lease) -> Self {
        Upgraded { lease }
    }

    pub(crate) fn connection(&mut self) -> io::Result<&mut Connection> {
        self.lease
            .connection()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
