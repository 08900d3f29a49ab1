//! The stream's grammar (WHATWG HTML section 9.2.5), read byte by byte as it comes (9.2.6).
//!
//! ```text
//! stream      = [ bom ] *event
//! event       = *( comment / field ) end-of-line
//! comment     = ":" *any-char end-of-line
//! field       = 1*name-char [ ":" [ space ] *any-char ] end-of-line
//! end-of-line = CR LF / LF / CR
//! ```
//!
//! The standard decodes first and splits then. Line ends are ASCII and never a part of another character, so lines are split
//! here as bytes, and each is decoded as a whole: the pieces that a body comes in make no difference.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use memchr::{memchr, memchr2};

use super::event::Event;
use crate::error::{Error, ErrorKind, Phase, Result};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Turns bytes into events, whatever the pieces they come in.
#[derive(Debug)]
pub(super) struct Parser {
    /// How long a line, and the data of an event, may be.
    pub(super) most: usize,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    /// No line has come yet: the first may begin with a byte order mark.
    at_start: bool,
    block: Block,
    /// The last event ID as the fields have it; it counts from the next empty line on.
    id: Arc<str>,
    pub(super) last_id: Arc<str>,
    /// What the last `retry` field said.
    pub(super) retry: Option<Duration>,
}

/// What has come of the next event.
#[derive(Debug, Default)]
struct Block {
    event: String,
    data: String,
    retry: Option<Duration>,
}

impl Parser {
    pub(super) fn new(most: usize) -> Self {
        Parser {
            most,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            block: Block::default(),
            id: Arc::default(),
            last_id: Arc::default(),
            retry: None,
        }
    }

    /// Begins another stream; the last event ID and the reconnection time stay, as in browsers.
    pub(super) fn restart(&mut self, last_id: Arc<str>) {
        *self = Parser {
            id: last_id.clone(),
            last_id,
            retry: self.retry,
            ..Parser::new(self.most)
        };
    }

    /// Takes what it needs off the input, up to the end of an event; `None`: all of it, and there is none yet.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Event>> {
        loop {
            if self.after_cr && !input.is_empty() {
                self.after_cr = false;
                if input[0] == b'\n' {
                    input.advance(1);
                }
            }
            let Some(end) = memchr2(b'\n', b'\r', input) else {
                self.hold(input)?;
                input.clear();
                return Ok(None);
            };
            let rest = input.split_to(end);
            self.after_cr = input[0] == b'\r';
            input.advance(1);
            let event = match self.line.is_empty() {
                true => self.take(&rest),
                false => {
                    self.hold(&rest)?;
                    let line = mem::take(&mut self.line);
                    self.take(&line)
                }
            };
            if let Some(event) = event? {
                return Ok(Some(event));
            }
        }
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<()> {
        self.check(self.line.len() + bytes.len())?;
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn check(&self, size: usize) -> Result<()> {
        match size > self.most {
            true => Err(too_large(self.most)),
            false => Ok(()),
        }
    }

    /// Takes a whole line, without its end.
    fn take(&mut self, mut line: &[u8]) -> Result<Option<Event>> {
        self.check(line.len())?;
        if mem::take(&mut self.at_start) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (name, value) = match memchr(b':', line) {
            // A comment.
            Some(0) => return Ok(None),
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match name {
            b"data" => {
                // U+FFFD is longer than the byte that it stands for.
                let text = String::from_utf8_lossy(value);
                self.check(self.block.data.len() + text.len() + 1)?;
                self.block.data += &text;
                self.block.data.push('\n');
            }
            b"event" => self.block.event = String::from_utf8_lossy(value).into_owned(),
            b"id" if memchr(0, value).is_none() => self.id = String::from_utf8_lossy(value).into(),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                // A number too large to count is the longest time there is.
                let digits = str::from_utf8(value).unwrap_or_default();
                let time = Duration::from_millis(digits.parse().unwrap_or(u64::MAX));
                self.block.retry = Some(time);
                self.retry = Some(time);
            }
            _ => {}
        }
        Ok(None)
    }

    /// The empty line: what came before it is an event if it has data.
    fn dispatch(&mut self) -> Option<Event> {
        self.last_id = self.id.clone();
        let mut block = mem::take(&mut self.block);
        // Each `data` field left a line feed, the last of which is none of the data's.
        block.data.pop()?;
        Some(Event {
            event: block.event,
            data: block.data,
            id: self.last_id.clone(),
            retry: block.retry,
        })
    }
}

fn too_large(most: usize) -> Error {
    let message = format!("a server-sent event is larger than {most} bytes");
    Error::new(ErrorKind::LimitExceeded, message).in_phase(Phase::ReceiveBody)
}

#[cfg(test)]
#[path = "tests/parser.rs"]
mod tests;
