//! The line between parts (RFC 2046 section 5.1.1).

use std::fmt::Write as _;

/// Makes a boundary of 128 random bits in hexadecimal digits; empty where the system has none to give.
pub(super) fn random() -> String {
    let mut bits = [0; 16];
    if getrandom::fill(&mut bits).is_err() {
        return String::new();
    }
    bits.iter()
        .fold(String::with_capacity(32), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// `bcharsnospace`, 1 to 70 of them. A space, which the RFC allows inside, is left out.
pub(super) fn is_valid(boundary: &str) -> bool {
    (1..=70).contains(&boundary.len())
        && boundary
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte))
}

/// The value of the `content-type` field; quoted where the boundary is no token (RFC 9110 section 5.6.2).
pub(super) fn content_type(boundary: &str) -> String {
    if boundary.bytes().any(|byte| b"(),/:=?".contains(&byte)) {
        format!("multipart/form-data; boundary=\"{boundary}\"")
    } else {
        format!("multipart/form-data; boundary={boundary}")
    }
}

/// The boundary that a `content-type` of the caller's asks for.
pub(super) fn boundary_of(content_type: &str) -> Option<&str> {
    let mut sections = content_type.split(';');
    let kind = sections.next()?.trim().split('/').next()?;
    if !kind.eq_ignore_ascii_case("multipart") {
        return None;
    }
    sections.find_map(|section| {
        let (name, value) = section.split_once('=')?;
        let is_boundary = name.trim().eq_ignore_ascii_case("boundary");
        is_boundary.then(|| value.trim().trim_matches('"'))
    })
}

pub(super) fn occurs(boundary: &str, content: &[u8]) -> bool {
    !boundary.is_empty() && memchr::memmem::find(content, boundary.as_bytes()).is_some()
}

/// The content holds a line that would end it.
pub(super) fn ends(boundary: &str, content: &[u8]) -> bool {
    let line = format!("\r\n--{boundary}");
    content.starts_with(&line.as_bytes()[2..])
        || memchr::memmem::find(content, line.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_made_of_bcharsnospace() {
        let long = "x".repeat(70);
        let longer = "x".repeat(71);
        let cases = [
            ("BOUNDARY", true),
            ("+++", true),
            ("'()+_,-./:=?", true),
            (&long, true),
            (&longer, false),
            ("", false),
            ("a b", false),
            ("a\r\nb", false),
            ("a\"b", false),
            ("a;b", false),
            ("\u{e4}", false),
        ];
        for (boundary, valid) in cases {
            assert_eq!(is_valid(boundary), valid, "{boundary:?}");
        }
    }

    #[test]
    fn inj_07_boundaries_are_128_random_bits() {
        let boundaries: std::collections::HashSet<_> = (0..1000).map(|_| random()).collect();
        assert_eq!(boundaries.len(), 1000);
        let mut seen = [0u32; 256];
        for boundary in &boundaries {
            assert_eq!(boundary.len(), 32);
            assert!(boundary.bytes().all(|b| b"0123456789abcdef".contains(&b)));
            for digit in boundary.bytes() {
                seen[usize::from(digit)] += 1;
            }
        }
        // 2,000 of each digit are expected; the bounds are over ten standard deviations away.
        for digit in b"0123456789abcdef" {
            assert!(
                (1500..2500).contains(&seen[usize::from(*digit)]),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn the_boundary_is_quoted_where_it_is_no_token() {
        assert_eq!(content_type("+++"), "multipart/form-data; boundary=+++");
        assert_eq!(content_type("a:b"), "multipart/form-data; boundary=\"a:b\"");
    }

    #[test]
    fn the_callers_content_type_names_the_boundary() {
        let cases = [
            ("multipart/form-data; boundary=+++", Some("+++")),
            ("multipart/form-data; boundary=+++ ;", Some("+++")),
            ("multipart/form-data; boundary=\"+++\" ;", Some("+++")),
            (
                "multipart/form-data; charset=utf-8; boundary=\"+++\"",
                Some("+++"),
            ),
            ("Multipart/Form-Data ;Boundary=a=b", Some("a=b")),
            ("multipart/form-data", None),
            ("multipart/related; boundary=+++", Some("+++")),
            ("text/plain; boundary=+++", None),
        ];
        for (given, boundary) in cases {
            assert_eq!(boundary_of(given), boundary, "{given}");
        }
    }

    #[test]
    fn a_line_that_ends_the_content_is_found() {
        let cases: [(&[u8], bool); 5] = [
            (b"--B", true),
            (b"x\r\n--B", true),
            (b"x--B", false),
            (b"x\n--B", false),
            (b"", false),
        ];
        for (content, found) in cases {
            assert_eq!(ends("B", content), found, "{content:?}");
        }
    }
}
