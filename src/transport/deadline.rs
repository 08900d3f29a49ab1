//! The total timeout of a request, where a layer takes time of its own.

use std::time::{Duration, Instant};

use crate::config::Timeout;
use crate::error::{Error, ErrorKind, Phase};
use crate::request::Request;

/// The moments at which a request must have its response, and at which that must be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    /// The earlier of the two.
    head: Option<Instant>,
    total: Option<Instant>,
}

impl Deadline {
    /// Reads the timeouts `head` and `total` off a request that begins now.
    pub(crate) fn of(request: &Request, now: Instant) -> Self {
        let within = |limit: fn(&Timeout) -> Option<Duration>| {
            let limit = request.timeout().and_then(limit)?;
            now.checked_add(limit)
        };
        Deadline {
            head: within(Timeout::until_head),
            total: within(Timeout::total_timeout),
        }
    }

    /// Returns the moment by which there must be a response.
    pub(crate) fn end(self) -> Option<Instant> {
        self.head
    }

    /// Returns the moment by which the body must be over too.
    #[cfg(feature = "tower")]
    pub(crate) fn total(self) -> Option<Instant> {
        self.total
    }

    /// Makes the error of having waited past it.
    pub(crate) fn passed(self, phase: Phase) -> Error {
        Error::timeout(ErrorKind::TotalTimeout, None).in_phase(phase)
    }

    /// Tells whether there is still time for something after a wait.
    pub(crate) fn allows(self, wait: Duration, now: Instant) -> bool {
        self.head
            .is_none_or(|end| wait < end.saturating_duration_since(now))
    }

    /// Leaves a request the time that is left, or less where it has less of its own.
    pub(crate) fn shorten(self, request: &mut Request, now: Instant) {
        let Some(timeout) = request.timeout_mut() else {
            return;
        };
        let within = |own: Option<Duration>, end: Option<Instant>| {
            let left = end.map(|end| end.saturating_duration_since(now));
            own.into_iter().chain(left).min()
        };
        let head = timeout.head_timeout();
        *timeout = timeout
            .total(within(timeout.total_timeout(), self.total))
            .head(within(head, self.head.filter(|_| head.is_some())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[test]
    fn what_a_wait_takes_is_taken_off_the_total_timeout() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut request = Request::new(Method::GET, "http://h.test/").unwrap();
        assert!(Deadline::of(&request, start).allows(Duration::MAX, start));

        *request.timeout_mut() = Some(Timeout::none().total(10 * second));
        let deadline = Deadline::of(&request, start);
        assert!(deadline.allows(9 * second, start));
        assert!(!deadline.allows(10 * second, start));
        assert!(!deadline.allows(5 * second, start + 5 * second));
        deadline.shorten(&mut request, start + 4 * second);
        let left = request.timeout().and_then(|t| t.total_timeout());
        assert_eq!(left, Some(6 * second));

        *request.timeout_mut() = Some(Timeout::none().head(3 * second));
        let deadline = Deadline::of(&request, start);
        assert!(!deadline.allows(3 * second, start));
        deadline.shorten(&mut request, start + second);
        let left = Timeout::none().head(2 * second);
        assert_eq!(request.timeout(), Some(&left));
    }
}
