//! Progress on standard error, where that is a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar, or nothing where nobody looks.
#[derive(Clone)]
pub(crate) struct Bar(Option<ProgressBar>);

const SIZED: &str = "{msg} {percent:>3}% {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
const UNSIZED: &str = "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec} {elapsed}";

impl Bar {
    /// Begins a bar that has `done` of `total` already.
    pub(crate) fn new(label: &str, done: u64, total: Option<u64>) -> Bar {
        if !io::stderr().is_terminal() {
            return Bar(None);
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = if total.is_some() { SIZED } else { UNSIZED };
        // A template that does not parse would leave the default bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(label.to_owned());
        bar.set_position(done);
        // The speed is that of this call.
        bar.reset_eta();
        Bar(Some(bar))
    }

    /// Says how much there is by now.
    pub(crate) fn set(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }

    /// Leaves the bar as it is, with a word beneath.
    pub(crate) fn finish(&self, word: &str) {
        if let Some(bar) = &self.0 {
            bar.abandon();
            // Whoever closed standard error does not want to know.
            let _ = io::Write::write_all(&mut io::stderr(), format!("{word}\n").as_bytes());
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Bar {
    /// Begins a bar that counts things.
    pub(crate) fn counting(total: u64) -> Bar {
        let bar = Bar::new("", 0, Some(total));
        if let (Some(bar), Ok(style)) = (
            &bar.0,
            ProgressStyle::with_template("{pos}/{len} {bar:40} {eta} left"),
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar
    }
}
