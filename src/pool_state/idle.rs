//! The idle connections: a list by age through all of them, and a stack for each key, with no scan anywhere.

use std::time::{Duration, Instant};

use super::keys::KeyId;
use super::{Conn, Effects, PoolState, Shared};

/// What is idle. Those that are shared are found through their key, and so lie in no stack.
#[derive(Debug)]
pub(super) enum Resting<C> {
    Own(C),
    /// Its place among the shared connections.
    Shared(u32),
}

#[derive(Debug)]
pub(super) struct IdleList<C> {
    entries: Vec<Option<Idle<C>>>,
    free: Vec<u32>,
    oldest: Option<u32>,
    newest: Option<u32>,
    len: usize,
}

#[derive(Debug)]
struct Idle<C> {
    connection: Resting<C>,
    key: KeyId,
    /// When it has been idle for too long; `None`: never.
    until: Option<Instant>,
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
    pub(super) fn push(
        &mut self,
        connection: Resting<C>,
        key: KeyId,
        below: Option<u32>,
        until: Option<Instant>,
    ) -> u32 {
        let entry = Some(Idle {
            connection,
            key,
            until,
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
    pub(super) fn remove(&mut self, id: u32) -> (Resting<C>, Option<u32>) {
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

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        self.oldest
    }

    /// The oldest, if it has been idle for too long. All are kept equally long, so no other has.
    #[inline]
    pub(super) fn expired(&self, now: Instant) -> Option<u32> {
        let oldest = self.oldest?;
        let until = self.get(oldest).until?;
        (until <= now).then_some(oldest)
    }

    /// Tells which key an entry is of, and its place among the shared connections if it is one.
    pub(super) fn look(&self, id: u32) -> (KeyId, Option<u32>) {
        let idle = self.get(id);
        match idle.connection {
            Resting::Own(_) => (idle.key, None),
            Resting::Shared(index) => (idle.key, Some(index)),
        }
    }

    fn get(&self, id: u32) -> &Idle<C> {
        self.entries[id as usize]
            .as_ref()
            .expect("an id is held only while its entry is there")
    }

    fn get_mut(&mut self, id: u32) -> &mut Idle<C> {
        self.entries[id as usize]
            .as_mut()
            .expect("an id is held only while its entry is there")
    }
}

impl<C, S: Shared, W> PoolState<C, S, W> {
    /// Closes what has been idle for too long.
    pub(crate) fn drop_expired(&mut self, now: Instant, effects: &mut Effects<C, S, W>) {
        while let Some(oldest) = self.idle.expired(now) {
            self.remove_idle(oldest, effects);
            // Who waited for a stream of it may wait for a slot now.
            if self.queue.wants_slot() {
                self.settle(effects);
            }
        }
    }

    pub(super) fn keeps_idle(&self) -> bool {
        self.limits.soft() != Some(0) && self.limits.expiry() != Some(Duration::ZERO)
    }

    /// When a connection that is idle from now on has been so for too long.
    pub(super) fn idle_until(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.limits.expiry()?)
    }

    pub(super) fn keep_soft_limit(&mut self, effects: &mut Effects<C, S, W>) {
        while self
            .limits
            .soft()
            .is_some_and(|soft| self.idle.len() > soft)
        {
            self.evict_oldest(effects);
        }
    }

    pub(super) fn take_idle(&mut self, key: KeyId) -> Option<C> {
        let newest = self.keys[key].newest?;
        let (resting, older) = self.idle.remove(newest);
        self.keys[key].newest = older;
        // The idle connection's hold; the caller has one of its own.
        self.keys.release(key);
        match resting {
            Resting::Own(connection) => Some(connection),
            Resting::Shared(_) => unreachable!("a shared connection lies in no stack"),
        }
    }

    /// Closes the connection that has been idle for longest.
    pub(super) fn evict_oldest(&mut self, effects: &mut Effects<C, S, W>) -> bool {
        let Some(oldest) = self.idle.oldest() else {
            return false;
        };
        self.remove_idle(oldest, effects);
        true
    }

    /// Removes the globally oldest connection, which is the last of its key's stack too.
    fn remove_idle(&mut self, oldest: u32, effects: &mut Effects<C, S, W>) {
        let (key, shared) = self.idle.look(oldest);
        if let Some(index) = shared {
            self.remove_shared(index, effects);
            return;
        }
        let (resting, older) = self.idle.remove(oldest);
        debug_assert!(
            older.is_none(),
            "what is oldest of all is oldest of its key"
        );
        if self.keys[key].newest == Some(oldest) {
            self.keys[key].newest = None;
        }
        self.slots -= 1;
        self.keys.release(key);
        if let Resting::Own(connection) = resting {
            effects.close.push(Conn::Own(connection));
        }
    }
}
