//! Drives an HTTP/2 connection by the threads that wait for something on it.
//!
//! ```text
//!   wait(goal) ── the goal is reached: done
//!       │
//!       ├─ nobody reads: take the seat, write, sleep in poll(2), read for all, look at the goal
//!       └─ somebody reads: sleep until the goal's waker is called or the seat is handed over;
//!          what there is to write is written first, unless who reads is up and will do it
//! ```
//!
//! The connection stands behind a lock that is held while it is polled, which never blocks. It is not held in poll(2): a thread
//! that has something to send does so while another one sleeps there. Who leaves the seat hands it to one that waits; nothing
//! reads while nobody waits, and what came meanwhile is dealt with at the next use.
//!
//! One read may answer many threads, which send again at once. So they are roused when no lock is held, and leave their frames to
//! who reads, who gives them a moment and then writes all of them together.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use rustix::event::PollFlags;

use super::h2::{Engine, Facts, Wire};
use super::sleeper::{Rousing, Sleeper, park};
use super::{Watch, poll_many, within};
use crate::http2_options::Http2Options;

/// An HTTP/2 connection that its users drive.
pub(crate) struct Driver<W: Wire> {
    /// `None` when the connection is over.
    engine: Mutex<Option<Engine<W>>>,
    frames: Arc<Frames>,
    facts: Arc<Facts>,
    seat: Mutex<Seat>,
    /// Who has the seat is up: it looks at `frames` before it sleeps.
    attended: AtomicBool,
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
            attended: AtomicBool::new(false),
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
                return Some(value);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            match place.sit() {
                true => {
                    if self.has_frames() && place.others_are_up() {
                        // What they are about to send goes out with these.
                        std::thread::yield_now();
                    }
                    self.send();
                    self.listen(&me, deadline);
                }
                false => {
                    self.kick();
                    // With others about, the answer is often there when this thread's turn comes again: one sleep less.
                    for _ in 0..TURNS {
                        if !me.is_woken() {
                            std::thread::yield_now();
                        }
                    }
                    park(&me, deadline);
                }
            }
        }
    }

    /// Deals with what came while nobody waited, if nobody is about to.
    pub(crate) fn catch_up(&self) {
        let reads = self.seat().reader.is_some();
        if !reads && !self.socket.is_silent() {
            self.receive();
            self.kick();
        }
    }

    /// Sees to it that the frames that wait to be written are.
    pub(crate) fn kick(&self) {
        if !self.attended.load(Ordering::SeqCst) {
            self.send();
        }
    }

    fn has_frames(&self) -> bool {
        self.frames.0.load(Ordering::SeqCst)
    }

    /// Sleeps in poll(2) until the socket has something to say, and reads it for all.
    fn listen(&self, me: &Arc<Sleeper>, deadline: Option<Instant>) {
        let Ok(alarm) = me.alarm() else {
            // Without a descriptor for it, one look after the other.
            self.receive();
            self.send();
            self.attended.store(false, Ordering::SeqCst);
            if !self.has_frames() {
                std::thread::park_timeout(GLANCE);
            }
            self.attended.store(true, Ordering::SeqCst);
            return;
        };
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let until = deadline.into_iter().chain(due).min();
        me.polling.store(true, Ordering::SeqCst);
        self.attended.store(false, Ordering::SeqCst);
        // What happened before these were seen has set `woken`, left frames or asked for room to write.
        if me.is_woken() || self.has_frames() {
            self.attended.store(true, Ordering::SeqCst);
            me.polling.store(false, Ordering::SeqCst);
            return;
        }
        let blocked = self.facts.is_write_blocked();
        let mut interest = PollFlags::empty();
        // Nothing is read while an answer to what was read waits to be written (a PONG): what comes then would be announced all the time.
        interest.set(PollFlags::IN, !blocked || self.facts.wants_to_read());
        interest.set(PollFlags::OUT, blocked);
        let mut fds = [self.socket.poll_fd(interest), alarm.poll_fd()];
        let polled = poll_many(&mut fds, until);
        self.attended.store(true, Ordering::SeqCst);
        me.polling.store(false, Ordering::SeqCst);
        let (socket, rang) = (fds[0].revents(), !fds[1].revents().is_empty());
        if rang {
            alarm.silence();
        }
        let is_due = due.is_some_and(|due| Instant::now() >= due);
        if polled.is_err_and(|error| error.kind() != io::ErrorKind::TimedOut)
            || !socket.is_empty()
            || is_due
        {
            self.receive();
        }
    }

    /// Polls the connection for what came.
    fn receive(&self) {
        let engine = self.engine.lock();
        self.poll(engine.unwrap_or_else(PoisonError::into_inner), true);
    }

    /// Polls the connection for what it has to write, if it has.
    fn send(&self) {
        // Who finds the lock taken leaves its frames to who has it.
        while self.has_frames() {
            // In one order with the look at the frames of who has the lock, behind its unlocking.
            fence(Ordering::SeqCst);
            match self.engine.try_lock() {
                Ok(engine) => self.poll(engine, false),
                Err(TryLockError::Poisoned(engine)) => self.poll(engine.into_inner(), false),
                Err(TryLockError::WouldBlock) => break,
            }
        }
    }

    fn poll(&self, mut engine: MutexGuard<'_, Option<Engine<W>>>, read: bool) {
        self.frames.0.store(false, Ordering::SeqCst);
        let Some(connection) = &mut *engine else {
            return;
        };
        self.facts.set_mute(!read);
        let rousing = Rousing::begin();
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
        drop(rousing);
        fence(Ordering::SeqCst);
        if self.facts.is_write_blocked() {
            // A sleeper that does not wait for room is to do so. One that is up looks before it sleeps.
            let reader = self.seat().reader.clone();
            if let Some(reader) = reader.filter(|reader| reader.polling.load(Ordering::SeqCst)) {
                reader.wake();
            }
        }
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
        // The last word goes out if it does at once, and what came is read: a socket that is closed over bytes resets the peer.
        self.receive();
    }
}

/// How often a thread lets others run before it goes to sleep. Measured: a third time gains nothing.
const TURNS: usize = 2;

/// How long a thread that cannot make a descriptor sleeps between two looks.
const GLANCE: std::time::Duration = std::time::Duration::from_millis(5);

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
                self.driver.attended.store(true, Ordering::SeqCst);
                self.known = true;
                true
            }
        }
    }

    /// Tells whether others that were woken have not come away yet.
    fn others_are_up(&self) -> bool {
        self.driver
            .seat()
            .waiting
            .iter()
            .any(|other| other.is_woken())
    }

    /// Hands the seat over, where it is this thread's.
    fn leave(&mut self) {
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
        let asleep = |other: &Arc<Sleeper>| !other.is_woken();
        let next = seat.waiting.iter().rposition(asleep);
        let next = next.or(seat.waiting.len().checked_sub(1));
        let next = next.map(|next| seat.waiting.swap_remove(next));
        self.driver.attended.store(next.is_some(), Ordering::SeqCst);
        seat.reader.clone_from(&next);
        drop(seat);
        if let Some(next) = next {
            next.wake();
        }
    }
}

impl<W: Wire> Drop for Place<'_, W> {
    fn drop(&mut self) {
        self.leave();
        // What the goal left to be said.
        self.driver.kick();
    }
}
