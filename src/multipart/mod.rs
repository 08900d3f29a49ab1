//! Forms with files (RFC 7578): HTTPX's `files=…`, for `RequestBuilder::multipart`.
//!
//! ```no_run
//! use dimorph::multipart::{Form, Part};
//!
//! # fn main() -> dimorph::Result<()> {
//! # let file = std::io::empty();
//! let form = Form::new()
//!     .text("field", "value")
//!     // Name and type come from the path; the content is read while it is sent.
//!     .file("upload-file", "report.xls")?
//!     .part("upload-file", Part::reader(file).file_name("today.log").mime("text/plain")?)
//!     .part("note", Part::text("text content").mime("text/plain")?);
//! # let _ = form;
//! # Ok(())
//! # }
//! ```

mod boundary;
mod media_type;
mod part;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use http::HeaderValue;

use crate::body::{Body, Content, PartsBody, Segment};
use crate::error::{Error, Result};

pub use self::part::Part;

/// Up to this size, a form of parts in memory is rendered into one piece of memory.
const SMALL_FORM: u64 = 256 * 1024;
/// Up to this size, the content of a part is copied between what frames it.
const SMALL_PART: usize = 16 * 1024;

/// A form of named parts.
///
/// It is sent with a `content-length` if every part knows its length, else chunked; it can be sent again (for a
/// redirect or a retry) if no part is a reader. Files and readers are read while they are sent, never as a whole.
///
/// In names and file names, `"` is sent as `%22`, CR as `%0D`, LF as `%0A`, and other control characters alike, `\` as
/// `\\`: as HTTPX sends them. NUL makes the request fail.
///
/// ```
/// use dimorph::multipart::{Form, Part};
///
/// let form = Form::new()
///     .text("title", "Report")
///     .part("file", Part::bytes("a,b\n1,2\n").file_name("report.csv"));
/// assert!(form.content_type().starts_with("multipart/form-data; boundary="));
/// assert!(form.content_length().is_some());
///
/// # let mock = dimorph::transport::Mock::routes().post("*", 201);
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// let response = client.post("https://example.org/upload").multipart(form).send()?;
/// assert_eq!(response.status(), 201);
/// # Ok::<(), dimorph::Error>(())
/// ```
pub struct Form {
    parts: Vec<(Arc<str>, Part)>,
    boundary: String,
    /// The caller's own: it stays what it is.
    given: bool,
}

impl Default for Form {
    fn default() -> Self {
        Form::new()
    }
}

impl Form {
    /// Makes a form without parts. Its boundary is made of 128 random bits.
    pub fn new() -> Self {
        Form {
            parts: Vec::new(),
            boundary: boundary::random(),
            given: false,
        }
    }

    /// Adds a text, without file name and `content-type`.
    #[must_use]
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.part(name, Part::text(value))
    }

    /// Adds a file, which is opened now and read while it is sent: [`Part::file`].
    ///
    /// # Errors
    /// `Builder`, which names the path, where the file cannot be opened.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::multipart::Form;
    ///
    /// # let folder = std::env::temp_dir().join(format!("dimorph-form-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("report.csv");
    /// # std::fs::write(&path, "a,b\n1,2\n")?;
    /// let form = Form::new().file("file", &path)?;
    /// assert!(Form::new().file("file", "no such file").is_err());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn file(self, name: impl Into<String>, path: impl AsRef<Path>) -> Result<Self> {
        Ok(self.part(name, Part::file(path)?))
    }

    /// Adds a part. Names may repeat; the order is kept.
    #[must_use]
    pub fn part(mut self, name: impl Into<String>, part: Part) -> Self {
        // 128 random bits never occur by chance; where it costs little, that is made certain.
        let mut occurs = !self.given && self.occurs_in(&part);
        let name: String = name.into();
        self.parts.push((name.into(), part));
        while occurs {
            self.boundary = boundary::random();
            occurs = self.parts.iter().any(|(_, part)| self.occurs_in(part));
        }
        self
    }

    /// Sets the boundary, which must not occur in any part.
    ///
    /// # Errors
    /// `Builder`, unless it is 1 to 70 characters of RFC 2046's `bcharsnospace`: letters, digits and `'()+_,-./:=?`.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::multipart::Form;
    ///
    /// let form = Form::new().text("a", "1").with_boundary("between")?;
    /// assert_eq!(form.content_type(), "multipart/form-data; boundary=between");
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn with_boundary(mut self, boundary: impl Into<String>) -> Result<Self> {
        self.boundary = boundary.into();
        self.given = true;
        match boundary::is_valid(&self.boundary) {
            true => Ok(self),
            false => Err(Error::builder(
                "a multipart boundary has 1 to 70 letters, digits or characters of '()+_,-./:=?",
            )),
        }
    }

    /// Returns the boundary. Ask once all parts are added: should a part hold it, another one is made.
    pub fn boundary(&self) -> &str {
        &self.boundary
    }

    /// Returns the value of the `content-type` field that the form is sent with.
    pub fn content_type(&self) -> String {
        boundary::content_type(&self.boundary)
    }

    /// Returns the length of the rendered form, if every part knows its length.
    pub fn content_length(&self) -> Option<u64> {
        let end = self.end().len() as u64;
        self.parts.iter().try_fold(end, |sum, (name, part)| {
            let head = part.head(&self.boundary, name).len() as u64;
            sum.checked_add(head + 2)?.checked_add(part.content.left()?)
        })
    }

    /// Tells whether the form has no part.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Renders the form for a request that says nothing of its type.
    #[cfg(test)]
    pub(crate) fn into_body(self) -> Result<(Body, HeaderValue)> {
        self.into_body_as(None)
    }

    /// Renders the form, its body and its `content-type`, for a request that may have this field already: where it names a boundary, that is
    /// used, and the field stays as it is. A boundary that was set on the form itself comes first.
    ///
    /// # Errors
    /// `Builder` for a NUL in a name, for a boundary that [`with_boundary`](Form::with_boundary) refuses, and for one of the
    /// caller's that occurs in a part.
    pub(crate) fn into_body_as(self, field: Option<&HeaderValue>) -> Result<(Body, HeaderValue)> {
        let text = field.and_then(|field| field.to_str().ok());
        match (field, text.and_then(boundary::boundary_of)) {
            (Some(field), Some(boundary)) if !self.given => {
                let (body, _) = self.with_boundary(boundary)?.render()?;
                Ok((body, field.clone()))
            }
            _ => self.render(),
        }
    }

    fn render(self) -> Result<(Body, HeaderValue)> {
        self.check()?;
        let content_type = HeaderValue::try_from(self.content_type())
            .expect("a valid boundary is made of visible characters");
        let in_memory = self
            .parts
            .iter()
            .all(|(_, part)| part.in_memory().is_some());
        let small = self
            .content_length()
            .filter(|&length| in_memory && length <= SMALL_FORM);
        let end = self.end();
        let framing: Arc<str> = "".into();
        let mut pending = BytesMut::with_capacity(small.unwrap_or(0) as usize);
        let mut segments = Vec::new();
        let mut first = true;
        for (name, part) in self.parts {
            if !std::mem::take(&mut first) {
                pending.extend_from_slice(b"\r\n");
            }
            pending.extend_from_slice(&part.head(&self.boundary, &name));
            match part.content {
                Content::Bytes(bytes) if small.is_some() || bytes.len() <= SMALL_PART => {
                    pending.extend_from_slice(&bytes);
                }
                content => {
                    segments.push(Segment::new(
                        &framing,
                        Content::Bytes(pending.split().freeze()),
                    ));
                    segments.push(Segment::new(&name, content));
                }
            }
        }
        if !first {
            pending.extend_from_slice(b"\r\n");
        }
        pending.extend_from_slice(end.as_bytes());
        let last = pending.freeze();
        let body = if segments.is_empty() {
            Body::from(last)
        } else {
            segments.push(Segment::new(&framing, Content::Bytes(last)));
            Body::from_parts(PartsBody::new(segments))
        };
        Ok((body, content_type))
    }

    fn check(&self) -> Result<()> {
        if self.boundary.is_empty() {
            return Err(Error::builder(
                "the operating system gave no random bits for the multipart boundary",
            ));
        }
        for (name, part) in &self.parts {
            if name.contains('\0') || part.file_name.as_ref().is_some_and(|n| n.contains('\0')) {
                return Err(Error::builder(
                    "the name or file name of a multipart part holds a NUL",
                ));
            }
            if self.given
                && part
                    .in_memory()
                    .is_some_and(|bytes| boundary::ends(&self.boundary, bytes))
            {
                return Err(Error::builder(format!(
                    "the multipart boundary that was set occurs in the part {name:?}"
                )));
            }
        }
        Ok(())
    }

    fn occurs_in(&self, part: &Part) -> bool {
        let small = part.in_memory().filter(|b| b.len() as u64 <= SMALL_FORM);
        small.is_some_and(|bytes| boundary::occurs(&self.boundary, bytes))
    }

    fn end(&self) -> String {
        format!("--{}--\r\n", self.boundary)
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts.iter().map(|(name, part)| (name, part));
        f.write_str("Form ")?;
        f.debug_map().entries(parts).finish()
    }
}
