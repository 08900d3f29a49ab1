//! Lines from text that comes in pieces.
//!
//! Only `\n`, `\r\n` and `\r` end a line. HTTPX splits as Python's `splitlines` does, at form feeds
//! and Unicode separators too, which tears NDJSON apart: U+2028 may stand in a JSON string.

use std::collections::VecDeque;
use std::mem;

use memchr::memchr2;

/// Splits text into lines, whatever the pieces it comes in.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    /// The beginning of a line whose end has not come.
    partial: String,
    /// The last piece ended with `\r`: a `\n` at the front of the next belongs to it.
    after_cr: bool,
}

impl LineSplitter {
    pub(crate) fn new() -> Self {
        LineSplitter::default()
    }

    /// Takes text, appends the lines that it completes to `out`, without their ends.
    pub(crate) fn push(&mut self, text: &str, out: &mut VecDeque<String>) {
        if text.is_empty() {
            return;
        }
        let mut rest = text;
        if mem::take(&mut self.after_cr) {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        while let Some(end) = memchr2(b'\n', b'\r', rest.as_bytes()) {
            let mut line = mem::take(&mut self.partial);
            line.push_str(&rest[..end]);
            out.push_back(line);
            let is_cr = rest.as_bytes()[end] == b'\r';
            rest = &rest[end + 1..];
            if is_cr {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix('\n').unwrap_or(rest);
            }
        }
        self.partial.push_str(rest);
    }

    /// Gives the last line, if the text did not end with a line end.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.after_cr = false;
        let last = mem::take(&mut self.partial);
        (!last.is_empty()).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> Vec<String> {
        let mut splitter = LineSplitter::new();
        let mut out = VecDeque::new();
        for piece in pieces {
            splitter.push(piece, &mut out);
        }
        out.extend(splitter.finish());
        out.into()
    }

    #[test]
    fn lines_end_at_lf_crlf_and_cr_only() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("\n", &[""]),
            ("\r\n", &[""]),
            ("\r", &[""]),
            ("\n\r", &["", ""]),
            ("a", &["a"]),
            ("a\nb", &["a", "b"]),
            ("a\r\nb\r\n", &["a", "b"]),
            ("a\r\rb", &["a", "", "b"]),
            (
                "a\u{2028}b\u{85}c\u{b}d\u{c}e\nf",
                &["a\u{2028}b\u{85}c\u{b}d\u{c}e", "f"],
            ),
            ("\u{feff}é\n☃", &["\u{feff}é", "☃"]),
        ];
        for (text, lines) in table {
            assert_eq!(split(&[text]), *lines, "{text:?}");
        }
    }

    #[test]
    fn the_pieces_do_not_change_the_lines() {
        let text = "a\r\n\r\nb\rc\n\nd\r\r\ne";
        let whole = split(&[text]);
        for cut in 0..=text.len() {
            for second in cut..=text.len() {
                let pieces = [&text[..cut], &text[cut..second], "", &text[second..]];
                assert_eq!(split(&pieces), whole, "cut at {cut} and {second}");
            }
        }
    }

    #[test]
    fn a_line_is_given_as_soon_as_its_cr_has_come() {
        let mut splitter = LineSplitter::new();
        let mut out = VecDeque::new();
        splitter.push("data\r", &mut out);
        assert_eq!(out.pop_front().as_deref(), Some("data"));
    }

    #[test]
    fn one_endless_line_takes_linear_time() {
        let mut splitter = LineSplitter::new();
        let mut out = VecDeque::new();
        for _ in 0..200_000 {
            splitter.push("0123456789", &mut out);
        }
        assert!(out.is_empty());
        assert_eq!(splitter.finish().map(|line| line.len()), Some(2_000_000));
    }
}
