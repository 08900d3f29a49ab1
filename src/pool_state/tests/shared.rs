//! Shared connections: HTTP/2, and what becomes of a choice between the two.

use std::time::Duration;

use super::*;

const EITHER: Protocol = Protocol::Either;

impl Pool {
    /// Asks for what the server chooses.
    fn any(&mut self, origin: &Origin<'_>, waker: u64) -> Assignment<u32, Line> {
        self.ask(origin, 0, EITHER, waker)
    }

    fn any_open(&mut self, origin: &Origin<'_>) -> KeyId {
        match self.any(origin, 0) {
            Assignment::Open(key) => key,
            other => panic!("{other:?}"),
        }
    }

    fn any_wait(&mut self, origin: &Origin<'_>, waker: u64) -> Ticket {
        match self.any(origin, waker) {
            Assignment::Wait(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    /// Gets a stream, and the number of its connection.
    fn stream(&mut self, origin: &Origin<'_>) -> (SharedId, u32) {
        share(self.any(origin, 0))
    }

    fn opened(&mut self, key: KeyId, line: &Line) -> (SharedId, u32) {
        let line = line.clone();
        let (id, line) =
            self.run(|state, now, effects| state.opened_shared(key, line, now, effects));
        (id, line.number)
    }

    /// Opens a shared connection; its first stream is taken.
    fn line(&mut self, origin: &Origin<'_>, number: u32, capacity: usize) -> (Line, SharedId) {
        let key = self.any_open(origin);
        let line = Line::new(number, capacity);
        let (id, taken) = self.opened(key, &line);
        assert_eq!(taken, number);
        (line, id)
    }

    fn end(&mut self, id: SharedId) {
        self.run(|state, now, effects| state.release_stream(id, now, effects));
    }

    fn refresh(&mut self, id: SharedId) {
        self.run(|state, now, effects| state.refresh(id, now, effects));
    }

    fn fails(&mut self, key: KeyId) {
        self.run(|state, now, effects| state.release(key, Ended::NotOpened, now, effects));
    }

    fn speaks_http1(&mut self, key: KeyId) {
        self.run(|state, now, effects| state.opened_own(key, now, effects));
    }

    fn claim(&mut self, ticket: Ticket) -> Option<Assignment<u32, Line>> {
        self.state.claim(ticket)
    }

    fn claim_stream(&mut self, ticket: Ticket) -> (SharedId, u32) {
        share(self.claim(ticket).expect("it was granted"))
    }

    fn claim_slot(&mut self, ticket: Ticket) -> KeyId {
        match self.claim(ticket) {
            Some(Assignment::Open(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    /// Slots, idle connections and waiters.
    fn counts(&self) -> (usize, usize, usize) {
        let stats = self.state.stats();
        (stats.connections, stats.idle, stats.waiting)
    }
}

fn share(assignment: Assignment<u32, Line>) -> (SharedId, u32) {
    match assignment {
        Assignment::Share(id, line) => (id, line.number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_races_for_the_first_connection_shares_it() {
    let mut pool = Pool::new(PoolLimits::new());
    let key = pool.any_open(&A);
    let tickets = [1, 2, 3].map(|waker| pool.any_wait(&A, waker));
    assert_eq!(pool.counts(), (1, 0, 3));
    let (_, number) = pool.opened(key, &Line::new(7, 3));
    assert_eq!((number, pool.woken.as_slice()), (7, &[1, 2][..]));
    assert_eq!(pool.claim_stream(tickets[0]).1, 7);
    let (id, _) = pool.claim_stream(tickets[1]);
    assert!(pool.claim(tickets[2]).is_none());
    pool.end(id);
    assert_eq!(pool.woken, [3]);
    let stats = pool.state.stats();
    assert_eq!((stats.opened, stats.reused, stats.active), (1, 2, 1));
}

#[test]
fn who_races_for_a_connection_that_speaks_http1_goes_on_at_once() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(3));
    let key = pool.any_open(&A);
    let tickets = [1, 2, 3].map(|waker| pool.any_wait(&A, waker));
    pool.speaks_http1(key);
    assert_eq!(pool.woken, [1, 2]);
    pool.put(key, Some(5));
    assert_eq!(pool.woken, [3]);
    assert!(matches!(
        pool.claim(tickets[2]),
        Some(Assignment::Reuse(_, 5))
    ));
    for ticket in &tickets[..2] {
        let key = pool.claim_slot(*ticket);
        pool.speaks_http1(key);
        pool.put(key, None);
    }
    // The key is known: nobody waits for an opening any more.
    pool.any_open(&A);
    pool.any_open(&A);
    assert_eq!(pool.counts(), (3, 0, 0));
}

#[test]
fn after_a_failed_opening_everybody_opens_for_itself() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(3));
    let key = pool.any_open(&A);
    let tickets = [1, 2, 3, 4].map(|waker| pool.any_wait(&A, waker));
    pool.fails(key);
    assert_eq!(pool.woken, [1, 2, 3]);
    let keys = [0, 1, 2].map(|n| pool.claim_slot(tickets[n]));
    // The fourth has seen the failure too and waits for a slot; who comes later waits for what is opened now.
    pool.fails(keys[0]);
    assert_eq!(pool.woken, [4]);
    let last = pool.claim_slot(tickets[3]);
    pool.any_wait(&A, 5);
    let line = Line::new(7, 2);
    assert_eq!(pool.opened(keys[1], &line).1, 7);
    assert_eq!(pool.woken, [5]);
    // One connection is enough, but for those that find it full.
    line.capacity.set(3);
    assert_eq!(pool.opened(keys[2], &Line::new(8, 2)).1, 7);
    assert_eq!(pool.closed, [8]);
    assert_eq!(pool.opened(last, &Line::new(9, 2)).1, 9);
    assert_eq!(pool.counts(), (2, 0, 0));
}

#[test]
fn an_opener_that_leaves_before_its_turn_hands_the_opening_on() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(2));
    let (first, other) = (pool.open(&B), pool.open(&B));
    let tickets = [1, 2, 3].map(|waker| pool.any_wait(&A, waker));
    pool.put(first, None);
    assert_eq!(pool.woken, [1]);
    pool.put(other, None);
    assert!(pool.woken.is_empty(), "the others wait for the first one");
    pool.cancel(tickets[0]);
    assert_eq!(pool.woken, [2]);
    let key = pool.claim_slot(tickets[1]);
    pool.opened(key, &Line::new(7, 9));
    assert_eq!(pool.woken, [3]);
}

#[test]
fn a_full_connection_is_waited_for() {
    let mut pool = Pool::new(PoolLimits::new());
    let (_, id) = pool.line(&A, 1, 2);
    pool.stream(&A);
    let (first, second) = (pool.any_wait(&A, 1), pool.any_wait(&A, 2));
    // Another origin's requests are none of its business.
    let key = pool.open(&B);
    pool.put(key, Some(5));
    pool.end(id);
    assert_eq!(pool.woken, [1]);
    pool.cancel(first);
    assert_eq!(pool.woken, [2]);
    assert_eq!(pool.claim_stream(second).1, 1);
    assert_eq!(pool.counts(), (2, 1, 0));
}

#[test]
fn a_full_connection_gets_a_second_one_where_the_limit_lets_it() {
    let mut pool = Pool::new(PoolLimits::new().http2_connections(2));
    let (one, id) = pool.line(&A, 1, 1);
    let (two, _) = pool.line(&A, 2, 1);
    pool.any_wait(&A, 1);
    one.capacity.set(2);
    pool.refresh(id);
    assert_eq!(pool.woken, [1]);
    pool.any_wait(&A, 2);
    two.open.set(false);
    // A connection that takes no more streams does not count.
    pool.any_wait(&A, 3);
    assert_eq!(pool.woken, [2]);
    assert_eq!(pool.counts(), (3, 0, 1));
}

#[test]
fn a_capacity_that_grows_serves_who_waits_before_newcomers() {
    let mut pool = Pool::new(PoolLimits::new());
    let (line, _) = pool.line(&A, 1, 1);
    pool.any_wait(&A, 1);
    line.capacity.set(2);
    pool.any_wait(&A, 2);
    assert_eq!(pool.woken, [1]);
    line.capacity.set(4);
    pool.stream(&A);
    assert_eq!(pool.woken, [2]);
}

#[test]
fn a_capacity_of_nothing_is_waited_for_too() {
    let mut pool = Pool::new(PoolLimits::new());
    let (line, id) = pool.line(&A, 1, 5);
    line.capacity.set(0);
    pool.any_wait(&A, 1);
    pool.end(id);
    assert_eq!(pool.counts(), (1, 1, 1));
    line.capacity.set(1);
    pool.refresh(id);
    assert_eq!(
        (pool.woken.as_slice(), pool.counts()),
        (&[1][..], (1, 0, 0))
    );
}

#[test]
fn who_waits_on_an_idle_connection_goes_on_when_that_expires() {
    let mut pool = Pool::new(PoolLimits::new());
    let (line, id) = pool.line(&A, 1, 5);
    line.capacity.set(0);
    let ticket = pool.any_wait(&A, 1);
    pool.end(id);
    pool.now += Duration::from_secs(5);
    pool.run(|state, now, effects| state.drop_expired(now, effects));
    assert_eq!(
        (pool.woken.as_slice(), pool.closed.as_slice()),
        (&[1][..], &[1][..])
    );
    pool.claim_slot(ticket);
}

#[test]
fn a_connection_without_streams_is_idle_like_any_other() {
    let limits = PoolLimits::new().soft_limit(1).hard_limit(2);
    let mut pool = Pool::new(limits);
    let (_, a) = pool.line(&A, 1, 9);
    let (_, b) = pool.line(&B, 2, 9);
    pool.end(a);
    assert_eq!(pool.counts(), (2, 1, 0));
    pool.end(b);
    assert_eq!(
        (pool.closed.as_slice(), pool.counts()),
        (&[1][..], (1, 1, 0))
    );
    // Used again, it is not idle.
    assert_eq!(pool.stream(&B).1, 2);
    assert_eq!(pool.counts(), (1, 0, 0));
    let (again, _) = pool.line(&A, 3, 9);
    assert_eq!(again.number, 3);
    pool.end(b);
    // Evicted to make room.
    let other = Origin { port: 81, ..A };
    pool.any_open(&other);
    assert_eq!(
        (pool.closed.as_slice(), pool.counts()),
        (&[2][..], (2, 0, 0))
    );
}

#[test]
fn nothing_is_kept_idle_where_the_limits_say_so() {
    for limits in [
        PoolLimits::new().soft_limit(0),
        PoolLimits::new().keepalive_expiry(Duration::ZERO),
    ] {
        let mut pool = Pool::new(limits);
        let (_, id) = pool.line(&A, 1, 9);
        pool.end(id);
        assert_eq!(
            (pool.closed.as_slice(), pool.counts()),
            (&[1][..], (0, 0, 0))
        );
    }
}

#[test]
fn a_connection_that_takes_no_more_streams_drains() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(2));
    let (line, id) = pool.line(&A, 1, 2);
    pool.stream(&A);
    pool.any_wait(&A, 1);
    line.open.set(false);
    pool.refresh(id);
    // Who waited for its streams gets another connection meanwhile.
    assert_eq!(
        (pool.woken.as_slice(), pool.counts()),
        (&[1][..], (2, 0, 0))
    );
    pool.end(id);
    assert!(pool.closed.is_empty());
    pool.end(id);
    assert_eq!(
        (pool.closed.as_slice(), pool.counts()),
        (&[1][..], (1, 0, 0))
    );
    // Its number says nothing any more, and is not given again.
    pool.refresh(id);
    let (_, other) = pool.line(&B, 2, 2);
    assert_ne!(other, id);
    pool.end(other);
    pool.refresh(id);
    assert_eq!(pool.counts(), (2, 1, 0));
}

#[test]
fn an_idle_connection_that_takes_no_more_streams_is_closed_when_met() {
    let mut pool = Pool::new(PoolLimits::new());
    let (line, id) = pool.line(&A, 1, 2);
    pool.end(id);
    line.open.set(false);
    pool.any_open(&A);
    assert_eq!(
        (pool.closed.as_slice(), pool.counts()),
        (&[1][..], (1, 0, 0))
    );
    let (line, id) = pool.line(&B, 2, 2);
    pool.end(id);
    line.open.set(false);
    pool.refresh(id);
    assert_eq!(
        (pool.closed.as_slice(), pool.counts()),
        (&[2][..], (1, 0, 0))
    );
    pool.run(|state, _, effects| state.close(effects));
    pool.refresh(id);
}

#[test]
fn the_slot_of_a_connection_whose_streams_ended_goes_to_who_waits_for_one() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
    let (_, id) = pool.line(&A, 1, 2);
    let ticket = pool.wait(&B, 1);
    // Streams are no slots: they pass.
    let (same, _) = pool.stream(&A);
    pool.end(id);
    assert!(pool.woken.is_empty());
    pool.end(same);
    assert_eq!(
        (pool.woken.as_slice(), pool.closed.as_slice()),
        (&[1][..], &[1][..])
    );
    pool.claim_slot(ticket);
    assert_eq!(pool.counts(), (1, 0, 0));
}

#[test]
fn a_hundred_streams_pass_who_waits_for_a_slot_and_no_more() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
    let (_, id) = pool.line(&A, 1, 3);
    let slot = pool.wait(&B, 1);
    for _ in 0..queue::PASSES {
        let (id, _) = pool.stream(&A);
        pool.end(id);
    }
    let late = [2, 3].map(|waker| pool.any_wait(&A, waker));
    // The connection runs dry, and they go behind.
    pool.end(id);
    assert_eq!(
        (pool.woken.as_slice(), pool.closed.as_slice()),
        (&[1][..], &[1][..])
    );
    let key = pool.claim_slot(slot);
    pool.put(key, Some(2));
    assert_eq!(
        (pool.woken.as_slice(), pool.closed.as_slice()),
        (&[2][..], &[2][..])
    );
    let key = pool.claim_slot(late[0]);
    pool.opened(key, &Line::new(3, 3));
    assert_eq!(pool.woken, [3]);
    assert_eq!(pool.claim_stream(late[1]).1, 3);
}

#[test]
fn who_was_held_back_goes_on_when_nobody_waits_for_a_slot() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
    pool.line(&A, 1, 3);
    let slot = pool.wait(&B, 1);
    for _ in 0..queue::PASSES {
        let (id, _) = pool.stream(&A);
        pool.end(id);
    }
    let late = [2, 3, 4].map(|waker| pool.any_wait(&A, waker));
    pool.cancel(late[0]);
    assert!(pool.woken.is_empty());
    pool.cancel(slot);
    assert_eq!(pool.woken, [3, 4]);
    let (id, _) = pool.claim_stream(late[1]);
    pool.end(id);
    // The next one's count begins at nothing.
    pool.wait(&B, 5);
    pool.stream(&A);
}

#[test]
fn each_slot_given_lets_streams_pass_again() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(2));
    pool.line(&A, 1, 3);
    let other = pool.open(&B);
    for waker in [1, 2] {
        pool.wait(&B, waker);
    }
    for _ in 0..queue::PASSES {
        let (id, _) = pool.stream(&A);
        pool.end(id);
    }
    pool.any_wait(&A, 3);
    pool.put(other, None);
    assert_eq!(pool.woken, [1, 3]);
}

#[test]
fn who_waited_on_what_is_evicted_makes_room_in_turn() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(2));
    let (line, id) = pool.line(&A, 1, 5);
    line.capacity.set(0);
    pool.any_wait(&A, 1);
    pool.end(id);
    let key = pool.open(&B);
    pool.put(key, Some(2));
    pool.any_open(&Origin { port: 81, ..A });
    assert_eq!(
        (pool.woken.as_slice(), pool.closed.as_slice()),
        (&[1][..], &[1, 2][..])
    );
}

#[test]
fn protocols_do_not_share_connections() {
    let mut pool = Pool::new(PoolLimits::new());
    pool.line(&A, 1, 9);
    assert!(matches!(pool.get(&A, 0), Assignment::Open(_)));
    assert!(matches!(
        pool.ask(&A, 0, Protocol::Http2, 0),
        Assignment::Open(_)
    ));
    assert_eq!(pool.stream(&A).1, 1);
}

#[test]
fn a_connection_found_dead_counts_as_an_opening_again() {
    let mut pool = Pool::new(PoolLimits::new());
    let key = pool.any_open(&A);
    pool.speaks_http1(key);
    pool.put(key, Some(1));
    let Assignment::Reuse(key, 1) = pool.any(&A, 0) else {
        panic!("it is idle")
    };
    pool.state.reopened(key);
    // The server has learnt HTTP/2.
    pool.opened(key, &Line::new(2, 2));
    assert_eq!(pool.stream(&A).1, 2);
    pool.any_wait(&A, 1);
    let stats = pool.state.stats();
    assert_eq!((stats.opened, stats.reused), (2, 1));
}

#[test]
fn an_own_connection_serves_who_waits_for_an_opening() {
    let mut pool = Pool::new(PoolLimits::new());
    let first = pool.any_open(&A);
    pool.speaks_http1(first);
    let second = pool.any_open(&A);
    let (line, third) = (Line::new(9, 1), pool.any_open(&A));
    pool.opened(second, &line);
    line.open.set(false);
    let ticket = pool.any_wait(&A, 1);
    pool.put(first, Some(1));
    assert!(matches!(pool.claim(ticket), Some(Assignment::Reuse(_, 1))));
    pool.fails(third);
    assert_eq!(pool.counts(), (2, 0, 0));
}

#[test]
fn a_closed_pool_lets_streams_end() {
    let mut pool = Pool::new(PoolLimits::new());
    let (_, one) = pool.line(&A, 1, 2);
    let (_, two) = pool.line(&B, 2, 1);
    let waits = pool.any_wait(&B, 1);
    let opening = pool.any_open(&Origin { port: 81, ..A });
    pool.end(one);
    pool.run(|state, _, effects| state.close(effects));
    assert_eq!(
        (pool.closed.as_slice(), pool.woken.as_slice()),
        (&[1][..], &[1][..])
    );
    assert!(matches!(pool.claim(waits), Some(Assignment::Closed)));
    pool.cancel(waits);
    assert!(matches!(pool.any(&B, 0), Assignment::Closed));
    pool.end(two);
    assert_eq!(pool.closed, [2]);
    let (late, _) = pool.opened(opening, &Line::new(3, 1));
    pool.end(late);
    assert_eq!(
        (pool.closed.as_slice(), pool.counts()),
        (&[3][..], (0, 0, 0))
    );
}
