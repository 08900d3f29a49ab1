//! The gzip coding (RFC 1952): any number of members, each with its CRC and length verified.

use bytes::{Buf, Bytes};
use flate2::Decompress;

use super::inflate::{Stopped, step};
use super::{Coding, DecodeError};

const NAME: &str = "gzip";
/// The largest window that deflate knows, 32 KiB, as a power of two.
const WINDOW_BITS: u8 = 15;
/// The two bytes that begin each member (RFC 1952 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

#[derive(Debug)]
pub(super) struct Gzip {
    /// Reads header, data and trailer of one member.
    stream: Decompress,
    at: At,
}

/// Where in the series of members the decoder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first byte.
    Start,
    Member,
    /// After a member. Zero padding is skipped.
    Between,
    /// After a member and a byte that may be the first of another.
    HalfMagic,
    /// After a member and something that is none.
    Trailing,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Gzip {
            stream: Decompress::new_gzip(WINDOW_BITS),
            at: At::Start,
        }
    }

    fn begin_member(&mut self) {
        self.stream = Decompress::new_gzip(WINDOW_BITS);
        self.at = At::Member;
    }
}

impl Coding for Gzip {
    fn decode(&mut self, input: &mut Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        loop {
            match self.at {
                At::Start if input.is_empty() => return Ok(()),
                At::Start => self.at = At::Member,
                At::Member => match step(NAME, &mut self.stream, input, out)? {
                    Stopped::Waiting => return Ok(()),
                    Stopped::AtEnd => self.at = At::Between,
                },
                At::Between => {
                    let padding = input.iter().take_while(|&&b| b == 0).count();
                    input.advance(padding);
                    match input.first() {
                        None => return Ok(()),
                        Some(&first) if first == MAGIC[0] => {
                            input.advance(1);
                            self.at = At::HalfMagic;
                        }
                        Some(_) => self.at = At::Trailing,
                    }
                }
                At::HalfMagic => match input.first() {
                    None => return Ok(()),
                    Some(&second) if second == MAGIC[1] => {
                        self.begin_member();
                        // The first byte may have come in an earlier piece; it writes nothing.
                        let mut first = Bytes::from_static(&MAGIC[..1]);
                        step(NAME, &mut self.stream, &mut first, out)?;
                    }
                    Some(_) => self.at = At::Trailing,
                },
                At::Trailing => return Ok(()),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.at == At::Trailing
    }

    fn finish(&self) -> Result<(), DecodeError> {
        match self.at {
            At::Member => Err(DecodeError::Truncated { coding: NAME }),
            At::Start | At::Between | At::HalfMagic | At::Trailing => Ok(()),
        }
    }
}
