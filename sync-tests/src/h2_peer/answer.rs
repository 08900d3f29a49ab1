//! Answers that keep to the client's windows, and the server that gives nothing but those.

use std::io;

use super::frame::{Frame, flag, kind};
use super::hpack;
use super::ledger::{Asked, Ledger};
use super::link::Link;
use crate::{Reply, Wire};

/// What is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

impl Answer {
    /// Answers with a status and no body.
    pub fn status(status: u16) -> Self {
        Answer {
            fields: vec![(":status".to_owned(), status.to_string())],
            body: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// Answers 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Answer::status(200).body(body)
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a trailer field.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers by what the request carried: its body, and `x-method`, `x-path`, `x-authority`; at `/size/n`, that many bytes.
    pub fn carry(asked: &Asked) -> Self {
        let size = asked.path().strip_prefix("/size/");
        let body = match size.and_then(|size| size.parse().ok()) {
            Some(size) => pattern(size),
            None => asked.body.clone(),
        };
        Answer::ok(body)
            .header("x-method", asked.method())
            .header("x-path", asked.path())
            .header("x-authority", asked.authority())
            .header("x-connection", &asked.connection.to_string())
    }
}

/// Returns so many bytes that say where they stand.
pub fn pattern(size: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251).collect();
    let mut bytes = period.repeat(size.div_ceil(period.len()));
    bytes.truncate(size);
    bytes
}

/// What is still to be sent on a stream.
pub(crate) struct Outgoing {
    body: Vec<u8>,
    sent: usize,
    trailers: Vec<(String, String)>,
}

impl Link<'_> {
    /// Sends an answer: its head at once, the body as the windows allow, while steps are taken.
    pub fn answer(&mut self, stream: u32, answer: Answer) -> io::Result<()> {
        let head = Frame::headers(stream, answer.fields);
        let head_only = self.asked(stream).method() == "HEAD";
        if head_only || answer.body.is_empty() && answer.trailers.is_empty() {
            return self.send(head.end());
        }
        self.send(head)?;
        if let Some(entry) = self.streams.get_mut(&stream) {
            entry.outgoing = Some(Outgoing {
                body: answer.body,
                sent: 0,
                trailers: answer.trailers,
            });
            self.sending.insert(stream);
        }
        self.pump()
    }

    /// Answers every request by `answer`, until the client closes.
    pub fn serve(&mut self, answer: impl Fn(&Asked) -> Answer) -> io::Result<()> {
        while let Some(stream) = self.whole()? {
            let answer = answer(&self.asked(stream));
            self.answer(stream, answer)?;
        }
        Ok(())
    }

    /// Answers every request by what it carried, until the client closes.
    pub fn carry(&mut self) -> io::Result<()> {
        self.serve(Answer::carry)
    }

    /// Takes steps until everything is sent that was answered; tells whether it came so far before the client closed.
    pub fn deliver(&mut self) -> io::Result<bool> {
        while !self.sending.is_empty() {
            if self.step()?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends what the windows allow, a frame of each stream in turn.
    pub(crate) fn pump(&mut self) -> io::Result<()> {
        while !self.sending.is_empty() {
            let mut frames = Vec::new();
            let mut window = self.window.max(0) as usize;
            for id in self.sending.clone() {
                let Some(stream) = self.streams.get_mut(&id) else {
                    continue;
                };
                let Some(outgoing) = &mut stream.outgoing else {
                    continue;
                };
                let rest = &outgoing.body[outgoing.sent..];
                let most = window.min(stream.window.max(0) as usize);
                let length = rest.len().min(most).min(self.client.max_frame);
                let is_last = length == rest.len();
                if length == 0 && !is_last {
                    continue;
                }
                let data = Frame::data(id, &rest[..length]);
                outgoing.sent += length;
                window -= length;
                if !is_last {
                    frames.push(data);
                    continue;
                }
                let trailers = std::mem::take(&mut outgoing.trailers);
                stream.outgoing = None;
                self.sending.remove(&id);
                match trailers.is_empty() {
                    true => frames.push(data.end()),
                    false => frames.extend([data, Frame::headers(id, trailers).end()]),
                }
            }
            if frames.is_empty() {
                return Ok(());
            }
            self.send_all(&frames)?;
        }
        Ok(())
    }
}

/// Serves a connection whose handshake agreed on HTTP/1.1.
pub(crate) fn serve_http11(
    wire: &mut Wire,
    ledger: &Ledger,
    answer: &dyn Fn(&Asked) -> Answer,
) -> io::Result<()> {
    while let Some(head) = wire.read_head()? {
        let body = wire.read_body(&head)?;
        let mut fields = vec![
            (":method".to_owned(), head.method.clone()),
            (":path".to_owned(), head.target.clone()),
        ];
        fields.extend(head.headers.iter().cloned());
        let asked = Asked {
            connection: wire.number,
            fields,
            body,
            ended: true,
            ..Asked::default()
        };
        ledger.enter(asked.clone());
        let answer = answer(&asked);
        let status = answer.fields[0].1.parse().unwrap();
        let reply = Reply::status(status).body(answer.body);
        let reply = answer.fields[1..]
            .iter()
            .fold(reply, |reply, (name, value)| reply.header(name, value));
        reply.send(wire, head.method == "HEAD")?;
    }
    Ok(())
}

/// Cuts a header block into HEADERS and CONTINUATION of so many bytes each.
pub fn in_pieces(stream: u32, fields: &[(&str, &str)], size: usize) -> Vec<Frame> {
    let block = hpack::literals(fields.iter().copied());
    let mut frames: Vec<Frame> = block
        .chunks(size)
        .map(|piece| Frame::continuation(stream, piece))
        .collect();
    frames[0].kind = kind::HEADERS;
    let last = frames.len() - 1;
    frames[last].flags |= flag::END_HEADERS;
    frames
}
