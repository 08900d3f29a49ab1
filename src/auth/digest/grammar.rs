//! The grammar of `www-authenticate` (RFC 9110 section 11.6.1), as far as Digest needs it.
//!
//! ```text
//! WWW-Authenticate = #challenge
//! challenge        = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
//! auth-param       = token BWS "=" BWS ( token / quoted-string )
//! ```
//!
//! A comma stands between challenges and between parameters alike. So a field is first cut at the commas outside
//! quotes; then a piece is a parameter if `=` follows its first word, and else begins the next challenge.
//! Each step goes over its bytes once.

use std::borrow::Cow;

/// What stands between two commas.
pub(super) enum Piece<'a> {
    Nothing,
    /// Name and value.
    Parameter(&'a [u8], &'a [u8]),
    /// A scheme and what stands behind it: the first parameter, a token68, or nothing.
    Scheme(&'a [u8], &'a [u8]),
    Other,
}

impl<'a> Piece<'a> {
    pub(super) fn of(piece: &'a [u8]) -> Self {
        let word = piece.iter().take_while(|&&b| is_token(b)).count();
        let (word, rest) = piece.split_at(word);
        match (word.len(), rest, trimmed(rest)) {
            (0, [], _) => Piece::Nothing,
            (0, ..) => Piece::Other,
            (_, _, [b'=', value @ ..]) => Piece::Parameter(word, trimmed(value)),
            (_, [] | [b' ' | b'\t', ..], behind) => Piece::Scheme(word, behind),
            _ => Piece::Other,
        }
    }
}

/// Cuts at the commas outside quoted strings. A string without an end goes on to the end of the field.
pub(super) fn pieces(mut field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut over = false;
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = field.iter().position(|&b| {
            match b {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => return true,
                _ => {}
            }
            false
        });
        let piece = &field[..end.unwrap_or(field.len())];
        match end {
            Some(end) => field = &field[end + 1..],
            None => over = true,
        }
        Some(trimmed(piece))
    })
}

/// Takes quotes and escapes off a value. Without quotes more is taken than a token: `realm=me@example.org` is met.
pub(super) fn unquoted(value: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    // They could not be told again in a header, and have no business in here.
    if value.iter().any(u8::is_ascii_control) {
        return Err("a value has a control character");
    }
    if value.len() > MAX_VALUE {
        return Err("a value is too long");
    }
    let Some(inner) = value.strip_prefix(b"\"") else {
        return match value.iter().any(|b| matches!(b, b'"' | b' ')) {
            true => Err("a value has a space or a quote in it and no quotes around it"),
            false => Ok(Cow::Borrowed(value)),
        };
    };
    let mut text = Vec::new();
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' if bytes.len() == 0 => return Ok(Cow::Owned(text)),
            b'"' => return Err("something follows a quoted value"),
            b'\\' => text.extend(bytes.next()),
            _ => text.push(byte),
        }
    }
    Err("a quoted value has no end")
}

/// Without the optional whitespace of RFC 9110 section 5.6.3.
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A longer value, told again, would make a request head that servers refuse (most at 8 KiB).
const MAX_VALUE: usize = 8 * 1024;
