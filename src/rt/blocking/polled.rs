//! A socket inside somebody else's poll. Here nobody is woken by it: who waits, waits in poll(2).

use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags};

use super::{Socket, Stream, no_stream};
use crate::body::ByteStream;
use crate::error::Result;

/// What comes is announced as long as it is not read.
pub(crate) const LEVEL_TRIGGERED: bool = true;

impl Stream {
    /// Receives what is there.
    pub(crate) fn poll_read(
        &mut self,
        _cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            other => Poll::Ready(other),
        }
    }

    pub(crate) fn poll_readable(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    pub(crate) fn poll_writable(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    /// What can be waited for while somebody else has the stream.
    pub(crate) fn watch(&self) -> Watch {
        Watch(self.socket.clone())
    }
}

/// A socket to be waited for, that somebody else reads and writes.
#[derive(Debug)]
pub(crate) struct Watch(Arc<Socket>);

impl Watch {
    pub(super) fn poll_fd(&self, interest: PollFlags) -> PollFd<'_> {
        each!(&*self.0, s => PollFd::new(s, interest))
    }

    pub(super) fn is_silent(&self) -> bool {
        self.0.is_silent()
    }

    pub(super) fn shut_down(&self) {
        // One that is closed already needs none.
        let _ = each!(&*self.0, s => s.shutdown(std::net::Shutdown::Both));
    }
}

/// As [`next_item`](super::next_item).
pub(crate) fn poll_item(
    _stream: &mut Mutex<ByteStream>,
    _cx: &mut Context<'_>,
) -> Poll<Result<Option<Bytes>>> {
    Poll::Ready(Err(no_stream()))
}
