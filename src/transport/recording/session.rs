//! Replays what is there and records what is not, as its mode says.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderName;

use super::exchange::{hold_body, record, replay};
use super::matching::{MatchOn, Matching};
use super::recorded::Recorded;
use super::settings::{Settings, common_methods, recording_methods, replaying_methods};
use super::tape::Tape;
use crate::error::Result;
use crate::request::Request;
use crate::transport::{Handler, Handling, Next};

/// When a [`Recording`] replays, and when it records: the modes of VCR.
///
/// ```
/// use dimorph::transport::{Mode, Recording};
///
/// # let path = std::env::temp_dir().join(format!("dimorph-no-tape-{}.har", std::process::id()));
/// let recording = Recording::open(&path)?.mode(Mode::None);
/// assert!(!recording.is_recording());
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Records to a new file; replays one that was there, and sends nothing then.
    #[default]
    Once,
    /// Replays, and sends nothing.
    None,
    /// Replays what was there, and records the rest at its end.
    NewEpisodes,
    /// Records everything anew; what was there is replaced with the first exchange.
    All,
}

/// A HAR file that is recorded at first, and replayed from then on.
///
/// It stands over the transport that really sends, as a [`Recorder`](super::Recorder) does, and answers as a
/// [`Replay`](super::Replay) does; both say the details. What is recorded in a session is not replayed in the same one. Clones share
/// the file and which entries were used. Several recordings that were opened on one path replay each for itself, and add to the file
/// together: what another one wrote since is read again and kept.
///
/// ```no_run
/// use dimorph::transport::{Handler, Mode, Recording};
///
/// # fn main() -> dimorph::Result<()> {
/// let recording = Recording::open("tests/tapes/users.har")?.mode(Mode::Once);
/// let client = dimorph::Client::builder()
///     .transport(recording.clone().over(dimorph::Client::new()))
///     .build()?;
/// // Over the network at first, and out of the file ever after.
/// client.get("https://api.example.com/user").send()?;
/// # Ok(())
/// # }
/// # async fn asynchronous() -> dimorph::Result<()> {
///
/// // The same in the async client.
/// let recording = Recording::open("tests/tapes/users.har")?.mode(Mode::NewEpisodes);
/// let client = dimorph::AsyncClient::builder()
///     .transport(recording.over(dimorph::AsyncClient::new()))
///     .build()?;
/// client.get("https://api.example.com/user").send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Recording {
    settings: Arc<Settings>,
    /// What was there, whatever the mode.
    opened: Arc<Tape>,
    /// What the mode works on.
    tape: Arc<Tape>,
    mode: Mode,
    /// The file was there.
    found: bool,
}

impl Recording {
    /// Opens a HAR file, or begins one, whose folders are made where they are missing. The mode is [`Mode::Once`].
    ///
    /// # Errors
    /// `Builder`, with the file's name, the place (line or entry) and the reason, for a file that is no HAR file.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let (tape, found) = Tape::open(path.into())?;
        let tape = Arc::new(tape);
        Ok(Recording {
            settings: Arc::default(),
            opened: Arc::clone(&tape),
            tape,
            mode: Mode::default(),
            found,
        })
    }

    /// Says when to replay, and when to record; to be said before clones are made. The last one counts.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.tape = match mode {
            Mode::All => Arc::new(self.opened.anew()),
            Mode::Once | Mode::None | Mode::NewEpisodes => Arc::clone(&self.opened),
        };
        self.mode = mode;
        self
    }

    /// Tells whether a request that no entry answers is sent and recorded.
    pub fn is_recording(&self) -> bool {
        match self.mode {
            Mode::Once => !self.found,
            Mode::None => false,
            Mode::NewEpisodes | Mode::All => true,
        }
    }
}

recording_methods!(Recording);
replaying_methods!(Recording);
common_methods!(Recording);

impl Handler for Recording {
    fn handle<'a>(&'a self, mut request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let settings = &self.settings;
            let body = hold_body(&mut request, settings.max_body, next.clone()).await?;
            if let Some(replayed) = replay(&self.tape, settings, &request) {
                return replayed;
            }
            if !self.is_recording() {
                return Err(self
                    .tape
                    .unmatched(&settings.matching, &request, &settings.rules));
            }
            record(&self.tape, settings, request, body, next.clone()).await
        })
    }

    fn close(&self) {
        // Who wants to hear of a failure calls `save`.
        let _ = self.save();
    }
}
