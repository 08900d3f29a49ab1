//! Ratios of dimorph and its peers against a raw socket, measured on loopback in one run.
//!
//! ```text
//! run ── serve DIR                       the server: raw blocking sockets, and hyper for HTTP/2; its own process
//!     ├─ child PEER WORKLOAD N           one peer, one workload: CPU time of that process alone
//!     ├─ strace -c -f  child …           twice, with two counts; the difference has no start-up in it
//!     ├─ valgrind      child …           the same
//!     ├─ bench-counting child …          the same under a counting allocator
//!     └─ an axum application             in this process, against the same over loopback: wall time
//! ```
//! Everything is pinned to one CPU: a wake-up across CPUs costs more than a whole request. Each round runs every
//! peer once, in a rotating order; a ratio is taken against the floor of its own round, and the table prints the
//! median of the rounds with their least and greatest.
#![allow(
    clippy::print_stdout,
    reason = "a program whose work is to print a table"
)]

mod application;
mod child;
mod floor;
mod floor_http2;
mod measure;
mod options;
mod peers;
mod rounds;
mod server;
mod server_http2;
mod table;
mod targets;
mod tls;
mod tools;
mod workload;

use std::error::Error;
use std::process::ExitCode;

/// What the counting allocator saw so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heap {
    /// Allocations and reallocations together.
    pub allocations: u64,
    /// Bytes asked for and not yet given back.
    pub live_bytes: i64,
}

/// Reads the counting allocator; `None` in the program that has none.
pub type Snapshot = Option<fn() -> Heap>;

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs the program that the command line asks for.
#[must_use]
pub fn run(snapshot: Snapshot) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("serve") => server::serve(&arguments[1..]),
        Some("child") => child::run(&arguments[1..], snapshot),
        Some("--help" | "-h" | "help") => {
            println!("{}", options::HELP);
            Ok(())
        }
        _ => options::Options::parse(&arguments).and_then(|options| table::run(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
