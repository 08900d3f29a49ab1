//! Several bodies, one behind the other, read as one: what a multipart form is on its way out.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{FileBody, READ_SIZE, read_some, unlocked};

/// What a part is made of.
pub(crate) enum Content {
    Bytes(Bytes),
    File(FileBody),
    Reader {
        // Never locked: it makes what is only `Send` also `Sync`.
        reader: Mutex<Box<dyn Read + Send>>,
        /// Of an announced length.
        left: Option<u64>,
    },
}

impl Content {
    /// A file, from where it stands to its end. What is no regular file is read like any reader.
    pub(crate) fn file(file: File) -> Content {
        match FileBody::new(file) {
            Ok(file) => Content::File(file),
            Err(file) => Content::reader(file, None),
        }
    }

    pub(crate) fn reader(reader: impl Read + Send + 'static, length: Option<u64>) -> Content {
        Content::Reader {
            reader: Mutex::new(Box::new(reader)),
            left: length,
        }
    }

    /// How much is to come, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::File(file) => Some(file.left()),
            Content::Reader { left, .. } => *left,
        }
    }

    pub(crate) fn is_replayable(&self) -> bool {
        !matches!(self, Content::Reader { .. })
    }

    fn try_clone(&self) -> Option<Content> {
        match self {
            Content::Bytes(bytes) => Some(Content::Bytes(bytes.clone())),
            Content::File(file) => Some(Content::File(file.clone())),
            Content::Reader { .. } => None,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Content::Bytes(_) => "bytes",
            Content::File(_) => "file",
            Content::Reader { .. } => "reader",
        };
        match self.left() {
            Some(left) => write!(f, "{what} of {left}"),
            None => f.write_str(what),
        }
    }
}

/// One of the bodies, and whose it is.
pub(crate) struct Segment {
    /// For errors.
    name: Arc<str>,
    content: Content,
}

impl Segment {
    pub(crate) fn new(name: &Arc<str>, content: Content) -> Segment {
        let name = Arc::clone(name);
        Segment { name, content }
    }

    /// Reads what is next; 0 is the end.
    fn read_next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.content {
            Content::Bytes(bytes) => {
                let read = bytes.len().min(buffer.len());
                buffer[..read].copy_from_slice(&bytes.split_to(read));
                return Ok(read);
            }
            Content::File(file) => file.read_next(buffer)?,
            Content::Reader { reader, left } => {
                let read = read_some(&mut **unlocked(reader), buffer)?;
                if let Some(left) = left {
                    *left = left.checked_sub(read as u64).ok_or_else(|| {
                        io::Error::other(format!(
                            "the part {:?} is longer than announced",
                            self.name
                        ))
                    })?;
                }
                read
            }
        };
        // What else is short would only show in the length of the whole, and not at all where that is unknown.
        match self.content.left() {
            Some(left @ 1..) if read == 0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the part {:?} ends {left} bytes early", self.name),
            )),
            _ => Ok(read),
        }
    }

    /// Nobody knows how long it takes to read from it.
    fn may_wait(&self) -> bool {
        matches!(self.content, Content::Reader { .. })
    }
}

/// A queue of bodies.
pub(crate) struct PartsBody {
    segments: VecDeque<Segment>,
    /// How much is to come, where every part knows.
    left: Option<u64>,
}

impl PartsBody {
    pub(crate) fn new(segments: impl IntoIterator<Item = Segment>) -> Self {
        let segments: VecDeque<_> = segments.into_iter().collect();
        let left = segments.iter().try_fold(0u64, |sum, segment| {
            sum.checked_add(segment.content.left()?)
        });
        PartsBody { segments, left }
    }

    /// How much is to come, where every part knows its length.
    pub(super) fn left(&self) -> Option<u64> {
        self.left
    }

    /// How large a buffer it takes, up to `most`.
    pub(super) fn room(&self, most: usize) -> usize {
        let left = self.left.and_then(|left| usize::try_from(left).ok());
        left.unwrap_or(most).clamp(1, most)
    }

    pub(super) fn is_replayable(&self) -> bool {
        self.segments.iter().all(|s| s.content.is_replayable())
    }

    /// A second one of the same content, unless a part is a reader.
    pub(super) fn try_clone(&self) -> Option<PartsBody> {
        let segments = self
            .segments
            .iter()
            .map(|segment| Some(Segment::new(&segment.name, segment.content.try_clone()?)));
        Some(PartsBody {
            segments: segments.collect::<Option<_>>()?,
            left: self.left,
        })
    }

    /// Reads what comes next into the front of `buffer`, from several parts where it holds them; 0 is the end.
    ///
    /// A reader may take its time: what was read before it is not held back.
    pub(super) fn read_next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len()
            && let Some(segment) = self.segments.front_mut()
        {
            if filled > 0 && segment.may_wait() {
                break;
            }
            match segment.read_next(&mut buffer[filled..])? {
                0 => drop(self.segments.pop_front()),
                read => filled += read,
            }
        }
        self.count(filled);
        Ok(filled)
    }

    /// Takes the next piece; bytes are not copied.
    pub(super) fn next_piece(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(Segment {
            content: Content::Bytes(bytes),
            ..
        }) = self.segments.front_mut()
            && !bytes.is_empty()
        {
            let piece = std::mem::take(bytes);
            self.segments.pop_front();
            self.count(piece.len());
            return Some(Ok(piece));
        }
        let mut buffer = vec![0; self.room(READ_SIZE)];
        match self.read_next(&mut buffer) {
            Ok(0) => None,
            Ok(read) => {
                buffer.truncate(read);
                Some(Ok(buffer.into()))
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn count(&mut self, read: usize) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(read as u64);
        }
    }
}

impl fmt::Debug for PartsBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.left {
            Some(left) => write!(f, "parts, {left} bytes"),
            None => f.write_str("parts"),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "multipart")]
mod tests {
    use super::*;

    fn body() -> PartsBody {
        let name: Arc<str> = "n".into();
        let contents = [
            Content::Bytes(Bytes::from_static(b"ab")),
            Content::Bytes(Bytes::new()),
            Content::reader(&b"cdef"[..], None),
            Content::reader(io::empty(), None),
            Content::Bytes(Bytes::from_static(b"gh")),
            Content::Bytes(Bytes::from_static(b"ij")),
        ];
        PartsBody::new(contents.map(|content| Segment::new(&name, content)))
    }

    #[test]
    fn any_size_of_buffer_reads_the_same() {
        for size in 1..12 {
            let mut body = body();
            let mut buffer = vec![0; size];
            let mut whole = Vec::new();
            loop {
                match body.read_next(&mut buffer).unwrap() {
                    0 => break,
                    read => whole.extend_from_slice(&buffer[..read]),
                }
            }
            assert_eq!(whole, b"abcdefghij", "{size}");
        }
    }

    #[test]
    fn what_stands_before_a_reader_does_not_wait_for_it() {
        let mut body = body();
        let mut buffer = [0; 64];
        let mut pieces = Vec::new();
        loop {
            match body.read_next(&mut buffer).unwrap() {
                0 => break,
                read => pieces.push(String::from_utf8_lossy(&buffer[..read]).into_owned()),
            }
        }
        assert_eq!(pieces, ["ab", "cdef", "ghij"]);
    }
}
