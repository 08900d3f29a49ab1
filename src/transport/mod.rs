//! Transports: what stands for the network, in both clients.
//!
//! A transport takes a [`Request`](crate::Request) and returns a response. Each form has its own trait,
//! `blocking::Transport` and `asynchronous::Transport`; a [`Handler`] is written once and serves both.

#[cfg(feature = "tower")]
mod app;
#[cfg(feature = "tower")]
mod counted;
mod deadline;
mod handler;
mod logging;
mod mock;
mod rate_limit;
#[cfg(feature = "json")]
mod recording;
mod response;
mod retry;
mod script;
#[cfg(feature = "tower")]
mod tower;
#[cfg(feature = "ureq")]
mod ureq;

#[cfg(feature = "tower")]
pub(crate) use app::AppBody;
#[cfg(feature = "tower")]
pub use app::{App, FromFn, MountPath, RemoteAddr};
pub(crate) use deadline::Deadline;
pub(crate) use handler::{Clocks, Native, Progress, Reply, Run, Step};
pub use handler::{Handled, Handler, Handling, Next, Nothing};
pub use logging::{LogLine, Logging};
pub use mock::{
    Fault, IntoReply, Mock, MockBody, MockCall, MockGuard, MockHeaders, MockReply, MockResponse,
    MockRoute, PathParams, Route, Times,
};
pub use rate_limit::RateLimit;
#[cfg(feature = "json")]
pub use recording::{MatchOn, Mode, Recorded, Recorder, Recording, Replay};
pub use response::Response;
pub(crate) use response::{Content, Head};
pub use retry::{Attempts, Retry, Retrying};
pub(crate) use retry::{fraction, retry_after_of};
pub(crate) use script::{Play, Script};
#[cfg(feature = "tower")]
pub use tower::{FromService, IntoService};
#[cfg(feature = "ureq")]
pub use ureq::Ureq;
