//! One connection on the server's side: reading frames, and keeping the books on them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::answer::Outgoing;
use super::frame::{Frame, PREFACE, flag, kind, setting};
use super::hpack::Decoder;
use super::ledger::{Asked, Ledger};
use crate::Wire;

/// The windows before any SETTINGS (RFC 9113 section 6.9.2).
const WINDOW: i64 = 65_535;
/// A connection ends at the latest after this long without a byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of a stream.
pub(crate) struct Stream {
    pub(crate) place: usize,
    /// How much the client still takes.
    pub(crate) window: i64,
    /// How much the client may still send.
    pub(crate) credit: i64,
    pub(crate) client_ended: bool,
    pub(crate) server_ended: bool,
    /// This side reset it: what comes afterwards was on its way.
    pub(crate) given_up: bool,
    pub(crate) outgoing: Option<Outgoing>,
}

impl Stream {
    pub(super) fn is_open(&self) -> bool {
        !(self.client_ended && self.server_ended)
    }
}

/// What one side's SETTINGS say.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The window of a new stream.
    pub initial_window: i64,
    /// The longest payload it takes.
    pub max_frame: usize,
    /// Whether it takes PUSH_PROMISE.
    pub push: bool,
    /// How many streams it takes at once.
    pub max_streams: Option<u32>,
    /// How long a header list it says to take.
    pub max_header_list: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            initial_window: WINDOW,
            max_frame: 16_384,
            push: true,
            max_streams: None,
            max_header_list: None,
        }
    }
}

impl Settings {
    pub(super) fn apply(&mut self, list: &[(u16, u32)]) {
        for &(id, value) in list {
            match id {
                setting::ENABLE_PUSH => self.push = value == 1,
                setting::MAX_CONCURRENT_STREAMS => self.max_streams = Some(value),
                setting::INITIAL_WINDOW_SIZE => self.initial_window = i64::from(value),
                setting::MAX_FRAME_SIZE => self.max_frame = value as usize,
                setting::MAX_HEADER_LIST_SIZE => self.max_header_list = Some(value),
                _ => {}
            }
        }
    }
}

/// A connection, for a script.
pub struct Link<'a> {
    /// The connection beneath, for what is no frame.
    pub wire: &'a mut Wire,
    /// Whether what DATA took is given back at once (as `step` and all that use it do).
    pub crediting: bool,
    /// Whether `step` answers SETTINGS, PING and DATA at all.
    pub replying: bool,
    /// What the client's SETTINGS said.
    pub client: Settings,
    /// What our own SETTINGS said, as far as the client acknowledged them.
    pub(super) own: Settings,
    pub(super) unacknowledged: VecDeque<Vec<(u16, u32)>>,
    /// Bytes read, and how many of them were taken.
    buffer: Vec<u8>,
    taken: usize,
    pub(super) decoder: Decoder,
    /// A header block that CONTINUATION follows.
    pub(super) block: Option<(Frame, Vec<u8>)>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// Those that have something to send.
    pub(crate) sending: BTreeSet<u32>,
    pub(super) open: usize,
    pub(super) last: u32,
    pub(crate) window: i64,
    pub(super) credit: i64,
    /// Streams that were opened, and that were ended, and not yet told.
    pub(crate) opened: VecDeque<u32>,
    pub(crate) ended: VecDeque<u32>,
    pub(crate) ledger: Arc<Ledger>,
}

impl<'a> Link<'a> {
    pub(crate) fn new(wire: &'a mut Wire, ledger: Arc<Ledger>) -> Self {
        Link {
            wire,
            crediting: true,
            replying: true,
            client: Settings::default(),
            own: Settings::default(),
            unacknowledged: VecDeque::new(),
            buffer: Vec::new(),
            taken: 0,
            decoder: Decoder::default(),
            block: None,
            streams: BTreeMap::new(),
            sending: BTreeSet::new(),
            open: 0,
            last: 0,
            window: WINDOW,
            credit: WINDOW,
            opened: VecDeque::new(),
            ended: VecDeque::new(),
            ledger,
        }
    }

    /// Returns the number of the connection, from 0.
    pub fn number(&self) -> usize {
        self.wire.number
    }

    /// Returns how many streams are open.
    pub fn open_streams(&self) -> usize {
        self.open
    }

    /// Returns how many requests have come whole on the peer's other connections.
    pub fn elsewhere(&self) -> usize {
        let asked = self.ledger.asked.lock().unwrap();
        let elsewhere = asked.iter().filter(|a| a.connection != self.number());
        elsewhere.filter(|a| a.ended).count()
    }

    /// Returns how much the client still takes, on all streams together.
    pub fn window(&self) -> i64 {
        self.window
    }

    /// Returns how much the client still takes on a stream.
    pub fn stream_window(&self, stream: u32) -> i64 {
        self.streams[&stream].window
    }

    /// Tells whether the client has acknowledged all SETTINGS.
    pub fn is_settled(&self) -> bool {
        self.unacknowledged.is_empty()
    }

    /// Returns the request of a stream, as far as it has come.
    pub fn asked(&self, stream: u32) -> Asked {
        let place = self.streams[&stream].place;
        self.ledger.asked.lock().unwrap()[place].clone()
    }

    /// Reads the client's preface, and sends SETTINGS.
    pub fn open(&mut self, settings: &[(u16, u32)]) -> io::Result<()> {
        self.expect_preface()?;
        self.send(Frame::settings(settings))
    }

    /// Reads the client's preface.
    pub fn expect_preface(&mut self) -> io::Result<()> {
        while self.buffer.len() < PREFACE.len() {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if !self.buffer.starts_with(PREFACE) {
            let found = String::from_utf8_lossy(&self.buffer).into_owned();
            self.ledger
                .violated(self.number(), format!("no preface: {found:?}"));
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.taken = PREFACE.len();
        Ok(())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let more = self.wire.read_some()?;
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(&more);
        Ok(more.len())
    }

    /// Reads a frame, and answers nothing; `None` when the client closes.
    pub fn read(&mut self) -> io::Result<Option<Frame>> {
        let frame = loop {
            if let Some((frame, length)) = Frame::take(&self.buffer[self.taken..]) {
                self.taken += length;
                break frame;
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        };
        let mut entry = frame.clone();
        if matches!(entry.kind, kind::DATA | kind::HEADERS | kind::CONTINUATION) {
            entry.payload.clear();
        }
        self.ledger.log(self.number(), entry);
        self.note(&frame);
        Ok(Some(frame))
    }

    /// Reads a frame, and does what a good server does about it.
    pub fn step(&mut self) -> io::Result<Option<Frame>> {
        let Some(frame) = self.read()? else {
            return Ok(None);
        };
        match frame.kind {
            _ if !self.replying => {}
            kind::SETTINGS if !frame.has(flag::ACK) => self.send(Frame::settings_ack())?,
            kind::PING if !frame.has(flag::ACK) => self.send(Frame {
                flags: flag::ACK,
                ..frame.clone()
            })?,
            kind::DATA if self.crediting && !frame.payload.is_empty() => {
                let taken = frame.payload.len() as u32;
                self.send(Frame::window_update(0, taken))?;
                if !frame.has(flag::END_STREAM) {
                    self.send(Frame::window_update(frame.stream, taken))?;
                }
            }
            _ => {}
        }
        self.pump()?;
        Ok(Some(frame))
    }

    /// Takes steps until `ready` holds; tells whether it came so far before the client closed.
    pub fn until(&mut self, mut ready: impl FnMut(&Link<'_>) -> bool) -> io::Result<bool> {
        self.wire.set_read_timeout(Some(Duration::from_millis(2)));
        let outcome = loop {
            if ready(self) {
                break Ok(true);
            }
            match self.step() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(false),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => break Err(e),
            }
        };
        self.wire.set_read_timeout(Some(PATIENCE));
        outcome
    }

    /// Takes steps until the head of another request has come; `None` when the client closes.
    pub fn head(&mut self) -> io::Result<Option<u32>> {
        loop {
            if let Some(stream) = self.opened.pop_front() {
                return Ok(Some(stream));
            }
            if self.step()?.is_none() {
                return Ok(None);
            }
        }
    }

    /// Takes steps until another request has come whole; `None` when the client closes.
    pub fn whole(&mut self) -> io::Result<Option<u32>> {
        loop {
            if let Some(stream) = self.ended.pop_front() {
                return Ok(Some(stream));
            }
            if self.step()?.is_none() {
                return Ok(None);
            }
        }
    }

    /// Takes steps until the client closes.
    pub fn drain(&mut self) -> io::Result<()> {
        while self.step()?.is_some() {}
        Ok(())
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: Frame) -> io::Result<()> {
        self.sent(&frame);
        self.wire.send(frame.bytes())
    }

    /// Sends frames by one write.
    pub fn send_all(&mut self, frames: &[Frame]) -> io::Result<()> {
        frames.iter().for_each(|frame| self.sent(frame));
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.wire.send(bytes)
    }

    /// Sends bytes over and over, `most` times at the most, until the client closes; nothing is read meanwhile.
    pub fn flood(&mut self, bytes: &[u8], most: usize) {
        for _ in 0..most {
            if self.wire.send(bytes).is_err() {
                return;
            }
            self.ledger.pushed.fetch_add(bytes.len(), Ordering::SeqCst);
        }
    }

    /// Does the same, and reads meanwhile what the client answers.
    pub fn flood_and_listen(&mut self, bytes: &[u8], most: usize) {
        self.replying = false;
        self.wire.set_read_timeout(Some(Duration::from_millis(1)));
        for _ in 0..most {
            let before = self.ledger.pushed.load(Ordering::SeqCst);
            self.flood(bytes, 1);
            let is_over = self.ledger.pushed.load(Ordering::SeqCst) == before;
            loop {
                match self.step() {
                    Ok(Some(_)) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock && !is_over => break,
                    _ => return,
                }
            }
        }
    }
}
