//! The body of a blocking request.

use std::fmt;
use std::fs::File;
use std::io::Read;

use bytes::Bytes;

use crate::error;

/// The body of a request: bytes, which can be sent again, or a reader, which cannot.
///
/// ```
/// use reqwest::blocking::Body;
///
/// assert_eq!(Body::from("text").as_bytes(), Some(&b"text"[..]));
/// assert_eq!(Body::new(std::io::empty()).as_bytes(), None);
/// ```
pub struct Body {
    kind: Kind,
}

enum Kind {
    Bytes(Bytes),
    Reader(Box<dyn Read + Send>, Option<u64>),
}

impl Body {
    /// Makes a body of unknown length from a reader, which is read once: a redirect that asks for it again is not
    /// followed.
    pub fn new<R: Read + Send + 'static>(reader: R) -> Body {
        Body {
            kind: Kind::Reader(Box::new(reader), None),
        }
    }

    /// Makes a body of `len` bytes from a reader; what the reader has beyond them is not sent.
    pub fn sized<R: Read + Send + 'static>(reader: R, len: u64) -> Body {
        Body {
            kind: Kind::Reader(Box::new(reader), Some(len)),
        }
    }

    /// Returns the bytes, where they are in memory.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Bytes(bytes) => Some(bytes),
            Kind::Reader(..) => None,
        }
    }

    /// Reads the reader to its end, keeps what it had, and returns that.
    ///
    /// # Errors
    /// A builder error where the reader fails.
    pub fn buffer(&mut self) -> Result<&[u8], crate::Error> {
        if let Kind::Reader(reader, _) = &mut self.kind {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(error::builder)?;
            self.kind = Kind::Bytes(bytes.into());
        }
        Ok(self.as_bytes().unwrap_or_default())
    }

    /// The length, where it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.kind {
            Kind::Bytes(bytes) => Some(bytes.len() as u64),
            Kind::Reader(_, length) => *length,
        }
    }

    /// Copies a body that can be sent again.
    pub(crate) fn try_clone(&self) -> Option<Body> {
        match &self.kind {
            Kind::Bytes(bytes) => Some(bytes.clone().into()),
            Kind::Reader(..) => None,
        }
    }

    /// The bytes, or the reader as dimorph takes it.
    pub(crate) fn split(self) -> Result<Bytes, dimorph::Body> {
        match self.kind {
            Kind::Bytes(bytes) => Ok(bytes),
            Kind::Reader(reader, Some(length)) => {
                Err(dimorph::Body::sized(reader.take(length), length))
            }
            Kind::Reader(reader, None) => Err(dimorph::Body::from_reader(reader)),
        }
    }
}

/// For the parts of a form.
#[cfg(feature = "multipart")]
impl Body {
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.kind {
            Kind::Bytes(bytes) => {
                let length = buffer.len().min(bytes.len());
                bytes::Buf::copy_to_slice(bytes, &mut buffer[..length]);
                Ok(length)
            }
            Kind::Reader(reader, _) => reader.read(buffer),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body {
            kind: Kind::Bytes(bytes),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Bytes::from(text).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Body {
        Bytes::from_static(bytes).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        text.as_bytes().into()
    }
}

/// A body of the file's length, where that is known.
impl From<File> for Body {
    fn from(file: File) -> Body {
        match file.metadata() {
            Ok(metadata) => Body::sized(file, metadata.len()),
            Err(_) => Body::new(file),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("kind", &self.kind).finish()
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = match self {
            Kind::Bytes(bytes) => return bytes.fmt(f),
            Kind::Reader(..) => f.debug_struct("Reader"),
        };
        match self {
            Kind::Reader(_, Some(length)) => shown.field("length", length),
            _ => shown.field("length", &format_args!("Unknown")),
        };
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn bytes_can_be_sent_again_and_readers_cannot() {
        let cases = [
            (Body::from("one"), Some(3), true),
            (Body::from(vec![1, 2]), Some(2), true),
            (Body::new(io::empty()), None, false),
            (Body::sized(&b"abc"[..], 2), Some(2), false),
        ];
        for (body, length, again) in cases {
            assert_eq!(body.length(), length);
            assert_eq!(body.try_clone().is_some(), again);
        }
    }

    #[test]
    fn a_reader_becomes_bytes_once_buffered() {
        let mut body = Body::new(&b"abc"[..]);
        assert_eq!(
            format!("{body:?}"),
            "Body { kind: Reader { length: Unknown } }"
        );
        assert_eq!(body.buffer().unwrap(), b"abc");
        assert_eq!(format!("{body:?}"), "Body { kind: b\"abc\" }");
    }

    #[test]
    fn a_sized_reader_is_cut_at_its_length() {
        let sized = Body::sized(&b"abcdef"[..], 3).split().unwrap_err();
        assert_eq!(sized.content_length(), Some(3));
    }
}
