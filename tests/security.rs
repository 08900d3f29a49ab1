//! Each row of `security.json` is a test: its id, in small letters, stands at the beginning of the test's name.
//!
//! `URL-06` is `url_06_a_zone_is_refused_and_an_address_has_one_spelling`. A row may have several tests, and a test several ids.
//! Tests stand beside the code, or among those that run over both clients.

#![allow(clippy::unwrap_used, reason = "a failing test should be loud")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Rows without a test, and why.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "MIS-02",
    "there is no HSTS store, as in HTTPX: the header is a header like others, and the documentation says so",
)];

/// Where tests are.
const FOLDERS: [&str; 5] = [
    "src",
    "tests",
    "sync-tests/src",
    "sync-tests/tests",
    "async-tests/tests",
];

/// The ids of the rows, which are no two the same.
fn rows() -> BTreeSet<String> {
    let rows: Value =
        serde_json::from_str(include_str!("../sync-tests/tests/cases/security.json")).unwrap();
    let rows = rows.as_array().unwrap();
    let ids: BTreeSet<String> = rows
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), rows.len());
    ids
}

/// The names of all tests below a folder.
fn tests(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.extend(names(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The functions of a text that have an attribute which makes them tests.
fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.ends_with("test]") || line.contains("test(");
            continue;
        }
        let line = line.strip_prefix("async ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("fn ")
            && is_test
        {
            names.extend(rest.split(['(', '<']).next().map(str::to_owned));
        }
        // Comments stand between an attribute and its function, if anything does.
        is_test &= line.starts_with("//");
    }
    names
}

/// The ids that a test's name begins with: two or three letters or digits and two digits each, then words.
fn ids_of(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let mut ids = Vec::new();
    for pair in words.chunks(2) {
        match pair {
            [area, number]
                if (2..=3).contains(&area.len())
                    && number.len() == 2
                    && number.bytes().all(|b| b.is_ascii_digit()) =>
            {
                ids.push(format!("{}-{number}", area.to_uppercase()));
            }
            _ => return ids,
        }
    }
    // Ids alone say nothing.
    Vec::new()
}

#[test]
fn every_row_of_the_security_cases_is_a_test_or_an_exception() {
    let rows = rows();
    let mut names = Vec::new();
    for folder in FOLDERS {
        tests(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut names,
        );
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        for id in ids_of(&name) {
            found.entry(id).or_default().push(name.clone());
        }
    }
    let exceptions: BTreeMap<&str, &str> = EXCEPTIONS.iter().copied().collect();
    let mut faults = Vec::new();
    for id in &rows {
        match (found.get(id), exceptions.get(id.as_str())) {
            (None, None) => faults.push(format!("{id} has no test")),
            (Some(tests), Some(why)) => {
                faults.push(format!("{id} has a test ({tests:?}), but: {why}"));
            }
            _ => {}
        }
    }
    for id in found
        .keys()
        .map(String::as_str)
        .chain(exceptions.into_keys())
    {
        if !rows.contains(id) {
            faults.push(format!("{id} is no row: {:?}", found.get(id)));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn tests_are_told_from_other_functions_and_ids_from_other_names() {
    let text = "#[test]\nfn a() {}\n    #[dual]\n    #[form_test]\n    async fn b() {}\nfn c() {}\n#[dual]\nasync fn d() {}\n\
                #[tokio::test]\n// Why.\nasync fn e() {}\n#[test]\n#[ignore]\nfn f<T>() {}\n";
    assert_eq!(names(text), ["a", "b", "e", "f"]);
    for (name, ids) in [
        ("url_06_a_zone", &["URL-06"][..]),
        ("h2_01_x", &["H2-01"]),
        ("red_03_red_07_x", &["RED-03", "RED-07"]),
        ("aut_01", &[]),
        ("prx_1_x", &[]),
        ("http_1_0_servers", &[]),
        ("utf_8_is_decoded", &[]),
        ("twenty_20_x", &[]),
    ] {
        assert_eq!(ids_of(name), ids, "{name}");
    }
}
