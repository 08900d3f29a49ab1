//! Runs applications on a small tokio runtime of their own, for those that need timers, tasks or sockets.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http_body::Frame;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::Result;
use crate::transport::AppBody;

/// What drives an application: one current-thread runtime for each `App`, which runs while somebody waits.
#[derive(Clone)]
pub(crate) struct Runner(Arc<Owned>);

/// A runtime that may be dropped anywhere, on another runtime's thread too.
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Runner {
    pub(crate) fn of(slot: &OnceLock<Box<dyn Any + Send + Sync>>) -> Runner {
        let made = slot.get_or_init(|| {
            let runtime = Builder::new_current_thread().enable_all().build();
            Box::new(Runner(Arc::new(Owned(runtime.ok()))))
        });
        match made.downcast_ref::<Runner>() {
            Some(runner) => runner.clone(),
            None => unreachable!("only this function fills the slot"),
        }
    }

    /// Runs a future to its end; `None`: the deadline came first.
    ///
    /// # Panics
    /// Where the system refuses the file descriptors that a runtime needs.
    pub(crate) fn run<T: Send>(
        &self,
        future: impl Future<Output = T> + Send,
        deadline: Option<Instant>,
    ) -> Option<T> {
        let runtime = self
            .0
            .0
            .as_ref()
            .expect("the system lets a runtime be made");
        let work = || {
            runtime.block_on(async move {
                match deadline {
                    None => Some(future.await),
                    Some(deadline) => tokio::time::timeout_at(deadline.into(), future).await.ok(),
                }
            })
        };
        if Handle::try_current().is_err() {
            return work();
        }
        // This thread runs another runtime, which does not let a second one in.
        std::thread::scope(|scope| scope.spawn(work).join())
            .unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Waits for the next frame of a body.
    pub(crate) fn frame(
        &self,
        body: &mut AppBody,
        deadline: Option<Instant>,
    ) -> Option<Option<Result<Frame<Bytes>>>> {
        self.run(poll_fn(|cx| body.as_mut().poll_frame(cx)), deadline)
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}
