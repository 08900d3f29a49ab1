//! No link is dead: within the book, from the other texts of the repository, and to the headings of both.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// Every text of the repository: what is not made by cargo, and not hidden.
fn texts(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let made = name == "target" || name == "node_modules" || name == "book";
            if !made && (!name.starts_with('.') || name == ".github") {
                texts(&path, into);
            }
        } else if name.ends_with(".md") {
            into.push(path);
        }
    }
}

/// The text without its blocks of code: what looks like a link there is none.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The targets of `[text](target)`, `[name]: target`, `src="target"` and `href="target"`.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let mut targets = Vec::new();
    for (open, close) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
        let found = prose.split(open).skip(1);
        targets.extend(found.map(|rest| rest.split(close).next().unwrap().to_owned()));
    }
    let named = prose
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    targets.extend(named.map(|(_, target)| target.trim().to_owned()));
    targets
}

/// A heading's anchor, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    // A link in a heading counts by its words.
    let mut shown = String::new();
    let mut rest = heading.trim_start_matches('#').trim();
    while let Some((before, link)) = rest.split_once("](") {
        shown.push_str(before);
        rest = link.split_once(')').map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    let kept = shown
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(text: &str) -> Vec<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings.map(anchor).collect()
}

fn is_external(target: &str) -> bool {
    let Some((scheme, rest)) = target.split_once("://") else {
        return target.starts_with("mailto:");
    };
    let host = rest.split(['/', '#', '?']).next().unwrap();
    assert!(matches!(scheme, "https" | "http"), "{target}");
    assert!(
        host.contains('.') && !rest.contains(char::is_whitespace),
        "{target}"
    );
    true
}

#[test]
fn every_link_leads_somewhere() {
    let mut files = Vec::new();
    texts(root(), &mut files);
    let (mut within, mut without) = (0, 0);
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let shown = file.strip_prefix(root()).unwrap().display();
        for target in targets(&text) {
            if is_external(&target) {
                without += 1;
                continue;
            }
            let (path, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let to = match path {
                "" => file.clone(),
                path => file.parent().unwrap().join(path),
            };
            assert!(to.exists(), "{shown} links to {target}");
            if !fragment.is_empty() {
                let there = fs::read_to_string(&to).unwrap();
                assert!(
                    anchors(&there).iter().any(|anchor| anchor == fragment),
                    "{shown} links to {target}, which has no such heading"
                );
            }
            within += 1;
        }
    }
    assert!(
        within > 300 && without > 5,
        "{within} links within, {without} without"
    );
}

#[test]
fn no_page_has_two_headings_of_one_anchor() {
    for (page, text) in super::pages() {
        let anchors = anchors(&text);
        let mut seen = BTreeSet::new();
        for anchor in &anchors {
            assert!(seen.insert(anchor), "{page} has #{anchor} twice");
        }
    }
}
