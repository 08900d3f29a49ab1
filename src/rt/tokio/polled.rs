//! A socket inside somebody else's poll.

use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Socket, Stream};
use crate::body::{ByteStream, stream_failed, unlocked};
use crate::error::Result;

/// What comes is announced once, so that a read goes on until there is nothing.
#[cfg(feature = "http2")]
pub(crate) const LEVEL_TRIGGERED: bool = false;

/// As in the blocking form, where there is something to watch.
#[cfg(feature = "http2")]
#[derive(Debug)]
pub(crate) struct Watch;

impl Stream {
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buffer);
        ready!(each!(&mut self.socket, s => Pin::new(s).poll_read(cx, &mut read)))?;
        Poll::Ready(Ok(read.filled().len()))
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&self.socket, s => s.poll_read_ready(cx))
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&self.socket, s => s.poll_write_ready(cx))
    }

    /// Closes the sending side.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.socket, s => Pin::new(s).poll_shutdown(cx))
    }

    /// What the blocking form waits for; here the task does.
    #[cfg(feature = "http2")]
    pub(crate) fn watch(&self) -> Watch {
        Watch
    }
}

/// The next piece of a stream body.
pub(crate) fn poll_item(
    stream: &mut Mutex<ByteStream>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Bytes>>> {
    let item = ready!(unlocked(stream).as_mut().poll_next(cx));
    Poll::Ready(item.transpose().map_err(stream_failed))
}
