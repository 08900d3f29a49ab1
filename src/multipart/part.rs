//! One part of a form: its content, and the header section before it.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use http::HeaderValue;

use super::media_type;
use crate::body::Content;
use crate::error::{Error, Result};

/// One part of a [`Form`](super::Form).
///
/// With a file name, its `content-type` is the one given to [`mime`](Part::mime), else guessed by the name's extension,
/// else `application/octet-stream`. Without one, it has no `content-type` unless one is given.
///
/// ```
/// use dimorph::multipart::{Form, Part};
///
/// # let log = std::io::Cursor::new("a line\n");
/// let form = Form::new()
///     .part("note", Part::text("an aside").mime("text/markdown")?)
///     .part("table", Part::bytes("a,b\n1,2\n").file_name("report.csv"))
///     .part("log", Part::reader(log).file_name("today.log").mime("text/plain")?);
/// assert_eq!(form.content_length(), None);
/// # Ok::<(), dimorph::Error>(())
/// ```
pub struct Part {
    pub(super) content: Content,
    pub(super) file_name: Option<String>,
    /// What goes behind the disposition, as it was given.
    fields: Vec<Field>,
    guesses: bool,
}

struct Field {
    name: String,
    value: HeaderValue,
}

const CONTENT_TYPE: &str = "Content-Type";

impl Part {
    fn new(content: Content) -> Self {
        Part {
            content,
            file_name: None,
            fields: Vec::new(),
            guesses: true,
        }
    }

    /// Makes a part of text, which is sent as UTF-8, without file name and `content-type`.
    ///
    /// ```
    /// use dimorph::multipart::{Form, Part};
    ///
    /// let form = Form::new().part("note", Part::text("an aside").mime("text/markdown")?);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn text(text: impl Into<String>) -> Self {
        Part::bytes(text.into())
    }

    /// Makes a part of bytes, without file name and `content-type`.
    ///
    /// ```
    /// use dimorph::multipart::{Form, Part};
    ///
    /// let form = Form::new().part("table", Part::bytes("a,b\n1,2\n").file_name("report.csv"));
    /// ```
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Part::new(Content::Bytes(bytes.into()))
    }

    /// Makes a part from a reader, which is read while it is sent, once.
    ///
    /// Its length is unknown, so the form is sent chunked. A [`std::fs::File`] is better off: it is sent from where it stands
    /// to its end, with its length, and can be sent again.
    ///
    /// ```
    /// use dimorph::multipart::{Form, Part};
    ///
    /// let log = std::io::Cursor::new("a line\n");
    /// let form = Form::new().part("log", Part::reader(log).file_name("today.log"));
    /// assert_eq!(form.content_length(), None);
    /// ```
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        let mut reader = Some(reader);
        // A way to ask a type parameter what it is.
        let file = (&mut reader as &mut dyn Any).downcast_mut::<Option<File>>();
        match (file.and_then(Option::take), reader) {
            (Some(file), _) => Part::new(Content::file(file)),
            (None, Some(reader)) => Part::new(Content::reader(reader, None)),
            (None, None) => Part::bytes(Bytes::new()),
        }
    }

    /// Makes a part of known length from a reader, which is read while it is sent, once.
    ///
    /// A reader that ends early, or has more, ends the request with a `LocalProtocolError` that names the part.
    ///
    /// ```
    /// use std::io::Read;
    /// use dimorph::multipart::{Form, Part};
    ///
    /// let zeros = std::io::repeat(0).take(1000);
    /// let form = Form::new().part("zeros", Part::reader_with_length(zeros, 1000));
    /// assert!(form.content_length().is_some());
    /// ```
    pub fn reader_with_length(reader: impl Read + Send + 'static, length: u64) -> Self {
        Part::new(Content::reader(reader, Some(length)))
    }

    /// Makes a part of a file, which is opened now and read while it is sent. Its name is the path's last component.
    ///
    /// What is no regular file is read like any reader.
    ///
    /// # Errors
    /// `Builder`, which names the path, where the file cannot be opened.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::multipart::{Form, Part};
    ///
    /// # let folder = std::env::temp_dir().join(format!("dimorph-part-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("report.csv");
    /// # std::fs::write(&path, "a,b\n1,2\n")?;
    /// let part = Part::file(&path)?.file_name("numbers.csv").mime("text/csv")?;
    /// let form = Form::new().part("table", part);
    /// assert!(Part::file("no such file").is_err());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let opened = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
            true => Err(std::io::ErrorKind::IsADirectory.into()),
            false => Ok(file),
        });
        let file = opened.map_err(|error| {
            let path = path.display();
            Error::builder(format!("cannot open the file {path}: {error}")).with_source(error)
        })?;
        let part = Part::new(Content::file(file));
        Ok(match path.file_name() {
            Some(name) => part.file_name(name.to_string_lossy()),
            None => part,
        })
    }

    /// Sets the file name; an empty one is none.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into()).filter(|name| !name.is_empty());
        self
    }

    /// Sends no file name, and so no guessed `content-type`: HTTPX's `None` in its place.
    #[must_use]
    pub fn no_file_name(mut self) -> Self {
        self.file_name = None;
        self
    }

    /// Sets the `content-type`, such as `text/plain; charset=utf-8`.
    ///
    /// # Errors
    /// `Builder` for what is no media type.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::multipart::Part;
    ///
    /// let part = Part::text("# Title").mime("text/markdown; charset=utf-8")?;
    /// assert!(Part::text("x").mime("no media type").is_err());
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn mime(mut self, media_type: impl AsRef<str>) -> Result<Self> {
        let media_type = media_type.as_ref();
        let value = Some(media_type)
            .filter(|text| media_type::is_valid(text))
            .and_then(|text| HeaderValue::from_str(text).ok())
            .ok_or_else(|| Error::builder(format!("{media_type:?} is no media type")))?;
        match self
            .fields
            .iter_mut()
            .find(|field| field.name == CONTENT_TYPE)
        {
            Some(field) => field.value = value,
            None => self.fields.push(Field {
                name: CONTENT_TYPE.to_owned(),
                value,
            }),
        }
        Ok(self)
    }

    /// Sends no `content-type` but one given to [`mime`](Part::mime): none is guessed.
    #[must_use]
    pub fn no_guess(mut self) -> Self {
        self.guesses = false;
        self
    }

    /// Adds a header, spelled as it is given. They are sent in the order of the calls to this and [`mime`](Part::mime);
    /// a guessed `Content-Type` comes last.
    ///
    /// # Errors
    /// `Builder` for a name that is no token, a value with a forbidden character, and for `content-disposition` and
    /// `content-type`, which have methods of their own.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::multipart::Part;
    ///
    /// let part = Part::bytes("data").header("Content-ID", "<1>")?;
    /// assert!(Part::bytes("data").header("content-type", "text/plain").is_err());
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn header<V>(mut self, name: impl Into<String>, value: V) -> Result<Self>
    where
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        let name = name.into();
        if !media_type::is_token(&name) {
            return Err(Error::builder("the name of a part's header is not a token"));
        }
        for (own, method) in [
            ("content-disposition", "file_name"),
            ("content-type", "mime"),
        ] {
            if name.eq_ignore_ascii_case(own) {
                return Err(Error::builder(format!(
                    "the header `{own}` of a part is set by `{method}`"
                )));
            }
        }
        let value = value.try_into().map_err(|error| {
            Error::builder(format!(
                "the value of the part's header `{name}` has a forbidden character"
            ))
            .with_source(error.into())
        })?;
        self.fields.push(Field { name, value });
        Ok(self)
    }

    /// The content, if it is in memory.
    pub(super) fn in_memory(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The delimiter line and the header section, up to where the content begins.
    pub(super) fn head(&self, boundary: &str, name: &str) -> Vec<u8> {
        let mut head = Vec::with_capacity(96 + boundary.len() + name.len());
        for piece in [
            "--",
            boundary,
            "\r\nContent-Disposition: form-data; name=\"",
        ] {
            head.extend_from_slice(piece.as_bytes());
        }
        escape(name, &mut head);
        head.push(b'"');
        if let Some(file_name) = &self.file_name {
            head.extend_from_slice(b"; filename=\"");
            escape(file_name, &mut head);
            head.push(b'"');
        }
        let mut field = |name: &str, value: &[u8]| {
            for piece in [b"\r\n".as_slice(), name.as_bytes(), b": ", value] {
                head.extend_from_slice(piece);
            }
        };
        for Field { name, value } in &self.fields {
            field(name, value.as_bytes());
        }
        if let Some(media_type) = self.guessed() {
            field(CONTENT_TYPE, media_type.as_bytes());
        }
        head.extend_from_slice(b"\r\n\r\n");
        head
    }

    fn guessed(&self) -> Option<&'static str> {
        let is_given = self.fields.iter().any(|field| field.name == CONTENT_TYPE);
        let file_name = self.file_name.as_ref()?;
        (self.guesses && !is_given).then(|| media_type::guess(file_name))
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("content", &self.content)
            .field("file_name", &self.file_name)
            .finish_non_exhaustive()
    }
}

/// Escapes a name for its quotes as HTTPX does: what WHATWG's form encoding asks for (`"`, CR, LF), the other control
/// characters, and a backslash, which readers of RFC 9110's quoted strings take for the beginning of a pair.
fn escape(name: &str, into: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in name.bytes() {
        match byte {
            b'\\' => into.extend_from_slice(b"\\\\"),
            // HTTPX leaves ESC alone, which ISO-2022 names are made of.
            0x1b => into.push(byte),
            b'"' | 0..0x20 => {
                into.push(b'%');
                into.push(HEX[usize::from(byte >> 4)]);
                into.push(HEX[usize::from(byte & 15)]);
            }
            _ => into.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inj_06_nothing_breaks_out_of_a_name() {
        let cases = [
            ("name", "name"),
            ("a\u{7f}b", "a\u{7f}b"),
            ("a\r\nb", "a%0D%0Ab"),
            ("a\"b", "a%22b"),
            ("hello\\world\"", "hello\\\\world%22"),
            ("a\\", "a\\\\"),
            ("hello\u{1a}\u{1b}\u{1c}", "hello%1A\u{1b}%1C"),
            ("n\u{e4}me", "n\u{e4}me"),
            ("a\tb", "a%09b"),
            ("", ""),
        ];
        for (name, expected) in cases {
            let mut escaped = Vec::new();
            escape(name, &mut escaped);
            assert_eq!(String::from_utf8(escaped).unwrap(), expected);
        }
    }

    #[test]
    fn headers_of_a_part_are_checked() {
        let cases = [
            ("Expires", "0", true),
            ("Content-Id", "<1>", true),
            ("Content-Type", "text/plain", false),
            ("CONTENT-DISPOSITION", "x", false),
            ("a b", "x", false),
            ("", "x", false),
            ("a", "x\r\ny: z", false),
            ("a", "x\0", false),
        ];
        for (name, value, fine) in cases {
            let part = Part::text("x").header(name, value);
            assert_eq!(part.is_ok(), fine, "{name}: {value:?}");
        }
    }
}
