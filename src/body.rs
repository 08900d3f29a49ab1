//! A body on its way out: one type for both clients.

#[cfg_attr(
    not(feature = "multipart"),
    allow(dead_code, reason = "only a multipart form is made of parts")
)]
mod parts;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};

use crate::error::{BoxError, Error, ErrorKind, Phase, Result};

pub(crate) use parts::PartsBody;
#[cfg(feature = "multipart")]
pub(crate) use parts::{Content, Segment};

/// How much is read from a file or reader at a time.
pub(crate) const READ_SIZE: usize = 128 * 1024;

/// How much of a response is copied at a time.
pub(crate) const COPY_SIZE: usize = 128 * 1024;

pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

/// The body of a request, or of a response that an application made.
///
/// | made of | length | sent again, for a redirect or a retry |
/// |---|---|---|
/// | text, bytes | known | yes |
/// | a [`std::fs::File`] | from where it stands to its end | yes |
/// | a multipart form | known if each part's is | if each part can be |
/// | a reader, by [`from_reader`](Body::from_reader) | unknown, sent chunked; known by [`sized`](Body::sized) | no |
/// | a stream, by [`from_stream`](Body::from_stream) or [`wrap`](Body::wrap) | unknown, sent chunked | no |
///
/// A reader may go through the async client, where it is read off the event loop; a stream given to the blocking client is a
/// `LocalProtocolError`.
///
/// ```
/// use dimorph::Body;
///
/// let text = Body::from("hello");
/// assert_eq!(text.content_length(), Some(5));
/// assert_eq!(text.as_bytes(), Some(&b"hello"[..]));
///
/// let reader = Body::from_reader(std::io::Cursor::new("hello"));
/// assert_eq!(reader.content_length(), None);
/// assert!(reader.try_clone().is_err());
/// ```
#[derive(Default)]
pub struct Body {
    kind: Kind,
}

#[derive(Default)]
pub(crate) enum Kind {
    #[default]
    Empty,
    Bytes(Bytes),
    File(FileBody),
    Reader {
        // A mutex that is never locked: it makes what is only `Send` also `Sync`.
        reader: Mutex<Box<dyn Read + Send>>,
        length: Option<u64>,
    },
    Stream {
        stream: Mutex<ByteStream>,
        length: Option<u64>,
    },
    #[cfg_attr(
        not(feature = "multipart"),
        allow(dead_code, reason = "only a multipart form is made of parts")
    )]
    Parts(Box<PartsBody>),
    /// A reader or stream that was there has been sent.
    Consumed,
}

/// What is read with blocking calls.
pub(crate) enum ReadSource {
    File(FileBody),
    // Never locked, as above.
    Reader(Mutex<Box<dyn Read + Send>>),
    Parts(Box<PartsBody>),
}

impl ReadSource {
    /// Reads what comes next into the front of `buffer`, which keeps its size; 0 is the end.
    pub(crate) fn read_next(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        // Cleared once: the buffer keeps its size from piece to piece.
        if buffer.is_empty() {
            let size = match self {
                ReadSource::File(file) => usize::try_from(file.left()).unwrap_or(READ_SIZE),
                ReadSource::Reader(_) => READ_SIZE,
                ReadSource::Parts(parts) => parts.room(READ_SIZE),
            };
            buffer.resize(size.clamp(1, READ_SIZE), 0);
        }
        match self {
            ReadSource::File(file) => file.read_next(buffer),
            ReadSource::Reader(reader) => read_some(&mut **unlocked(reader), buffer),
            ReadSource::Parts(parts) => parts.read_next(buffer),
        }
    }
}

impl ReadSource {
    /// As [`read_next`](ReadSource::read_next), but of a file or parts as much as `buffer` holds once it has `size`: fewer hops between threads.
    #[allow(dead_code, reason = "only the async form changes threads")]
    pub(crate) fn read_many(&mut self, buffer: &mut Vec<u8>, size: usize) -> io::Result<usize> {
        let file = match self {
            ReadSource::File(file) => file,
            ReadSource::Parts(parts) => {
                if buffer.is_empty() {
                    buffer.resize(parts.room(size), 0);
                }
                return parts.read_next(buffer);
            }
            ReadSource::Reader(_) => return self.read_next(buffer),
        };
        let left = usize::try_from(file.left()).unwrap_or(size);
        if buffer.is_empty() {
            buffer.resize(size.min(left).max(1), 0);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let end = buffer.len().min(filled + READ_SIZE);
            match file.read_next(&mut buffer[filled..end])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }
}

impl fmt::Debug for ReadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadSource::File(_) => "File",
            ReadSource::Reader(_) => "Reader",
            ReadSource::Parts(_) => "Parts",
        })
    }
}

/// A part of a file, from where it stood when it was given to its end.
#[derive(Debug, Clone)]
pub(crate) struct FileBody {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl FileBody {
    /// Takes a regular file; gives back what is none, which is read like any reader.
    fn new(mut file: File) -> Result<FileBody, File> {
        let length = file
            .metadata()
            .ok()
            .filter(std::fs::Metadata::is_file)
            .map(|m| m.len());
        match (length, io::Seek::stream_position(&mut file)) {
            (Some(end), Ok(position)) => Ok(FileBody {
                file: Arc::new(file),
                position,
                end: end.max(position),
            }),
            _ => Err(file),
        }
    }

    /// How much is left.
    fn left(&self) -> u64 {
        self.end - self.position
    }

    /// The file, where to read on, and how much is left.
    #[allow(dead_code, reason = "only the async form reads past this type")]
    pub(crate) fn unread(&self) -> (&File, u64, u64) {
        (&self.file, self.position, self.left())
    }

    /// Notes what was read past this type.
    #[allow(dead_code, reason = "only the async form reads past this type")]
    pub(crate) fn advance(&mut self, read: usize) {
        self.position += read as u64;
    }

    /// Reads the next part; 0 is the end.
    fn read_next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let want = left.min(buffer.len());
        let read = match want {
            0 => 0,
            _ => read_at(&self.file, &mut buffer[..want], self.position)?,
        };
        self.position += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

impl Body {
    /// Makes an empty body, which is what a request has at first.
    pub fn empty() -> Self {
        Body::default()
    }

    /// Makes a body of unknown length from a reader; it can be sent once.
    ///
    /// ```
    /// use dimorph::{Body, Client};
    ///
    /// let client = Client::new();
    /// let log = std::io::Cursor::new("a line\n");
    /// let body = Body::from_reader(log);
    /// let request = client.post("https://example.org/logs").body(body).build()?;
    /// assert_eq!(request.content(), None);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn from_reader(reader: impl Read + Send + 'static) -> Self {
        Body {
            kind: Kind::Reader {
                reader: Mutex::new(Box::new(reader)),
                length: None,
            },
        }
    }

    /// Makes a body of known length from a reader; it can be sent once.
    ///
    /// A reader that ends early, or has more, ends the request with a `LocalProtocolError`.
    ///
    /// ```
    /// use std::io::Read;
    /// use dimorph::Body;
    ///
    /// let body = Body::sized(std::io::repeat(b'x').take(1000), 1000);
    /// assert_eq!(body.content_length(), Some(1000));
    /// ```
    pub fn sized(reader: impl Read + Send + 'static, length: u64) -> Self {
        Body {
            kind: Kind::Reader {
                reader: Mutex::new(Box::new(reader)),
                length: Some(length),
            },
        }
    }

    /// Announces a length of a reader or stream, where it is known.
    pub(crate) fn with_length(mut self, known: Option<u64>) -> Self {
        if let Kind::Reader { length, .. } | Kind::Stream { length, .. } = &mut self.kind {
            *length = known;
        }
        self
    }

    /// Makes a body of several, one behind the other.
    #[cfg(feature = "multipart")]
    pub(crate) fn from_parts(parts: PartsBody) -> Self {
        Body {
            kind: Kind::Parts(Box::new(parts)),
        }
    }

    /// Makes a body of unknown length from an async stream; for the async client, sent once.
    ///
    /// An error of the stream ends the request with a `LocalProtocolError`, whose source it is.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use std::task::{Context, Poll};
    ///
    /// /// Two pieces.
    /// struct Pieces(Vec<&'static str>);
    ///
    /// impl futures_core::Stream for Pieces {
    ///     type Item = std::io::Result<&'static str>;
    ///
    ///     fn poll_next(
    ///         mut self: Pin<&mut Self>,
    ///         _cx: &mut Context<'_>,
    ///     ) -> Poll<Option<Self::Item>> {
    ///         Poll::Ready(self.0.pop().map(Ok))
    ///     }
    /// }
    ///
    /// let body = dimorph::Body::from_stream(Pieces(vec!["world", "hello "]));
    /// assert_eq!(body.content_length(), None);
    /// ```
    pub fn from_stream<S, T, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes>,
        E: Into<BoxError>,
    {
        Body {
            kind: Kind::Stream {
                stream: Mutex::new(Box::pin(Converted(Box::pin(stream)))),
                length: None,
            },
        }
    }

    /// Makes a body from anything that is an [`http_body::Body`] of bytes, such as another server's or client's; for the async client, sent once.
    ///
    /// Its length is known where its size hint is exact. Trailers are left out.
    ///
    /// ```
    /// let body = dimorph::Body::wrap(axum::body::Body::from("hello"));
    /// assert_eq!(body.content_length(), Some(5));
    /// ```
    pub fn wrap<B>(body: B) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Data: Into<Bytes>,
        B::Error: Into<BoxError>,
    {
        let length = body.size_hint().exact();
        if length == Some(0) && body.is_end_stream() {
            return Body::empty();
        }
        Body {
            kind: Kind::Stream {
                stream: Mutex::new(Box::pin(DataFrames(Box::pin(body)))),
                length,
            },
        }
    }

    /// Returns the bytes where they are in memory: of text, bytes, or nothing.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Empty => Some(&[]),
            Kind::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The bytes where they are in memory, shared.
    pub(crate) fn in_memory(&self) -> Option<Bytes> {
        match &self.kind {
            Kind::Empty => Some(Bytes::new()),
            Kind::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }

    /// Returns the length in bytes, where it is known.
    pub fn content_length(&self) -> Option<u64> {
        match &self.kind {
            Kind::Empty => Some(0),
            Kind::Bytes(bytes) => Some(bytes.len() as u64),
            Kind::File(file) => Some(file.left()),
            Kind::Reader { length, .. } | Kind::Stream { length, .. } => *length,
            Kind::Parts(parts) => parts.left(),
            Kind::Consumed => None,
        }
    }

    /// Makes a second body of the same content.
    ///
    /// # Errors
    /// `BodyNotReplayable` for readers and streams.
    ///
    /// # Example
    ///
    /// ```
    /// use dimorph::Body;
    ///
    /// assert!(Body::from("hello").try_clone().is_ok());
    /// assert!(Body::from_reader(std::io::empty()).try_clone().is_err());
    /// ```
    pub fn try_clone(&self) -> Result<Body> {
        let kind = match &self.kind {
            Kind::Empty => Kind::Empty,
            Kind::Bytes(bytes) => Kind::Bytes(bytes.clone()),
            Kind::File(file) => Kind::File(file.clone()),
            Kind::Parts(parts) => match parts.try_clone() {
                Some(parts) => Kind::Parts(Box::new(parts)),
                None => {
                    return Err(not_replayable(
                        "a part of it is a reader, which can be sent once",
                    ));
                }
            },
            Kind::Reader { .. } | Kind::Stream { .. } => {
                return Err(not_replayable(
                    "it is a reader or stream, which can be sent once",
                ));
            }
            Kind::Consumed => {
                return Err(not_replayable(
                    "it was a reader or stream, and has been sent",
                ));
            }
        };
        Ok(Body { kind })
    }

    pub(crate) fn is_replayable(&self) -> bool {
        match &self.kind {
            Kind::Empty | Kind::Bytes(_) | Kind::File(_) => true,
            Kind::Parts(parts) => parts.is_replayable(),
            Kind::Reader { .. } | Kind::Stream { .. } | Kind::Consumed => false,
        }
    }

    /// Stands for a reader or stream that went elsewhere.
    pub(crate) fn consumed() -> Body {
        Body {
            kind: Kind::Consumed,
        }
    }

    /// Takes what is to be sent; what can be sent again stays here too.
    pub(crate) fn take_for_sending(&mut self) -> Result<Kind> {
        match &self.kind {
            Kind::Empty => Ok(Kind::Empty),
            Kind::Bytes(bytes) => Ok(Kind::Bytes(bytes.clone())),
            Kind::File(file) => Ok(Kind::File(file.clone())),
            Kind::Parts(parts) if parts.is_replayable() => self.try_clone().map(Body::into_kind),
            Kind::Consumed => Err(not_replayable(
                "it was a reader or stream, and has been sent",
            )),
            _ => Ok(std::mem::replace(&mut self.kind, Kind::Consumed)),
        }
    }

    /// Takes what is read with blocking calls; gives back what is not.
    #[cfg(all(feature = "async", feature = "tower"))]
    pub(crate) fn into_read_source(self) -> Result<ReadSource, Body> {
        match self.kind {
            Kind::File(file) => Ok(ReadSource::File(file)),
            Kind::Reader { reader, .. } => Ok(ReadSource::Reader(reader)),
            Kind::Parts(parts) => Ok(ReadSource::Parts(parts)),
            kind => Err(Body { kind }),
        }
    }

    /// Takes everything, for a body that is being received from this side.
    pub(crate) fn into_kind(self) -> Kind {
        self.kind
    }
}

fn not_replayable(why: &'static str) -> Error {
    Error::new(
        ErrorKind::BodyNotReplayable,
        format!("the request body cannot be sent again: {why}"),
    )
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body {
            kind: Kind::Bytes(bytes),
        }
    }
}

impl From<bytes::BytesMut> for Body {
    fn from(bytes: bytes::BytesMut) -> Self {
        bytes.freeze().into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<Box<[u8]>> for Body {
    fn from(bytes: Box<[u8]>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl<const N: usize> From<&'static [u8; N]> for Body {
    fn from(bytes: &'static [u8; N]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<std::borrow::Cow<'static, str>> for Body {
    fn from(text: std::borrow::Cow<'static, str>) -> Self {
        match text {
            std::borrow::Cow::Borrowed(text) => text.into(),
            std::borrow::Cow::Owned(text) => text.into(),
        }
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Body::empty()
    }
}

impl From<File> for Body {
    /// Sends the file from where it stands to its end. What is no regular file is read like any reader.
    fn from(file: File) -> Self {
        match FileBody::new(file) {
            Ok(file) => Body {
                kind: Kind::File(file),
            },
            Err(file) => Body::from_reader(file),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Empty => f.write_str("Body(empty)"),
            Kind::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::File(file) => write!(f, "Body(file, {} bytes)", file.left()),
            Kind::Reader {
                length: Some(n), ..
            } => write!(f, "Body(reader, {n} bytes)"),
            Kind::Reader { .. } => f.write_str("Body(reader)"),
            Kind::Stream { .. } => f.write_str("Body(stream)"),
            Kind::Parts(parts) => write!(f, "Body({parts:?})"),
            Kind::Consumed => f.write_str("Body(already sent)"),
        }
    }
}

/// For servers, mocks and applications. A reader is read where it is polled, so it may block there.
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let piece = match &mut this.kind {
            Kind::Empty => None,
            Kind::Consumed => Some(Err(Error::new(
                ErrorKind::StreamConsumed,
                "the body was already consumed",
            ))),
            Kind::Bytes(bytes) => {
                let all = std::mem::take(bytes);
                this.kind = Kind::Empty;
                (!all.is_empty()).then_some(Ok(all))
            }
            Kind::File(file) => {
                let mut buffer = vec![0; READ_SIZE];
                finish_read(file.read_next(&mut buffer), buffer)
            }
            Kind::Reader { reader, .. } => {
                let mut buffer = vec![0; READ_SIZE];
                finish_read(read_some(&mut **unlocked(reader), &mut buffer), buffer)
            }
            Kind::Parts(parts) => parts.next_piece().map(|piece| piece.map_err(reader_failed)),
            Kind::Stream { stream, .. } => {
                match std::task::ready!(unlocked(stream).as_mut().poll_next(cx)) {
                    Some(piece) => Some(piece.map_err(stream_failed)),
                    None => {
                        this.kind = Kind::Empty;
                        None
                    }
                }
            }
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.content_length() == Some(0) && self.as_bytes().is_some()
    }

    fn size_hint(&self) -> SizeHint {
        self.content_length()
            .map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

fn finish_read(result: io::Result<usize>, mut buffer: Vec<u8>) -> Option<Result<Bytes>> {
    match result {
        Ok(0) => None,
        Ok(read) => {
            buffer.truncate(read);
            Some(Ok(buffer.into()))
        }
        Err(error) => Some(Err(reader_failed(error))),
    }
}

/// Reads what a reader has at once; 0 is the end.
fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// The inside of a mutex that nobody else can hold.
pub(crate) fn unlocked<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// An error of the body of a transport's response, on its way through `io::Read` or a stream.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct OfTransport(pub(crate) Error);

/// A body has more than is to be read of it.
pub(crate) fn larger_than(most: u64) -> Error {
    let message = format!("the body is larger than the {most} bytes that are read");
    Error::new(ErrorKind::LimitExceeded, message).in_phase(Phase::ReceiveBody)
}

pub(crate) fn reader_failed(error: io::Error) -> Error {
    let error = match error.downcast::<OfTransport>() {
        Ok(own) => return own.0,
        Err(error) => error,
    };
    Error::new(
        ErrorKind::LocalProtocolError,
        format!("the reader of the request body failed: {error}"),
    )
    .with_source(error)
}

pub(crate) fn stream_failed(error: BoxError) -> Error {
    let error = match error.downcast::<OfTransport>() {
        Ok(own) => return own.0,
        Err(error) => error,
    };
    Error::new(
        ErrorKind::LocalProtocolError,
        format!("the stream of the request body failed: {error}"),
    )
    .with_source(error)
}

pub(crate) fn writer_failed(error: io::Error) -> Error {
    Error::new(
        ErrorKind::WriteError,
        format!("the writer that the body is copied to failed: {error}"),
    )
    .with_source(error)
}

/// A stream of anything like bytes, as a stream of bytes.
struct Converted<S>(Pin<Box<S>>);

impl<S, T, E> Stream for Converted<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Into<Bytes>,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .as_mut()
            .poll_next(cx)
            .map(|item| item.map(|piece| piece.map(Into::into).map_err(Into::into)))
    }
}

/// The data frames of an `http_body::Body`.
struct DataFrames<B>(Pin<Box<B>>);

impl<B> Stream for DataFrames<B>
where
    B: http_body::Body,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::task::ready!(self.0.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data.into())));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lengths_and_replays_follow_from_the_kind() {
        let cases: [(Body, Option<u64>, bool); 5] = [
            (Body::empty(), Some(0), true),
            ("abc".into(), Some(3), true),
            (vec![1, 2].into(), Some(2), true),
            (Body::from_reader(io::empty()), None, false),
            (Body::sized(io::empty(), 7), Some(7), false),
        ];
        for (body, length, replayable) in cases {
            assert_eq!(body.content_length(), length, "{body:?}");
            assert_eq!(body.try_clone().is_ok(), replayable, "{body:?}");
        }
    }

    #[test]
    fn a_file_is_sent_from_where_it_stands_and_can_be_sent_again() {
        let path = std::env::temp_dir().join(format!("dimorph-body-{}", std::process::id()));
        let mut file = File::create(&path).unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut file = File::open(&path).unwrap();
        io::Seek::seek(&mut file, io::SeekFrom::Start(4)).unwrap();
        let mut body = Body::from(file);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(body.content_length(), Some(6));
        for _ in 0..2 {
            let Kind::File(mut part) = body.take_for_sending().unwrap() else {
                panic!("a file body")
            };
            let mut buffer = [0; 16];
            assert_eq!(part.read_next(&mut buffer).unwrap(), 6);
            assert_eq!(&buffer[..6], b"456789");
            assert_eq!(part.read_next(&mut buffer).unwrap(), 0);
        }
    }

    #[test]
    fn a_reader_is_consumed_by_sending() {
        let mut body = Body::from_reader(&b"x"[..]);
        assert!(matches!(body.take_for_sending(), Ok(Kind::Reader { .. })));
        assert_eq!(
            body.take_for_sending().err().map(|e| e.kind()),
            Some(ErrorKind::BodyNotReplayable)
        );
    }
}
