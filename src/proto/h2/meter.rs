//! Watches what a server sends, beside h2, and refuses floods.
//!
//! ```text
//!   0        3      4       5                   9
//!   ┌────────┬──────┬───────┬───────────────────┬─────────────┐
//!   │ length │ type │ flags │ R, stream id      │ payload …   │   RFC 9113 section 4.1
//!   └────────┴──────┴───────┴───────────────────┴─────────────┘
//!    looked at whole                              skipped, but for GOAWAY's last stream id
//!                                                 and the pad length of short DATA
//! ```

use std::fmt;
use std::time::Instant;

use super::budget::{BURST, Budgets, Kind};

/// The length of a frame header.
const HEADER: usize = 9;
/// Of GOAWAY's payload: the last stream id and the error code.
const GOAWAY: usize = 8;

const TYPE_DATA: u8 = 0x0;
const TYPE_HEADERS: u8 = 0x1;
const TYPE_GOAWAY: u8 = 0x7;
const TYPE_CONTINUATION: u8 = 0x9;
const FLAG_PADDED: u8 = 0x8;

/// Watches the bytes that a server sends: the plaintext of a connection from its first byte on, in any pieces.
pub(crate) struct FrameMeter {
    /// The start of a frame: its header, and what is looked at of its payload.
    start: [u8; HEADER + GOAWAY],
    /// How much of `start` is there, and how much of it is waited for.
    filled: usize,
    wanted: usize,
    /// How much of the payload is still to come, after `start`.
    rest: usize,
    /// The payload is DATA.
    is_data: bool,
    /// No frame has come yet.
    is_first: bool,
    data_bytes: u64,
    last_processed: Option<u32>,
    /// Whose frame it is.
    stream: u32,
    /// Bytes of the header block that came last, compressed as it is.
    header_block: usize,
    budgets: Budgets,
    refused: Option<Refusal>,
}

impl FrameMeter {
    pub(crate) fn new() -> Self {
        FrameMeter {
            start: [0; HEADER + GOAWAY],
            filled: 0,
            wanted: HEADER,
            rest: 0,
            is_data: false,
            is_first: true,
            data_bytes: 0,
            last_processed: None,
            stream: 0,
            header_block: 0,
            budgets: Budgets::new(),
            refused: None,
        }
    }

    /// Looks at the next bytes. What was refused once stays refused.
    pub(crate) fn heard(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Refusal> {
        if let Some(refusal) = self.refused {
            return Err(refusal);
        }
        while !bytes.is_empty() {
            let taken;
            if self.rest > 0 {
                taken = self.rest.min(bytes.len());
                self.rest -= taken;
                if self.is_data {
                    self.data_bytes += taken as u64;
                }
            } else {
                taken = (self.wanted - self.filled).min(bytes.len());
                self.start[self.filled..][..taken].copy_from_slice(&bytes[..taken]);
                self.filled += taken;
                if self.filled == self.wanted {
                    self.begin(now)
                        .inspect_err(|refusal| self.refused = Some(*refusal))?;
                }
            }
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// A request was sent.
    pub(crate) fn asked(&mut self) {
        self.budgets.asked();
    }

    /// So many bytes of DATA were sent, frame headers included.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.budgets.sent(bytes);
    }

    /// Returns the smallest last stream id of the GOAWAYs heard. Our streams above it were not processed (RFC 9113 section 6.8).
    pub(crate) fn last_processed(&self) -> Option<u32> {
        self.last_processed
    }

    /// Returns the stream of the frame of which a part is still to come; 0: none, or the connection's own.
    pub(crate) fn unfinished(&self) -> u32 {
        match self.rest > 0 || self.filled >= HEADER {
            true => self.stream,
            false => 0,
        }
    }

    /// Returns how many bytes the header block has that came last, compressed.
    pub(crate) fn header_block(&self) -> usize {
        self.header_block
    }

    /// Returns how many bytes of DATA came, padding included, as flow control counts them (RFC 9113 section 6.9.1).
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// The header of a frame is there, and what was waited for of its payload.
    fn begin(&mut self, now: Instant) -> Result<(), Refusal> {
        let (header, payload) = self.start[..self.filled].split_at(HEADER);
        let length =
            usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let (type_, flags) = (header[3], header[4]);
        // The first bit is reserved (RFC 9113 section 4.1).
        self.stream = u32::from_be_bytes([header[5] & 0x7f, header[6], header[7], header[8]]);

        if payload.is_empty() {
            if self.is_first && header.starts_with(b"HTTP/1.") {
                return Err(Refusal::Http1);
            }
            self.is_first = false;
            let peek = peeked(type_, flags, length);
            if peek > 0 {
                self.wanted = HEADER + peek;
                return Ok(());
            }
        }

        self.is_data = type_ == TYPE_DATA;
        if self.is_data {
            self.data_bytes += payload.len() as u64;
        }
        if type_ == TYPE_GOAWAY
            && let [a, b, c, d, ..] = *payload
        {
            // The first bit is reserved, and ignored (RFC 9113 section 6.8).
            let last = u32::from_be_bytes([a & 0x7f, b, c, d]);
            self.last_processed = Some(self.last_processed.map_or(last, |lower| lower.min(last)));
        }
        match type_ {
            TYPE_HEADERS => self.header_block = length,
            TYPE_CONTINUATION => self.header_block = self.header_block.saturating_add(length),
            _ => {}
        }
        // All of it is padding, and the byte that says so (RFC 9113 section 6.1).
        let padding = payload.first().map_or(0, |pad| 1 + usize::from(*pad));
        self.rest = length - payload.len();
        self.filled = 0;
        self.wanted = HEADER;
        match counted(type_, self.is_data && length == padding) {
            Some(kind) if !self.budgets.spend(kind, now) => Err(Refusal::Flood {
                frames: kind.name(),
                limit: BURST,
            }),
            _ => Ok(()),
        }
    }
}

/// How much of a payload is looked at: all of it or nothing comes into `start`, so that `begin` is called twice at most.
fn peeked(type_: u8, flags: u8, length: usize) -> usize {
    match type_ {
        // A shorter one is malformed, which is for h2 to say.
        TYPE_GOAWAY if length >= GOAWAY => GOAWAY,
        // A longer one brings something, whatever its padding.
        TYPE_DATA if flags & FLAG_PADDED != 0 && (1..=256).contains(&length) => 1,
        _ => 0,
    }
}

/// The budget a frame is taken from, unless it is DATA that brings something.
fn counted(type_: u8, is_empty: bool) -> Option<Kind> {
    Some(match type_ {
        TYPE_DATA if is_empty => Kind::EmptyData,
        TYPE_DATA => return None,
        TYPE_HEADERS => Kind::Headers,
        0x2 => Kind::Priority,
        0x3 => Kind::RstStream,
        0x4 => Kind::Settings,
        0x5 => Kind::PushPromise,
        0x6 => Kind::Ping,
        TYPE_GOAWAY => Kind::GoAway,
        0x8 => Kind::WindowUpdate,
        TYPE_CONTINUATION => Kind::Continuation,
        // To be ignored (RFC 9113 section 5.5), but not without end.
        _ => Kind::Unknown,
    })
}

/// Why nothing more is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// RFC 9113 section 10.5.
    #[error("the server sent more than {limit} {frames} frames without need (ENHANCE_YOUR_CALM)")]
    Flood { frames: &'static str, limit: u32 },
    /// The first bytes are a status line where SETTINGS must be (RFC 9113 section 3.4).
    #[error("the server answered in HTTP/1.1: it does not speak HTTP/2 here")]
    Http1,
}

impl fmt::Debug for FrameMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameMeter")
            .field("data_bytes", &self.data_bytes)
            .field("last_processed", &self.last_processed)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn frame(type_: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([type_, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn go_away(last: u32, debug: &[u8]) -> Vec<u8> {
        frame(7, 0, 0, &[&last.to_be_bytes(), &[0; 4], debug].concat())
    }

    /// What a script comes to: (DATA bytes, last processed stream, refusal).
    type Outcome = (u64, Option<u32>, Result<(), Refusal>);

    fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, now: Instant) -> Outcome {
        let mut meter = FrameMeter::new();
        let mut result = Ok(());
        for piece in pieces {
            result = meter.heard(piece, now);
        }
        (meter.data_bytes(), meter.last_processed(), result)
    }

    const fn flood(frames: &'static str) -> Result<(), Refusal> {
        let limit = BURST;
        Err(Refusal::Flood { frames, limit })
    }

    #[test]
    fn a_script_comes_to_the_same_however_it_is_cut() {
        let settings = frame(4, 0, 0, &[0, 4, 0, 1, 0, 0]);
        let scripts: Vec<(Vec<u8>, Outcome)> = vec![
            (vec![], (0, None, Ok(()))),
            (
                [
                    &settings[..],
                    &frame(1, 4, 1, b"\x88"),
                    &frame(0, 1, 1, b"hello"),
                ]
                .concat(),
                (5, None, Ok(())),
            ),
            // Payloads that look like frames.
            (
                [frame(0, 0, 1, &go_away(0, b"")), go_away(3, b"bye")].concat(),
                (17, Some(3), Ok(())),
            ),
            // A graceful end: a promise first, then the last one (RFC 9113 section 6.8); an id never rises again.
            (
                [
                    go_away(u32::MAX >> 1, b""),
                    go_away(7, b""),
                    go_away(9, b"x"),
                ]
                .concat(),
                (0, Some(7), Ok(())),
            ),
            // The reserved bit.
            (go_away(0x8000_0005, b""), (0, Some(5), Ok(()))),
            // Too short to say anything.
            (frame(7, 0, 0, &[0, 0, 0, 1]), (0, None, Ok(()))),
            // DATA with padding, all of it padding, and with a pad length that is not there.
            (
                [
                    frame(0, 8, 1, b"\x02ab\0\0"),
                    frame(0, 8, 1, b"\x02\0\0"),
                    frame(0, 8, 1, b""),
                    frame(0, 8, 1, b"\xff"),
                    frame(0, 1, 1, b"!"),
                ]
                .concat(),
                (10, None, Ok(())),
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
                (0, None, Err(Refusal::Http1)),
            ),
            (b"HTTP/1.0 400\r\n".to_vec(), (0, None, Err(Refusal::Http1))),
            // Only the first frame is a status line.
            ([&settings[..], b"HTTP/1.1 "].concat(), (0, None, Ok(()))),
        ];
        let now = Instant::now();
        for (script, expected) in scripts {
            assert_eq!(outcome([&script[..]], now), expected, "{script:?}");
            for size in 1..=script.len() {
                assert_eq!(
                    outcome(script.chunks(size), now),
                    expected,
                    "{script:?} by {size}"
                );
            }
            // Every cut into three.
            for end in 0..=script.len() {
                for start in 0..=end {
                    let pieces = [&script[..start], &script[start..end], &script[end..]];
                    assert_eq!(outcome(pieces, now), expected, "{script:?} {start} {end}");
                }
            }
        }
    }

    #[test]
    fn a_flood_of_any_frame_is_refused_early_and_for_good() {
        let now = Instant::now();
        for (name, one) in [
            ("PING", frame(6, 0, 0, &[0; 8])),
            ("PING", frame(6, 1, 0, &[0; 8])),
            ("SETTINGS", frame(4, 0, 0, &[])),
            ("SETTINGS", frame(4, 1, 0, &[])),
            ("SETTINGS", frame(4, 0, 0, &[0; 600])),
            ("RST_STREAM", frame(3, 0, 1, &[0, 0, 0, 8])),
            ("WINDOW_UPDATE", frame(8, 0, 0, &[0, 0, 0, 1])),
            ("empty DATA", frame(0, 0, 1, &[])),
            ("empty DATA", frame(0, 1, 1, &[])),
            ("empty DATA", frame(0, 8, 1, &[0])),
            (
                "empty DATA",
                frame(0, 8, 1, &[&[255][..], &[0; 255]].concat()),
            ),
            ("CONTINUATION", frame(9, 0, 1, &[])),
            ("CONTINUATION", frame(9, 0, 1, &[0; 16_384])),
            ("PRIORITY", frame(2, 0, 1, &[0, 0, 0, 1, 0])),
            ("HEADERS", frame(1, 4, 1, b"\x88")),
            ("PUSH_PROMISE", frame(5, 4, 1, &[0, 0, 0, 2])),
            ("GOAWAY", go_away(1, b"")),
            ("unknown", frame(0xa, 0, 0, b"\0\0")),
            ("unknown", frame(0xc, 0, 0, b"")),
            ("unknown", frame(0xff, 0xff, u32::MAX, b"")),
        ] {
            for size in [1, 1_000, 65_536] {
                let mut meter = FrameMeter::new();
                meter.asked();
                let mut passed = 0_u32;
                let mut pieces = one.chunks(size).cycle();
                let per_frame = one.chunks(size).len() as u32;
                let result = loop {
                    match meter.heard(pieces.next().unwrap(), now) {
                        Ok(()) => passed += 1,
                        refused => break refused,
                    }
                    assert!(passed < 1_100 * per_frame, "{name} is not refused");
                };
                assert_eq!(result, flood(name), "{size}");
                assert_eq!(meter.heard(&[], now), flood(name));
                assert_eq!(meter.heard(b"x", now + Duration::from_secs(9)), flood(name));
            }
        }
        assert_eq!(
            flood("PING").unwrap_err().to_string(),
            "the server sent more than 1000 PING frames without need (ENHANCE_YOUR_CALM)"
        );
    }

    #[test]
    fn honest_traffic_is_never_refused_however_long_it_lasts() {
        let start = Instant::now();
        let seconds = |n: u64| start + Duration::from_secs(n);
        let ping = frame(6, 0, 0, &[0; 8]);
        let update = frame(8, 0, 1, &[0, 0, 0, 1]);

        // PINGs every ten seconds, for a month.
        let mut meter = FrameMeter::new();
        for n in 0..300_000 {
            meter.heard(&ping, seconds(10 * n)).unwrap();
        }
        // A body of 8 GB in an instant, and one of single bytes.
        let bulk = frame(0, 0, 1, &[0; 16_384]);
        for _ in 0..500_000 {
            meter.heard(&bulk, seconds(0)).unwrap();
        }
        for _ in 0..500_000 {
            meter.heard(&frame(0, 0, 1, b"x"), seconds(0)).unwrap();
        }
        assert_eq!(meter.data_bytes(), 500_000 * 16_385);

        // An upload of single bytes, each acknowledged for its stream and for the connection, with a PING each.
        let mut meter = FrameMeter::new();
        for _ in 0..500_000 {
            meter.sent(10);
            for frame in [&update, &update, &ping] {
                meter.heard(frame, start).unwrap();
            }
        }

        // Requests without end, of which each is answered in full and then reset (RFC 9113 section 8.1).
        let mut meter = FrameMeter::new();
        let answer = [
            frame(1, 4, 1, b"\x08\x03103"),
            frame(1, 0, 1, b"\x88"),
            frame(9, 0, 1, &[0; 16]),
            frame(9, 4, 1, &[0; 16]),
            frame(0, 0, 1, b"hello"),
            frame(0, 1, 1, b""),
            frame(0xa, 0, 1, b"\0\0"),
            update,
            frame(3, 0, 1, &[0; 4]),
        ]
        .concat();
        for _ in 0..200_000 {
            meter.asked();
            meter.heard(&answer, start).unwrap();
        }
    }
}
