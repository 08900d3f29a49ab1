//! What a reader of the documentation can count on: every item says what it is for, what can fail says how, and each type is shown in use.

use serde_json::{Value, json};

use super::{item, kind, members, rustdoc_json};

/// What may go without: (item, what it lacks, why).
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

#[test]
fn what_is_public_is_documented() {
    let Some(json) = rustdoc_json() else { return };
    let found = lacks(&json);
    let unforeseen: Vec<&String> = found
        .iter()
        .filter(|lack| !EXCEPTIONS.iter().any(|exception| is(exception, lack)))
        .collect();
    assert!(unforeseen.is_empty(), "\n{unforeseen:#?}\n");
    for exception in EXCEPTIONS {
        let needed = found.iter().any(|lack| is(exception, lack));
        assert!(needed, "{} needs no exception any more", exception.0);
    }
}

fn is((path, what, _): &(&str, &str, &str), lack: &str) -> bool {
    lack == format!("{path} has no {what}")
}

/// Everything that the documentation lacks.
fn lacks(json: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let root = item(json, &json["root"]).expect("the crate's root is in the index");
    look(json, "dimorph", root, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

/// Looks at an item and at all that it holds.
fn look(json: &Value, path: &str, item_: &Value, found: &mut Vec<String>) {
    let (kind, inner) = kind(item_);
    let docs = item_["docs"].as_str().unwrap_or_default();
    let mut lacks = |what: &str| found.push(format!("{path} has no {what}"));
    if docs.trim().is_empty() && kind != "impl" {
        lacks("text");
    }
    let shown = ["module", "struct", "enum", "union", "trait", "type_alias"].contains(&kind);
    if shown && !shows_code(docs) {
        lacks("example");
    }
    if kind == "function" && gives_result(&inner["sig"]["output"]) && !docs.contains("# Errors") {
        lacks("section `Errors`");
    }
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let held: Vec<Value> = match kind {
        "module" | "trait" => list(&inner["items"]),
        "impl" if inner["trait"].is_null() && inner["blanket_impl"].is_null() => {
            list(&inner["items"])
        }
        "struct" | "enum" | "union" => members(inner)
            .cloned()
            .chain(list(&inner["impls"]))
            .collect(),
        "variant" => list(&inner["kind"]["struct"]["fields"]),
        _ => Vec::new(),
    };
    for id in &held {
        let Some(held) = item(json, id) else { continue };
        let private = held["visibility"] != "public" && held["visibility"] != "default";
        match held["inner"].get("use") {
            _ if private => {}
            // The other crates' own documentation says what their items are.
            Some(used) => {
                if let Some(target) = item(json, &used["id"]) {
                    let name = used["name"].as_str().unwrap_or_default();
                    look(json, &format!("{path}::{name}"), target, found);
                }
            }
            None => match held["name"].as_str() {
                Some(name) => look(json, &format!("{path}::{name}"), held, found),
                None => look(json, path, held, found),
            },
        }
    }
}

/// Tells whether a block of code is in the text, and not only a drawing.
fn shows_code(docs: &str) -> bool {
    let fences = docs
        .lines()
        .filter_map(|line| line.trim().strip_prefix("```"));
    // Every other one ends a block.
    fences
        .step_by(2)
        .any(|language| !["text", "json"].contains(&language))
}

/// Tells whether a `Result` is in what a function gives: by itself, in an `Option`, or as what a future gives.
fn gives_result(output: &Value) -> bool {
    match output {
        Value::Object(object) => {
            let path = object.get("path").and_then(Value::as_str);
            path.is_some_and(|path| path.rsplit("::").next() == Some("Result"))
                || object.values().any(gives_result)
        }
        Value::Array(items) => items.iter().any(gives_result),
        _ => false,
    }
}

#[test]
fn what_is_not_documented_is_found() {
    let result = json!({ "resolved_path": { "path": "Result", "args": null } });
    let future = json!({ "impl_trait": [{ "trait_bound": { "trait": { "path": "Future", "args": { "constraints": [result] } } } }] });
    let document = |class: &str, method: &str, output: &Value| {
        json!({ "root": 0, "index": {
            "0": { "name": "dimorph", "visibility": "public", "docs": "A crate.\n```\n```", "inner": { "module": { "items": [1] } } },
            "1": { "name": "Thing", "visibility": "public", "docs": class, "inner": { "struct": {
                "kind": "unit", "impls": [2] } } },
            "2": { "name": null, "visibility": "default", "docs": null, "inner": { "impl": {
                "trait": null, "blanket_impl": null, "items": [3, 4] } } },
            "3": { "name": "act", "visibility": "public", "docs": method, "inner": { "function": { "sig": { "output": output } } } },
            "4": { "name": "hidden", "visibility": "crate", "docs": null, "inner": { "function": { "sig": { "output": null } } } },
        } })
    };
    let whole = "A thing.\n```\n```";
    for (class, method, output, expected) in [
        (whole, "Acts.", &Value::Null, &[][..]),
        (whole, "Acts.\n# Errors\nNone.", &result, &[]),
        (
            whole,
            "Acts.",
            &result,
            &["dimorph::Thing::act has no section `Errors`"],
        ),
        (
            whole,
            "Acts.",
            &future,
            &["dimorph::Thing::act has no section `Errors`"],
        ),
        (
            whole,
            "",
            &Value::Null,
            &["dimorph::Thing::act has no text"],
        ),
        (
            "A thing.\n```text\n/\\\n```",
            "Acts.",
            &Value::Null,
            &["dimorph::Thing has no example"],
        ),
    ] {
        assert_eq!(lacks(&document(class, method, output)), expected);
    }
}
