//! What each form plugs in by its own means. Here: without futures.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use dimorph::Error;
use dimorph::blocking::{ClientBuilder, Transport};
use dimorph::transport::Ureq;

/// What a function around the step that connects does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Around {
    /// It runs the step.
    Runs,
    /// It fails without running it.
    Refuses,
    /// It says that all is well, and did not run it.
    Skips,
}

/// What was noted, in its order.
pub(crate) type Notes = Arc<Mutex<Vec<String>>>;

/// Puts a function around the step that connects, which notes when it begins and ends.
pub(crate) fn around(
    builder: ClientBuilder,
    name: &'static str,
    how: Around,
    notes: &Notes,
) -> ClientBuilder {
    let notes = notes.clone();
    builder.around_connect(move |step| {
        notes.lock().unwrap().push(format!("{name} in"));
        let result = match how {
            Around::Runs => step(),
            Around::Refuses => Err(Error::other("refused by the gate")),
            Around::Skips => Ok(()),
        };
        let ended = if result.is_ok() { "out" } else { "failed" };
        notes.lock().unwrap().push(format!("{name} {ended}"));
        result
    })
}

/// The form's own transport is `Ureq`; the engine is not asked.
pub(crate) fn own<T>(_engine: Box<dyn Transport>, wrap: impl FnOnce(Ureq) -> T) -> T {
    wrap(Ureq::new())
}

/// The public types that this form does not have.
pub(crate) const ABSENT: [&str; 0] = [];

/// The form's own transport, which goes through a proxy and knows its password.
pub(crate) fn own_through(proxy: &str) -> Ureq {
    let proxy = ureq::Proxy::new(proxy).unwrap();
    let config = ureq::Agent::config_builder().proxy(Some(proxy));
    Ureq::from_config(config.build())
}

/// Runs something that may panic, and gives what it said.
pub(crate) fn attempt<A>(f: impl FnOnce(A), argument: A) -> Result<(), String> {
    let run = AssertUnwindSafe(|| f(argument));
    catch_unwind(run).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("it panicked").to_owned()
    })
}
