//! `multipart/form-data`, for the blocking client.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use reqwest::blocking::Client;
//! use reqwest::blocking::multipart::Form;
//!
//! let form = Form::new().text("title", "A cat").file("photo", "cat.png")?;
//! Client::new().post("http://127.0.0.1/upload").multipart(form).send()?;
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Buf as _;
use http::header::HeaderMap;

use super::Body;
use crate::multipart::encode::{Escaping, Field, Fields, Meta, Piece};

/// A form in the making.
pub struct Form {
    fields: Fields<Part>,
}

/// A field's value, and what is said about it.
pub struct Part {
    meta: Meta,
    value: Body,
}

impl Default for Form {
    fn default() -> Self {
        Form::new()
    }
}

impl Form {
    /// Begins an empty form.
    pub fn new() -> Form {
        Form {
            fields: Fields::new(),
        }
    }

    /// Returns the boundary between the parts; it is random.
    pub fn boundary(&self) -> &str {
        self.fields.boundary()
    }

    /// Adds a field of text.
    #[must_use]
    pub fn text<T, U>(self, name: T, value: U) -> Form
    where
        T: Into<Cow<'static, str>>,
        U: Into<Cow<'static, str>>,
    {
        self.part(name, Part::text(value))
    }

    /// Adds a file; its name tells file name and media type.
    ///
    /// # Errors
    /// That of opening the file.
    pub fn file<T, U>(self, name: T, path: U) -> io::Result<Form>
    where
        T: Into<Cow<'static, str>>,
        U: AsRef<Path>,
    {
        Ok(self.part(name, Part::file(path)?))
    }

    /// Adds a part.
    #[must_use]
    pub fn part<T>(mut self, name: T, part: Part) -> Form
    where
        T: Into<Cow<'static, str>>,
    {
        self.fields.add(name.into(), part);
        self
    }

    /// Percent-encodes field names as segments of a path are (the default).
    #[must_use]
    pub fn percent_encode_path_segment(self) -> Form {
        self.escaping(Escaping::PathSegment)
    }

    /// Percent-encodes all of field names but what RFC 8187 calls `attr-char`.
    #[must_use]
    pub fn percent_encode_attr_chars(self) -> Form {
        self.escaping(Escaping::AttrChar)
    }

    /// Sends field names as they are, but for quotes and line ends, which would end the name.
    #[must_use]
    pub fn percent_encode_noop(self) -> Form {
        self.escaping(Escaping::None)
    }

    fn escaping(mut self, escaping: Escaping) -> Form {
        self.fields.escaping = escaping;
        self
    }

    /// Makes the reader of the form's bytes.
    pub fn into_reader(self) -> impl Read {
        FormReader::new(self.fields)
    }

    /// The form's media type and body.
    pub(crate) fn into_body(self) -> (String, Body) {
        let media_type = format!("multipart/form-data; boundary={}", self.boundary());
        let length = self.fields.content_length();
        let reader = FormReader::new(self.fields);
        let body = match length {
            Some(length) => Body::sized(reader, length),
            None => Body::new(reader),
        };
        (media_type, body)
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields.fmt_as("Form", f)
    }
}

impl Part {
    /// Makes a part of text.
    pub fn text<T>(value: T) -> Part
    where
        T: Into<Cow<'static, str>>,
    {
        Part::new(match value.into() {
            Cow::Borrowed(text) => Body::from(text),
            Cow::Owned(text) => Body::from(text),
        })
    }

    /// Makes a part of bytes.
    pub fn bytes<T>(value: T) -> Part
    where
        T: Into<Cow<'static, [u8]>>,
    {
        Part::new(match value.into() {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        })
    }

    /// Makes a part of a reader; the form has no length.
    pub fn reader<T: Read + Send + 'static>(value: T) -> Part {
        Part::new(Body::new(value))
    }

    /// Makes a part of a reader that has `length` bytes.
    pub fn reader_with_length<T: Read + Send + 'static>(value: T, length: u64) -> Part {
        Part::new(Body::sized(value, length))
    }

    /// Makes a part of a file; its name tells file name and media type.
    ///
    /// # Errors
    /// That of opening the file.
    pub fn file<T: AsRef<Path>>(path: T) -> io::Result<Part> {
        let path = path.as_ref();
        let mut part = Part::new(Body::from(File::open(path)?));
        part.meta.describe(path);
        Ok(part)
    }

    fn new(value: Body) -> Part {
        Part {
            meta: Meta::default(),
            value,
        }
    }

    /// Sets the media type.
    ///
    /// # Errors
    /// A builder error for what is none.
    pub fn mime_str(mut self, mime: &str) -> crate::Result<Part> {
        self.meta.set_mime(mime)?;
        Ok(self)
    }

    /// Sets the file name.
    #[must_use]
    pub fn file_name<T>(mut self, filename: T) -> Part
    where
        T: Into<Cow<'static, str>>,
    {
        self.meta.file_name = Some(filename.into());
        self
    }

    /// Sets further headers of the part.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Part {
        self.meta.headers = headers;
        self
    }
}

impl Field for Part {
    type Value = Body;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn length(&self) -> Option<u64> {
        self.value.length()
    }

    fn into_value(self) -> Body {
        self.value
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Part");
        shown.field("value", &self.value);
        self.meta.fmt_fields(&mut shown);
        shown.finish()
    }
}

/// The pieces of a form, one behind the other.
struct FormReader {
    pieces: VecDeque<Piece<Body>>,
}

impl FormReader {
    fn new(fields: Fields<Part>) -> Self {
        FormReader {
            pieces: fields.into_pieces(),
        }
    }
}

impl Read for FormReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(piece) = self.pieces.front_mut() {
            let read = match piece {
                Piece::Text(text) => {
                    let length = buffer.len().min(text.len());
                    text.copy_to_slice(&mut buffer[..length]);
                    length
                }
                Piece::Value(body) => body.read(buffer)?,
            };
            if read > 0 {
                return Ok(read);
            }
            self.pieces.pop_front();
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_part_by_part() {
        let form = Form::new()
            .text("a", "1")
            .part("b", Part::reader(&b"22"[..]))
            .part("c", Part::bytes(vec![b'3'; 3]).file_name("c.bin"));
        let boundary = form.boundary().to_owned();
        let mut text = String::new();
        form.into_reader().read_to_string(&mut text).unwrap();
        let expected = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
            --B\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n22\r\n\
            --B\r\nContent-Disposition: form-data; name=\"c\"; filename=\"c.bin\"\r\n\r\n333\r\n--B--\r\n";
        assert_eq!(text, expected.replace('B', &boundary));
    }

    #[test]
    fn a_form_has_the_length_that_it_announces() {
        let form = Form::new()
            .text("a", "1")
            .part("b", Part::reader_with_length(&b"22"[..], 2));
        let (media_type, mut body) = form.into_body();
        assert!(media_type.starts_with("multipart/form-data; boundary="));
        let length = body.length().unwrap();
        assert_eq!(body.buffer().unwrap().len() as u64, length);
        let (_, empty) = Form::new().into_body();
        assert_eq!(empty.length(), Some(0));
        let (_, unknown) = Form::new().part("r", Part::reader(io::empty())).into_body();
        assert_eq!(unknown.length(), None);
    }
}
