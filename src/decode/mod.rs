//! Content codings: from the raw bytes of a response body to its content.
//!
//! A [`Decoder`] is fed with raw pieces and asked for decoded ones. It pulls: each stage of a chain
//! decodes only as much as the next `next()` needs, so a body that expands a thousandfold costs one
//! piece of memory per stage, whoever sends it.
//!
//! ```text
//!   feed() → queue → [outermost coding] → 64 KiB → … → [first applied coding] → 64 KiB → next()
//! ```
//!
//! What happens after the end of a compressed stream, per coding: gzip reads the next member if one
//! begins there and ignores anything else; deflate and br ignore the rest, all unless told to refuse it; zstd must go on with
//! another frame, anything else is an error. This is what HTTPX does with each of them, but for
//! further gzip members, which HTTPX drops.

// With no coding compiled in, nothing here can be reached beyond `from_headers`.
#![cfg_attr(
    not(any(
        feature = "gzip",
        feature = "deflate",
        feature = "brotli",
        feature = "zstd"
    )),
    allow(dead_code, unused_imports)
)]

#[cfg(feature = "brotli")]
mod brotli;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(any(feature = "gzip", feature = "deflate"))]
mod inflate;
#[cfg(all(
    test,
    feature = "gzip",
    feature = "deflate",
    feature = "brotli",
    feature = "zstd"
))]
mod tests;
#[cfg(feature = "zstd")]
mod zstd;

use std::collections::VecDeque;
use std::fmt;
use std::mem;

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// The codings compiled in, in the order of the default `accept-encoding`.
const COMPILED: &[&str] = &[
    #[cfg(feature = "gzip")]
    "gzip",
    #[cfg(feature = "deflate")]
    "deflate",
    #[cfg(feature = "brotli")]
    "br",
    #[cfg(feature = "zstd")]
    "zstd",
];

/// Which codings a client asks for and takes off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Codings(Vec<&'static str>);

impl Codings {
    /// Those of `names`; a name that is none of them is given back.
    pub(crate) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Result<Codings, String> {
        let mut codings = Vec::new();
        for name in names {
            match COMPILED
                .iter()
                .find(|known| known.eq_ignore_ascii_case(name))
            {
                Some(known) => codings.push(*known),
                None => return Err(name.to_owned()),
            }
        }
        Ok(Codings(codings))
    }

    /// The `accept-encoding` that asks for them, or for all that are compiled in.
    pub(crate) fn accept(codings: Option<&Codings>) -> Option<String> {
        let names = codings.map_or(COMPILED, |codings| &codings.0);
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn has(&self, coding: &[u8]) -> bool {
        let coding = match coding.to_ascii_lowercase().as_slice() {
            b"x-gzip" => "gzip".to_owned(),
            other => String::from_utf8_lossy(other).into_owned(),
        };
        self.0.contains(&coding.as_str())
    }

    /// Tells whether a body of these headers is decoded.
    pub(crate) fn take(&self, headers: &HeaderMap) -> bool {
        let fields = headers.get_all(CONTENT_ENCODING).into_iter();
        let names = fields.flat_map(|field| field.as_bytes().split(|&b| b == b','));
        names
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))
            .all(|name| self.has(name))
    }
}

/// The most that one [`Decoder::next`] yields, and the most that waits between two stages.
pub(crate) const MAX_PIECE: usize = 64 * 1024;

/// The most codings a response may name, over all its `content-encoding` fields.
pub(crate) const MAX_CODINGS: usize = 5;

/// Why a body could not be decoded.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("more than {limit} content codings in one response")]
    TooManyCodings { limit: usize },
    #[error("the {coding} data is corrupt: {detail}")]
    Corrupt {
        coding: &'static str,
        detail: String,
    },
    #[error("the {coding} data ends before its end mark")]
    Truncated { coding: &'static str },
    #[error("something follows the end of the compressed data")]
    TrailingData,
    #[cfg(feature = "zstd")]
    #[error("the {coding} data asks for a window of {window} bytes, the limit is {limit}")]
    WindowTooLarge {
        coding: &'static str,
        window: u64,
        limit: u64,
    },
}

impl DecodeError {
    fn corrupt(coding: &'static str, detail: impl fmt::Display) -> Self {
        DecodeError::Corrupt {
            coding,
            detail: detail.to_string(),
        }
    }
}

/// The chain of codings of one response body.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// In the order of decoding: the coding named last comes first.
    stages: Vec<Stage>,
    raw: RawInput,
    /// A failed decoder keeps failing, with the same reason.
    failed: Option<DecodeError>,
}

impl Decoder {
    /// Reads the chain from all `content-encoding` fields; `None` if there is nothing to decode.
    ///
    /// One unknown coding anywhere (or one that is not compiled in) means that the body passes
    /// through untouched, whatever else is named: the caller gets either the content or exactly
    /// what `content-encoding` says. HTTPX skips the unknown name and applies the others, which can
    /// only fail when the unknown coding was applied last.
    ///
    /// # Errors
    /// [`DecodeError::TooManyCodings`], counted over all fields, identity and unknown ones included.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Decoder>, DecodeError> {
        let mut stages = Vec::new();
        let mut named = 0;
        let mut known = true;
        for field in headers.get_all(CONTENT_ENCODING) {
            for name in field.as_bytes().split(|&b| b == b',') {
                let name = name.trim_ascii();
                // RFC 9110 5.6.1: empty list elements are ignored.
                if name.is_empty() {
                    continue;
                }
                named += 1;
                if named > MAX_CODINGS {
                    return Err(DecodeError::TooManyCodings { limit: MAX_CODINGS });
                }
                match find(name) {
                    Named::Identity => {}
                    Named::Known(coding) => stages.push(Stage::new(coding)),
                    Named::Unknown => known = false,
                }
            }
        }
        if stages.is_empty() || !known {
            return Ok(None);
        }
        // RFC 9110 8.4: codings are listed in the order in which they were applied.
        stages.reverse();
        Ok(Some(Decoder {
            stages,
            raw: RawInput::default(),
            failed: None,
        }))
    }

    /// Fails on what follows the end of a stream, instead of ignoring it.
    pub(crate) fn refuse_trailing_data(&mut self) {
        for stage in &mut self.stages {
            stage.refuses_trailing_data = true;
        }
    }

    /// Takes raw body bytes; to be called when [`Decoder::next`] has returned `None`.
    pub(crate) fn feed(&mut self, input: Bytes) {
        if !input.is_empty() {
            self.raw.queue.push_back(input);
        }
    }

    /// Says that the raw body is complete.
    pub(crate) fn finish(&mut self) {
        self.raw.complete = true;
    }

    /// Decodes the next piece, of 1 to [`MAX_PIECE`] bytes.
    ///
    /// `None` asks for more input, or is the end once [`Decoder::finish`] has been called. A body
    /// of no bytes at all is fine under every coding: servers send `content-encoding` with empty
    /// bodies.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, DecodeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match pull(&mut self.stages, &mut self.raw) {
            Ok(Pulled::Piece(piece)) => Ok(Some(piece)),
            Ok(Pulled::Hungry | Pulled::End) => Ok(None),
            Err(error) => {
                self.raw.queue.clear();
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }
}

/// What a stage has for the next one.
enum Pulled {
    Piece(Bytes),
    Hungry,
    End,
}

/// The raw body bytes that no stage has taken yet.
#[derive(Debug, Default)]
struct RawInput {
    queue: VecDeque<Bytes>,
    complete: bool,
}

impl RawInput {
    fn pull(&mut self) -> Pulled {
        match self.queue.pop_front() {
            Some(piece) => Pulled::Piece(piece),
            None if self.complete => Pulled::End,
            None => Pulled::Hungry,
        }
    }
}

/// Asks the last stage for a piece; it asks the one before only when its own input is used up.
fn pull(stages: &mut [Stage], raw: &mut RawInput) -> Result<Pulled, DecodeError> {
    let Some((stage, before)) = stages.split_last_mut() else {
        return Ok(raw.pull());
    };
    loop {
        if let Some(piece) = stage.decode()? {
            return Ok(Pulled::Piece(piece));
        }
        match pull(before, raw)? {
            Pulled::Piece(input) => {
                debug_assert!(stage.input.is_empty(), "a coding uses its input up");
                stage.input = input;
            }
            Pulled::Hungry => return Ok(Pulled::Hungry),
            Pulled::End => {
                stage.coding.finish()?;
                return Ok(Pulled::End);
            }
        }
    }
}

/// One content coding, undone piece by piece.
trait Coding: fmt::Debug + Send + Sync {
    /// Decodes from the front of `input` into the spare capacity of `out`, which it never grows.
    ///
    /// Returns when `out` is full, when `input` is used up and nothing is left to write, or when the coding [is over](Coding::is_over).
    fn decode(&mut self, input: &mut Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError>;

    /// Tells whether the stream has ended, so that what is left of the input is no part of it.
    fn is_over(&self) -> bool {
        false
    }

    /// Fails if the input may not end here.
    fn finish(&self) -> Result<(), DecodeError>;
}

/// A coding with its input and the buffer that it writes to.
#[derive(Debug)]
struct Stage {
    coding: Box<dyn Coding>,
    input: Bytes,
    out: Vec<u8>,
    /// The last piece was as large as its buffer: more is to be expected from the same input.
    overflowing: bool,
    refuses_trailing_data: bool,
}

impl Stage {
    fn new(coding: Box<dyn Coding>) -> Self {
        Stage {
            coding,
            input: Bytes::new(),
            out: Vec::new(),
            overflowing: false,
            refuses_trailing_data: false,
        }
    }

    fn decode(&mut self) -> Result<Option<Bytes>, DecodeError> {
        if self.input.is_empty() && !self.overflowing {
            return Ok(None);
        }
        // Small bodies get a small buffer; a stage that overflows it goes on with full pieces.
        let wanted = if self.overflowing {
            MAX_PIECE
        } else {
            (self.input.remaining() * 4).clamp(1024, MAX_PIECE)
        };
        if self.out.capacity() < wanted {
            self.out = Vec::with_capacity(wanted);
        }
        self.coding.decode(&mut self.input, &mut self.out)?;
        if self.coding.is_over() && !self.input.is_empty() {
            match self.refuses_trailing_data {
                false => self.input.clear(),
                // What was decoded before it is given out first.
                true if !self.out.is_empty() => {}
                true => return Err(DecodeError::TrailingData),
            }
        }
        self.overflowing = self.out.len() == self.out.capacity();
        Ok(self.take_piece())
    }

    /// Hands the buffer itself out when it is well filled; copies a small piece, so that it does
    /// not hold on to 64 KiB and the buffer is used again.
    fn take_piece(&mut self) -> Option<Bytes> {
        if self.out.is_empty() {
            return None;
        }
        if self.out.len() >= self.out.capacity() / 2 {
            return Some(Bytes::from(mem::take(&mut self.out)));
        }
        let piece = Bytes::copy_from_slice(&self.out);
        self.out.clear();
        Some(piece)
    }
}

/// What a name in `content-encoding` stands for.
enum Named {
    Identity,
    Known(Box<dyn Coding>),
    Unknown,
}

fn find(name: &[u8]) -> Named {
    match name.to_ascii_lowercase().as_slice() {
        b"identity" => Named::Identity,
        // RFC 9110 8.4.1.3: "x-gzip" is equivalent to "gzip".
        #[cfg(feature = "gzip")]
        b"gzip" | b"x-gzip" => Named::Known(Box::new(gzip::Gzip::new())),
        #[cfg(feature = "deflate")]
        b"deflate" => Named::Known(Box::new(deflate::Deflate::new())),
        #[cfg(feature = "brotli")]
        b"br" => Named::Known(Box::new(brotli::Brotli::new())),
        #[cfg(feature = "zstd")]
        b"zstd" => Named::Known(Box::new(zstd::Zstd::new())),
        _ => Named::Unknown,
    }
}
