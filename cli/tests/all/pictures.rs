//! The pictures of the README: what the program writes on a terminal, as SVG.
//!
//! They are made anew by `cargo test -p dimorph-cli --test all -- --ignored pictures`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sync_tests::Server;
use sync_tests::certs::{certs, tls};

use crate::example_org::{ExampleOrg, answer};
use crate::terminal::{Ends, Terminal};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/images");
/// The width of a character of 14 pixels, and the height of a line.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 19.0;
const MARGIN: f64 = 16.0;

/// Makes a picture of a command line and what it writes.
fn picture(name: &str, typed: &str, written: &str) {
    let mut lines = vec![vec![(Style::default(), format!("$ {typed}"))]];
    lines.extend(written.trim_end().lines().map(runs));
    let columns = lines.iter().map(|line| {
        line.iter()
            .map(|(_, text)| text.chars().count())
            .sum::<usize>()
    });
    let width = columns.max().unwrap() as f64 * WIDTH + 2.0 * MARGIN;
    let height = lines.len() as f64 * HEIGHT + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d2330\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"14\" fill=\"#d8dee9\">\n",
        typed.replace('&', "&amp;").replace('<', "&lt;")
    );
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + (row as f64 + 0.75) * HEIGHT;
        let mut column = 0;
        for (style, text) in line {
            let length = text.chars().count();
            let x = MARGIN + column as f64 * WIDTH;
            column += length;
            if !text.trim().is_empty() {
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\"{}>{}</text>",
                    length as f64 * WIDTH,
                    style.attributes(),
                    xml(text)
                );
            }
        }
    }
    svg += "</g>\n</svg>\n";
    fs::create_dir_all(FOLDER).unwrap();
    fs::write(Path::new(FOLDER).join(name), svg).unwrap();
}

/// What the escapes of a terminal have set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Style {
    colour: Option<u8>,
    bold: bool,
    dim: bool,
}

impl Style {
    fn set(&mut self, code: &str) {
        match code.parse().unwrap_or(0) {
            1 => self.bold = true,
            2 => self.dim = true,
            colour @ 30..=37 => self.colour = Some(colour - 30),
            _ => *self = Style::default(),
        }
    }

    fn attributes(self) -> String {
        let mut out = String::new();
        if let Some(colour) = self.colour {
            let colours = [
                "#4c566a", "#e06c75", "#a3be8c", "#ebcb8b", "#81a1c1", "#c895bf", "#88c0d0",
                "#e5e9f0",
            ];
            let _ = write!(out, " fill=\"{}\"", colours[usize::from(colour)]);
        }
        if self.bold {
            out += " font-weight=\"bold\"";
        }
        if self.dim {
            out += " opacity=\"0.65\"";
        }
        out
    }
}

/// A line in runs of one style each.
fn runs(line: &str) -> Vec<(Style, String)> {
    let mut style = Style::default();
    let mut pieces = line.split("\x1b[");
    let mut runs = vec![(style, pieces.next().unwrap().to_owned())];
    for piece in pieces {
        let (codes, text) = piece.split_once('m').unwrap();
        codes.split(';').for_each(|code| style.set(code));
        runs.push((style, text.to_owned()));
    }
    runs.retain(|(_, text)| !text.is_empty());
    runs
}

/// Text of the picture; viewers would collapse its spaces.
fn xml(text: &str) -> String {
    text.replace(' ', "\u{a0}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn written(args: &[&str], variables: &[(&str, String)]) -> String {
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let (status, text) = Terminal::start_with(args, &variables, Ends::default()).end();
    assert_eq!(status, 0, "{text}");
    // The progress of --repeat was taken away before the table came.
    text.rsplit('\r')
        .next()
        .unwrap()
        .trim_start_matches("\x1b[2K")
        .to_owned()
}

#[test]
#[ignore = "makes the pictures of the README anew"]
fn pictures() {
    let site = ExampleOrg::start();
    let args = ["example.org/people", "name=Grace Hopper", "born:=1906"];
    let text = written(&args, &site.variables());
    picture(
        "cli-json.svg",
        "dimorph example.org/people name='Grace Hopper' born:=1906",
        &text,
    );

    let server = Server::answering(tls(), answer);
    let url = format!("https://localhost:{}/people/1", server.port());
    let authority = certs().ca_file.display().to_string();
    let variables = [("SSL_CERT_FILE", authority)];
    let text = written(&["-v", "--auth", "ada", "s3cret", &url], &variables);
    picture(
        "cli-verbose.svg",
        &format!("dimorph -v --auth ada s3cret {url}"),
        &text,
    );

    let text = written(&["--repeat", "200", &url], &variables);
    picture(
        "cli-repeat.svg",
        &format!("dimorph --repeat 200 {url}"),
        &text,
    );
}

#[test]
fn the_pictures_are_there() {
    for name in ["cli-json.svg", "cli-verbose.svg", "cli-repeat.svg"] {
        let svg = fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
        assert!(
            svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
            "{name}"
        );
        assert!(svg.contains(">$\u{a0}dimorph\u{a0}"), "{name}");
    }
}

#[test]
fn a_line_is_cut_where_its_style_changes() {
    let style = Style {
        colour: Some(2),
        bold: true,
        dim: false,
    };
    let runs = runs("a\x1b[1m\x1b[32mb\x1b[0mc");
    assert_eq!(
        runs,
        [
            (Style::default(), "a".into()),
            (style, "b".into()),
            (Style::default(), "c".into())
        ]
    );
}
