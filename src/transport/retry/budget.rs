//! How much extra load retries may be.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What one retry costs; requests bring a part of it.
const RETRY: u64 = 1_000_000;
/// How many retries may be saved up.
const SAVED: u64 = 100 * RETRY;
/// What there is to begin with, and what time fills up to again.
const RESERVE: u64 = 10 * RETRY;

/// A bucket of tokens: each request puts a part of one in, each retry takes one out.
///
/// One a second comes back by itself while there are fewer than ten, so that a client of few requests is not left without.
#[derive(Debug)]
pub(super) struct Budget {
    /// What each request puts in.
    deposit: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    balance: u64,
    filled: Option<Instant>,
}

impl Budget {
    /// At most `extra` retries for each request: 0.2 is 20 % more load.
    pub(super) fn new(extra: f64) -> Self {
        // What is no number is nothing: the cast saturates, and takes NaN to 0.
        let deposit = ((extra * RETRY as f64) as u64).min(SAVED);
        Budget {
            deposit,
            state: Mutex::new(State {
                balance: RESERVE,
                filled: None,
            }),
        }
    }

    /// Counts a request.
    pub(super) fn deposit(&self) {
        self.with(|state| state.balance = (state.balance + self.deposit).min(SAVED));
    }

    /// Takes what a retry costs, if it is there.
    pub(super) fn withdraw(&self, now: Instant) -> bool {
        self.with(|state| {
            let since = *state.filled.get_or_insert(now);
            let passed = now.saturating_duration_since(since).as_micros();
            // One retry is a million, and so is a second.
            let passed = u64::try_from(passed).unwrap_or(RESERVE).min(RESERVE);
            state.filled = Some(now.max(since));
            let room = RESERVE.saturating_sub(state.balance);
            state.balance += passed.min(room);
            match state.balance.checked_sub(RETRY) {
                Some(rest) => {
                    state.balance = rest;
                    true
                }
                None => false,
            }
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// How many retries there are now.
    fn drain(budget: &Budget, now: Instant) -> u32 {
        (0..).take_while(|_| budget.withdraw(now)).count() as u32
    }

    #[test]
    fn retries_are_a_part_of_the_requests_and_a_small_reserve() {
        let now = Instant::now();
        for (extra, requests, expected) in [
            (0.2, 0, 10),
            (0.2, 100, 30),
            (0.2, 1_000_000, 100),
            (1.0, 5, 15),
            (0.0, 1000, 10),
            (-1.0, 1000, 10),
            (f64::NAN, 1000, 10),
            (f64::INFINITY, 1, 100),
        ] {
            let budget = Budget::new(extra);
            for _ in 0..requests {
                budget.deposit();
            }
            assert_eq!(
                drain(&budget, now),
                expected,
                "{extra} of {requests} requests"
            );
        }
    }

    #[test]
    fn time_fills_the_reserve_and_no_more() {
        let start = Instant::now();
        let budget = Budget::new(0.0);
        assert_eq!(drain(&budget, start), 10);
        for (after, expected) in [(0, 0), (1, 1), (1, 0), (4, 3), (1000, 10)] {
            let now = start + Duration::from_secs(after);
            assert_eq!(drain(&budget, now), expected, "after {after} s");
        }
        // A clock that goes back changes nothing.
        assert_eq!(drain(&budget, start), 0);
        assert_eq!(drain(&budget, start + Duration::from_secs(1000)), 0);
    }
}
