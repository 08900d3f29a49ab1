//! Runs the rounds and prints the tables.

use std::fmt::Write as _;

use crate::Done;
use crate::application::{self, APPLICATION, AT_LEAST};
use crate::child::{HOLD, Scratch, Site, make_upload_file};
use crate::measure::{Spread, pin};
use crate::options::Options;
use crate::peers::FLOOR;
use crate::rounds::{self, Cost, Rounds, large_rounds, nanoseconds, ran, ratio};
use crate::server::Server;
use crate::targets::TARGETS;
use crate::tools::Tools;
use crate::workload::Workload;

/// Connections that W9 opens.
const HELD: usize = 100;
const NONE: &str = "–";

pub(crate) fn run(options: &Options) -> Done {
    let tools = if options.tools {
        Tools::find()
    } else {
        Tools::default()
    };
    let cpu = pin(options.cpu)?;
    let scratch = Scratch::new()?;
    let server = Server::start(&scratch.0)?;
    let site = Site {
        ports: server.ports,
        directory: scratch.0.clone(),
        size: options.size,
    };
    let workloads = options.workloads();
    if workloads.contains(&Workload::UploadFile) {
        make_upload_file(&site.upload_file(), site.size)?;
    }
    let mut failures = Vec::new();
    let mut results = Vec::new();
    for &workload in &workloads {
        eprintln!("{} {}", workload.name(), workload.title());
        results.push((
            workload,
            rounds::run(&site, workload, options, &mut failures)?,
        ));
    }
    let mut output = Output {
        markdown: options.markdown,
        tables: String::new(),
    };
    output.line(&format!(
        "CPU time of the client process against the raw-socket floor of the same round: median (least–greatest). \
         One CPU (number {cpu}) for both ends; large bodies are {} MiB; {} rounds, {} for large bodies.",
        options.size >> 20,
        options.rounds,
        large_rounds(options),
    ));
    output.ratios(&results, &options.peers());
    if options.tools {
        output.per_request(&tools, &site, &results, options, &mut failures);
        output.per_connection(&tools, &site, &results, options, &mut failures);
    }
    output.targets(options.quick, &results, &mut failures);
    if options.wants(APPLICATION) {
        eprintln!("{APPLICATION} an axum application, in process and over loopback");
        output.application(options, &mut failures);
    }
    println!("{}", output.tables.trim_end());
    failures.sort();
    failures.dedup();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n       ").into())
    }
}

#[derive(Debug)]
struct Output {
    markdown: bool,
    tables: String,
}

impl Output {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.tables, "{text}\n");
    }

    /// Workloads down, peers across.
    fn ratios(&mut self, results: &[(Workload, Rounds)], peers: &[&'static str]) {
        let timed = |http2| {
            results.iter().filter(move |(workload, _)| {
                *workload != Workload::New && workload.is_http2() == http2
            })
        };
        self.costs("workload", timed(false), peers, Cost::client);
        self.costs("HTTP/2", timed(true), peers, Cost::client);
        // The kernel bills the work of a loopback connection to whichever end happens to run: where that work is all
        // there is, only the sum of the two can be repeated.
        let large = |http2| timed(http2).filter(|(workload, _)| workload.is_large());
        let title = "client and server together";
        self.costs(title, large(false), peers, Cost::both_ends);
        let title = "HTTP/2, client and server together";
        self.costs(title, large(true), peers, Cost::both_ends);
    }

    fn costs<'a>(
        &mut self,
        title: &str,
        results: impl Iterator<Item = &'a (Workload, Rounds)>,
        peers: &[&'static str],
        of: fn(&Cost) -> f64,
    ) {
        let results: Vec<_> = results.collect();
        let peers: Vec<_> = peers
            .iter()
            .filter(|peer| **peer != FLOOR && results.iter().any(|(_, rounds)| ran(rounds, peer)))
            .collect();
        let mut rows = vec![vec![title.to_owned(), "floor".to_owned()]];
        rows[0].extend(peers.iter().map(|peer| (**peer).to_owned()));
        for (workload, rounds) in results {
            let floor = nanoseconds(rounds, FLOOR, of)
                .map_or(NONE.to_owned(), |spread| time(spread.median));
            let mut row = vec![format!("{} {}", workload.name(), workload.title()), floor];
            for peer in &peers {
                row.push(ratio(rounds, peer, FLOOR, of).map_or(NONE.to_owned(), spread));
            }
            rows.push(row);
        }
        if rows.len() > 1 {
            self.table(&rows);
        }
    }

    /// Small requests by peer, with the repeatable figures.
    fn per_request(
        &mut self,
        tools: &Tools,
        site: &Site,
        results: &[(Workload, Rounds)],
        options: &Options,
        failures: &mut Vec<String>,
    ) {
        for (workload, rounds) in results {
            if !matches!(
                workload,
                Workload::Small
                    | Workload::SmallTls
                    | Workload::Streams
                    | Workload::StreamsTls
                    | Workload::StreamThreads
            ) {
                continue;
            }
            let title = format!("{} {}", workload.name(), workload.title());
            let head = [
                title.as_str(),
                "CPU / floor",
                "per CPU second",
                "instructions",
                "allocations",
                "system calls",
            ];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            for peer in options.peers() {
                if !ran(rounds, peer) {
                    continue;
                }
                eprintln!(
                    "{} of {peer}: instructions, allocations, system calls",
                    workload.name()
                );
                let name = workload.name();
                let cpu = ratio(rounds, peer, FLOOR, Cost::client)
                    .map_or(NONE.to_owned(), |spread| format!("{:.2}", spread.median));
                let rate = nanoseconds(rounds, peer, Cost::client)
                    .map_or(NONE.to_owned(), |spread| {
                        format!("{:.0}k", 1e9 / spread.median / 1e3)
                    });
                let instructions = kept(tools.instructions(site, peer, name), failures, |count| {
                    format!("{:.1}k", count / 1000.0)
                });
                let allocations = kept(tools.allocations(site, peer, name), failures, |count| {
                    format!("{count:.1}")
                });
                let calls = kept(tools.system_calls(site, peer, name), failures, |count| {
                    format!("{count:.1}")
                });
                rows.push(vec![
                    peer.to_owned(),
                    cpu,
                    rate,
                    instructions,
                    allocations,
                    calls,
                ]);
            }
            self.table(&rows);
        }
    }

    /// W9 and the cost of a client.
    fn per_connection(
        &mut self,
        tools: &Tools,
        site: &Site,
        results: &[(Workload, Rounds)],
        options: &Options,
        failures: &mut Vec<String>,
    ) {
        let made = results
            .iter()
            .find(|(workload, _)| *workload == Workload::New);
        if !options.wants(HOLD) && made.is_none() {
            return;
        }
        let head = [
            "W9 heap bytes",
            "per connection in flight",
            "per idle connection",
            Workload::New.title(),
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for peer in options.peers().into_iter().filter(|peer| *peer != FLOOR) {
            let heap = if options.wants(HOLD) {
                tools.heap(site, peer, HELD)
            } else {
                None
            };
            let (mut in_flight, mut idle) = (NONE.to_owned(), NONE.to_owned());
            match heap {
                Some(Ok(bytes)) => (in_flight, idle) = (bytes.0.to_string(), bytes.1.to_string()),
                Some(Err(error)) => failures.push(error.to_string()),
                None => {}
            }
            let made = made.and_then(|(_, rounds)| nanoseconds(rounds, peer, Cost::client));
            let made = made.map_or(NONE.to_owned(), |spread| time(spread.median));
            let row = vec![peer.to_owned(), in_flight, idle, made];
            if row[1..].iter().any(|cell| cell != NONE) {
                rows.push(row);
            }
        }
        self.table(&rows);
    }

    /// What must hold between two peers, as far as they ran.
    fn targets(&mut self, quick: bool, results: &[(Workload, Rounds)], failures: &mut Vec<String>) {
        let head = ["CPU time against another's", "reached", "at most"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for target in &TARGETS {
            let Some(reached) = target.reached(results) else {
                continue;
            };
            let (name, peer, against) = (target.workload.name(), target.peer, target.against);
            let (text, at_most) = (spread(reached), format!("{:.2}", target.at_most));
            if target.is_missed_by(reached, quick) {
                failures.push(format!(
                    "{name}: {peer} spends {text} times the CPU time of {against}, and may spend {at_most}"
                ));
            }
            rows.push(vec![format!("{name} {peer} / {against}"), text, at_most]);
        }
        if rows.len() > 1 {
            self.table(&rows);
        }
    }

    /// Requests per second, and what asking in process is faster by.
    fn application(&mut self, options: &Options, failures: &mut Vec<String>) {
        let figures = match application::figures(options) {
            Ok(figures) => figures,
            Err(error) => return failures.push(format!("{APPLICATION}: {error}")),
        };
        let head = [
            "an axum application of 50 routes, requests per second",
            "in process",
            "over loopback",
            "ratio",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for row in figures {
            let ratio = row.ratio;
            rows.push(vec![
                row.form.to_owned(),
                format!("{:.0}", row.in_process.median),
                format!("{:.0}", row.over_loopback.median),
                format!(
                    "{:.1} ({:.1}–{:.1})",
                    ratio.median, ratio.least, ratio.greatest
                ),
            ]);
            if ratio.median < AT_LEAST {
                failures.push(format!(
                    "{APPLICATION}: {} is {:.1} times as fast in process, and must be {AT_LEAST}",
                    row.form, ratio.median
                ));
            }
        }
        self.table(&rows);
    }

    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows[0].len();
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, &width))| {
                    if column == 0 {
                        format!("{cell:width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            let text = if self.markdown {
                format!("| {} |", cells.join(" | "))
            } else {
                cells.join("  ")
            };
            let _ = writeln!(self.tables, "{text}");
            if number == 0 && self.markdown {
                let _ = writeln!(self.tables, "|---|{}", "---:|".repeat(columns - 1));
            }
        }
        let _ = writeln!(self.tables);
    }
}

/// A figure as text; a missing tool leaves a dash, a failure also goes into the list.
fn kept(
    figure: Option<Done<f64>>,
    failures: &mut Vec<String>,
    text: impl Fn(f64) -> String,
) -> String {
    match figure {
        Some(Ok(count)) => text(count),
        Some(Err(error)) => {
            failures.push(error.to_string());
            NONE.to_owned()
        }
        None => NONE.to_owned(),
    }
}

fn spread(of: Spread) -> String {
    format!("{:.2} ({:.2}–{:.2})", of.median, of.least, of.greatest)
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        small if small < 1e3 => format!("{small:.0} ns"),
        small if small < 1e6 => format!("{:.1} µs", small / 1e3),
        large => format!("{:.0} ms", large / 1e6),
    }
}
