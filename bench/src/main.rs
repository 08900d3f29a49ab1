//! `cargo run --release -p bench`: see the library for what is measured and how.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::run(None)
}
