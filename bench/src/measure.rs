//! Clocks, affinity, and what is made of the numbers of several rounds.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Done;

/// CPU time, user and system, of all threads of this process, and wall time, of one piece of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Spent {
    pub(crate) fn during(work: impl FnOnce() -> Done) -> Done<Self> {
        let (wall, cpu) = (Instant::now(), ProcessTime::try_now()?);
        work()?;
        Ok(Self {
            cpu: cpu.try_elapsed()?,
            wall: wall.elapsed(),
        })
    }
}

/// Ties this process, and all that it starts, to one CPU; returns its number.
pub(crate) fn pin(wanted: Option<usize>) -> Done<usize> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu));
    let cpu = wanted.or(last).ok_or("no CPU is allowed to this process")?;
    let mut one = CpuSet::new();
    one.set(cpu);
    sched_setaffinity(None, &one)?;
    Ok(cpu)
}

/// The median of some rounds, with the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&least, &greatest) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self {
            median,
            least,
            greatest,
        })
    }
}
