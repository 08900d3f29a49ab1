//! Figures that need another program: strace, valgrind, or this one under a counting allocator.
//!
//! Each runs a child twice, with two counts, and divides the difference: start-up and warm-up cancel.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Done;
use crate::child::{Report, Site};

/// Multiples of the tasks, threads and streams of every workload that is counted.
const FEW: usize = 800;
const MANY: usize = 2400;

/// Which of the programs are there.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    strace: bool,
    valgrind: bool,
    counting: Option<PathBuf>,
}

impl Tools {
    pub(crate) fn find() -> Self {
        let present = |program: &str| {
            Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok()
        };
        let counting = counting_program()
            .map_err(|error| eprintln!("bench: no allocations counted: {error}"))
            .ok();
        Self {
            strace: present("strace"),
            valgrind: present("valgrind"),
            counting,
        }
    }

    /// System calls per operation.
    pub(crate) fn system_calls(
        &self,
        site: &Site,
        peer: &str,
        workload: &str,
    ) -> Option<Done<f64>> {
        self.strace.then(|| {
            let file = site.directory.join("strace");
            per_operation(|times| {
                let child = site.child(&std::env::current_exe()?, peer, workload, times);
                let options = ["-f", "-c", "-U", "calls,name", "-o"];
                run(Command::new("strace").args(options).arg(&file).args(child))?;
                let text = std::fs::read_to_string(&file)?;
                let total = text
                    .lines()
                    .rev()
                    .find(|line| line.trim_end().ends_with(" total"));
                first_number(total.ok_or("strace gives no total")?)
            })
        })
    }

    /// User-space instructions per operation.
    pub(crate) fn instructions(
        &self,
        site: &Site,
        peer: &str,
        workload: &str,
    ) -> Option<Done<f64>> {
        self.valgrind.then(|| {
            per_operation(|times| {
                let child = site.child(&std::env::current_exe()?, peer, workload, times);
                let options = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
                let text = run(Command::new("valgrind").args(options).args(child))?;
                let collected = text.lines().find_map(|line| line.split_once("Collected :"));
                first_number(collected.ok_or("valgrind gives no count")?.1)
            })
        })
    }

    /// Allocations and reallocations per operation.
    pub(crate) fn allocations(&self, site: &Site, peer: &str, workload: &str) -> Option<Done<f64>> {
        self.counting.as_ref().map(|program| {
            per_operation(
                |times| match Report::of(&site.child(program, peer, workload, times))? {
                    Report::Spent { allocations, .. } => Ok(allocations as f64),
                    report => Err(format!("a child reports {report:?}").into()),
                },
            )
        })
    }

    /// Heap bytes of one connection: in flight, and idle.
    pub(crate) fn heap(
        &self,
        site: &Site,
        peer: &str,
        connections: usize,
    ) -> Option<Done<(i64, i64)>> {
        let program = self.counting.as_ref()?;
        match Report::of(&site.child(program, peer, crate::child::HOLD, connections)) {
            Ok(Report::Held { in_flight, idle }) => Some(Ok((in_flight, idle))),
            Ok(Report::NotOffered) => None,
            Ok(report) => Some(Err(format!("a child reports {report:?}").into())),
            Err(error) => Some(Err(error)),
        }
    }
}

fn per_operation(count: impl Fn(usize) -> Done<f64>) -> Done<f64> {
    Ok((count(MANY)? - count(FEW)?) / (MANY - FEW) as f64)
}

/// Runs a command to its end and returns what it said on its standard error.
fn run(command: &mut Command) -> Done<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(text.into())
    }
}

fn first_number(text: &str) -> Done<f64> {
    let word = text
        .split_whitespace()
        .next()
        .ok_or("a number is missing")?;
    Ok(word.replace(',', "").parse()?)
}

/// Builds `bench-counting` beside this program where cargo runs it, else takes the one that is there.
fn counting_program() -> Done<PathBuf> {
    let this = std::env::current_exe()?;
    let directory = this.parent().ok_or("this program is in no directory")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let target = directory.parent().unwrap_or_else(|| Path::new("target"));
        let mut build = Command::new(cargo);
        build.args([
            "build",
            "--quiet",
            "--package",
            "bench",
            "--bin",
            "bench-counting",
            "--profile",
            profile,
        ]);
        build
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        run(build.arg("--target-dir").arg(target))?;
    }
    let program = directory.join("bench-counting");
    if program.exists() {
        Ok(program)
    } else {
        Err(format!("{} is missing", program.display()).into())
    }
}
