//! What is wrong with a JSON text, and where: words for the error, without the values of the text.
//!
//! A body that does not fit is often one that should not be logged: a token of another shape, a user's record. Names of
//! fields are shown, since nobody finds the place without them; values are not, since the place leads to them.

use std::fmt::Write as _;

use http::HeaderValue;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::text::page;

/// A longer key is data, not a name.
const NAME_LIMIT: usize = 64;

/// Of a longer path the end is shown.
const PATH_LIMIT: usize = 256;

/// Of a longer message the beginning is shown.
const MESSAGE_LIMIT: usize = 512;

/// Continues "… is not the JSON expected".
#[cold]
pub(super) fn describe<T: DeserializeOwned>(
    error: &serde_json::Error,
    text: &[u8],
    content_type: Option<&HeaderValue>,
) -> String {
    let mut words = match content_type.and_then(page) {
        Some(page) if error.classify() != Category::Data => format!(" but {page}: "),
        _ => ": ".to_owned(),
    };
    if text.trim_ascii().is_empty() {
        words.push_str("it is empty");
        return words;
    }
    if error.is_eof() {
        let (line, column) = (error.line(), error.column());
        let _ = write!(words, "the body ends at line {line} column {column}");
        // "EOF while parsing a list at line 3 column 1"
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or("");
        words.push_str(what.strip_prefix("EOF").unwrap_or(""));
    } else {
        words.push_str(&valueless(error).unwrap_or_else(|| error.to_string()));
    }
    // Parsed again, now that it costs only those who need it.
    let again = &mut serde_json::Deserializer::from_slice(text);
    if let Err(failed) = serde_path_to_error::deserialize::<_, T>(again)
        && let Some(path) = shown(failed.path())
    {
        let _ = write!(words, ", in {path}");
    }
    words
}

/// The same error without the values that its message repeats.
pub(super) fn without_values(error: serde_json::Error) -> serde_json::Error {
    match valueless(&error) {
        // It finds line and column at the end of the text.
        Some(message) => serde_json::Error::custom(message),
        None => error,
    }
}

/// The message, line and column included, where it may have to be changed: serde's words repeat what they did not expect.
fn valueless(error: &serde_json::Error) -> Option<String> {
    if error.classify() != Category::Data {
        // The parser's own messages are fixed.
        return None;
    }
    let message = error.to_string();
    let (said, place) = match message.rfind(" at line ") {
        Some(place) if error.line() > 0 => message.split_at(place),
        _ => (&message[..], ""),
    };
    let mut words = String::new();
    let mut left = MESSAGE_LIMIT;
    let mut rest = said;
    // One pass: what a type says itself may be long, and somebody else's text.
    while let Some(next) = rest.chars().next() {
        if left == 0 {
            words.push('…');
            break;
        }
        let repeated = KINDS.iter().find(|kind| rest.starts_with(kind.opens));
        match repeated.filter(|kind| !kind.is_short_name(rest)) {
            Some(kind) => {
                words.push_str(kind.instead);
                rest = (kind.rest)(&rest[kind.opens.len()..]);
            }
            None => {
                // What the peer names its fields is not to move somebody's cursor, to begin a line of a log, or to turn one round.
                match next {
                    '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                        words.extend(next.escape_unicode());
                    }
                    _ if next.is_control() => words.extend(next.escape_debug()),
                    _ => words.push(next),
                }
                rest = &rest[next.len_utf8()..];
            }
        }
        left -= 1;
    }
    words.push_str(place);
    Some(words)
}

/// A way in which serde repeats a value.
struct Repeated {
    opens: &'static str,
    instead: &'static str,
    /// What stands behind the value.
    rest: fn(&str) -> &str,
}

impl Repeated {
    /// Tells whether what stands behind is the name of a field, which leads to the place, and not data by its length.
    fn is_short_name(&self, text: &str) -> bool {
        let Some(name) = text.strip_prefix(UNKNOWN_FIELD) else {
            return false;
        };
        self.opens == UNKNOWN_FIELD
            && end_of_unknown(name).is_some_and(|end| name[..end].chars().nth(NAME_LIMIT).is_none())
    }
}

const UNKNOWN_FIELD: &str = "unknown field `";

const KINDS: [Repeated; 7] = [
    Repeated {
        opens: "string \"",
        instead: "a string",
        rest: behind_quoted,
    },
    Repeated {
        opens: "character `",
        instead: "a character",
        rest: |text| {
            let mut characters = text.chars();
            characters.next();
            characters.as_str().strip_prefix('`').unwrap_or("")
        },
    },
    Repeated {
        opens: "integer `",
        instead: "an integer",
        rest: behind_tick,
    },
    Repeated {
        opens: "floating point `",
        instead: "a floating point number",
        rest: behind_tick,
    },
    Repeated {
        opens: "boolean `",
        instead: "a boolean",
        rest: behind_tick,
    },
    Repeated {
        opens: "unknown variant `",
        instead: "unknown variant",
        rest: behind_unknown,
    },
    Repeated {
        opens: UNKNOWN_FIELD,
        instead: "unknown field",
        rest: behind_unknown,
    },
];

fn behind_unknown(text: &str) -> &str {
    end_of_unknown(text).map_or("", |end| &text[end + 1..])
}

/// The names that are expected come from the type: the last one of these is its own, whatever the value is.
fn end_of_unknown(text: &str) -> Option<usize> {
    ["`, expected ", "`, there are no "]
        .into_iter()
        .filter_map(|end| text.rfind(end))
        .max()
}

fn behind_tick(text: &str) -> &str {
    text.find('`').map_or("", |end| &text[end + 1..])
}

/// `text` is in a string as `Debug` writes it.
fn behind_quoted(text: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// `items[3].name`; `None` at the top.
fn shown(path: &Path) -> Option<String> {
    let mut ends: Vec<String> = Vec::new();
    let mut length = 0;
    // What is wrong is not in a field whose name is yet to come.
    let nameless = |segment: &&Segment| matches!(segment, Segment::Unknown);
    for segment in path.iter().rev().skip_while(nameless) {
        let text = match segment {
            Segment::Seq { index } => format!("[{index}]"),
            Segment::Map { key } | Segment::Enum { variant: key } => name(key),
            Segment::Unknown => ".?".to_owned(),
        };
        length += text.len();
        if length > PATH_LIMIT && !ends.is_empty() {
            ends.push("…".to_owned());
            break;
        }
        ends.push(text);
    }
    ends.reverse();
    let path = ends.concat();
    let path = path.strip_prefix('.').unwrap_or(&path);
    (!path.is_empty()).then(|| path.to_owned())
}

fn name(key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@' | '/' | ':');
    match key {
        _ if key.chars().nth(NAME_LIMIT).is_some() => "[…]".to_owned(),
        _ if !key.is_empty() && key.chars().all(plain) => format!(".{key}"),
        _ => format!("[{key:?}]"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;
    use std::fmt::Display;

    use serde::Deserialize;

    use super::super::read;
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "it is only made")]
    struct Item {
        id: u8,
        #[serde(default)]
        name: String,
        #[serde(default)]
        kind: Option<Kind>,
        #[serde(default)]
        letter: Option<char>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "it is only made")]
    enum Kind {
        Plain,
        Sized { bytes: u64 },
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "it is only made")]
    struct Page {
        items: Vec<Item>,
    }

    fn message<T: DeserializeOwned>(text: &[u8]) -> String {
        let error = read::<T>("the body", text, None).err().unwrap();
        let all = format!("{error} {error:?}");
        assert!(!all.contains("mot123"), "{all}");
        let told = error.message();
        told.strip_prefix("the body is not the JSON expected")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn messages_have_line_column_and_path_and_no_value() {
        let table = [
            (
                r#"{"items":[{"id":1},{"id":"mot123"}]}"#,
                ": invalid type: a string, expected u8 at line 1 column 33, in items[1].id",
            ),
            (
                "{\"items\":[\n{\"id\":1},\n {\"id\":\"a\\\" mot123\"}]}",
                ": invalid type: a string, expected u8 at line 3 column 19, in items[1].id",
            ),
            (
                r#"{"items":[{"id":123123}]}"#,
                ": invalid value: an integer, expected u8 at line 1 column 22, in items[0].id",
            ),
            (
                r#"{"items":[{"id":1.5}]}"#,
                ": invalid type: a floating point number, expected u8 at line 1 column 19, in items[0].id",
            ),
            (
                r#"{"items":[{"id":null}]}"#,
                ": invalid type: null, expected u8 at line 1 column 20, in items[0].id",
            ),
            (
                r#"{"items":[{"id":1,"name":true}]}"#,
                ": invalid type: a boolean, expected a string at line 1 column 29, in items[0].name",
            ),
            (
                r#"{"items":[{"id":1,"kind":"mot123`, expected x"}]}"#,
                ": unknown variant, expected `Plain` or `Sized` at line 1 column 46, in items[0].kind",
            ),
            (
                r#"{"items":[{"id":1,"kind":{"Sized":{"bytes":"mot123"}}}]}"#,
                ": invalid type: a string, expected u64 at line 1 column 51, in items[0].kind.Sized.bytes",
            ),
            (
                r#"{"items":[{"id":1,"letter":"mot123"}]}"#,
                ": invalid value: a string, expected a character at line 1 column 35, in items[0].letter",
            ),
            (
                r#"{"items":[{"id":1,"more":2}]}"#,
                ": unknown field `more`, expected one of `id`, `name`, `kind`, `letter` at line 1 column 24, in items[0].more",
            ),
            (
                "{\"items\":[{\"id\":1,\"\\u001b[2J\\n\\u202e\":2}]}",
                ": unknown field `\\u{1b}[2J\\n\\u{202e}`, expected one of `id`, `name`, `kind`, `letter` at line 1 column 37, in items[0][\"\\u{1b}[2J\\n\\u{202e}\"]",
            ),
            (
                r#"{"items":[{}]}"#,
                ": missing field `id` at line 1 column 12, in items[0]",
            ),
            (r#"{}"#, ": missing field `items` at line 1 column 2"),
            (
                r#"{"items":[{"id":1]}"#,
                ": expected `,` or `}` at line 1 column 18, in items[0]",
            ),
            (
                r#"{"items":[{"id":1}]} x"#,
                ": trailing characters at line 1 column 22",
            ),
            (
                r#"{"items":[{"id":1,"name":"mot1"#,
                ": the body ends at line 1 column 30 while parsing a string, in items[0].name",
            ),
            (
                "{\"items\":[\n",
                ": the body ends at line 2 column 0 while parsing a list, in items",
            ),
            ("", ": it is empty"),
            ("\u{feff} \r\n", ": it is empty"),
        ];
        for (text, expected) in table {
            let told = message::<Page>(text.as_bytes());
            assert_eq!(told, expected, "{text}");
        }
    }

    #[test]
    fn the_path_is_found_in_every_encoding() {
        let text = r#"{"items":[{"id":"mot123"}]}"#;
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let expected = ": invalid type: a string, expected u8 at line 1 column 24, in items[0].id";
        assert_eq!(message::<Page>(&utf16), expected);
        assert_eq!(
            message::<Page>(&utf16[..7]),
            ": the body is not valid Utf16Le"
        );
        assert_eq!(
            message::<Page>(b"{\"items\": [\"\xff\"]}"),
            ": invalid unicode code point at line 1 column 13, in items[0]"
        );
    }

    #[test]
    fn names_that_are_none_are_quoted_or_left_out() {
        type Map = BTreeMap<String, u8>;
        let long = format!("{}mot123", "k".repeat(80));
        for (key, expected) in [
            ("a", "in a"),
            ("data:kind", "in data:kind"),
            ("a b", r#"in ["a b"]"#),
            ("", r#"in [""]"#),
            ("\\u001b[1m", r#"in ["\u{1b}[1m"]"#),
            (&long, "in […]"),
        ] {
            let told = message::<Map>(format!("{{\"{key}\":[]}}").as_bytes());
            assert!(told.ends_with(expected), "{told}");
        }
    }

    #[test]
    fn a_field_whose_name_is_long_is_not_named() {
        let key = format!("mot123`, expected {}", "k".repeat(80));
        let told = message::<Item>(format!("{{\"{key}\":1}}").as_bytes());
        assert!(
            told.starts_with(": unknown field, expected one of `id`,"),
            "{told}"
        );
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let told = message::<Nothing>(br#"{"a":1}"#);
        assert!(
            told.starts_with(": unknown field `a`, there are no fields"),
            "{told}"
        );
    }

    #[test]
    fn a_deep_path_shows_its_end() {
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "it is only made")]
        struct Node {
            a_rather_long_name: Option<Box<Node>>,
        }
        let text = "{\"a_rather_long_name\":".repeat(30);
        let told = message::<Node>(text.as_bytes());
        let path = told.rsplit_once("in ").unwrap().1;
        assert!(path.starts_with('…') && path.len() < PATH_LIMIT + 40);
        // Deeper than the parser goes.
        let told = message::<serde_json::Value>("[".repeat(100_000).as_bytes());
        assert!(told.starts_with(": recursion limit exceeded"), "{told}");
    }

    #[test]
    fn a_page_is_named_where_the_body_is_no_json() {
        let html = HeaderValue::from_static("Text/HTML; charset=utf-8");
        let told = |text: &str| {
            read::<Page>("the body", text.as_bytes(), Some(&html))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            told("<html>"),
            "Json: the body is not the JSON expected but text/html: expected value at line 1 column 1"
        );
        assert_eq!(
            told(""),
            "Json: the body is not the JSON expected but text/html: it is empty"
        );
        assert!(told("{}").contains("expected: missing field"));
    }

    #[test]
    fn what_a_type_says_itself_is_kept_and_bounded() {
        struct Own;
        impl<'de> Deserialize<'de> for Own {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Own, D::Error> {
                let text = String::deserialize(input)?;
                Err(D::Error::custom(text.repeat(200)))
            }
        }
        let told = message::<Vec<Own>>(b"[\"no date\"]");
        assert!(told.starts_with(": no dateno date"), "{told}");
        assert!(
            told.ends_with("… at line 1 column 10, in [0]")
                || told.ends_with("… at line 1 column 11, in [0]"),
            "{told}"
        );
        assert!(told.len() < MESSAGE_LIMIT + 64);
    }

    #[test]
    fn the_source_tells_as_little_and_knows_its_place() {
        use std::error::Error as _;
        let error = read::<Page>("it", br#"{"items":["mot123"]}"#, None).unwrap_err();
        let source: &dyn Display = error.source().unwrap();
        assert!(!source.to_string().contains("mot123"));
        let source = error.source().unwrap();
        let source = source.downcast_ref::<serde_json::Error>().unwrap();
        assert_eq!((source.line(), source.column()), (1, 18));
        assert!(source.is_data());
    }

    #[test]
    fn long_hostile_values_take_linear_time() {
        for part in ["\\\"", "string \\\"", "integer `", "unknown variant `", "`"] {
            let text = format!("{{\"items\":\"{}\"}}", part.repeat(200_000));
            message::<Page>(text.as_bytes());
        }
    }
}
