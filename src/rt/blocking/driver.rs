//! Drives an HTTP/2 connection by the threads that wait for something on it.
//!
//! ```text
//!   wait(goal) ── the goal is reached: done
//!       │
//!       ├─ frames to write: written here, at once
//!       ├─ nobody reads: take the seat, sleep in poll(2), read for all, look at the goal
//!       └─ somebody reads: sleep until the goal's waker is called or the seat is handed over
//! ```
//!
//! The connection stands behind a lock that is held while it is polled, which never blocks. It is not held in poll(2): a thread
//! that has something to send does so while another one sleeps there. Who leaves the seat hands it to one that waits; nothing
//! reads while nobody waits, and what came meanwhile is dealt with at the next use.

use std::cell::OnceCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};

use super::h2_engine::{Engine, Facts, Wire};
use super::{Watch, poll_many, within};
use crate::http2_options::Http2Options;

/// An HTTP/2 connection that its users drive.
pub(crate) struct Driver<W: Wire> {
    /// `None` when the connection is over.
    engine: Mutex<Option<Engine<W>>>,
    frames: Arc<Frames>,
    facts: Arc<Facts>,
    seat: Mutex<Seat>,
    socket: Watch,
    /// By when it wants to be polled, where PINGs are sent.
    due: Mutex<Option<Instant>>,
}

/// Set where the connection has something to write.
struct Frames(AtomicBool);

impl Wake for Frames {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Who reads, and who else waits.
#[derive(Default)]
struct Seat {
    reader: Option<Arc<Sleeper>>,
    waiting: Vec<Arc<Sleeper>>,
}

/// A thread that waits, here or in poll(2).
struct Sleeper {
    thread: Thread,
    woken: AtomicBool,
    /// It sleeps in poll(2), or is about to.
    polling: AtomicBool,
    /// What interrupts its poll(2); made at its first.
    alarm: OnceLock<OwnedFd>,
}

impl Sleeper {
    /// This thread's.
    fn here() -> Arc<Sleeper> {
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

    fn alarm(&self) -> io::Result<&OwnedFd> {
        if let Some(alarm) = self.alarm.get() {
            return Ok(alarm);
        }
        let alarm = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(self.alarm.get_or_init(|| alarm))
    }

    fn take_woken(&self) -> bool {
        self.woken.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.woken.swap(true, Ordering::SeqCst) {
            return;
        }
        if !self.polling.load(Ordering::SeqCst) {
            self.thread.unpark();
        } else if let Some(alarm) = self.alarm.get() {
            // A counter that is full wakes as well.
            let _ = rustix::io::write(alarm, &1u64.to_ne_bytes());
        }
    }
}

impl<W: Wire> Driver<W> {
    /// Begins to speak HTTP/2 on a new connection.
    pub(crate) fn open(
        wire: W,
        socket: Watch,
        options: Http2Options,
        deadline: Option<Instant>,
    ) -> Option<Result<(Self, SendRequest<Bytes>), h2::Error>> {
        let opening = Box::pin(Engine::open(wire, options));
        let (engine, sender, facts) = match super::drive(opening, deadline)? {
            Ok(opened) => opened,
            Err(error) => return Some(Err(error)),
        };
        let driver = Driver {
            engine: Mutex::new(Some(engine)),
            // The preface's settings wait to be written.
            frames: Arc::new(Frames(AtomicBool::new(true))),
            facts,
            seat: Mutex::default(),
            socket,
            due: Mutex::new(None),
        };
        Some(Ok((driver, sender)))
    }

    /// Nobody will use it any more.
    pub(crate) fn closing(&self) {}

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Tells whether it can be used here: everywhere.
    pub(crate) fn is_at_home(&self) -> bool {
        true
    }

    /// Polls until there is a value, driving the connection or letting another thread do so; `None`: the deadline came first.
    pub(crate) fn wait<T>(
        &self,
        mut goal: impl FnMut(&mut Context<'_>) -> Poll<T>,
        deadline: Option<Instant>,
    ) -> Option<T> {
        within(deadline, |deadline| self.wait_until(&mut goal, deadline))
    }

    fn wait_until<T>(
        &self,
        goal: &mut dyn FnMut(&mut Context<'_>) -> Poll<T>,
        deadline: Option<Instant>,
    ) -> Option<T> {
        let me = Sleeper::here();
        let waker = Waker::from(me.clone());
        let mut cx = Context::from_waker(&waker);
        let mut place = Place {
            driver: self,
            me: &me,
            known: false,
        };
        loop {
            me.take_woken();
            if let Poll::Ready(value) = goal(&mut cx) {
                // What the goal itself left to be said.
                self.kick();
                return Some(value);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            self.kick();
            match place.sit() {
                true => self.listen(&me, deadline),
                false => park(&me, deadline),
            }
        }
    }

    /// Deals with what came while nobody waited, if nobody is about to.
    pub(crate) fn catch_up(&self) {
        let reads = self.seat().reader.is_some();
        if !reads && !self.socket.is_silent() {
            self.turn(true);
        }
    }

    /// Writes the frames that wait to be written.
    pub(crate) fn kick(&self) {
        if self.frames.0.load(Ordering::SeqCst) {
            self.turn(false);
        }
    }

    /// Sleeps in poll(2) until the socket has something to say, and reads it for all.
    fn listen(&self, me: &Arc<Sleeper>, deadline: Option<Instant>) {
        let Ok(alarm) = me.alarm() else {
            // Without a descriptor for it, one look after the other.
            self.turn(true);
            std::thread::park_timeout(LOOK);
            return;
        };
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let until = deadline.into_iter().chain(due).min();
        me.polling.store(true, Ordering::SeqCst);
        // What happened before `polling` was seen has set `woken` or asked for room to write.
        if me.woken.load(Ordering::SeqCst) {
            me.polling.store(false, Ordering::SeqCst);
            return;
        }
        let mut interest = PollFlags::IN;
        interest.set(PollFlags::OUT, self.facts.is_write_blocked());
        let mut fds = [
            self.socket.poll_fd(interest),
            PollFd::new(alarm, PollFlags::IN),
        ];
        let polled = poll_many(&mut fds, until);
        me.polling.store(false, Ordering::SeqCst);
        let (socket, rang) = (fds[0].revents(), !fds[1].revents().is_empty());
        if rang {
            let mut count = [0; 8];
            let _ = rustix::io::read(alarm, &mut count);
        }
        let is_due = due.is_some_and(|due| Instant::now() >= due);
        if polled.is_err_and(|error| error.kind() != io::ErrorKind::TimedOut)
            || !socket.is_empty()
            || is_due
        {
            self.turn(true);
        }
    }

    /// Polls the connection: for what it has to write, and for what came if asked.
    fn turn(&self, read: bool) {
        let was_blocked = self.facts.is_write_blocked();
        if read {
            let engine = self.engine.lock();
            self.poll(engine.unwrap_or_else(PoisonError::into_inner), true);
        }
        // Who finds the lock taken leaves its frames to who has it.
        while self.frames.0.load(Ordering::SeqCst) {
            match self.engine.try_lock() {
                Ok(engine) => self.poll(engine, false),
                Err(TryLockError::Poisoned(engine)) => self.poll(engine.into_inner(), false),
                Err(TryLockError::WouldBlock) => break,
            }
        }
        if self.facts.is_write_blocked() && !was_blocked {
            // The sleeper is to wait for room as well.
            if let Some(reader) = &self.seat().reader {
                reader.wake_by_ref();
            }
        }
    }

    fn poll(&self, mut engine: MutexGuard<'_, Option<Engine<W>>>, read: bool) {
        self.frames.0.store(false, Ordering::SeqCst);
        let Some(connection) = &mut *engine else {
            return;
        };
        self.facts.set_mute(!read);
        let waker = Waker::from(self.frames.clone());
        let turn = connection.poll(&mut Context::from_waker(&waker));
        let due = connection.due();
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
        if turn.over {
            // Whoever waits for something on it hears that it is over.
            *engine = None;
            self.frames.0.store(false, Ordering::SeqCst);
            self.socket.shut_down();
        }
        drop(engine);
        if turn.changed {
            self.facts.tell_listener();
        }
    }

    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Wire> Drop for Driver<W> {
    fn drop(&mut self) {
        // The last word goes out if it does at once.
        self.frames.0.store(true, Ordering::SeqCst);
        self.turn(false);
    }
}

/// How long a thread that cannot make a descriptor sleeps between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// Sleeps until it is woken.
fn park(me: &Sleeper, deadline: Option<Instant>) {
    while !me.woken.load(Ordering::SeqCst) {
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

/// A thread's place at a connection, while it waits. Leaving it, in whatever way, hands the seat over.
struct Place<'a, W: Wire> {
    driver: &'a Driver<W>,
    me: &'a Arc<Sleeper>,
    /// It stands in the list of those who wait, or has the seat.
    known: bool,
}

impl<W: Wire> Place<'_, W> {
    /// Takes the seat if it is free; `true`: it is this thread's.
    fn sit(&mut self) -> bool {
        let mut seat = self.driver.seat();
        match &seat.reader {
            Some(reader) => {
                if Arc::ptr_eq(reader, self.me) {
                    return true;
                }
                if !self.known {
                    self.known = true;
                    seat.waiting.push(self.me.clone());
                }
                false
            }
            None => {
                seat.waiting.retain(|other| !Arc::ptr_eq(other, self.me));
                seat.reader = Some(self.me.clone());
                self.known = true;
                true
            }
        }
    }
}

impl<W: Wire> Drop for Place<'_, W> {
    fn drop(&mut self) {
        if !self.known {
            return;
        }
        let mut seat = self.driver.seat();
        if !seat
            .reader
            .as_ref()
            .is_some_and(|reader| Arc::ptr_eq(reader, self.me))
        {
            seat.waiting.retain(|other| !Arc::ptr_eq(other, self.me));
            return;
        }
        // Who was woken is about to leave as well.
        let asleep = |other: &Arc<Sleeper>| !other.woken.load(Ordering::SeqCst);
        let next = seat.waiting.iter().rposition(asleep);
        let next = next.or(seat.waiting.len().checked_sub(1));
        seat.reader = next.map(|next| seat.waiting.swap_remove(next));
        if let Some(reader) = &seat.reader {
            reader.wake_by_ref();
        }
    }
}
