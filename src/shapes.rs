//! The shapes in which a streamed body is given out: chunks of bytes, text, lines; events stand in `sse/`.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Error;
use crate::lines::LineSplitter;
use crate::text::TextDecoder;

/// Turns the pieces of a body into items, without I/O: bytes, text, lines or events. The types of this crate alone implement it.
///
/// ```
/// use dimorph::{Lines, Result, Shape};
///
/// fn count<S: Shape>(items: impl Iterator<Item = Result<S::Item>>) -> Result<usize> {
///     items.map(|item| item.map(|_| 1)).sum()
/// }
///
/// # let mock = dimorph::transport::Mock::routes().get("*", "one\ntwo\n");
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// let mut response = client.get("https://example.org/").send()?;
/// assert_eq!(count::<Lines>(response.iter_lines())?, 2);
/// # Ok::<(), dimorph::Error>(())
/// ```
pub trait Shape: sealed::Shape {
    /// What comes out.
    type Item;

    #[doc(hidden)]
    fn pop(&mut self) -> Option<Self::Item>;
    #[doc(hidden)]
    fn push(&mut self, piece: Bytes);
    #[doc(hidden)]
    fn finish(&mut self);
    /// Whether it may hold back a part of what was pushed.
    #[doc(hidden)]
    fn holds(&self) -> bool {
        true
    }
    /// What ended it, once; what came before is out by then.
    #[doc(hidden)]
    fn failure(&mut self) -> Option<Error> {
        None
    }
}

mod sealed {
    pub trait Shape {}
    impl Shape for super::Chunks {}
    impl Shape for super::Text {}
    impl Shape for super::Lines {}
    impl Shape for crate::sse::Events {}
}

/// Bytes: pieces as they come, or all of one size but the last. The items of `iter_bytes` and `iter_raw`.
///
/// ```
/// # let mock = dimorph::transport::Mock::routes().get("*", "hello");
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// let mut response = client.get("https://example.org/").send()?;
/// let chunks = response.iter_bytes().chunk_size(2).collect::<dimorph::Result<Vec<_>>>()?;
/// assert_eq!(chunks, ["he", "ll", "o"]);
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Chunks {
    size: Option<usize>,
    held: BytesMut,
    piece: Bytes,
    finished: bool,
}

impl Chunks {
    pub(crate) fn set_size(&mut self, size: usize) {
        self.size = Some(size.max(1));
    }
}

impl Shape for Chunks {
    type Item = Bytes;

    fn pop(&mut self) -> Option<Bytes> {
        let Some(size) = self.size else {
            return (!self.piece.is_empty()).then(|| std::mem::take(&mut self.piece));
        };
        if self.held.is_empty() && self.piece.len() >= size {
            return Some(self.piece.split_to(size));
        }
        let more = (size - self.held.len()).min(self.piece.len());
        self.held.extend_from_slice(&self.piece[..more]);
        self.piece.advance(more);
        let whole = self.held.len() == size || (self.finished && !self.held.is_empty());
        whole.then(|| self.held.split().freeze())
    }

    fn push(&mut self, piece: Bytes) {
        self.piece = piece;
    }

    fn holds(&self) -> bool {
        self.size.is_some()
    }

    fn finish(&mut self) {
        self.finished = true;
    }
}

/// Text, decoded as it comes: pieces as they come, or all of one number of characters but the last. The items of `iter_text`.
///
/// ```
/// # let mock = dimorph::transport::Mock::routes().get("*", "héllo");
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// let mut response = client.get("https://example.org/").send()?;
/// let text = response.iter_text().collect::<dimorph::Result<String>>()?;
/// assert_eq!(text, "héllo");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug)]
pub struct Text {
    decoder: TextDecoder,
    size: Option<usize>,
    text: String,
    /// How much of `text` is given out.
    given: usize,
    /// How many characters are not.
    left: usize,
    finished: bool,
}

impl Text {
    pub(crate) fn new(label: Option<&str>) -> Self {
        Text {
            decoder: TextDecoder::new(label),
            size: None,
            text: String::new(),
            given: 0,
            left: 0,
            finished: false,
        }
    }

    pub(crate) fn set_size(&mut self, size: usize) {
        self.size = Some(size.max(1));
    }

    fn decode(&mut self, piece: &[u8], last: bool) {
        let held = self.text.len();
        self.decoder.decode(piece, last, &mut self.text);
        if self.size.is_some() {
            self.left += self.text[held..].chars().count();
        }
    }
}

impl Shape for Text {
    type Item = String;

    fn pop(&mut self) -> Option<String> {
        let left = &self.text[self.given..];
        if left.is_empty() {
            return None;
        }
        let Some(size) = self.size else {
            self.given = 0;
            return Some(std::mem::take(&mut self.text));
        };
        // The size counts characters, as in HTTPX.
        if self.left < size && !self.finished {
            return None;
        }
        let end = left
            .char_indices()
            .nth(size)
            .map_or(left.len(), |(end, _)| end);
        let item = left[..end].to_owned();
        self.given += end;
        self.left -= self.left.min(size);
        Some(item)
    }

    fn push(&mut self, piece: Bytes) {
        self.text.drain(..self.given);
        self.given = 0;
        self.decode(&piece, false);
    }

    fn finish(&mut self) {
        self.finished = true;
        self.decode(&[], true);
    }
}

/// Lines of text, without their ends: LF, CRLF or CR. The items of `iter_lines`.
///
/// ```
/// # let mock = dimorph::transport::Mock::routes().get("*", "one\r\ntwo");
/// # let client = dimorph::Client::builder().transport(mock).build()?;
/// let mut response = client.get("https://example.org/").send()?;
/// let lines = response.iter_lines().collect::<dimorph::Result<Vec<_>>>()?;
/// assert_eq!(lines, ["one", "two"]);
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug)]
pub struct Lines {
    text: Text,
    splitter: LineSplitter,
    lines: VecDeque<String>,
}

impl Lines {
    pub(crate) fn new(label: Option<&str>) -> Self {
        Lines {
            text: Text::new(label),
            splitter: LineSplitter::new(),
            lines: VecDeque::new(),
        }
    }
}

impl Shape for Lines {
    type Item = String;

    fn pop(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    fn push(&mut self, piece: Bytes) {
        self.text.push(piece);
        if let Some(text) = self.text.pop() {
            self.splitter.push(&text, &mut self.lines);
        }
    }

    fn finish(&mut self) {
        self.text.finish();
        if let Some(text) = self.text.pop() {
            self.splitter.push(&text, &mut self.lines);
        }
        self.lines.extend(self.splitter.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<S: Shape>(mut shape: S, pieces: &[&'static [u8]]) -> Vec<S::Item> {
        let mut items = Vec::new();
        for piece in pieces {
            shape.push(Bytes::from_static(piece));
            items.extend(std::iter::from_fn(|| shape.pop()));
        }
        shape.finish();
        items.extend(std::iter::from_fn(|| shape.pop()));
        items
    }

    #[test]
    fn chunks_have_the_size_asked_for() {
        let cases: [(usize, &[&str]); 4] = [
            (5, &["Hello", ", wor", "ld!"]),
            (7, &["Hello, ", "world!"]),
            (13, &["Hello, world!"]),
            (20, &["Hello, world!"]),
        ];
        for (size, expected) in cases {
            let mut chunks = Chunks::default();
            chunks.set_size(size);
            assert_eq!(all(chunks, &[b"Hello, ", b"world!"]), expected);
        }
        assert_eq!(
            all(Chunks::default(), &[b"Hello, ", b"", b"world!"]),
            ["Hello, ", "world!"]
        );
    }

    #[test]
    fn text_sizes_count_characters() {
        let mut text = Text::new(None);
        text.set_size(2);
        assert_eq!(
            all(text, &["ña".as_bytes(), "ndú☃".as_bytes()]),
            ["ña", "nd", "ú☃"]
        );
    }

    #[test]
    fn lines_cross_pieces() {
        assert_eq!(
            all(Lines::new(None), &[b"a\r", b"\nb", b"c\n"]),
            ["a", "bc"]
        );
    }
}
