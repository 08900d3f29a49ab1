//! The deflate coding: the zlib format (RFC 1950) as RFC 9110 8.4.1.2 says, or raw deflate
//! (RFC 1951) as some servers send. The first two bytes tell them apart.

use bytes::{Buf, Bytes};
use flate2::Decompress;

use super::inflate::{Stopped, step};
use super::{Coding, DecodeError};

const NAME: &str = "deflate";

#[derive(Debug)]
pub(super) struct Deflate {
    at: At,
}

#[derive(Debug)]
enum At {
    Start,
    /// One byte came, too few to tell.
    OneByte(u8),
    Stream(Decompress),
    End,
}

impl Deflate {
    pub(super) fn new() -> Self {
        Deflate { at: At::Start }
    }
}

impl Coding for Deflate {
    fn decode(&mut self, input: &mut Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        loop {
            match &mut self.at {
                At::Start => match input.first() {
                    None => return Ok(()),
                    Some(&first) => {
                        input.advance(1);
                        self.at = At::OneByte(first);
                    }
                },
                At::OneByte(first) => {
                    let first = *first;
                    let Some(&second) = input.first() else {
                        return Ok(());
                    };
                    let mut stream = Decompress::new(is_zlib(first, second));
                    step(
                        NAME,
                        &mut stream,
                        &mut Bytes::copy_from_slice(&[first]),
                        out,
                    )?;
                    self.at = At::Stream(stream);
                }
                At::Stream(stream) => match step(NAME, stream, input, out)? {
                    Stopped::Waiting => return Ok(()),
                    Stopped::AtEnd => self.at = At::End,
                },
                At::End => return Ok(()),
            }
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.at, At::End)
    }

    fn finish(&self) -> Result<(), DecodeError> {
        match self.at {
            At::Start | At::End => Ok(()),
            At::OneByte(_) | At::Stream(_) => Err(DecodeError::Truncated { coding: NAME }),
        }
    }
}

/// RFC 1950 2.2: method 8, a window of at most 32 KiB, and both bytes a multiple of 31. A raw
/// stream cannot begin so: it would be a stored block with its padding bits set.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}
