//! The pool's rules, step by step; `model.rs` walks through them at random.

mod model;
mod own;
mod shared;

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::location::Origin;

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

/// A connection that is shared, and what its peer says.
#[derive(Debug, Clone)]
struct Line {
    number: u32,
    capacity: Rc<Cell<usize>>,
    open: Rc<Cell<bool>>,
}

impl Line {
    fn new(number: u32, capacity: usize) -> Self {
        Line {
            number,
            capacity: Rc::new(Cell::new(capacity)),
            open: Rc::new(Cell::new(true)),
        }
    }
}

impl Shared for Line {
    fn capacity(&self) -> usize {
        self.capacity.get()
    }

    fn is_open(&self) -> bool {
        self.open.get()
    }
}

type State = PoolState<u32, Line, u64>;

/// A pool of numbered connections, with the effects of each call at hand.
struct Pool {
    state: State,
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
        act: impl FnOnce(&mut State, Instant, &mut Effects<u32, Line, u64>) -> R,
    ) -> R {
        let mut effects = Effects::default();
        let result = act(&mut self.state, self.now, &mut effects);
        let number = |conn: Conn<u32, Line>| match conn {
            Conn::Own(number) => number,
            Conn::Shared(line) => line.number,
        };
        self.closed = effects.close.into_iter().map(number).collect();
        self.woken = effects.wake;
        let stats = self.state.stats();
        assert_eq!(stats.connections, stats.active + stats.idle);
        result
    }

    fn ask(
        &mut self,
        origin: &Origin<'_>,
        way: u32,
        protocol: Protocol,
        waker: u64,
    ) -> Assignment<u32, Line> {
        let to = Destination {
            origin: *origin,
            way,
            protocol,
        };
        self.run(|state, now, effects| state.acquire(&to, now, || waker, effects))
    }

    /// Asks for a connection of one's own.
    fn get(&mut self, origin: &Origin<'_>, waker: u64) -> Assignment<u32, Line> {
        self.go(origin, 0, waker)
    }

    fn go(&mut self, origin: &Origin<'_>, way: u32, waker: u64) -> Assignment<u32, Line> {
        self.ask(origin, way, Protocol::Http1, waker)
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
        let ended = connection.map_or(Ended::Closed, Ended::Reusable);
        self.run(|state, now, effects| state.release(key, ended, now, effects));
    }

    fn cancel(&mut self, ticket: Ticket) {
        self.run(|state, now, effects| state.cancel(ticket, now, effects));
    }
}
