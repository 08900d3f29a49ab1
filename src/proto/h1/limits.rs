//! How much of a response the machine takes before it calls the peer hostile.

/// The bounds on everything of a response but its payload.
///
/// Payload is bounded by whoever reads it; these bytes are read before anybody can say stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct H1Limits {
    /// Bytes of one head, from the status line to the empty line.
    pub(crate) head_bytes: usize,
    /// Header fields in one head, and fields in the trailers.
    pub(crate) fields: usize,
    /// Bytes of the trailer section.
    pub(crate) trailer_bytes: usize,
    /// Bytes of chunk extensions, and of needless leading zeros in chunk sizes, over a whole body.
    pub(crate) chunk_extension_bytes: usize,
    /// 1xx responses before the final one.
    pub(crate) informational: usize,
    /// Bytes of all 1xx responses before the final one.
    pub(crate) informational_bytes: usize,
}

impl Default for H1Limits {
    fn default() -> Self {
        Self {
            head_bytes: 256 * KIB,
            fields: 256,
            trailer_bytes: 16 * KIB,
            chunk_extension_bytes: 16 * KIB,
            informational: 64,
            informational_bytes: 64 * KIB,
        }
    }
}

const KIB: usize = 1024;
