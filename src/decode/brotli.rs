//! The br coding (RFC 7932).

use std::fmt;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};

use super::{Coding, DecodeError};

const NAME: &str = "br";

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

pub(super) struct Brotli {
    state: Box<State>,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Stream,
    End,
}

impl Brotli {
    pub(super) fn new() -> Self {
        Brotli {
            // Strict: "large window" streams, which RFC 7932 does not have and which could ask for
            // a gigabyte, are refused. The largest regular window is 16 MiB, and grows only with
            // what is written to it.
            state: Box::new(BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            )),
            at: At::Start,
        }
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Coding for Brotli {
    fn decode(&mut self, input: &mut Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.at == At::End {
            return Ok(());
        }
        if !input.is_empty() {
            self.at = At::Stream;
        }
        let start = out.len();
        let mut room = out.capacity() - start;
        out.resize(out.capacity(), 0);
        let (mut waiting, mut consumed, mut written, mut total) = (input.len(), 0, 0, 0);
        let result = BrotliDecompressStream(
            &mut waiting,
            &mut consumed,
            input,
            &mut room,
            &mut written,
            &mut out[start..],
            &mut total,
            &mut self.state,
        );
        out.truncate(start + written);
        input.advance(consumed);
        match result {
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(()),
            BrotliResult::ResultSuccess => {
                self.at = At::End;
                Ok(())
            }
            BrotliResult::ResultFailure => {
                let code = format!("{:?}", self.state.error_code);
                let detail = code.trim_start_matches("BROTLI_DECODER_ERROR_");
                Err(DecodeError::corrupt(NAME, detail))
            }
        }
    }

    fn is_over(&self) -> bool {
        self.at == At::End
    }

    fn finish(&self) -> Result<(), DecodeError> {
        match self.at {
            At::Start | At::End => Ok(()),
            At::Stream => Err(DecodeError::Truncated { coding: NAME }),
        }
    }
}
