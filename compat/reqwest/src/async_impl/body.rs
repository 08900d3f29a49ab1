//! The body of a request.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;

use crate::error::{self, BoxError, Error};

/// The body of a request: bytes, or something that yields them.
///
/// Bytes can be sent again after a redirect or a retry, a stream cannot.
pub struct Body {
    inner: Inner,
}

enum Inner {
    Bytes(Bytes),
    Stream(BoxBody<Bytes, BoxError>),
}

impl Body {
    /// Returns the bytes; `None` for a stream.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Stream(_) => None,
        }
    }

    /// Makes a body of a stream of pieces; its length is unknown.
    ///
    /// ```
    /// let pieces = [Ok::<_, std::io::Error>("so "), Ok("far")];
    /// # struct Iter<I>(I);
    /// # impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
    /// #     type Item = I::Item;
    /// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<I::Item>> {
    /// #         std::task::Poll::Ready(self.0.next())
    /// #     }
    /// # }
    /// # let stream = Iter(pieces.into_iter());
    /// let body = reqwest::Body::wrap_stream(stream);
    /// assert!(body.as_bytes().is_none());
    /// ```
    #[cfg(feature = "stream")]
    pub fn wrap_stream<S>(stream: S) -> Body
    where
        S: futures_core::TryStream + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Bytes: From<S::Ok>,
    {
        let body = super::wire::Frames::new(stream);
        Body {
            inner: Inner::Stream(BoxBody::new(body)),
        }
    }

    /// Makes a body of anything that is an [`http_body::Body`]; its length is sent where it knows it.
    pub fn wrap<B>(inner: B) -> Body
    where
        B: http_body::Body + Send + Sync + 'static,
        B::Data: Into<Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = super::wire::IntoBytes(Box::pin(inner));
        Body {
            inner: Inner::Stream(BoxBody::new(body.map_err(Into::into))),
        }
    }

    pub(crate) fn empty() -> Body {
        Body::from(Bytes::new())
    }

    /// The bytes, or the stream.
    pub(crate) fn into_parts(self) -> Result<Bytes, BoxBody<Bytes, BoxError>> {
        match self.inner {
            Inner::Bytes(bytes) => Ok(bytes),
            Inner::Stream(stream) => Err(stream),
        }
    }

    pub(crate) fn try_clone(&self) -> Option<Body> {
        match &self.inner {
            Inner::Bytes(bytes) => Some(Body::from(bytes.clone())),
            Inner::Stream(_) => None,
        }
    }
}

impl Default for Body {
    fn default() -> Body {
        Body::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body {
            inner: Inner::Bytes(bytes),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Body {
        Bytes::from_static(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        text.as_bytes().into()
    }
}

/// Reads the file while it is sent.
#[cfg(feature = "stream")]
impl From<tokio::fs::File> for Body {
    fn from(file: tokio::fs::File) -> Body {
        Body::wrap_stream(tokio_util::io::ReaderStream::new(file))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.inner {
            Inner::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream(stream) => Pin::new(stream)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(error::body))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(stream) => stream.size_hint(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Bytes(bytes) => bytes.is_empty(),
            Inner::Stream(stream) => stream.is_end_stream(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    #[test]
    fn a_body_knows_its_length() {
        let cases = [
            (Body::empty(), Some(0), true, true),
            (Body::from("abc"), Some(3), false, true),
            (Body::wrap(Body::empty()), Some(0), true, false),
            (Body::wrap(Body::from("abc")), Some(3), false, false),
        ];
        for (body, length, ended, in_memory) in cases {
            assert_eq!(body.size_hint().exact(), length);
            assert_eq!(http_body::Body::size_hint(&body).exact(), length);
            assert_eq!(body.is_end_stream(), ended);
            assert_eq!(body.as_bytes().is_some(), in_memory);
            assert_eq!(body.try_clone().is_some(), in_memory);
        }
    }
}
