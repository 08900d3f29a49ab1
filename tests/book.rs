//! The book lists every page, every page's snippets are mounted as documentation tests, and what it says about tests is true.

#![allow(clippy::unwrap_used, reason = "a failing test should be loud")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
fn every_page_is_listed_and_its_snippets_are_mounted() {
    let (summary, mounts) = (read("docs/src/SUMMARY.md"), read("docs/book.rs"));
    let pages = pages();
    for (name, text) in &pages {
        assert!(
            summary.contains(&format!("({name})")),
            "{name} is not in SUMMARY.md"
        );
        let mounted = mounts.contains(&format!("\"src/{name}\""));
        assert!(
            mounted || !text.contains("```rust"),
            "{name} is not in docs/book.rs"
        );
    }
    assert_eq!(
        summary.matches(".md)").count(),
        pages.len(),
        "SUMMARY.md lists a page that is not there"
    );
}

/// The snippets of the chapter that dimorph grew from, numbered in its order.
const SEED_SNIPPETS: std::ops::RangeInclusive<usize> = 1..=37;

/// The code blocks of a text: what stands behind their fence, and their lines.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let fenced = text.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap())
}

#[test]
fn every_snippet_of_the_seed_has_a_twin_in_both_forms_that_runs() {
    let mut seen = BTreeSet::new();
    for (page, text) in pages() {
        for marked in text.split("<!-- seed ").skip(1) {
            let (number, rest) = marked.split_once(" -->").unwrap();
            let number: usize = number.parse().unwrap();
            assert!(seen.insert(number), "{page}: seed {number} is there twice");
            let [(first, blocking), (second, later)] = blocks(rest).take(2).collect::<Vec<_>>()[..]
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

/// A heading's anchor, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_link_within_the_book_leads_somewhere() {
    let pages = pages();
    let mut links = 0;
    for (page, text) in &pages {
        let targets = text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| target.contains(".md") || target.starts_with('#')) {
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page } else { file };
            let (_, text) = pages
                .iter()
                .find(|(name, _)| name == file)
                .unwrap_or_else(|| panic!("{page} links to {target}"));
            let mut headings = text.lines().filter(|line| line.starts_with('#'));
            assert!(
                fragment.is_empty() || headings.any(|heading| anchor(heading) == fragment),
                "{page} links to {target}, which has no such heading"
            );
            links += 1;
        }
    }
    assert!(links > 100, "only {links} links were found");
}
