//! Bodies of JSON: whether one is, or contains, another.

use serde_json::Value;

use super::matcher::{Seen, in_body};

/// Says where the body is not the JSON wanted. Not `exact`: objects may have more members.
pub(super) fn mismatch(seen: &Seen<'_>, wanted: &Value, exact: bool) -> Option<String> {
    in_body(seen, |body| match crate::json::from_slice(body) {
        Ok(own) => difference(&own, wanted, exact)
            .map(|place| format!("the JSON differs at `/{}`", place.join("/"))),
        Err(_) => Some("the body is not JSON".to_owned()),
    })
}

/// The first place where they differ, its names from the outside in. serde_json itself bounds how deep it goes.
fn difference(own: &Value, wanted: &Value, exact: bool) -> Option<Vec<String>> {
    let at = |key: &str, inner: Option<Vec<String>>| {
        inner.map(|mut place| {
            place.insert(0, key.to_owned());
            place
        })
    };
    match (own, wanted) {
        (Value::Object(own), Value::Object(wanted)) => {
            if exact && let Some(extra) = own.keys().find(|key| !wanted.contains_key(*key)) {
                return Some(vec![extra.clone()]);
            }
            wanted.iter().find_map(|(key, value)| {
                let inner = match own.get(key) {
                    Some(own) => difference(own, value, exact),
                    None => Some(Vec::new()),
                };
                at(key, inner)
            })
        }
        (Value::Array(own), Value::Array(wanted)) => {
            let mut pairs = own.iter().zip(wanted).enumerate();
            pairs
                .find_map(|(i, (own, wanted))| at(&i.to_string(), difference(own, wanted, exact)))
                .or_else(|| {
                    let shorter = own.len().min(wanted.len());
                    (own.len() != wanted.len()).then(|| vec![shorter.to_string()])
                })
        }
        (Value::Number(own), Value::Number(wanted)) => {
            let same = own == wanted || own.as_f64() == wanted.as_f64();
            (!same).then(Vec::new)
        }
        _ => (own != wanted).then(Vec::new),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_compared_and_the_place_is_told() {
        let cases = [
            (json!({"a": 1}), json!({"a": 1}), None, None),
            (json!({"a": 1}), json!({"a": 1.0}), None, None),
            (json!({"a": 1, "b": 2}), json!({"a": 1}), Some("b"), None),
            (
                json!({"a": 1}),
                json!({"a": 1, "b": 2}),
                Some("b"),
                Some("b"),
            ),
            (
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"b": 1}}),
                Some("a/c"),
                None,
            ),
            (
                json!({"a": [1, 2]}),
                json!({"a": [1, 3]}),
                Some("a/1"),
                Some("a/1"),
            ),
            (json!([1, 2]), json!([1]), Some("1"), Some("1")),
            (
                json!([{"a": 1, "b": 2}]),
                json!([{"a": 1}]),
                Some("0/b"),
                None,
            ),
            (json!(1), json!("1"), Some(""), Some("")),
            (json!(null), json!(null), None, None),
        ];
        for (own, wanted, exact, contains) in cases {
            let place = |is_exact| difference(&own, &wanted, is_exact).map(|p| p.join("/"));
            assert_eq!(place(true).as_deref(), exact, "{own} is {wanted}");
            assert_eq!(place(false).as_deref(), contains, "{own} contains {wanted}");
        }
    }
}
