//! Transports: what stands for the network, in both clients.
//!
//! A transport takes a [`Request`](crate::Request) and returns a response. Merging, redirects, cookies, authentication, decoding and hooks are
//! the client's, and happen above it. The builder's `transport` sets one for every request, `mount` for those of a URL pattern.
//!
//! | for | there is |
//! |---|---|
//! | answers without a network | [`Mock`], its [`Route`]s and [`Fault`]s |
//! | an application of yours, in process | `App` (feature `tower`) |
//! | real exchanges, recorded and replayed | `Recorder`, `Replay`, `Recording` (feature `json`) |
//! | a layer over another transport, a client's engine for one | [`Retry`], [`RateLimit`], [`Logging`] |
//! | tower's layers around the engine | `IntoService`, `FromService` (features `tower` and `async`) |
//! | the crate ureq in place of the engine | `Ureq` (feature `ureq`) |
//! | one of your own, for both clients | [`Handler`] |
//!
//! One of your own for one form alone implements its trait, `blocking::Transport` or `asynchronous::Transport`.
//!
//! ```
//! use dimorph::Client;
//! use dimorph::transport::{Handler, Logging, Mock, Retry, Route};
//!
//! // In a test; elsewhere a client stands in the mock's place.
//! let network = Mock::routes().route(Route::get("/things").replies([503, 200]));
//! let retry = Retry::new(2).jitter(|_| std::time::Duration::ZERO);
//! let layers = retry.over(Logging::new(|line| println!("{line}")).over(network.clone()));
//!
//! let client = Client::builder().transport(layers).build()?;
//! assert_eq!(client.get("https://api.example/things").send()?.status(), 200);
//! assert_eq!(network.count(), 2);
//! # Ok::<(), dimorph::Error>(())
//! ```

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
