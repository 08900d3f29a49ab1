//! The body of a response: how many of the bytes in the driver's buffer are payload.
//!
//! The reader never copies payload. It looks at the buffer and says what the driver has to drop
//! and what it may hand on.

use http::HeaderMap;

use super::chunked::ChunkReader;
use super::{Framing, H1Error, H1Limits};

/// Reads one body, as its [`Framing`] says.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
}

/// What the driver does with its buffer next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Drop `skip` bytes; then `len` bytes of payload, at least one, follow in the same buffer.
    Data { skip: usize, len: usize },
    /// Drop `consumed` bytes, read more.
    More { consumed: usize },
    /// Drop `consumed` bytes; the body is complete.
    Done { consumed: usize },
}

#[derive(Debug)]
enum State {
    Length {
        left: u64,
        length: u64,
    },
    Chunked(ChunkReader),
    UntilClose,
    /// The payload is complete.
    Done,
    Failed,
}

impl BodyReader {
    pub(crate) fn new(framing: Framing, limits: &H1Limits) -> Self {
        let state = match framing {
            // What comes through a tunnel is no body.
            Framing::Empty | Framing::Tunnel | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length {
                left: length,
                length,
            },
            Framing::Chunked => State::Chunked(ChunkReader::new(limits)),
            Framing::CloseDelimited => State::UntilClose,
        };
        Self { state }
    }

    /// Looks at the unread bytes. The caller does to its buffer exactly what it is told; for
    /// [`Step::Data`] the reader has already counted the payload.
    ///
    /// # Errors
    ///
    /// The framing is broken. Each later call then fails too.
    pub(crate) fn step(&mut self, buf: &[u8]) -> Result<Step, H1Error> {
        match &mut self.state {
            State::Done => Ok(Step::Done { consumed: 0 }),
            State::Failed => Err(H1Error::AlreadyFailed),
            _ if buf.is_empty() => Ok(Step::More { consumed: 0 }),
            State::UntilClose => Ok(Step::Data {
                skip: 0,
                len: buf.len(),
            }),
            State::Length { left, .. } => {
                let len = usize::try_from(*left).map_or(buf.len(), |left| left.min(buf.len()));
                self.took(len as u64);
                Ok(Step::Data { skip: 0, len })
            }
            State::Chunked(chunks) => {
                let step = chunks.step(buf);
                if step.is_err() {
                    self.state = State::Failed;
                }
                step
            }
        }
    }

    /// Takes note of the end of the stream. `Ok` only if the body is complete now.
    ///
    /// # Errors
    ///
    /// The body is cut short (RFC 9112 section 8).
    pub(crate) fn eof(&mut self) -> Result<(), H1Error> {
        let error = match &self.state {
            State::Done => return Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                return Ok(());
            }
            State::Chunked(chunks) if chunks.is_done() => return Ok(()),
            State::Chunked(chunks) => H1Error::TruncatedChunks {
                place: chunks.place(),
            },
            State::Length { left, length } => H1Error::TruncatedBody {
                received: length - left,
                length: *length,
            },
            State::Failed => H1Error::AlreadyFailed,
        };
        self.state = State::Failed;
        Err(error)
    }

    /// Whether the body, with its trailers, is complete.
    pub(crate) fn is_done(&self) -> bool {
        match &self.state {
            State::Done => true,
            State::Chunked(chunks) => chunks.is_done(),
            _ => false,
        }
    }

    /// The payload bytes left, where they are known: with a length, or at the end.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match &self.state {
            State::Length { left, .. } => Some(*left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Payload bytes that come next with no framing between them: the rest of the length or of the
    /// chunk, `u64::MAX` up to the close, 0 when framing comes next. The driver may read so many
    /// straight into their destination, and then says so with [`took`](Self::took).
    pub(crate) fn bulk(&self) -> u64 {
        match &self.state {
            State::Length { left, .. } => *left,
            State::Chunked(chunks) => chunks.payload(),
            State::UntilClose => u64::MAX,
            State::Done | State::Failed => 0,
        }
    }

    /// Counts payload that did not come through [`step`](Self::step); at most [`bulk`](Self::bulk) of it.
    pub(crate) fn took(&mut self, payload: u64) {
        debug_assert!(
            payload <= self.bulk(),
            "took {payload} bytes that are no payload"
        );
        match &mut self.state {
            State::Length { left, .. } => {
                *left = left.saturating_sub(payload);
                if *left == 0 {
                    self.state = State::Done;
                }
            }
            State::Chunked(chunks) => chunks.took(payload),
            State::UntilClose | State::Done | State::Failed => {}
        }
    }

    /// Takes the trailers, which are there after the end of a chunked body that had some.
    pub(crate) fn trailers(&mut self) -> Option<HeaderMap> {
        match &mut self.state {
            State::Chunked(chunks) => chunks.trailers(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(framing: Framing) -> BodyReader {
        BodyReader::new(framing, &H1Limits::default())
    }

    #[test]
    fn a_length_is_counted_down_by_steps_and_by_bulk_reads() {
        let mut body = reader(Framing::Length(10));
        assert_eq!((body.remaining(), body.bulk()), (Some(10), 10));
        assert_eq!(body.step(b""), Ok(Step::More { consumed: 0 }));
        assert_eq!(body.step(b"hel"), Ok(Step::Data { skip: 0, len: 3 }));
        body.took(4);
        assert_eq!((body.remaining(), body.is_done()), (Some(3), false));
        assert_eq!(
            body.step(b"worldHTTP/1.1"),
            Ok(Step::Data { skip: 0, len: 3 })
        );
        assert_eq!(
            (body.remaining(), body.is_done(), body.bulk()),
            (Some(0), true, 0)
        );
        assert_eq!(body.step(b"ldHTTP/1.1"), Ok(Step::Done { consumed: 0 }));
        assert_eq!(body.eof(), Ok(()));
    }

    #[test]
    fn bodies_of_no_bytes_are_done_from_the_start() {
        for framing in [Framing::Empty, Framing::Length(0), Framing::Tunnel] {
            let mut body = reader(framing);
            assert!(body.is_done());
            assert_eq!(body.step(b"x"), Ok(Step::Done { consumed: 0 }));
            assert_eq!((body.remaining(), body.bulk()), (Some(0), 0));
            assert_eq!(body.eof(), Ok(()));
        }
    }

    #[test]
    fn only_a_close_ends_a_close_delimited_body() {
        let mut body = reader(Framing::CloseDelimited);
        assert_eq!((body.remaining(), body.bulk()), (None, u64::MAX));
        assert_eq!(body.step(b"hello"), Ok(Step::Data { skip: 0, len: 5 }));
        body.took(1 << 40);
        assert!(!body.is_done());
        assert_eq!(body.eof(), Ok(()));
        assert!(body.is_done());
        assert_eq!(body.step(b"x"), Ok(Step::Done { consumed: 0 }));
    }

    #[test]
    fn an_end_of_stream_inside_a_body_is_an_error_for_good() {
        let mut body = reader(Framing::Length(10));
        assert_eq!(body.step(b"hello"), Ok(Step::Data { skip: 0, len: 5 }));
        assert_eq!(
            body.eof(),
            Err(H1Error::TruncatedBody {
                received: 5,
                length: 10
            })
        );
        assert_eq!(body.eof(), Err(H1Error::AlreadyFailed));
        assert_eq!(body.step(b"world"), Err(H1Error::AlreadyFailed));
        assert!(!body.is_done());
    }

    #[test]
    fn broken_chunks_fail_for_good() {
        let mut body = reader(Framing::Chunked);
        assert_eq!(body.step(b"x"), Err(H1Error::ChunkSize { byte: b'x' }));
        assert_eq!(body.step(b"0\r\n\r\n"), Err(H1Error::AlreadyFailed));
        assert_eq!(body.eof(), Err(H1Error::AlreadyFailed));
    }
}
