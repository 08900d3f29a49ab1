//! Where the body of a response ends.
//!
//! RFC 9112 section 6.3, in its order, and stricter than it:
//! - A content-length is checked even where it does not frame the body: two different lengths are
//!   the mark of a smuggled response.
//! - `chunked` is the only transfer coding we read, alone. Any other coding, and it twice, is an
//!   error: the RFC would have bytes that are still encoded read to the close.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Version};

use super::error::Quoted;
use super::{H1Error, ResponseHead};

/// What delimits the body of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
    /// It ends with the connection.
    CloseDelimited,
    /// 101, or 2xx to CONNECT: the connection is no longer HTTP.
    Tunnel,
}

/// Decides how the body of `head`, the answer to `method`, is delimited.
///
/// `upgrade`: the request asked for one. `transfer_encoding`: the head has that field.
///
/// # Errors
///
/// The head says nothing that can be believed, or an upgrade nobody asked for.
pub(super) fn framing(
    method: &Method,
    upgrade: bool,
    head: &ResponseHead,
    transfer_encoding: bool,
) -> Result<Framing, H1Error> {
    // Section 6.3 rule 2, and RFC 9110 section 9.3.6: both length fields are to be ignored.
    if *method == Method::CONNECT && head.status.is_success() {
        return Ok(Framing::Tunnel);
    }
    // RFC 9110 section 15.2.2; and rule 1: 1xx never has a body, whatever its fields say.
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return if upgrade {
            Ok(Framing::Tunnel)
        } else {
            Err(H1Error::UnsolicitedUpgrade)
        };
    }
    if head.status.is_informational() {
        return Ok(Framing::Empty);
    }
    // Rule 5, ahead of rule 1.
    let length = content_length(&head.headers)?;
    // Rule 1.
    if *method == Method::HEAD
        || head.status == StatusCode::NO_CONTENT
        || head.status == StatusCode::NOT_MODIFIED
    {
        return Ok(Framing::Empty);
    }
    // Rules 3 and 4.
    if transfer_encoding {
        // Section 6.1: faulty framing, even with a content-length.
        if head.version == Version::HTTP_10 {
            return Err(H1Error::TransferEncodingInHttp10);
        }
        // The RFC reads to the close where the last coding is not chunked. That would hand out bytes
        // that are still encoded, and no server means it: only `chunked` alone is taken.
        if is_chunked(&head.headers)? {
            return Ok(Framing::Chunked);
        }
    }
    // Rules 6 and 8.
    Ok(length.map_or(Framing::CloseDelimited, Framing::Length))
}

/// Reads content-length; equal values of several fields, or of a list, collapse into one.
pub(crate) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, H1Error> {
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for part in value.as_bytes().split(|&byte| byte == b',') {
            let Some(other) = decimal(trim_ows(part)) else {
                return Err(H1Error::ContentLength {
                    value: Quoted::new(value.as_bytes()),
                });
            };
            match length {
                None => length = Some(other),
                Some(first) if first != other => {
                    return Err(H1Error::ContentLengthsDiffer { first, other });
                }
                Some(_) => {}
            }
        }
    }
    Ok(length)
}

/// RFC 9110 section 8.6, `1*DIGIT`; below 2^63, which no signed reader takes for a negative.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (number <= i64::MAX as u64).then_some(number)
}

/// Reads transfer-encoding: the list over all fields, without its empty elements, is `chunked` or nothing.
fn is_chunked(headers: &HeaderMap) -> Result<bool, H1Error> {
    let mut chunked = false;
    for value in headers.get_all(TRANSFER_ENCODING) {
        for element in value.as_bytes().split(|&byte| byte == b',') {
            let element = trim_ows(element);
            // Section 7: chunked has no parameters, and is applied once.
            if !element.is_empty() {
                if chunked || !element.eq_ignore_ascii_case(b"chunked") {
                    return Err(H1Error::TransferEncoding {
                        value: quote(headers),
                    });
                }
                chunked = true;
            }
        }
    }
    Ok(chunked)
}

#[cold]
fn quote(headers: &HeaderMap) -> Quoted {
    let values: Vec<_> = headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .map(|v| v.as_bytes())
        .collect();
    Quoted::new(&values.join(&b", "[..]))
}

/// RFC 9110 section 5.6.3: OWS is spaces and tabs, nothing else.
pub(super) fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::{H1Limits, HeadReader};
    use super::*;

    fn framed(method: &str, upgrade: bool, head: &str) -> Result<Framing, H1Error> {
        let bytes = format!("{}\r\n\r\n", head.replace('|', "\r\n"));
        let head = HeadReader::new()
            .read(&mut BytesMut::from(bytes.as_bytes()), &H1Limits::default())
            .expect("a good head")
            .expect("a whole head");
        framing(
            &method.parse().expect("a method"),
            upgrade,
            &head,
            head.headers.contains_key(TRANSFER_ENCODING),
        )
    }

    #[test]
    fn framing_follows_the_head_and_the_method() {
        use Framing::{Chunked, CloseDelimited, Empty, Length, Tunnel};
        for (method, head, expected) in [
            ("GET", "HTTP/1.1 200 OK", CloseDelimited),
            ("GET", "HTTP/1.1 200 OK|Content-Length: 5", Length(5)),
            ("GET", "HTTP/1.1 200 OK|Content-Length: 0", Length(0)),
            (
                "GET",
                "HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5",
                Length(5),
            ),
            ("GET", "HTTP/1.1 200 OK|Content-Length: 5, 5 ,05", Length(5)),
            (
                "GET",
                "HTTP/1.1 200 OK|Content-Length: 000000000000000000000000000007",
                Length(7),
            ),
            (
                "GET",
                "HTTP/1.1 200 OK|Content-Length: 9223372036854775807",
                Length(i64::MAX as u64),
            ),
            ("GET", "HTTP/1.1 200 OK|Transfer-Encoding: chunked", Chunked),
            ("GET", "HTTP/1.1 200 OK|Transfer-Encoding: CHUNKED", Chunked),
            (
                "GET",
                "HTTP/1.1 200 OK|Transfer-Encoding: chunked,",
                Chunked,
            ),
            (
                "GET",
                "HTTP/1.1 200 OK|Transfer-Encoding: , ,chunked",
                Chunked,
            ),
            (
                "GET",
                "HTTP/1.1 200 OK|Transfer-Encoding:|Transfer-Encoding: chunked",
                Chunked,
            ),
            (
                "GET",
                "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Content-Length: 3",
                Chunked,
            ),
            (
                "GET",
                "HTTP/1.1 200 OK|Transfer-Encoding: |Content-Length: 3",
                Length(3),
            ),
            (
                "GET",
                "HTTP/1.1 200 OK|Transfer-Encoding: ,",
                CloseDelimited,
            ),
            ("GET", "HTTP/1.1 204 No Content|Content-Length: 5", Empty),
            (
                "GET",
                "HTTP/1.1 304 Not Modified|Transfer-Encoding: chunked",
                Empty,
            ),
            (
                "GET",
                "HTTP/1.1 205 Reset Content|Content-Length: 5",
                Length(5),
            ),
            ("HEAD", "HTTP/1.1 200 OK|Content-Length: 5", Empty),
            ("HEAD", "HTTP/1.1 200 OK", Empty),
            ("GET", "HTTP/1.1 103 Early Hints|Content-Length: x", Empty),
            ("CONNECT", "HTTP/1.1 200 OK|Content-Length: x", Tunnel),
            (
                "CONNECT",
                "HTTP/1.1 204 No Content|Transfer-Encoding: x",
                Tunnel,
            ),
            ("CONNECT", "HTTP/1.1 407 No|Content-Length: 2", Length(2)),
        ] {
            assert_eq!(framed(method, false, head), Ok(expected), "{method} {head}");
        }
        let switch = "HTTP/1.1 101 Switching Protocols|Upgrade: x";
        assert_eq!(framed("GET", true, switch), Ok(Tunnel));
        assert_eq!(
            framed("GET", false, switch),
            Err(H1Error::UnsolicitedUpgrade)
        );
        assert_eq!(
            framed("CONNECT", false, switch),
            Err(H1Error::UnsolicitedUpgrade)
        );
    }

    #[test]
    fn framing_that_two_readers_could_read_in_two_ways_is_refused() {
        for head in [
            "Content-Length: ",
            "Content-Length: 5,",
            "Content-Length: ,5",
            "Content-Length: 5 5",
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 0x5",
            "Content-Length: 5.0",
            "Content-Length: \"5\"",
            "Content-Length: \u{b2}",
            "Content-Length: 9223372036854775808",
            "Content-Length: 18446744073709551621",
            "Content-Length: 5|Content-Length: 6",
            "Content-Length: 5, 6",
            "Content-Length: 5|Content-Length: five",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked|Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity, chunked",
            "Transfer-Encoding: chunked;a=b",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding: x chunked",
            "Transfer-Encoding: chunked x",
            "Transfer-Encoding: ;a=b",
            "Transfer-Encoding: chunked|Content-Length: five",
            "Transfer-Encoding: gzip|Content-Length: 5",
            "Transfer-Encoding: chunked, identity|Content-Length: 5",
        ] {
            let result = framed("GET", false, &format!("HTTP/1.1 200 OK|{head}"));
            assert!(result.is_err(), "{head}: {result:?}");
        }
        let http10 =
            "HTTP/1.0 200 OK|Connection: keep-alive|Content-Length: 5|Transfer-Encoding: chunked";
        assert_eq!(
            framed("GET", false, http10),
            Err(H1Error::TransferEncodingInHttp10)
        );
        let conflict = "HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 6";
        let error = H1Error::ContentLengthsDiffer { first: 5, other: 6 };
        assert_eq!(framed("HEAD", false, conflict), Err(error));
    }
}
