//! One zlib-rs stream: the step that gzip and deflate share.

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

use super::DecodeError;

/// What stopped a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The output is full, or the input is used up.
    Waiting,
    /// The stream ended, its checksum was right; the rest of the input is not part of it.
    AtEnd,
}

/// Inflates into the spare capacity of `out` until that is full, the input is used up, or the
/// stream ends. The output is written straight into the buffer that the caller will get.
pub(super) fn step(
    coding: &'static str,
    stream: &mut Decompress,
    input: &mut Bytes,
    out: &mut Vec<u8>,
) -> Result<Stopped, DecodeError> {
    loop {
        let (read, written) = (stream.total_in(), out.len());
        let status = stream
            .decompress_vec(input, out, FlushDecompress::None)
            .map_err(|error| match error.needs_dictionary() {
                Some(_) => DecodeError::corrupt(coding, "it needs a preset dictionary"),
                None => DecodeError::corrupt(coding, error.message().unwrap_or("invalid data")),
            })?;
        let consumed = (stream.total_in() - read) as usize;
        input.advance(consumed);
        if status == Status::StreamEnd {
            return Ok(Stopped::AtEnd);
        }
        if out.len() == out.capacity() || input.is_empty() {
            return Ok(Stopped::Waiting);
        }
        if consumed == 0 && out.len() == written {
            return Err(DecodeError::corrupt(coding, "no progress is possible"));
        }
    }
}
