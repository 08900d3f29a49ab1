//! Runs every peer round by round, and takes what it cost against another of the same round.

use std::collections::HashMap;

use crate::Done;
use crate::child::{Report, Site};
use crate::measure::Spread;
use crate::options::Options;
use crate::workload::Workload;

/// The costs of every peer; one entry per round.
pub(crate) type Rounds = Vec<HashMap<&'static str, Cost>>;

/// Nanoseconds of CPU per operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    client: f64,
    server: f64,
}

impl Cost {
    pub(crate) fn client(&self) -> f64 {
        self.client
    }

    pub(crate) fn both_ends(&self) -> f64 {
        self.client + self.server
    }
}

pub(crate) fn large_rounds(options: &Options) -> usize {
    options.rounds.div_ceil(2)
}

/// Every peer once per round. The order turns by one each round and runs backwards in every other one, so that none
/// always follows the same neighbour.
pub(crate) fn run(
    site: &Site,
    workload: Workload,
    options: &Options,
    failures: &mut Vec<String>,
) -> Done<Rounds> {
    let program = std::env::current_exe()?;
    let times = workload.operations(options.quick);
    let count = if workload.is_large() {
        large_rounds(options)
    } else {
        options.rounds
    };
    let mut peers = options.peers();
    let mut rounds = Rounds::new();
    for round in 0..count {
        let mut order = peers.clone();
        order.rotate_left(round % peers.len());
        if round % 2 == 1 {
            order.reverse();
        }
        let mut spent = HashMap::new();
        for peer in order {
            match Report::of(&site.child(&program, peer, workload.name(), times)) {
                Ok(Report::Spent { cpu, server, .. }) => {
                    let each = |nanoseconds| nanoseconds as f64 / times as f64;
                    spent.insert(
                        peer,
                        Cost {
                            client: each(cpu),
                            server: each(server),
                        },
                    );
                }
                Ok(_) => peers.retain(|name| *name != peer),
                Err(error) => {
                    peers.retain(|name| *name != peer);
                    failures.push(error.to_string());
                }
            }
        }
        rounds.push(spent);
    }
    Ok(rounds)
}

/// What one peer cost against another, round by round.
pub(crate) fn ratio(
    rounds: &Rounds,
    peer: &str,
    against: &str,
    of: fn(&Cost) -> f64,
) -> Option<Spread> {
    let ratio = |round: &HashMap<_, _>| Some(of(round.get(peer)?) / of(round.get(against)?));
    Spread::of(rounds.iter().filter_map(ratio))
}

pub(crate) fn nanoseconds(rounds: &Rounds, peer: &str, of: fn(&Cost) -> f64) -> Option<Spread> {
    Spread::of(rounds.iter().filter_map(|round| round.get(peer).map(of)))
}

/// Whether there is any figure of the peer.
pub(crate) fn ran(rounds: &Rounds, peer: &str) -> bool {
    rounds.iter().any(|round| round.contains_key(peer))
}
