//! Record and replay: real exchanges in a file, and a network out of it.
//!
//! ```text
//!   recorder.rs   Recorder: sends and records         ┐
//!   replay.rs     Replay: answers, and sends nothing   ├─ exchange.rs: one request on its way
//!   session.rs    Recording: either, by its Mode      ┘
//!        tape.rs       what clones share ─ file.rs: the file as a whole ─ har/: one entry
//!        redact/       what is not written (names.rs)
//!        matching.rs   which entry answers (compare.rs)
//! ```

mod compare;
mod content;
mod date;
mod exchange;
mod failure;
mod file;
mod har;
mod json;
mod matching;
mod names;
mod recorded;
mod recorder;
mod redact;
mod replay;
mod session;
mod settings;
mod tape;

pub use matching::MatchOn;
pub use recorded::Recorded;
pub use recorder::Recorder;
pub use replay::Replay;
pub use session::{Mode, Recording};
