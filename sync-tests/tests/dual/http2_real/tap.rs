//! Counts the frames of an HTTP/2 connection as they pass.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames (RFC 9113 section 6) that tests ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame {
    Reset = 3,
    Ping = 6,
    Goaway = 7,
}

/// How many frames of each type passed; of PING those alone that are no answers.
#[derive(Default)]
pub(crate) struct Frames([AtomicU64; 10]);

impl Frames {
    /// Returns how many of this type passed so far.
    pub(crate) fn of(&self, kind: Frame) -> u64 {
        self.0[kind as usize].load(Ordering::SeqCst)
    }

    fn count(&self, kind: u8, flags: u8) {
        let answers = kind == Frame::Ping as u8 && flags & 1 == 1;
        if let (false, Some(counter)) = (answers, self.0.get(usize::from(kind))) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A server's socket whose frames are counted.
pub(crate) struct Tap<T> {
    inner: T,
    came: Way,
    went: Way,
}

impl<T> Tap<T> {
    /// Counts what the client sends by the one, and what is sent to it by the other.
    pub(crate) fn new(inner: T, came: Arc<Frames>, went: Arc<Frames>) -> Self {
        Tap {
            inner,
            came: Way {
                frames: came,
                state: State::Preface(0),
            },
            went: Way {
                frames: went,
                state: State::Header([0; 9], 0),
            },
        }
    }
}

impl<T> Tap<T> {
    fn wrote(&mut self, mut count: usize, slices: &[IoSlice<'_>]) {
        if matches!(self.came.state, State::Preface(_) | State::Other) {
            // An answer in HTTP/1.1; the server says nothing before the preface.
            return;
        }
        for slice in slices {
            let part = count.min(slice.len());
            self.went.passed(&slice[..part]);
            count -= part;
        }
    }
}

/// What passes in one direction.
struct Way {
    frames: Arc<Frames>,
    state: State,
}

enum State {
    /// So many bytes of the preface came.
    Preface(usize),
    /// These bytes of a frame's header came.
    Header([u8; 9], usize),
    /// So many bytes of a frame's payload are still to come.
    Payload(usize),
    /// This is not HTTP/2.
    Other,
}

impl Way {
    fn passed(&mut self, mut bytes: &[u8]) {
        while let Some(&first) = bytes.first() {
            let taken = match &mut self.state {
                State::Other => return,
                State::Preface(seen) if PREFACE[*seen] != first => {
                    self.state = State::Other;
                    return;
                }
                State::Preface(seen) => {
                    *seen += 1;
                    if *seen == PREFACE.len() {
                        self.state = State::Header([0; 9], 0);
                    }
                    1
                }
                State::Header(header, filled) => {
                    header[*filled] = first;
                    *filled += 1;
                    if *filled == header.len() {
                        let [a, b, c, kind, flags, ..] = *header;
                        self.frames.count(kind, flags);
                        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                        self.state = match length {
                            0 => State::Header([0; 9], 0),
                            _ => State::Payload(length),
                        };
                    }
                    1
                }
                State::Payload(left) => {
                    let taken = bytes.len().min(*left);
                    *left -= taken;
                    if *left == 0 {
                        self.state = State::Header([0; 9], 0);
                    }
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Tap<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.came.passed(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tap<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.wrote(written, &[IoSlice::new(bytes)]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, slices))?;
        self.wrote(written, slices);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
