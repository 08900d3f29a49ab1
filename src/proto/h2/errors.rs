//! What an error of the crate h2 means to the user, and what it allows.

use std::fmt::{self, Write as _};
use std::io;

use ::h2::Reason;

use super::Refusal;
use crate::error::{Error, ErrorKind, Phase};
use crate::hints::HTTP1_SERVER;

/// Turns what ended a stream or a connection into the error that the user reads. Where the meter refused to listen any longer,
/// that is the reason for whatever h2 says.
pub(crate) fn failed(error: ::h2::Error, refusal: Option<Refusal>, phase: Phase) -> Error {
    if let Some(refusal) = refusal {
        let hint = matches!(refusal, Refusal::Http1).then_some(HTTP1_SERVER);
        return Error::new(ErrorKind::RemoteProtocolError, refusal.to_string())
            .with_hint(hint)
            .with_source(refusal)
            .in_phase(phase);
    }
    let debug_data = DebugData::of(&error);
    let (kind, message) = told(&error, &debug_data, phase);
    // The source is printed as well, and would show what the message does not.
    let source = match (debug_data, error.reason()) {
        (DebugData::Hidden, Some(reason)) => reason.into(),
        _ => error,
    };
    Error::new(kind, message)
        .with_source(source)
        .in_phase(phase)
}

/// Tells whether the server says that it did nothing for this request, so that any request may be sent again:
/// REFUSED_STREAM (RFC 9113 section 8.7), or a GOAWAY whose last stream is an earlier one (section 6.8), be it known by the
/// error itself or heard before the connection ended.
pub(crate) fn provably_unprocessed(
    error: &::h2::Error,
    stream_id: u32,
    last_processed: Option<u32>,
) -> bool {
    if error.is_reset() {
        return error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
    }
    let ended = error.is_io() || (error.is_go_away() && error.is_remote());
    ended && last_processed.is_some_and(|last| last < stream_id)
}

/// Tells whether the server wants this request over HTTP/1.1 (RFC 9113 section 7).
pub(crate) fn wants_http11(error: &::h2::Error) -> bool {
    error.is_remote() && error.reason() == Some(Reason::HTTP_1_1_REQUIRED)
}

fn told(error: &::h2::Error, debug_data: &DebugData, phase: Phase) -> (ErrorKind, String) {
    use ErrorKind::{LocalProtocolError, RemoteProtocolError};
    if let Some(io) = error.get_io() {
        return lost(io, phase);
    }
    match error.reason() {
        Some(reason) if error.is_remote() && error.is_reset() => {
            let name = name(reason);
            let message = format!("the server reset the stream: {name}");
            (RemoteProtocolError, message)
        }
        Some(reason) if error.is_remote() => {
            let name = name(reason);
            let mut message = format!("the server closed the connection: GOAWAY, {name}");
            if let DebugData::Shown(text) = debug_data {
                message.push_str(&format!(" ({text})"));
            }
            (RemoteProtocolError, message)
        }
        Some(reason) if error.is_library() => broken(reason, debug_data, phase),
        Some(reason) if error.is_reset() || error.is_go_away() => {
            let message = format!("the stream was closed on this side: {}", name(reason));
            (LocalProtocolError, message)
        }
        Some(reason) => {
            let message = format!("HTTP/2 failed: {}", name(reason));
            (RemoteProtocolError, message)
        }
        None => refused_here(&error.to_string(), phase),
    }
}

/// What h2 found wrong with what the server sent.
fn broken(reason: Reason, debug_data: &DebugData, phase: Phase) -> (ErrorKind, String) {
    let words = match debug_data {
        DebugData::Shown(words) => words.as_str(),
        _ => "",
    };
    let flood = match (reason, words) {
        // The second is a header block that stays beyond the limit frame after frame.
        (Reason::ENHANCE_YOUR_CALM, "header_list_way_too_large")
        | (Reason::COMPRESSION_ERROR, _) => {
            let message = "the header list is longer than the limit".to_owned();
            return (ErrorKind::LimitExceeded, message);
        }
        (Reason::NO_ERROR | Reason::CANCEL, _) => return closed(phase),
        (Reason::ENHANCE_YOUR_CALM, "too_many_continuations") => "CONTINUATION frames",
        (Reason::ENHANCE_YOUR_CALM, "too_many_data_frames") => "small DATA frames",
        (Reason::ENHANCE_YOUR_CALM, "too_many_resets") => "RST_STREAM frames",
        (Reason::ENHANCE_YOUR_CALM, "too_many_internal_resets") => "malformed frames",
        _ => {
            let message = format!("malformed HTTP/2 from the server: {}", name(reason));
            return (ErrorKind::RemoteProtocolError, message);
        }
    };
    let message = format!("the server sent too many {flood} without need (ENHANCE_YOUR_CALM)");
    (ErrorKind::RemoteProtocolError, message)
}

/// What became of the connection beneath.
fn lost(error: &io::Error, phase: Phase) -> (ErrorKind, String) {
    match error.kind() {
        // h2 says the first for an orderly end as well.
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => closed(phase),
        // The end inside a frame.
        io::ErrorKind::Other if error.to_string() == "bytes remaining on stream" => closed(phase),
        io::ErrorKind::WriteZero => (ErrorKind::WriteError, error.to_string()),
        _ => (ErrorKind::ReadError, error.to_string()),
    }
}

/// The server left without a word of HTTP/2.
fn closed(phase: Phase) -> (ErrorKind, String) {
    let message = match phase {
        Phase::ReceiveBody => "the connection was closed before the end of the response",
        _ => "the connection was closed before the response came",
    };
    (ErrorKind::RemoteProtocolError, message.to_owned())
}

/// What h2 would not do for us.
fn refused_here(text: &str, phase: Phase) -> (ErrorKind, String) {
    let what = text.strip_prefix("user error: ").unwrap_or(text);
    match what {
        // Sending on a stream that the other side ended meanwhile.
        "inactive stream" => closed(phase),
        _ => {
            let message = format!("HTTP/2 cannot do this: {what}");
            (ErrorKind::LocalProtocolError, message)
        }
    }
}

/// The name of an error code (RFC 9113 section 7).
fn name(reason: Reason) -> String {
    match u32::from(reason) {
        0..=13 => format!("{reason:?}"),
        unknown => format!("{unknown:#x}"),
    }
}

/// What a GOAWAY says beside its code: "could contain security- or privacy-sensitive data" (RFC 9113 section 6.8).
#[derive(Debug, PartialEq, Eq)]
enum DebugData {
    None,
    /// A short plain text.
    Shown(String),
    /// Long, binary, or maybe a part of a request.
    Hidden,
}

/// More of it is not shown.
const SHOWN: usize = 200;

impl DebugData {
    /// Reads it off the message of the error, which is where h2 shows it: `reason (b"…")`.
    fn of(error: &::h2::Error) -> Self {
        let Some(reason) = error.reason().filter(|_| error.is_go_away()) else {
            return DebugData::None;
        };
        let mut text = Short(String::new());
        if write!(text, "{error}").is_err() {
            return DebugData::Hidden;
        }
        let Some((_, after)) = text.0.split_once(reason.description()) else {
            return DebugData::Hidden;
        };
        if after.is_empty() {
            return DebugData::None;
        }
        let quoted = after
            .strip_prefix(" (b\"")
            .and_then(|text| text.strip_suffix("\")"));
        match quoted.and_then(unescaped) {
            Some(text) if is_harmless(&text) => DebugData::Shown(text),
            _ => DebugData::Hidden,
        }
    }
}

/// A text that ends where it becomes too long to be shown.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        // Escaped, and with the words around it.
        if self.0.len() + part.len() > 4 * SHOWN {
            return Err(fmt::Error);
        }
        self.0.push_str(part);
        Ok(())
    }
}

/// Undoes what `Debug` does to quotes and backslashes; there is no text for bytes that are not printable.
fn unescaped(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        text.push(match c {
            '\\' => rest.next().filter(|c| matches!(c, '"' | '\\'))?,
            c => c,
        });
    }
    Some(text)
}

/// Tells whether a text is a plain remark of the server's own, rather than a part of what it was sent.
fn is_harmless(text: &str) -> bool {
    const TELLING: [&str; 9] = [
        "auth",
        "basic",
        "bearer",
        "cookie",
        "credential",
        "key",
        "passw",
        "secret",
        "token",
    ];
    // Letters mixed with digits, and many of them: rather a token than a word.
    let is_opaque = |run: &str| {
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        run.len() >= 16 && digits > 0 && digits < run.len()
    };
    let lower = text.to_ascii_lowercase();
    text.len() <= SHOWN
        && text.bytes().all(|b| matches!(b, b' '..=b'~'))
        && !text.contains(['=', '@', '?'])
        && !TELLING.iter().any(|word| lower.contains(word))
        && !text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_opaque)
}

#[cfg(test)]
mod tests;
