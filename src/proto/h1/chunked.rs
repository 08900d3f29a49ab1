//! The chunked transfer coding.
//!
//! RFC 9112 section 7.1:
//!
//! ```text
//! chunked-body   = *chunk last-chunk trailer-section CRLF
//! chunk          = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//! chunk-size     = 1*HEXDIG
//! last-chunk     = 1*("0") [ chunk-ext ] CRLF
//! chunk-ext      = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//! chunk-ext-name = token
//! chunk-ext-val  = token / quoted-string
//! ```
//!
//! Nothing is tolerated here that the grammar does not have: no bare LF, no white space but before
//! and after `;` and `=`. What a reader forgives between chunks, another reader takes for the end.
//! Extensions are skipped. They, and digits after the sixteenth, which can only follow zeros, are
//! paid for out of one allowance for the whole body, so that a body cannot be a thousand times
//! smaller than what carries it.

use http::HeaderMap;

use super::names::is_token_byte;
use super::trailers::TrailerReader;
use super::{H1Error, H1Limits, Step};

/// Reads a chunked body, byte by byte where it is framing and at one look where it is payload.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    place: Place,
    /// Size of the chunk whose size line is being read, then its payload that is still to come.
    size: u64,
    /// Digits of the chunk size so far; it stops counting at 16.
    digits: u8,
    /// What is left of the allowance for extensions.
    extension_bytes: usize,
    extension_limit: usize,
    trailers: TrailerReader,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The first digit of a chunk size.
    Size,
    /// Another digit, or what may follow one.
    SizeMore,
    Extension(Extension),
    /// The LF at the end of the size line.
    SizeLf,
    Data,
    /// The CRLF after the data.
    DataCr,
    DataLf,
    Trailers,
    Done,
}

/// Where in a chunk extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extension {
    /// White space that only `;` may follow.
    BeforeSemicolon,
    BeforeName,
    Name,
    /// White space that `=` or `;` must follow.
    AfterName,
    BeforeValue,
    Token,
    Quoted,
    /// After a backslash in a quoted string.
    Escaped,
    AfterQuoted,
}

impl ChunkReader {
    pub(crate) fn new(limits: &H1Limits) -> Self {
        Self {
            place: Place::Size,
            size: 0,
            digits: 0,
            extension_bytes: limits.chunk_extension_bytes,
            extension_limit: limits.chunk_extension_bytes,
            trailers: TrailerReader::new(limits),
        }
    }

    /// See [`BodyReader::step`](super::BodyReader::step). After an error the reader is spent.
    pub(crate) fn step(&mut self, buf: &[u8]) -> Result<Step, H1Error> {
        let mut at = 0;
        while let Some(&byte) = buf.get(at) {
            match self.place {
                Place::Data => {
                    let rest = buf.len() - at;
                    let len = usize::try_from(self.size).map_or(rest, |size| size.min(rest));
                    self.took(len as u64);
                    return Ok(Step::Data { skip: at, len });
                }
                Place::Trailers => {
                    at += self.trailers.read(&buf[at..])?;
                    if self.trailers.is_done() {
                        self.place = Place::Done;
                    }
                }
                Place::Done => break,
                framing => {
                    self.place = self.next(framing, byte)?;
                    at += 1;
                }
            }
        }
        Ok(if self.is_done() {
            Step::Done { consumed: at }
        } else {
            Step::More { consumed: at }
        })
    }

    /// Reads one byte of framing.
    fn next(&mut self, place: Place, byte: u8) -> Result<Place, H1Error> {
        match (place, byte) {
            (Place::Size | Place::SizeMore, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if place == Place::Size {
                    self.digits = 0;
                }
                // 16 digits fit; the top bit is checked when they are all there.
                if self.size >> 60 != 0 {
                    return Err(H1Error::ChunkSizeTooLarge);
                }
                if self.digits < 16 {
                    self.digits += 1;
                } else {
                    self.pay()?;
                }
                self.size = self.size << 4 | u64::from(hex_value(byte));
                Ok(Place::SizeMore)
            }
            (Place::SizeMore, b'\r') => Ok(Place::SizeLf),
            (Place::SizeMore, b';' | b' ' | b'\t') => {
                self.extension(Extension::BeforeSemicolon, byte)
            }
            (Place::Extension(extension), _) => self.extension(extension, byte),
            (Place::SizeLf, b'\n') if self.size > i64::MAX as u64 => {
                Err(H1Error::ChunkSizeTooLarge)
            }
            (Place::SizeLf, b'\n') if self.size == 0 => Ok(Place::Trailers),
            (Place::SizeLf, b'\n') => Ok(Place::Data),
            (Place::DataCr, b'\r') => Ok(Place::DataLf),
            (Place::DataLf, b'\n') => Ok(Place::Size),
            (Place::DataCr | Place::DataLf, _) => Err(H1Error::ChunkEnd { byte }),
            _ => Err(H1Error::ChunkSize { byte }),
        }
    }

    /// Reads one byte of an extension, or the CR after it.
    fn extension(&mut self, extension: Extension, byte: u8) -> Result<Place, H1Error> {
        use Extension::{
            AfterName, AfterQuoted, BeforeName, BeforeSemicolon, BeforeValue, Escaped, Name,
            Quoted, Token,
        };
        let next = match (extension, byte) {
            (Name | Token | AfterQuoted, b'\r') => return Ok(Place::SizeLf),
            (BeforeSemicolon | Name | AfterName | Token | AfterQuoted, b';') => BeforeName,
            (BeforeSemicolon | Token | AfterQuoted, b' ' | b'\t') => BeforeSemicolon,
            (BeforeName, b' ' | b'\t') => BeforeName,
            (BeforeName | Name, _) if is_token_byte(byte) => Name,
            (Name | AfterName, b' ' | b'\t') => AfterName,
            (Name | AfterName, b'=') => BeforeValue,
            (BeforeValue, b' ' | b'\t') => BeforeValue,
            (BeforeValue, b'"') => Quoted,
            (BeforeValue | Token, _) if is_token_byte(byte) => Token,
            (Quoted, b'"') => AfterQuoted,
            (Quoted, b'\\') => Escaped,
            // RFC 9110 section 5.6.4: neither qdtext nor a quoted pair is a control character.
            (Quoted | Escaped, b'\t' | b' '..=b'~' | 0x80..) => Quoted,
            _ => return Err(H1Error::ChunkExtension { byte }),
        };
        self.pay()?;
        Ok(Place::Extension(next))
    }

    fn pay(&mut self) -> Result<(), H1Error> {
        match self.extension_bytes.checked_sub(1) {
            Some(left) => self.extension_bytes = left,
            None => {
                return Err(H1Error::ChunkExtensionsTooLong {
                    limit: self.extension_limit,
                });
            }
        }
        Ok(())
    }

    /// Payload left of the chunk that has begun.
    pub(crate) fn payload(&self) -> u64 {
        if self.place == Place::Data {
            self.size
        } else {
            0
        }
    }

    pub(crate) fn took(&mut self, payload: u64) {
        if self.place == Place::Data {
            self.size = self.size.saturating_sub(payload);
            if self.size == 0 {
                self.place = Place::DataCr;
            }
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    pub(crate) fn trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// Where the reader is, in the words of an error message.
    pub(crate) fn place(&self) -> &'static str {
        match self.place {
            Place::Size | Place::SizeMore | Place::SizeLf => "a chunk size line",
            Place::Extension(_) => "a chunk extension",
            Place::Data => "the data of a chunk",
            Place::DataCr | Place::DataLf => "the line end after a chunk",
            Place::Trailers => "the trailers",
            Place::Done => "nothing",
        }
    }
}

/// The value of a hexadecimal digit that is known to be one.
fn hex_value(digit: u8) -> u8 {
    (digit & 0x0f) + if digit.is_ascii_digit() { 0 } else { 9 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payload, trailers and what is left over; all that after one look, and byte by byte.
    fn decode(bytes: &[u8], limits: &H1Limits) -> Result<(String, usize), H1Error> {
        let whole = decode_pieces(bytes, bytes.len().max(1), limits);
        let single = decode_pieces(bytes, 1, limits);
        assert_eq!(whole, single, "{}", bytes.escape_ascii());
        whole
    }

    fn decode_pieces(
        bytes: &[u8],
        piece: usize,
        limits: &H1Limits,
    ) -> Result<(String, usize), H1Error> {
        let mut reader = ChunkReader::new(limits);
        let mut payload = String::new();
        let mut buf = Vec::new();
        let mut pieces = bytes.chunks(piece);
        loop {
            match reader.step(&buf)? {
                Step::Data { skip, len } => {
                    payload += &buf[skip..skip + len].escape_ascii().to_string();
                    buf.drain(..skip + len);
                }
                Step::More { consumed } => {
                    buf.drain(..consumed);
                    match pieces.next() {
                        Some(piece) => buf.extend_from_slice(piece),
                        None => {
                            return Err(H1Error::TruncatedChunks {
                                place: reader.place(),
                            });
                        }
                    }
                }
                Step::Done { consumed } => {
                    let left = buf.len() - consumed + pieces.map(<[u8]>::len).sum::<usize>();
                    return Ok((payload, left));
                }
            }
        }
    }

    #[test]
    fn good_chunks_are_decoded_and_what_follows_is_left() {
        for (bytes, expected, left) in [
            (&b"0\r\n\r\n"[..], "", 0),
            (b"5\r\nhello\r\n0\r\n\r\n", "hello", 0),
            (
                b"1\r\nh\r\n0A\r\n0123456789\r\n0b\r\n0123456789a\r\n000\r\n\r\nHTTP/",
                "h01234567890123456789a",
                5,
            ),
            (b"00000000000000000005\r\nhello\r\n0\r\n\r\n", "hello", 0),
            (b"5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello", 0),
            (b"5 ; a = b ;c\t;d=\"\"\r\nhello\r\n0\r\n\r\n", "hello", 0),
            (
                b"5;a=\"x;\\\" \\\\\ty\xff\";b\r\nhello\r\n0\r\n\r\n",
                "hello",
                0,
            ),
            (b"2\r\n\r\n\r\n0\r\nA: b\r\n\r\nx", "\\r\\n", 1),
        ] {
            let result = decode(bytes, &H1Limits::default());
            assert_eq!(
                result,
                Ok((expected.into(), left)),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn each_byte_of_framing_is_checked() {
        let size = |byte| H1Error::ChunkSize { byte };
        let extension = |byte| H1Error::ChunkExtension { byte };
        let end = |byte| H1Error::ChunkEnd { byte };
        for (bytes, expected) in [
            (&b"\r\n"[..], size(b'\r')),
            (b" 5\r\n", size(b' ')),
            (b"+5\r\n", size(b'+')),
            (b"-5\r\n", size(b'-')),
            (b"5x\r\n", size(b'x')),
            (b"0x5\r\n", size(b'x')),
            (b"5_0\r\n", size(b'_')),
            (b";a\r\n", size(b';')),
            (b"5\nhello", size(b'\n')),
            (b"5\rhello", size(b'h')),
            (b"5\r\r\n", size(b'\r')),
            (b"5\x00\r\n", size(0)),
            (b"5\xb2\r\n", size(0xb2)),
            (b"5 \r\n", extension(b'\r')),
            (b"5\t\r\n", extension(b'\r')),
            (b"5 a\r\n", extension(b'a')),
            (b"5;\r\n", extension(b'\r')),
            (b"5;;a\r\n", extension(b';')),
            (b"5;a=\r\n", extension(b'\r')),
            (b"5;a=;b\r\n", extension(b';')),
            (b"5;=b\r\n", extension(b'=')),
            (b"5;a \r\n", extension(b'\r')),
            (b"5;a=b \r\n", extension(b'\r')),
            (b"5;a=b=c\r\n", extension(b'=')),
            (b"5;a=\"b\"c\r\n", extension(b'c')),
            (b"5;a=\"b\r\n\"\r\n", extension(b'\r')),
            (b"5;a=\"b\\\r\n", extension(b'\r')),
            (b"5;a\n", extension(b'\n')),
            (b"5;a=\"b\n", extension(b'\n')),
            (b"5;a\x00\r\n", extension(0)),
            (b"5;a\rb\r\n", size(b'b')),
            (b"5\r\nhello\n", end(b'\n')),
            (b"5\r\nhello0\r\n", end(b'0')),
            (b"5\r\nhello\r0", end(b'0')),
            (b"4\r\nhello\r\n", end(b'o')),
            (b"10000000000000000\r\n", H1Error::ChunkSizeTooLarge),
            (b"f0000000000000003\r\n", H1Error::ChunkSizeTooLarge),
            (b"ffffffffffffffff\r\n", H1Error::ChunkSizeTooLarge),
            (b"8000000000000000\r\n", H1Error::ChunkSizeTooLarge),
            (b"0\r\n\n", H1Error::TrailerLine { byte: b'\n' }),
        ] {
            let result = decode(bytes, &H1Limits::default());
            assert_eq!(result, Err(expected), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_end_of_stream_names_its_place() {
        for (bytes, place) in [
            (&b""[..], "a chunk size line"),
            (b"5", "a chunk size line"),
            (b"5\r", "a chunk size line"),
            (b"5;a", "a chunk extension"),
            (b"5\r\n", "the data of a chunk"),
            (b"5\r\nhell", "the data of a chunk"),
            (b"7fffffffffffffff\r\nhello", "the data of a chunk"),
            (b"5\r\nhello", "the line end after a chunk"),
            (b"5\r\nhello\r\n", "a chunk size line"),
            (b"0\r\n", "the trailers"),
            (b"0\r\nA: b\r\n\r", "the trailers"),
        ] {
            let result = decode(bytes, &H1Limits::default());
            assert_eq!(
                result,
                Err(H1Error::TruncatedChunks { place }),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn res_10_extensions_and_leading_zeros_share_one_allowance_for_the_whole_body() {
        let limits = H1Limits {
            chunk_extension_bytes: 6,
            ..H1Limits::default()
        };
        let error = H1Error::ChunkExtensionsTooLong { limit: 6 };
        for (bytes, expected) in [
            (&b"1;abcde\r\nx\r\n0\r\n\r\n"[..], Ok(("x".into(), 0))),
            (b"1;ab\r\nx\r\n1;cd\r\ny\r\n0\r\n\r\n", Ok(("xy".into(), 0))),
            (
                b"0000000000000001\r\nx\r\n0000000000000000\r\n\r\n",
                Ok(("x".into(), 0)),
            ),
            (
                b"0000000000000000000001\r\nx\r\n0\r\n\r\n",
                Ok(("x".into(), 0)),
            ),
            (b"1;abcdef\r\nx\r\n0\r\n\r\n", Err(error.clone())),
            (b"1;ab\r\nx\r\n1;cd\r\ny\r\n0;e\r\n\r\n", Err(error.clone())),
            (
                b"00000000000000000000001\r\nx\r\n0\r\n\r\n",
                Err(error.clone()),
            ),
            (b"1;abcd\r\nx\r\n000000000000000000\r\n\r\n", Err(error)),
        ] {
            assert_eq!(decode(bytes, &limits), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_bulk_read_ends_with_the_chunk() {
        let mut reader = ChunkReader::new(&H1Limits::default());
        assert_eq!(reader.payload(), 0);
        assert_eq!(reader.step(b"a\r\nhe"), Ok(Step::Data { skip: 3, len: 2 }));
        assert_eq!(reader.payload(), 8);
        reader.took(5);
        assert_eq!(reader.payload(), 3);
        reader.took(3);
        assert_eq!(reader.payload(), 0);
        assert_eq!(
            reader.step(b"\r\n3\r\nxyz"),
            Ok(Step::Data { skip: 5, len: 3 })
        );
        assert_eq!(
            reader.step(b"\r\n0\r\n\r\n"),
            Ok(Step::Done { consumed: 7 })
        );
    }
}
