//! The floor of the HTTP/2 workloads: fixed frames on one raw blocking socket.
//!
//! A batch of requests is one write of HEADERS frames, written out beforehand but for their stream ids. Of what comes
//! back only the frame heads are read: a batch is done when as many streams have ended. The windows are as wide as
//! they can be, so that flow control is heard of once a gigabyte.

use std::io::{Read, Write};

use crate::Done;
use crate::floor::{Stream, path};
use crate::peers::Peer;
use crate::workload::Setup;

const PIECE: usize = 256 << 10;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
const LARGEST_WINDOW: u32 = (1 << 31) - 1;
const FIRST_WINDOW: u32 = 65_535;
/// What is received before it is given back to the window.
const GIVEN_BACK: u64 = 1 << 30;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const INITIAL_WINDOW_SIZE: u8 = 4;

#[derive(Debug)]
pub(crate) struct FloorHttp2 {
    setup: Setup,
    open: Option<Connection>,
    buffer: Vec<u8>,
}

impl FloorHttp2 {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            open: None,
            buffer: vec![0; PIECE],
        }
    }

    /// So many requests at once; the number of body bytes that answered them.
    fn exchange(&mut self, url: &str, streams: usize) -> Done<u64> {
        if self.open.is_none() {
            self.open = Some(Connection::open(&self.setup)?);
        }
        let connection = self.open.as_mut().ok_or("it was opened just now")?;
        connection.send(&self.setup, path(url), streams)?;
        connection.receive(streams, &mut self.buffer)
    }
}

impl Peer for FloorHttp2 {
    fn get(&mut self, url: &str, times: usize) -> Done {
        self.get_tasks(url, times, 1)
    }

    fn get_tasks(&mut self, url: &str, times: usize, tasks: usize) -> Done {
        (0..times / tasks).try_for_each(|_| self.exchange(url, tasks).map(drop))
    }

    /// What the wire alone costs: one thread, and as many requests at once.
    fn get_threads(&mut self, url: &str, times: usize, threads: usize) -> Done {
        self.get_tasks(url, times, threads)
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let received = self.exchange(url, 1)?;
        if received == size {
            Ok(())
        } else {
            Err(format!("{received} bytes of {size}").into())
        }
    }
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    next_id: u32,
    incoming: Incoming,
    batch: Vec<u8>,
}

impl Connection {
    fn open(setup: &Setup) -> Done<Self> {
        let mut stream = Stream::open(setup)?;
        let mut hello = PREFACE.to_vec();
        let mut window = vec![0, INITIAL_WINDOW_SIZE];
        window.extend(LARGEST_WINDOW.to_be_bytes());
        frame(&mut hello, SETTINGS, 0, 0, &window);
        let more = LARGEST_WINDOW - FIRST_WINDOW;
        frame(&mut hello, WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        stream.write_all(&hello)?;
        Ok(Self {
            stream,
            next_id: 1,
            incoming: Incoming::default(),
            batch: Vec::new(),
        })
    }

    fn send(&mut self, setup: &Setup, path: &str, streams: usize) -> Done {
        let block = head(setup, path);
        self.batch.clear();
        for _ in 0..streams {
            let flags = END_STREAM | END_HEADERS;
            frame(&mut self.batch, HEADERS, flags, self.next_id, &block);
            self.next_id += 2;
        }
        Ok(self.stream.write_all(&self.batch)?)
    }

    /// Reads until so many streams have ended; returns the bytes of their bodies.
    fn receive(&mut self, streams: usize, buffer: &mut [u8]) -> Done<u64> {
        (self.incoming.ended, self.incoming.body) = (0, 0);
        while self.incoming.ended < streams {
            let length = self.stream.read(buffer)?;
            if length == 0 {
                return Err("the connection ended in a response".into());
            }
            self.incoming.read(&buffer[..length])?;
            if !self.incoming.answer.is_empty() {
                self.stream.write_all(&self.incoming.answer)?;
                self.incoming.answer.clear();
            }
        }
        Ok(self.incoming.body)
    }
}

/// The frames that come, in whatever pieces.
#[derive(Debug, Default)]
struct Incoming {
    head: [u8; FRAME_HEAD],
    /// Bytes of the head that are there.
    filled: usize,
    /// Bytes of the payload that are not there yet.
    left: usize,
    ended: usize,
    body: u64,
    /// Received and not given back to the connection's window.
    held: u64,
    /// What has to be written now.
    answer: Vec<u8>,
}

impl Incoming {
    fn read(&mut self, mut bytes: &[u8]) -> Done {
        while !bytes.is_empty() {
            if self.filled < FRAME_HEAD {
                let length = bytes.len().min(FRAME_HEAD - self.filled);
                self.head[self.filled..][..length].copy_from_slice(&bytes[..length]);
                self.filled += length;
                bytes = &bytes[length..];
                if self.filled < FRAME_HEAD {
                    return Ok(());
                }
                let [high, middle, low, ..] = self.head;
                self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.begun()?;
            }
            let length = bytes.len().min(self.left);
            self.left -= length;
            bytes = &bytes[length..];
            if self.left == 0 {
                self.filled = 0;
                let [_, _, _, kind, flags, ..] = self.head;
                self.ended += usize::from(kind <= HEADERS && flags & END_STREAM != 0);
            }
        }
        Ok(())
    }

    /// The head of a frame is there.
    fn begun(&mut self) -> Done {
        let [_, _, _, kind, flags, id @ ..] = self.head;
        match kind {
            DATA => {
                self.body += self.left as u64;
                self.held += self.left as u64;
                if self.held >= GIVEN_BACK {
                    // A body that large is the only one; the connection may have had others before it.
                    let id = u32::from_be_bytes(id);
                    for (id, held) in [(0, self.held), (id, self.held.min(self.body))] {
                        let held = u32::try_from(held)?.to_be_bytes();
                        frame(&mut self.answer, WINDOW_UPDATE, 0, id, &held);
                    }
                    self.held = 0;
                }
            }
            SETTINGS if flags & ACK == 0 => frame(&mut self.answer, SETTINGS, ACK, 0, &[]),
            RST_STREAM | GOAWAY => return Err("the server breaks off".into()),
            // To echo it takes its payload; hyper sends none unless it is told to.
            PING => return Err("the server sends a PING".into()),
            _ => {}
        }
        Ok(())
    }
}

fn frame(into: &mut Vec<u8>, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    into.extend(length);
    into.extend([kind, flags]);
    into.extend(id.to_be_bytes());
    into.extend(payload);
}

/// A GET's header block, with nothing put into the table of names (RFC 7541 section 6).
fn head(setup: &Setup, path: &str) -> Vec<u8> {
    const GET: u8 = 0x82;
    const SCHEME_HTTP: u8 = 0x86;
    const SCHEME_HTTPS: u8 = 0x87;
    const AUTHORITY: u8 = 0x01;
    const PATH: u8 = 0x04;
    let scheme = if setup.tls.is_some() {
        SCHEME_HTTPS
    } else {
        SCHEME_HTTP
    };
    let mut block = vec![GET, scheme];
    for (name, value) in [(AUTHORITY, "127.0.0.1"), (PATH, path)] {
        block.extend([name, value.len() as u8]);
        block.extend(value.bytes());
    }
    block
}
