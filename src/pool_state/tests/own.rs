//! Own connections: HTTP/1.1.

use std::time::Duration;

use super::*;

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
    pool.cancel(second);
    pool.put(key, Some(7));
    assert_eq!(pool.woken, [1]);
    pool.cancel(first);
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

#[test]
fn who_waits_longest_gets_the_slot_even_if_the_connection_fits_another() {
    let mut pool = Pool::new(PoolLimits::new().hard_limit(1));
    let key = pool.open(&A);
    let (first, second) = (pool.wait(&B, 1), pool.wait(&A, 2));
    pool.put(key, Some(7));
    assert_eq!(
        (pool.woken.as_slice(), pool.closed.as_slice()),
        (&[1][..], &[7][..])
    );
    assert!(matches!(pool.state.claim(first), Some(Assignment::Open(_))));
    assert!(pool.state.claim(second).is_none());
}
