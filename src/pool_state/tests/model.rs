//! Random walks through the pool, with what must hold after each step worked out afresh from the outside.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;

/// What is asked for: one key each.
const ASKED: [(Origin<'static>, Protocol); 5] = [
    (A, Protocol::Either),
    (A, Protocol::Http1),
    (B, Protocol::Either),
    (B, Protocol::Http1),
    (B, Protocol::Http2),
];

/// Numbers without a pattern, the same in each run (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

#[derive(Debug)]
enum Lease {
    Opening(KeyId),
    Own(KeyId, u32),
    Stream(SharedId, u32),
}

struct Waiter {
    ticket: Ticket,
    asked: usize,
    /// It has seen an opening fail.
    freed: bool,
    woken: bool,
}

struct Model {
    dice: Dice,
    pool: Pool,
    limits: PoolLimits,
    /// Which of `ASKED` a walk prefers, and how often out of eight.
    favourite: (usize, usize),
    /// The last stream of a connection seldom ends.
    sticky: bool,
    numbers: u64,
    leases: Vec<(usize, Lease)>,
    /// By waker, which is the order of arrival.
    waiters: BTreeMap<u64, Waiter>,
    /// Idle own connections.
    resting: BTreeMap<u32, usize>,
    lines: BTreeMap<u32, (Line, usize, SharedId)>,
    speaks_http1: [bool; ASKED.len()],
    /// What was changed and not refreshed.
    stale: BTreeSet<u32>,
    streams: BTreeMap<u32, usize>,
    /// Who got streams in this step.
    served: Vec<u64>,
    slot_given: bool,
    first_for_slot: Option<u64>,
    overtaken: u32,
    held_back: u32,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        dice.roll(2);
        let limits = PoolLimits::new()
            .hard_limit(match dice.roll(8) {
                0 => None,
                n => Some(n.div_ceil(2)),
            })
            .soft_limit(dice.roll(4))
            .keepalive_expiry(Duration::from_secs(dice.roll(20) as u64))
            .http2_connections(dice.roll(3));
        let mut pool = Pool::new(limits);
        // Few, so that the walks come that far.
        pool.state.queue.most_passed = dice.roll(20) as u32;
        Model {
            pool,
            limits,
            favourite: (dice.roll(ASKED.len()), dice.roll(8)),
            sticky: dice.roll(2) == 0,
            dice,
            numbers: 0,
            leases: Vec::new(),
            waiters: BTreeMap::new(),
            resting: BTreeMap::new(),
            lines: BTreeMap::new(),
            speaks_http1: [false; ASKED.len()],
            stale: BTreeSet::new(),
            streams: BTreeMap::new(),
            served: Vec::new(),
            slot_given: false,
            first_for_slot: None,
            overtaken: 0,
            held_back: 0,
        }
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers as u32
    }

    fn step(&mut self) {
        match self.dice.roll(24) {
            0..8 if self.waiters.len() < 48 => self.acquire(),
            0..8 => self.claim(),
            8..12 => self.claim(),
            12 => self.cancel(),
            13..20 => self.advance_lease(),
            20..22 => self.change_line(),
            22 => {
                self.pool.now += Duration::from_secs(self.dice.roll(3) as u64);
                self.pool
                    .run(|state, now, effects| state.drop_expired(now, effects));
                self.settled();
            }
            _ => self.refresh(),
        }
    }

    fn acquire(&mut self) {
        let (favourite, often) = self.favourite;
        let asked = match self.dice.roll(8) {
            n if n < often => favourite,
            _ => self.dice.roll(ASKED.len()),
        };
        let (origin, protocol) = ASKED[asked];
        let waker = u64::from(self.number());
        let assignment = self.pool.ask(&origin, 0, protocol, waker);
        match assignment {
            Assignment::Wait(ticket) => {
                let waiter = Waiter {
                    ticket,
                    asked,
                    freed: false,
                    woken: false,
                };
                self.waiters.insert(waker, waiter);
            }
            other => {
                let same = |waiter: &Waiter| waiter.asked == asked && !waiter.woken;
                // Those who are woken by this very call were served first.
                let waits = |(waker, waiter): (&u64, &Waiter)| {
                    same(waiter) && !self.pool.woken.contains(waker)
                };
                assert!(!self.waiters.iter().any(waits), "a newcomer goes behind");
                if matches!(other, Assignment::Share(..)) {
                    self.served.push(waker);
                }
                self.take(asked, other);
            }
        }
        self.settled();
    }

    fn take(&mut self, asked: usize, assignment: Assignment<u32, Line>) {
        let lease = match assignment {
            Assignment::Open(key) => Lease::Opening(key),
            Assignment::Share(id, line) => {
                assert_eq!(self.lines[&line.number].1, asked);
                Lease::Stream(id, line.number)
            }
            Assignment::Reuse(key, number) => {
                if let Some(of) = self.resting.remove(&number) {
                    assert_eq!(of, asked);
                }
                if self.dice.roll(6) == 0 {
                    self.pool.state.reopened(key);
                    Lease::Opening(key)
                } else {
                    Lease::Own(key, number)
                }
            }
            other => panic!("{other:?}"),
        };
        self.leases.push((asked, lease));
    }

    fn any_waiter(&mut self, woken: bool) -> Option<u64> {
        let all = self.waiters.iter();
        let some: Vec<_> = all
            .filter(|(_, waiter)| waiter.woken || !woken)
            .map(|(&waker, _)| waker)
            .collect();
        (!some.is_empty()).then(|| some[self.dice.roll(some.len())])
    }

    fn claim(&mut self) {
        if let Some(waker) = self.any_waiter(true) {
            let waiter = self.waiters.remove(&waker).unwrap();
            let assignment = self.pool.state.claim(waiter.ticket).unwrap();
            self.take(waiter.asked, assignment);
            self.pool.run(|_, _, _| ());
            self.settled();
        }
    }

    fn cancel(&mut self) {
        if let Some(waker) = self.any_waiter(false) {
            let waiter = self.waiters.remove(&waker).unwrap();
            if waiter.woken
                && let Some(Grant::Connection(_, number)) =
                    self.pool.state.granted.get(&waiter.ticket.number)
            {
                self.resting.insert(*number, waiter.asked);
            }
            self.pool.cancel(waiter.ticket);
            self.settled();
        }
    }

    /// Lets something happen to one lease: an opening ends in one way or another, what is open comes back.
    fn advance_lease(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let (asked, lease) = self.leases.swap_remove(self.dice.roll(self.leases.len()));
        match lease {
            Lease::Opening(key) => self.end_opening(asked, key),
            Lease::Own(key, number) => {
                let ended = if self.dice.roll(3) > 0 {
                    self.resting.insert(number, asked);
                    Ended::Reusable(number)
                } else {
                    Ended::Closed
                };
                self.pool
                    .run(|state, now, effects| state.release(key, ended, now, effects));
            }
            Lease::Stream(_, number)
                if self.sticky && self.streams[&number] == 1 && self.dice.roll(16) > 0 =>
            {
                self.leases.push((asked, lease));
                return;
            }
            Lease::Stream(id, _) => self
                .pool
                .run(|state, now, effects| state.release_stream(id, now, effects)),
        }
        self.settled();
    }

    fn end_opening(&mut self, asked: usize, key: KeyId) {
        let number = self.number();
        let protocol = ASKED[asked].1;
        let speaks_http1 = match protocol {
            Protocol::Http1 => true,
            Protocol::Http2 => false,
            // Mostly what it spoke before.
            Protocol::Either => self.speaks_http1[asked] != (self.dice.roll(8) == 0),
        };
        if self.dice.roll(6) == 0 {
            for waiter in self.waiters.values_mut().filter(|w| w.asked == asked) {
                waiter.freed = true;
            }
            self.pool
                .run(|state, now, effects| state.release(key, Ended::NotOpened, now, effects));
        } else if speaks_http1 {
            self.speaks_http1[asked] = protocol == Protocol::Either;
            self.leases.push((asked, Lease::Own(key, number)));
            self.pool
                .run(|state, now, effects| state.opened_own(key, now, effects));
        } else {
            self.speaks_http1[asked] = false;
            let line = Line::new(number, self.dice.roll(9));
            let new = line.clone();
            let (id, line) = self
                .pool
                .run(|state, now, effects| state.opened_shared(key, new, now, effects));
            if line.number == number {
                self.lines.insert(number, (line, asked, id));
            }
            let taken = self.lines.iter().find(|(_, (_, _, of))| *of == id).unwrap();
            self.leases.push((asked, Lease::Stream(id, *taken.0)));
        }
    }

    fn change_line(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let nth = self.dice.roll(self.lines.len());
        let (&number, (line, _, id)) = self.lines.iter().nth(nth).unwrap();
        let id = *id;
        match self.dice.roll(12) {
            0 => line.open.set(self.sticky),
            1..4 => line.capacity.set(0),
            capacity => line.capacity.set(capacity - 3),
        }
        if self.dice.roll(2) == 0 {
            self.stale.insert(number);
        } else {
            self.pool
                .run(|state, now, effects| state.refresh(id, now, effects));
            self.stale.remove(&number);
            self.settled();
        }
    }

    fn refresh(&mut self) {
        while let Some(number) = self.stale.pop_first() {
            if let Some(&(_, _, id)) = self.lines.get(&number) {
                self.pool
                    .run(|state, now, effects| state.refresh(id, now, effects));
                self.settled();
            }
        }
    }

    /// Takes the effects over, and checks everything.
    fn settled(&mut self) {
        for number in std::mem::take(&mut self.pool.closed) {
            self.resting.remove(&number);
            self.lines.remove(&number);
            self.stale.remove(&number);
        }
        self.wake();
        self.check_streams();
        self.check_order();
        self.check_slots();
        if self.stale.is_empty() {
            self.check_nobody_waits_in_vain();
        }
    }

    /// Notes who was woken: in order, key by key.
    fn wake(&mut self) {
        for waker in std::mem::take(&mut self.pool.woken) {
            let asked = self.waiters[&waker].asked;
            let mut same = self.waiters.iter().filter(|(_, w)| w.asked == asked);
            let first = same.find(|(_, w)| !w.woken).map(|(&waker, _)| waker);
            assert_eq!(first, Some(waker), "first come, first served");
            let waiter = self.waiters.get_mut(&waker).unwrap();
            waiter.woken = true;
            match self.pool.state.granted.get(&waiter.ticket.number).unwrap() {
                Grant::Stream(_) => self.served.push(waker),
                Grant::Connection(_, number) => {
                    self.resting.remove(number);
                    self.slot_given = true;
                }
                Grant::Slot(_) => self.slot_given = true,
            }
        }
    }

    /// No stream is opened where none may be.
    fn check_streams(&mut self) {
        let mut held: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, lease) in &self.leases {
            if let Lease::Stream(_, number) = lease {
                *held.entry(*number).or_default() += 1;
            }
        }
        let state = &self.pool.state;
        for (line, id, _, streams, takes_more) in state.shared.each() {
            let grants = state.granted.values();
            let granted = grants.filter(|grant| matches!(grant, Grant::Stream(of) if *of == id));
            let held = held.remove(&line.number).unwrap_or_default();
            assert_eq!(held + granted.count(), streams);
            assert_eq!(self.lines[&line.number].2, id);
            assert!(takes_more || streams > 0, "a drained connection is closed");
            let before = self.streams.get(&line.number).copied();
            if before.unwrap_or(1) < streams {
                assert!(streams <= line.capacity() && line.is_open());
            }
        }
        assert!(held.is_empty(), "a stream outlives its connection");
        let each = state.shared.each();
        self.streams = each.map(|(line, _, _, n, _)| (line.number, n)).collect();
    }

    /// Not too many streams go past who waits for a slot.
    fn check_order(&mut self) {
        let first = self.first_for_slot();
        let served = std::mem::take(&mut self.served);
        let slot_given = std::mem::take(&mut self.slot_given);
        if slot_given || first.is_none() || first != self.first_for_slot {
            self.overtaken = 0;
        } else if let Some(first) = first {
            self.overtaken += served.iter().filter(|&&waker| waker > first).count() as u32;
        }
        self.first_for_slot = first;
        assert!(self.overtaken <= self.pool.state.queue.most_passed);
    }

    fn check_slots(&self) {
        let state = &self.pool.state;
        let own = self.leases.iter();
        let own = own.filter(|(_, lease)| !matches!(lease, Lease::Stream(..)));
        let grants = state.granted.values();
        let grants = grants.filter(|grant| !matches!(grant, Grant::Stream(_)));
        let stats = state.stats();
        let taken = own.count() + grants.count() + self.resting.len() + self.lines.len();
        assert_eq!(stats.connections, taken);
        assert_eq!(state.shared.each().count(), self.lines.len());
        let unused = self.streams.values().filter(|&&streams| streams == 0);
        assert_eq!(stats.idle, self.resting.len() + unused.count());
        assert_eq!(stats.waiting, self.waiting().count());
        assert!(state.queue.agrees_with(state.keys.iter()));
        assert!(self.limits.hard().is_none_or(|hard| taken <= hard));
        assert!(self.limits.soft().is_none_or(|soft| stats.idle <= soft));
    }

    fn check_nobody_waits_in_vain(&mut self) {
        let stats = self.pool.state.stats();
        let full = self.limits.hard() == Some(stats.connections) && stats.idle == 0;
        let first = self.first_for_slot();
        assert!(first.is_none() || full, "a slot is free for {first:?}");
        for (asked, waker) in self.fronts().collect::<Vec<_>>() {
            let has_room = |line: &Line, of: usize| {
                of == asked && line.is_open() && self.streams[&line.number] < line.capacity()
            };
            if self.lines.values().any(|(line, of, _)| has_room(line, *of)) {
                let held = first.is_some_and(|first| first < waker);
                assert!(held, "a stream is free for {waker}");
                self.held_back += 1;
                assert!(!self.pool.state.queue.pass(waker), "it may pass");
            }
            let rests = self.resting.values().any(|&of| of == asked);
            assert!(!rests, "a connection is idle for {waker}");
        }
    }

    fn waiting(&self) -> impl Iterator<Item = (&u64, &Waiter)> {
        self.waiters.iter().filter(|(_, waiter)| !waiter.woken)
    }

    /// The first waiter of each key.
    fn fronts(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..ASKED.len()).filter_map(|asked| {
            let (&waker, _) = self.waiting().find(|(_, w)| w.asked == asked)?;
            Some((asked, waker))
        })
    }

    /// Who should be first to get a slot.
    fn first_for_slot(&self) -> Option<u64> {
        let fronts = self.fronts();
        let ready = fronts.filter(|&(asked, waker)| self.may_open(asked, &self.waiters[&waker]));
        ready.map(|(_, waker)| waker).min()
    }

    fn may_open(&self, asked: usize, waiter: &Waiter) -> bool {
        if ASKED[asked].1 == Protocol::Http1 || self.speaks_http1[asked] {
            return true;
        }
        let mut leases = self.leases.iter();
        let opening = leases.any(|(of, lease)| *of == asked && matches!(lease, Lease::Opening(_)))
            || self.waiters.values().any(|w| {
                let grant = self.pool.state.granted.get(&w.ticket.number);
                w.asked == asked && matches!(grant, Some(Grant::Slot(_)))
            });
        let open = self.lines.values().filter(|(line, of, _)| {
            // What has not been looked at since it closed counts still.
            *of == asked && (line.is_open() || self.stale.contains(&line.number))
        });
        (!opening || waiter.freed) && open.count() < self.limits.http2()
    }

    /// Lets everything come to its end: whoever waits is served.
    fn finish(&mut self) {
        self.sticky = false;
        self.refresh();
        while !self.waiters.is_empty() || !self.leases.is_empty() {
            for (line, _, _) in self.lines.values() {
                line.capacity.set(line.capacity().max(1));
                self.stale.insert(line.number);
            }
            self.refresh();
            assert!(
                !self.leases.is_empty() || self.waiters.values().any(|waiter| waiter.woken),
                "somebody waits for nothing"
            );
            self.claim();
            self.advance_lease();
        }
        let stats = self.pool.state.stats();
        assert_eq!((stats.waiting, stats.active), (0, 0));
        self.pool.run(|state, _, effects| state.close(effects));
        assert_eq!(self.pool.state.stats().connections, 0);
        let mut keys = self.pool.state.keys.iter_mut();
        assert!(keys.all(|key| key.holders == 0 && key.openings == 0));
    }
}

#[test]
fn nothing_is_lost_and_nobody_is_forgotten() {
    let mut held_back = 0;
    for seed in 0..40 {
        let mut model = Model::new(seed);
        for _ in 0..1_000 {
            model.step();
        }
        model.finish();
        held_back += model.held_back;
    }
    assert!(held_back > 100, "the walks come far enough: {held_back}");
}
