//! `dimorph::blocking` and `dimorph::asynchronous` offer the same names, methods, fields and traits; and all of it is documented.
//!
//! The lists come from rustdoc's JSON, so they are what a user sees, not what the source seems to say.
//! `DIMORPH_RUSTDOC_JSON` names a file made before (with `FEATURES` on); otherwise the test makes it.

#![allow(
    clippy::print_stdout,
    reason = "the reason of a skipped test is printed"
)]

#[path = "public_api/documented.rs"]
mod documented;

#[path = "public_api/render.rs"]
mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};

/// The layout of the JSON that this test reads: rustdoc 1.95's. Its parts used here are stable across neighbours.
const FORMAT: std::ops::RangeInclusive<u64> = 45..=65;

/// What may stand in one form alone: (form, how its entry starts, why).
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("blocking", "impl Read for ", "read with std's trait"),
    (
        "asynchronous",
        "impl AsyncRead for ",
        "read with tokio's trait",
    ),
    ("blocking", "impl Write for ", "written with std's trait"),
    (
        "asynchronous",
        "impl AsyncWrite for ",
        "written with tokio's trait",
    ),
    (
        "blocking",
        "impl Iterator for ",
        "pieces come from an iterator",
    ),
    (
        "asynchronous",
        "impl Stream for ",
        "pieces come from a stream",
    ),
    (
        "asynchronous",
        "type BoxFuture",
        "what an async transport returns",
    ),
    (
        "asynchronous",
        "impl Service<",
        "tower's services return futures",
    ),
];

/// What has the same name in both forms and another signature: (entry, why).
const SIGNATURES: &[(&str, &str)] = &[
    (
        "Transport::send",
        "an object-safe async method returns a BoxFuture",
    ),
    (
        "ClientBuilder::around_connect",
        "the function is handed a step to run, or a future to wait for",
    ),
    ("Response::copy_to", "the writer is std's or tokio's"),
];

/// One form's public surface: each entry with its signature.
type Surface = BTreeMap<String, String>;

#[test]
fn both_forms_have_one_surface() {
    let Some(json) = rustdoc_json() else { return };
    let (blocking, asynchronous) = (surface(&json, "blocking"), surface(&json, "asynchronous"));
    for name in ["struct Client", "struct Response", "Client::send"] {
        assert!(
            blocking.contains_key(name),
            "rustdoc's JSON is not read as it should be: no {name}"
        );
    }
    let found = compare(&blocking, &asynchronous);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));

    // The same lists, doctored: whatever one form loses must be found.
    for entry in [
        "struct Client",
        "Client::send",
        "impl Debug for Response",
        "impl Clone for Client",
    ] {
        let without = |whole: &Surface| {
            let mut doctored = whole.clone();
            assert!(doctored.remove(entry).is_some(), "no {entry}");
            doctored
        };
        assert_eq!(
            compare(&without(&blocking), &asynchronous),
            [format!("{entry} is missing from blocking")]
        );
        assert_eq!(
            compare(&blocking, &without(&asynchronous)),
            [format!("{entry} is missing from asynchronous")]
        );
    }
}

/// What a release may add to and not change. `DIMORPH_WRITE_API=1` writes the file anew; a change of it goes with a line in CHANGELOG.md.
#[test]
fn the_public_interface_is_the_one_written_down() {
    let Some(json) = rustdoc_json() else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/public_api/dimorph.txt");
    let now = render::lines(&json).join("\n") + "\n";
    if env::var_os("DIMORPH_WRITE_API").is_some() {
        fs::write(&file, now).expect("the file can be written");
        return;
    }
    let written = fs::read_to_string(&file).expect("the file is there");
    let (written, now): (BTreeSet<_>, BTreeSet<_>) =
        (written.lines().collect(), now.lines().collect());
    let gone = written.difference(&now).map(|line| format!("- {line}"));
    let new = now.difference(&written).map(|line| format!("+ {line}"));
    let changed: Vec<_> = gone.chain(new).collect();
    assert!(
        changed.is_empty(),
        "{} is not what it was (DIMORPH_WRITE_API=1 writes it anew):\n{}\n",
        file.display(),
        changed.join("\n")
    );
}

/// The test that shows each type, secrets all around it, has a list of them.
#[test]
fn no_public_type_is_missing_from_the_test_of_secrets() {
    let Some(json) = rustdoc_json() else { return };
    let mut public = Vec::new();
    for (id, item) in json["index"].as_object().expect("an index") {
        let (kind, _) = kind(item);
        if item["crate_id"] != 0 || !["struct", "enum", "union"].contains(&kind) {
            continue;
        }
        let name = item["name"].as_str().expect("a type has a name");
        let path = json["paths"][id]["path"].as_array();
        // The responses of flows and of handlers have a client's for a namesake.
        let namesakes = ["auth", "transport"];
        let module =
            path.and_then(|path| namesakes.iter().find(|part| path.contains(&json!(part))));
        let of_sse = path.is_some_and(|path| path.contains(&json!("sse")));
        public.push(match (module, name) {
            (Some(module), "Response") => format!("{module}::Response"),
            (None, "Event") if of_sse => "sse::Event".to_owned(),
            _ => name.to_owned(),
        });
    }
    public.sort_unstable();
    public.dedup();

    let test =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("sync-tests/tests/dual/secrets/every_type.rs");
    let text = fs::read_to_string(&test).expect("the test is there");
    let (_, list) = text
        .split_once("const PUBLIC_TYPES: &[&str] = &[")
        .expect("the test has a list");
    let (list, _) = list.split_once("];").expect("the list ends");
    let listed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(listed, public, "{}", test.display());
}

#[test]
fn a_method_of_one_form_alone_is_found() {
    let method = |name: &str, asynchronous: bool| {
        json!({ "name": name, "visibility": "public", "inner": { "function": {
            "sig": { "inputs": [["self", { "generic": "Self" }]], "output": null },
            "generics": { "params": [] }, "header": { "is_async": asynchronous } } } })
    };
    let document = |blocking: &[u32], asynchronous: &[u32]| {
        let class = |name: &str, implementation: u32| {
            json!({ "name": name, "visibility": "public", "inner": { "struct": {
                "kind": "unit", "generics": {}, "impls": [implementation] } } })
        };
        let implementation = |items: &[u32]| {
            json!({ "name": null, "visibility": "default", "inner": { "impl": {
                "trait": null, "blanket_impl": null, "is_synthetic": false, "items": items } } })
        };
        let module = |name: &str, item: u32| json!({ "name": name, "visibility": "public", "inner": { "module": { "items": [item] } } });
        json!({ "root": 0, "format_version": 57, "index": {
            "0": { "name": "dimorph", "inner": { "module": { "items": [1, 2] } } },
            "1": module("blocking", 3), "2": module("asynchronous", 4),
            "3": class("Client", 5), "4": class("Client", 6),
            "5": implementation(blocking), "6": implementation(asynchronous),
            "7": method("get", false), "8": method("get", true), "9": method("put", false),
        } })
    };
    for (blocking, asynchronous, expected) in [
        (&[7_u32][..], &[8_u32][..], &[][..]),
        (&[7, 9], &[8], &["Client::put is missing from asynchronous"]),
        (&[7], &[8, 9], &["Client::put is missing from blocking"]),
        (&[8], &[8], &["Client::get is async in the blocking form"]),
    ] {
        let json = document(blocking, asynchronous);
        assert_eq!(
            compare(&surface(&json, "blocking"), &surface(&json, "asynchronous")),
            expected
        );
    }
}

/// Each difference between the two surfaces that no table above allows.
fn compare(blocking: &Surface, asynchronous: &Surface) -> Vec<String> {
    let mut found = Vec::new();
    for (form, mine, other_form, other) in [
        ("blocking", blocking, "asynchronous", asynchronous),
        ("asynchronous", asynchronous, "blocking", blocking),
    ] {
        for entry in mine.keys().filter(|entry| !other.contains_key(*entry)) {
            if !DIFFERENCES
                .iter()
                .any(|(only, start, _)| *only == form && entry.starts_with(start))
            {
                found.push(format!("{entry} is missing from {other_form}"));
            }
        }
    }
    for (entry, signature) in blocking {
        if signature.starts_with("async ") {
            found.push(format!("{entry} is async in the blocking form"));
            continue;
        }
        let Some(other) = asynchronous
            .get(entry)
            .map(|s| s.trim_start_matches("async "))
        else {
            continue;
        };
        if signature != other && !SIGNATURES.iter().any(|(name, _)| name == entry) {
            found.push(format!(
                "{entry} differs:\n  blocking      {signature}\n  asynchronous  {other}"
            ));
        }
    }
    found
}

/// The public surface of one module of the crate.
fn surface(json: &Value, form: &str) -> Surface {
    let root = item(json, &json["root"]).expect("the crate's root is in the index");
    let modules = root["inner"]["module"]["items"]
        .as_array()
        .expect("the root is a module");
    let module = modules
        .iter()
        .filter_map(|id| item(json, id))
        .find(|item| item["name"] == form);
    let module = module
        .unwrap_or_else(|| panic!("no public module {form}: build the JSON with both features"));
    let mut out = Surface::new();
    for id in module["inner"]["module"]["items"]
        .as_array()
        .expect("a module has items")
    {
        collect(json, id, None, &mut out);
    }
    out
}

/// Adds one item of a module, under the name of its re-export if it has one.
fn collect(json: &Value, id: &Value, renamed: Option<&str>, out: &mut Surface) {
    let Some(item_) = item(json, id) else { return };
    let name = renamed
        .or_else(|| item_["name"].as_str())
        .unwrap_or_default()
        .to_owned();
    let (kind, inner) = kind(item_);
    match kind {
        "use" => {
            assert_eq!(
                inner["is_glob"], false,
                "a glob re-export hides names from this test"
            );
            let name = inner["name"].as_str().expect("a re-export has a name");
            match item(json, &inner["id"]) {
                Some(_) => collect(json, &inner["id"], Some(name), out),
                None => {
                    out.insert(format!("use {name}"), inner["source"].to_string());
                }
            }
        }
        "function" => {
            out.insert(format!("fn {name}"), signature(inner));
        }
        "struct" | "enum" | "union" => {
            out.insert(
                format!("{kind} {name}"),
                normal(&inner["generics"]).to_string(),
            );
            for id in members(inner) {
                let Some(member) = item(json, id) else {
                    continue;
                };
                let field = self::kind(member).1;
                out.insert(
                    format!("{name}.{}", member["name"].as_str().unwrap_or_default()),
                    normal(field).to_string(),
                );
            }
            for id in inner["impls"].as_array().into_iter().flatten() {
                if let Some(implementation) = item(json, id) {
                    implementations(json, &name, &implementation["inner"]["impl"], out);
                }
            }
        }
        "trait" => {
            out.insert(
                format!("trait {name}"),
                normal(&inner["bounds"]).to_string(),
            );
            methods(json, &name, &inner["items"], false, out);
        }
        "type_alias" => {
            out.insert(format!("type {name}"), normal(&inner["type"]).to_string());
        }
        other => {
            out.insert(format!("{other} {name}"), String::new());
        }
    }
}

/// Fields of a struct, variants of an enum.
fn members(inner: &Value) -> impl Iterator<Item = &Value> {
    let lists = [
        &inner["kind"]["plain"]["fields"],
        &inner["kind"]["tuple"],
        &inner["variants"],
    ];
    lists
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|id| !id.is_null())
}

fn implementations(json: &Value, name: &str, implementation: &Value, out: &mut Surface) {
    let of_trait = &implementation["trait"];
    if of_trait.is_null() {
        return methods(json, name, &implementation["items"], true, out);
    }
    let path = normal(of_trait)["path"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    // Of the automatic traits, `Send` is a promise to users; blanket implementations follow from the others.
    let automatic = implementation["is_synthetic"] == true && path != "Send";
    if automatic
        || implementation["is_negative"] == true
        || !implementation["blanket_impl"].is_null()
    {
        return;
    }
    let arguments = match normal(&of_trait["args"]) {
        Value::Null => String::new(),
        arguments => format!("<{}>", type_names(&arguments).join(" ")),
    };
    out.insert(format!("impl {path}{arguments} for {name}"), String::new());
}

fn methods(json: &Value, name: &str, ids: &Value, inherent: bool, out: &mut Surface) {
    for id in ids.as_array().into_iter().flatten() {
        let Some(method) = item(json, id) else {
            continue;
        };
        if inherent && method["visibility"] != "public" {
            continue;
        }
        let (kind, inner) = kind(method);
        let text = if kind == "function" {
            signature(inner)
        } else {
            normal(inner).to_string()
        };
        out.insert(
            format!("{name}::{}", method["name"].as_str().unwrap_or_default()),
            text,
        );
    }
}

fn signature(function: &Value) -> String {
    let marker = if function["header"]["is_async"] == true {
        "async "
    } else {
        ""
    };
    format!(
        "{marker}{} {}",
        normal(&function["sig"]),
        normal(&function["generics"])
    )
}

fn item<'a>(json: &'a Value, id: &Value) -> Option<&'a Value> {
    json["index"].get(id.to_string())
}

/// An item's kind and what it holds.
fn kind(item: &Value) -> (&str, &Value) {
    let inner = item["inner"]
        .as_object()
        .and_then(|inner| inner.iter().next());
    inner
        .map(|(kind, value)| (kind.as_str(), value))
        .expect("every item has a kind")
}

/// The value without what tells the two instances apart: numbers of items, and paths but for their last name.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object
                .iter()
                .filter(|(key, _)| *key != "id")
                .map(|(key, value)| match (key.as_str(), value) {
                    ("path", Value::String(path)) => (
                        key.clone(),
                        Value::from(path.rsplit("::").next().unwrap_or_default()),
                    ),
                    _ => (key.clone(), normal(value)),
                });
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(normal).collect()),
        other => other.clone(),
    }
}

/// The names in a type, outermost first: enough to tell one implementation of a generic trait from another.
fn type_names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(object) => {
            let (mut own, mut inner) = (Vec::new(), Vec::new());
            for (key, value) in object {
                match value {
                    Value::String(name)
                        if ["path", "primitive", "generic"].contains(&key.as_str()) =>
                    {
                        own.push(name.clone());
                    }
                    Value::Object(_)
                        if ["slice", "array", "borrowed_ref"].contains(&key.as_str()) =>
                    {
                        own.push(key.clone());
                        inner.extend(type_names(value));
                    }
                    _ => inner.extend(type_names(value)),
                }
            }
            own.extend(inner);
            own
        }
        Value::Array(items) => items.iter().flat_map(type_names).collect(),
        _ => Vec::new(),
    }
}

/// rustdoc's JSON of this crate with `FEATURES` on, or `None` with the reason printed.
fn rustdoc_json() -> Option<Value> {
    let made = match env::var_os("DIMORPH_RUSTDOC_JSON") {
        Some(path) => Ok(PathBuf::from(path)),
        None => make_json(),
    };
    let read = made
        .and_then(|path| fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display())));
    let json =
        read.and_then(|text| serde_json::from_str::<Value>(&text).map_err(|e| e.to_string()));
    let json = json.and_then(|json| match json["format_version"].as_u64() {
        Some(version) if FORMAT.contains(&version) => Ok(json),
        version => Err(format!(
            "rustdoc's JSON has format {version:?}, this test reads {FORMAT:?}"
        )),
    });
    match json {
        Ok(json) => Some(json),
        // In continuous integration a check that cannot run is a check that fails.
        Err(reason) if env::var_os("CI").is_some() => panic!("{reason}"),
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

/// Both forms, and what adds public types.
const FEATURES: &str = "blocking,async,tower,ureq";

fn make_json() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A target folder of its own: the variable below would make the main one build again.
    let target = root.join("target/public-api");
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "rustdoc",
            "--package",
            "dimorph",
            "--lib",
            "--features",
            FEATURES,
            "--target-dir",
        ])
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .current_dir(root)
        // The JSON format is unstable; this lets the stable rustdoc write it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTDOCFLAGS")
        .output()
        .map_err(|e| format!("cargo did not start: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo rustdoc failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(target.join("doc/dimorph.json"))
}
