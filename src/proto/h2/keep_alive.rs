//! When to ask a silent peer whether it is still there, and when to give it up.
//!
//! ```text
//!   heard ──interval──▶ PING ──timeout──▶ Dead
//!     ▲                  │
//!     └────── PONG ──────┘
//! ```

use std::time::{Duration, Instant};

/// The clockwork of PING as a keep-alive (RFC 9113 section 6.7).
#[derive(Debug, Clone)]
pub(crate) struct KeepAlive {
    interval: Duration,
    timeout: Duration,
    while_idle: bool,
    /// When the peer was heard last. Nothing yet: counts from the first question.
    heard: Option<Instant>,
    /// When the PING was sent that waits for its PONG.
    asked: Option<Instant>,
}

/// What a [`KeepAlive`] wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing until a stream is opened.
    Nothing,
    /// Nothing before this instant, when something may be due.
    At(Instant),
    /// A PING, now. It counts as sent; where one of another purpose is on its way, that one will do.
    Ping,
    /// The peer did not answer. The connection is of no use any more.
    Dead,
}

impl KeepAlive {
    /// Pings after `interval` of silence while streams are open (`while_idle`: always), and waits `timeout` for the answer.
    pub(crate) fn new(interval: Duration, timeout: Duration, while_idle: bool) -> Self {
        KeepAlive {
            interval,
            timeout,
            while_idle,
            heard: None,
            asked: None,
        }
    }

    /// Any byte came. It puts the next PING off; one that was sent still wants its PONG.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = self.heard.max(Some(now));
    }

    /// The answer to a PING came, whatever the PING was for.
    pub(crate) fn pong(&mut self, now: Instant) {
        self.asked = None;
        self.heard(now);
    }

    /// When something may be due, without doing anything about it; `None`: not before a stream is opened.
    pub(crate) fn next(&self, now: Instant, streams: bool) -> Option<Instant> {
        match self.clone().due(now, streams) {
            Due::Nothing => None,
            Due::At(when) => Some(when),
            Due::Ping | Due::Dead => Some(now),
        }
    }

    /// Says what is due; `streams` tells whether any stream is open.
    pub(crate) fn due(&mut self, now: Instant, streams: bool) -> Due {
        if let Some(asked) = self.asked {
            // Also when the streams have ended meanwhile: what does not answer must not be used again.
            return match asked.checked_add(self.timeout) {
                Some(end) if now >= end => Due::Dead,
                end => end.map_or(Due::Nothing, Due::At),
            };
        }
        if !streams && !self.while_idle {
            return Due::Nothing;
        }
        let heard = *self.heard.get_or_insert(now);
        match heard.checked_add(self.interval) {
            Some(end) if now >= end => {
                self.asked = Some(now);
                Due::Ping
            }
            // An interval beyond what the clock can say never ends.
            end => end.map_or(Due::Nothing, Due::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens at a second.
    #[derive(Debug, Clone, Copy)]
    enum Event {
        Heard,
        Pong,
        /// With streams open, or not; and what is due then.
        Look(bool, Want),
    }

    /// [`Due`] in seconds.
    #[derive(Debug, Clone, Copy)]
    enum Want {
        Nothing,
        At(u64),
        Ping,
        Dead,
    }

    use Event::*;
    use Want::*;

    fn play(while_idle: bool, events: &[(u64, Event)]) {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut clock = KeepAlive::new(Duration::from_secs(10), Duration::from_secs(5), while_idle);
        for (second, event) in events {
            match event {
                Heard => clock.heard(at(*second)),
                Pong => clock.pong(at(*second)),
                Look(streams, want) => {
                    let want = match want {
                        Nothing => Due::Nothing,
                        At(second) => Due::At(at(*second)),
                        Ping => Due::Ping,
                        Dead => Due::Dead,
                    };
                    let context = (while_idle, second, events);
                    assert_eq!(clock.due(at(*second), *streams), want, "{context:?}");
                }
            }
        }
    }

    #[test]
    fn a_silent_peer_is_pinged_and_then_given_up() {
        for while_idle in [false, true] {
            play(
                while_idle,
                &[
                    (0, Look(true, At(10))),
                    (9, Look(true, At(10))),
                    (10, Look(true, Ping)),
                    (10, Look(true, At(15))),
                    (14, Look(true, At(15))),
                    (15, Look(true, Dead)),
                    (99, Look(true, Dead)),
                ],
            );
        }
    }

    #[test]
    fn any_byte_puts_the_ping_off_but_only_a_pong_answers_it() {
        play(
            false,
            &[
                (0, Heard),
                (7, Heard),
                (10, Look(true, At(17))),
                (17, Look(true, Ping)),
                (18, Heard),
                (18, Look(true, At(22))),
                (19, Pong),
                (19, Look(true, At(29))),
                (40, Look(true, Ping)),
                (44, Pong),
                (43, Heard),
                (50, Look(true, At(54))),
                // One that nobody asked for.
                (51, Pong),
                (54, Look(true, At(61))),
            ],
        );
        play(
            false,
            &[
                (0, Heard),
                (10, Look(true, Ping)),
                (14, Heard),
                (15, Look(true, Dead)),
            ],
        );
    }

    #[test]
    fn an_idle_connection_is_pinged_only_if_that_is_wanted() {
        play(
            false,
            &[
                (0, Heard),
                (50, Look(false, Nothing)),
                // Whether it is still there is asked with the next stream.
                (60, Look(true, Ping)),
                // The streams end before the answer.
                (61, Look(false, At(65))),
                (65, Look(false, Dead)),
            ],
        );
        play(
            true,
            &[
                (0, Heard),
                (5, Look(false, At(10))),
                (10, Look(false, Ping)),
                (12, Pong),
                (12, Look(false, At(22))),
            ],
        );
    }

    #[test]
    fn durations_beyond_the_clock_never_end() {
        let now = Instant::now();
        let mut clock = KeepAlive::new(Duration::MAX, Duration::ZERO, true);
        assert_eq!(clock.due(now, true), Due::Nothing);
        let mut clock = KeepAlive::new(Duration::ZERO, Duration::MAX, true);
        assert_eq!(clock.due(now, true), Due::Ping);
        assert_eq!(clock.due(now, true), Due::Nothing);
    }
}
