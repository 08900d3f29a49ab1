//! So many requests in so much time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::{Handler, Handling, Next};
use crate::request::Request;

/// How many hosts are remembered before those at rest are forgotten.
const HOSTS: usize = 1024;

/// A layer that lets requests through at a limited rate; the others wait for their turn.
///
/// It is a token bucket: full at first, each request takes a token out, and they come back evenly. Turns are given in the order of asking. Who waits sleeps, once, and
/// never past the request's total timeout: one whose turn comes later waits in vain and takes no turn from others. A turn that is given up, by a future that is dropped
/// while it waits, goes to the next who asks before its time; nobody who waits already comes earlier. Clones share the bucket, so that one limit can stand over several
/// clients.
///
/// ```
/// use std::time::Duration;
/// use dimorph::transport::{Handler, RateLimit};
///
/// // Ten requests a second to each host, and never two at once.
/// let limit = RateLimit::new(10, Duration::from_secs(1)).burst(1).per_host();
/// let engine = dimorph::Client::new();
/// let client = dimorph::Client::builder().transport(limit.over(engine)).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
#[derive(Clone)]
pub struct RateLimit {
    rate: Rate,
    per_host: bool,
    buckets: Arc<Mutex<Buckets>>,
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    /// From one token to the next.
    interval: Duration,
    /// How many tokens the bucket holds.
    burst: u32,
}

#[derive(Debug)]
struct Buckets {
    by_host: HashMap<String, Bucket>,
    /// At how many hosts those at rest are forgotten next.
    full: usize,
}

#[derive(Debug)]
struct Bucket {
    /// The moment at which it is full again; a token less for each interval until then.
    full: Instant,
    /// Turns that were given up, earliest first, with later ones given after them.
    free: Vec<Turn>,
}

/// One request's place in the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    at: Instant,
    /// When the bucket is full, after this one and all before it.
    full: Instant,
}

/// A turn that was taken, until it is used: dropped before, it is given back.
struct Place<'l> {
    limit: &'l RateLimit,
    host: String,
    turn: Turn,
    used: bool,
}

impl RateLimit {
    /// Makes a limit of this many requests in this time, all of which may come at once; at least one.
    ///
    /// As many again may follow within the same time, as the tokens come back: for a strict limit in any stretch of time, see [`burst`](RateLimit::burst).
    ///
    /// ```
    /// use std::time::Duration;
    /// use dimorph::transport::{Handler, Mock, RateLimit};
    ///
    /// let limit = RateLimit::new(100, Duration::from_secs(1));
    /// let mock = Mock::routes().get("*", "hello");
    /// let client = dimorph::Client::builder().transport(limit.over(mock)).build()?;
    /// assert_eq!(client.get("http://example.org/").send()?.status(), 200);
    /// # Ok::<(), dimorph::Error>(())
    /// ```
    pub fn new(requests: u32, per: Duration) -> Self {
        let requests = requests.max(1);
        RateLimit {
            rate: Rate {
                interval: per / requests,
                burst: requests,
            },
            per_host: false,
            buckets: Arc::new(Mutex::new(Buckets {
                by_host: HashMap::new(),
                full: HOSTS,
            })),
        }
    }

    /// Sets how many requests may come at once after a rest, at least one; default: as many as in the whole time.
    #[must_use]
    pub fn burst(mut self, requests: u32) -> Self {
        self.rate.burst = requests.max(1);
        self
    }

    /// Gives each host and port a bucket of its own.
    #[must_use]
    pub fn per_host(mut self) -> Self {
        self.per_host = true;
        self
    }

    /// Takes a token if its time comes soon enough; returns how long to wait, and the place where it was taken.
    fn take(
        &self,
        request: &Request,
        now: Instant,
        deadline: Deadline,
    ) -> (Duration, Option<Place<'_>>) {
        let host = match self.per_host {
            true => {
                let url = request.url();
                let port = url.port_or_known_default().unwrap_or(0);
                format!("{}:{port}", url.host_str().unwrap_or(""))
            }
            false => String::new(),
        };
        let mut buckets = self.lock();
        buckets.forget_those_at_rest(now);
        let bucket = buckets.by_host.entry(host.clone()).or_insert(Bucket {
            full: now,
            free: Vec::new(),
        });
        // A turn whose time has gone by is lost: the next ones stand where they stand.
        bucket.free.retain(|turn| turn.at >= now);
        let freed = bucket.free.first().copied();
        let (wait, turn) = match freed {
            Some(turn) => (turn.at - now, turn),
            None => self.rate.next(bucket.full, now),
        };
        if !deadline.allows(wait, now) {
            return (wait, None);
        }
        match freed {
            Some(_) => drop(bucket.free.remove(0)),
            None => bucket.full = turn.full,
        }
        let place = Place {
            limit: self,
            host,
            turn,
            used: false,
        };
        (wait, Some(place))
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rate {
    /// How long to wait for a token of a bucket that is full then, and the turn.
    fn next(self, full: Instant, now: Instant) -> (Duration, Turn) {
        let until_full = full.saturating_duration_since(now);
        let wait = until_full.saturating_sub(self.interval.saturating_mul(self.burst - 1));
        // A time beyond the clock is never reached, nor waited for.
        let turn = Turn {
            at: now.checked_add(wait).unwrap_or(full),
            full: full.max(now).checked_add(self.interval).unwrap_or(full),
        };
        (wait, turn)
    }
}

impl Bucket {
    /// Takes a turn back: the last one makes the row shorter, any other is free for who asks in time.
    fn give_back(&mut self, turn: Turn, interval: Duration) {
        let at = self.free.partition_point(|free| free.full <= turn.full);
        self.free.insert(at, turn);
        while let Some(last) = self.free.pop_if(|last| last.full == self.full) {
            let Some(before) = last.full.checked_sub(interval) else {
                break;
            };
            self.full = before;
        }
    }
}

impl Place<'_> {
    fn spend(mut self) {
        self.used = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.used
            && let Some(bucket) = self.limit.lock().by_host.get_mut(&self.host)
        {
            bucket.give_back(self.turn, self.limit.rate.interval);
        }
    }
}

impl Buckets {
    /// A bucket that is full is as good as a new one.
    fn forget_those_at_rest(&mut self, now: Instant) {
        if self.by_host.len() >= self.full {
            self.by_host.retain(|_, bucket| bucket.full > now);
            self.full = HOSTS.max(2 * self.by_host.len());
        }
    }
}

impl Handler for RateLimit {
    fn handle<'a>(&'a self, request: Request, next: Next) -> Handling<'a> {
        Box::pin(async move {
            let now = next.now();
            let deadline = Deadline::of(&request, now);
            let (wait, place) = self.take(&request, now, deadline);
            if !wait.is_zero() || place.is_none() {
                // Without a place this ends with the total timeout.
                next.sleep(wait).await;
            }
            if let Some(place) = place {
                place.spend();
            }
            next.send(request).await
        })
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("interval", &self.rate.interval)
            .field("burst", &self.rate.burst)
            .field("per_host", &self.per_host)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Timeout;
    use crate::transport::{Clocks, Progress, Reply, Run, Step};
    use http::Method;

    const SECOND: Duration = Duration::from_secs(1);

    fn request(url: &str) -> Request {
        Request::new(Method::GET, url).unwrap()
    }

    fn wait(limit: &RateLimit, request: &Request, now: Instant) -> (Duration, bool) {
        let (wait, place) = limit.take(request, now, Deadline::of(request, now));
        let taken = place.is_some();
        if let Some(place) = place {
            place.spend();
        }
        (wait, taken)
    }

    fn seconds(limit: &RateLimit, now: Instant) -> (u64, Place<'_>) {
        let request = request("http://h.test/");
        let (wait, place) = limit.take(&request, now, Deadline::of(&request, now));
        (wait.as_secs(), place.unwrap())
    }

    #[test]
    fn tokens_come_back_evenly_and_turns_are_given_in_order() {
        let limit = RateLimit::new(2, 2 * SECOND).burst(3);
        let start = Instant::now();
        let request = request("http://h.test/");
        for (at, expected) in [
            // Three at once, and the others a second apart, as they asked.
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 1),
            (0, 2),
            (1, 2),
            // All have gone by 3; by 5 two tokens have come back.
            (5, 0),
            (5, 0),
            (5, 1),
            // A long rest fills the bucket, and no more.
            (1000, 0),
            (1000, 0),
            (1000, 0),
            (1000, 1),
        ] {
            let (waits, taken) = wait(&limit, &request, start + at * SECOND);
            assert_eq!((waits, taken), (expected * SECOND, true), "at {at}");
        }
    }

    #[test]
    fn no_turn_is_taken_that_comes_too_late() {
        let limit = RateLimit::new(1, 10 * SECOND);
        let start = Instant::now();
        let patient = request("http://h.test/");
        let mut hasty = request("http://h.test/");
        *hasty.timeout_mut() = Some(Timeout::none().total(5 * SECOND));
        assert_eq!(wait(&limit, &hasty, start), (Duration::ZERO, true));
        for _ in 0..3 {
            assert_eq!(wait(&limit, &hasty, start), (10 * SECOND, false));
        }
        assert_eq!(wait(&limit, &patient, start), (10 * SECOND, true));
    }

    #[test]
    fn a_turn_that_is_given_up_goes_to_the_next_who_asks() {
        let limit = RateLimit::new(1, SECOND);
        let start = Instant::now();
        let (waits, mut places): (Vec<_>, Vec<_>) = (0..6).map(|_| seconds(&limit, start)).unzip();
        assert_eq!(waits, [0, 1, 2, 3, 4, 5]);
        // One in the middle, and the last ones: 2, 4, 5 are free.
        drop(places.remove(5));
        drop(places.remove(2));
        drop(places.remove(3));
        let (waits, again): (Vec<_>, Vec<_>) = (0..4).map(|_| seconds(&limit, start)).unzip();
        assert_eq!(waits, [2, 4, 5, 6]);
        drop(again);
        // 2 has gone by at 2.5, and at 3.0 the one who waited since the start goes.
        let (wait, place) = seconds(&limit, start + SECOND * 5 / 2);
        assert_eq!(wait, 1, "4 - 2.5");
        drop(place);
        drop(places);
        // Nobody waits any more; 2 stays gone.
        for expected in [0, 1, 3, 4] {
            let (wait, place) = seconds(&limit, start);
            assert_eq!(wait, expected);
            place.spend();
        }
    }

    #[test]
    fn who_stops_waiting_gives_the_turn_back() {
        let limit = RateLimit::new(1, 10 * SECOND);
        let clocks = Clocks {
            now: Instant::now,
            date: std::time::SystemTime::now,
        };
        let begin = || {
            let mut run = Run::new(&limit, request("http://h.test/"), clocks);
            let step = run.resume(None).unwrap();
            (run, step)
        };
        let (_sent, step) = begin();
        assert!(matches!(step, Progress::Wants(Step::Send(_))));
        for _ in 0..100 {
            let (waiting, step) = begin();
            let Progress::Wants(Step::Sleep(wait)) = step else {
                panic!("it does not wait");
            };
            assert!(wait <= 10 * SECOND, "{wait:?}");
            drop(waiting);
        }
        // A turn that was used is not given back, whatever becomes of the request.
        let (mut waiting, _) = begin();
        let step = waiting.resume(Some(Reply::Slept)).unwrap();
        assert!(matches!(step, Progress::Wants(Step::Send(_))));
        drop(waiting);
        let (_waiting, step) = begin();
        assert!(matches!(step, Progress::Wants(Step::Sleep(wait)) if wait > 11 * SECOND));
    }

    #[test]
    fn hosts_have_buckets_of_their_own_if_told() {
        let now = Instant::now();
        for (per_host, expected) in [(true, 0), (false, 1)] {
            let limit = RateLimit::new(1, SECOND);
            let limit = if per_host { limit.per_host() } else { limit };
            for (url, first) in [("http://a.test/1", true), ("http://A.test:80/2", false)] {
                let (waits, _) = wait(&limit, &request(url), now);
                assert_eq!(waits.is_zero(), first, "{url}");
            }
            let (waits, _) = wait(&limit.clone(), &request("https://a.test/"), now);
            assert_eq!(waits, 2 * expected * SECOND);
        }
    }

    #[test]
    fn hosts_at_rest_are_forgotten() {
        let limit = RateLimit::new(1, SECOND).per_host();
        let start = Instant::now();
        for number in 0..5000u32 {
            let url = format!("http://h{number}.test/");
            // Ten are busy at any moment.
            wait(&limit, &request(&url), start + number * SECOND / 10);
        }
        let known = limit.buckets.lock().unwrap().by_host.len();
        assert!(known <= HOSTS, "{known}");
    }

    #[test]
    fn odd_rates_are_no_reason_to_panic() {
        let now = Instant::now();
        let request = request("http://h.test/");
        for (requests, per) in [
            (0, Duration::MAX),
            (1, Duration::MAX),
            (0, Duration::ZERO),
            (u32::MAX, Duration::MAX),
            (u32::MAX, Duration::from_nanos(1)),
        ] {
            let limit = RateLimit::new(requests, per).burst(0);
            for _ in 0..3 {
                wait(&limit, &request, now);
            }
        }
    }
}
