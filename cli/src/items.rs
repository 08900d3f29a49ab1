//! Items: HTTPie's way to write headers, parameters and fields.
//!
//! ```text
//!   Name:value  Name:@path  Name:  Name;      headers
//!   key==value  key==@path                    parameters
//!   key=value   key=@path                     fields that are text
//!   key:=json   key:=@path                    fields of any JSON type
//!   key@path    @path                         files; the body
//! ```

use std::fs;

use serde_json::Value;

use crate::failure::{Failure, Result, reason};
use crate::json::string_length;

/// One item, its files read but for those that are sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Item {
    Header(String, String),
    NoHeader(String),
    Param(String, String),
    /// The key as written: it may hold the path of a nested field, and escapes.
    Field(String, Value),
    File(Upload),
    Body(String),
}

/// A file of a form: `name@path;type=text/csv;filename=x.csv`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) media_type: Option<String>,
    pub(crate) file_name: Option<String>,
}

/// The signs between key and value. Of two that begin at one place the longer one counts.
const SIGNS: [&str; 10] = [":=@", "==@", ":=", "==", "=@", ":@", "=", ":", "@", ";"];
/// What a backslash takes literally.
const SPECIAL: &str = "=:@;[]\\";

/// Whether a word could be an item.
pub(crate) fn is_item(word: &str) -> bool {
    split(word).is_some()
}

/// Reads an item.
pub(crate) fn parse(word: &str) -> Result<Item> {
    let Some((raw, sign, value)) = split(word) else {
        return Err(bad(
            word,
            "it has none of the signs `=`, `:=`, `==`, `:`, `;` and `@`",
        ));
    };
    let key = unescaped(raw);
    if key.is_empty() && sign != "@" {
        return Err(bad(word, "nothing stands before the sign"));
    }
    Ok(match sign {
        ":" => match value.trim_matches([' ', '\t']) {
            "" => Item::NoHeader(key),
            // `Name: value`, as heads are written, is the same: no value begins or ends with white space (RFC 9110 section 5.5).
            value => Item::Header(key, start_unescaped(value)),
        },
        ":@" => Item::Header(key, line(word, value)?),
        ";" => Item::Header(key, String::new()),
        "==" => Item::Param(key, start_unescaped(value)),
        "==@" => Item::Param(key, line(word, value)?),
        "=" => Item::Field(raw.to_owned(), start_unescaped(value).into()),
        "=@" => Item::Field(raw.to_owned(), read(word, value)?.into()),
        ":=" => Item::Field(raw.to_owned(), json(word, value)?),
        ":=@" => Item::Field(raw.to_owned(), json(word, &read(word, value)?)?),
        _ if value.is_empty() => return Err(bad(word, "no path stands after the `@`")),
        _ if key.is_empty() => Item::Body(value.to_owned()),
        _ => Item::File(upload(key, value)),
    })
}

/// Splits at the first sign that no backslash precedes. A `;` is one at the end only.
fn split(word: &str) -> Option<(&str, &'static str, &str)> {
    let mut literal = false;
    for (at, c) in word.char_indices() {
        if literal {
            literal = false;
            continue;
        }
        let rest = &word[at..];
        let escapes = rest[c.len_utf8()..].starts_with(|next| SPECIAL.contains(next));
        if c == '\\' && escapes {
            literal = true;
            continue;
        }
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        if let Some(sign) = sign.filter(|sign| **sign != ";" || rest.len() == 1) {
            return Some((&word[..at], sign, &rest[sign.len()..]));
        }
    }
    None
}

/// The text without the backslashes before special characters.
pub(crate) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match characters.peek() {
            Some(&next) if c == '\\' && SPECIAL.contains(next) => {
                out.push(next);
                characters.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// In a value only its beginning can be taken for something else: `key=\@text`.
fn start_unescaped(value: &str) -> String {
    match value.strip_prefix('\\') {
        Some(rest) if rest.starts_with(['@', '=']) => rest.to_owned(),
        _ => value.to_owned(),
    }
}

fn json(word: &str, text: &str) -> Result<Value> {
    let value = serde_json::from_str(text)
        .map_err(|error| bad(word, &format!("the value is not JSON: {error}")))?;
    match has_large_number(text) {
        true => Err(bad(
            word,
            "it has a whole number of more than 64 bits; --json sends such as they stand",
        )),
        false => Ok(value),
    }
}

/// Tells whether valid JSON has a whole number that only a floating one could hold, and not exactly.
fn has_large_number(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        rest = &rest[at..];
        let length = match rest.starts_with('"') {
            true => string_length(rest),
            false => rest
                .find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        let is_whole = !token.contains(['"', '.', 'e', 'E']);
        if is_whole && token.parse::<i64>().is_err() && token.parse::<u64>().is_err() {
            return true;
        }
        rest = after;
    }
    false
}

fn read(word: &str, path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|error| bad(word, &reason(&error)))
}

/// A file's text without the line end that editors put behind the last line.
fn line(word: &str, path: &str) -> Result<String> {
    Ok(read(word, path)?.trim_end_matches(['\r', '\n']).to_owned())
}

/// A path with `;type=` and `;filename=` behind it, in any order.
fn upload(name: String, text: &str) -> Upload {
    let mut upload = Upload {
        name,
        path: text.to_owned(),
        media_type: None,
        file_name: None,
    };
    while let Some((path, last)) = upload.path.rsplit_once(';') {
        let slot = match last.split_once('=') {
            Some(("type", value)) => (&mut upload.media_type, value),
            Some(("filename", value)) => (&mut upload.file_name, value),
            _ => break,
        };
        *slot.0 = Some(slot.1.to_owned());
        upload.path = path.to_owned();
    }
    upload
}

/// Names the item. Its value may be a secret, and is not shown.
pub(crate) fn bad(word: &str, why: &str) -> Failure {
    let shown = match split(word) {
        Some((key, sign, _)) => format!("{key}{sign}…"),
        None => word.to_owned(),
    };
    Failure::usage(format!(
        "the item `{}`: {why}",
        crate::terminal::escaped(&shown)
    ))
}
