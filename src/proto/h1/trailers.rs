//! The trailer section of a chunked body.
//!
//! RFC 9112 section 7.1.2:
//!
//! ```text
//! trailer-section = *( field-line CRLF )
//! ```
//!
//! As strict as the chunks before it: each line ends in CRLF and none is folded. The section is
//! copied out of the driver's buffer, which need not grow for it; without trailers nothing is.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr2;

use super::{H1Error, H1Limits};

/// Collects the section, then parses it.
#[derive(Debug)]
pub(crate) struct TrailerReader {
    lines: Vec<u8>,
    place: Place,
    bytes: usize,
    fields: usize,
    found: Option<Box<HeaderMap>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    Line,
    /// The LF at the end of a line.
    LineLf,
    /// The LF of the empty line.
    LastLf,
    Done,
}

impl TrailerReader {
    pub(crate) fn new(limits: &H1Limits) -> Self {
        Self {
            lines: Vec::new(),
            place: Place::LineStart,
            bytes: limits.trailer_bytes,
            fields: limits.fields,
            found: None,
        }
    }

    /// Reads up to the end of the section; gives the number of bytes read.
    pub(crate) fn read(&mut self, buf: &[u8]) -> Result<usize, H1Error> {
        let mut at = 0;
        while let Some(&byte) = buf.get(at) {
            let mut length = 1;
            self.place = match (self.place, byte) {
                (Place::LineStart, b'\r') => Place::LastLf,
                (Place::LineStart, b'\n' | b' ' | b'\t') => {
                    return Err(H1Error::TrailerLine { byte });
                }
                (Place::Line, b'\r') => Place::LineLf,
                (Place::LineStart | Place::Line, _) => {
                    length = memchr2(b'\r', b'\n', &buf[at..]).unwrap_or(buf.len() - at);
                    if length == 0 {
                        return Err(H1Error::TrailerLine { byte });
                    }
                    Place::Line
                }
                (Place::LineLf, b'\n') => Place::LineStart,
                (Place::LastLf, b'\n') => {
                    self.finish()?;
                    return Ok(at + 1);
                }
                (Place::LineLf | Place::LastLf, _) => return Err(H1Error::TrailerLine { byte }),
                (Place::Done, _) => break,
            };
            if self.lines.len() + length > self.bytes {
                return Err(H1Error::TrailersTooLong { limit: self.bytes });
            }
            // The CR of the empty line is added when the section is parsed.
            if self.place != Place::LastLf {
                self.lines.extend_from_slice(&buf[at..at + length]);
            }
            at += length;
        }
        Ok(at)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    pub(crate) fn take(&mut self) -> Option<HeaderMap> {
        self.found.take().map(|fields| *fields)
    }

    fn finish(&mut self) -> Result<(), H1Error> {
        self.place = Place::Done;
        if self.lines.is_empty() {
            return Ok(());
        }
        let count = memchr::memchr_iter(b'\n', &self.lines).count();
        if count > self.fields {
            return Err(H1Error::TooManyTrailers { limit: self.fields });
        }
        self.lines.extend_from_slice(b"\r\n");
        let block = Bytes::from(std::mem::take(&mut self.lines));
        let mut fields = vec![httparse::EMPTY_HEADER; count];
        let fields = match httparse::parse_headers(&block, &mut fields) {
            Ok(httparse::Status::Complete((_, fields))) => fields,
            _ => {
                return Err(H1Error::TrailerField {
                    field: first_bad_line(&block),
                });
            }
        };
        let mut found = HeaderMap::new();
        for (index, field) in fields.iter().enumerate() {
            let malformed = H1Error::TrailerField { field: index + 1 };
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_maybe_shared(block.slice_ref(field.value));
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(malformed);
            };
            // RFC 9110 section 6.5.1: what frames, routes or authenticates a message, or says how
            // to read its content, has no meaning after it.
            if !FORBIDDEN.contains(&name) {
                let full = |_| H1Error::TooManyTrailers { limit: self.fields };
                found.try_append(name, value).map_err(full)?;
            }
        }
        if !found.is_empty() {
            self.found = Some(Box::new(found));
        }
        Ok(())
    }
}

/// The number, from 1, of the first line that is no field by itself.
#[cold]
fn first_bad_line(block: &[u8]) -> usize {
    let good = block
        .split_inclusive(|&byte| byte == b'\n')
        .take_while(|line| {
            let alone = [line, &b"\r\n"[..]].concat();
            httparse::parse_headers(&alone, &mut [httparse::EMPTY_HEADER]).is_ok()
        })
        .count();
    good + 1
}

/// Fields that are dropped from trailers.
static FORBIDDEN: [HeaderName; 14] = [
    AUTHORIZATION,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    HOST,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    WWW_AUTHENTICATE,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize, limits: &H1Limits) -> Result<Vec<String>, H1Error> {
        let mut reader = TrailerReader::new(limits);
        for piece in bytes.chunks(piece) {
            assert_eq!(reader.read(piece)?, piece.len());
        }
        assert!(reader.is_done(), "{}", bytes.escape_ascii());
        let found = reader.take().unwrap_or_default();
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}={}", value.as_bytes().escape_ascii())
        };
        Ok(found.iter().map(line).collect())
    }

    #[test]
    fn trailers_are_fields() {
        let limits = H1Limits::default();
        for (bytes, expected) in [
            (&b"\r\n"[..], &[][..]),
            (b"A: b\r\n\r\n", &["a=b"]),
            (b"A: 1\r\nB:\r\na:\t2 \r\n\r\n", &["a=1", "a=2", "b="]),
            (
                b"Content-Length: 3\r\nX-Sum: 1\r\nHost: evil\r\n\r\n",
                &["x-sum=1"],
            ),
            (b"Transfer-Encoding: chunked\r\n\r\n", &[]),
        ] {
            for piece in [1, 2, 3, bytes.len()] {
                let found = read(bytes, piece, &limits).expect("good trailers");
                assert_eq!(found, expected, "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn malformed_trailers_are_refused() {
        let limits = H1Limits::default();
        let line = |byte| H1Error::TrailerLine { byte };
        let field = |field| H1Error::TrailerField { field };
        for (bytes, expected) in [
            (&b"\n"[..], line(b'\n')),
            (b"A: b\n\r\n", line(b'\n')),
            (b"A: b\r\n\n", line(b'\n')),
            (b"A: b\r\r\n", line(b'\r')),
            (b"A: b\rc\r\n", line(b'c')),
            (b"\rx", line(b'x')),
            (b" A: b\r\n\r\n", line(b' ')),
            (b"A: b\r\n c\r\n\r\n", line(b' ')),
            (b"A: b\r\n\tc\r\n\r\n", line(b'\t')),
            (b"bad\r\n\r\n", field(1)),
            (b"A: b\r\nC : d\r\n\r\n", field(2)),
            (b"A: b\r\n: d\r\n\r\n", field(2)),
            (b"A: b\x00\r\n\r\n", field(1)),
        ] {
            for piece in [1, 2, bytes.len()] {
                let error = read(bytes, piece, &limits).expect_err("bad trailers");
                assert_eq!(error, expected, "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn limits_hold_to_the_byte_and_to_the_field() {
        let limits = H1Limits {
            trailer_bytes: 13,
            fields: 2,
            ..H1Limits::default()
        };
        let long = H1Error::TrailersTooLong { limit: 13 };
        let many = H1Error::TooManyTrailers { limit: 2 };
        for (bytes, expected) in [
            (
                &b"A: b\r\nC: d\r\n\r\n"[..],
                Ok(vec!["a=b".into(), "c=d".into()]),
            ),
            (b"A: b\r\nC: de\r\n\r\n", Err(long.clone())),
            (b"A:\r\nB:\r\nC:\r\n\r\n", Err(many)),
            (b"AAAAAAAAAAAAAAAAAA", Err(long)),
        ] {
            for piece in [1, 4, bytes.len()] {
                assert_eq!(
                    read(bytes, piece, &limits),
                    expected,
                    "{}",
                    bytes.escape_ascii()
                );
            }
        }
    }
}
