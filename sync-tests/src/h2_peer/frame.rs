//! HTTP/2's frames (RFC 9113 section 4.1), right ones and wrong ones.

use super::hpack;

/// What begins every client's side (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of RFC 9113 section 6.
pub mod kind {
    #![allow(missing_docs, reason = "the names of the RFC")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// The flags of RFC 9113 section 6.
pub mod flag {
    #![allow(missing_docs, reason = "the names of the RFC")]
    pub const ACK: u8 = 0x1;
    pub const END_STREAM: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// The settings of RFC 9113 section 6.5.2.
pub mod setting {
    #![allow(missing_docs, reason = "the names of the RFC")]
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// The error codes of RFC 9113 section 7.
pub mod code {
    #![allow(missing_docs, reason = "the names of the RFC")]
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const SETTINGS_TIMEOUT: u32 = 4;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const CONNECT_ERROR: u32 = 10;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
    pub const INADEQUATE_SECURITY: u32 = 12;
    pub const HTTP_1_1_REQUIRED: u32 = 13;
}

/// A frame. Nothing keeps its parts from contradicting each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The type.
    pub kind: u8,
    /// The flags.
    pub flags: u8,
    /// The stream.
    pub stream: u32,
    /// What follows the nine bytes.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Makes a frame of these parts.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Frame {
            kind,
            flags,
            stream,
            payload,
        }
    }

    /// Makes DATA.
    pub fn data(stream: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Frame::new(kind::DATA, 0, stream, bytes)
    }

    /// Makes HEADERS with END_HEADERS; the names and values may be any bytes.
    pub fn headers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        stream: u32,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Frame::block(stream, hpack::literals(fields))
    }

    /// Makes HEADERS with END_HEADERS of a finished header block.
    pub fn block(stream: u32, block: impl Into<Vec<u8>>) -> Self {
        Frame::new(kind::HEADERS, flag::END_HEADERS, stream, block)
    }

    /// Makes CONTINUATION without END_HEADERS.
    pub fn continuation(stream: u32, block: impl Into<Vec<u8>>) -> Self {
        Frame::new(kind::CONTINUATION, 0, stream, block)
    }

    /// Makes PRIORITY: this stream depends on that one.
    pub fn priority(stream: u32, on: u32) -> Self {
        let mut payload = on.to_be_bytes().to_vec();
        payload.push(15);
        Frame::new(kind::PRIORITY, 0, stream, payload)
    }

    /// Makes RST_STREAM.
    pub fn reset(stream: u32, code: u32) -> Self {
        Frame::new(kind::RST_STREAM, 0, stream, code.to_be_bytes())
    }

    /// Makes SETTINGS.
    pub fn settings(list: &[(u16, u32)]) -> Self {
        let mut payload = Vec::new();
        for (id, value) in list {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        Frame::new(kind::SETTINGS, 0, 0, payload)
    }

    /// Makes the acknowledgement of SETTINGS.
    pub fn settings_ack() -> Self {
        Frame::new(kind::SETTINGS, flag::ACK, 0, [])
    }

    /// Makes PUSH_PROMISE with END_HEADERS, which promises stream `promised`.
    pub fn push_promise(stream: u32, promised: u32, fields: &[(&str, &str)]) -> Self {
        let mut payload = promised.to_be_bytes().to_vec();
        payload.extend(hpack::literals(fields.iter().copied()));
        Frame::new(kind::PUSH_PROMISE, flag::END_HEADERS, stream, payload)
    }

    /// Makes PING.
    pub fn ping(opaque: [u8; 8]) -> Self {
        Frame::new(kind::PING, 0, 0, opaque)
    }

    /// Makes GOAWAY.
    pub fn goaway(last: u32, code: u32) -> Self {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        Frame::new(kind::GOAWAY, 0, 0, payload)
    }

    /// Makes WINDOW_UPDATE.
    pub fn window_update(stream: u32, by: u32) -> Self {
        Frame::new(kind::WINDOW_UPDATE, 0, stream, by.to_be_bytes())
    }

    /// Adds flags.
    #[must_use]
    pub fn with(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    /// Takes flags away.
    #[must_use]
    pub fn without(mut self, flags: u8) -> Self {
        self.flags &= !flags;
        self
    }

    /// Adds END_STREAM.
    #[must_use]
    pub fn end(self) -> Self {
        self.with(flag::END_STREAM)
    }

    /// Adds so many bytes of padding.
    #[must_use]
    pub fn padded(mut self, by: u8) -> Self {
        self.payload.insert(0, by);
        self.payload.resize(self.payload.len() + usize::from(by), 0);
        self.with(flag::PADDED)
    }

    /// Tells whether these flags are set.
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = (self.payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend_from_slice(&[self.kind, self.flags]);
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Takes a frame from the front of received bytes, once it is there whole.
    pub fn take(bytes: &[u8]) -> Option<(Frame, usize)> {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = rest.get(..length)?;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        Some((Frame::new(head[3], head[4], stream, payload), 9 + length))
    }

    /// Returns the payload without padding and, on HEADERS, priority (section 6.2); `None` where the padding is too long.
    pub fn content(&self) -> Option<&[u8]> {
        let mut content = &self.payload[..];
        if self.has(flag::PADDED) {
            let (&by, rest) = content.split_first()?;
            content = rest.get(..rest.len().checked_sub(usize::from(by))?)?;
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            content = content.get(5..)?;
        }
        Some(content)
    }

    /// Returns the `index`-th 32-bit number of the payload: an error code, a window increment, a last stream.
    pub fn number(&self, index: usize) -> Option<u32> {
        let bytes = self.payload.get(index * 4..index * 4 + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// Returns the settings of a SETTINGS frame.
    pub fn list(&self) -> Vec<(u16, u32)> {
        let pairs = self.payload.chunks_exact(6);
        pairs
            .map(|pair| {
                let value = u32::from_be_bytes([pair[2], pair[3], pair[4], pair[5]]);
                (u16::from_be_bytes([pair[0], pair[1]]), value)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, flag, setting};

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let frames = [
            Frame::data(1, "hello").end(),
            Frame::headers(3, [(":status", "200")]).padded(7),
            Frame::priority(5, 5),
            Frame::reset(1, 8),
            Frame::settings(&[(setting::MAX_FRAME_SIZE, 16384)]),
            Frame::push_promise(1, 2, &[(":method", "GET")]),
            Frame::ping(*b"12345678"),
            Frame::goaway(0x7fff_ffff, 0),
            Frame::window_update(0, 1),
            Frame::new(0xbe, 0xff, 77, vec![0; 300]),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        let mut rest = &bytes[..];
        for frame in &frames {
            let (read, length) = Frame::take(rest).unwrap();
            assert_eq!(&read, frame);
            assert!(Frame::take(&rest[..length - 1]).is_none());
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn the_content_is_what_is_not_padding() {
        let frame = Frame::data(1, "hello").padded(3);
        assert_eq!(frame.payload, b"\x03hello\0\0\0");
        assert_eq!(frame.content(), Some(&b"hello"[..]));
        let mut frame = Frame::block(1, [0, 0, 0, 0, 15, 0x88]).with(flag::PRIORITY);
        assert_eq!(frame.content(), Some(&[0x88][..]));
        frame.payload.truncate(4);
        assert_eq!(frame.content(), None);
        assert_eq!(Frame::new(0, flag::PADDED, 1, [9, 0]).content(), None);
    }
}
