//! The book lists every page, every page's snippets are mounted as documentation tests, in both forms, its links lead somewhere, and what
//! it says about tests, files and variables is true.

#![allow(clippy::unwrap_used, reason = "a failing test should be loud")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "book/links.rs"]
mod links;
#[path = "book/rows.rs"]
mod rows;
#[path = "book/snippets.rs"]
mod snippets;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The book's pages, by name and text.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs/src")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md");
    pages
        .map(|name| {
            let text = read(format!("docs/src/{name}"));
            (name, text)
        })
        .collect()
}

#[test]
fn every_page_is_listed_once_and_every_entry_has_a_page() {
    let summary = read("docs/src/SUMMARY.md");
    let listed = summary.lines().filter_map(|line| {
        let (_, target) = line.split_once("](")?;
        Some(target.trim_end_matches(')').to_owned())
    });
    let mut listed: Vec<_> = listed.collect();
    let mut pages: Vec<_> = pages().into_iter().map(|(name, _)| name).collect();
    listed.sort();
    pages.sort();
    assert_eq!(listed, pages);
}

/// The snippets of the chapter that dimorph grew from, numbered in its order.
const SEED_SNIPPETS: std::ops::RangeInclusive<usize> = 1..=37;

#[test]
fn every_snippet_of_the_seed_has_a_twin_in_both_forms_that_runs() {
    let mut seen = BTreeSet::new();
    for (page, text) in pages() {
        for marked in text.split("<!-- seed ").skip(1) {
            let (number, rest) = marked.split_once(" -->").unwrap();
            let number: usize = number.parse().unwrap();
            assert!(seen.insert(number), "{page}: seed {number} is there twice");
            let [(first, blocking), (second, later)] =
                snippets::blocks(rest).take(2).collect::<Vec<_>>()[..]
            else {
                panic!("{page}: seed {number} has no two blocks");
            };
            assert_eq!((first, second), ("rust", "rust"), "{page}: seed {number}");
            assert!(
                blocking.contains("stage::play") && !blocking.contains("play_async"),
                "{page}: seed {number}, blocking"
            );
            assert!(
                later.contains("stage::play_async"),
                "{page}: seed {number}, async"
            );
        }
    }
    assert_eq!(seen, SEED_SNIPPETS.collect());
}

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_seed_table_names_exists() {
    let mut code = String::new();
    for folder in ["src", "sync-tests/tests"] {
        sources(&root().join(folder), &mut code);
    }
    // A test is a function, or the first argument of `area!`, or a name before a colon in `ways_conform!`, which make one.
    let is_test = |name: &str| {
        let opened =
            ["fn ", "area!(", "area!(\n    ", "\n    "].map(|open| format!("{open}{name}"));
        let [function, area, broken, way] = &opened;
        code.contains(&format!("{function}("))
            || code.contains(&format!("{way}: "))
            || [area, broken]
                .iter()
                .any(|area| code.contains(&format!("{area},")))
    };
    let book: String = pages().into_iter().map(|(_, text)| text).collect();

    let table = read("docs/src/seed-table.md");
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| the seed says"));
    let mut names = 0;
    for row in rows {
        let kept = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for item in kept.split(", ") {
            match item.strip_prefix("snippet ") {
                Some(number) => {
                    assert!(book.contains(&format!("<!-- seed {number} -->")), "{row}");
                }
                None => {
                    let name = item.strip_prefix('`').and_then(|n| n.strip_suffix('`'));
                    let name = name.unwrap_or_else(|| panic!("`{item}` in {row}"));
                    assert!(is_test(name), "there is no test {name}: {row}");
                }
            }
            names += 1;
        }
    }
    assert!(names > 100, "only {names} names were found");
}

#[test]
fn every_file_that_the_architecture_names_is_there() {
    let pages = ["how-it-is-built", "robustness"];
    let page: String = pages
        .map(|name| read(format!("docs/src/{name}.md")))
        .concat();
    let spans = page.split('`').skip(1).step_by(2);
    let paths = spans.filter(|span| {
        let path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let named = [".rs", ".json"].iter().any(|ending| span.ends_with(ending))
            || (span.ends_with('/') && span.len() > 1);
        named && span.bytes().all(path)
    });
    let mut count = 0;
    for path in paths {
        let there = ["", "src"]
            .iter()
            .any(|folder| root().join(folder).join(path).exists());
        assert!(there, "{path} is not there");
        count += 1;
    }
    assert!(count > 10, "only {count} paths were found");
}

#[test]
fn every_variable_that_is_read_is_explained() {
    let mut code = String::new();
    sources(&root().join("src/env"), &mut code);
    let page = read("docs/src/environment-variables.md");
    // Strings of the code proper: what follows in a file are its tests.
    let proper = code
        .split("\n//! ")
        .map(|file| file.split("#[cfg(test)]").next().unwrap());
    let strings = proper.flat_map(|file| file.split('"').skip(1).step_by(2));
    let is_name = |name: &&str| {
        let proxies = name.to_ascii_lowercase().ends_with("_proxy");
        let upper = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        name.len() > 3 && (proxies || name.bytes().all(upper))
    };
    let names: BTreeSet<_> = strings.filter(is_name).collect();
    for name in &names {
        assert!(page.contains(&format!("`{name}`")), "{name} is read");
    }
    assert!(names.len() >= 14, "only {names:?} were found");
}

#[test]
fn every_public_name_is_on_the_page_of_the_api() {
    let page = read("docs/src/api.md");
    let spans = page.split('`').skip(1).step_by(2);
    let known: BTreeSet<_> = spans
        .flat_map(|span| span.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .collect();
    let mut count = 0;
    for file in [
        "lib",
        "blocking",
        "auth/mod",
        "multipart/mod",
        "sse/mod",
        "transport/mod",
    ] {
        let code = read(format!("src/{file}.rs"));
        for exported in code.split("\npub use ").skip(1) {
            let path = exported.split(';').next().unwrap();
            let (base, names) = path.rsplit_once("::").unwrap_or(("", path));
            let names = path
                .split_once("::{")
                .map_or(names, |(_, names)| names.trim_end_matches('}'));
            for name in names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
            {
                let name = name.rsplit(" as ").next().unwrap();
                let name = if name == "self" { base } else { name };
                assert!(known.contains(name), "src/{file}.rs exports {name}");
                count += 1;
            }
        }
    }
    assert!(count > 80, "only {count} names were found");
}
