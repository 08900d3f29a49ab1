//! Which request gets which connection, or which stream of one: the pool's rules, without I/O, clock or lock.
//!
//! A slot is a connection that is open or being opened. It is taken when a request is assigned, and stays
//! with that request's lease until the lease is released, with or without a connection to keep. A connection that is shared (HTTP/2) keeps
//! its slot as long as it lives; its streams are what requests get then.
//!
//! ```text
//!  acquire ─┬─ Share: a stream of a shared connection ─────────────────────────── release_stream
//!           ├─ Reuse: an idle own connection ─────────────────────────────────┬── release
//!           │                              HTTP/1.1 ── opened_own ────────────┤
//!           ├─ Open: a slot, and the server chooses ── nothing ───────────────┘
//!           │    ▲                         HTTP/2 ──── opened_shared ──────────── release_stream
//!           └─ Wait ─ claim: any of these; or cancel
//! ```
//!
//! Requests that find nothing wait, first come first served: a stream goes to the first waiter of its key, a slot to the first
//! who waits for one. Who waits for a key that is being opened, or whose shared connection is full, waits for that and for no slot.
//!
//! Every method returns the connections to close, so that closing happens outside the lock.

mod grants;
mod idle;
mod keys;
mod queue;
#[cfg_attr(
    not(feature = "http2"),
    allow(dead_code, reason = "nothing is shared without HTTP/2")
)]
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::config::{PoolLimits, PoolStats};

use grants::Grant;
use idle::{IdleList, Resting};
use keys::Keys;
pub(crate) use keys::{Destination, KeyId, Protocol};
use queue::{NEWCOMER, Queue};
use streams::SharedList;
pub(crate) use streams::{Shared, SharedId};

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    number: u64,
    key: KeyId,
}

/// A connection of either kind.
#[derive(Debug)]
pub(crate) enum Conn<C, S> {
    /// One request's own at a time: HTTP/1.1.
    Own(C),
    /// Shared by streams: HTTP/2.
    Shared(S),
}

/// What a request gets.
#[derive(Debug)]
pub(crate) enum Assignment<C, S> {
    /// An idle connection; whether it still lives is for the caller to find out.
    Reuse(KeyId, C),
    /// A stream on a connection; whether it still lives is for the caller to find out.
    Share(SharedId, S),
    /// A slot for a new connection. What becomes of it is told by `opened_own`, `opened_shared` or [`Ended::NotOpened`].
    Open(KeyId),
    /// A place in the queue; the waker given is told when its turn has come.
    Wait(Ticket),
    /// Nothing: the pool is closed.
    Closed,
}

/// How the lease of an own connection, or of a slot for one, ended.
#[derive(Debug)]
pub(crate) enum Ended<C> {
    /// The connection can serve another request.
    Reusable(C),
    /// The connection was closed.
    Closed,
    /// There never was one: it could not be opened, or was given up.
    NotOpened,
}

/// What happens outside the lock.
#[derive(Debug)]
pub(crate) struct Effects<C, S, W> {
    pub(crate) close: Vec<Conn<C, S>>,
    pub(crate) wake: Vec<W>,
}

impl<C, S, W> Default for Effects<C, S, W> {
    fn default() -> Self {
        Effects {
            close: Vec::new(),
            wake: Vec::new(),
        }
    }
}

/// The state of a pool of connections, `C` of one request's own and `S` shared, whose waiting requests are told through `W`.
#[derive(Debug)]
pub(crate) struct PoolState<C, S, W> {
    limits: PoolLimits,
    keys: Keys<W>,
    idle: IdleList<C>,
    shared: SharedList<S>,
    slots: usize,
    queue: Queue,
    granted: BTreeMap<u64, Grant<C>>,
    closed: bool,
    opened: u64,
    reused: u64,
}

impl<C, S: Shared, W> PoolState<C, S, W> {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        PoolState {
            limits,
            keys: Keys::default(),
            idle: IdleList::default(),
            shared: SharedList::default(),
            slots: 0,
            queue: Queue::default(),
            granted: BTreeMap::new(),
            closed: false,
            opened: 0,
            reused: 0,
        }
    }

    /// Assigns a stream, a connection, a slot or a place in the queue.
    pub(crate) fn acquire(
        &mut self,
        to: &Destination<'_>,
        now: Instant,
        waker: impl FnOnce() -> W,
        effects: &mut Effects<C, S, W>,
    ) -> Assignment<C, S> {
        if self.closed {
            return Assignment::Closed;
        }
        self.drop_expired(now, effects);
        let (slots, queue, granted) = (self.slots, &self.queue, &self.granted);
        let held = || slots + queue.len() + granted.len();
        let key = self.keys.hold(to, held);
        let may_share = to.protocol != Protocol::Http1;
        if may_share && let Some((id, connection)) = self.take_stream(key, effects) {
            // The stream holds its connection, and that the key.
            self.keys.release(key);
            self.reused += 1;
            return Assignment::Share(id, connection);
        }
        // Whoever waits for a slot came first; an idle connection cannot be there then.
        let first = self.queue.len() == 0
            || (!self.queue.wants_slot() && self.keys[key].waiters.is_empty());
        if first {
            if let Some(connection) = self.take_idle(key) {
                self.reused += 1;
                return Assignment::Reuse(key, connection);
            }
            if self.keys[key].may_open(NEWCOMER, self.limits.http2())
                && (self.has_room() || self.evict_oldest(effects))
            {
                self.slots += 1;
                self.opened += 1;
                self.keys[key].openings += u32::from(may_share);
                if self.queue.wants_slot() {
                    // Who waited for a stream of what was closed to make room.
                    self.settle(effects);
                }
                return Assignment::Open(key);
            }
        }
        let number = self.queue.join(&mut self.keys[key], waker());
        self.list(key);
        if may_share {
            // Notes whether a free stream is held back.
            self.serve_streams(key, effects);
        }
        Assignment::Wait(Ticket { number, key })
    }

    /// Takes what was granted to a ticket; `None`: it still waits.
    pub(crate) fn claim(&mut self, ticket: Ticket) -> Option<Assignment<C, S>> {
        match self.granted.remove(&ticket.number) {
            Some(Grant::Connection(key, connection)) => {
                self.reused += 1;
                Some(Assignment::Reuse(key, connection))
            }
            Some(Grant::Slot(key)) => {
                self.opened += 1;
                Some(Assignment::Open(key))
            }
            Some(Grant::Stream(id)) => {
                self.reused += 1;
                let (id, connection) = self.granted_stream(id);
                Some(Assignment::Share(id, connection))
            }
            None if self.closed => Some(Assignment::Closed),
            None => None,
        }
    }

    /// Gives a ticket up; a grant that it did not take passes on.
    pub(crate) fn cancel(&mut self, ticket: Ticket, now: Instant, effects: &mut Effects<C, S, W>) {
        let Ticket { number, key } = ticket;
        if self.queue.leave(&mut self.keys[key], number) {
            self.keys.release(key);
            self.list(key);
            self.settle(effects);
            return;
        }
        match self.granted.remove(&number) {
            Some(Grant::Connection(key, connection)) => {
                self.release(key, Ended::Reusable(connection), now, effects);
            }
            Some(Grant::Slot(key)) => {
                // Nobody has tried to open it: the next one does, and the others wait for that one.
                self.end_opening(key);
                self.release(key, Ended::Closed, now, effects);
            }
            Some(Grant::Stream(id)) => self.release_stream(id, now, effects),
            None => {}
        }
    }

    /// Ends the lease of an own connection, or of a slot where none was opened: the slot, and the connection if it can serve another
    /// request, go to who waits first, or the connection is kept.
    ///
    /// After an opening that failed, everybody who waited for it goes on, each for a slot of its own.
    pub(crate) fn release(
        &mut self,
        key: KeyId,
        ended: Ended<C>,
        now: Instant,
        effects: &mut Effects<C, S, W>,
    ) {
        let connection = match ended {
            Ended::Reusable(connection) => Some(connection),
            Ended::Closed => None,
            Ended::NotOpened => {
                self.keys[key].freed_below = self.queue.next();
                self.end_opening(key);
                None
            }
        };
        if self.closed {
            effects.close.extend(connection.map(Conn::Own));
            self.slots -= 1;
            self.keys.release(key);
            return;
        }
        match connection {
            Some(connection) if self.goes_on(key) => {
                // The lease's hold on the key goes, the waiter's becomes the grant's.
                self.keys.release(key);
                self.grant(key, Grant::Connection(key, connection), effects);
            }
            Some(connection) if self.keeps_idle() => {
                // The lease's hold on the key becomes the idle connection's.
                let newest = self.keys[key].newest;
                let until = self.idle_until(now);
                let place = self.idle.push(Resting::Own(connection), key, newest, until);
                self.keys[key].newest = Some(place);
                self.keep_soft_limit(effects);
            }
            other => {
                effects.close.extend(other.map(Conn::Own));
                self.slots -= 1;
                self.keys.release(key);
            }
        }
        self.drop_expired(now, effects);
        if self.queue.len() > 0 {
            self.settle(effects);
        }
    }

    /// Closes the idle connections, turns the waiting away and refuses what comes later.
    pub(crate) fn close(&mut self, effects: &mut Effects<C, S, W>) {
        self.closed = true;
        for key in self.keys.iter_mut() {
            let waiters = self.queue.disperse(key);
            key.holders -= waiters.len() as u32;
            effects.wake.extend(waiters.into_values());
        }
        while self.evict_oldest(effects) {}
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn stats(&self) -> PoolStats {
        PoolStats {
            connections: self.slots,
            active: self.slots - self.idle.len(),
            idle: self.idle.len(),
            waiting: self.queue.len(),
            opened: self.opened,
            reused: self.reused,
        }
    }

    /// Notes that a lease's idle connection was dead and a new one is opened in its slot.
    pub(crate) fn reopened(&mut self, key: KeyId) {
        self.opened += 1;
        self.reused = self.reused.saturating_sub(1);
        if self.keys[key].protocol != Protocol::Http1 {
            self.keys[key].openings += 1;
            self.list(key);
        }
    }

    fn has_room(&self) -> bool {
        self.limits.hard().is_none_or(|hard| self.slots < hard)
    }

    fn end_opening(&mut self, key: KeyId) {
        if self.keys[key].protocol != Protocol::Http1 {
            self.keys[key].openings = self.keys[key].openings.saturating_sub(1);
            self.list(key);
        }
    }
}
