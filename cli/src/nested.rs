//! Fields of nested JSON: `a[b][c]=x`, `list[]=x`, `list[0]=x`, and `[]=x` for a list on top.

use serde_json::{Map, Value};

use crate::failure::Result;
use crate::items::{bad, unescaped};

/// No list written by hand is longer; each place up to the index would be filled with null.
const MOST: usize = 10_000;

/// One step of a path.
enum Step {
    Key(String),
    Index(usize),
    Append,
}

/// Puts a value at the place that a key names; `whole` begins as `Value::Null`.
pub(crate) fn put(whole: &mut Value, key: &str, value: Value) -> Result<()> {
    let refused = |why: &str| bad(&format!("{key}="), why);
    let mut place = whole;
    for step in path(key).map_err(refused)? {
        place = enter(place, step).map_err(|why| refused(&why))?;
    }
    // The same key once more: the last one counts, as with any object in JSON.
    *place = value;
    Ok(())
}

fn enter(place: &mut Value, step: Step) -> Result<&mut Value, String> {
    if place.is_null() {
        *place = match step {
            Step::Key(_) => Value::Object(Map::new()),
            _ => Value::Array(Vec::new()),
        };
    }
    match (place, step) {
        (Value::Object(map), Step::Key(key)) => Ok(map.entry(key).or_insert(Value::Null)),
        (Value::Array(list), Step::Append) => {
            list.push(Value::Null);
            let last = list.len() - 1;
            Ok(&mut list[last])
        }
        (Value::Array(list), Step::Index(index)) => {
            if index >= MOST {
                return Err(format!("an index is {MOST} or more"));
            }
            if list.len() <= index {
                list.resize(index + 1, Value::Null);
            }
            Ok(&mut list[index])
        }
        (Value::Object(_), _) => Err("it is an object elsewhere, not a list".into()),
        (Value::Array(_), _) => Err("it is a list elsewhere, not an object".into()),
        _ => Err("it has a value of its own already".into()),
    }
}

/// `a[b][]` as its steps; a bracket behind a backslash is part of a name.
fn path(key: &str) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let (first, mut rest) = until(key, '[');
    if !first.is_empty() || !rest.starts_with('[') {
        steps.push(Step::Key(unescaped(first)));
    }
    while let Some(inner) = rest.strip_prefix('[') {
        let (name, after) = until(inner, ']');
        let Some(after) = after.strip_prefix(']') else {
            return Err("a bracket is not closed");
        };
        steps.push(match name {
            "" => Step::Append,
            _ if name.bytes().all(|b| b.is_ascii_digit()) => {
                Step::Index(name.parse().unwrap_or(usize::MAX))
            }
            // A backslash before digits makes a name of them.
            _ => match name.strip_prefix('\\') {
                Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                    Step::Key(digits.to_owned())
                }
                _ => Step::Key(unescaped(name)),
            },
        });
        rest = after;
    }
    match rest.is_empty() {
        true => Ok(steps),
        false => Err("something stands behind the closing bracket"),
    }
}

/// Splits before the first `end` that no backslash precedes.
fn until(text: &str, end: char) -> (&str, &str) {
    let mut literal = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if literal => literal = false,
            '\\' => literal = true,
            _ if c == end => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}
