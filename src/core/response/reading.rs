//! Reading the body of a response: whole, piece by piece, or as what took its place.

use std::time::Instant;

use bytes::Bytes;
#[cfg(feature = "json")]
use http::header::CONTENT_TYPE;

use super::super::iter::Iter;
use super::super::upgraded::Upgraded;
use super::super::{dual, rt};
use super::Response;
use crate::body::COPY_SIZE;
#[cfg(feature = "json")]
use crate::error::Phase;
use crate::error::{Error, ErrorKind, Result};
use crate::history::HistoryEntry;
use crate::shapes::{Chunks, Lines, Text};
use crate::sse::{self, Events};
use crate::text;

impl Response {
    /// Returns the body where [`buffer`](Response::buffer) has read it.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.content(), None);
response.buffer()"#,
        r#"?;
assert_eq!(response.content().unwrap(), "hello");"#
    )]
    pub fn content(&self) -> Option<&Bytes> {
        self.inner.content.as_ref()
    }

    /// Reads the body piece by piece, decoded: in pieces as they come, or of [one size](Iter::chunk_size).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello world")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut chunks = response.iter_bytes().chunk_size(4);
while let Some(chunk) = chunks.next()"#,
        r#" {
    println!("{} bytes", chunk?.len());
}"#
    )]
    pub fn iter_bytes(&mut self) -> Iter<'_, Chunks> {
        Iter::new(self, false, Chunks::default())
    }

    /// Reads the body piece by piece, as it comes over the wire: with its content coding, without chunk framing.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-encoding", "gzip")], b"\x1f\x8b".to_vec()))"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut chunks = response.iter_raw();
assert_eq!(chunks.next()"#,
        r#".unwrap()?, b"\x1f\x8b"[..]);"#
    )]
    pub fn iter_raw(&mut self) -> Iter<'_, Chunks> {
        Iter::new(self, true, Chunks::default())
    }

    /// Reads the body as text, piece by piece, by the charset that [`encoding`](Response::encoding) tells. No character is cut in two; what does
    /// not decode is replaced by U+FFFD.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello world")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut text = response.iter_text();
while let Some(piece) = text.next()"#,
        r#" {
    print!("{}", piece?);
}"#
    )]
    pub fn iter_text(&mut self) -> Iter<'_, Text> {
        let shape = Text::new(Some(&self.encoding()));
        Iter::new(self, false, shape)
    }

    /// Reads the body line by line, as text. Lines end in LF, CRLF or CR, and come without them.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "{\"n\": 1}\n{\"n\": 2}\n")"#: r#"let mut response = client.get("https://example.org/events.jsonl").send()"#,
        r#"?;
let mut lines = response.iter_lines();
while let Some(line) = lines.next()"#,
        r#" {
    let value: serde_json::Value = serde_json::from_str(&line?)?;
    println!("{}", value["n"]);
}"#
    )]
    pub fn iter_lines(&mut self) -> Iter<'_, Lines> {
        let shape = Lines::new(Some(&self.encoding()));
        Iter::new(self, false, shape)
    }

    /// Reads the body as server-sent events (`text/event-stream`), each as soon as it is whole.
    ///
    /// The first item is an error, `RemoteProtocolError`, where the `content-type` is another one; the body can still be read in other ways then. An
    /// event that the end of the body cuts off is dropped. It reads this one response: an
    /// [`event_source`](super::super::request_builder::RequestBuilder::event_source) connects again. A client's read timeout holds for the silence between
    /// events too; `.timeout(…)` on the request sets another one.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-type", "text/event-stream")], "data: one\n\n"))"#: r#"let mut response = client.get("https://example.org/events").send()"#,
        r#"?;
let mut events = response.iter_sse();
while let Some(event) = events.next()"#,
        r#" {
    println!("{}", event?.data());
}"#
    )]
    pub fn iter_sse(&mut self) -> Iter<'_, Events> {
        let checked = sse::of_events(self.inner.status, &self.inner.headers);
        let mut events = Iter::new(self, false, Events::new());
        if let Err(error) = checked {
            events.refuse(error);
        }
        events
    }

    /// Begins a walk through the body: a buffered one can be walked again, a consumed one cannot.
    pub(crate) fn begin_walk(&mut self) -> Result<Option<Bytes>> {
        if let Some(content) = &self.inner.content {
            return Ok(Some(content.clone()));
        }
        self.check_readable().map(|()| None)
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        match self.inner.closed {
            true => Err(Error::new(
                ErrorKind::StreamClosed,
                "the response was closed before its body was read",
            )),
            false => Ok(()),
        }
    }

    /// Whether reading on gives all that is left: nothing is closed, nothing went with an iterator.
    pub(crate) fn check_whole(&self) -> Result<()> {
        let checked = match self.inner.consumed {
            true => self.check_readable(),
            false => self.check_open(),
        };
        checked.map_err(|error| self.locate(error))
    }

    fn check_readable(&self) -> Result<()> {
        self.check_open()?;
        if self.inner.consumed || (self.inner.body.was_touched() && self.inner.body.has_ended()) {
            return Err(Error::new(
                ErrorKind::StreamConsumed,
                "the body was already consumed piece by piece",
            ));
        }
        Ok(())
    }

    /// Notes that an iterator holds a part of the body.
    pub(crate) fn consume(&mut self) {
        self.inner.consumed = true;
    }

    /// A buffer to copy the body through: no larger than what is left of it.
    pub(crate) fn copy_buffer(&self) -> Vec<u8> {
        let left = self
            .inner
            .body
            .remaining()
            .and_then(|left| usize::try_from(left).ok());
        vec![0; left.unwrap_or(usize::MAX).clamp(1, COPY_SIZE)]
    }
}

#[dual]
impl Response {
    /// Reads the whole body, decoded.
    ///
    /// # Errors
    /// `ReadTimeout` or `TotalTimeout`, `ReadError`, `RemoteProtocolError` for a body cut short, `DecodingError`, `LimitExceeded` beyond
    /// `max_decoded_size`; `StreamConsumed` after it was read piece by piece, `StreamClosed` after it was closed.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let bytes = client.get("https://example.org/").send()"#,
        r#"?.bytes()"#,
        r#"?;
assert_eq!(bytes, "hello");"#
    )]
    pub async fn bytes(mut self) -> Result<Bytes> {
        self.whole().await
    }

    /// Reads the whole body as text, by the charset of its `content-type`, else the client's `default_encoding`, else UTF-8; what does not
    /// decode is replaced by U+FFFD, and a byte order mark goes before all of them.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", (200, [("content-type", "text/plain; charset=iso-8859-1")], b"caf\xe9".to_vec()))"#: r#"let text = client.get("https://example.org/").send()"#,
        r#"?.text()"#,
        r#"?;
assert_eq!(text, "café");"#
    )]
    pub async fn text(self) -> Result<String> {
        let encoding = self.encoding().into_owned();
        let bytes = self.bytes().await?;
        Ok(text::decode_all(Some(&encoding), &bytes))
    }

    /// Reads the whole body as text; without a charset in its `content-type`, by `default`.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", b"caf\xe9".to_vec())"#: r#"let response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.text_with_charset("windows-1252")"#,
        r#"?, "café");"#
    )]
    pub async fn text_with_charset(self, default: &str) -> Result<String> {
        let encoding = self.charset().unwrap_or_else(|| default.to_owned());
        let bytes = self.bytes().await?;
        Ok(text::decode_all(Some(&encoding), &bytes))
    }

    /// Reads the whole body as JSON, in UTF-8, UTF-16 or UTF-32.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes); `Json` where the body is not what `T` takes. Its message has line, column (in bytes) and the path of
    /// the place, such as `items[3].name`; the path is looked for after a failure only. It names fields and repeats no value, unless `T` has a
    /// message of its own that does; the [source](std::error::Error::source) is a `serde_json::Error` of which the same is true.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r##".get("*", (200, [("content-type", "application/json")], r#"{"items": [{"name": 7}]}"#))"##: r#"#[derive(Debug, serde::Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Debug, serde::Deserialize)]
struct Item {
    name: String,
}

let response = client.get("https://example.org/items").send()"#,
        r#"?;
let error = response.json::<List>()"#,
        r#".unwrap_err();
assert_eq!(error.kind(), dimorph::ErrorKind::Json);
assert!(error.to_string().contains("items[0].name"));"#
    )]
    #[cfg(feature = "json")]
    pub async fn json<T: serde::de::DeserializeOwned>(mut self) -> Result<T> {
        let bytes = self.whole().await?;
        let content_type = self.inner.headers.get(CONTENT_TYPE);
        crate::json::read("the body", &bytes, content_type)
            .map_err(|error| self.locate(error.in_phase(Phase::Decode)))
    }

    /// Reads the whole body and keeps it, so that [`content`](Response::content) gives it (HTTPX's `read`).
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
assert_eq!(response.buffer()"#,
        r#"?, "hello");
assert_eq!(response.content().unwrap().len(), 5);"#
    )]
    pub async fn buffer(&mut self) -> Result<&Bytes> {
        if self.inner.content.is_none() {
            let whole = self.whole().await?;
            // The pieces can be read once more, like those of any other body.
            self.inner.body.refill(whole.clone());
            self.inner.content = Some(whole);
        }
        match &self.inner.content {
            Some(content) => Ok(content),
            None => unreachable!("it was filled above"),
        }
    }

    /// Reads the next piece of the body, decoded; `None` at its end.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes).
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"let mut response = client.get("https://example.org/").send()"#,
        r#"?;
let mut size = 0;
while let Some(chunk) = response.chunk()"#,
        r#"? {
    size += chunk.len();
}
assert_eq!(size, 5);"#
    )]
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.check_whole()?;
        self.piece(false).await
    }

    /// Closes the connection if the body is not read to its end, or over HTTP/2 resets the stream. Reading is a `StreamClosed` from then on.
    ///
    /// A response that is dropped is closed as well.
    ///
    /// # Example
    ///
    #[doc = example!(
        answering r#".get("*", "hello")"#: r#"use dimorph::ErrorKind;

let mut response = client.get("https://example.org/").send()"#,
        r#"?;
response.close()"#,
        r#";
assert_eq!(response.bytes()"#,
        r#".unwrap_err().kind(), ErrorKind::StreamClosed);"#
    )]
    pub async fn close(&mut self) {
        let unread = !self.inner.body.has_ended() || !self.inner.pending.is_idle();
        self.inner.pending = rt::Pending::default();
        self.inner.body.close();
        self.inner.closed |= unread;
    }

    /// Takes the connection over after `101 Switching Protocols`, or after a CONNECT that was answered by 2xx.
    ///
    /// The request names the protocol itself, by `connection` and `upgrade`, and is sent over HTTP/1.1.
    ///
    /// # Errors
    /// `RemoteProtocolError` where the server did not switch.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let client = Client::new();
let response = client
    .get("http://127.0.0.1:8080/socket")
    .header("connection", "upgrade")
    .header("upgrade", "echo")
    .send()
    "#,
        r#"?;
let mut connection = response.upgrade()"#,
        r#"?;"#
    )]
    pub async fn upgrade(mut self) -> Result<Upgraded> {
        match self.inner.upgrade.take() {
            Some(lease) => Ok(Upgraded::new(lease)),
            None => {
                let message = format!(
                    "the server answered {} and did not switch protocols",
                    self.inner.status.as_u16()
                );
                Err(self.locate(Error::new(ErrorKind::RemoteProtocolError, message)))
            }
        }
    }

    pub(crate) async fn piece(&mut self, raw: bool) -> Result<Option<Bytes>> {
        self.check_open().map_err(|error| self.locate(error))?;
        if let Some((body, piece)) = self.inner.pending.settle().await {
            self.inner.body = body;
            return piece.map_err(|error| self.failed(error));
        }
        let piece = match raw {
            true => self.inner.body.raw_piece().await,
            false => self.inner.body.piece().await,
        };
        piece.map_err(|error| self.failed(error))
    }

    pub(crate) async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.check_whole()?;
        if let Some((body, piece)) = self.inner.pending.settle().await {
            self.inner.body = body;
            let piece = piece.map_err(|error| self.failed(error))?;
            self.inner.body.put_back(piece.unwrap_or_default());
        }
        let read = self.inner.body.read_into(buffer).await;
        read.map_err(|error| self.failed(error))
    }

    async fn whole(&mut self) -> Result<Bytes> {
        self.whole_within(u64::MAX).await
    }

    pub(super) async fn whole_within(&mut self, most: u64) -> Result<Bytes> {
        if let Some(content) = &self.inner.content {
            return Ok(content.clone());
        }
        self.check_readable().map_err(|error| self.locate(error))?;
        if let Some((body, piece)) = self.inner.pending.settle().await {
            self.inner.body = body;
            let piece = piece.map_err(|error| self.failed(error))?;
            self.inner.body.put_back(piece.unwrap_or_default());
        }
        let whole = self.inner.body.collect_within(most).await;
        whole.map_err(|error| self.failed(error))
    }

    /// Reads what little a redirect says, so that its connection can be kept.
    pub(crate) async fn drain(mut self, most: usize, until: Option<Instant>) -> HistoryEntry {
        let content = match self.inner.content.take() {
            Some(content) => content,
            None => self.inner.body.collect_raw_at_most(most, until).await,
        };
        self.into_history(content)
    }
}
