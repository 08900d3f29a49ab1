//! Connector layers around a step that blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use tower::ServiceExt as _;

use super::{BoxedConnectorService, Conn, Gate, Unnameable, into_dimorph, own};
use crate::error::{BoxError, TimedOut};

/// Runs layers around a step that blocks: the layers, which may use tokio's timers, run on a runtime and a thread of their own for as
/// long. A timeout of a layer's cannot interrupt the step; it is reported when the step ends.
pub(crate) fn around_blocking(
    service: &BoxedConnectorService,
    timeout: Option<Duration>,
    step: &mut dyn FnMut() -> dimorph::Result<()>,
) -> dimorph::Result<()> {
    let gate = Arc::new(Gate::default());
    let ended = AtomicBool::new(false);
    let layers = {
        let (service, gate) = (service.clone(), gate.clone());
        async move {
            let layers = service.oneshot(Unnameable(gate));
            match timeout {
                Some(limit) => tokio::time::timeout(limit, layers)
                    .await
                    .unwrap_or_else(|_| Err(Box::new(TimedOut))),
                None => layers.await,
            }
        }
    };
    std::thread::scope(|scope| {
        let waker = unpark();
        let end = OnEnd(&ended, waker.clone());
        let thread = scope.spawn(move || {
            let _end = end;
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(BoxError::from)
                .and_then(|runtime| runtime.block_on(layers))
        });
        // A step that panics does not leave the layers waiting.
        let _given_up = GiveUp(&gate);
        let cx = Context::from_waker(&waker);
        while !ended.load(Ordering::Acquire) {
            if gate.poll_asked(&cx) {
                gate.finish(step().map_err(own));
                break;
            }
            std::thread::park();
        }
        match thread.join() {
            Ok(outcome) => outcome.map(|Conn(())| ()).map_err(into_dimorph),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Tells the connecting thread that the layers' thread ended, if only by a panic.
struct OnEnd<'a>(&'a AtomicBool, Waker);

impl Drop for OnEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        self.1.wake_by_ref();
    }
}

struct GiveUp<'a>(&'a Gate);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.finish(Err("the request was given up".into()));
    }
}

/// Wakes this thread, which parks while it waits.
pub(crate) fn unpark() -> Waker {
    Waker::from(Arc::new(Unpark(std::thread::current())))
}

struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
