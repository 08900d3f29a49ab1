//! A body that is played piece by piece, with waits between them and a set end.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use crate::error::Error;

/// What a body does, one step after the other.
#[derive(Default)]
pub(crate) struct Script {
    steps: VecDeque<Step>,
    /// The moment at which the exchange must be over.
    pub(crate) total: Option<Instant>,
    pub(crate) trailers: Option<Box<HeaderMap>>,
}

/// One step.
pub(crate) enum Step {
    Piece(Bytes),
    /// Nothing comes for so long.
    Wait(Duration),
    /// Nothing comes until then.
    Until(Instant),
    /// The body breaks off, for good.
    Fail(Error),
}

/// What comes next.
pub(crate) enum Play {
    Piece(Bytes),
    Wait(Instant),
    Fail(Error),
    End,
}

impl Script {
    /// An empty body that must be over at a moment.
    pub(crate) fn until(total: Option<Instant>) -> Self {
        Script {
            total,
            ..Script::default()
        }
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// Plays on. A wait is told until its moment has come, so that a reader that gives up and comes back loses nothing.
    pub(crate) fn next(&mut self, now: Instant) -> Play {
        loop {
            match self.steps.pop_front() {
                None => return Play::End,
                Some(Step::Piece(piece)) if piece.is_empty() => {}
                Some(Step::Piece(piece)) => return Play::Piece(piece),
                Some(Step::Wait(time)) => match now.checked_add(time) {
                    Some(until) => self.steps.push_front(Step::Until(until)),
                    // Longer than the clock goes: for ever, which is at least a day.
                    None => self
                        .steps
                        .push_front(Step::Wait(Duration::from_secs(86_400))),
                },
                Some(Step::Until(until)) if until <= now => {}
                Some(Step::Until(until)) => {
                    self.steps.push_front(Step::Until(until));
                    return Play::Wait(until);
                }
                Some(Step::Fail(error)) => {
                    self.steps.clear();
                    self.steps.push_back(Step::Fail(again(&error)));
                    return Play::Fail(error);
                }
            }
        }
    }
}

/// The same error once more; what it was made of stays with the first one.
pub(crate) fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.message().to_owned());
    match error.phase() {
        Some(phase) => copy.in_phase(phase),
        None => copy,
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} steps)", self.steps.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Phase};

    const SECOND: Duration = Duration::from_secs(1);

    fn play(script: &mut Script, now: Instant) -> String {
        match script.next(now) {
            Play::Piece(piece) => String::from_utf8_lossy(&piece).into_owned(),
            Play::Wait(until) => format!("wait {:?}", until - now),
            Play::Fail(error) => format!("{error}"),
            Play::End => "end".to_owned(),
        }
    }

    #[test]
    fn pieces_come_in_order_and_empty_ones_are_left_out() {
        let mut script = Script::default();
        for piece in ["a", "", "b"] {
            script.push(Step::Piece(piece.into()));
        }
        let now = Instant::now();
        assert_eq!(play(&mut script, now), "a");
        assert_eq!(play(&mut script, now), "b");
        assert_eq!(play(&mut script, now), "end");
        assert_eq!(play(&mut script, now), "end");
    }

    #[test]
    fn a_wait_is_over_at_its_moment_and_not_before() {
        let mut script = Script::default();
        script.push(Step::Wait(2 * SECOND));
        script.push(Step::Piece("a".into()));
        let now = Instant::now();
        assert_eq!(play(&mut script, now), "wait 2s");
        assert_eq!(play(&mut script, now + SECOND), "wait 1s");
        assert_eq!(play(&mut script, now + 2 * SECOND), "a");
    }

    #[test]
    fn a_wait_longer_than_the_clock_does_not_end() {
        let mut script = Script::default();
        script.push(Step::Wait(Duration::MAX));
        assert_eq!(play(&mut script, Instant::now()), "wait 86400s");
    }

    #[test]
    fn a_failed_body_stays_failed() {
        let mut script = Script::default();
        script.push(Step::Fail(
            Error::new(ErrorKind::ReadError, "reset").in_phase(Phase::ReceiveBody),
        ));
        script.push(Step::Piece("never".into()));
        let first = play(&mut script, Instant::now());
        assert_eq!(first, "ReadError: reset while receiving the response body");
        assert_eq!(play(&mut script, Instant::now()), first);
    }
}
