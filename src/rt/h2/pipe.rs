//! What h2 reads from and writes to: a connection's bytes, with a meter on what comes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::facts::{End, Facts};
use crate::proto::h2::{FrameMeter, Written};

/// The bytes of a connection, plain or through TLS.
pub(crate) trait Wire: Send + Unpin + 'static {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_write_pieces(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Whether another protocol lies between it and the socket: a write that fails may have sent a part, and what was received need not all be in
    /// the kernel.
    fn is_layered(&self) -> bool;
    /// Reads what the kernel has now, whatever a reactor believes.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Says goodbye, if that goes out at once.
    fn close(&mut self);
}

/// What h2 reads from and writes to.
pub(crate) struct Pipe<W> {
    wire: W,
    facts: Arc<Facts>,
    meter: FrameMeter,
    written: Written,
    /// Why nothing can be written any more. What was received before is still read: it may say which requests were processed.
    broken: Option<io::Error>,
    /// What was read and not taken, in a buffer that is cleared once and never again.
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read did not fill the window: there is no more now.
    drained: bool,
}

/// The window of a connection that brings little, and of one that brings much.
const SMALL_WINDOW: usize = 8 * 1024;
const LARGE_WINDOW: usize = 256 * 1024;

impl<W: Wire> Pipe<W> {
    pub(super) fn new(wire: W, facts: Arc<Facts>) -> Self {
        Pipe {
            wire,
            facts,
            meter: FrameMeter::new(),
            written: Written::new(),
            broken: None,
            window: vec![0; SMALL_WINDOW],
            start: 0,
            end: 0,
            drained: false,
        }
    }
}

impl<W: Wire> AsyncRead for Pipe<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.facts.asks_to_read.store(true, Ordering::Relaxed);
        if this.facts.mute.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        if this.start == this.end {
            ready!(this.poll_fill(cx))?;
        }
        let taken = buffer.remaining().min(this.end - this.start);
        buffer.put_slice(&this.window[this.start..][..taken]);
        this.start += taken;
        Poll::Ready(Ok(()))
    }
}

impl<W: Wire> Pipe<W> {
    /// Reads into the window, which is empty; nothing is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.start, self.end) = (0, 0);
        if super::super::LEVEL_TRIGGERED && std::mem::take(&mut self.drained) {
            return self.nothing_now();
        }
        let read = match self.read(cx) {
            Poll::Pending => return self.nothing_now(),
            Poll::Ready(read) => read?,
        };
        self.end = read;
        self.drained = read < self.window.len() && !self.wire.is_layered();
        let facts = &self.facts;
        for _ in 0..facts.asked.swap(0, Ordering::Relaxed) {
            self.meter.asked();
        }
        self.meter.sent(facts.sent.swap(0, Ordering::Relaxed));
        if let Err(refusal) = self.meter.heard(&self.window[..read], Instant::now()) {
            facts.set_end(End::Refused(refusal));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal)));
        }
        facts.note(&self.meter);
        facts.heard.fetch_add(read as u64, Ordering::SeqCst);
        facts.wake_listening();
        if read == self.window.len() && read < LARGE_WINDOW {
            // The next one brings more at once. What this one brought stays where it is.
            self.window.resize((read * 4).min(LARGE_WINDOW), 0);
        }
        Poll::Ready(Ok(()))
    }

    /// There is nothing to read. A connection that serves nobody needs little room.
    fn nothing_now(&mut self) -> Poll<io::Result<()>> {
        if self.window.len() > SMALL_WINDOW && self.facts.streams.load(Ordering::Relaxed) == 0 {
            self.window = vec![0; SMALL_WINDOW];
        }
        match self.broken.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }
}

impl<W: Wire> Pipe<W> {
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.facts.look.load(Ordering::Relaxed) {
            match self.wire.read_now(&mut self.window) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.facts.look.store(false, Ordering::Relaxed);
                }
                other => return Poll::Ready(other),
            }
        }
        self.wire.poll_read(cx, &mut self.window)
    }

    fn wrote(
        &mut self,
        result: Poll<io::Result<usize>>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let blocked = result.is_pending();
        self.facts.write_blocked.store(blocked, Ordering::SeqCst);
        match ready!(result) {
            Ok(bytes) => {
                let mut left = bytes;
                for piece in pieces {
                    let part = left.min(piece.len());
                    self.written.wrote(&piece[..part]);
                    left -= part;
                }
                let last = self.written.last();
                self.facts.last_written.store(last, Ordering::Relaxed);
                Poll::Ready(Ok(bytes))
            }
            Err(error) => {
                if self.wire.is_layered() {
                    for piece in pieces {
                        self.written.wrote(piece);
                    }
                    let last = self.written.last();
                    self.facts.last_written.store(last, Ordering::Relaxed);
                }
                self.fail(error);
                Poll::Ready(Ok(self.swallow(pieces)))
            }
        }
    }

    /// Nothing can be written any more. What the kernel still has to say is asked of itself.
    fn fail(&mut self, error: io::Error) {
        self.broken = Some(error);
        self.drained = false;
        self.facts.look.store(true, Ordering::Relaxed);
    }

    fn swallow(&self, pieces: &[io::IoSlice<'_>]) -> usize {
        self.facts.retire();
        pieces.iter().map(|piece| piece.len()).sum()
    }
}

impl<W: Wire> AsyncWrite for Pipe<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let pieces = [io::IoSlice::new(bytes)];
        if self.broken.is_some() {
            return Poll::Ready(Ok(self.swallow(&pieces)));
        }
        let result = self.wire.poll_write(cx, bytes);
        self.wrote(result, &pieces)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.broken.is_some() {
            return Poll::Ready(Ok(self.swallow(pieces)));
        }
        let result = self.wire.poll_write_pieces(cx, pieces);
        self.wrote(result, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken.is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = self.wire.poll_flush(cx);
        let blocked = result.is_pending();
        self.facts.write_blocked.store(blocked, Ordering::SeqCst);
        if let Err(error) = ready!(result) {
            self.fail(error);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.close();
        Poll::Ready(Ok(()))
    }
}
