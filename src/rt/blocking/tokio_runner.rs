//! Runs applications that need tokio's timers, tasks or sockets: on a small runtime with a thread of its own.
//!
//! A call, and the body of its response, are polled by the thread that waits for them, within reach of the runtime; the runtime's own
//! thread runs its clock, its sockets and what was spawned. So a wait inside a wait (a handler that asks its own application) stops no clock.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use http_body::Frame;
use tokio::runtime::{Builder, Handle, Id, Runtime};
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use tokio::task::yield_now;

use super::{poll_until, within};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::transport::AppBody;

/// What drives an application: one current-thread runtime for each `App`, shared by its clones and the bodies of its responses.
#[derive(Clone)]
pub(crate) struct Runner(Arc<Driven>);

struct Driven {
    handle: Handle,
    /// Dropped with the last user: the thread ends then.
    _used: oneshot::Sender<()>,
}

/// A runtime that may be dropped anywhere, on another runtime's thread too.
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

thread_local! {
    /// The runtimes that stand still while this thread waits.
    static STILL: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

impl Runner {
    /// The one that all clones of an application share, made at first need. What failed is tried again.
    pub(crate) fn of(slot: &OnceLock<Box<dyn Any + Send + Sync>>) -> Result<Runner> {
        let made = match slot.get() {
            Some(made) => made,
            None => {
                let runner = Runner::start().map_err(refused)?;
                slot.get_or_init(|| Box::new(runner))
            }
        };
        match made.downcast_ref::<Runner>() {
            Some(runner) => Ok(runner.clone()),
            None => unreachable!("only this function fills the slot"),
        }
    }

    fn start() -> io::Result<Runner> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let mut runtime = Owned(Some(runtime));
        let (used, unused) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("dimorph-app".to_owned());
        thread.spawn(move || {
            if let Some(runtime) = &mut runtime.0 {
                STILL.with_borrow_mut(|still| still.push(runtime.handle().id()));
                // Nothing is ever sent: it ends as an error, with the last user.
                let _ = runtime.block_on(unused);
            }
        })?;
        Ok(Runner(Arc::new(Driven {
            handle,
            _used: used,
        })))
    }

    /// Leaves a body as it is: whoever polls it may wait for it.
    pub(crate) fn feed(body: Body) -> Body {
        body
    }

    /// Runs a future to its end, or `TotalTimeout`.
    pub(crate) fn run<T: Send>(
        &self,
        future: impl Future<Output = Result<T>> + Send,
        deadline: Option<Instant>,
    ) -> Result<T> {
        let is_plain = Handle::try_current().is_err();
        let _reach = self.0.handle.enter();
        // A task that polls this in vain has spent its budget, and gets no other one while this thread waits.
        let mut future = pin!(unconstrained(future));
        if is_plain {
            return finish(|cx| future.as_mut().poll(cx), deadline);
        }
        let relay = Arc::new(Relay::default());
        let waker = Waker::from(relay.clone());
        let mut poll = |cx: &mut Context<'_>| {
            relay.to(cx.waker());
            future.as_mut().poll(&mut Context::from_waker(&waker))
        };
        let nobody = &mut Context::from_waker(Waker::noop());
        match within(deadline, |_| poll(nobody)) {
            Poll::Ready(done) => done,
            Poll::Pending if wakes_at_once() => finish(poll, deadline),
            Poll::Pending => self.finish_elsewhere(poll, deadline),
        }
    }

    /// As [`finish`], on a thread of no runtime.
    fn finish_elsewhere<T: Send>(
        &self,
        poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T>> + Send,
        deadline: Option<Instant>,
    ) -> Result<T> {
        let still = STILL.with_borrow(Vec::clone);
        if still.contains(&self.0.handle.id()) {
            return Err(Error::new(
                ErrorKind::LocalProtocolError,
                "a task of an application waits for that application, and its runtime stands still meanwhile: \
                 read the body before it is sent on, or use `AsyncClient` or `spawn_blocking` in that task",
            ));
        }
        within(deadline, |deadline| {
            thread::scope(|scope| {
                let work = move || {
                    STILL.set(still);
                    let _reach = self.0.handle.enter();
                    finish(poll, deadline)
                };
                let waiting = thread::Builder::new()
                    .spawn_scoped(scope, work)
                    .map_err(refused)?;
                waiting.join().unwrap_or_else(|panic| resume_unwind(panic))
            })
        })
    }

    /// Waits for the next frame of a body.
    pub(crate) fn frame(
        &self,
        body: &mut AppBody,
        deadline: Option<Instant>,
    ) -> Result<Option<Frame<Bytes>>> {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx).map(Option::transpose));
        self.run(frame, deadline)
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

/// Polls on this thread to the end, or `TotalTimeout`.
fn finish<T>(
    poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T>>,
    deadline: Option<Instant>,
) -> Result<T> {
    poll_until(poll, deadline).unwrap_or_else(|| Err(Error::timeout(ErrorKind::TotalTimeout, None)))
}

/// One waker through all polls of a wait, whichever thread polls: a future may keep the first it is given.
#[derive(Default)]
struct Relay(Mutex<Option<Waker>>);

impl Relay {
    fn to(&self, waker: &Waker) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        let to = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(waker) = to {
            waker.wake();
        }
    }
}

/// Tells whether a wake that a future leaves to its scheduler comes at once. On a thread that a runtime works on it comes when that
/// runtime goes on, for which this thread must not wait; threads of `spawn_blocking` belong to a runtime, and may.
fn wakes_at_once() -> bool {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    let polled = pin!(yield_now()).poll(&mut Context::from_waker(&waker));
    polled.is_ready() || woken.0.load(Ordering::Relaxed)
}

/// The error of a runtime or thread that the system does not give.
fn refused(error: io::Error) -> Error {
    let message = format!("the runtime that the application needs could not be started: {error}");
    Error::new(ErrorKind::ConnectError, message)
        .in_phase(Phase::Connect)
        .with_source(error)
}
