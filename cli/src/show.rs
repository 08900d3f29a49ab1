//! The body of a response: laid out for people, or byte for byte.

use std::io::{self, BufReader};

use dimorph::blocking::Response;
use dimorph::header::CONTENT_TYPE;
use serde_json::value::RawValue;

use crate::failure::{Failure, Result};
use crate::json::{Layout, is_json, is_json_type, laid_out};
use crate::phases::counted;
use crate::screen::Output;
use crate::terminal::{DIM, escaped, escaped_body, field_text};

/// A body that is larger is shown as it comes, not laid out.
const LAID_OUT: usize = 64 << 20;

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
    let content_type = content_type(response);
    if out.is_terminal && is_binary_type(&content_type) {
        let length = response.content_length();
        return notice(out, &content_type, length);
    }
    match manner.stream {
        true => streamed(response, out, &content_type),
        false => whole(response, out, &content_type),
    }
}

/// The bytes as they come, content codings taken off.
fn raw(response: &mut Response, out: &mut Output) -> Result<()> {
    while let Some(piece) = response.chunk()? {
        out.write(&piece)?;
    }
    Ok(())
}

fn whole(response: &mut Response, out: &mut Output, content_type: &str) -> Result<()> {
    let mut bytes = Vec::new();
    let ended = loop {
        match response.chunk() {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => break Ok(()),
            // What came is shown all the same.
            Err(error) => break Err(error),
        }
        if out.is_terminal && is_binary(&bytes, &response.encoding()) {
            let length = response.content_length();
            return notice(out, content_type, length);
        }
        if bytes.len() > LAID_OUT {
            out.write(escaped_body(&String::from_utf8_lossy(&bytes)).as_bytes())?;
            return streamed(response, out, content_type);
        }
    };
    let text = decoded(bytes, &response.encoding(), content_type)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let is_json = (is_json_type(content_type) || content_type.is_empty()) && is_json(text);
    let mut shown = match is_json {
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
fn decoded(bytes: Vec<u8>, encoding: &str, content_type: &str) -> Result<String> {
    if encoding.eq_ignore_ascii_case("utf-8") {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let mut response = http::Response::new(bytes);
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    Ok(Response::from(response).text()?)
}

fn streamed(response: &mut Response, out: &mut Output, content_type: &str) -> Result<()> {
    let length = response.content_length();
    let encoding = response.encoding().into_owned();
    let mut ends_line = true;
    for piece in response.iter_text() {
        let piece = piece?;
        if out.is_terminal && is_binary(piece.as_bytes(), &encoding) {
            return notice(out, content_type, length);
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
    let reader = BufReader::new(response);
    let mut values = serde_json::Deserializer::from_reader(reader).into_iter::<Box<RawValue>>();
    loop {
        match values.next() {
            Some(Ok(value)) => {
                let line = laid_out(value.get(), layout) + "\n";
                out.write(line.as_bytes())?;
            }
            None => return Ok(()),
            Some(Err(error)) if error.is_io() => {
                let error = io::Error::from(error);
                return Err(match error.downcast::<dimorph::Error>() {
                    Ok(error) => error.into(),
                    Err(error) => Failure::failed(format!("reading the body: {error}")),
                });
            }
            Some(Err(error)) => {
                return Err(Failure::failed(format!("the body is not JSON: {error}")));
            }
        }
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

/// Media types that are never text.
fn is_binary_type(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim();
    let kind = kind.to_ascii_lowercase();
    let media = ["image/", "audio/", "video/", "font/"];
    let others = ["octet-stream", "zip", "gzip", "pdf", "x-tar", "wasm"];
    kind != "image/svg+xml" && media.iter().any(|start| kind.starts_with(start))
        || others
            .iter()
            .any(|end| kind == format!("application/{end}"))
}

/// Text has no NUL, but in UTF-16 and UTF-32.
fn is_binary(bytes: &[u8], encoding: &str) -> bool {
    !encoding.to_ascii_lowercase().starts_with("utf-16")
        && !encoding.to_ascii_lowercase().starts_with("utf-32")
        && bytes.contains(&0)
}

fn notice(out: &mut Output, content_type: &str, length: Option<u64>) -> Result<()> {
    let size = match length {
        Some(length) => format!("{} bytes", counted(length)),
        None => "a body".to_owned(),
    };
    let what = match content_type {
        "" => "that is no text".to_owned(),
        kind => format!("of {}", escaped(kind)),
    };
    let line = format!("({size} {what}, not shown on a terminal; --download FILE saves it)");
    out.write(format!("{}\n", out.paint.text(DIM, &line)).as_bytes())?;
    Ok(())
}
