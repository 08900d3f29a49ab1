//! Query parameters and form bodies: pairs of text, made from any `Serialize`.

mod common;
mod serialize;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use percent_encoding::percent_decode_str;
use serde::Serialize;

use self::serialize::PairsSerializer;

/// Pairs in order; a key may stand more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

/// Why a value cannot be written as pairs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParamsError {
    #[error("parameters must be pairs, a map, a struct or a query string, not {found}")]
    NotPairs { found: &'static str },
    #[error("each parameter must be a pair of a key and a value")]
    NotAPair,
    #[error("the key of a parameter must be text or a number, not {found}")]
    NotAKey { found: &'static str },
    #[error(
        "the value of the parameter `{key}` must be text, a number, a bool or a list of these, not {found}"
    )]
    NotAValue { key: String, found: &'static str },
    #[error("the bytes given for a parameter are not UTF-8")]
    NotUtf8,
    #[error("{0}")]
    Custom(String),
}

impl Params {
    /// Reads pairs from an array or list of pairs, a map, a struct, or a string `a=1&b=2`.
    ///
    /// A list as a value repeats its key, an empty one leaves nothing; `None` gives `a=`.
    pub(crate) fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Params, ParamsError> {
        let mut pairs = Vec::new();
        value.serialize(PairsSerializer(&mut pairs))?;
        Ok(Params(pairs))
    }

    /// Reads `a=1&b=2` as the WHATWG's form parser does: `+` is a space, what is no valid escape
    /// stays, a key without `=` has an empty value.
    pub(crate) fn parse(query: &str) -> Params {
        Params(
            query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key).into_owned(), decode(value).into_owned())
                })
                .collect(),
        )
    }

    /// Appends pairs, whatever their keys.
    pub(crate) fn extend(&mut self, other: Params) {
        self.0.extend(other.0);
    }

    /// Merges pairs of a later level: those of a key that is already here take the place of all its
    /// earlier ones, new keys are appended. (A Python dict, which HTTPX uses, keeps places too.)
    pub(crate) fn merge(&mut self, later: &Params) {
        if later.is_empty() {
            return;
        }
        let earlier = std::mem::take(&mut self.0);
        let mut overlay = Overlay::new(later);
        for (key, value) in earlier {
            match overlay.replaced(&key) {
                None => self.0.push((key, value)),
                Some(pairs) => self.0.extend(pairs.into_iter().cloned()),
            }
        }
        self.0.extend(overlay.rest().cloned());
    }

    /// Writes a query string: letters, digits and `~-._` stay, a space is `+`, all else is
    /// percent-encoded UTF-8. These are the rules of Python's `urlencode`, which HTTPX 0.28 uses.
    pub(crate) fn encode(&self) -> String {
        encode_pairs(self.iter())
    }

    /// Writes an `application/x-www-form-urlencoded` body, by the same rules as the query.
    pub(crate) fn encode_form(&self) -> String {
        self.encode()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Puts a query together: the URL's own, then the client's parameters, then the request's.
///
/// Later values of a key replace earlier ones, in their place. What nothing replaces of the URL's
/// own query stays as it is written, and all of it stays byte for byte when no parameter is given.
pub(crate) fn merge_query(own: Option<&str>, client: &Params, request: &Params) -> Option<String> {
    if client.is_empty() && request.is_empty() {
        return own.map(str::to_owned);
    }
    let merged = if client.is_empty() {
        Cow::Borrowed(request)
    } else {
        let mut merged = client.clone();
        merged.merge(request);
        Cow::Owned(merged)
    };
    let mut overlay = Overlay::new(&merged);
    let mut query = String::new();
    for segment in own.unwrap_or_default().split('&') {
        let key = segment.split_once('=').map_or(segment, |(key, _)| key);
        match overlay.replaced(&decode(key)) {
            None => push_segment(&mut query, segment),
            Some(pairs) => {
                for pair in pairs {
                    push_segment(&mut query, &encode_pairs([(&*pair.0, &*pair.1)]));
                }
            }
        }
    }
    for pair in overlay.rest() {
        push_segment(&mut query, &encode_pairs([(&*pair.0, &*pair.1)]));
    }
    Some(query)
}

/// Joins with `&`. Empty segments, which say nothing, go when a query is put together anew.
fn push_segment(query: &mut String, segment: &str) {
    if !query.is_empty() && !segment.is_empty() {
        query.push('&');
    }
    query.push_str(segment);
}

/// The pairs of a later level, on their way to the places of those that they replace.
struct Overlay<'a> {
    pairs: &'a [(String, String)],
    by_key: HashMap<&'a str, Vec<&'a (String, String)>>,
    placed: HashSet<&'a str>,
}

impl<'a> Overlay<'a> {
    fn new(later: &'a Params) -> Self {
        let mut by_key: HashMap<&str, Vec<_>> = HashMap::new();
        for pair in &later.0 {
            by_key.entry(&pair.0).or_default().push(pair);
        }
        Overlay {
            pairs: &later.0,
            by_key,
            placed: HashSet::new(),
        }
    }

    /// `None`: the key stays. Otherwise what stands in its place: all new pairs at its first
    /// occurrence, nothing at the others.
    fn replaced(&mut self, key: &str) -> Option<Vec<&'a (String, String)>> {
        let (&key, pairs) = self.by_key.get_key_value(key)?;
        Some(if self.placed.insert(key) {
            pairs.clone()
        } else {
            Vec::new()
        })
    }

    /// What replaced nothing.
    fn rest(self) -> impl Iterator<Item = &'a (String, String)> {
        let placed = self.placed;
        self.pairs
            .iter()
            .filter(move |(key, _)| !placed.contains(key.as_str()))
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b == b'+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

fn encode_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode_into(key, &mut text);
        text.push('=');
        encode_into(value, &mut text);
    }
    text
}

fn encode_into(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'~' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}
