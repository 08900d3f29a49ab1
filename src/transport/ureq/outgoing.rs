//! A request body as ureq reads it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf, Bytes};

use crate::body::{Kind, ReadSource, reader_failed};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::events::{Counter, Progress};

/// Reads a body to the length that was announced for it, and no further.
pub(super) struct Outgoing {
    source: Source,
    /// How much of what was announced is left.
    left: Option<u64>,
    /// All there is, where that is known.
    total: Option<u64>,
    read: u64,
    counter: Option<Arc<Counter>>,
    /// Some of it was read, and not all.
    begun: Arc<AtomicBool>,
}

enum Source {
    Bytes(Bytes),
    Read {
        source: ReadSource,
        buffer: Vec<u8>,
        /// What of the buffer is not given out.
        at: usize,
        end: usize,
    },
}

impl Outgoing {
    /// The counter is `on_upload`'s.
    pub(super) fn new(
        kind: Kind,
        length: Option<u64>,
        counter: Option<Arc<Counter>>,
    ) -> Result<Outgoing> {
        let read = |source| Source::Read {
            source,
            buffer: Vec::new(),
            at: 0,
            end: 0,
        };
        let source = match kind {
            Kind::Empty | Kind::Consumed => Source::Bytes(Bytes::new()),
            Kind::Bytes(bytes) => Source::Bytes(bytes),
            Kind::File(file) => read(ReadSource::File(file)),
            Kind::Reader { reader, .. } => read(ReadSource::Reader(reader)),
            Kind::Parts(parts) => read(ReadSource::Parts(parts)),
            Kind::Stream { .. } => {
                return Err(Error::new(
                    ErrorKind::LocalProtocolError,
                    "the blocking client cannot send an async stream: give it a reader (`Body::from_reader`), or use `AsyncClient`",
                )
                .in_phase(Phase::Send));
            }
        };
        Ok(Outgoing {
            source,
            left: length,
            total: length,
            read: 0,
            counter,
            begun: Arc::default(),
        })
    }

    /// Tells, later on, whether the body was given out in part: what failed then failed in sending.
    pub(super) fn begun(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.begun)
    }

    /// Reads what comes next; 0 is the end.
    fn next(&mut self, room: &mut [u8]) -> Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        let Some(left) = self.left else {
            return self.source.read(room);
        };
        let most = usize::try_from(left).map_or(room.len(), |left| left.min(room.len()));
        let read = match most {
            0 => 0,
            _ => self.source.read(&mut room[..most])?,
        };
        let left = left - read as u64;
        // The last piece goes out when it is known to be the last: a message that is too long must not look complete.
        let too_long = left == 0 && self.source.read(&mut [0])? > 0;
        if too_long || (read == 0 && left > 0) {
            let how = if too_long { "longer" } else { "shorter" };
            return Err(Error::new(
                ErrorKind::LocalProtocolError,
                format!("the request body is {how} than its announced length"),
            ));
        }
        self.left = Some(left);
        Ok(read)
    }
}

impl Source {
    fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        match self {
            Source::Bytes(bytes) => {
                let read = bytes.len().min(room.len());
                bytes.copy_to_slice(&mut room[..read]);
                Ok(read)
            }
            Source::Read {
                source,
                buffer,
                at,
                end,
            } => {
                if at == end {
                    *at = 0;
                    *end = source.read_next(buffer).map_err(reader_failed)?;
                }
                let read = (*end - *at).min(room.len());
                room[..read].copy_from_slice(&buffer[*at..*at + read]);
                *at += read;
                Ok(read)
            }
        }
    }
}

impl Read for Outgoing {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self
            .next(room)
            // Wrapped, so that it can be told from what happened to the connection.
            .map_err(|error| io::Error::other(error.in_phase(Phase::Send)))?;
        self.read += read as u64;
        let ends = read == 0 || self.left == Some(0);
        self.begun.store(!ends, Ordering::Relaxed);
        if let Some(count) = self.counter.as_ref().filter(|_| read > 0) {
            count(Progress {
                bytes: self.read,
                total: self.total,
            });
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;

    /// Gives one byte at a time.
    struct Slowly(&'static [u8]);

    impl Read for Slowly {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let most = room.len().min(1);
            self.0.read(&mut room[..most])
        }
    }

    fn read(body: impl Into<Body>, length: Option<u64>) -> io::Result<Vec<u8>> {
        let kind = body.into().take_for_sending().unwrap();
        let mut all = Vec::new();
        Outgoing::new(kind, length, None)
            .unwrap()
            .read_to_end(&mut all)
            .map(|_| all)
    }

    #[test]
    fn a_body_is_as_long_as_announced_or_an_error() {
        type Make = fn(&'static [u8]) -> Body;
        let kinds: [Make; 3] = [
            |bytes| bytes.into(),
            |bytes| Body::from_reader(bytes),
            |bytes| Body::from_reader(Slowly(bytes)),
        ];
        for (number, kind) in kinds.into_iter().enumerate() {
            for (content, length, whole) in [
                (&b"abc"[..], None, true),
                (b"", None, true),
                (b"abc", Some(3), true),
                (b"", Some(0), true),
                (b"abc", Some(2), false),
                (b"abc", Some(4), false),
                (b"abc", Some(0), false),
                (b"abc", Some(u64::MAX), false),
            ] {
                match read(kind(content), length) {
                    Ok(all) => assert!(whole && all == content, "{number} {content:?} {length:?}"),
                    Err(error) => {
                        assert!(!whole, "{number} {content:?} {length:?}: {error}");
                        let error = error.downcast::<Error>().unwrap();
                        assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
                    }
                }
            }
        }
    }
}
