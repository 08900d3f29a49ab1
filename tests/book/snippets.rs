//! Every snippet runs as a documentation test, and every one that touches the network is there in both forms.

use super::{pages, read};

/// Blocking snippets without a twin: the page, what the snippet has in it, and why.
const ALONE: &[(&str, &str, &str)] = &[
    (
        "async.md",
        "runtime.spawn(async move",
        "it shows the async client outside of its runtime",
    ),
    ("coming-from-ureq.md", "use ureq::Agent;", "ureq's own text"),
];

/// The code blocks of a text: what stands behind their fence, and their lines.
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let fenced = text.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap())
}

/// A code block, in a list item too, and the section of the page that it stands in.
struct Block {
    section: usize,
    info: String,
    code: String,
}

fn blocks_of(text: &str) -> Vec<Block> {
    let mut blocks = Vec::<Block>::new();
    let (mut section, mut open) = (0, false);
    for line in text.lines().map(str::trim_start) {
        match line.strip_prefix("```") {
            Some(info) => {
                open = !open;
                if open {
                    let (info, code) = (info.to_owned(), String::new());
                    blocks.push(Block {
                        section,
                        info,
                        code,
                    });
                }
            }
            None if open => {
                let block = blocks.last_mut().unwrap();
                block.code.push_str(line);
                block.code.push('\n');
            }
            None if line.starts_with('#') => section += 1,
            None => {}
        }
    }
    blocks
}

fn texts() -> Vec<(String, String)> {
    let mut texts = pages();
    texts.push(("README.md".to_owned(), read("README.md")));
    texts
}

#[test]
fn every_snippet_is_mounted_and_runs() {
    let mounts = read("docs/book.rs");
    let mut count = 0;
    for (page, text) in texts() {
        let mut any = false;
        for Block { info, code, .. } in blocks_of(&text) {
            if !info.contains("rust") {
                continue;
            }
            any = true;
            count += 1;
            match info.as_str() {
                "rust" => {}
                "rust,no_run" => assert!(
                    code.starts_with("fn main()") || code.contains("\nasync fn main()"),
                    "{page}: only whole programs are not run\n{code}"
                ),
                info => panic!("{page}: `{info}`\n{code}"),
            }
        }
        let path = match page.as_str() {
            "README.md" => "../README.md".to_owned(),
            page => format!("src/{page}"),
        };
        let mounted = mounts.contains(&format!("\"{path}\""));
        assert!(mounted || !any, "{page} is not in docs/book.rs");
    }
    assert!(count > 200, "only {count} snippets were found");
}

/// What a snippet shows.
#[derive(Debug, PartialEq)]
enum Form {
    Blocking,
    Async,
    /// Nothing that touches the network.
    Neither,
}

fn form(code: &str) -> Form {
    if code.contains("stage::play_async") || code.contains("#[tokio::main]") {
        Form::Async
    } else if code.contains("stage::play") || code.starts_with("fn main()") {
        Form::Blocking
    } else {
        Form::Neither
    }
}

#[test]
fn every_blocking_snippet_is_followed_by_the_same_in_async() {
    let mut alone = Vec::new();
    for (page, text) in texts() {
        let mut blocks = blocks_of(&text);
        blocks.retain(|block| block.info.starts_with("rust"));
        for (at, block) in blocks.iter().enumerate() {
            if form(&block.code) != Form::Blocking {
                continue;
            }
            let next = blocks.get(at + 1);
            let twin = next.filter(|next| next.section == block.section);
            if twin.is_none_or(|twin| form(&twin.code) != Form::Async) {
                let mut reasons = ALONE.iter();
                let reason =
                    reasons.position(|(name, part, _)| *name == page && block.code.contains(part));
                alone
                    .push(reason.unwrap_or_else(|| {
                        panic!("{page}: no async form follows\n{}", block.code)
                    }));
            }
        }
    }
    alone.sort();
    assert!(
        alone.into_iter().eq(0..ALONE.len()),
        "a reason in ALONE has no snippet"
    );
}
