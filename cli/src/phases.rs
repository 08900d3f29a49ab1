//! Where the time of a call goes, from the client's events.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use dimorph::{Event, EventKind};

/// The phases of one call, redirects and authentication included.
#[derive(Debug, Default, Clone)]
pub(crate) struct Phases {
    times: [Option<Duration>; NAMES.len()],
    pub(crate) opened: usize,
    pub(crate) reused: usize,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) bytes: u64,
}

/// The columns of all tables. `wait` begins when the connection is there and ends with the response's head.
pub(crate) const NAMES: [&str; 7] = ["dns", "connect", "proxy", "tls", "wait", "read", "total"];

const DNS: usize = 0;
const CONNECT: usize = 1;
const PROXY: usize = 2;
const TLS: usize = 3;
const WAIT: usize = 4;
const READ: usize = 5;
const TOTAL: usize = 6;

impl Phases {
    /// Adds what an event tells.
    pub(crate) fn hear(&mut self, event: &Event<'_>) {
        let phase = match event.kind() {
            EventKind::ConnectionAcquired {
                reused: true,
                remote_addr,
                ..
            } => {
                self.reused += 1;
                self.address = *remote_addr;
                None
            }
            EventKind::Resolved { took, .. } => Some((DNS, *took)),
            EventKind::Connected {
                took, remote_addr, ..
            } => {
                self.opened += 1;
                self.address = *remote_addr;
                Some((CONNECT, *took))
            }
            EventKind::TunnelOpened { took, .. } => Some((PROXY, *took)),
            EventKind::TlsEstablished { took, .. } => Some((TLS, *took)),
            EventKind::ResponseStarted { took, .. } => Some((WAIT, *took)),
            EventKind::ResponseCompleted { took, bytes, .. } => {
                self.bytes += bytes;
                Some((READ, *took))
            }
            _ => None,
        };
        if let Some((phase, took)) = phase {
            let time = self.times[phase].get_or_insert_default();
            *time = time.saturating_add(took);
        }
        self.times[TOTAL] = Some(event.elapsed());
    }

    /// The time of a phase, by its place in [`NAMES`].
    pub(crate) fn time(&self, phase: usize) -> Option<Duration> {
        self.times[phase]
    }

    /// One line of all that took time.
    pub(crate) fn line(&self) -> String {
        let mut words: VecDeque<String> = NAMES
            .iter()
            .zip(self.times)
            .filter_map(|(name, time)| Some(format!("{name} {}", spelled(time?))))
            .collect();
        if self.opened == 0 && self.reused > 0 {
            words.push_front("kept connection".into());
        }
        words.into_iter().collect::<Vec<_>>().join("  ")
    }
}

/// A duration with three digits that count, in the unit that suits it.
pub(crate) fn spelled(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        0.0..999.5 => format!("{micros:.0} µs"),
        999.5..99_950.0 => format!("{:.1} ms", micros / 1e3),
        99_950.0..999_500.0 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

/// A number of bytes, thousands apart.
pub(crate) fn counted(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
