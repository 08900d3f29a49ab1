//! How many frames of a kind a server may send that bring nothing.
//!
//! RFC 9113 section 10.5 counts these among the ways to keep a peer busy for little, and allows to treat them as a connection
//! error of type ENHANCE_YOUR_CALM. Each kind has a bucket of its own: [`BURST`] frames at once, one more every [`EVERY`], and
//! what our own sending gives reason for. So a flood ends soon, and a connection that lives for days never runs dry.

use std::time::{Duration, Instant};

/// The frames of a kind that may come in a row, without any reason for them.
pub(super) const BURST: u32 = 1_000;
/// One frame is forgiven in so much time.
const EVERY: Duration = Duration::from_millis(10);
/// What may be saved up of earned frames, so that a long life does not pay for a flood.
const SAVED: u32 = 100_000;

/// A DATA frame that brings a byte is at least so long. One that we sent gives reason for two WINDOW_UPDATEs, of its stream and of
/// the connection (RFC 9113 section 6.9), and for a PING of a server that estimates its bandwidth.
const SHORTEST_DATA: usize = 10;

/// The kinds of frames that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    EmptyData,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    Unknown,
}

const ALL: [Kind; 11] = [
    Kind::EmptyData,
    Kind::Headers,
    Kind::Priority,
    Kind::RstStream,
    Kind::Settings,
    Kind::PushPromise,
    Kind::Ping,
    Kind::GoAway,
    Kind::WindowUpdate,
    Kind::Continuation,
    Kind::Unknown,
];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::EmptyData => "empty DATA",
            Kind::Headers => "HEADERS",
            Kind::Priority => "PRIORITY",
            Kind::RstStream => "RST_STREAM",
            Kind::Settings => "SETTINGS",
            Kind::PushPromise => "PUSH_PROMISE",
            Kind::Ping => "PING",
            Kind::GoAway => "GOAWAY",
            Kind::WindowUpdate => "WINDOW_UPDATE",
            Kind::Continuation => "CONTINUATION",
            Kind::Unknown => "unknown",
        }
    }

    /// How many frames one request gives reason for.
    fn for_a_request(self) -> u32 {
        match self {
            // The head, the trailers, and a few informational responses; those that take long are forgiven in time.
            Kind::Headers => 4,
            // A head as long as our limit in frames of 16 KiB, with room.
            Kind::Continuation => 32,
            // A stream ends once.
            Kind::RstStream => 1,
            // An empty last frame, and one after each flush of a few.
            Kind::EmptyData => 4,
            // Windows opened in advance, a round trip measured, ALTSVC (RFC 7838 section 4) and frames sent as grease.
            Kind::WindowUpdate | Kind::Ping | Kind::Unknown => 4,
            // Of the connection, or not for servers to send.
            Kind::Settings | Kind::GoAway | Kind::Priority | Kind::PushPromise => 0,
        }
    }
}

/// The buckets of a connection.
pub(super) struct Budgets {
    buckets: [Bucket; ALL.len()],
    /// Bytes sent that were no whole frame yet.
    sent: usize,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: u32,
    /// Up to when the time that passed has been turned into frames.
    filled: Option<Instant>,
}

impl Budgets {
    pub(super) fn new() -> Self {
        let full = Bucket {
            left: BURST,
            filled: None,
        };
        Budgets {
            buckets: [full; ALL.len()],
            sent: 0,
        }
    }

    /// A request was sent.
    pub(super) fn asked(&mut self) {
        for kind in ALL {
            self.earn(kind, kind.for_a_request());
        }
    }

    /// So many bytes were sent, frame headers included.
    pub(super) fn sent(&mut self, bytes: usize) {
        let bytes = self.sent.saturating_add(bytes);
        self.sent = bytes % SHORTEST_DATA;
        let frames = u32::try_from(bytes / SHORTEST_DATA).unwrap_or(u32::MAX);
        self.earn(Kind::WindowUpdate, frames.saturating_mul(2));
        self.earn(Kind::Ping, frames);
    }

    fn earn(&mut self, kind: Kind, frames: u32) {
        let left = &mut self.buckets[kind as usize].left;
        *left = left.saturating_add(frames).min(SAVED);
    }

    /// Takes one frame; tells whether there was one.
    pub(super) fn spend(&mut self, kind: Kind, now: Instant) -> bool {
        let bucket = &mut self.buckets[kind as usize];
        let filled = bucket.filled.get_or_insert(now);
        if bucket.left == 0 {
            let passed = now.saturating_duration_since(*filled).as_millis() / EVERY.as_millis();
            match u32::try_from(passed) {
                Ok(0) => return false,
                // What is left of the time counts later.
                Ok(frames) if frames < BURST => {
                    bucket.left = frames;
                    *filled += EVERY * frames;
                }
                _ => {
                    bucket.left = BURST;
                    *filled = now;
                }
            }
        }
        bucket.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// How many frames in a row pass.
    fn row(budgets: &mut Budgets, kind: Kind, now: Instant) -> u32 {
        (0..)
            .take_while(|_| budgets.spend(kind, now))
            .map(|_| 1)
            .sum()
    }

    #[test]
    fn each_kind_has_a_bucket_of_its_own() {
        let now = Instant::now();
        let mut budgets = Budgets::new();
        for (place, kind) in ALL.into_iter().enumerate() {
            assert_eq!(place, kind as usize);
            assert_eq!(row(&mut budgets, kind, now), BURST, "{kind:?}");
        }
    }

    #[test]
    fn time_forgives_frames_up_to_a_burst() {
        let start = Instant::now();
        for (passed, expected) in [
            (Duration::ZERO, 0),
            (EVERY - Duration::from_nanos(1), 0),
            (EVERY, 1),
            (EVERY * 5 / 2, 2),
            (EVERY * 999, 999),
            (EVERY * 1_000, BURST),
            (DAY, BURST),
        ] {
            let mut budgets = Budgets::new();
            row(&mut budgets, Kind::Ping, start);
            let now = start + passed;
            assert_eq!(row(&mut budgets, Kind::Ping, now), expected, "{passed:?}");
        }
        // Halves of frames are not lost, nor is a clock that steps back trusted.
        let mut budgets = Budgets::new();
        row(&mut budgets, Kind::Ping, start);
        for (halves, expected) in [(1, 0), (3, 1), (5, 1), (4, 0), (8, 2)] {
            let now = start + EVERY * halves / 2;
            assert_eq!(row(&mut budgets, Kind::Ping, now), expected, "{halves}");
        }
    }

    #[test]
    fn what_is_sent_earns_frames_but_only_so_many() {
        type Does = fn(&mut Budgets);
        let now = Instant::now();
        for (name, kind, does, expected) in [
            ("a request", Kind::RstStream, Budgets::asked as Does, 1),
            ("a request", Kind::Headers, Budgets::asked, 4),
            ("a request", Kind::Continuation, Budgets::asked, 32),
            ("a request", Kind::Settings, Budgets::asked, 0),
            ("a request", Kind::Priority, Budgets::asked, 0),
            ("a DATA frame", Kind::WindowUpdate, |b| b.sent(10), 2),
            ("a DATA frame", Kind::Ping, |b| b.sent(10), 1),
            ("a DATA frame", Kind::RstStream, |b| b.sent(10), 0),
            ("a part of one", Kind::Ping, |b| b.sent(9), 0),
            (
                "in pieces",
                Kind::Ping,
                |b| (0..100).for_each(|_| b.sent(1)),
                10,
            ),
            (
                "an upload",
                Kind::WindowUpdate,
                |b| b.sent(1 << 40),
                SAVED - BURST,
            ),
            ("all", Kind::Ping, |b| b.sent(usize::MAX), SAVED - BURST),
            (
                "many requests",
                Kind::RstStream,
                |b| (0..1_000_000).for_each(|_| b.asked()),
                SAVED - BURST,
            ),
        ] {
            let mut budgets = Budgets::new();
            does(&mut budgets);
            assert_eq!(
                row(&mut budgets, kind, now),
                BURST + expected,
                "{name}, {kind:?}"
            );
        }
    }
}
