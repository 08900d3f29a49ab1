//! Blanks what is not code, so that a rule never trips over a comment, a string or a test.
//!
//! Every function keeps the length and the line breaks of its input: an offset in the result is an offset in the file.

/// What becomes of the text between quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strings {
    Keep,
    Blank,
}

/// The source without comments, and without the contents of strings if asked.
pub(crate) fn strip(source: &str, strings: Strings) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
            blank(&mut out[at..end]);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = at + block_comment(rest);
            blank(&mut out[at..end]);
            at = end;
        } else if let Some((open, body, close)) = literal(bytes, at) {
            if strings == Strings::Blank {
                blank(&mut out[at + open..at + open + body]);
            }
            at += open + body + close;
        } else {
            at += 1;
        }
    }
    String::from_utf8(out).expect("whole literals and comments are replaced by ASCII")
}

/// The code without the items under `#[cfg(test)]`; give it stripped text.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for mark in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (start, _) in code.match_indices(mark) {
            let end = start + mark.len() + item(&code.as_bytes()[start + mark.len()..]);
            blank(&mut out[start..end]);
        }
    }
    String::from_utf8(out).expect("whole items are replaced by ASCII")
}

/// Length of an item: up to the brace that closes it, or to its semicolon.
fn item(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    for (i, &b) in rest.iter().enumerate() {
        match b {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (b == b'}' || b == b';') {
            return i + 1;
        }
    }
    rest.len()
}

fn blank(bytes: &mut [u8]) {
    for b in bytes {
        if *b != b'\n' {
            *b = b' ';
        }
    }
}

/// Length of the block comment at the start of `rest`; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < rest.len() {
        if rest[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if rest[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    rest.len()
}

/// Opening, body and closing lengths of the string or character literal that starts at `at`.
fn literal(bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let rest = &bytes[at..];
    let after_word = at > 0 && is_word(bytes[at - 1]);
    match rest[0] {
        b'"' => Some((1, quoted(&rest[1..]), 1)),
        b'r' | b'b' | b'c' if !after_word => {
            let prefix = rest
                .iter()
                .take(2)
                .take_while(|b| matches!(b, b'r' | b'b' | b'c'))
                .count();
            let raw = rest[..prefix].contains(&b'r');
            let hashes = rest[prefix..]
                .iter()
                .take_while(|&&b| raw && b == b'#')
                .count();
            let open = prefix + hashes + 1;
            if rest.get(open - 1) != Some(&b'"') {
                return None;
            }
            if !raw {
                return Some((open, quoted(&rest[open..]), 1));
            }
            let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let body = rest[open..]
                .windows(closing.len())
                .position(|w| w == closing)?;
            Some((open, body, closing.len()))
        }
        b'\'' => character(&rest[1..]).map(|body| (1, body, 1)),
        _ => None,
    }
}

/// Bytes before the quote that ends an escaped string.
fn quoted(rest: &[u8]) -> usize {
    let mut i = 0;
    while i < rest.len() && rest[i] != b'"' {
        i += if rest[i] == b'\\' { 2 } else { 1 };
    }
    i.min(rest.len())
}

/// Bytes of a character literal after its opening quote; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.first() == Some(&b'\\') {
        return Some(2 + rest.get(2..)?.iter().position(|&b| b == b'\'')?);
    }
    let first =
        std::str::from_utf8(&rest[..rest.len().min(4)]).map_or_else(|e| e.valid_up_to(), str::len);
    let text = std::str::from_utf8(&rest[..first]).ok()?;
    let len = text.chars().next()?.len_utf8();
    (rest.get(len) == Some(&b'\'')).then_some(len)
}

/// Whether a byte may stand inside an identifier.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[test]
fn only_code_survives() {
    for (source, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"x("tokio")"#, r#"x("     ")"#),
        (r#"x("a\"b", 'c')"#, r#"x("    ", ' ')"#),
        (r##"r#"a"b"# b"x" br"y""##, r##"r#"   "# b" " br" ""##),
        (r"'\'' '\u{1}' '\\' 'a", r"'  ' '     ' '  ' 'a"),
        ("&'a str, 'é', \"// no\"", "&'a str, '  ', \"     \""),
        ("for_r\"x\"", "for_r\" \""),
        ("r#type", "r#type"),
    ] {
        assert_eq!(strip(source, Strings::Blank), code, "{source}");
    }
    assert_eq!(strip("f(\"// s\") // c", Strings::Keep), "f(\"// s\")     ");
}

#[test]
fn tests_are_no_code() {
    for (source, code) in [
        ("a #[cfg(test)] mod t { fn x() {} } b", "a b"),
        ("a #[cfg(test)] mod tests; b", "a b"),
        ("a #[cfg(all(test, unix))] fn x() {} b", "a b"),
        // The semicolon left over from `use x::{…};` is an empty item and harms no rule.
        ("#[cfg(test)] use x::{y, z}; b", "; b"),
        ("#[cfg(not(test))] fn x() {}", "#[cfg(not(test))] fn x() {}"),
    ] {
        let left = without_tests(source);
        assert_eq!(left.len(), source.len());
        assert_eq!(
            left.split_whitespace().collect::<Vec<_>>().join(" "),
            code,
            "{source}"
        );
    }
}
