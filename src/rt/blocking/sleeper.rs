//! Threads that sleep until they are woken, and how they are.

use std::cell::{OnceCell, RefCell};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Wake;
use std::thread::Thread;
use std::time::Instant;

use super::system::Alarm;

/// A thread that waits, here or in poll(2).
pub(super) struct Sleeper {
    thread: Thread,
    woken: AtomicBool,
    /// It sleeps in poll(2), or is about to.
    pub(super) polling: AtomicBool,
    /// What interrupts its poll(2); made at its first.
    alarm: OnceLock<Alarm>,
}

impl Sleeper {
    /// This thread's.
    pub(super) fn here() -> Arc<Sleeper> {
        thread_local! {
            static HERE: OnceCell<Arc<Sleeper>> = const { OnceCell::new() };
        }
        let make = || {
            Arc::new(Sleeper {
                thread: std::thread::current(),
                woken: AtomicBool::new(false),
                polling: AtomicBool::new(false),
                alarm: OnceLock::new(),
            })
        };
        // A thread that ends has no place for it any more.
        HERE.try_with(|here| here.get_or_init(make).clone())
            .unwrap_or_else(|_| make())
    }

    pub(super) fn alarm(&self) -> io::Result<&Alarm> {
        if let Some(alarm) = self.alarm.get() {
            return Ok(alarm);
        }
        let alarm = Alarm::new()?;
        Ok(self.alarm.get_or_init(|| alarm))
    }

    pub(super) fn take_woken(&self) -> bool {
        self.woken.swap(false, Ordering::SeqCst)
    }

    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    /// Gets it out of its sleep.
    fn rouse(&self) {
        if !self.polling.load(Ordering::SeqCst) {
            self.thread.unpark();
        } else if let Some(alarm) = self.alarm.get() {
            alarm.ring();
        }
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::SeqCst) && !Rousing::takes(self) {
            self.rouse();
        }
    }
}

/// While it lives, those that this thread wakes sleep on; then it rouses them: before, they would run into the locks held here.
pub(super) struct Rousing {
    /// Another one around it does the work.
    is_inner: bool,
}

thread_local! {
    static TO_ROUSE: RefCell<Option<Vec<Arc<Sleeper>>>> = const { RefCell::new(None) };
}

impl Rousing {
    pub(super) fn begin() -> Rousing {
        let begun = TO_ROUSE.try_with(|list| {
            let mut list = list.borrow_mut();
            let is_inner = list.is_some();
            list.get_or_insert_default();
            is_inner
        });
        Rousing {
            is_inner: begun.unwrap_or(true),
        }
    }

    fn takes(sleeper: &Arc<Sleeper>) -> bool {
        let taken = TO_ROUSE.try_with(|list| match &mut *list.borrow_mut() {
            Some(list) => {
                list.push(sleeper.clone());
                true
            }
            None => false,
        });
        taken.unwrap_or(false)
    }
}

impl Drop for Rousing {
    fn drop(&mut self) {
        if self.is_inner {
            return;
        }
        // A thread that ends has no list any more, and nobody in it.
        let list = TO_ROUSE.try_with(|list| list.borrow_mut().take());
        for sleeper in list.ok().flatten().unwrap_or_default() {
            sleeper.rouse();
        }
    }
}

/// Sleeps until it is woken.
pub(super) fn park(me: &Sleeper, deadline: Option<Instant>) {
    while !me.is_woken() {
        match deadline {
            None => std::thread::park(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                std::thread::park_timeout(left);
            }
        }
    }
}
