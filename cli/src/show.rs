//! The body of a response: laid out for people, or byte for byte.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

use dimorph::blocking::Response;
use dimorph::header::CONTENT_TYPE;
use serde_json::value::RawValue;

use crate::failure::{Failure, Result};
use crate::json::{Layout, is_json, is_json_type, laid_out};
use crate::phases::counted;
use crate::screen::Output;
use crate::terminal::{DIM, escaped, escaped_body, field_text};

/// A body that is larger is shown as it comes, as UTF-8, and not laid out.
const LAID_OUT: usize = 16 << 20;

/// A JSON value of a stream is held as a whole; one that never ends must not take all memory.
const LARGEST: usize = 64 << 20;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// How to show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) stream: bool,
    pub(crate) json_lines: bool,
}

/// Writes the body of a response.
pub(crate) fn body(response: &mut Response, out: &mut Output, manner: Manner) -> Result<()> {
    if manner.json_lines {
        return json_lines(response, out);
    }
    if !out.for_people {
        return raw(response, out);
    }
    let kind = Kind {
        content_type: content_type(response),
        encoding: response.encoding().into_owned(),
        length: response.content_length(),
    };
    if kind.is_binary() {
        // Of HEAD, and of what is empty, there is nothing that would not be shown.
        return match response.chunk()? {
            Some(first) => binary(response, out, &kind, &first),
            None => Ok(()),
        };
    }
    match manner.stream || kind.is_stream() {
        true => streamed(response, out, &kind),
        false => whole(response, out, &kind),
    }
}

/// What the head says of the body.
struct Kind {
    content_type: String,
    encoding: String,
    length: Option<u64>,
}

/// The bytes as they come, content codings taken off.
fn raw(response: &mut Response, out: &mut Output) -> Result<()> {
    while let Some(piece) = response.chunk()? {
        out.write(&piece)?;
    }
    Ok(())
}

/// What is no text: a word about it on a terminal, and the bytes elsewhere.
fn binary(response: &mut Response, out: &mut Output, kind: &Kind, begun: &[u8]) -> Result<()> {
    if !out.is_terminal {
        out.write(begun)?;
        return raw(response, out);
    }
    let size = match kind.length {
        Some(length) => format!("{} bytes", counted(length)),
        None => "a body".to_owned(),
    };
    let what = match &*kind.content_type {
        "" => "that is no text".to_owned(),
        kind => format!("of {}", escaped(kind)),
    };
    let line = format!("({size} {what}, not shown on a terminal; --download FILE saves it)");
    out.write(format!("{}\n", out.paint.text(DIM, &line)).as_bytes())?;
    Ok(())
}

fn whole(response: &mut Response, out: &mut Output, kind: &Kind) -> Result<()> {
    let mut bytes = Vec::new();
    let ended = loop {
        let piece = match response.chunk() {
            Ok(Some(piece)) => piece,
            Ok(None) => break Ok(()),
            // What came is shown all the same.
            Err(error) => break Err(error),
        };
        bytes.extend_from_slice(&piece);
        if kind.holds_nul(&piece) {
            return binary(response, out, kind, &bytes);
        }
        if bytes.len() > LAID_OUT {
            out.write(escaped_body(&String::from_utf8_lossy(&bytes)).as_bytes())?;
            while let Some(piece) = response.chunk()? {
                out.write(escaped_body(&String::from_utf8_lossy(&piece)).as_bytes())?;
            }
            return Ok(());
        }
    };
    let text = decoded(bytes, kind)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let may_be_json = is_json_type(&kind.content_type) || kind.content_type.is_empty();
    let mut shown = match may_be_json && is_json(text) {
        true => laid_out(text, people(out, true)),
        false => escaped_body(text).into_owned(),
    };
    if !shown.is_empty() && !shown.ends_with('\n') {
        shown.push('\n');
    }
    out.write(shown.as_bytes())?;
    Ok(ended?)
}

/// The text in its charset; the library knows them all.
fn decoded(bytes: Vec<u8>, kind: &Kind) -> Result<String> {
    if kind.encoding.eq_ignore_ascii_case("utf-8") {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let mut response = http::Response::new(bytes);
    if let Ok(value) = kind.content_type.parse() {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    Ok(Response::from(response).text()?)
}

fn streamed(response: &mut Response, out: &mut Output, kind: &Kind) -> Result<()> {
    let mut ends_line = true;
    let mut pieces = response.iter_text();
    // A line end may come in two pieces.
    let mut held = "";
    while let Some(piece) = pieces.next() {
        let mut piece = held.to_owned() + &piece?;
        held = match piece.ends_with('\r') {
            true => "\r",
            false => "",
        };
        piece.truncate(piece.len() - held.len());
        if out.is_terminal && kind.holds_nul(piece.as_bytes()) {
            drop(pieces);
            return binary(response, out, kind, &[]);
        }
        ends_line = piece.ends_with('\n');
        out.write(escaped_body(&piece).as_bytes())?;
    }
    if !ends_line {
        out.write(b"\n")?;
    }
    Ok(())
}

/// Every JSON value of the body, in one line each.
fn json_lines(response: &mut Response, out: &mut Output) -> Result<()> {
    let layout = match out.for_people {
        true => people(out, false),
        false => Layout {
            indented: false,
            escaped: false,
            paint: out.paint,
        },
    };
    let left = Cell::new(LARGEST);
    let mut reader = BufReader::new(Bounded {
        response,
        left: &left,
    });
    // A mark that some write before UTF-8 is no part of the JSON (RFC 8259 section 8.1).
    if reader.fill_buf().map_err(of_body)?.starts_with(BOM) {
        reader.consume(BOM.len());
    }
    let mut values = serde_json::Deserializer::from_reader(reader).into_iter::<Box<RawValue>>();
    loop {
        match values.next() {
            Some(Ok(value)) => {
                left.set(LARGEST);
                let line = laid_out(value.get(), layout) + "\n";
                out.write(line.as_bytes())?;
            }
            None => return Ok(()),
            Some(Err(error)) if error.is_io() => return Err(of_body(error.into())),
            Some(Err(error)) => {
                return Err(Failure::failed(format!("the body is not JSON: {error}")));
            }
        }
    }
}

/// What reading the body failed with: the client's error, or one of [`Bounded`].
fn of_body(error: io::Error) -> Failure {
    match error.downcast::<dimorph::Error>() {
        Ok(error) => error.into(),
        Err(error) => Failure::failed(format!("reading the body: {error}")),
    }
}

/// A body that fails where a value of it is larger than [`LARGEST`].
struct Bounded<'a> {
    response: &'a mut Response,
    left: &'a Cell<usize>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.response.read(buf)?;
        let left = self.left.get().checked_sub(read);
        self.left
            .set(left.ok_or_else(|| io::Error::other("a JSON value of it is larger than 64 MiB"))?);
        Ok(read)
    }
}

fn people(out: &Output, indented: bool) -> Layout {
    Layout {
        indented,
        escaped: true,
        paint: out.paint,
    }
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE);
    value.map_or_else(String::new, |value| field_text(value.as_bytes()))
}

impl Kind {
    /// Media types that are never text.
    fn is_binary(&self) -> bool {
        let kind = self.content_type.split(';').next().unwrap_or("").trim();
        let kind = kind.to_ascii_lowercase();
        let media = ["image/", "audio/", "video/", "font/"];
        let others = ["octet-stream", "zip", "gzip", "pdf", "x-tar", "wasm"];
        kind != "image/svg+xml" && media.iter().any(|start| kind.starts_with(start))
            || others
                .iter()
                .any(|end| kind == format!("application/{end}"))
    }

    /// Media types of what goes on for as long as somebody listens.
    fn is_stream(&self) -> bool {
        let kind = self.content_type.split(';').next().unwrap_or("").trim();
        ["text/event-stream", "application/x-ndjson"]
            .iter()
            .any(|stream| kind.eq_ignore_ascii_case(stream))
    }

    /// Text has no NUL, but in UTF-16 and UTF-32.
    fn holds_nul(&self, piece: &[u8]) -> bool {
        let encoding = self.encoding.to_ascii_lowercase();
        !encoding.starts_with("utf-16") && !encoding.starts_with("utf-32") && piece.contains(&0)
    }
}
