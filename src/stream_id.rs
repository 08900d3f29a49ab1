//! The number of a stream, for those who read it in traces of the wire.

/// The stream on which a response came over HTTP/2 (RFC 9113 section 5.1.1): [`Response::extensions`](crate::blocking::Response::extensions)
/// has it. HTTPX's counterpart is the extension `stream_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// Returns the number: odd, and growing with each request on a connection.
    pub fn get(self) -> u32 {
        self.0
    }
}
