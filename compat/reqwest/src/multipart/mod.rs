//! `multipart/form-data`, for the async client.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use reqwest::multipart::{Form, Part};
//!
//! let photo = Part::bytes(std::fs::read("cat.png")?).file_name("cat.png").mime_str("image/png")?;
//! let form = Form::new().text("title", "A cat").part("photo", photo);
//! reqwest::Client::new().post("http://127.0.0.1/upload").multipart(form).send().await?;
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::header::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use crate::async_impl::Body;

pub(crate) mod encode;

use encode::{Escaping, Field, Fields, Meta, Piece};

/// A form in the making.
pub struct Form {
    fields: Fields<Part>,
}

/// A field's value, and what is said about it.
pub struct Part {
    meta: Meta,
    value: Body,
    length: Option<u64>,
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
    #[cfg(feature = "stream")]
    pub async fn file<T, U>(self, name: T, path: U) -> std::io::Result<Form>
    where
        T: Into<Cow<'static, str>>,
        U: AsRef<std::path::Path>,
    {
        Ok(self.part(name, Part::file(path).await?))
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

    /// Makes the stream of the form's bytes.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, crate::Error>> + Send + Sync {
        FormBody::new(self.fields)
    }

    /// How long the body will be, where each part's length is known.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.fields.content_length()
    }

    /// The form's body; it knows its length where that is known.
    pub(crate) fn into_body(self) -> Body {
        let body = FormBody::new(self.fields);
        match body.pieces.is_empty() {
            true => Body::default(),
            false => Body::wrap(body),
        }
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

    /// Makes a part of any body; the form has no length where the body has none.
    pub fn stream<T: Into<Body>>(value: T) -> Part {
        Part::new(value.into())
    }

    /// Makes a part of any body that has `length` bytes.
    pub fn stream_with_length<T: Into<Body>>(value: T, length: u64) -> Part {
        let mut part = Part::stream(value);
        part.length = Some(length);
        part
    }

    /// Makes a part of a file; its name tells file name and media type.
    ///
    /// # Errors
    /// That of opening the file.
    #[cfg(feature = "stream")]
    pub async fn file<T: AsRef<std::path::Path>>(path: T) -> std::io::Result<Part> {
        let path = path.as_ref();
        let file = tokio::fs::File::open(path).await?;
        let length = file.metadata().await.map(|metadata| metadata.len()).ok();
        let mut part = Part::stream(file);
        part.length = length;
        part.meta.describe(path);
        Ok(part)
    }

    fn new(value: Body) -> Part {
        Part {
            meta: Meta::default(),
            value,
            length: None,
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
        self.length.or_else(|| self.value.size_hint().exact())
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
struct FormBody {
    pieces: VecDeque<Piece<Body>>,
    left: Option<u64>,
}

impl FormBody {
    fn new(fields: Fields<Part>) -> Self {
        FormBody {
            left: fields.content_length(),
            pieces: fields.into_pieces(),
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, crate::Error>>> {
        loop {
            let chunk = match self.pieces.front_mut() {
                None => return Poll::Ready(None),
                Some(Piece::Text(text)) => std::mem::take(text),
                Some(Piece::Value(body)) => match ready!(Pin::new(body).poll_frame(cx)) {
                    Some(frame) => match frame?.into_data() {
                        Ok(data) if !data.is_empty() => {
                            self.count(data.len());
                            return Poll::Ready(Some(Ok(data)));
                        }
                        // A part has no trailers.
                        _ => continue,
                    },
                    None => Bytes::new(),
                },
            };
            self.pieces.pop_front();
            if !chunk.is_empty() {
                self.count(chunk.len());
                return Poll::Ready(Some(Ok(chunk)));
            }
        }
    }

    fn count(&mut self, sent: usize) {
        self.left = self.left.map(|left| left.saturating_sub(sent as u64));
    }
}

impl http_body::Body for FormBody {
    type Data = Bytes;
    type Error = crate::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, crate::Error>>> {
        self.poll_chunk(cx)
            .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Stream for FormBody {
    type Item = Result<Bytes, crate::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}
