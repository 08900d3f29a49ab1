//! `--repeat N`: the same request many times over one client, and a table of where the time went.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use dimorph::Client;

use crate::args::Args;
use crate::bar::Bar;
use crate::exchange::spelled as status_name;
use crate::failure::{FAILED, OK, Result};
use crate::phases::{NAMES, Phases, counted, spelled};
use crate::screen::{Parts, Screen};
use crate::setup::Setup;
use crate::terminal::{BOLD, NAME, Paint, escaped, status_style};
use crate::watch::Watch;

/// What came of all of them.
#[derive(Default)]
struct Tally {
    times: [Vec<Duration>; NAMES.len()],
    statuses: BTreeMap<u16, usize>,
    failures: BTreeMap<String, usize>,
    opened: usize,
    reused: usize,
    bytes: u64,
}

/// Sends them one after the other; returns the exit status.
pub(crate) fn run(args: &Args, count: u32, setup: &mut Setup, screen: &mut Screen) -> Result<u8> {
    let silent = Parts {
        request_head: false,
        request_body: false,
        head: false,
        body: false,
        times: false,
        all: false,
        secrets: false,
    };
    setup.plan.make_repeatable()?;
    let watch = Watch::new(silent, screen.notes.clone(), setup.keeps_alive());
    let client = watch.listen(setup.client(args)).build()?;
    let bar = Bar::counting(count.into());
    let mut tally = Tally::default();
    for number in 0..count {
        let outcome = once(setup, &client)?;
        tally.add(&watch.take_phases(), outcome);
        bar.set(u64::from(number) + 1);
    }
    bar.clear();
    setup.save_session()?;
    screen
        .body
        .write(tally.table(screen.body.paint).as_bytes())?;
    let all_good = tally
        .statuses
        .keys()
        .all(|status| (200..300).contains(status));
    Ok(
        match tally.failures.is_empty() && (all_good || !args.check_status) {
            true => OK,
            false => FAILED,
        },
    )
}

/// One request; a failure of its way is an outcome like a status.
fn once(setup: &mut Setup, client: &Client) -> Result<Result<u16, String>> {
    let request = setup.request(client)?.build()?;
    let told = |error: dimorph::Error| escaped(&error.to_string()).into_owned();
    Ok(client.send(request).map_err(told).and_then(|mut response| {
        while response.chunk().map_err(told)?.is_some() {}
        Ok(response.status().as_u16())
    }))
}

impl Tally {
    fn add(&mut self, phases: &Phases, outcome: Result<u16, String>) {
        self.opened += phases.opened;
        self.reused += phases.reused;
        self.bytes += phases.bytes;
        match outcome {
            Ok(status) => {
                *self.statuses.entry(status).or_default() += 1;
                for (phase, times) in self.times.iter_mut().enumerate() {
                    times.extend(phases.time(phase));
                }
            }
            Err(message) => *self.failures.entry(message).or_default() += 1,
        }
    }

    fn table(&mut self, paint: Paint) -> String {
        let mut out = String::new();
        let columns = ["min", "median", "p90", "p99", "max"];
        let titles: String = columns.iter().map(|name| format!("{name:>10}")).collect();
        let _ = writeln!(
            out,
            "{}",
            paint.text(BOLD, &format!("{:<10}{titles}{:>8}", "", "count"))
        );
        for (name, times) in NAMES.iter().zip(&mut self.times) {
            if times.is_empty() {
                continue;
            }
            times.sort_unstable();
            let _ = write!(out, "{}", paint.text(NAME, &format!("{name:<10}")));
            for percent in [0, 50, 90, 99, 100] {
                let _ = write!(out, "{:>10}", spelled(at(times, percent)));
            }
            let _ = writeln!(out, "{:>8}", times.len());
        }
        out.push('\n');
        for (&status, count) in &self.statuses {
            let code =
                http::StatusCode::from_u16(status).map_or_else(|_| status.to_string(), status_name);
            let _ = writeln!(out, "{}: {count}", paint.text(status_style(status), &code));
        }
        for (message, count) in &self.failures {
            let _ = writeln!(out, "{}: {count}", paint.text(status_style(500), message));
        }
        let _ = writeln!(
            out,
            "connections: {} opened, {} times one reused; {} bytes of bodies",
            self.opened,
            self.reused,
            counted(self.bytes)
        );
        out
    }
}

/// The value that so many of a hundred do not exceed (nearest rank).
fn at(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.saturating_sub(1)]
}
