//! The `content-type` of a part: guessed, or given.

use std::path::Path;

/// What mime_guess does not know, or knows by another name than IANA's registry (or, where that has none, Python's table).
const OVERRIDES: &[(&str, &str)] = &[
    ("ico", "image/vnd.microsoft.icon"),
    ("jsonl", "application/jsonl"),
    ("mjs", "text/javascript"),
    ("mts", "video/mp2t"),
    ("ndjson", "application/x-ndjson"),
    ("py", "text/x-python"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zst", "application/zstd"),
];

const UNKNOWN: &str = "application/octet-stream";

/// Guesses a type by a file name's extension.
pub(super) fn guess(file_name: &str) -> &'static str {
    let Some(extension) = Path::new(file_name).extension().and_then(|e| e.to_str()) else {
        return UNKNOWN;
    };
    let known = OVERRIDES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(extension))
        .map(|(_, media_type)| *media_type);
    known
        .or_else(|| mime_guess::from_ext(extension).first_raw())
        .unwrap_or(UNKNOWN)
}

/// `type/subtype`, and parameters of visible ASCII (RFC 9110 section 8.3.1).
pub(super) fn is_valid(text: &str) -> bool {
    let (essence, parameters) = match text.split_once(';') {
        Some((essence, parameters)) => (essence.trim_end_matches([' ', '\t']), parameters),
        None => (text, ""),
    };
    let tokens = essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    tokens
        && parameters
            .bytes()
            .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_guessed_by_the_extension() {
        let cases = [
            ("a.txt", "text/plain"),
            ("a.csv", "text/csv"),
            ("x.png", "image/png"),
            ("X.PNG", "image/png"),
            ("example.json", "application/json"),
            ("a.js", "text/javascript"),
            ("a.mjs", "text/javascript"),
            ("a.ts", "video/mp2t"),
            ("a.yaml", "application/yaml"),
            ("a.Yml", "application/yaml"),
            ("a.jsonl", "application/jsonl"),
            ("a.zst", "application/zstd"),
            ("report.xls", "application/vnd.ms-excel"),
            ("a.b.pdf", "application/pdf"),
            ("no-extension", UNKNOWN),
            ("a.unknown-extension", UNKNOWN),
            (".txt", UNKNOWN),
            ("a.", UNKNOWN),
            ("", UNKNOWN),
        ];
        for (file_name, expected) in cases {
            assert_eq!(guess(file_name), expected, "{file_name}");
        }
    }

    #[test]
    fn inj_05_what_is_no_media_type_is_refused() {
        let cases = [
            ("text/plain", true),
            ("text/plain; charset=utf-8", true),
            ("text/plain ;charset=\"a b\"", true),
            ("application/vnd.ms-excel", true),
            ("image/svg+xml", true),
            ("text", false),
            ("/plain", false),
            ("text/", false),
            ("", false),
            ("a/b/c", false),
            ("text/plain\r\nx: y", false),
            ("text/plain; a=\r\nx: y", false),
            ("text/plain; a=\0", false),
            ("text/pl\u{e4}in", false),
            ("text/plain, text/html", false),
        ];
        for (text, valid) in cases {
            assert_eq!(is_valid(text), valid, "{text:?}");
        }
    }
}
