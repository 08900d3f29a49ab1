//! Where things go: what to show, on which of the two outputs, in colour or not.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};

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
    /// What the body is written to.
    pub(crate) body: Output,
    /// What heads and times are written to.
    pub(crate) notes: Notes,
}

/// A stream for bodies.
pub(crate) struct Output {
    out: Box<dyn Write>,
    /// Text and JSON are laid out for people, and nothing else is written.
    pub(crate) for_people: bool,
    /// A person reads it now: bytes that are no text are kept away.
    pub(crate) is_terminal: bool,
    pub(crate) paint: Paint,
}

/// Standard output or standard error, with its colours. Written in whole blocks, from wherever something happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notes {
    to_error: bool,
    pub(crate) paint: Paint,
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
        let to_error = explicit.is_none() && !out_is_terminal;
        let out: Box<dyn Write> = match &args.output {
            Some(path) => Box::new(File::create(path).map_err(|error| {
                Failure::file(format_args!("the output {}", path.display()), &error)
            })?),
            None => Box::new(io::stdout()),
        };
        Ok(Screen {
            parts,
            body: Output {
                out,
                for_people: out_is_terminal || args.color == When::Always,
                is_terminal: out_is_terminal,
                paint: Paint(colours(out_is_terminal)),
            },
            notes: Notes {
                to_error,
                paint: Paint(colours(if to_error {
                    error_is_terminal
                } else {
                    out_is_terminal
                })),
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
    pub(crate) fn write(self, text: &str) -> io::Result<()> {
        match self.to_error {
            true => {
                // Who closed standard error does not want to know, and may still want the body.
                let _ = io::stderr().write_all(text.as_bytes());
                Ok(())
            }
            false => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            }
        }
    }
}

impl Output {
    /// Writes, and passes it on at once: a reader at the other end of a pipe waits for it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }
}
