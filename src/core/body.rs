//! The body of a response: off the wire or out of a transport, decoded on the way.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use http::HeaderMap;

use super::app::AppSource;
use super::http2::StreamBody;
use super::watch::Watch;
use super::wire_body::WireBody;
use super::{dual, rt};
use crate::body::{Body, ByteStream, Kind, ReadSource, larger_than};
use crate::client_config::ClientConfig;
use crate::decode::{DecodeError, Decoder};
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::transport::{Play, Script};

/// What is reserved for a body at once, whatever length is announced.
const FIRST_ROOM: u64 = 64 * 1024;

/// How long the body of a redirect may take to come, so that its connection can be kept.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// Where the bytes come from.
#[derive(Debug)]
enum Source {
    /// All here.
    Whole(Bytes),
    Wire(Box<WireBody>),
    /// On a stream of HTTP/2.
    Http2(Box<StreamBody>),
    /// A transport's own reader or stream.
    Reader(Box<rt::BodyReader>),
    Stream(StreamSource),
    /// What a mock plays.
    Script(Box<Script>),
    #[cfg_attr(
        not(feature = "tower"),
        allow(dead_code, reason = "only an application makes one")
    )]
    App(Box<AppSource>),
    Ended,
}

/// A stream, behind a mutex that is never locked.
struct StreamSource(Mutex<ByteStream>);

impl fmt::Debug for StreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamSource")
    }
}

#[derive(Debug)]
pub(crate) struct Incoming {
    source: Source,
    decoder: Option<Box<Decoding>>,
    decodes: bool,
    /// A piece that the caller has taken a part of.
    rest: Bytes,
    /// What a call that collects everything has so far.
    gathered: Vec<u8>,
    downloaded: u64,
    started: Instant,
    elapsed: Option<Duration>,
    total: Option<Instant>,
    trailers: Option<Box<HeaderMap>>,
    watch: Option<Box<Watch>>,
    /// Somebody has begun to consume the body piece by piece.
    touched: bool,
}

#[derive(Debug)]
struct Decoding {
    decoder: Decoder,
    decoded: u64,
    most: Option<u64>,
    finished: bool,
}

impl Incoming {
    pub(crate) fn whole(bytes: Bytes, started: Instant, watch: Option<Box<Watch>>) -> Self {
        let length = bytes.len() as u64;
        let mut body = Incoming::new(Source::Whole(bytes), started, None);
        body.elapsed = Some(started.elapsed());
        body.watch = watch;
        if let Some(watch) = &mut body.watch {
            watch.expect(Some(length));
            watch.ended(length);
        }
        body
    }

    pub(crate) fn wire(
        body: WireBody,
        started: Instant,
        total: Option<Instant>,
        watch: Option<Box<Watch>>,
    ) -> Self {
        let mut body = Incoming::new(Source::Wire(Box::new(body)), started, total);
        body.watch = watch;
        body
    }

    pub(crate) fn on_stream(
        body: Box<StreamBody>,
        started: Instant,
        total: Option<Instant>,
        watch: Option<Box<Watch>>,
    ) -> Self {
        let mut body = Incoming::new(Source::Http2(body), started, total);
        body.watch = watch;
        body
    }

    /// Lets listeners hear of a transport's body, and `total` end it.
    pub(crate) fn watch(
        &mut self,
        watch: Option<Box<Watch>>,
        total: Option<Instant>,
        expected: Option<u64>,
    ) {
        self.total = total.or(self.total);
        self.watch = watch;
        if let Some(watch) = &mut self.watch {
            watch.expect(expected);
        }
    }

    pub(crate) fn custom(body: Body, started: Instant) -> Self {
        let source = match body.into_kind() {
            Kind::Empty | Kind::Consumed => Source::Whole(Bytes::new()),
            Kind::Bytes(bytes) => Source::Whole(bytes),
            Kind::File(file) => {
                Source::Reader(Box::new(rt::BodyReader::new(ReadSource::File(file))))
            }
            Kind::Reader { reader, .. } => {
                Source::Reader(Box::new(rt::BodyReader::new(ReadSource::Reader(reader))))
            }
            Kind::Parts(parts) => {
                Source::Reader(Box::new(rt::BodyReader::new(ReadSource::Parts(parts))))
            }
            Kind::Stream { stream, .. } => Source::Stream(StreamSource(stream)),
        };
        Incoming::new(source, started, None)
    }

    #[cfg(feature = "tower")]
    pub(crate) fn app(source: Box<AppSource>, started: Instant) -> Self {
        Incoming::new(Source::App(source), started, None)
    }

    pub(crate) fn script(script: Box<Script>, started: Instant) -> Self {
        let total = script.total;
        Incoming::new(Source::Script(script), started, total)
    }

    /// Ends with `TotalTimeout` where it does not come to its end by then.
    pub(crate) fn until(mut self, total: Option<Instant>) -> Self {
        self.total = total;
        self
    }

    /// Ends by then, if not before.
    pub(crate) fn limit(&mut self, until: Option<Instant>) {
        self.total = self.total.into_iter().chain(until).min();
        match &mut self.source {
            Source::Wire(wire) => wire.limit(until),
            Source::Http2(stream) => stream.limit(until),
            _ => {}
        }
    }

    fn new(source: Source, started: Instant, total: Option<Instant>) -> Self {
        Incoming {
            source,
            decoder: None,
            decodes: false,
            rest: Bytes::new(),
            gathered: Vec::new(),
            downloaded: 0,
            started,
            elapsed: None,
            total,
            trailers: None,
            watch: None,
            touched: false,
        }
    }

    /// Decodes by the headers' `content-encoding`.
    pub(crate) fn decode_by(&mut self, headers: &HeaderMap, config: &ClientConfig) -> Result<()> {
        if let Some(mut decoder) = Decoder::from_headers(headers).map_err(bad_coding)? {
            if config.refuses_trailing_data {
                decoder.refuse_trailing_data();
            }
            self.decodes = true;
            self.decoder = Some(Box::new(Decoding {
                decoder,
                decoded: 0,
                most: config.max_decoded_size,
                finished: false,
            }));
        }
        Ok(())
    }

    pub(crate) fn is_decoded(&self) -> bool {
        self.decodes
    }

    pub(crate) fn was_touched(&self) -> bool {
        self.touched
    }

    /// What answers for this body while a poll has it: its counters, and no bytes.
    #[allow(dead_code, reason = "only the async form polls")]
    pub(crate) fn stand_in(&self) -> Incoming {
        let mut body = Incoming::new(Source::Ended, self.started, None);
        body.downloaded = self.downloaded;
        body.elapsed = self.elapsed;
        body.decodes = self.decodes;
        body
    }

    /// Gives the whole body once more.
    pub(crate) fn refill(&mut self, whole: Bytes) {
        self.rest = whole;
    }

    /// Gives the whole body once more, as it came over the wire.
    pub(crate) fn rewind(&mut self, raw: Bytes) {
        self.source = Source::Whole(raw);
        self.rest = Bytes::new();
        self.gathered = Vec::new();
        self.touched = false;
        self.downloaded = 0;
    }

    /// Decodes nothing: a client above does.
    pub(crate) fn stay_raw(&mut self) {
        self.decoder = None;
        self.decodes = false;
    }

    /// Gives back what was not wanted of the last piece.
    pub(crate) fn put_back(&mut self, rest: Bytes) {
        self.rest = rest;
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.source, Source::Ended) && self.rest.is_empty() && self.gathered.is_empty()
    }

    pub(crate) fn downloaded(&self) -> u64 {
        self.downloaded
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.elapsed.unwrap_or_else(|| self.started.elapsed())
    }

    pub(crate) fn restart_clock(&mut self, started: Instant) {
        self.started = started;
        if self.elapsed.is_some() {
            self.elapsed = Some(started.elapsed());
        }
    }

    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// The decoded bytes still to come, where that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        if self.decoder.is_some() {
            return None;
        }
        let source = match &self.source {
            Source::Whole(bytes) => Some(bytes.len() as u64),
            Source::Wire(wire) => wire.remaining(),
            Source::Http2(stream) => stream.remaining(),
            Source::App(app) => app.remaining(),
            Source::Ended => Some(0),
            Source::Reader(_) | Source::Stream(_) | Source::Script(_) => None,
        };
        source.map(|left| left + (self.rest.len() + self.gathered.len()) as u64)
    }

    /// Drops what is not read: the connection is closed, its slot is free.
    pub(crate) fn close(&mut self) {
        self.source = Source::Ended;
        self.decoder = None;
        self.rest = Bytes::new();
        self.gathered = Vec::new();
    }

    /// Takes a body that came with its head, of which nothing was taken before.
    #[inline]
    fn take_whole(&mut self) -> Option<Bytes> {
        let Source::Whole(bytes) = &mut self.source else {
            return None;
        };
        if self.decoder.is_some() || !self.rest.is_empty() || !self.gathered.is_empty() {
            return None;
        }
        let whole = std::mem::take(bytes);
        self.touched = true;
        self.count(whole.len());
        self.end();
        Some(whole)
    }

    fn end(&mut self) {
        if let Source::Wire(wire) = &mut self.source {
            self.trailers = wire.trailers();
        }
        if let Source::Http2(stream) = &mut self.source {
            self.trailers = stream.trailers();
        }
        if let Source::App(app) = &mut self.source {
            self.trailers = app.trailers();
        }
        if let Source::Script(script) = &mut self.source {
            self.trailers = script.trailers.take();
        }
        self.source = Source::Ended;
        self.elapsed.get_or_insert_with(|| self.started.elapsed());
        if let Some(watch) = &mut self.watch {
            watch.ended(self.downloaded);
        }
    }

    /// Tells the listeners that this error ended the body.
    pub(crate) fn failed(&mut self, error: &Error) {
        if let Some(watch) = &mut self.watch {
            watch.failed(error);
        }
    }

    fn count(&mut self, bytes: usize) {
        self.downloaded += bytes as u64;
        if let Some(watch) = &self.watch
            && bytes > 0
        {
            watch.progress(self.downloaded);
        }
    }

    fn check_total(&self) -> Result<()> {
        match self.total {
            // One piece after the other may keep every wait short; the whole may not go on for ever.
            Some(total) if Instant::now() >= total => {
                Err(Error::timeout(ErrorKind::TotalTimeout, None).in_phase(Phase::ReceiveBody))
            }
            _ => Ok(()),
        }
    }
}

#[dual]
impl Incoming {
    /// The next piece as it came over the wire, still encoded; never an empty one.
    pub(crate) async fn raw_piece(&mut self) -> Result<Option<Bytes>> {
        self.touched = true;
        let total = self.total;
        loop {
            self.check_total()?;
            let piece = match &mut self.source {
                Source::Ended => return Ok(None),
                Source::Whole(bytes) => Some(std::mem::take(bytes)).filter(|all| !all.is_empty()),
                Source::Wire(wire) => wire.piece().await?,
                Source::Http2(stream) => stream.piece().await?,
                Source::Reader(reader) => {
                    let piece = reader.next(total).await?;
                    (!piece.is_empty()).then(|| Bytes::copy_from_slice(piece))
                }
                Source::App(app) => app.next(total).await?,
                Source::Script(script) => match script.next(Instant::now()) {
                    Play::Piece(piece) => Some(piece),
                    Play::Wait(until) => {
                        rt::sleep_until(total.map_or(until, |total| total.min(until))).await;
                        continue;
                    }
                    Play::Fail(error) => return Err(error),
                    Play::End => None,
                },
                Source::Stream(stream) => match rt::next_item(&mut stream.0, None, total).await? {
                    rt::Item::Next(piece) => Some(piece),
                    rt::Item::End => None,
                    rt::Item::Readable => continue,
                },
            };
            match &piece {
                Some(piece) if piece.is_empty() => continue,
                Some(piece) => self.count(piece.len()),
                None => self.end(),
            }
            return Ok(piece);
        }
    }

    /// The next piece, decoded.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>> {
        if !self.gathered.is_empty() {
            return Ok(Some(std::mem::take(&mut self.gathered).into()));
        }
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        self.piece_behind_rest().await
    }

    async fn piece_behind_rest(&mut self) -> Result<Option<Bytes>> {
        if self.decoder.is_none() {
            return self.raw_piece().await;
        }
        loop {
            if let Some(decoding) = &mut self.decoder {
                if let Some(piece) = decoding.next()? {
                    return Ok(Some(piece));
                }
                if decoding.finished {
                    return Ok(None);
                }
            }
            let raw = self.raw_piece().await?;
            if let Some(decoding) = &mut self.decoder {
                match raw {
                    Some(raw) => decoding.decoder.feed(raw),
                    None => {
                        decoding.decoder.finish();
                        decoding.finished = true;
                    }
                }
            }
        }
    }

    /// Reads decoded bytes into `buffer`; 0 at the end.
    pub(crate) async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.rest.is_empty()
            && self.gathered.is_empty()
            && self.decoder.is_none()
            && let Source::Wire(wire) = &mut self.source
        {
            self.touched = true;
            let read = wire.read(buffer).await?;
            self.count(read);
            if read == 0 {
                self.end();
            } else {
                self.check_total()?;
            }
            return Ok(read);
        }
        let Some(mut piece) = self.piece().await? else {
            return Ok(0);
        };
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        piece.advance(length);
        self.put_back(piece);
        Ok(length)
    }

    /// Everything that is left, decoded. What has come so far stays here, so that a call that is given up loses nothing.
    pub(crate) async fn collect(&mut self) -> Result<Bytes> {
        if let Some(whole) = self.take_whole() {
            return Ok(whole);
        }
        if self.decoder.is_none()
            && self.rest.is_empty()
            && let Source::Wire(wire) = &mut self.source
            && let Some(length) = wire.remaining()
        {
            self.touched = true;
            if self.gathered.capacity() == 0 {
                self.gathered.reserve_exact(length.min(FIRST_ROOM) as usize);
            }
            loop {
                match wire.read_more_of(&mut self.gathered).await? {
                    0 => break,
                    read => {
                        self.downloaded += read as u64;
                        if let Some(watch) = &self.watch {
                            watch.progress(self.downloaded);
                        }
                    }
                }
            }
            self.end();
            return Ok(std::mem::take(&mut self.gathered).into());
        }
        if self.gathered.is_empty() {
            // Often there is but one piece: it is the whole.
            let Some(first) = self.piece().await? else {
                return Ok(Bytes::new());
            };
            self.rest = first;
            let second = self.piece_behind_rest().await?;
            let first = std::mem::take(&mut self.rest);
            let Some(second) = second else {
                return Ok(first);
            };
            self.gathered.reserve(2 * (first.len() + second.len()));
            self.gathered.extend_from_slice(&first);
            self.gathered.extend_from_slice(&second);
        }
        while let Some(piece) = self.piece_behind_rest().await? {
            self.gathered.extend_from_slice(&piece);
        }
        Ok(std::mem::take(&mut self.gathered).into())
    }

    /// Everything that is left, if it is at most `most` bytes; otherwise the connection is closed.
    ///
    /// # Errors
    /// As [`collect`](Incoming::collect); `LimitExceeded` for more.
    pub(crate) async fn collect_within(&mut self, most: u64) -> Result<Bytes> {
        let too_large = |body: &mut Self| {
            body.close();
            larger_than(most)
        };
        // A length that is known is kept to.
        match self.remaining() {
            Some(left) if left > most => return Err(too_large(self)),
            None if most < u64::MAX => {}
            _ => return self.collect().await,
        }
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if whole.len() as u64 + piece.len() as u64 > most {
                return Err(too_large(self));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Everything that is left, raw, if it is at most `most` bytes; otherwise the connection is closed.
    pub(crate) async fn collect_raw_at_most(
        &mut self,
        most: usize,
        until: Option<Instant>,
    ) -> Bytes {
        if self.remaining().is_some_and(|left| left > most as u64) {
            self.close();
            return Bytes::new();
        }
        let patience = Instant::now() + DRAIN_PATIENCE;
        self.limit(Some(until.map_or(patience, |until| until.min(patience))));
        let mut whole = Vec::new();
        loop {
            let piece = self.raw_piece().await;
            match piece {
                Ok(Some(piece)) if whole.len() + piece.len() <= most => {
                    whole.extend_from_slice(&piece);
                }
                Ok(None) => return whole.into(),
                // Too long, too slow, or broken: what a redirect says besides where to go does not matter.
                Ok(Some(_)) | Err(_) => {
                    self.close();
                    return Bytes::new();
                }
            }
        }
    }
}

impl Decoding {
    fn next(&mut self) -> Result<Option<Bytes>> {
        let piece = self.decoder.next().map_err(bad_coding)?;
        self.decoded += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        match self.most {
            Some(most) if self.decoded > most => {
                let message = format!(
                    "the decoded body is larger than the {most} bytes allowed by max_decoded_size"
                );
                Err(Error::new(ErrorKind::LimitExceeded, message).in_phase(Phase::Decode))
            }
            _ => Ok(piece),
        }
    }
}

fn bad_coding(error: DecodeError) -> Error {
    Error::new(ErrorKind::DecodingError, error.to_string())
        .with_source(error)
        .in_phase(Phase::Decode)
}
