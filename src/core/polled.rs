//! A stream inside somebody else's poll: for h2, and for a connection that was taken over.

use std::io;
use std::task::{Context, Poll, ready};

use super::stream::Stream;

impl Stream {
    /// Receives into `buffer`; 0 is the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // A read that does not fill the buffer need not be followed by one that finds nothing. An empty one must not wait.
        if !buffer.is_empty()
            && let Some(socket) = self.bare()
        {
            return socket.poll_read(cx, buffer);
        }
        loop {
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.io().poll_readable(cx))?;
                }
                other => return Poll::Ready(other),
            }
        }
    }

    /// Sends what goes out now, or waits until something does.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_out(cx, |stream| stream.try_send(bytes))
    }

    /// Pushes out what TLS still holds.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx, Stream::try_flush)
    }

    /// Tries, and waits for room as long as there is none.
    pub(crate) fn poll_out<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Stream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match attempt(self) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.io().poll_writable(cx))?;
                }
                other => return Poll::Ready(other),
            }
        }
    }
}
