//! Bodies in the file: without their content coding, as text where they are text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::recorded::{Answer, measure};
use crate::decode::Decoder;
use crate::text::charset_param;

/// Takes a known content coding off the answer, and notes it; what is larger than `most`, or does not decode, stays raw.
pub(super) fn take_coding_off(answer: &mut Answer, most: u64) {
    if answer.body.is_empty() {
        // The answer to HEAD speaks of a body that is not here.
        return;
    }
    let Ok(Some(decoder)) = Decoder::from_headers(&answer.headers) else {
        return;
    };
    let Some(decoded) = decode(decoder, &answer.body, most) else {
        return;
    };
    answer.coding = Some(named(&answer.headers));
    answer.headers.remove(CONTENT_ENCODING);
    measure(&mut answer.headers, decoded.len());
    answer.body = decoded;
}

fn decode(mut decoder: Decoder, raw: &Bytes, most: u64) -> Option<Bytes> {
    decoder.feed(raw.clone());
    decoder.finish();
    let mut decoded = BytesMut::new();
    while let Some(piece) = decoder.next().ok()? {
        if decoded.len() as u64 + piece.len() as u64 > most {
            return None;
        }
        decoded.extend_from_slice(&piece);
    }
    Some(decoded.freeze())
}

fn named(headers: &HeaderMap) -> String {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let names: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    names.join(", ")
}

/// How bytes stand in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written<'b> {
    Text(Cow<'b, str>),
    Base64(String),
}

/// Text in UTF-8, or in the charset that the headers name, where the way back gives the same bytes.
pub(super) fn write<'b>(bytes: &'b [u8], headers: &HeaderMap) -> Written<'b> {
    let text = match charset(headers) {
        Some(charset) if !bytes.is_ascii() => charsets::decode(&charset, bytes)
            .filter(|text| charsets::encode(&charset, text).as_deref() == Some(bytes))
            .map(Cow::Owned),
        _ => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    };
    match text {
        Some(text) if is_readable(&text) => Written::Text(text),
        _ => Written::Base64(STANDARD.encode(bytes)),
    }
}

/// The bytes of a text in the file. Exporters write every text as Unicode, whatever it was sent in.
pub(super) fn read_text(text: &str, headers: &HeaderMap) -> Bytes {
    let encoded = match charset(headers) {
        Some(charset) if !text.is_ascii() => charsets::encode(&charset, text),
        _ => None,
    };
    encoded.map_or_else(|| Bytes::copy_from_slice(text.as_bytes()), Bytes::from)
}

pub(super) fn read_base64(text: &str) -> Result<Bytes, &'static str> {
    let read = STANDARD.decode(text.trim());
    read.map(Bytes::from).map_err(|_| "is not base64")
}

/// Control characters would be escapes that nobody reads.
fn is_readable(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}'))
}

/// The charset that the headers name, if it is another one than UTF-8.
fn charset(headers: &HeaderMap) -> Option<String> {
    charset_param(headers.get(CONTENT_TYPE)).filter(|charset| {
        !["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|name| charset.eq_ignore_ascii_case(name))
    })
}

#[cfg(feature = "charset")]
mod charsets {
    use encoding_rs::Encoding;

    pub(super) fn decode(label: &str, bytes: &[u8]) -> Option<String> {
        let encoding = Encoding::for_label(label.as_bytes())?;
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
        Some(text.into_owned())
    }

    pub(super) fn encode(label: &str, text: &str) -> Option<Vec<u8>> {
        let encoding = Encoding::for_label(label.as_bytes())?;
        let (bytes, by, unmappable) = encoding.encode(text);
        // UTF-16 is never written by this crate, which gives UTF-8 instead.
        (by == encoding && !unmappable).then(|| bytes.into_owned())
    }
}

/// Without the charsets such a body is base64.
#[cfg(not(feature = "charset"))]
mod charsets {
    pub(super) fn decode(_label: &str, _bytes: &[u8]) -> Option<String> {
        None
    }

    pub(super) fn encode(_label: &str, _text: &str) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};

    use super::*;

    fn typed(content_type: &'static str) -> HeaderMap {
        let value = HeaderValue::from_static(content_type);
        [(CONTENT_TYPE, value)].into_iter().collect()
    }

    #[test]
    fn bodies_are_text_where_they_are_and_come_back_byte_by_byte() {
        let latin1 = "text/plain; charset=iso-8859-1";
        for (content_type, bytes, readable) in [
            ("text/plain", &b""[..], true),
            ("text/plain", "\u{feff}é\r\n\t".as_bytes(), true),
            ("application/octet-stream", b"only text", true),
            ("application/octet-stream", b"\x00\x01", false),
            ("text/plain", b"\xff\xfe", false),
            (latin1, b"abc", true),
            #[cfg(feature = "charset")]
            (latin1, b"caf\xe9", true),
            // Of this charset the bytes are text as well, another one than of UTF-8.
            #[cfg(feature = "charset")]
            (latin1, "é".as_bytes(), true),
            ("text/plain; charset=utf-16", b"\xff\xfea\x00", false),
            ("text/plain; charset=nonsense", b"\xe9", false),
        ] {
            let headers = typed(content_type);
            let back = match write(bytes, &headers) {
                Written::Text(text) => {
                    assert!(readable, "{content_type} {bytes:?}");
                    read_text(&text, &headers)
                }
                Written::Base64(text) => {
                    assert!(!readable, "{content_type} {bytes:?}");
                    read_base64(&text).unwrap()
                }
            };
            assert_eq!(back, bytes, "{content_type}");
        }
        assert!(read_base64("%").is_err());
    }

    #[test]
    fn what_does_not_decode_stays_raw() {
        for (coding, body) in [("gzip", "no gzip"), ("unknown", "x"), ("gzip", "")] {
            let mut answer = Answer::new(StatusCode::OK);
            answer
                .headers
                .insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            answer.body = Bytes::from_static(body.as_bytes());
            take_coding_off(&mut answer, 100);
            assert_eq!(answer.headers[CONTENT_ENCODING], coding);
            assert_eq!((&answer.body[..], answer.coding), (body.as_bytes(), None));
        }
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn known_codings_are_taken_off_up_to_the_limit() {
        // The gzip of 1000 zeros, as text "0".
        let mut raw = Vec::new();
        {
            use std::io::Write as _;
            let mut gzip = flate2::write::GzEncoder::new(&mut raw, flate2::Compression::best());
            gzip.write_all(&[b'0'; 1000]).unwrap();
            gzip.finish().unwrap();
        }
        for (most, decoded) in [(1000, true), (999, false)] {
            let mut answer = Answer::new(StatusCode::OK);
            let headers = &mut answer.headers;
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert("content-length", HeaderValue::from(raw.len()));
            answer.body = raw.clone().into();
            take_coding_off(&mut answer, most);
            assert_eq!(answer.body.len() == 1000, decoded);
            assert_eq!(answer.coding.as_deref(), decoded.then_some("gzip"));
            assert_eq!(answer.headers.contains_key(CONTENT_ENCODING), !decoded);
            let length = if decoded { 1000 } else { raw.len() };
            assert_eq!(answer.headers["content-length"], length.to_string());
        }
    }
}
