//! Drives an HTTP/2 connection by a task of its own.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::runtime::{Handle, Id};
use tokio::time::Sleep;

use super::h2::{Engine, Facts, Wire};
use super::{Watch, before};
use crate::http2_options::Http2Options;

/// How long the last words of a connection may take to go out.
const FAREWELL: Duration = Duration::from_secs(2);

/// An HTTP/2 connection that a task drives.
pub(crate) struct Driver<W> {
    facts: Arc<Facts>,
    /// Nobody uses it any more.
    closing: Arc<AtomicBool>,
    runtime: Id,
    wire: PhantomData<fn() -> W>,
}

impl<W: Wire> Driver<W> {
    /// Begins to speak HTTP/2 on a new connection.
    pub(crate) async fn open(
        wire: W,
        _watch: Watch,
        options: Http2Options,
        deadline: Option<Instant>,
    ) -> Option<Result<(Self, SendRequest<Bytes>), h2::Error>> {
        let opened = before(deadline, Engine::open(wire, options)).await.ok()?;
        let (engine, sender, facts) = match opened {
            Ok(opened) => opened,
            Err(error) => return Some(Err(error)),
        };
        let closing = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(engine, closing.clone()));
        let driver = Driver {
            facts,
            closing,
            runtime: Handle::current().id(),
            wire: PhantomData,
        };
        Some(Ok((driver, sender)))
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Tells whether its task belongs to this runtime: another one may not be running.
    pub(crate) fn is_at_home(&self) -> bool {
        Handle::try_current().is_ok_and(|here| here.id() == self.runtime)
    }

    /// Polls until there is a value; `None`: the deadline came first.
    pub(crate) async fn wait<T>(
        &self,
        mut goal: impl FnMut(&mut Context<'_>) -> Poll<T>,
        deadline: Option<Instant>,
    ) -> Option<T> {
        let mut timer = pin!(None);
        poll_fn(|cx| match goal(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => match deadline {
                Some(deadline) => poll_at(timer.as_mut(), deadline, cx).map(|()| None),
                None => Poll::Pending,
            },
        })
        .await
    }

    /// Nobody will use it any more.
    pub(crate) fn closing(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// The task hears what comes; what it has not been told of yet, it asks for.
    pub(crate) fn catch_up(&self) {
        self.facts.look();
    }

    /// The task is woken by what there is to write.
    pub(crate) fn kick(&self) {}
}

async fn run<W: Wire>(mut engine: Engine<W>, closing: Arc<AtomicBool>) {
    let mut due = pin!(None);
    let mut farewell = pin!(None);
    let mut last = None;
    poll_fn(|cx| {
        loop {
            let turn = engine.poll(cx);
            if turn.changed {
                engine.facts().tell_listener();
            }
            if turn.over {
                return Poll::Ready(());
            }
            match engine.due() {
                Some(at) if poll_at(due.as_mut(), at, cx).is_ready() => {}
                _ => break,
            }
        }
        if !closing.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // A peer that takes nothing does not keep the task.
        let last = *last.get_or_insert_with(|| Instant::now() + FAREWELL);
        poll_at(farewell.as_mut(), last, cx)
    })
    .await;
}

/// Ready once the moment is past. The timer is made at the first need, and set anew for another moment.
fn poll_at(mut timer: Pin<&mut Option<Sleep>>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let at = at.into();
    match timer.as_mut().as_pin_mut() {
        None => timer.set(Some(tokio::time::sleep_until(at))),
        Some(set) if set.deadline() != at => set.reset(at),
        Some(_) => {}
    }
    match timer.as_pin_mut() {
        Some(set) => set.poll(cx),
        None => Poll::Pending,
    }
}
