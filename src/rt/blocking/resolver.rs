//! Name look-ups with a deadline: getaddrinfo(3) has none, so it runs on a few threads of its own.
//!
//! At most [`MOST_THREADS`] threads, named `dimorph-resolver`, that end when idle for [`IDLE`]. A look-up whose caller has
//! given up before its turn is skipped.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Event;

const MOST_THREADS: usize = 4;
const IDLE: Duration = Duration::from_secs(5);

static POOL: Resolver = Resolver {
    state: Mutex::new(State {
        jobs: VecDeque::new(),
        threads: 0,
        idle: 0,
    }),
    changed: Condvar::new(),
};

struct Resolver {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    jobs: VecDeque<Arc<Job>>,
    threads: usize,
    idle: usize,
}

struct Job {
    host: String,
    answer: Mutex<Option<io::Result<Vec<SocketAddr>>>>,
    done: Event,
}

/// Looks up a host's addresses; the wait for a free thread counts against the deadline.
pub(crate) fn resolve(host: &str, deadline: Option<Instant>) -> io::Result<Vec<SocketAddr>> {
    let job = Arc::new(Job {
        host: host.to_owned(),
        answer: Mutex::new(None),
        done: Event::default(),
    });
    // What is over has no use for an answer, and might get one all the same.
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    POOL.submit(job.clone())?;
    if !job.done.wait(deadline) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let answer = job
        .answer
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    answer.unwrap_or_else(|| {
        Err(io::Error::other(
            "the resolver thread ended without an answer",
        ))
    })
}

impl Resolver {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&'static self, job: Arc<Job>) -> io::Result<()> {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() || state.threads == MOST_THREADS {
            self.changed.notify_one();
            return Ok(());
        }
        let spawned = std::thread::Builder::new()
            .name("dimorph-resolver".to_owned())
            .spawn(|| self.work());
        match spawned {
            Ok(_) => state.threads += 1,
            // Whoever is there already will come to it.
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                state.jobs.pop_back();
                return Err(error);
            }
        }
        Ok(())
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A count above one: the caller still waits.
                if Arc::strong_count(&job) > 1 {
                    let answer = (job.host.as_str(), 0)
                        .to_socket_addrs()
                        .map(Iterator::collect);
                    *job.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                    job.done.notify();
                }
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (after, waited) = self
                .changed
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = after;
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_deadline_ends_the_wait_and_later_look_ups_work() {
        let timed_out = resolve("localhost", Some(Instant::now()));
        assert!(timed_out.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
        let addresses =
            resolve("localhost", Some(Instant::now() + Duration::from_secs(20))).unwrap();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
        assert!(POOL.lock().threads <= MOST_THREADS);
    }
}
