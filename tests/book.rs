//! The book lists every page, and every page's snippets are mounted as documentation tests.

#![allow(clippy::unwrap_used, reason = "a failing test should be loud")]

use std::fs;
use std::path::Path;

#[test]
fn every_page_is_listed_and_its_snippets_are_mounted() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let read = |name: &str| {
        fs::read_to_string(docs.join(name)).unwrap_or_else(|e| panic!("docs/{name}: {e}"))
    };
    let (summary, mounts) = (read("src/SUMMARY.md"), read("book.rs"));

    let mut pages = 0;
    for entry in fs::read_dir(docs.join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "SUMMARY.md" {
            continue;
        }
        pages += 1;
        assert!(
            summary.contains(&format!("({name})")),
            "{name} is not in SUMMARY.md"
        );
        let mounted = mounts.contains(&format!("\"src/{name}\""));
        assert!(
            mounted || !read(&format!("src/{name}")).contains("```rust"),
            "{name} is not in docs/book.rs"
        );
    }
    assert_eq!(
        summary.matches(".md)").count(),
        pages,
        "SUMMARY.md lists a page that is not there"
    );
}
