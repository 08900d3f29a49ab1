//! What is wrong with a head, and where: httparse tells only the kind.

use memchr::memchr;

use super::H1Error;
use super::error::Quoted;
use super::names::is_token_byte;

/// Finds out where httparse stumbled, which it does not say.
#[cold]
pub(super) fn diagnose(window: &[u8], error: httparse::Error) -> H1Error {
    match error {
        httparse::Error::Version => version(window),
        httparse::Error::Status => H1Error::StatusLine {
            line: Quoted::line(window),
        },
        _ => {
            let lines = memchr(b'\n', window).map_or(&[][..], |lf| &window[lf + 1..]);
            diagnose_fields(lines)
        }
    }
}

/// The version is wrong, or what follows it, or everything.
fn version(window: &[u8]) -> H1Error {
    if let [0x14..=0x17, 3, ..] = window {
        return H1Error::TlsRecord;
    }
    // A SETTINGS frame on the connection's own stream begins HTTP/2 (RFC 9113 section 3.4).
    if let [0, _, _, 4, 0, 0, 0, 0, 0, ..] = window {
        return H1Error::Http2;
    }
    if !window.starts_with(b"HTTP/") {
        let start = Quoted::line(window);
        return H1Error::NotHttp { start };
    }
    let end = window.iter().position(u8::is_ascii_whitespace);
    match &window[..end.unwrap_or(window.len())] {
        b"HTTP/1.0" | b"HTTP/1.1" => H1Error::StatusLine {
            line: Quoted::line(window),
        },
        version => H1Error::UnsupportedVersion {
            version: Quoted::new(version),
        },
    }
}

fn diagnose_fields(lines: &[u8]) -> H1Error {
    let mut field = 0;
    let mut name: &[u8] = b"";
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let value = if let Some(b' ' | b'\t') = line.first() {
            if field == 0 {
                return H1Error::FoldBeforeFirstField;
            }
            line
        } else {
            field += 1;
            let end = line
                .iter()
                .position(|&byte| !is_token_byte(byte))
                .unwrap_or(line.len());
            name = &line[..end];
            match line.get(end) {
                Some(b':') if end > 0 => &line[end + 1..],
                Some(_) if !line.contains(&b':') => return H1Error::FieldWithoutColon { field },
                Some(&byte) => {
                    return H1Error::FieldName {
                        field,
                        name: Quoted::new(name),
                        byte,
                    };
                }
                None => return H1Error::FieldWithoutColon { field },
            }
        };
        let bad = value
            .iter()
            .find(|&&byte| byte < b' ' && byte != b'\t' || byte == 0x7f);
        if let Some(&byte) = bad {
            return H1Error::FieldValue {
                field,
                name: Quoted::new(name),
                byte,
            };
        }
    }
    H1Error::FieldMalformed { field }
}
