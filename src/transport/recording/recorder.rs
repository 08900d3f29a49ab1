//! Records, and never replays.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::exchange::{hold_body, record};
use super::recorded::Recorded;
use super::settings::{Settings, common_methods, recording_methods};
use super::tape::Tape;
use crate::error::Result;
use crate::request::Request;
use crate::transport::{Handler, Handling, Next};

/// Records every exchange to a HAR file, to be [replayed](super::Replay) without a network.
///
/// It stands [over](Handler::over) the transport that really sends: a client, for the network. Redirects, the requests of an
/// auth flow and retries of what stands above it are entries of their own. Clones share what they recorded.
///
/// What is there already is replaced with the first exchange; [`Recording`](super::Recording) adds to it. Nothing secret is
/// written of what is known by its name: credentials, cookies and keys are `REDACTED` in headers, URLs, and the forms (multipart
/// ones too) and JSON of requests. What else is one is yours to name: bodies of responses are data, so that a token in one is
/// written unless `redact_json`, `redact_text` or `redact` takes it out. Requests whose JSON is malformed, or whose body was
/// compressed before, are written as they are, too.
/// A new file has the mode 0600, one that was there keeps its own.
///
/// Bodies are read into memory before they go on: a request's reader or stream is sent as bytes, a response comes when it is
/// complete. Content codings are taken off in the file (those that are compiled in), so that it can be read.
/// The file is written with `std::fs` on the thread of the exchange, in the async client too.
///
/// ```no_run
/// use dimorph::transport::{Handler, Recorder};
///
/// # fn main() -> dimorph::Result<()> {
/// let recorder = Recorder::new("tests/tapes/users.har").redact_json("/email");
/// let client = dimorph::Client::builder()
///     .transport(recorder.clone().over(dimorph::Client::new()))
///     .build()?;
/// client.get("https://api.example.com/user").send()?;
/// recorder.save()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Recorder {
    settings: Arc<Settings>,
    tape: Arc<Tape>,
}

impl Recorder {
    /// Makes a recorder to a file, whose folders are made where they are missing.
    ///
    /// ```no_run
    /// use dimorph::Client;
    /// use dimorph::transport::{Handler, Recorder};
    ///
    /// let recorder = Recorder::new("tests/tapes/users.har")
    ///     .redact_header("x-tenant")
    ///     .redact_json("/users/*/email");
    /// let client = Client::builder().transport(recorder.over(Client::new())).build()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Recorder {
            settings: Arc::default(),
            tape: Arc::new(Tape::blank(path.into())),
        }
    }
}

recording_methods!(Recorder);
common_methods!(Recorder);

impl Handler for Recorder {
    fn handle<'a>(&'a self, mut request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let settings = &self.settings;
            let body = hold_body(&mut request, settings.max_body, next.clone()).await?;
            record(&self.tape, settings, request, body, next.clone()).await
        })
    }

    fn close(&self) {
        // Who wants to hear of a failure calls `save`.
        let _ = self.save();
    }
}
