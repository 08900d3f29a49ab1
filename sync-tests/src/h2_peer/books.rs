//! The books on one connection: windows, streams and settings, by the frames that pass.

use super::frame::{Frame, flag, kind, setting};
use super::hpack::Field;
use super::ledger::Asked;
use super::link::{Link, Stream};

impl Link<'_> {
    pub(super) fn violated(&self, what: impl std::fmt::Display) {
        self.ledger.violated(self.number(), what);
    }

    /// Keeps the books on what was received.
    pub(super) fn note(&mut self, frame: &Frame) {
        if frame.payload.len() > self.own.max_frame {
            self.violated(format!("a frame of {} bytes", frame.payload.len()));
        }
        if let Some((first, mut block)) = self.block.take() {
            if (frame.kind, frame.stream) != (kind::CONTINUATION, first.stream) {
                self.violated("a header block was interrupted");
                return;
            }
            block.extend_from_slice(&frame.payload);
            match frame.has(flag::END_HEADERS) {
                true => self.note_block(&first, &block),
                false => self.block = Some((first, block)),
            }
            return;
        }
        match frame.kind {
            kind::HEADERS => {
                let block = frame.content().unwrap_or_default().to_vec();
                match frame.has(flag::END_HEADERS) {
                    true => self.note_block(frame, &block),
                    false => self.block = Some((frame.clone(), block)),
                }
            }
            kind::DATA => self.note_data(frame),
            kind::RST_STREAM => {
                let code = frame.number(0);
                if let Some(stream) = self.streams.get(&frame.stream) {
                    self.ledger
                        .update(stream.place, |asked| asked.reset = asked.reset.or(code));
                }
                self.end(frame.stream, true, true);
            }
            kind::SETTINGS if frame.has(flag::ACK) => self.acknowledged(),
            kind::SETTINGS => {
                let before = self.client.initial_window;
                self.client.apply(&frame.list());
                let grown = self.client.initial_window - before;
                self.streams.values_mut().for_each(|s| s.window += grown);
            }
            kind::WINDOW_UPDATE => {
                let by = i64::from(frame.number(0).unwrap_or(0));
                match self.streams.get_mut(&frame.stream) {
                    _ if frame.stream == 0 => self.window += by,
                    Some(stream) => stream.window += by,
                    None => self.violated("credit for a stream that never was"),
                }
            }
            kind::CONTINUATION | kind::PUSH_PROMISE => self.violated("no such frame was due"),
            _ => {}
        }
    }

    fn acknowledged(&mut self) {
        let Some(list) = self.unacknowledged.pop_front() else {
            return self.violated("SETTINGS acknowledged that were not sent");
        };
        let before = self.own.initial_window;
        self.own.apply(&list);
        for (_, size) in list.iter().filter(|s| s.0 == setting::HEADER_TABLE_SIZE) {
            self.decoder.allowed = *size as usize;
        }
        let grown = self.own.initial_window - before;
        self.streams.values_mut().for_each(|s| s.credit += grown);
    }

    fn note_block(&mut self, head: &Frame, block: &[u8]) {
        let fields = match self.decoder.decode(block) {
            Ok(fields) => fields,
            Err(what) => return self.violated(what),
        };
        match self.streams.get(&head.stream) {
            Some(stream) => self.ledger.update(stream.place, |asked| {
                asked.trailers = fields;
            }),
            None => self.note_request(head.stream, fields),
        }
        if head.has(flag::END_STREAM) {
            self.end(head.stream, true, false);
        }
    }

    fn note_request(&mut self, stream: u32, fields: Vec<Field>) {
        if stream.is_multiple_of(2) || stream <= self.last {
            self.violated(format!("stream {stream} after {}", self.last));
        }
        self.last = stream;
        self.open += 1;
        self.ledger.open(self.open);
        if self
            .own
            .max_streams
            .is_some_and(|most| self.open > most as usize)
        {
            self.violated(format!("{} streams at once", self.open));
        }
        let place = self.ledger.enter(Asked {
            connection: self.number(),
            stream,
            fields,
            ..Asked::default()
        });
        let entry = Stream {
            place,
            window: self.client.initial_window,
            credit: self.own.initial_window,
            client_ended: false,
            server_ended: false,
            given_up: false,
            outgoing: None,
        };
        self.streams.insert(stream, entry);
        self.opened.push_back(stream);
    }

    fn note_data(&mut self, frame: &Frame) {
        let length = frame.payload.len() as i64;
        self.credit -= length;
        let Some(stream) = self.streams.get_mut(&frame.stream) else {
            return self.violated("DATA on a stream that never was");
        };
        stream.credit -= length;
        if stream.client_ended && !stream.given_up {
            self.violated(format!("DATA on stream {}, which had ended", frame.stream));
        } else if stream.credit < 0 || self.credit < 0 {
            self.violated(format!("DATA beyond the window of stream {}", frame.stream));
        }
        let place = self.streams[&frame.stream].place;
        let content = frame.content().unwrap_or_default();
        self.ledger
            .update(place, |asked| asked.body.extend_from_slice(content));
        if frame.has(flag::END_STREAM) {
            self.end(frame.stream, true, false);
        }
    }

    /// Keeps the books on what is sent.
    pub(super) fn sent(&mut self, frame: &Frame) {
        match frame.kind {
            kind::SETTINGS if !frame.has(flag::ACK) => self.unacknowledged.push_back(frame.list()),
            kind::RST_STREAM => {
                if let Some(stream) = self.streams.get_mut(&frame.stream) {
                    stream.given_up |= !stream.client_ended;
                }
                self.end(frame.stream, true, true);
            }
            kind::HEADERS | kind::DATA => {
                if frame.kind == kind::DATA {
                    let length = frame.payload.len() as i64;
                    self.window -= length;
                    if let Some(stream) = self.streams.get_mut(&frame.stream) {
                        stream.window -= length;
                    }
                }
                if frame.has(flag::END_STREAM) {
                    self.end(frame.stream, false, true);
                }
            }
            kind::WINDOW_UPDATE => {
                let by = i64::from(frame.number(0).unwrap_or(0));
                match self.streams.get_mut(&frame.stream) {
                    Some(stream) => stream.credit += by,
                    None if frame.stream == 0 => self.credit += by,
                    None => {}
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, id: u32, client: bool, server: bool) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let was_open = stream.is_open();
        if client && !stream.client_ended {
            stream.client_ended = true;
            if !server {
                self.ledger.update(stream.place, |asked| asked.ended = true);
                self.ended.push_back(id);
            }
        }
        stream.server_ended |= server;
        if client && server {
            stream.outgoing = None;
            self.sending.remove(&id);
        }
        if was_open && !stream.is_open() {
            self.open -= 1;
        }
    }
}
