//! How long to wait before the next attempt, where the server does not say.

use std::sync::Arc;
use std::time::Duration;

/// Chooses a wait of at most the duration given.
pub(super) type Jitter = dyn Fn(Duration) -> Duration + Send + Sync;

/// Exponential back-off with full jitter: any time up to a ceiling that doubles with each attempt.
///
/// Full jitter spreads clients that failed together over the whole interval, so that they do not come back together.
#[derive(Clone)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) most: Duration,
    pub(super) jitter: Option<Arc<Jitter>>,
}

impl Backoff {
    /// The longest wait after this many attempts failed.
    pub(super) fn ceiling(&self, failed: u32) -> Duration {
        let doublings = failed.saturating_sub(1);
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }

    pub(super) fn wait(&self, failed: u32) -> Duration {
        let ceiling = self.ceiling(failed);
        match &self.jitter {
            Some(jitter) => jitter(ceiling),
            None => ceiling.mul_f64(fraction()),
        }
    }
}

/// A random number from 0 up to, but without, 1.
pub(crate) fn fraction() -> f64 {
    // A machine without randomness waits the whole time.
    let bits = getrandom::u32().unwrap_or(u32::MAX);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_wait() {
        let ms = Duration::from_millis;
        let backoff = Backoff {
            first: ms(100),
            most: ms(1000),
            jitter: Some(Arc::new(|ceiling| ceiling / 2)),
        };
        for (failed, ceiling) in [
            (0, 100),
            (1, 100),
            (2, 200),
            (3, 400),
            (4, 800),
            (5, 1000),
            (33, 1000),
            (u32::MAX, 1000),
        ] {
            assert_eq!(backoff.ceiling(failed), ms(ceiling), "{failed}");
            assert_eq!(backoff.wait(failed), ms(ceiling) / 2, "{failed}");
        }
        let endless = Backoff {
            first: Duration::MAX,
            most: Duration::MAX,
            jitter: None,
        };
        assert_eq!(endless.ceiling(u32::MAX), Duration::MAX);
    }

    #[test]
    fn full_jitter_goes_from_nothing_to_the_ceiling() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(1),
            jitter: None,
        };
        let waits: Vec<Duration> = (0..1000).map(|_| backoff.wait(1)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(1)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(100)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_millis(900)));
    }
}
