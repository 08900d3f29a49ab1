//! What can be wrong with a response.

use std::fmt;

/// One way in which a response was not one.
///
/// The messages name the place and the offence. What they quote is cut to [`QUOTE_LIMIT`] bytes,
/// escaped, and never the value of a field, but for the two that frame the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum H1Error {
    // The status line.
    #[error("status line: the answer does not begin with HTTP/1.x but with {start}")]
    NotHttp { start: Quoted },
    #[error("status line: the peer answered with a TLS record; this port speaks TLS")]
    TlsRecord,
    #[error("status line: the peer answered in HTTP/2")]
    Http2,
    #[error("status line: unsupported version {version}")]
    UnsupportedVersion { version: Quoted },
    #[error("status line: malformed: {line}")]
    StatusLine { line: Quoted },
    #[error("status line: status {code} is below 100")]
    StatusOutOfRange { code: u16 },
    #[error("status line: more than {limit} empty lines before it")]
    EmptyLines { limit: u8 },

    // Header fields. They are counted from 1.
    #[error("header field {field}: byte {byte:#04x} in the name, after {name}")]
    FieldName {
        field: usize,
        name: Quoted,
        byte: u8,
    },
    #[error("header field {field} ({name}): byte {byte:#04x} in the value")]
    FieldValue {
        field: usize,
        name: Quoted,
        byte: u8,
    },
    #[error("header field {field}: no colon in the line")]
    FieldWithoutColon { field: usize },
    #[error("header field {field}: malformed")]
    FieldMalformed { field: usize },
    #[error("header field 1: the line begins with white space")]
    FoldBeforeFirstField,
    #[error("header field {field} ({name}): a continuation line is blank")]
    BlankFold { field: usize, name: Quoted },
    #[error("head: longer than the limit of {limit} bytes")]
    HeadTooLong { limit: usize },
    #[error("head: more fields than the limit of {limit}")]
    TooManyFields { limit: usize },
    #[error("header field {field}: the name is too long")]
    FieldNameTooLong { field: usize },

    // Responses before the final one.
    #[error("informational responses: more than the limit of {limit}")]
    TooManyInformational { limit: usize },
    #[error("informational responses: longer than the limit of {limit} bytes in all")]
    InformationalTooLong { limit: usize },
    #[error("status 101: the request did not ask for an upgrade")]
    UnsolicitedUpgrade,
    #[error("the peer sent a response that no request is waiting for")]
    UnsolicitedResponse,

    // Body framing.
    #[error("content-length: not a decimal number below 2^63: {value}")]
    ContentLength { value: Quoted },
    #[error("content-length: two different values, {first} and {other}")]
    ContentLengthsDiffer { first: u64, other: u64 },
    #[error("transfer-encoding: {value} is not supported, only `chunked` is")]
    TransferEncoding { value: Quoted },
    #[error("transfer-encoding: sent in an HTTP/1.0 response")]
    TransferEncodingInHttp10,

    // The chunked coding.
    #[error("chunk size: byte {byte:#04x} is out of place")]
    ChunkSize { byte: u8 },
    #[error("chunk size: 2^63 or more")]
    ChunkSizeTooLarge,
    #[error("chunk extension: byte {byte:#04x} is out of place")]
    ChunkExtension { byte: u8 },
    #[error("chunk extensions: longer than the limit of {limit} bytes in all")]
    ChunkExtensionsTooLong { limit: usize },
    #[error("chunk: byte {byte:#04x} where CRLF must follow the data")]
    ChunkEnd { byte: u8 },
    #[error(
        "trailers: byte {byte:#04x} is out of place; each line ends in CRLF and none is folded"
    )]
    TrailerLine { byte: u8 },
    #[error("trailer field {field}: malformed")]
    TrailerField { field: usize },
    #[error("trailers: longer than the limit of {limit} bytes")]
    TrailersTooLong { limit: usize },
    #[error("trailers: more fields than the limit of {limit}")]
    TooManyTrailers { limit: usize },

    // The end of the stream in the wrong place.
    #[error("the peer disconnected without sending a response")]
    Disconnected,
    #[error(
        "the peer closed the connection inside the head of the response, after {received} bytes"
    )]
    TruncatedHead { received: usize },
    #[error("the peer closed the connection after an informational response, before the final one")]
    NoFinalResponse,
    #[error(
        "the peer closed the connection without sending the complete message body (received {received} of {length} bytes)"
    )]
    TruncatedBody { received: u64, length: u64 },
    #[error(
        "the peer closed the connection without sending the complete message body (inside {place})"
    )]
    TruncatedChunks { place: &'static str },

    /// The machine was asked to go on after it had given one of the errors above.
    #[error("the response has already failed")]
    AlreadyFailed,
}

impl H1Error {
    /// Says who is to blame, and how much of a response there was.
    pub(crate) fn class(&self) -> H1ErrorClass {
        match self {
            Self::Disconnected => H1ErrorClass::Disconnected,
            Self::TruncatedHead { .. }
            | Self::NoFinalResponse
            | Self::TruncatedBody { .. }
            | Self::TruncatedChunks { .. } => H1ErrorClass::Truncated,
            Self::HeadTooLong { .. }
            | Self::TooManyFields { .. }
            | Self::FieldNameTooLong { .. }
            | Self::TooManyInformational { .. }
            | Self::InformationalTooLong { .. }
            | Self::ChunkExtensionsTooLong { .. }
            | Self::TrailersTooLong { .. }
            | Self::TooManyTrailers { .. } => H1ErrorClass::Limit,
            _ => H1ErrorClass::Remote,
        }
    }
}

/// The four kinds of [`H1Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum H1ErrorClass {
    /// The peer broke the protocol.
    Remote,
    /// The peer went over one of the [`H1Limits`](super::H1Limits).
    Limit,
    /// The peer closed the connection in the middle of the response.
    Truncated,
    /// The peer closed the connection before any byte of the response.
    Disconnected,
}

/// Bytes of the peer, safe to print: escaped, in quotes, and short.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Quoted(Box<str>);

impl Quoted {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let shown = &bytes[..bytes.len().min(QUOTE_LIMIT)];
        let more = if shown.len() < bytes.len() { "…" } else { "" };
        Self(format!("\"{}{more}\"", shown.escape_ascii()).into())
    }

    /// Tells whether what is quoted begins like HTML.
    pub(crate) fn begins_markup(&self) -> bool {
        self.0.starts_with("\"<")
    }

    /// Quotes up to the end of the line.
    pub(crate) fn line(bytes: &[u8]) -> Self {
        let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
        Self::new(&bytes[..end])
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes of the peer that one message repeats at most.
const QUOTE_LIMIT: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_escaped_and_short() {
        for (bytes, expected) in [
            (&b"<html>"[..], r#""<html>""#),
            (b"\x15\x03\"\xff", r#""\x15\x03\"\xff""#),
            (b"", r#""""#),
        ] {
            assert_eq!(Quoted::new(bytes).to_string(), expected);
        }
        let long = Quoted::new(&[b'x'; 1000]).to_string();
        assert_eq!(long, format!("\"{}…\"", "x".repeat(QUOTE_LIMIT)));
        assert_eq!(Quoted::line(b"one\r\ntwo").to_string(), r#""one""#);
    }

    #[test]
    fn each_error_has_a_class() {
        for (error, class) in [
            (H1Error::Disconnected, H1ErrorClass::Disconnected),
            (
                H1Error::TruncatedHead { received: 3 },
                H1ErrorClass::Truncated,
            ),
            (H1Error::NoFinalResponse, H1ErrorClass::Truncated),
            (H1Error::TooManyFields { limit: 256 }, H1ErrorClass::Limit),
            (H1Error::UnsolicitedUpgrade, H1ErrorClass::Remote),
        ] {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}
