//! Text from bytes: the charset of a response, and decoding with replacement characters.
//!
//! With the feature `charset` every encoding of the WHATWG standard is known, by the standard's
//! labels and by the names that Python gives them; without it all text is read as UTF-8. As in
//! browsers and reqwest, `latin-1` and `ascii` mean windows-1252, which differs from HTTPX in the
//! control characters 0x80–0x9F. UTF-7, which HTTPX would decode, is unknown here.

use std::fmt;

use http::HeaderValue;

pub(crate) use encoding::{TextDecoder, decode_all, is_known};

/// Finds the charset parameter of a content type: unquoted, in lower case, `None` if it is missing
/// or empty. Of several the first counts.
pub(crate) fn charset_param(content_type: Option<&HeaderValue>) -> Option<String> {
    let value = content_type?.as_bytes();
    // RFC 9110 8.3.1: parameters follow the first semicolon; what stands before it, commas
    // included, is the type.
    let mut rest = &value[value.iter().position(|&b| b == b';')? + 1..];
    loop {
        let (parameter, after) = split_parameter(rest);
        if let Some(at) = parameter.iter().position(|&b| b == b'=')
            && parameter[..at]
                .trim_ascii()
                .eq_ignore_ascii_case(b"charset")
        {
            let label = unquote(parameter[at + 1..].trim_ascii());
            return (!label.is_empty()).then_some(label);
        }
        rest = after?;
    }
}

/// The media type of a content type, without parameters and white space, in whatever case it came.
pub(crate) fn essence(content_type: &HeaderValue) -> &[u8] {
    let value = content_type.as_bytes();
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    value[..end].trim_ascii()
}

/// Tells whether a body is a page for people to look at, and of which type: what proxies, portals and error pages answer with.
pub(crate) fn page(content_type: &HeaderValue) -> Option<&'static str> {
    let essence = essence(content_type);
    ["text/html", "application/xhtml+xml"]
        .into_iter()
        .find(|page| essence.eq_ignore_ascii_case(page.as_bytes()))
}

impl fmt::Debug for TextDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextDecoder")
            .field(&self.encoding_name())
            .finish()
    }
}

/// Cuts at the first semicolon outside a quoted string.
fn split_parameter(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

/// Reads a token or a quoted string (RFC 9110 5.6.4).
fn unquote(value: &[u8]) -> String {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return String::from_utf8_lossy(value).to_ascii_lowercase();
    };
    let mut text = Vec::new();
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => text.extend(bytes.next()),
            _ => text.push(byte),
        }
    }
    String::from_utf8_lossy(text.trim_ascii()).to_ascii_lowercase()
}

#[cfg(feature = "charset")]
mod encoding {
    use encoding_rs::{CoderResult, Decoder, Encoding, REPLACEMENT, UTF_8};

    /// How much input is decoded before the text grows again.
    const STEP: usize = 32 * 1024;

    /// Decodes text that comes in pieces.
    pub(crate) struct TextDecoder {
        name: String,
        /// `None` once the last piece has been decoded.
        decoder: Option<Decoder>,
    }

    impl TextDecoder {
        /// Decodes by a label, UTF-8 if there is none or it is unknown. A byte order mark in the
        /// text overrides the label and is removed.
        pub(crate) fn new(label: Option<&str>) -> Self {
            let (name, encoding) = match label.and_then(|label| Some((label, lookup(label)?))) {
                Some((label, encoding)) => (label.trim().to_ascii_lowercase(), encoding),
                None => ("utf-8".to_owned(), UTF_8),
            };
            TextDecoder {
                name,
                decoder: Some(encoding.new_decoder()),
            }
        }

        /// The label in use, in lower case: the one given, or `utf-8`.
        pub(crate) fn encoding_name(&self) -> &str {
            &self.name
        }

        /// Appends the text of `input` to `out`. `last` says that no more follows: an incomplete
        /// character at the end becomes a replacement character then, and waits otherwise.
        pub(crate) fn decode(&mut self, input: &[u8], last: bool, out: &mut String) {
            let Some(decoder) = &mut self.decoder else {
                return;
            };
            let mut rest = input;
            loop {
                let step = &rest[..rest.len().min(STEP)];
                let ends = step.len() == rest.len();
                // Most text is ASCII: room for that first, the decoder asks for more.
                out.reserve(step.len() + 16);
                let (result, read, _) = decoder.decode_to_string(step, out, last && ends);
                rest = &rest[read..];
                match result {
                    CoderResult::InputEmpty if ends => break,
                    CoderResult::InputEmpty => {}
                    CoderResult::OutputFull => out.reserve(rest.len().min(STEP) + 64),
                }
            }
            if last {
                self.decoder = None;
            }
        }
    }

    /// Decodes a whole body at once.
    pub(crate) fn decode_all(label: Option<&str>, bytes: &[u8]) -> String {
        let encoding = label.and_then(lookup).unwrap_or(UTF_8);
        let (text, _, _) = encoding.decode(bytes);
        text.into_owned()
    }

    /// Tells whether a label names a charset that can be decoded.
    pub(crate) fn is_known(label: &str) -> bool {
        lookup(label).is_some()
    }

    fn lookup(label: &str) -> Option<&'static Encoding> {
        let label = label.trim();
        let encoding = Encoding::for_label(label.as_bytes())
            .or_else(|| Encoding::for_label(python_name(label).as_bytes()))?;
        // The standard maps a few dangerous labels to an encoding that destroys all text. That
        // protects browsers from scripts; here the ASCII part is worth more.
        (encoding != REPLACEMENT).then_some(encoding)
    }

    /// Turns a name of Python's codecs, which HTTPX accepts, into a label of the WHATWG standard.
    fn python_name(label: &str) -> String {
        let name = label.to_ascii_lowercase().replace(['_', ' '], "-");
        let label = match name.as_str() {
            "u8" | "utf" | "utf8-sig" | "utf-8-sig" | "cp65001" => "utf-8",
            "u16" | "utf16" | "utf-16le" | "utf-16-le" => "utf-16le",
            "utf-16-be" => "utf-16be",
            "646" | "cp819" => "latin1",
            "latin-9" | "latin9" => "iso-8859-15",
            "latin-10" | "latin10" | "l10" | "iso8859-16" => "iso-8859-16",
            "iso8859-11" | "thai" => "tis-620",
            "cp932" | "932" | "ms932" | "mskanji" | "s-jis" => "shift_jis",
            "cp936" | "936" | "ms936" | "euccn" => "gbk",
            "gb18030-2000" => "gb18030",
            "cp949" | "949" | "ms949" | "uhc" | "euckr" => "euc-kr",
            "cp950" | "950" | "ms950" | "big5-tw" => "big5",
            "eucjp" | "ujis" | "u-jis" => "euc-jp",
            "mac-roman" | "macroman" => "macintosh",
            "mac-cyrillic" | "maccyrillic" => "x-mac-cyrillic",
            // latin-1 to latin-6; 1252, windows1252 and windows_1252.
            other => {
                let number = other.trim_start_matches("windows").trim_start_matches('-');
                return match other.strip_prefix("latin-") {
                    Some(number) => format!("latin{number}"),
                    None if number.len() == 4 && number.starts_with("125") => {
                        format!("windows-{number}")
                    }
                    None => name,
                };
            }
        };
        label.to_owned()
    }
}

#[cfg(not(feature = "charset"))]
mod encoding {
    const BOM: &[u8] = b"\xef\xbb\xbf";

    /// Decodes UTF-8 that comes in pieces.
    pub(crate) struct TextDecoder {
        /// The beginning of a character, or of a byte order mark, that may go on.
        held: Vec<u8>,
        started: bool,
        finished: bool,
    }

    impl TextDecoder {
        /// Decodes UTF-8 whatever the label says: no other charset is compiled in.
        pub(crate) fn new(_label: Option<&str>) -> Self {
            TextDecoder {
                held: Vec::new(),
                started: false,
                finished: false,
            }
        }

        /// Always `utf-8`.
        pub(crate) fn encoding_name(&self) -> &str {
            "utf-8"
        }

        /// Appends the text of `input` to `out`. `last` says that no more follows: an incomplete
        /// character at the end becomes a replacement character then, and waits otherwise.
        pub(crate) fn decode(&mut self, input: &[u8], last: bool, out: &mut String) {
            if self.finished {
                return;
            }
            self.finished = last;
            let joined;
            let mut rest = if self.held.is_empty() {
                input
            } else {
                self.held.extend_from_slice(input);
                joined = std::mem::take(&mut self.held);
                &joined
            };
            if !self.started {
                if !last && BOM.starts_with(rest) && rest.len() < BOM.len() {
                    self.held = rest.to_vec();
                    return;
                }
                rest = rest.strip_prefix(BOM).unwrap_or(rest);
                self.started = true;
            }
            let mut chunks = rest.utf8_chunks().peekable();
            while let Some(chunk) = chunks.next() {
                out.push_str(chunk.valid());
                let invalid = chunk.invalid();
                let incomplete = chunks.peek().is_none()
                    && std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
                if incomplete && !last {
                    self.held = invalid.to_vec();
                } else if !invalid.is_empty() {
                    out.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }

    /// Tells whether a label names UTF-8.
    pub(crate) fn is_known(label: &str) -> bool {
        ["utf-8", "utf8"]
            .iter()
            .any(|name| label.trim().eq_ignore_ascii_case(name))
    }

    /// Decodes a whole body at once.
    pub(crate) fn decode_all(_label: Option<&str>, bytes: &[u8]) -> String {
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        String::from_utf8_lossy(bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_page_is_known_by_its_media_type_alone() {
        let cases = [
            ("text/html", true),
            ("Text/HTML; charset=utf-8", true),
            (" text/html ;x", true),
            ("application/xhtml+xml", true),
            ("text/htmlx", false),
            ("application/json", false),
            ("", false),
        ];
        for (value, expected) in cases {
            let found = page(&value.parse().unwrap());
            assert_eq!(found.is_some(), expected, "{value}");
        }
    }

    #[test]
    fn the_charset_parameter_is_found_and_unquoted() {
        let table = [
            ("text/html", None),
            ("text/html; charset=utf-8", Some("utf-8")),
            ("text/html;charset=UTF-8", Some("utf-8")),
            (
                "text/html; Charset = \"Shift_JIS\" ; x=y",
                Some("shift_jis"),
            ),
            ("text/html; charset=\"a\\\"b\"", Some("a\"b")),
            ("text/html; a=\"; charset=x\"; charset=y", Some("y")),
            ("text/html; charset=a; charset=b", Some("a")),
            ("application/json, charset=utf-16", None),
            ("text/html; charset=", None),
            ("text/html; charset=\"\"", None),
            ("text/html; xcharset=a", None),
            ("text/html; charset", None),
            ("; charset=a", Some("a")),
            ("", None),
        ];
        for (value, charset) in table {
            let value = HeaderValue::from_static(value);
            assert_eq!(charset_param(Some(&value)).as_deref(), charset, "{value:?}");
        }
        assert_eq!(charset_param(None), None);
    }

    /// Decodes in one pass, and in two pieces for every cut.
    fn decode(label: Option<&str>, bytes: &[u8]) -> String {
        let whole = decode_all(label, bytes);
        for cut in 0..=bytes.len() {
            let mut decoder = TextDecoder::new(label);
            let mut text = String::new();
            decoder.decode(&bytes[..cut], false, &mut text);
            decoder.decode(&bytes[cut..], true, &mut text);
            decoder.decode(b"ignored", true, &mut text);
            assert_eq!(text, whole, "{label:?} {bytes:x?} cut at {cut}");
        }
        whole
    }

    #[test]
    fn utf_8_is_decoded_with_replacement_characters() {
        let table: &[(&[u8], &str)] = &[
            (b"", ""),
            ("aé☃🦀".as_bytes(), "aé☃🦀"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xe2\x98", "\u{fffd}"),
            (b"\xe2\x98\xf0\x9f\xa6", "\u{fffd}\u{fffd}"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xef\xbb\xbfa", "a"),
            (b"\xef\xbb", "\u{fffd}"),
            (b"\xef\xbb\xbf\xef\xbb\xbf", "\u{feff}"),
        ];
        for (bytes, text) in table {
            assert_eq!(decode(None, bytes), *text);
            assert_eq!(decode(Some("no-such-charset"), bytes), *text);
            assert_eq!(decode(Some("utf-7"), bytes), *text);
        }
    }

    #[cfg(feature = "charset")]
    #[test]
    fn labels_of_the_standard_and_of_python_are_known() {
        let table: &[(&str, &[u8], &str)] = &[
            ("latin-1", b"\xff", "ÿ"),
            ("iso-8859-1", b"\x80", "€"),
            ("ISO_8859_15", b"\xa4", "€"),
            (" utf_8 ", b"\xc3\xa9", "é"),
            ("UTF-8-SIG", b"\xef\xbb\xbf\xc3\xa9", "é"),
            ("shift-jis", b"\x83g", "ト"),
            ("cp932", b"\x83g", "ト"),
            ("euc_jp", b"\xa5\xc8", "ト"),
            ("gbk", b"\xd6\xd0", "中"),
            ("cp950", b"\xa4\xa4", "中"),
            ("cp1251", b"\xe6", "ж"),
            ("windows_1251", b"\xe6", "ж"),
            ("1251", b"\xe6", "ж"),
            ("koi8_r", b"\xd6", "ж"),
            ("utf-16", b"\xff\xfeh\0\xe9\0", "hé"),
            ("utf-16", b"\xfe\xff\0h\0\xe9", "hé"),
            ("utf_16_le", b"h\0\xe9\0", "hé"),
            ("utf_16_be", b"\0h\0\xe9", "hé"),
            ("utf-16be", b"\0h\0", "h\u{fffd}"),
        ];
        for (label, bytes, text) in table {
            assert_eq!(decode(Some(label), bytes), *text, "{label}");
            let name = TextDecoder::new(Some(label)).encoding_name().to_owned();
            assert_eq!(name, label.trim().to_ascii_lowercase());
        }
        assert_eq!(TextDecoder::new(Some("no-such")).encoding_name(), "utf-8");
        // The standard would destroy the whole text under this label.
        assert_eq!(decode(Some("iso-2022-kr"), b"plain"), "plain");
    }

    #[cfg(feature = "charset")]
    #[test]
    fn a_byte_order_mark_overrides_the_label() {
        let table: &[(&str, &[u8], &str)] = &[
            ("utf-8", b"\xff\xfeh\0", "h"),
            ("latin-1", b"\xef\xbb\xbf\xc3\xa9", "é"),
            ("utf-16le", b"\xfe\xff\0h", "h"),
        ];
        for (label, bytes, text) in table {
            assert_eq!(decode(Some(label), bytes), *text, "{label}");
        }
    }

    #[test]
    fn res_11_long_text_takes_linear_time_valid_or_not() {
        for byte in [b'a', 0xff] {
            let bytes = vec![byte; 1 << 20];
            let mut text = String::new();
            TextDecoder::new(None).decode(&bytes, true, &mut text);
            assert_eq!(text.chars().count(), 1 << 20);
        }
    }
}
