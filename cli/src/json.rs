//! JSON for people and for pipes, made from the text itself: numbers, escapes and the order of keys stay as they came.

use std::fmt::Write as _;

use serde::de::IgnoredAny;

use crate::terminal::{KEY, NUMBER, Paint, TEXT, WORD, is_hazard};

/// Deeper values are indented no further: else what is nested by the thousand would take the square of its size.
const DEEPEST: usize = INDENT.len() / 2;
const INDENT: &str = "                                                                ";

/// How JSON is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// A line for each member, instead of one line for all.
    pub(crate) indented: bool,
    /// Characters that a terminal would act on are written as escapes.
    pub(crate) escaped: bool,
    pub(crate) paint: Paint,
}

/// Tells whether a text is one JSON value.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Tells whether a media type is JSON: `application/json`, `application/problem+json`.
pub(crate) fn is_json_type(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim();
    let subtype = kind.rsplit('/').next().unwrap_or("");
    subtype.eq_ignore_ascii_case("json") || subtype.to_ascii_lowercase().ends_with("+json")
}

/// Lays a valid JSON text out anew.
pub(crate) fn laid_out(text: &str, layout: Layout) -> String {
    let mut writer = Writer {
        layout,
        out: String::with_capacity(text.len() * 2),
        depth: 0,
    };
    writer.write(text);
    writer.out
}

struct Writer {
    layout: Layout,
    out: String,
    depth: usize,
}

impl Writer {
    fn write(&mut self, text: &str) {
        let mut rest = text.trim_start_matches(WHITE);
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' => string_length(rest),
                '{' | '[' | '}' | ']' | ',' | ':' => 1,
                _ => rest.find(END_OF_WORD).unwrap_or(rest.len()).max(1),
            };
            let (token, after) = rest.split_at(length);
            rest = after.trim_start_matches(WHITE);
            match first {
                '{' | '[' if rest.starts_with(['}', ']']) => {
                    self.out.push(first);
                    self.out.push_str(&rest[..1]);
                    rest = rest[1..].trim_start_matches(WHITE);
                }
                '{' | '[' => {
                    self.out.push(first);
                    self.depth += 1;
                    self.new_line();
                }
                '}' | ']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.new_line();
                    self.out.push(first);
                }
                ',' => {
                    self.out.push(',');
                    self.new_line();
                }
                ':' => self
                    .out
                    .push_str(if self.layout.indented { ": " } else { ":" }),
                // In valid JSON a colon follows keys, and nothing else.
                '"' if rest.starts_with(':') => self.token(KEY, token),
                '"' => self.token(TEXT, token),
                '-' | '0'..='9' => self.token(NUMBER, token),
                _ => self.token(WORD, token),
            }
        }
    }

    fn new_line(&mut self) {
        if self.layout.indented {
            self.out.push('\n');
            self.out.push_str(&INDENT[..2 * self.depth.min(DEEPEST)]);
        }
    }

    fn token(&mut self, style: anstyle::Style, token: &str) {
        match self.layout.escaped && token.contains(is_hazard) {
            true => {
                let text = escaped(token);
                self.out.push_str(&self.layout.paint.text(style, &text));
            }
            false => self.out.push_str(&self.layout.paint.text(style, token)),
        }
    }
}

const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];
const END_OF_WORD: [char; 11] = [' ', '\t', '\n', '\r', ',', ':', '{', '}', '[', ']', '"'];

/// The length of the string that a text begins with, quotes included.
pub(crate) fn string_length(text: &str) -> usize {
    let mut literal = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if literal => literal = false,
            b'\\' => literal = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Hazards as JSON's own escapes: the value is the same.
fn escaped(token: &str) -> String {
    let mut out = String::with_capacity(token.len() + 16);
    for c in token.chars() {
        match is_hazard(c) {
            true => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            false => out.push(c),
        }
    }
    out
}
