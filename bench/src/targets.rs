//! What must hold between two peers, or the run fails.

use crate::measure::Spread;
use crate::rounds::{Cost, Rounds, ratio};
use crate::workload::Workload;

/// What a median of few rounds may be off by.
const NOISE: f64 = 1.10;
/// What a quick run forgives.
const FAR: f64 = 1.5;
/// The same for large bodies that cost little beside what the kernel bills for them.
const BULK_NOISE: f64 = 1.25;

/// One peer's CPU time against another's, in the same workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) workload: Workload,
    pub(crate) peer: &'static str,
    pub(crate) against: &'static str,
    pub(crate) at_most: f64,
}

pub(crate) const TARGETS: [Target; 5] = [
    Target::new(Workload::Streams, "dimorph-async", "reqwest", NOISE),
    Target::new(Workload::StreamsTls, "dimorph-async", "reqwest", NOISE),
    // Twice the requests per second of CPU time.
    Target::new(
        Workload::StreamThreads,
        "dimorph",
        "reqwest-blocking",
        1.0 / 2.0,
    ),
    Target::new(
        Workload::StreamDownload,
        "dimorph-async",
        "reqwest",
        BULK_NOISE,
    ),
    Target::new(
        Workload::StreamDownloadTls,
        "dimorph-async",
        "reqwest",
        NOISE,
    ),
];

impl Target {
    const fn new(
        workload: Workload,
        peer: &'static str,
        against: &'static str,
        at_most: f64,
    ) -> Self {
        Self {
            workload,
            peer,
            against,
            at_most,
        }
    }

    /// The ratio that was measured; `None` where one of the two did not run.
    pub(crate) fn reached(&self, results: &[(Workload, Rounds)]) -> Option<Spread> {
        let (_, rounds) = results
            .iter()
            .find(|(workload, _)| *workload == self.workload)?;
        // As in the tables: of large bodies only the sum of the two ends can be repeated.
        let cost = if self.workload.is_large() {
            Cost::both_ends
        } else {
            Cost::client
        };
        ratio(rounds, self.peer, self.against, cost)
    }

    /// Tells whether it was missed; three rounds of small counts show only what was missed by far.
    pub(crate) fn is_missed_by(&self, reached: Spread, quick: bool) -> bool {
        let slack = if quick { FAR } else { 1.0 };
        reached.median > slack * self.at_most
    }
}
