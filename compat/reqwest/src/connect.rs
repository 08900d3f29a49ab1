//! Connector layers: tower layers around the step that makes a connection.
//!
//! The step itself belongs to dimorph and borrows from the request that needs it, so that no tower service can own it. What the
//! layers wrap is a stand-in: called, it asks for the step to be run, and waits for the outcome. Whoever needs the connection runs
//! both side by side.

#[cfg(feature = "blocking")]
mod blocking;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tower::ServiceExt as _;
use tower::util::{BoxCloneSyncService, BoxCloneSyncServiceLayer};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::error::{BoxError, ConnectFailed, TimedOut};

#[cfg(feature = "blocking")]
pub(crate) use blocking::{around_blocking, unpark};
pub(crate) use sealed::{Conn, Unnameable};

/// What a connector layer wraps.
pub(crate) type BoxedConnectorService = BoxCloneSyncService<Unnameable, Conn, BoxError>;

pub(crate) type BoxedConnectorLayer =
    BoxCloneSyncServiceLayer<BoxedConnectorService, Unnameable, Conn, BoxError>;

mod sealed {
    use std::sync::Arc;

    /// A connection to be made.
    pub struct Unnameable(pub(in crate::connect) Arc<super::Gate>);

    impl std::fmt::Debug for Unnameable {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Unnameable")
        }
    }

    /// A connection that was made.
    #[derive(Debug)]
    pub struct Conn(pub(super) ());
}

/// Puts the layers around the stand-in, the last given outermost.
pub(crate) fn layered(layers: Vec<BoxedConnectorLayer>) -> BoxedConnectorService {
    layers
        .into_iter()
        .fold(BoxCloneSyncService::new(StandIn), |inner, layer| {
            layer.layer(inner)
        })
}

/// Where the layers' side and the connecting side meet.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The layers called the step.
    asked: bool,
    outcome: Outcome,
    /// Waits for `asked`.
    connecting: Option<Waker>,
    /// Waits for the outcome.
    layers: Option<Waker>,
}

#[derive(Default)]
enum Outcome {
    #[default]
    Open,
    Known(Result<(), BoxError>),
    Told,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether the step is to be run; wakes the task once it is.
    fn poll_asked(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        state.connecting = Some(cx.waker().clone());
        state.asked
    }

    fn finish(&self, outcome: Result<(), BoxError>) {
        let waker = {
            let mut state = self.state();
            if matches!(state.outcome, Outcome::Open) {
                state.outcome = Outcome::Known(outcome);
            }
            state.layers.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The layers' side: asks for the step, and waits for its outcome.
    fn poll_outcome(&self, cx: &Context<'_>) -> Poll<Result<Conn, BoxError>> {
        let (waker, poll) = {
            let mut state = self.state();
            let first = !std::mem::replace(&mut state.asked, true);
            let poll = match std::mem::replace(&mut state.outcome, Outcome::Told) {
                Outcome::Open => {
                    state.outcome = Outcome::Open;
                    state.layers = Some(cx.waker().clone());
                    Poll::Pending
                }
                Outcome::Known(outcome) => Poll::Ready(outcome.map(Conn)),
                Outcome::Told => Poll::Ready(Err("a connection is made once only".into())),
            };
            (state.connecting.take().filter(|_| first), poll)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        poll
    }
}

/// The innermost service.
#[derive(Clone)]
struct StandIn;

impl Service<Unnameable> for StandIn {
    type Response = Conn;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Conn, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Unnameable(gate): Unnameable) -> Self::Future {
        Box::pin(poll_fn(move |cx| gate.poll_outcome(cx)))
    }
}

/// A future that may borrow.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs the connect step within the layers, and all of it within the timeout.
pub(crate) fn around<'a>(
    service: &BoxedConnectorService,
    timeout: Option<Duration>,
    step: Boxed<'a, dimorph::Result<()>>,
) -> Boxed<'a, dimorph::Result<()>> {
    let gate = Arc::new(Gate::default());
    let both = Both {
        layers: Box::pin(service.clone().oneshot(Unnameable(gate.clone()))),
        step: Some(step),
        gate,
    };
    Box::pin(async move {
        let outcome = match timeout {
            Some(limit) => tokio::time::timeout(limit, both)
                .await
                .unwrap_or_else(|_| Err(Box::new(TimedOut))),
            None => both.await,
        };
        outcome.map_err(into_dimorph)
    })
}

/// The layers and the step, side by side; the layers have the last word.
struct Both<'a> {
    layers: Boxed<'static, Result<Conn, BoxError>>,
    step: Option<Boxed<'a, dimorph::Result<()>>>,
    gate: Arc<Gate>,
}

impl Future for Both<'_> {
    type Output = Result<(), BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Poll::Ready(outcome) = this.layers.as_mut().poll(cx) {
                return Poll::Ready(outcome.map(|Conn(())| ()));
            }
            let Some(step) = &mut this.step else {
                return Poll::Pending;
            };
            if !this.gate.poll_asked(cx) {
                return Poll::Pending;
            }
            let Poll::Ready(outcome) = step.as_mut().poll(cx) else {
                return Poll::Pending;
            };
            this.step = None;
            this.gate.finish(outcome.map_err(own));
        }
    }
}

/// A layer may have moved its half elsewhere: it learns that nobody connects any more.
impl Drop for Both<'_> {
    fn drop(&mut self) {
        self.gate.finish(Err("the request was given up".into()));
    }
}

/// The step's own error, for layers to see; its URL stays with the request.
fn own(error: dimorph::Error) -> BoxError {
    error.without_url().into()
}

fn into_dimorph(error: BoxError) -> dimorph::Error {
    match error.downcast::<dimorph::Error>() {
        Ok(own) => *own,
        Err(other) if other.is::<tower::timeout::error::Elapsed>() => {
            dimorph::Error::other(ConnectFailed(Box::new(TimedOut)))
        }
        Err(other) => dimorph::Error::other(ConnectFailed(other)),
    }
}

/// The path of a Unix socket: text, a `Path`, a `PathBuf` or an `Arc<Path>`.
///
/// No other type can implement it.
#[cfg(unix)]
pub trait UnixSocketProvider {
    #[doc(hidden)]
    fn reqwest_uds_path(&self, _: Internal) -> &std::path::Path;
}

/// Keeps [`UnixSocketProvider`] to the types above.
#[derive(Debug)]
pub struct Internal(());

impl Internal {
    pub(crate) fn new() -> Self {
        Internal(())
    }
}

#[cfg(unix)]
macro_rules! path_types {
    ($($name:ty),+) => {$(
        impl UnixSocketProvider for $name {
            fn reqwest_uds_path(&self, _: Internal) -> &std::path::Path {
                self.as_ref()
            }
        }
    )+};
}

#[cfg(unix)]
path_types!(
    String,
    &str,
    &std::path::Path,
    std::path::PathBuf,
    Arc<std::path::Path>
);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Refuse;
    impl<S> tower_layer::Layer<S> for Refuse {
        type Service = tower::util::MapErr<
            tower::util::ServiceFn<
                fn(Unnameable) -> std::future::Ready<Result<Conn, &'static str>>,
            >,
            fn(&'static str) -> BoxError,
        >;
        fn layer(&self, _: S) -> Self::Service {
            let refuse: fn(Unnameable) -> _ = |_| std::future::ready(Err("not today"));
            let convert: fn(&'static str) -> BoxError = BoxError::from;
            tower::util::MapErr::new(tower::service_fn(refuse), convert)
        }
    }

    fn identity() -> Vec<BoxedConnectorLayer> {
        vec![BoxCloneSyncServiceLayer::new(tower_layer::Identity::new())]
    }

    #[tokio::test]
    async fn layers_wrap_the_step() {
        let step = || Box::pin(std::future::ready(Ok(())));
        let service = layered(identity());
        around(&service, None, step()).await.unwrap();

        let refusing = layered(vec![BoxCloneSyncServiceLayer::new(Refuse)]);
        let error = around(&refusing, None, step()).await.unwrap_err();
        let error = crate::error::request(error);
        assert!(error.is_connect() && !error.is_timeout());

        let limit = Some(Duration::from_millis(1));
        let error = around(&service, limit, Box::pin(std::future::pending()));
        let error = crate::error::request(error.await.unwrap_err());
        assert!(error.is_connect() && error.is_timeout());
    }

    #[cfg(feature = "blocking")]
    #[test]
    fn layers_wrap_a_step_that_blocks() {
        let mut steps = 0;
        let mut step = || {
            steps += 1;
            Ok(())
        };
        around_blocking(&layered(identity()), None, &mut step).unwrap();
        let refusing = layered(vec![BoxCloneSyncServiceLayer::new(Refuse)]);
        around_blocking(&refusing, None, &mut step).unwrap_err();
        assert_eq!(steps, 1);
    }
}
