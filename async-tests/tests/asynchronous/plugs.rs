//! What each form plugs in by its own means. Here: with futures.

use std::sync::{Arc, Mutex};

use dimorph::Error;
use dimorph::asynchronous::{Client, ClientBuilder, Transport};
use dimorph::transport::{FromService, IntoService};

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
        let notes = notes.clone();
        Box::pin(async move {
            notes.lock().unwrap().push(format!("{name} in"));
            let result = match how {
                Around::Runs => step.await,
                Around::Refuses => Err(Error::other("refused by the gate")),
                Around::Skips => Ok(()),
            };
            let ended = if result.is_ok() { "out" } else { "failed" };
            notes.lock().unwrap().push(format!("{name} {ended}"));
            result
        })
    })
}

/// The form's own transport is a tower service: here one around the engine.
pub(crate) fn own<T>(
    engine: Box<dyn Transport>,
    _wrap: impl FnOnce(Client) -> T,
) -> FromService<IntoService<Box<dyn Transport>>> {
    FromService::new(IntoService::new(engine))
}

/// The public types that this form does not have: the crate ureq is blocking.
pub(crate) const ABSENT: [&str; 1] = ["Ureq"];

/// The form's own transport, which goes through a proxy and knows its password.
pub(crate) fn own_through(proxy: &str) -> FromService<IntoService<Client>> {
    let engine = Client::builder().trust_env(false).proxy(proxy);
    FromService::new(IntoService::new(engine.build().unwrap()))
}

/// Runs something that may panic, and gives what it said.
pub(crate) async fn attempt<A, F>(f: impl FnOnce(A) -> F, argument: A) -> Result<(), String>
where
    F: Future<Output = ()> + Send + 'static,
{
    let ended = tokio::spawn(f(argument)).await;
    ended.map_err(|error| {
        let panic = error.into_panic();
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("it panicked").to_owned()
    })
}
