//! The public interface as text, a line for each item, from rustdoc's JSON.

use std::collections::HashMap;

use serde_json::Value;

use super::{item, kind, members};

/// Automatic traits whose loss would break users.
const AUTOMATIC: &[&str] = &["Send", "Sync"];

/// All public items of the crate in the order of their paths, but for `asynchronous`, which has the same names as `blocking`.
pub(crate) fn lines(json: &Value) -> Vec<String> {
    let mut text = Text {
        json,
        known: HashMap::new(),
        lines: Vec::new(),
    };
    text.module(&json["root"], "dimorph");
    text.lines.sort_unstable();
    text.lines.dedup();
    text.lines
}

struct Text<'a> {
    json: &'a Value,
    /// What was listed, by its number: elsewhere it is a name for the same.
    known: HashMap<String, String>,
    lines: Vec<String>,
}

impl Text<'_> {
    fn module(&mut self, id: &Value, path: &str) {
        let module = item(self.json, id).expect("a module is in the index");
        let mut items: Vec<_> = list(&module["inner"]["module"]["items"])
            .filter_map(|id| item(self.json, id))
            .collect();
        // A type is listed where it is defined or exported highest: modules come behind.
        items.sort_by_key(|item| kind(item).0 == "module");
        for item in items {
            self.item(item, path, None);
        }
    }

    fn item(&mut self, item_: &Value, parent: &str, renamed: Option<&str>) {
        let name = renamed
            .or_else(|| item_["name"].as_str())
            .unwrap_or_default();
        let path = format!("{parent}::{name}");
        let (kind, inner) = kind(item_);
        if kind == "use" {
            let name = inner["name"].as_str().expect("a re-export has a name");
            match item(self.json, &inner["id"]) {
                Some(target) => self.item(target, parent, Some(name)),
                None => self.line(format!(
                    "pub use {parent}::{name} = {}",
                    word(&inner["source"])
                )),
            }
            return;
        }
        if kind == "module" {
            if name != "asynchronous" {
                self.line(format!("pub mod {path}"));
                self.module(&item_["id"], &path);
            }
            return;
        }
        if let Some(first) = self.known.insert(item_["id"].to_string(), path.clone()) {
            self.line(format!("pub use {path} = {first}"));
            return;
        }
        match kind {
            "function" => self.line(format!("pub fn {}", function(&path, inner))),
            "struct" | "enum" | "union" => self.class(kind, &path, inner),
            "trait" => {
                let bounds = match bounds(&inner["bounds"]) {
                    bounds if bounds.is_empty() => bounds,
                    bounds => format!(": {bounds}"),
                };
                self.line(format!(
                    "pub trait {path}{}{bounds}",
                    parameters(&inner["generics"])
                ));
                for id in list(&inner["items"]) {
                    self.member(id, &path);
                }
            }
            "type_alias" => self.line(format!(
                "pub type {path}{} = {}",
                parameters(&inner["generics"]),
                type_(&inner["type"])
            )),
            "constant" => self.line(format!("pub const {path}: {}", type_(&inner["type"]))),
            other => self.line(format!("pub {other} {path}")),
        }
    }

    fn class(&mut self, kind_: &str, path: &str, inner: &Value) {
        self.line(format!(
            "pub {kind_} {path}{}",
            generics(&inner["generics"])
        ));
        for id in members(inner) {
            let Some(member) = item(self.json, id) else {
                continue;
            };
            let name = word(&member["name"]);
            match kind(member) {
                ("variant", variant) => {
                    let fields = [
                        &variant["kind"]["tuple"],
                        &variant["kind"]["struct"]["fields"],
                    ];
                    let fields: Vec<_> = fields
                        .into_iter()
                        .flat_map(list)
                        .filter_map(|id| item(self.json, id))
                        .map(|field| {
                            let label = word(&field["name"]);
                            format!("{label}: {}", type_(&field["inner"]["struct_field"]))
                        })
                        .collect();
                    let fields = match fields.is_empty() {
                        true => String::new(),
                        false => format!(" {{ {} }}", fields.join(", ")),
                    };
                    self.line(format!("{path}::{name}{fields}"));
                }
                (_, field) => self.line(format!("{path}.{name}: {}", type_(field))),
            }
        }
        for id in list(&inner["impls"]) {
            let Some(implementation) = item(self.json, id) else {
                continue;
            };
            let implementation = &implementation["inner"]["impl"];
            if implementation["trait"].is_null() {
                for id in list(&implementation["items"]) {
                    self.member(id, path);
                }
                continue;
            }
            let of = trait_(&implementation["trait"]);
            let automatic = implementation["is_synthetic"] == true && !AUTOMATIC.contains(&&*of);
            if automatic || !implementation["blanket_impl"].is_null() {
                continue;
            }
            let not = if implementation["is_negative"] == true {
                "!"
            } else {
                ""
            };
            let generics = parameters(&implementation["generics"]);
            let wanted = conditions(&implementation["generics"]);
            self.line(format!(
                "impl{generics} {not}{of} for {path} [{}]{wanted}",
                type_(&implementation["for"])
            ));
        }
    }

    fn member(&mut self, id: &Value, path: &str) {
        let Some(member) = item(self.json, id) else {
            return;
        };
        let name = format!("{path}::{}", word(&member["name"]));
        match kind(member) {
            // Of an inherent block; what a trait has is public without a word.
            _ if member["visibility"] != "public" && member["visibility"] != "default" => {}
            ("function", inner) => {
                let provided = if inner["has_body"] == true { "" } else { ";" };
                self.line(format!("{}{provided}", function(&name, inner)));
            }
            ("assoc_type", inner) => {
                self.line(format!("type {name}: {}", bounds(&inner["bounds"])));
            }
            ("assoc_const", inner) => self.line(format!("const {name}: {}", type_(&inner["type"]))),
            (other, _) => self.line(format!("{other} {name}")),
        }
    }

    fn line(&mut self, line: String) {
        self.lines.push(line);
    }
}

fn function(path: &str, inner: &Value) -> String {
    let marker = if inner["header"]["is_async"] == true {
        "async "
    } else {
        ""
    };
    let inputs: Vec<_> = list(&inner["sig"]["inputs"])
        .map(|input| match (word(&input[0]), type_(&input[1])) {
            ("self", kind) => kind.replace("Self", "self"),
            (name, kind) => format!("{name}: {kind}"),
        })
        .collect();
    let output = match &inner["sig"]["output"] {
        Value::Null => String::new(),
        output => format!(" -> {}", type_(output)),
    };
    format!(
        "{marker}{path}{}({}){output}{}",
        parameters(&inner["generics"]),
        inputs.join(", "),
        conditions(&inner["generics"])
    )
}

fn generics(value: &Value) -> String {
    parameters(value) + &conditions(value)
}

/// `<'a, T: Clone>`; what stands for `impl Trait` shows in the arguments.
fn parameters(value: &Value) -> String {
    let parameters: Vec<_> = list(&value["params"])
        .filter(|parameter| parameter["kind"]["type"]["is_synthetic"] != true)
        .map(|parameter| {
            let name = word(&parameter["name"]);
            match bounds(&parameter["kind"]["type"]["bounds"]) {
                bounds if bounds.is_empty() => name.to_owned(),
                bounds => format!("{name}: {bounds}"),
            }
        })
        .collect();
    match parameters.is_empty() {
        true => String::new(),
        false => format!("<{}>", parameters.join(", ")),
    }
}

fn conditions(value: &Value) -> String {
    let predicates: Vec<_> = list(&value["where_predicates"])
        .map(|predicate| {
            let bound = &predicate["bound_predicate"];
            let lifetime = &predicate["lifetime_predicate"];
            match lifetime.is_null() {
                true => format!("{}: {}", type_(&bound["type"]), bounds(&bound["bounds"])),
                false => format!(
                    "{}: {}",
                    word(&lifetime["lifetime"]),
                    words(&lifetime["outlives"])
                ),
            }
        })
        .collect();
    match predicates.is_empty() {
        true => String::new(),
        false => format!(" where {}", predicates.join(", ")),
    }
}

fn bounds(value: &Value) -> String {
    let bounds: Vec<_> = list(value)
        .map(|bound| {
            let of_trait = &bound["trait_bound"];
            if of_trait.is_null() {
                return match &bound["outlives"] {
                    Value::Null => format!("use<{}>", list(&bound["use"]).count()),
                    lifetime => word(lifetime).to_owned(),
                };
            }
            let maybe = if of_trait["modifier"] == "maybe" {
                "?"
            } else {
                ""
            };
            format!(
                "{maybe}{}{}",
                for_all(&of_trait["generic_params"]),
                trait_(&of_trait["trait"])
            )
        })
        .collect();
    bounds.join(" + ")
}

/// `for<'a> `, where there is something to be for.
fn for_all(value: &Value) -> String {
    let names: Vec<_> = list(value)
        .map(|parameter| word(&parameter["name"]))
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("for<{}> ", names.join(", ")),
    }
}

fn trait_(value: &Value) -> String {
    format!("{}{}", last(&value["path"]), arguments(&value["args"]))
}

fn type_(value: &Value) -> String {
    let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
        return word(value).to_owned();
    };
    match kind.as_str() {
        "resolved_path" => trait_(inner),
        "generic" | "primitive" => word(inner).to_owned(),
        "tuple" => {
            let parts: Vec<_> = list(inner).map(type_).collect();
            format!("({})", parts.join(", "))
        }
        "slice" => format!("[{}]", type_(inner)),
        "array" => format!("[{}; {}]", type_(&inner["type"]), word(&inner["len"])),
        "borrowed_ref" => {
            let lifetime = inner["lifetime"]
                .as_str()
                .map_or(String::new(), |name| format!("{name} "));
            let mutable = if inner["is_mutable"] == true {
                "mut "
            } else {
                ""
            };
            format!("&{lifetime}{mutable}{}", type_(&inner["type"]))
        }
        "impl_trait" => format!("impl {}", bounds(inner)),
        "dyn_trait" => {
            let mut traits: Vec<_> = list(&inner["traits"])
                .map(|of| for_all(&of["generic_params"]) + &trait_(&of["trait"]))
                .collect();
            traits.extend(inner["lifetime"].as_str().map(str::to_owned));
            format!("dyn {}", traits.join(" + "))
        }
        "qualified_path" => {
            let (of, name) = (type_(&inner["self_type"]), word(&inner["name"]));
            match inner["trait"]["path"].as_str() {
                Some("") | None => format!("{of}::{name}"),
                Some(_) => format!("<{of} as {}>::{name}", trait_(&inner["trait"])),
            }
        }
        // Nothing else stands in this interface so far; its shape will do to notice a change.
        _ => value.to_string(),
    }
}

fn arguments(value: &Value) -> String {
    let parts: Vec<String> = match value.as_object().and_then(|object| object.iter().next()) {
        Some((kind, inner)) if kind == "angle_bracketed" => {
            let given = list(&inner["args"]).map(|argument| match &argument["type"] {
                Value::Null => argument["lifetime"].as_str().unwrap_or("_").to_owned(),
                argument => type_(argument),
            });
            let bound = list(&inner["constraints"]).map(|constraint| {
                let name = word(&constraint["name"]);
                let binding = &constraint["binding"];
                match &binding["equality"]["type"] {
                    Value::Null => format!("{name}: {}", bounds(&binding["constraint"])),
                    equal => format!("{name} = {}", type_(equal)),
                }
            });
            given.chain(bound).collect()
        }
        Some((_, inner)) => {
            let inputs: Vec<_> = list(&inner["inputs"]).map(type_).collect();
            let output = match &inner["output"] {
                Value::Null => String::new(),
                output => format!(" -> {}", type_(output)),
            };
            return format!("({}){output}", inputs.join(", "));
        }
        None => Vec::new(),
    };
    match parts.is_empty() {
        true => String::new(),
        false => format!("<{}>", parts.join(", ")),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn words(value: &Value) -> String {
    let names: Vec<_> = list(value).map(word).collect();
    names.join(" + ")
}

fn last(path: &Value) -> &str {
    word(path).rsplit("::").next().unwrap_or_default()
}
