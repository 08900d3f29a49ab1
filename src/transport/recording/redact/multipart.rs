//! Where the parts of a multipart body stand (RFC 2046 section 5.1.1).

use std::ops::Range;

use memchr::{memchr, memmem};

/// One part: what its head says, and where its content stands.
pub(super) struct Part {
    pub(super) name: Option<String>,
    /// In lower case, without parameters; empty where there is none.
    pub(super) media_type: String,
    pub(super) content: Range<usize>,
}

/// The parts of a body. One that was cut off has its last part up to the end.
pub(super) fn parts(body: &[u8], boundary: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut begun = None;
    for line in delimiters(body, boundary) {
        if let Some(from) = begun {
            parts.push(part(body, from..before_line(body, line.start)));
        }
        begun = Some(line.end);
        if line.is_last {
            return parts;
        }
    }
    if let Some(from) = begun {
        parts.push(part(body, from..body.len()));
    }
    parts
}

/// A line that divides parts.
struct Delimiter {
    start: usize,
    /// Behind its line break.
    end: usize,
    is_last: bool,
}

fn delimiters(body: &[u8], boundary: &[u8]) -> impl Iterator<Item = Delimiter> {
    let marks: Vec<usize> = memmem::find_iter(body, boundary).collect();
    marks.into_iter().filter_map(move |at| {
        let start = at.checked_sub(2)?;
        if body[start..at] != *b"--" || (start > 0 && body[start - 1] != b'\n') {
            return None;
        }
        let rest = &body[at + boundary.len()..];
        let end = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let is_last = rest.starts_with(b"--");
        // Another line may begin alike.
        let is_line = is_last || rest[..end].iter().all(|b| b" \t\r\n".contains(b));
        is_line.then_some(Delimiter {
            start,
            end: body.len() - rest.len() + end,
            is_last,
        })
    })
}

/// Where the line before this one ends, without its line break.
fn before_line(body: &[u8], start: usize) -> usize {
    let before = &body[..start];
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before).len()
}

fn part(body: &[u8], whole: Range<usize>) -> Part {
    // Two delimiters with nothing between them overlap by a line break.
    let end = whole.end.max(whole.start);
    let mut part = Part {
        name: None,
        media_type: String::new(),
        content: whole.start..end,
    };
    let mut fields: Vec<String> = Vec::new();
    loop {
        let rest = &body[part.content.clone()];
        let Some(line) = memchr(b'\n', rest).map(|at| &rest[..=at]) else {
            break;
        };
        part.content.start += line.len();
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            break;
        }
        match fields.last_mut() {
            // RFC 5322 section 2.2.3: folded.
            Some(last) if text.starts_with([' ', '\t']) => last.push_str(&text),
            _ => fields.push(text.into_owned()),
        }
    }
    for field in &fields {
        let Some((name, value)) = field.split_once(':') else {
            continue;
        };
        let name = name.trim();
        if name.eq_ignore_ascii_case("content-disposition") {
            part.name = name_in(value);
        } else if name.eq_ignore_ascii_case("content-type") {
            let media_type = value.split(';').next().unwrap_or_default();
            part.media_type = media_type.trim().to_ascii_lowercase();
        }
    }
    part
}

/// The parameter `name`, or `name*`, of a `content-disposition`.
fn name_in(value: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim().trim_end_matches('*');
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if key.eq_ignore_ascii_case("name") {
            return Some(value);
        }
        rest = next.split_once(';')?.1;
    }
}

/// A quoted text without its escapes, and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (out, &text[at + 1..]),
            '\\' => out.extend(chars.next().map(|(_, char)| char)),
            _ => out.push(char),
        }
    }
    (out, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Vec<(String, String, String)> {
        let parts = parts(body.as_bytes(), b"B");
        let told = parts.into_iter().map(|part| {
            let content = body[part.content].to_owned();
            (part.name.unwrap_or_default(), part.media_type, content)
        });
        told.collect()
    }

    #[test]
    fn parts_have_their_names_types_and_contents() {
        let field = "Content-Disposition: form-data; name=";
        for (body, expected) in [
            (
                format!("--B\r\n{field}\"a\"\r\n\r\n1\r\n--B\r\ncontent-type: Text/Plain; x=1\r\n{field}b\r\n\r\n2\r\n\r\n--B--\r\n"),
                vec![("a", "", "1"), ("b", "text/plain", "2\r\n")],
            ),
            // Bare line feeds, a preamble, an epilogue, blanks behind the boundary.
            (
                format!("pre\n--B \t\n{field}\"a\"\n\n1\n--B--\n--B\n\nx"),
                vec![("a", "", "1")],
            ),
            // What only begins as the boundary does is content, and so is what stands within a line.
            (
                format!("--B\r\n{field}\"a\"\r\n\r\n--Bx\r\ny--B\r\n--B--"),
                vec![("a", "", "--Bx\r\ny--B")],
            ),
            // Cut off, in the content and in the head.
            (format!("--B\r\n{field}\"a\"\r\n\r\n1"), vec![("a", "", "1")]),
            (format!("--B\r\n{field}\"a"), vec![("", "", "Content-Disposition: form-data; name=\"a")]),
            // Escapes, other parameters, folded lines, encoded names.
            (
                "--B\r\ncontent-disposition: form-data; filename=\"x; name=\\\"q\\\"\";\r\n\tNAME=\"a\\\"b\"\r\n\r\n--B--".to_owned(),
                vec![("a\"b", "", "")],
            ),
            (
                "--B\ncontent-disposition: form-data; name*=utf-8''a\n\n1\n--B--".to_owned(),
                vec![("utf-8''a", "", "1")],
            ),
            ("--B\r\n--B--".to_owned(), vec![("", "", "")]),
            ("--B\r\n\r\n--B--".to_owned(), vec![("", "", "")]),
            ("".to_owned(), vec![]),
            ("B--B".to_owned(), vec![]),
        ] {
            let told = told(&body);
            let told: Vec<_> = told
                .iter()
                .map(|(name, media_type, content)| (&**name, &**media_type, &**content))
                .collect();
            assert_eq!(told, expected, "{body:?}");
        }
    }
}
