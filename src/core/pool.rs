//! The pool: the rules of `pool_state.rs` under a lock that is never held across I/O.
//!
//! A [`Lease`] holds one slot. Dropping it, anywhere and in either form, frees the slot or passes it on to who
//! waits; that is the whole story of cancellation.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::connection::Connection;
use super::{dual, rt};
use crate::config::{PoolLimits, PoolStats};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::pool_state::{Assignment, Destination, Effects, KeyId, PoolState, Ticket};

type State = PoolState<Box<Connection>, Arc<rt::Event>>;
type PoolEffects = Effects<Box<Connection>, Arc<rt::Event>>;

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    state: Arc<Mutex<State>>,
}

/// A slot of the pool, with the connection in it where there is one.
pub(crate) struct Lease {
    pool: Pool,
    key: KeyId,
    connection: Option<Box<Connection>>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.connection).finish()
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

    fn lease(&self, assignment: Assignment<Box<Connection>>) -> Result<Lease> {
        let (key, connection) = match assignment {
            Assignment::Reuse(key, connection) => (key, Some(connection)),
            Assignment::Open(key) => (key, None),
            Assignment::Closed => return Err(closed()),
            Assignment::Wait(_) => unreachable!("a place in the queue is not a lease"),
        };
        Ok(Lease {
            pool: self.clone(),
            key,
            connection,
        })
    }
}

#[dual]
impl Pool {
    /// Gets a slot for an origin, with an idle connection in it if there is a living one. Waits in turn where the pool is full.
    pub(crate) async fn acquire(
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
        let mut lease = match (assignment, event) {
            (Assignment::Wait(ticket), Some(event)) => {
                let place = Place { pool: self, ticket };
                if !event.wait(deadline).await {
                    return Err(Error::timeout(ErrorKind::PoolTimeout, None).in_phase(Phase::Pool));
                }
                place.claim()?
            }
            (assignment, _) => self.lease(assignment)?,
        };
        lease.drop_if_dead();
        Ok(lease)
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
    /// The connection; `None`: one is to be opened.
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_deref_mut()
    }

    pub(crate) fn insert(&mut self, connection: Box<Connection>) -> &mut Connection {
        self.connection.insert(connection)
    }

    /// Drops a connection that turned out dead, to open another in its slot.
    pub(crate) fn discard(&mut self) {
        self.connection = None;
        self.pool.lock().reopened();
    }

    fn drop_if_dead(&mut self) {
        if self
            .connection
            .as_mut()
            .is_some_and(|connection| !connection.is_usable())
        {
            self.discard();
        }
    }

    /// Ends the lease of a connection that can serve another request.
    pub(crate) fn put_back(mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.rest();
            self.release(Some(connection));
            // The slot went with the connection.
            self.key = RELEASED;
        }
    }

    fn release(&mut self, connection: Option<Box<Connection>>) {
        let now = Instant::now();
        self.pool
            .with(|state, effects| state.release(self.key, connection, now, effects));
    }
}

/// The key of a lease whose slot is given back already.
const RELEASED: KeyId = KeyId::MAX;

impl Drop for Lease {
    fn drop(&mut self) {
        if self.key != RELEASED {
            // Closed before its slot is free: the limit counts open connections.
            self.connection = None;
            self.release(None);
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::ClientClosed, "the client was closed").in_phase(Phase::Pool)
}
