//! Which request gets which connection: the pool's rules, without I/O, clock or lock.
//!
//! A slot is a connection that is open or being opened. It is taken when a request is assigned, and stays
//! with that request's lease until the lease is released, with or without a connection to keep. Requests that find no
//! slot wait in one queue, first come first served; a released slot goes to the first of them.
//!
//! Every method returns the connections to close, so that closing happens outside the lock.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use hashbrown::HashTable;

use crate::config::{PoolLimits, PoolStats};
use crate::location::Origin;

/// What a connection leads to, and by which way: the pool's key. TLS settings are the client's, so they need no place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination<'a> {
    pub(crate) origin: Origin<'a>,
    /// The number of the way (see `routes.rs`); 0 is the direct one.
    pub(crate) way: u32,
}

/// A number for a connection key, good while a lease, an idle connection or a waiter holds it.
pub(crate) type KeyId = u32;

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// What a request gets.
#[derive(Debug)]
pub(crate) enum Assignment<C> {
    /// An idle connection; whether it still lives is for the caller to find out.
    Reuse(KeyId, C),
    /// A slot for a new connection.
    Open(KeyId),
    /// A place in the queue; the waker given is told when its turn has come.
    Wait(Ticket),
    /// Nothing: the pool is closed.
    Closed,
}

/// What happens outside the lock.
#[derive(Debug)]
pub(crate) struct Effects<C, W> {
    pub(crate) close: Vec<C>,
    pub(crate) wake: Vec<W>,
}

impl<C, W> Default for Effects<C, W> {
    fn default() -> Self {
        Effects {
            close: Vec::new(),
            wake: Vec::new(),
        }
    }
}

/// The state of a pool of connections `C`, whose waiting requests are told through `W`.
#[derive(Debug)]
pub(crate) struct PoolState<C, W> {
    limits: PoolLimits,
    keys: Vec<Key>,
    free_keys: Vec<KeyId>,
    by_origin: HashTable<KeyId>,
    hasher: foldhash::fast::RandomState,
    /// The key asked for last: most requests go where the one before went.
    last: Option<KeyId>,
    idle: IdleList<C>,
    slots: usize,
    queue: BTreeMap<Ticket, Waiter<W>>,
    granted: BTreeMap<Ticket, Grant<C>>,
    next_ticket: u64,
    closed: bool,
    opened: u64,
    reused: u64,
}

/// One origin, with everything that holds its number.
#[derive(Debug)]
struct Key {
    secure: bool,
    port: u16,
    way: u32,
    host: Box<str>,
    /// The newest idle connection; each knows the next older one.
    newest: Option<u32>,
    /// Leases, idle connections, waiters and grants.
    holders: u32,
}

impl Key {
    fn is(&self, to: &Destination<'_>) -> bool {
        let origin = &to.origin;
        self.port == origin.port
            && self.way == to.way
            && self.secure == origin.secure
            && *self.host == *origin.host
    }
}

#[derive(Debug)]
struct Waiter<W> {
    key: KeyId,
    waker: W,
}

#[derive(Debug)]
enum Grant<C> {
    Connection(KeyId, C),
    Slot(KeyId),
}

impl<C, W> PoolState<C, W> {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        PoolState {
            limits,
            keys: Vec::new(),
            free_keys: Vec::new(),
            by_origin: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            last: None,
            idle: IdleList::default(),
            slots: 0,
            queue: BTreeMap::new(),
            granted: BTreeMap::new(),
            next_ticket: 0,
            closed: false,
            opened: 0,
            reused: 0,
        }
    }

    /// Assigns a connection, a slot or a place in the queue.
    pub(crate) fn acquire(
        &mut self,
        to: &Destination<'_>,
        now: Instant,
        waker: impl FnOnce() -> W,
        effects: &mut Effects<C, W>,
    ) -> Assignment<C> {
        if self.closed {
            return Assignment::Closed;
        }
        self.drop_expired(now, effects);
        let key = self.hold_key(to);
        // Whoever waits came first; an idle connection cannot be there then.
        if self.queue.is_empty() {
            if let Some(connection) = self.take_idle(key) {
                self.reused += 1;
                return Assignment::Reuse(key, connection);
            }
            if self.has_room() || self.evict_oldest(effects) {
                self.slots += 1;
                self.opened += 1;
                return Assignment::Open(key);
            }
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.queue.insert(
            ticket,
            Waiter {
                key,
                waker: waker(),
            },
        );
        Assignment::Wait(ticket)
    }

    /// Takes what was granted to a ticket; `None`: it still waits.
    pub(crate) fn claim(&mut self, ticket: Ticket) -> Option<Assignment<C>> {
        match self.granted.remove(&ticket) {
            Some(Grant::Connection(key, connection)) => {
                self.reused += 1;
                Some(Assignment::Reuse(key, connection))
            }
            Some(Grant::Slot(key)) => {
                self.opened += 1;
                Some(Assignment::Open(key))
            }
            None if self.closed => Some(Assignment::Closed),
            None => None,
        }
    }

    /// Gives a ticket up; a grant that it did not take passes on.
    pub(crate) fn cancel(&mut self, ticket: Ticket, now: Instant, effects: &mut Effects<C, W>) {
        if let Some(waiter) = self.queue.remove(&ticket) {
            self.release_key(waiter.key);
            return;
        }
        match self.granted.remove(&ticket) {
            Some(Grant::Connection(key, connection)) => {
                self.release(key, Some(connection), now, effects);
            }
            Some(Grant::Slot(key)) => self.release(key, None, now, effects),
            None => {}
        }
    }

    /// Ends a lease: its slot, and the connection if it can serve another request, go to who waits first, or the connection is kept.
    pub(crate) fn release(
        &mut self,
        key: KeyId,
        connection: Option<C>,
        now: Instant,
        effects: &mut Effects<C, W>,
    ) {
        if self.closed {
            effects.close.extend(connection);
            self.slots -= 1;
            self.release_key(key);
            return;
        }
        if let Some((ticket, waiter)) = self.queue.pop_first() {
            let grant = match connection {
                Some(connection) if waiter.key == key => Grant::Connection(waiter.key, connection),
                other => {
                    effects.close.extend(other);
                    Grant::Slot(waiter.key)
                }
            };
            self.granted.insert(ticket, grant);
            effects.wake.push(waiter.waker);
            self.release_key(key);
            return;
        }
        match connection {
            Some(connection)
                if self.limits.soft() != Some(0)
                    && self.limits.expiry() != Some(Duration::ZERO) =>
            {
                // The lease's hold on the key becomes the idle connection's.
                let newest = self.keys[key as usize].newest;
                self.keys[key as usize].newest = Some(self.idle.push(connection, key, newest, now));
                while self.limits.soft().is_some_and(|soft| self.idle.len > soft) {
                    self.evict_oldest(effects);
                }
            }
            other => {
                effects.close.extend(other);
                self.slots -= 1;
                self.release_key(key);
            }
        }
        self.drop_expired(now, effects);
    }

    /// Closes the idle connections, turns the waiting away and refuses what comes later.
    pub(crate) fn close(&mut self, effects: &mut Effects<C, W>) {
        self.closed = true;
        while self.evict_oldest(effects) {}
        while let Some((_, waiter)) = self.queue.pop_first() {
            self.release_key(waiter.key);
            effects.wake.push(waiter.waker);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn stats(&self) -> PoolStats {
        PoolStats {
            connections: self.slots,
            active: self.slots - self.idle.len,
            idle: self.idle.len,
            waiting: self.queue.len(),
            opened: self.opened,
            reused: self.reused,
        }
    }

    /// Notes that a lease's idle connection was dead and a new one is opened in its slot.
    pub(crate) fn reopened(&mut self) {
        self.opened += 1;
        self.reused = self.reused.saturating_sub(1);
    }

    fn has_room(&self) -> bool {
        self.limits.hard().is_none_or(|hard| self.slots < hard)
    }

    fn hold_key(&mut self, to: &Destination<'_>) -> KeyId {
        let id = match self.last {
            Some(last) if self.keys[last as usize].is(to) => last,
            _ => self.find_or_insert(to),
        };
        self.last = Some(id);
        self.keys[id as usize].holders += 1;
        id
    }

    fn find_or_insert(&mut self, to: &Destination<'_>) -> KeyId {
        let origin = &to.origin;
        let hash = self
            .hasher
            .hash_one((origin.host, origin.port, origin.secure, to.way));
        if let Some(&id) = self
            .by_origin
            .find(hash, |&id| self.keys[id as usize].is(to))
        {
            return id;
        }
        self.forget_unused();
        let key = Key {
            secure: origin.secure,
            port: origin.port,
            way: to.way,
            host: origin.host.into(),
            newest: None,
            holders: 0,
        };
        let id = match self.free_keys.pop() {
            Some(id) => {
                self.keys[id as usize] = key;
                id
            }
            None => {
                self.keys.push(key);
                (self.keys.len() - 1) as KeyId
            }
        };
        let (keys, hasher) = (&self.keys, &self.hasher);
        self.by_origin.insert_unique(hash, id, |&id| {
            let key = &keys[id as usize];
            hasher.hash_one((&*key.host, key.port, key.secure, key.way))
        });
        id
    }

    fn release_key(&mut self, id: KeyId) {
        self.keys[id as usize].holders -= 1;
    }

    /// Drops the keys that nobody holds once they outnumber the held ones: constant work for each key made.
    fn forget_unused(&mut self) {
        let held = self.slots + self.queue.len() + self.granted.len();
        if self.by_origin.len() <= 2 * held + 64 {
            return;
        }
        let (keys, free) = (&self.keys, &mut self.free_keys);
        self.by_origin.retain(|&mut id| {
            let used = keys[id as usize].holders > 0;
            if !used {
                free.push(id);
            }
            used
        });
        self.last = None;
    }

    fn take_idle(&mut self, key: KeyId) -> Option<C> {
        let newest = self.keys[key as usize].newest?;
        let (connection, older) = self.idle.remove(newest);
        self.keys[key as usize].newest = older;
        // The idle connection's hold; the caller has one of its own.
        self.release_key(key);
        Some(connection)
    }

    /// Closes the connection that has been idle for longest.
    fn evict_oldest(&mut self, effects: &mut Effects<C, W>) -> bool {
        let Some(oldest) = self.idle.oldest() else {
            return false;
        };
        self.remove_idle(oldest, effects);
        true
    }

    /// Closes what has been idle for too long.
    pub(crate) fn drop_expired(&mut self, now: Instant, effects: &mut Effects<C, W>) {
        let Some(expiry) = self.limits.expiry() else {
            return;
        };
        while let Some((oldest, since)) = self.idle.oldest_since() {
            if now.saturating_duration_since(since) < expiry {
                break;
            }
            self.remove_idle(oldest, effects);
        }
    }

    /// Removes the globally oldest connection, which is the last of its key's stack too.
    fn remove_idle(&mut self, oldest: u32, effects: &mut Effects<C, W>) {
        let key = self.idle.key(oldest);
        let (connection, older) = self.idle.remove(oldest);
        debug_assert!(
            older.is_none(),
            "what is oldest of all is oldest of its key"
        );
        if self.keys[key as usize].newest == Some(oldest) {
            self.keys[key as usize].newest = None;
        }
        self.slots -= 1;
        self.release_key(key);
        effects.close.push(connection);
    }
}

/// The idle connections: a list by age through all of them, and a stack for each key, with no scan anywhere.
#[derive(Debug)]
struct IdleList<C> {
    entries: Vec<Option<Idle<C>>>,
    free: Vec<u32>,
    oldest: Option<u32>,
    newest: Option<u32>,
    len: usize,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    key: KeyId,
    since: Instant,
    /// In the list of all.
    older: Option<u32>,
    newer: Option<u32>,
    /// In the stack of the key.
    below: Option<u32>,
    above: Option<u32>,
}

impl<C> Default for IdleList<C> {
    fn default() -> Self {
        IdleList {
            entries: Vec::new(),
            free: Vec::new(),
            oldest: None,
            newest: None,
            len: 0,
        }
    }
}

impl<C> IdleList<C> {
    fn push(&mut self, connection: C, key: KeyId, below: Option<u32>, since: Instant) -> u32 {
        let entry = Some(Idle {
            connection,
            key,
            since,
            older: self.newest,
            newer: None,
            below,
            above: None,
        });
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        match self.newest {
            Some(newest) => self.get_mut(newest).newer = Some(id),
            None => self.oldest = Some(id),
        }
        if let Some(below) = below {
            self.get_mut(below).above = Some(id);
        }
        self.newest = Some(id);
        self.len += 1;
        id
    }

    /// Takes an entry out of the list of all; returns what lies below it in its key's stack.
    fn remove(&mut self, id: u32) -> (C, Option<u32>) {
        let idle = self.entries[id as usize]
            .take()
            .expect("an id is held only while its entry is there");
        match idle.older {
            Some(older) => self.get_mut(older).newer = idle.newer,
            None => self.oldest = idle.newer,
        }
        match idle.newer {
            Some(newer) => self.get_mut(newer).older = idle.older,
            None => self.newest = idle.older,
        }
        if let Some(below) = idle.below {
            self.get_mut(below).above = idle.above;
        }
        if let Some(above) = idle.above {
            self.get_mut(above).below = idle.below;
        }
        self.free.push(id);
        self.len -= 1;
        (idle.connection, idle.below)
    }

    fn oldest(&self) -> Option<u32> {
        self.oldest
    }

    fn oldest_since(&self) -> Option<(u32, Instant)> {
        let oldest = self.oldest?;
        self.entries[oldest as usize]
            .as_ref()
            .map(|idle| (oldest, idle.since))
    }

    fn key(&self, id: u32) -> KeyId {
        self.entries[id as usize]
            .as_ref()
            .expect("an id is held only while its entry is there")
            .key
    }

    fn get_mut(&mut self, id: u32) -> &mut Idle<C> {
        self.entries[id as usize]
            .as_mut()
            .expect("an id is held only while its entry is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Origin<'static> = Origin {
        secure: false,
        host: "a.test",
        port: 80,
    };
    const B: Origin<'static> = Origin {
        secure: false,
        host: "b.test",
        port: 80,
    };

    /// A pool of numbered connections, with the effects of each call at hand.
    struct Pool {
        state: PoolState<u32, u64>,
        now: Instant,
        closed: Vec<u32>,
        woken: Vec<u64>,
    }

    impl Pool {
        fn new(limits: PoolLimits) -> Self {
            Pool {
                state: PoolState::new(limits),
                now: Instant::now(),
                closed: Vec::new(),
                woken: Vec::new(),
            }
        }

        fn run<R>(
            &mut self,
            act: impl FnOnce(&mut PoolState<u32, u64>, Instant, &mut Effects<u32, u64>) -> R,
        ) -> R {
            let mut effects = Effects::default();
            let result = act(&mut self.state, self.now, &mut effects);
            self.closed = effects.close;
            self.woken = effects.wake;
            let stats = self.state.stats();
            assert_eq!(stats.connections, stats.active + stats.idle);
            result
        }

        fn get(&mut self, origin: &Origin<'_>, waker: u64) -> Assignment<u32> {
            self.go(origin, 0, waker)
        }

        fn go(&mut self, origin: &Origin<'_>, way: u32, waker: u64) -> Assignment<u32> {
            let to = Destination {
                origin: *origin,
                way,
            };
            self.run(|state, now, effects| state.acquire(&to, now, || waker, effects))
        }

        fn open(&mut self, origin: &Origin<'_>) -> KeyId {
            match self.get(origin, 0) {
                Assignment::Open(key) => key,
                other => panic!("{other:?}"),
            }
        }

        fn wait(&mut self, origin: &Origin<'_>, waker: u64) -> Ticket {
            match self.get(origin, waker) {
                Assignment::Wait(ticket) => ticket,
                other => panic!("{other:?}"),
            }
        }

        fn put(&mut self, key: KeyId, connection: Option<u32>) {
            self.run(|state, now, effects| state.release(key, connection, now, effects));
        }
    }

    #[test]
    fn the_newest_idle_connection_of_the_origin_is_reused() {
        let mut pool = Pool::new(PoolLimits::new());
        let (one, two, other) = (pool.open(&A), pool.open(&A), pool.open(&B));
        pool.put(one, Some(1));
        pool.put(two, Some(2));
        pool.put(other, Some(3));
        assert!(matches!(pool.get(&A, 0), Assignment::Reuse(_, 2)));
        assert!(matches!(pool.get(&A, 0), Assignment::Reuse(_, 1)));
        assert!(matches!(pool.get(&A, 0), Assignment::Open(_)));
        assert_eq!(
            (pool.state.stats().opened, pool.state.stats().reused),
            (4, 2)
        );
    }

    #[test]
    fn a_connection_serves_the_way_it_was_made_for() {
        let mut pool = Pool::new(PoolLimits::new());
        let Assignment::Open(key) = pool.go(&A, 1, 0) else {
            panic!("nothing is idle yet")
        };
        pool.put(key, Some(1));
        assert!(matches!(pool.go(&A, 0, 0), Assignment::Open(_)));
        assert!(matches!(pool.go(&A, 2, 0), Assignment::Open(_)));
        assert!(matches!(pool.go(&A, 1, 0), Assignment::Reuse(_, 1)));
    }

    #[test]
    fn beyond_the_soft_limit_the_oldest_idle_connection_is_closed() {
        let mut pool = Pool::new(PoolLimits::new().soft_limit(2));
        let keys: Vec<_> = [&A, &B, &A].map(|origin| pool.open(origin)).into();
        pool.put(keys[0], Some(1));
        pool.put(keys[1], Some(2));
        assert!(pool.closed.is_empty());
        pool.put(keys[2], Some(3));
        assert_eq!(pool.closed, [1]);
        assert!(matches!(pool.get(&A, 0), Assignment::Reuse(_, 3)));
        assert!(matches!(pool.get(&A, 0), Assignment::Open(_)));
        assert!(matches!(pool.get(&B, 0), Assignment::Reuse(_, 2)));
    }

    #[test]
    fn at_the_hard_limit_another_origins_idle_connection_makes_room() {
        let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
        let key = pool.open(&A);
        pool.put(key, Some(1));
        pool.open(&B);
        assert_eq!(pool.closed, [1]);
    }

    #[test]
    fn waiters_are_served_in_order_with_the_connection_where_it_fits() {
        let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
        let key = pool.open(&A);
        let (first, second, third) = (pool.wait(&A, 1), pool.wait(&B, 2), pool.wait(&B, 3));
        assert_eq!(pool.state.stats().waiting, 3);
        pool.put(key, Some(7));
        assert_eq!(pool.woken, [1]);
        assert!(pool.state.claim(second).is_none());
        let Some(Assignment::Reuse(key, 7)) = pool.state.claim(first) else {
            panic!("the connection goes on")
        };
        pool.put(key, Some(7));
        assert_eq!(
            (pool.woken.as_slice(), pool.closed.as_slice()),
            (&[2][..], &[7][..])
        );
        let Some(Assignment::Open(key)) = pool.state.claim(second) else {
            panic!("the slot goes on")
        };
        pool.put(key, None);
        assert_eq!(pool.woken, [3]);
        assert!(matches!(pool.state.claim(third), Some(Assignment::Open(_))));
        assert_eq!(pool.state.stats().active, 1);
    }

    #[test]
    fn a_newcomer_does_not_overtake_who_waits() {
        let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
        let key = pool.open(&A);
        let first = pool.wait(&A, 1);
        pool.put(key, Some(7));
        // Granted but not claimed: the slot is taken.
        pool.wait(&A, 2);
        assert!(matches!(
            pool.state.claim(first),
            Some(Assignment::Reuse(_, 7))
        ));
    }

    #[test]
    fn a_waiter_that_leaves_passes_its_grant_on() {
        let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
        let key = pool.open(&A);
        let (first, second, third) = (pool.wait(&A, 1), pool.wait(&A, 2), pool.wait(&A, 3));
        pool.run(|state, now, effects| state.cancel(second, now, effects));
        pool.put(key, Some(7));
        assert_eq!(pool.woken, [1]);
        pool.run(|state, now, effects| state.cancel(first, now, effects));
        assert_eq!(pool.woken, [3]);
        assert!(matches!(
            pool.state.claim(third),
            Some(Assignment::Reuse(_, 7))
        ));
    }

    #[test]
    fn idle_connections_expire() {
        let mut pool = Pool::new(PoolLimits::new().keepalive_expiry(Duration::from_secs(5)));
        let (one, two) = (pool.open(&A), pool.open(&A));
        pool.put(one, Some(1));
        pool.now += Duration::from_secs(3);
        pool.put(two, Some(2));
        pool.now += Duration::from_secs(2);
        assert!(matches!(pool.get(&A, 0), Assignment::Reuse(_, 2)));
        assert_eq!(pool.closed, [1]);
        pool.now += Duration::from_secs(60);
        assert!(matches!(pool.get(&A, 0), Assignment::Open(_)));
    }

    #[test]
    fn closing_closes_the_idle_and_turns_everybody_away() {
        let mut pool = Pool::new(PoolLimits::new().hard_limit(2));
        let (one, two) = (pool.open(&A), pool.open(&A));
        let waiting = pool.wait(&A, 1);
        pool.put(one, Some(1));
        let _ = pool.state.claim(waiting);
        pool.put(one, Some(1));
        pool.run(|state, _, effects| state.close(effects));
        assert_eq!(pool.closed, [1]);
        assert!(matches!(pool.get(&A, 0), Assignment::Closed));
        pool.put(two, Some(2));
        assert_eq!(pool.closed, [2]);
        assert_eq!(pool.state.stats().connections, 0);
    }

    #[test]
    fn keys_that_nobody_holds_are_forgotten() {
        let mut pool = Pool::new(PoolLimits::new());
        for n in 0..10_000u32 {
            let host = format!("h{n}.test");
            let key = pool.open(&Origin {
                secure: true,
                host: &host,
                port: 443,
            });
            pool.put(key, Some(n));
        }
        assert!(pool.state.keys.len() < 200, "{}", pool.state.keys.len());
        assert_eq!(pool.state.stats().idle, 10);
    }
}
