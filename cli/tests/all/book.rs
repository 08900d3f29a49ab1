//! The book's chapter: each command in it is run, and prints what stands there.
//!
//! A `console` block holds commands behind `$ ` and what they print, on either output; `…` in it stands for anything within a line, and
//! a line of nothing else for any lines. Times fit any times. `[status 1]` at the end is the exit status, where it is not 0.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use sync_tests::peers::{Folder, program};

use crate::example_org::ExampleOrg;
use crate::support::DIMORPH;

const PAGES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/command-line.md"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"),
];

/// A command, what it prints, and its place in the page.
#[derive(Debug)]
struct Example {
    line: usize,
    command: String,
    output: String,
}

fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let (mut inside, mut goes_on) = (false, false);
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("$ ") {
            _ if line.starts_with("```") => inside = !inside && line == "```console",
            _ if !inside => {}
            Some(command) => {
                goes_on = command.ends_with('\\');
                found.push(Example {
                    line: number + 1,
                    command: command.to_owned(),
                    output: String::new(),
                });
            }
            None => {
                let example = found.last_mut().unwrap();
                match goes_on {
                    true => {
                        goes_on = line.ends_with('\\');
                        example.command += &format!("\n{line}");
                    }
                    false => example.output += &format!("{line}\n"),
                }
            }
        }
    }
    found
}

/// Runs a command of the page; both outputs go to one place, as on a screen.
fn output_of(command: &str, folder: &Path, site: &ExampleOrg) -> String {
    let path = format!(
        "{}:{}",
        Path::new(DIMORPH).parent().unwrap().display(),
        env::var("PATH").unwrap()
    );
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .envs(site.variables())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    match output.status.code() {
        Some(0) => text,
        code => format!("{text}[status {}]\n", code.unwrap_or(-1)),
    }
}

/// A line with its times, which are others on each machine, replaced by a word, and the space between them.
fn without_times(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_unit = |word: &&str| ["µs", "ms", "s"].contains(word);
    let is_time =
        |at: usize| words[at].parse::<f64>().is_ok() && words.get(at + 1).is_some_and(is_unit);
    match (0..words.len()).any(is_time) {
        false => line.to_owned(),
        true => (0..words.len())
            .filter(|&at| at == 0 || !is_time(at - 1))
            .map(|at| if is_time(at) { "time" } else { words[at] })
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// Compares line by line.
fn fits(expected: &[&str], got: &[&str]) -> bool {
    match (expected, got) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=got.len()).any(|skipped| fits(rest, &got[skipped..])),
        ([line, rest @ ..], [first, others @ ..]) => line_fits(line, first) && fits(rest, others),
        _ => false,
    }
}

fn line_fits(expected: &str, got: &str) -> bool {
    let (expected, got) = (&*without_times(expected), &*without_times(got));
    let mut pieces = expected.split('…');
    let Some(mut rest) = got.strip_prefix(pieces.next().unwrap()) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
        last = Some(piece);
    }
    last.map_or(rest.is_empty(), |piece| piece.is_empty() || rest.is_empty())
}

#[test]
fn every_command_of_the_chapter_prints_what_stands_there() {
    let site = ExampleOrg::start();
    let mut wrong = String::new();
    for page in PAGES {
        let folder = Folder::new();
        let examples = examples(&fs::read_to_string(page).unwrap());
        assert!(!examples.is_empty(), "{page}");
        for example in examples {
            // man and curl are not everywhere.
            let first = example.command.split(' ').next().unwrap();
            let pipes_to_curl = example.command.contains("| sh");
            if pipes_to_curl && program("curl").is_none() {
                continue;
            }
            assert_ne!(first, "man", "it would need a terminal");
            let got = output_of(&example.command, folder.path(), &site);
            let lines: Vec<&str> = example.output.lines().collect();
            if !fits(&lines, &got.lines().collect::<Vec<_>>()) {
                wrong += &format!("{page}:{}: $ {}\n{got}\n", example.line, example.command);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
