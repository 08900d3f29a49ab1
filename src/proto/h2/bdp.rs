//! How large the receive windows should be: bandwidth times delay, measured between a PING and its PONG.
//!
//! A window smaller than what is on its way in a round trip makes the server wait for our WINDOW_UPDATEs (RFC 9113 section 5.2).
//! The bytes of DATA that come in a round trip show how much that is, as far as the present window lets them.

use std::time::{Duration, Instant};

/// No window grows beyond.
const LIMIT: u32 = 16 << 20;

/// The pause between two samples: it begins small, shrinks while the window grows and becomes long when it fits.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Says when to send a PING, and when the windows should grow.
#[derive(Debug)]
pub(crate) struct Bdp {
    window: u32,
    sample: Option<Sample>,
    /// No sample begins before.
    next: Option<Instant>,
    pause: Duration,
    /// Samples in a row for which the window was large enough.
    fitting: u32,
    /// Smoothed, in seconds.
    round_trip: Option<f64>,
    /// The highest seen, in bytes a second.
    bandwidth: f64,
}

#[derive(Debug)]
struct Sample {
    since: Instant,
    bytes: u64,
}

impl Bdp {
    pub(crate) fn new(initial_window: u32) -> Self {
        Bdp {
            window: initial_window,
            sample: None,
            next: None,
            pause: FIRST_PAUSE,
            fitting: 0,
            round_trip: None,
            bandwidth: 0.0,
        }
    }

    /// So many bytes of DATA came. Tells whether a PING is to be sent now.
    pub(crate) fn heard(&mut self, data: usize, now: Instant) -> bool {
        if data == 0 {
            return false;
        }
        if let Some(sample) = &mut self.sample {
            sample.bytes = sample.bytes.saturating_add(data as u64);
            return false;
        }
        if self.window >= LIMIT || self.next.is_some_and(|next| now < next) {
            return false;
        }
        self.sample = Some(Sample {
            since: now,
            bytes: data as u64,
        });
        true
    }

    /// The PING could not be sent, since another one is on its way.
    pub(crate) fn unsent(&mut self) {
        self.sample = None;
    }

    /// The PONG came. Returns the new size, where the windows should grow.
    pub(crate) fn pong(&mut self, now: Instant) -> Option<u32> {
        let Sample { since, bytes } = self.sample.take()?;
        let bandwidth = bytes as f64 / self.smooth(now.saturating_duration_since(since));
        // The same bandwidth with more on its way is a queue that a larger window would only make longer.
        let grows =
            bandwidth >= self.bandwidth && bytes.saturating_mul(3) > u64::from(self.window) * 2;
        self.bandwidth = self.bandwidth.max(bandwidth);
        if grows {
            let double = u32::try_from(bytes.saturating_mul(2)).unwrap_or(LIMIT);
            self.window = double.min(LIMIT);
            self.fitting = 0;
            self.pause = (self.pause / 2).max(SHORTEST_PAUSE);
        } else {
            self.fitting += 1;
            if self.fitting == 2 {
                self.fitting = 0;
                self.pause = (self.pause * 4).min(LONGEST_PAUSE);
            }
        }
        self.next = now.checked_add(self.pause);
        grows.then_some(self.window)
    }

    /// Takes a round trip into the average by an eighth, as TCP does (RFC 6298 section 2).
    fn smooth(&mut self, round_trip: Duration) -> f64 {
        // A clock may not see how short it was.
        let new = round_trip.as_secs_f64().max(1e-6);
        let smoothed = self
            .round_trip
            .map_or(new, |before| before + (new - before) / 8.0);
        self.round_trip = Some(smoothed);
        smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends as fast as the line and the window let it. Returns the windows set, and the PINGs sent in so much time.
    fn line(
        initial: u32,
        bytes_a_second: u64,
        round_trip: Duration,
        lasts: Duration,
    ) -> (Vec<u32>, u32) {
        let start = Instant::now();
        let mut now = start;
        let mut bdp = Bdp::new(initial);
        let (mut window, mut windows, mut pings) = (initial, Vec::new(), 0);
        while now < start + lasts {
            let on_its_way = bytes_a_second as f64 * round_trip.as_secs_f64();
            let bytes = (on_its_way as u64).min(u64::from(window)) as usize;
            let began = bdp.heard(bytes / 4, now);
            pings += u32::from(began);
            for _ in 0..3 {
                assert!(!began || !bdp.heard(bytes / 4, now), "one PING at a time");
            }
            now += round_trip;
            if let Some(larger) = bdp.pong(now) {
                assert!(began && larger > window);
                window = larger;
                windows.push(larger);
            }
        }
        (windows, pings)
    }

    #[test]
    fn windows_grow_to_twice_what_is_on_its_way_and_stay() {
        let hour = Duration::from_secs(3_600);
        for (initial, mega_bytes, millis) in [
            (65_535, 125, 40),
            (65_535, 125, 1),
            (65_535, 1, 20),
            (2 << 20, 125, 10),
            (2 << 20, 125, 5),
            (65_535, 1_250, 200),
            (LIMIT, 1_250, 200),
            (u32::MAX, 1_250, 200),
        ] {
            let round_trip = Duration::from_millis(millis);
            let (windows, pings) = line(initial, mega_bytes * 1_000_000, round_trip, hour);
            let context = format!("{initial} {mega_bytes} MB/s {millis} ms: {windows:?}, {pings}");
            let on_its_way = mega_bytes * 1_000 * millis;
            match windows.last() {
                // What is there already was enough, or all there may be.
                None => assert!(
                    on_its_way <= u64::from(initial) || initial >= LIMIT,
                    "{context}"
                ),
                Some(&last) => {
                    assert!(u64::from(last) >= on_its_way.min(LIMIT.into()), "{context}");
                    assert!(
                        u64::from(last) <= 2 * on_its_way && last <= LIMIT,
                        "{context}"
                    );
                }
            }
            assert!(windows.len() <= 9, "{context}");
            assert!(windows.is_sorted(), "{context}");
            // One in ten seconds, and some at the beginning.
            assert!(pings <= 400, "{context}");
            assert!(initial < LIMIT || pings == 0, "{context}");
        }
    }

    #[test]
    fn a_sample_is_what_came_between_ping_and_pong() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut bdp = Bdp::new(1_000);
        // A PONG that no sample waits for.
        assert_eq!(bdp.pong(at(0)), None);
        assert!(!bdp.heard(0, at(0)));
        // A PING that cannot be sent begins nothing, and is asked for again.
        assert!(bdp.heard(900, at(0)));
        bdp.unsent();
        assert_eq!(bdp.pong(at(1)), None);
        assert!(bdp.heard(600, at(2)));
        assert!(!bdp.heard(66, at(3)));
        // Two thirds are not more than two thirds.
        assert_eq!(bdp.pong(at(12)), None);
        // What comes in the pause does not count.
        assert!(!bdp.heard(1_000_000, at(50)));
        assert!(bdp.heard(600, at(112)));
        assert!(!bdp.heard(67, at(113)));
        assert_eq!(bdp.pong(at(122)), Some(1_334));
        // More on its way at less speed is a queue.
        assert!(bdp.heard(1_300, at(300)));
        assert_eq!(bdp.pong(at(2_000)), None);
    }

    #[test]
    fn no_sample_is_too_large_or_too_short() {
        let now = Instant::now();
        let mut bdp = Bdp::new(1);
        assert!(bdp.heard(usize::MAX, now));
        assert!(!bdp.heard(usize::MAX, now));
        assert_eq!(bdp.pong(now), Some(LIMIT));
        assert!(!bdp.heard(1, now + Duration::from_secs(1_000)));
    }
}
