//! The pool: the rules of `pool_state.rs` under a lock that is never held across I/O.
//!
//! A [`Lease`] holds one slot, or one stream of a connection that is shared. Dropping it, anywhere and in either form, frees it or
//! passes it on to who waits; that is the whole story of cancellation.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::connection::Connection;
use super::http2::Http2;
use super::{dual, rt};
use crate::config::{PoolLimits, PoolStats};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::pool_state::{
    Assignment, Destination, Effects, Ended, KeyId, PoolState, SharedId, Ticket,
};

type State = PoolState<Box<Connection>, Http2, Arc<rt::Event>>;
type PoolEffects = Effects<Box<Connection>, Http2, Arc<rt::Event>>;

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    state: Arc<Mutex<State>>,
}

/// A slot of the pool with the connection in it, where there is one, or a stream.
pub(crate) struct Lease {
    pool: Pool,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// A slot in which a connection is to be opened.
    Slot(KeyId),
    /// A connection of its own. `None`: it is closed, its slot not free yet.
    Own(KeyId, Option<Box<Connection>>),
    Stream(SharedId, Http2),
    /// Given back already.
    Nothing,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.held).finish()
    }
}

/// A place in the queue.
struct Place<'a> {
    pool: &'a Pool,
    ticket: Ticket,
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Pool {
            state: Arc::new(Mutex::new(PoolState::new(limits))),
        }
    }

    /// Closes it; tells whether it was open.
    pub(crate) fn close(&self) -> bool {
        self.with(|state, effects| {
            let was_open = !state.is_closed();
            state.close(effects);
            was_open
        })
    }

    pub(crate) fn stats(&self) -> PoolStats {
        self.lock().stats()
    }

    pub(crate) fn close_expired(&self, now: Instant) {
        self.with(|state, effects| state.drop_expired(now, effects));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a rule under the lock, and what it asks for after it.
    fn with<T>(&self, rule: impl FnOnce(&mut State, &mut PoolEffects) -> T) -> T {
        let mut effects = Effects::default();
        let result = rule(&mut self.lock(), &mut effects);
        for waker in effects.wake {
            waker.notify();
        }
        drop(effects.close);
        result
    }

    fn lease(&self, assignment: Assignment<Box<Connection>, Http2>) -> Result<Lease> {
        let held = match assignment {
            Assignment::Reuse(key, connection) => Held::Own(key, Some(connection)),
            Assignment::Share(id, connection) => Held::Stream(id, connection),
            Assignment::Open(key) => Held::Slot(key),
            Assignment::Closed => return Err(closed()),
            Assignment::Wait(_) => unreachable!("a place in the queue is not a lease"),
        };
        Ok(Lease {
            pool: self.clone(),
            held,
        })
    }
}

#[dual]
impl Pool {
    /// Gets a stream, or a slot with an idle connection in it if there is a living one. Waits in turn where there is none to be had.
    pub(crate) async fn acquire(
        &self,
        to: &Destination<'_>,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<Lease> {
        loop {
            let mut lease = self.acquire_any(to, now, deadline).await?;
            if lease.is_usable() {
                return Ok(lease);
            }
            // The connection is retired: the next look finds another one, or a slot.
        }
    }

    async fn acquire_any(
        &self,
        to: &Destination<'_>,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<Lease> {
        let mut event = None;
        let assignment = self.with(|state, effects| {
            let waker = || event.insert(Arc::new(rt::Event::default())).clone();
            state.acquire(to, now, waker, effects)
        });
        match (assignment, event) {
            (Assignment::Wait(ticket), Some(event)) => {
                let place = Place { pool: self, ticket };
                loop {
                    // Where those who wait drive connections, nobody else may hear that there is room again.
                    let look = rt::LOOK.map(|look| Instant::now() + look);
                    let until = look.into_iter().chain(deadline).min();
                    if event.wait(until).await {
                        return place.claim();
                    }
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        let error = Error::timeout(ErrorKind::PoolTimeout, None);
                        return Err(error.in_phase(Phase::Pool));
                    }
                    let shared = self.lock().shared_with(ticket);
                    for connection in shared {
                        connection.is_usable();
                    }
                }
            }
            (assignment, _) => self.lease(assignment),
        }
    }
}

impl Place<'_> {
    fn claim(self) -> Result<Lease> {
        let granted = self.pool.lock().claim(self.ticket);
        match granted {
            Some(assignment) => self.pool.lease(assignment),
            // Nobody wakes a waiter without a grant, but for a pool that closes.
            None => Err(closed()),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        self.pool
            .with(|state, effects| state.cancel(self.ticket, now, effects));
    }
}

impl Lease {
    /// The connection of its own; `None`: one is to be opened, or it is shared.
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.held {
            Held::Own(_, connection) => connection.as_deref_mut(),
            _ => None,
        }
    }

    /// The connection of its stream.
    pub(crate) fn shared(&self) -> Option<&Http2> {
        match &self.held {
            Held::Stream(_, connection) => Some(connection),
            _ => None,
        }
    }

    /// Puts a new connection into its slot.
    pub(crate) fn insert(&mut self, connection: Box<Connection>) -> &mut Connection {
        if let Held::Slot(key) = self.held {
            let now = Instant::now();
            self.pool
                .with(|state, effects| state.opened_own(key, now, effects));
            self.held = Held::Own(key, None);
        }
        match &mut self.held {
            Held::Own(_, place) => place.insert(connection),
            _ => unreachable!("a connection is opened in a slot"),
        }
    }

    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        match &self.held {
            Held::Own(_, connection) => connection.as_ref()?.remote_addr,
            Held::Stream(_, connection) => connection.remote_addr(),
            Held::Slot(_) | Held::Nothing => None,
        }
    }

    /// Lets others share the new connection in its slot; it holds a stream from here on, of that one or of one that stood before. Tells
    /// whether it is the new one.
    pub(crate) fn share(&mut self, new: Http2) -> bool {
        let Held::Slot(key) = self.held else {
            return false;
        };
        let now = Instant::now();
        let opened = new.clone();
        let (id, connection) = self
            .pool
            .with(|state, effects| state.opened_shared(key, opened, now, effects));
        let is_new = connection.is(&new);
        let pool = Arc::downgrade(&self.pool.state);
        connection.tell_changes(Box::new(move || {
            if let Some(state) = pool.upgrade() {
                let now = Instant::now();
                Pool { state }.with(|state, effects| state.refresh(id, now, effects));
            }
        }));
        // What it said of itself before anybody listened.
        let now = Instant::now();
        self.pool
            .with(|state, effects| state.refresh(id, now, effects));
        self.held = Held::Stream(id, connection);
        is_new
    }

    /// Drops a connection that turned out dead, to open another in its slot.
    pub(crate) fn discard(&mut self) {
        if let Held::Own(key, _) = self.held {
            self.held = Held::Slot(key);
            self.pool.lock().reopened(key);
        }
    }

    /// Makes it usable where it can be: an own connection that died leaves its slot to a new one. `false`: its stream can open no more.
    fn is_usable(&mut self) -> bool {
        match &mut self.held {
            Held::Own(_, Some(connection)) => {
                if !connection.is_usable() {
                    self.discard();
                }
                true
            }
            Held::Stream(_, connection) => connection.is_usable(),
            _ => true,
        }
    }

    /// Ends the lease of a connection that can serve another request.
    pub(crate) fn put_back(mut self) {
        if let Held::Own(key, connection) = &mut self.held
            && let Some(mut connection) = connection.take()
        {
            let key = *key;
            connection.rest();
            // The slot goes with the connection.
            self.held = Held::Nothing;
            self.release(key, Ended::Reusable(connection));
        }
    }

    fn release(&self, key: KeyId, ended: Ended<Box<Connection>>) {
        let now = Instant::now();
        self.pool
            .with(|state, effects| state.release(key, ended, now, effects));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Own(key, connection) => {
                // Closed before its slot is free: the limit counts open connections.
                drop(connection);
                self.release(key, Ended::Closed);
            }
            Held::Slot(key) => self.release(key, Ended::NotOpened),
            Held::Stream(id, _connection) => {
                let now = Instant::now();
                self.pool
                    .with(|state, effects| state.release_stream(id, now, effects));
            }
            Held::Nothing => {}
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::ClientClosed, "the client was closed").in_phase(Phase::Pool)
}
