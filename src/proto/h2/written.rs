//! Which requests have begun to go out, told by the bytes that were written.

/// Bytes before each frame's payload (RFC 9113 section 4.1).
const HEADER: usize = 9;
const HEADERS: u8 = 0x1;
/// What a client sends before its first frame (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// Follows the bytes that a client writes, in any pieces.
#[derive(Debug)]
pub(crate) struct Written {
    /// A frame's header, as far as it was written.
    header: [u8; HEADER],
    filled: usize,
    /// How much of the preface or of a payload is still to come.
    rest: usize,
    /// The highest stream whose HEADERS have begun.
    last: u32,
}

impl Written {
    pub(crate) fn new() -> Self {
        Written {
            header: [0; HEADER],
            filled: 0,
            rest: PREFACE,
            last: 0,
        }
    }

    /// Notes what was written.
    pub(crate) fn wrote(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken;
            if self.rest > 0 {
                taken = self.rest.min(bytes.len());
                self.rest -= taken;
            } else {
                taken = (HEADER - self.filled).min(bytes.len());
                self.header[self.filled..][..taken].copy_from_slice(&bytes[..taken]);
                self.filled += taken;
                if self.filled == HEADER {
                    self.begin();
                }
            }
            bytes = &bytes[taken..];
        }
    }

    /// Returns the highest stream whose HEADERS have begun; 0: there is none. Those above it are unknown to the server.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    fn begin(&mut self) {
        let [a, b, c, kind, _, s, t, u, v] = self.header;
        self.filled = 0;
        self.rest = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if kind == HEADERS {
            self.last = self.last.max(u32::from_be_bytes([s, t, u, v]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0, (payload >> 8) as u8, payload as u8, kind, 0];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.resize(HEADER + payload, HEADERS);
        bytes
    }

    #[test]
    fn a_stream_is_known_once_the_header_of_its_frame_is_out() {
        let script = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(0x4, 0, 18),
            frame(HEADERS, 1, 40),
            frame(0x0, 1, 1000),
            frame(HEADERS, 3, 0),
            // Trailers of the first.
            frame(HEADERS, 1, 5),
            frame(HEADERS, 5, 1),
        ]
        .concat();
        let mut seen = Vec::new();
        let mut whole = Written::new();
        for byte in &script {
            whole.wrote(std::slice::from_ref(byte));
            if seen.last() != Some(&whole.last()) {
                seen.push(whole.last());
            }
        }
        assert_eq!(seen, [0, 1, 3, 5]);
        for size in 1..script.len() {
            let mut pieces = Written::new();
            script.chunks(size).for_each(|piece| pieces.wrote(piece));
            assert_eq!(pieces.last(), 5, "{size}");
        }
        let mut cut = Written::new();
        cut.wrote(&script[..script.len() - 2]);
        assert_eq!(cut.last(), 3);
    }
}
