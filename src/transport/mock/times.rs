//! How often a route is to be called.

use std::fmt;
use std::ops::{Range, RangeFrom, RangeInclusive, RangeTo, RangeToInclusive};

/// How often a route is to be called: a number or a range.
///
/// ```
/// use dimorph::transport::Times;
///
/// let texts = [Times::from(2), (1..).into(), (..=3).into(), (1..=3).into()].map(|t| t.to_string());
/// assert_eq!(texts, ["2 times", "at least once", "at most 3 times", "1 to 3 times"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Times {
    least: usize,
    most: Option<usize>,
}

impl Times {
    /// Tells whether so many calls are right.
    pub fn contains(self, calls: usize) -> bool {
        calls >= self.least && self.most.is_none_or(|most| calls <= most)
    }
}

impl From<usize> for Times {
    fn from(exactly: usize) -> Self {
        (exactly..=exactly).into()
    }
}

impl From<RangeInclusive<usize>> for Times {
    fn from(range: RangeInclusive<usize>) -> Self {
        Times {
            least: *range.start(),
            most: Some(*range.end()),
        }
    }
}

impl From<Range<usize>> for Times {
    fn from(range: Range<usize>) -> Self {
        (range.start..=range.end.saturating_sub(1)).into()
    }
}

impl From<RangeFrom<usize>> for Times {
    fn from(range: RangeFrom<usize>) -> Self {
        Times {
            least: range.start,
            most: None,
        }
    }
}

impl From<RangeTo<usize>> for Times {
    fn from(range: RangeTo<usize>) -> Self {
        (0..range.end).into()
    }
}

impl From<RangeToInclusive<usize>> for Times {
    fn from(range: RangeToInclusive<usize>) -> Self {
        (0..=range.end).into()
    }
}

/// A number of times, in words.
pub(super) fn times(n: usize) -> String {
    match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, Some(most)) if least == most => f.write_str(&times(least)),
            (0, None) => f.write_str("any number of times"),
            (least, None) => write!(f, "at least {}", times(least)),
            (0, Some(most)) => write!(f, "at most {}", times(most)),
            (least, Some(most)) => write!(f, "{least} to {}", times(most)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_say_which_counts_are_right() {
        let cases: [(Times, &[usize], &[usize]); 7] = [
            (0.into(), &[0], &[1]),
            (2.into(), &[2], &[1, 3]),
            ((1..).into(), &[1, 9], &[0]),
            ((..2).into(), &[0, 1], &[2]),
            ((..=2).into(), &[0, 2], &[3]),
            ((1..3).into(), &[1, 2], &[0, 3]),
            ((1..=3).into(), &[1, 3], &[0, 4]),
        ];
        for (expected, right, wrong) in cases {
            assert!(right.iter().all(|&n| expected.contains(n)), "{expected}");
            assert!(!wrong.iter().any(|&n| expected.contains(n)), "{expected}");
        }
    }
}
