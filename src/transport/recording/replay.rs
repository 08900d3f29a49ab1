//! Replays, and never sends.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::HeaderName;

use super::exchange::{hold_body, replay};
use super::file::not_a_recording;
use super::matching::{MatchOn, Matching};
use super::recorded::Recorded;
use super::settings::{Settings, common_methods, replaying_methods};
use super::tape::Tape;
use crate::error::Result;
use crate::request::Request;
use crate::transport::{Handler, Handling, Next};

/// Answers requests out of a HAR file, without a network: a transport of both clients.
///
/// The file is one of a [`Recorder`](super::Recorder), or one that a browser exported. Whatever was `REDACTED` fits anything.
/// Redirects, cookies, authentication and errors for statuses are the client's, and happen as over the network. Clones share which
/// entries were used.
///
/// A request that no entry answers is an `App` error, which names the nearest entries and what differs.
///
/// ```
/// use dimorph::transport::Replay;
///
/// # fn main() -> dimorph::Result<()> {
/// let replay = Replay::parse(
///     r#"{"log": {"entries": [{
///         "request": {"method": "GET", "url": "https://api.example.com/user"},
///         "response": {"status": 200, "content": {"text": "{\"name\": \"Ada\"}"}}
///     }]}}"#,
/// )?;
/// let client = dimorph::Client::builder().transport(replay.clone()).build()?;
/// let response = client.get("https://api.example.com/user").send()?;
/// assert_eq!(response.text()?, "{\"name\": \"Ada\"}");
/// replay.assert_all_used();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Replay {
    settings: Arc<Settings>,
    tape: Arc<Tape>,
}

impl Replay {
    /// Reads a HAR file.
    ///
    /// # Errors
    /// `Builder`, with the file's name, the place (line or entry) and the reason, for a file that is missing or no HAR file, or has
    /// more than 1 GiB.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use dimorph::transport::Replay;
    ///
    /// let replay = Replay::from_file("tests/tapes/users.har")?.lenient();
    /// let client = dimorph::Client::builder().transport(replay).build()?;
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match Tape::load(path)? {
            Some(tape) => Ok(Replay::of(tape)),
            None => Err(not_a_recording(path, "there is no such file")),
        }
    }

    /// Reads the text of a HAR file, such as one of `include_str!`.
    ///
    /// # Errors
    /// `Builder`, with the place (line or entry) and the reason.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self> {
        Tape::parse(text.as_ref()).map(Replay::of)
    }

    fn of(tape: Tape) -> Self {
        Replay {
            settings: Arc::default(),
            tape: Arc::new(tape),
        }
    }
}

replaying_methods!(Replay);
common_methods!(Replay);

impl Handler for Replay {
    fn handle<'a>(&'a self, mut request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let settings = &self.settings;
            if settings.matching.wants_body() {
                hold_body(&mut request, settings.max_body, next.clone()).await?;
            }
            match replay(&self.tape, settings, &request) {
                Some(replayed) => replayed,
                None => Err(self
                    .tape
                    .unmatched(&settings.matching, &request, &settings.rules)),
            }
        })
    }
}
