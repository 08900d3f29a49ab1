//! Where things go: what to show, on which of the two outputs, in colour or not.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::Style;

use crate::args::{Args, When};
use crate::failure::{Failure, Result};
use crate::terminal::Paint;

/// What is shown of the exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) request_head: bool,
    pub(crate) request_body: bool,
    pub(crate) head: bool,
    pub(crate) body: bool,
    pub(crate) times: bool,
    /// What else -v tells: connections, and the answers on the way.
    pub(crate) all: bool,
    pub(crate) secrets: bool,
}

/// The output of one call.
pub(crate) struct Screen {
    pub(crate) parts: Parts,
    /// The parts were named, rather than chosen by what standard output is.
    pub(crate) explicit: bool,
    /// What the body is written to.
    pub(crate) body: Output,
    /// What heads and times are written to.
    pub(crate) notes: Notes,
}

/// A stream for bodies.
pub(crate) struct Output {
    out: Stream,
    /// Text and JSON are laid out for people, and nothing else is written.
    pub(crate) for_people: bool,
    /// A person reads it now: bytes that are no text are kept away.
    pub(crate) is_terminal: bool,
    pub(crate) paint: Paint,
}

/// Standard output, standard error or a file, with its colours. Written in whole blocks, from wherever something happens.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    to: Stream,
    pub(crate) paint: Paint,
    /// Where what is no part of the exchange goes: never among the parts in a pipe or a file.
    aside: Stream,
    aside_paint: Paint,
}

#[derive(Debug, Clone)]
enum Stream {
    Out,
    Error,
    File(Arc<Target>),
}

/// A file that keeps what it has until there is something else to write.
#[derive(Debug)]
struct Target {
    file: File,
    begun: AtomicBool,
}

impl Screen {
    /// Decides by the arguments and what the outputs are.
    pub(crate) fn new(args: &Args) -> Result<Screen> {
        let out_is_terminal = args.output.is_none() && io::stdout().is_terminal();
        let error_is_terminal = io::stderr().is_terminal();
        let colours = |is_terminal: bool| match args.color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && terminal_has_colours(),
        };
        let explicit = match (&args.print, args.body, args.headers_only) {
            (Some(parts), ..) => Some(parts.as_str()),
            (None, true, _) => Some("b"),
            (None, false, true) => Some("h"),
            (None, false, false) => None,
        };
        let letters = explicit.unwrap_or(match (args.verbose > 0, out_is_terminal) {
            (true, _) => "HBhbm",
            (false, true) => "hb",
            (false, false) => "b",
        });
        let parts = Parts {
            request_head: letters.contains('H'),
            request_body: letters.contains('B'),
            head: letters.contains('h'),
            body: letters.contains('b') || args.json_lines,
            times: letters.contains('m'),
            all: args.verbose > 0,
            secrets: args.verbose > 1,
        };
        let out = match &args.output {
            Some(path) => Stream::File(Arc::new(Target::open(path)?)),
            None => Stream::Out,
        };
        let to_error = explicit.is_none() && !out_is_terminal;
        let to = if to_error { Stream::Error } else { out.clone() };
        let (aside, aside_is_terminal) = match out_is_terminal {
            true => (Stream::Out, true),
            false => (Stream::Error, error_is_terminal),
        };
        Ok(Screen {
            parts,
            explicit: explicit.is_some(),
            body: Output {
                out,
                for_people: out_is_terminal || args.color == When::Always,
                is_terminal: out_is_terminal,
                paint: Paint(colours(out_is_terminal)),
            },
            notes: Notes {
                to,
                paint: Paint(colours(if to_error {
                    error_is_terminal
                } else {
                    out_is_terminal
                })),
                aside,
                aside_paint: Paint(colours(aside_is_terminal)),
            },
        })
    }
}

/// NO_COLOR as its site has it: any value but an empty one.
fn terminal_has_colours() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Notes {
    /// Writes a block of lines.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        self.to.write(text.as_bytes())
    }

    /// Writes a line that is no part of the exchange.
    pub(crate) fn write_aside(&self, style: Style, line: &str) {
        let line = self.aside_paint.text(style, line);
        // A reader who has gone away is noticed with the body.
        let _ = self.aside.write(format!("{line}\n").as_bytes());
    }
}

impl Output {
    /// Writes, and passes it on at once: a reader at the other end of a pipe waits for it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write(bytes)
    }
}

impl Stream {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Out => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Stream::Error => {
                // Who closed standard error does not want to know, and may still want the body.
                let _ = io::stderr().write_all(bytes);
                Ok(())
            }
            Stream::File(target) => target.write(bytes),
        }
    }
}

impl Target {
    fn open(path: &Path) -> Result<Target> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| {
            Failure::file(format_args!("the output {}", path.display()), &error)
        })?;
        Ok(Target {
            file,
            begun: AtomicBool::new(false),
        })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if !self.begun.swap(true, Ordering::Relaxed) && self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        (&self.file).write_all(bytes)
    }
}
