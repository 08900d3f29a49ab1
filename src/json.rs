//! JSON bodies, both ways.

mod failure;

use std::borrow::Cow;

use http::HeaderValue;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

use crate::error::{Error, ErrorKind};

/// Reads JSON in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.
///
/// RFC 8259 knows UTF-8 only; older services send the others, and RFC 4627 section 3 shows how to
/// tell them apart: a JSON text begins with ASCII, so the place of its zero bytes gives the width.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(&text(bytes)?)
}

/// Reads JSON as [`from_slice`] does; the error says what is wrong with `what`, and where.
///
/// # Errors
/// `Json`. It repeats no value that was read.
pub(crate) fn read<T: DeserializeOwned>(
    what: &str,
    bytes: &[u8],
    content_type: Option<&HeaderValue>,
) -> Result<T, Error> {
    from_slice(bytes).map_err(|error| {
        let why = match text(bytes) {
            Ok(text) => failure::describe::<T>(&error, &text, content_type),
            Err(_) => format!(": {error}"),
        };
        Error::new(
            ErrorKind::Json,
            format!("{what} is not the JSON expected{why}"),
        )
        .with_source(failure::without_values(error))
    })
}

/// The text in UTF-8, as far as it is: the parser tells where it is not.
fn text(bytes: &[u8]) -> Result<Cow<'_, [u8]>, serde_json::Error> {
    match detect(bytes) {
        (Unicode::Utf8, bom) => Ok(Cow::Borrowed(&bytes[bom..])),
        (width, bom) => match width.decode(&bytes[bom..]) {
            Some(text) => Ok(Cow::Owned(text.into_bytes())),
            None => {
                let message = format!("the body is not valid {width:?}");
                Err(serde_json::Error::custom(message))
            }
        },
    }
}

/// Writes compact JSON: no spaces, text as UTF-8.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(value)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unicode {
    Utf8,
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Utf32Be,
}

/// Finds the encoding, and the length of the byte order mark.
fn detect(bytes: &[u8]) -> (Unicode, usize) {
    use Unicode::{Utf8, Utf16Be, Utf16Le, Utf32Be, Utf32Le};
    match *bytes {
        // Before UTF-16, whose little-endian mark begins UTF-32's.
        [0xff, 0xfe, 0, 0, ..] => (Utf32Le, 4),
        [0, 0, 0xfe, 0xff, ..] => (Utf32Be, 4),
        [0xff, 0xfe, ..] => (Utf16Le, 2),
        [0xfe, 0xff, ..] => (Utf16Be, 2),
        [0xef, 0xbb, 0xbf, ..] => (Utf8, 3),
        [0, 0, _, _, ..] => (Utf32Be, 0),
        [0, _, _, _, ..] | [0, _] => (Utf16Be, 0),
        [_, 0, 0, 0, ..] => (Utf32Le, 0),
        [_, 0, _, _, ..] | [_, 0] => (Utf16Le, 0),
        _ => (Utf8, 0),
    }
}

impl Unicode {
    /// `None` for half units, lone surrogates and numbers that are no characters.
    fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Unicode::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Unicode::Utf16Le => utf16(bytes, u16::from_le_bytes),
            Unicode::Utf16Be => utf16(bytes, u16::from_be_bytes),
            Unicode::Utf32Le => utf32(bytes, u32::from_le_bytes),
            Unicode::Utf32Be => utf32(bytes, u32::from_be_bytes),
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(units.iter().copied().map(unit))
        .collect::<Result<_, _>>()
        .ok()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    units
        .iter()
        .map(|&bytes| char::from_u32(unit(bytes)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;

    fn encode(text: &str, unit: Unicode) -> Vec<u8> {
        match unit {
            Unicode::Utf8 => text.as_bytes().to_vec(),
            Unicode::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Unicode::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Unicode::Utf32Le => text
                .chars()
                .flat_map(|c| u32::from(c).to_le_bytes())
                .collect(),
            Unicode::Utf32Be => text
                .chars()
                .flat_map(|c| u32::from(c).to_be_bytes())
                .collect(),
        }
    }

    #[test]
    fn every_unicode_encoding_is_read_with_and_without_a_mark() {
        use Unicode::{Utf8, Utf16Be, Utf16Le, Utf32Be, Utf32Le};
        let texts = [r#"{"é":"🦀"}"#, "[]", "12", "1", "\"é\"", " \n true"];
        for unit in [Utf8, Utf16Le, Utf16Be, Utf32Le, Utf32Be] {
            for text in texts {
                let expected: Value = serde_json::from_str(text).unwrap();
                let plain: Value = from_slice(&encode(text, unit)).unwrap();
                assert_eq!(plain, expected, "{unit:?} {text}");
                let marked = encode(&format!("\u{feff}{text}"), unit);
                assert_eq!(
                    from_slice::<Value>(&marked).unwrap(),
                    expected,
                    "{unit:?} {text}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        let deep = "[".repeat(1_000_000);
        let table: &[&[u8]] = &[
            b"",
            b"\0",
            b"\0\0\0\0",
            b"\xff\xfe",
            b"\xff\xfe1\0\0",
            b"\xff\xfe\"\0\0\xd8\"\0",
            b"\0\0\xfe\xff\0\x11\0\0",
            b"\"\xff\"",
            b"<html>",
            b"1 2",
            deep.as_bytes(),
        ];
        for bytes in table {
            assert!(
                from_slice::<Value>(bytes).is_err(),
                "{:x?}",
                &bytes[..bytes.len().min(20)]
            );
        }
    }

    #[test]
    fn json_is_written_compactly() {
        let value = json!({"a": {"b": [null, true, 1.5]}, "é": "\u{2028}"});
        assert_eq!(
            String::from_utf8(to_vec(&value).unwrap()).unwrap(),
            "{\"a\":{\"b\":[null,true,1.5]},\"é\":\"\u{2028}\"}"
        );
        assert_eq!(to_vec("x").unwrap(), b"\"x\"");
    }
}
