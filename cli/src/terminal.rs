//! What may reach a terminal, and in which colours.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
pub(crate) const KEY: Style = AnsiColor::Blue.on_default().bold();
pub(crate) const TEXT: Style = AnsiColor::Green.on_default();
pub(crate) const NUMBER: Style = AnsiColor::Yellow.on_default();
pub(crate) const WORD: Style = AnsiColor::Magenta.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const ELSEWHERE: Style = AnsiColor::Yellow.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The colour of a status.
pub(crate) fn status_style(status: u16) -> Style {
    match status {
        0..=299 => GOOD,
        300..=399 => ELSEWHERE,
        _ => BAD,
    }
}

/// Paints, or does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// The text in a style.
    pub(crate) fn text(self, style: Style, text: &str) -> String {
        match self.0 && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

/// One line for a terminal: control characters, and those that turn the direction of writing, are written as escapes.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    escape(text)
}

/// Text of several lines for a terminal; a carriage return belongs to the end of a line, elsewhere it would overwrite one.
pub(crate) fn escaped_body(text: &str) -> Cow<'_, str> {
    match text.contains("\r\n") {
        true => escape(&text.replace("\r\n", "\n")).into_owned().into(),
        false => escape(text),
    }
}

fn escape(text: &str) -> Cow<'_, str> {
    let bad = |c: char| is_hazard(c) && c != '\n' && c != '\t';
    if !text.contains(bad) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match bad(c) {
            true => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            false => out.push(c),
        }
    }
    out.into()
}

/// C0 and C1, DEL, and the bidirectional overrides: what could make a terminal do or show something else.
pub(crate) fn is_hazard(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A field's value as text: UTF-8, else Latin-1.
pub(crate) fn field_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}
