//! How a form is written (RFC 7578): the same for both clients.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;

use bytes::Bytes;
use http::header::HeaderMap;
use mime_guess::Mime;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error;

/// What is said about a part.
#[derive(Default)]
pub(crate) struct Meta {
    mime: Option<Mime>,
    pub(crate) file_name: Option<Cow<'static, str>>,
    pub(crate) headers: HeaderMap,
}

impl Meta {
    pub(crate) fn set_mime(&mut self, mime: &str) -> crate::Result<()> {
        self.mime = Some(mime.parse().map_err(error::builder)?);
        Ok(())
    }

    /// Takes file name and media type from a path.
    #[cfg(any(feature = "blocking", feature = "stream", test))]
    pub(crate) fn describe(&mut self, path: &std::path::Path) {
        if let Some(name) = path.file_name() {
            self.file_name = Some(name.to_string_lossy().into_owned().into());
        }
        self.mime = Some(mime_guess::from_path(path).first_or_octet_stream());
    }

    pub(crate) fn fmt_fields(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        f.field("mime", &self.mime)
            .field("file_name", &self.file_name)
            .field("headers", &self.headers);
    }
}

/// A part of either client's form.
pub(crate) trait Field {
    type Value;

    fn meta(&self) -> &Meta;
    fn length(&self) -> Option<u64>;
    fn into_value(self) -> Self::Value;
}

/// How field names are written that are not plain.
#[derive(Clone, Copy)]
pub(crate) enum Escaping {
    PathSegment,
    AttrChar,
    None,
}

/// The path segment's percent-encode set of the URL standard, with `%` itself.
const PATH_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// All but `attr-char` (RFC 8187 section 3.2.1).
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The fields of a form in the making.
pub(crate) struct Fields<P> {
    boundary: String,
    fields: Vec<(Cow<'static, str>, P)>,
    pub(crate) escaping: Escaping,
}

/// A piece of the encoded form.
pub(crate) enum Piece<V> {
    Text(Bytes),
    Value(V),
}

impl<P: Field> Fields<P> {
    pub(crate) fn new() -> Self {
        // Each state has keys of its own, from the operating system's random numbers.
        let [a, b, c, d] = [0u8, 1, 2, 3].map(|place| RandomState::new().hash_one(place));
        Fields {
            boundary: format!("{a:016x}-{b:016x}-{c:016x}-{d:016x}"),
            fields: Vec::new(),
            escaping: Escaping::PathSegment,
        }
    }

    pub(crate) fn boundary(&self) -> &str {
        &self.boundary
    }

    pub(crate) fn add(&mut self, name: Cow<'static, str>, part: P) {
        self.fields.push((name, part));
    }

    /// The length of the form, where every part's is known.
    pub(crate) fn content_length(&self) -> Option<u64> {
        let mut text = Vec::new();
        let mut length = 0u64;
        for (name, part) in &self.fields {
            self.write_start(&mut text, name, part);
            length = length.checked_add(part.length()?)?;
        }
        if !self.fields.is_empty() {
            self.write_end(&mut text);
        }
        // Each part ends with a line end.
        length.checked_add(text.len() as u64 + 2 * self.fields.len() as u64)
    }

    /// Writes the form: its pieces in order. A form without fields is empty.
    pub(crate) fn into_pieces(mut self) -> VecDeque<Piece<P::Value>> {
        let fields = std::mem::take(&mut self.fields);
        let mut pieces = VecDeque::with_capacity(2 * fields.len() + 1);
        let mut text = Vec::new();
        for (name, part) in fields {
            self.write_start(&mut text, &name, &part);
            pieces.push_back(Piece::Text(std::mem::take(&mut text).into()));
            pieces.push_back(Piece::Value(part.into_value()));
            text.extend_from_slice(b"\r\n");
        }
        if !pieces.is_empty() {
            self.write_end(&mut text);
            pieces.push_back(Piece::Text(text.into()));
        }
        pieces
    }

    fn write_start(&self, text: &mut Vec<u8>, name: &str, part: &P) {
        text.extend_from_slice(b"--");
        text.extend_from_slice(self.boundary.as_bytes());
        text.extend_from_slice(b"\r\n");
        write_head(text, self.escaping, name, part.meta());
        text.extend_from_slice(b"\r\n\r\n");
    }

    fn write_end(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(b"--");
        text.extend_from_slice(self.boundary.as_bytes());
        text.extend_from_slice(b"--\r\n");
    }
}

impl<P: fmt::Debug> Fields<P> {
    pub(crate) fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("boundary", &self.boundary)
            .field("parts", &self.fields)
            .finish()
    }
}

/// Writes a part's header, without its end.
fn write_head(out: &mut Vec<u8>, escaping: Escaping, name: &str, meta: &Meta) {
    out.extend_from_slice(b"Content-Disposition: form-data; ");
    let escaped: Cow<'_, str> = match escaping {
        Escaping::PathSegment => utf8_percent_encode(name, PATH_SEGMENT).into(),
        Escaping::AttrChar => utf8_percent_encode(name, NOT_ATTR_CHAR).into(),
        Escaping::None => Cow::Borrowed(name),
    };
    match escaped {
        Cow::Borrowed(name) => {
            out.extend_from_slice(b"name=\"");
            write_quoted(out, name, false);
            out.push(b'"');
        }
        Cow::Owned(escaped) => {
            out.extend_from_slice(b"name*=utf-8''");
            out.extend_from_slice(escaped.as_bytes());
        }
    }
    // RFC 7578 section 4.2: there is no `filename*=` in a form.
    if let Some(name) = &meta.file_name {
        out.extend_from_slice(b"; filename=\"");
        write_quoted(out, name, true);
        out.push(b'"');
    }
    if let Some(mime) = &meta.mime {
        out.extend_from_slice(b"\r\nContent-Type: ");
        out.extend_from_slice(mime.as_ref().as_bytes());
    }
    for (name, value) in &meta.headers {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
    }
}

/// Writes what stands in quotes. A line end would begin a header of its own: it is written as the HTML standard has it.
fn write_quoted(out: &mut Vec<u8>, text: &str, backslashes: bool) {
    for byte in text.bytes() {
        match byte {
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            b'"' | b'\\' if backslashes => out.extend_from_slice(&[b'\\', byte]),
            b'"' => out.extend_from_slice(b"%22"),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    struct Plain(Meta, Option<u64>);

    impl Field for Plain {
        type Value = ();

        fn meta(&self) -> &Meta {
            &self.0
        }

        fn length(&self) -> Option<u64> {
            self.1
        }

        fn into_value(self) {}
    }

    fn head(escaping: Escaping, name: &str, meta: &Meta) -> String {
        let mut out = Vec::new();
        write_head(&mut out, escaping, name, meta);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_written_as_their_escaping_says() {
        let name = "a%'\"\r\n\u{e4}b";
        let cases = [
            (Escaping::PathSegment, "plain", "name=\"plain\""),
            (Escaping::AttrChar, "plain", "name=\"plain\""),
            (
                Escaping::PathSegment,
                name,
                "name*=utf-8''a%25'%22%0D%0A%C3%A4b",
            ),
            (
                Escaping::AttrChar,
                name,
                "name*=utf-8''a%25%27%22%0D%0A%C3%A4b",
            ),
            (Escaping::None, name, "name=\"a%'%22%0D%0A\u{e4}b\""),
        ];
        for (escaping, name, expected) in cases {
            let expected = format!("Content-Disposition: form-data; {expected}");
            assert_eq!(head(escaping, name, &Meta::default()), expected);
        }
    }

    #[test]
    fn a_file_name_cannot_end_its_header() {
        let meta = Meta {
            file_name: Some("a\"b\\c\r\nx-evil: 1".into()),
            ..Meta::default()
        };
        assert_eq!(
            head(Escaping::PathSegment, "f", &meta),
            "Content-Disposition: form-data; name=\"f\"; filename=\"a\\\"b\\\\c%0D%0Ax-evil: 1\""
        );
    }

    #[test]
    fn media_type_and_further_headers_follow() {
        let mut meta = Meta::default();
        meta.describe(Path::new("/tmp/cat.png"));
        let value = http::HeaderValue::from_static("7");
        meta.headers.insert("x-own", value);
        assert_eq!(
            head(Escaping::PathSegment, "f", &meta),
            "Content-Disposition: form-data; name=\"f\"; filename=\"cat.png\"\r\nContent-Type: image/png\r\nx-own: 7"
        );
        meta.describe(Path::new("noext"));
        assert!(head(Escaping::None, "f", &meta).contains("application/octet-stream"));
        assert!(meta.set_mime("no media type").unwrap_err().is_builder());
    }

    #[test]
    fn a_form_has_a_length_where_each_part_has() {
        let fields = |lengths: &[Option<u64>]| {
            let mut fields = Fields::new();
            fields.boundary = "b".to_owned();
            for length in lengths {
                fields.add("n".into(), Plain(Meta::default(), *length));
            }
            (fields.content_length(), fields.into_pieces())
        };
        let head = "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n".len() as u64;
        let end = "--b--\r\n".len() as u64;
        let cases = [
            (&[][..], Some(0), 0),
            (&[Some(3)], Some(head + 3 + 2 + end), 3),
            (&[Some(3), Some(0)], Some(2 * (head + 2) + 3 + end), 5),
            (&[Some(3), None], None, 5),
            (&[Some(u64::MAX)], None, 3),
        ];
        for (lengths, expected, pieces) in cases {
            let (length, made) = fields(lengths);
            assert_eq!((length, made.len()), (expected, pieces), "{lengths:?}");
        }
    }
}
