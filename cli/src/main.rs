//! `dimorph`: an HTTP client for the command line, over dimorph's blocking client.
//!
//! ```text
//!   arguments ─ args.rs, help.rs
//!       │
//!   Setup ─ plan.rs (items.rs, nested.rs, address.rs, stdin.rs), session.rs
//!       │
//!       ├─ exchange.rs   sends and shows ─ show.rs, json.rs, head.rs
//!       ├─ download.rs   sends and saves ─ bar.rs
//!       ├─ repeat.rs     sends and counts
//!       ├─ offline.rs    catches and shows
//!       └─ curl.rs       catches and translates
//!   watch.rs hears what the client tells on the way, phases.rs adds it up; screen.rs knows where it goes.
//! ```

mod address;
mod args;
mod bar;
mod curl;
mod download;
mod exchange;
mod failure;
mod head;
mod help;
mod items;
mod json;
mod nested;
mod offline;
mod phases;
mod plan;
mod repeat;
mod screen;
mod session;
mod setup;
mod show;
mod stdin;
mod terminal;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use failure::{OK, Result};
use screen::Screen;
use setup::Setup;

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            if !failure.message.is_empty() {
                // There is nobody else to tell.
                let _ = writeln!(io::stderr(), "dimorph: {}", failure.message);
            }
            ExitCode::from(failure.status)
        }
    }
}

fn run() -> Result<u8> {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return print(help::told(&error)?.as_bytes()),
    };
    if let Some(shell) = args.completions {
        return print(&help::completions(shell));
    }
    if args.man {
        return print(&help::manual()?);
    }
    let mut setup = Setup::new(&args)?;
    if args.curl {
        return print(curl::command(&args, &mut setup)?.as_bytes());
    }
    let mut screen = Screen::new(&args)?;
    if args.offline {
        offline::print(&args, &mut setup, &mut screen)?;
        return Ok(OK);
    }
    if let Some(count) = args.repeat {
        return repeat::run(&args, count, &mut setup, &mut screen);
    }
    match &args.download {
        Some(path) => download::run(&args, path, &mut setup, &screen),
        None => exchange::run(&args, &mut setup, &mut screen),
    }
}

fn print(text: &[u8]) -> Result<u8> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()?;
    Ok(OK)
}
