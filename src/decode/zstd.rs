//! The zstd coding (RFC 8878), with the window limit of RFC 9659.
//!
//! Blocks are cut from the input here and given to ruzstd one at a time, so that it never waits for
//! input and never holds more than a window and one block of output. Frame headers are read here
//! first: nothing is allocated for a frame that asks for too much.
//!
//! ruzstd gives bytes out only when they have left the window, or at the end of their frame. A
//! server that flushes single events into one long frame is therefore read with a delay of one
//! window; the other codings give everything that their input allows.

use std::fmt;
use std::io::{self, Write};

use bytes::{Buf, Bytes};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Coding, DecodeError};

const NAME: &str = "zstd";
/// RFC 9659 3: a decoder must support windows of 8 MiB, an encoder must not use larger ones.
const MAX_WINDOW: u64 = 8 * 1024 * 1024;
/// RFC 8878 3.1.1.2.4: no block is larger, raw or compressed.
const MAX_BLOCK: usize = 128 * 1024;
const MAGIC: u32 = 0xfd2f_b528;
const CHECKSUM_LEN: usize = 4;
const BLOCK_HEADER_LEN: usize = 3;

pub(super) struct Zstd {
    frames: Box<FrameDecoder>,
    at: At,
    /// A header or block whose bytes have not all come.
    held: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// Before a frame; the only place where the stream may end.
    Header,
    /// In a skippable frame (RFC 8878 3.1.2), with so many bytes to go.
    Skip(u32),
    Block(Frame),
    /// The last block is decoded, its output not all taken.
    Drain(Frame),
}

/// What a frame's header announced.
#[derive(Debug, Clone, Copy)]
struct Frame {
    checksum: bool,
    content_size: Option<u64>,
    written: u64,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut frames = Box::new(FrameDecoder::new());
        frames.set_max_window_size(MAX_WINDOW);
        Zstd {
            frames,
            at: At::Header,
            held: Vec::new(),
        }
    }

    /// Moves decoded bytes that no later block can refer to into `out`.
    fn drain(&mut self, frame: &mut Frame, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let moved = self
            .frames
            .collect_to_writer(Spare(out))
            .map_err(|error| DecodeError::corrupt(NAME, error))?;
        frame.written += moved as u64;
        Ok(())
    }

    /// Starts the frame whose header is at the front, once the header is complete.
    fn begin_frame(&mut self, input: &mut Bytes) -> Result<Option<At>, DecodeError> {
        let Some(start) = gather(&mut self.held, input, 5) else {
            return Ok(None);
        };
        let magic = u32::from_le_bytes([start[0], start[1], start[2], start[3]]);
        if magic & 0xffff_fff0 == 0x184d_2a50 {
            let Some(header) = gather(&mut self.held, input, 8) else {
                return Ok(None);
            };
            let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
            self.held.clear();
            return Ok(Some(At::Skip(length)));
        }
        if magic != MAGIC {
            return Err(DecodeError::corrupt(NAME, "no frame begins here"));
        }
        let length = header_len(start[4]);
        let Some(header) = gather(&mut self.held, input, length) else {
            return Ok(None);
        };
        let frame = read_header(header)?;
        self.frames
            .reset(header)
            .map_err(|error| DecodeError::corrupt(NAME, error))?;
        self.held.clear();
        Ok(Some(At::Block(frame)))
    }

    /// Decodes the block at the front, once it is complete; `None` until then.
    fn decode_block(&mut self, frame: Frame, input: &mut Bytes) -> Result<Option<At>, DecodeError> {
        // A block that lies whole in the input is decoded from there.
        let length = if self.held.is_empty() {
            block_len(input, frame.checksum)?
        } else {
            None
        };
        let finished = match length {
            Some(length) if length <= input.len() => {
                let block = input.split_to(length);
                self.run(&block)?
            }
            _ => {
                let Some(start) = gather(&mut self.held, input, BLOCK_HEADER_LEN) else {
                    return Ok(None);
                };
                let Some(length) = block_len(start, frame.checksum)? else {
                    return Ok(None);
                };
                if gather(&mut self.held, input, length).is_none() {
                    return Ok(None);
                }
                let block = std::mem::take(&mut self.held);
                let finished = self.run(&block)?;
                self.held = block;
                self.held.clear();
                finished
            }
        };
        Ok(Some(if finished {
            At::Drain(frame)
        } else {
            At::Block(frame)
        }))
    }

    fn run(&mut self, block: &[u8]) -> Result<bool, DecodeError> {
        self.frames
            .decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|error| DecodeError::corrupt(NAME, error))
    }

    fn end_frame(&self, frame: Frame) -> Result<(), DecodeError> {
        if frame.content_size.is_some_and(|size| size != frame.written) {
            return Err(DecodeError::corrupt(NAME, "the announced size is wrong"));
        }
        if frame.checksum
            && self.frames.get_checksum_from_data() != self.frames.get_calculated_checksum()
        {
            return Err(DecodeError::corrupt(NAME, "the checksum is wrong"));
        }
        Ok(())
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Coding for Zstd {
    fn decode(&mut self, input: &mut Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        loop {
            self.at = match self.at {
                At::Header => match self.begin_frame(input)? {
                    None => return Ok(()),
                    Some(next) => next,
                },
                At::Skip(0) => At::Header,
                At::Skip(_) if input.is_empty() => return Ok(()),
                At::Skip(left) => {
                    // The smaller of the two fits both types.
                    let skipped = u32::try_from(input.len()).unwrap_or(u32::MAX).min(left);
                    input.advance(skipped as usize);
                    At::Skip(left - skipped)
                }
                At::Block(mut frame) => {
                    self.drain(&mut frame, out)?;
                    self.at = At::Block(frame);
                    if out.len() == out.capacity() {
                        return Ok(());
                    }
                    match self.decode_block(frame, input)? {
                        None => return Ok(()),
                        Some(next) => next,
                    }
                }
                At::Drain(mut frame) => {
                    self.drain(&mut frame, out)?;
                    if self.frames.can_collect() == 0 {
                        self.end_frame(frame)?;
                        At::Header
                    } else {
                        self.at = At::Drain(frame);
                        return Ok(());
                    }
                }
            };
        }
    }

    fn finish(&self) -> Result<(), DecodeError> {
        match self.at {
            At::Header if self.held.is_empty() => Ok(()),
            _ => Err(DecodeError::Truncated { coding: NAME }),
        }
    }
}

/// Moves bytes from `input` to `held` until it has `wanted` of them; then gives these.
fn gather<'a>(held: &'a mut Vec<u8>, input: &mut Bytes, wanted: usize) -> Option<&'a [u8]> {
    let missing = wanted.saturating_sub(held.len()).min(input.len());
    held.extend_from_slice(&input.split_to(missing));
    held.get(..wanted)
}

/// The length of a frame header from its descriptor (RFC 8878 3.1.1.1), magic number included.
fn header_len(descriptor: u8) -> usize {
    5 + window_len(descriptor) + dictionary_len(descriptor) + content_size_len(descriptor)
}

fn is_single_segment(descriptor: u8) -> bool {
    descriptor & 0x20 != 0
}

fn window_len(descriptor: u8) -> usize {
    usize::from(!is_single_segment(descriptor))
}

fn dictionary_len(descriptor: u8) -> usize {
    [0, 1, 2, 4][usize::from(descriptor & 3)]
}

fn content_size_len(descriptor: u8) -> usize {
    match descriptor >> 6 {
        0 => usize::from(is_single_segment(descriptor)),
        1 => 2,
        2 => 4,
        _ => 8,
    }
}

/// Reads a complete frame header, and refuses what no content coding may ask for.
fn read_header(header: &[u8]) -> Result<Frame, DecodeError> {
    let descriptor = header[4];
    if descriptor & 0x08 != 0 {
        return Err(DecodeError::corrupt(NAME, "a reserved bit is set"));
    }
    let dictionary_at = 5 + window_len(descriptor);
    let content_size_at = dictionary_at + dictionary_len(descriptor);
    if header[dictionary_at..content_size_at]
        .iter()
        .any(|&b| b != 0)
    {
        return Err(DecodeError::corrupt(NAME, "it needs a dictionary"));
    }
    let content_size = match content_size_len(descriptor) {
        0 => None,
        // RFC 8878 3.1.1.1.4: the two-byte form counts from 256.
        2 => Some(little_endian(&header[content_size_at..]) + 256),
        _ => Some(little_endian(&header[content_size_at..])),
    };
    let window = match content_size {
        // RFC 8878 3.1.1.1.2: a single segment is its own window.
        Some(size) if is_single_segment(descriptor) => size,
        _ => window_size(header[5]),
    };
    if window > MAX_WINDOW {
        return Err(DecodeError::WindowTooLarge {
            coding: NAME,
            window,
            limit: MAX_WINDOW,
        });
    }
    Ok(Frame {
        checksum: descriptor & 0x04 != 0,
        content_size,
        written: 0,
    })
}

/// RFC 8878 3.1.1.1.2.
fn window_size(descriptor: u8) -> u64 {
    let base = 1u64 << (10 + (descriptor >> 3));
    base + base / 8 * u64::from(descriptor & 7)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))
}

/// The length of the block at the front (RFC 8878 3.1.1.2), header and, after the last one, the
/// frame's checksum included; `None` if its header is incomplete.
fn block_len(input: &[u8], checksum: bool) -> Result<Option<usize>, DecodeError> {
    let Some(header) = input.get(..BLOCK_HEADER_LEN) else {
        return Ok(None);
    };
    let header = little_endian(header) as usize;
    let (last, kind, size) = (header & 1 == 1, header >> 1 & 3, header >> 3);
    if size > MAX_BLOCK {
        return Err(DecodeError::corrupt(NAME, "a block is larger than 128 KiB"));
    }
    let body = match kind {
        // One byte, to be repeated.
        1 => 1,
        3 => return Err(DecodeError::corrupt(NAME, "a block of the reserved type")),
        _ => size,
    };
    let trailer = if last && checksum { CHECKSUM_LEN } else { 0 };
    Ok(Some(BLOCK_HEADER_LEN + body + trailer))
}

/// Writes into the spare capacity of a buffer and takes no more.
struct Spare<'a>(&'a mut Vec<u8>);

impl Write for Spare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0.capacity() - self.0.len());
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
