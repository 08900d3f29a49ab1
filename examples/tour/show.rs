//! How the tour prints: headings, one line for each form, a progress bar.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Colour and moving bars are for a person who looks on.
static TERMINAL: LazyLock<bool> =
    LazyLock::new(|| io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none());

fn styled(code: &str, text: impl Display) -> String {
    if *TERMINAL {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_string()
    }
}

pub(crate) fn bold(text: impl Display) -> String {
    styled("1", text)
}

pub(crate) fn dim(text: impl Display) -> String {
    styled("2", text)
}

/// A step's title and the code that matters in it.
pub(crate) fn heading(title: &str, code: &[&str]) {
    println!("\n{}", bold(title));
    for line in code {
        println!("    {}", dim(line));
    }
}

/// What a step gave in one form.
pub(crate) fn line(form: &str, text: impl Display) {
    println!("  {}  {text}", styled("36", format_args!("{form:<8}")));
}

pub(crate) fn time(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    let digits = if ms < 10.0 { 2 } else { 0 };
    format!("{ms:.digits$} ms")
}

pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "KiB", "MiB", "GiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A transfer's progress: drawn in place on a terminal, as one line at the end elsewhere.
pub(crate) struct Bar {
    form: &'static str,
    total: u64,
    started: Instant,
    drawn: Option<Instant>,
}

impl Bar {
    const WIDTH: u64 = 30;

    pub(crate) fn new(form: &'static str, total: u64) -> Self {
        Self {
            form,
            total,
            started: Instant::now(),
            drawn: None,
        }
    }

    /// Draws, but not more often than an eye can follow.
    pub(crate) fn show(&mut self, done: u64) {
        if *TERMINAL
            && self
                .drawn
                .is_none_or(|at| at.elapsed() > Duration::from_millis(30))
        {
            self.drawn = Some(Instant::now());
            let filled = done * Self::WIDTH / self.total.max(1);
            let bar = "━".repeat(filled as usize) + &" ".repeat((Self::WIDTH - filled) as usize);
            let percent = done * 100 / self.total.max(1);
            print!(
                "\r  {}  {bar} {percent:>3} %",
                styled("36", format_args!("{:<8}", self.form))
            );
            let _ = io::stdout().flush();
        }
    }

    /// Gives the line that stays.
    pub(crate) fn finish(self, done: u64) -> String {
        if self.drawn.is_some() {
            print!("\r\x1b[K");
        }
        let taken = self.started.elapsed();
        let rate = size((done as f64 / taken.as_secs_f64()) as u64);
        let bar = "━".repeat(Self::WIDTH as usize);
        format!("{bar} 100 %  {} in {}, {rate}/s", size(done), time(taken))
    }
}
