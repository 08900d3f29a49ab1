//! Runs the corpus of odd and hostile responses through the machine, each under three
//! segmentations. (Rows for CONNECT need a proxy around them and run elsewhere.)

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use serde_json::Value;

use super::state::CloseReason;
use super::{BodyReader, Exchange, H1Error, H1ErrorClass, H1Limits, Received, Step};

#[test]
fn mis_06_each_row_of_the_corpus_ends_as_expected_however_it_is_cut() {
    let corpus: Value = serde_json::from_str(CORPUS).expect("the corpus is JSON");
    let rows: Vec<Row> = corpus["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .filter(|row| row["via_connect_proxy"] == false)
        .map(Row::new)
        .collect();
    assert!(rows.len() >= 170, "only {} rows", rows.len());
    let complaints: Vec<String> = rows.iter().flat_map(Row::complaints).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

struct Row {
    name: String,
    method: http::Method,
    bytes: Vec<u8>,
    after: String,
    respond_before_body: bool,
    reusable: bool,
    outcomes: Vec<Value>,
}

impl Row {
    fn new(row: &Value) -> Self {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let packed = STANDARD.decode(text("bytes_zlib_b64")).expect("base64");
        let mut bytes = STANDARD.decode(text("bytes_b64")).expect("base64");
        if !packed.is_empty() {
            bytes.clear();
            flate2::read::ZlibDecoder::new(&packed[..])
                .read_to_end(&mut bytes)
                .expect("zlib");
        }
        let allowed = row["also_allowed"]
            .as_array()
            .expect("a list")
            .iter()
            .cloned();
        Self {
            name: text("name"),
            method: text("request_method").parse().expect("a method"),
            bytes,
            after: text("after"),
            respond_before_body: row["respond_before_body"] == true,
            reusable: row["reuse_connection"] == true,
            outcomes: [row["expected"].clone()]
                .into_iter()
                .chain(allowed)
                .collect(),
        }
    }

    fn complaints(&self) -> Vec<String> {
        let whole = self.run(&mut Pieces::Whole);
        let mut complaints = self.judge(&whole);
        let seed = self.name.bytes().fold(7, |seed: u64, byte| {
            seed * 31 % 0xffff_fffb + u64::from(byte)
        });
        for (cut, mut pieces) in [
            ("byte by byte", Pieces::Single),
            ("at random", Pieces::Random(seed)),
        ] {
            let other = self.run(&mut pieces);
            if !other.same_as(&whole) {
                complaints.push(format!(
                    "{}: cut {cut}: {other:?}, whole: {whole:?}",
                    self.name
                ));
            }
        }
        complaints
    }

    fn judge(&self, end: &End) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.outcomes.iter().any(|outcome| end.is(outcome)) {
            complaints.push(format!(
                "{}: {end:?}, expected {:?}",
                self.name, self.outcomes
            ));
        }
        // With a server that closes, an end of stream on the idle connection says the rest.
        let stays = self.after.starts_with("keep");
        if self.reusable && end.verdict.is_err() || !self.reusable && stays && end.verdict.is_ok() {
            complaints.push(format!("{}: verdict {:?}", self.name, end.verdict));
        }
        complaints
    }

    /// Plays the driver.
    fn run(&self, pieces: &mut Pieces) -> End {
        let mut exchange = Exchange::new(H1Limits::default());
        exchange.start(&self.method, false, false, false, self.respond_before_body);
        if !self.respond_before_body {
            exchange.body_sent();
        }
        let mut rest = &self.bytes[..];
        let mut buf = BytesMut::new();
        let mut end = End {
            status: 0,
            body: Vec::new(),
            error: None,
            verdict: Ok(()),
        };
        let mut body: Option<BodyReader> = None;
        let result = loop {
            let progress = match &mut body {
                None => exchange.receive(&mut buf).map(|received| match received {
                    Some(Received::Final(head, reader)) => {
                        end.status = head.status.as_u16();
                        body = Some(reader);
                        true
                    }
                    Some(Received::Informational(_)) => true,
                    None => false,
                }),
                Some(reader) => reader.step(&buf).map(|step| match step {
                    Step::Data { skip, len } => {
                        buf.advance(skip);
                        end.body.extend_from_slice(&buf.split_to(len));
                        true
                    }
                    Step::More { consumed } => {
                        buf.advance(consumed);
                        // Some of the payload goes past the buffer.
                        let direct = reader.bulk().min(rest.len().min(3) as u64) as usize;
                        end.body.extend_from_slice(&rest[..direct]);
                        rest = &rest[direct..];
                        reader.took(direct as u64);
                        direct > 0
                    }
                    Step::Done { consumed } => {
                        buf.advance(consumed);
                        true
                    }
                }),
            };
            match progress {
                Err(error) => break Err(name_of(&error)),
                Ok(_) if body.as_ref().is_some_and(BodyReader::is_done) => break Ok(()),
                Ok(true) => {}
                Ok(false) if rest.is_empty() => {
                    break match (self.after.as_str(), &mut body) {
                        ("rst" | "rst_late", _) => Err("reset"),
                        ("close", None) => Err(name_of(&exchange.eof(&buf))),
                        ("close", Some(reader)) => reader.eof().map_err(|error| name_of(&error)),
                        _ => Err("timeout"),
                    };
                }
                Ok(false) => {
                    let (piece, later) = rest.split_at(pieces.next(rest.len()));
                    buf.extend_from_slice(piece);
                    rest = later;
                }
            }
        };
        if result.is_ok() {
            exchange.response_done();
        }
        end.error = result.err();
        end.verdict = exchange.verdict(buf.len() + rest.len());
        end
    }
}

/// How an exchange ended.
#[derive(Debug)]
struct End {
    status: u16,
    body: Vec<u8>,
    error: Option<&'static str>,
    verdict: Result<(), CloseReason>,
}

impl End {
    fn is(&self, outcome: &Value) -> bool {
        match (&outcome["error_classes"], self.error) {
            (Value::Array(classes), Some(error)) => classes.iter().any(|class| class == error),
            (Value::Null, None) => {
                let body = STANDARD.decode(outcome["body_b64"].as_str().unwrap_or_default());
                outcome["status"] == self.status && body.as_ref() == Ok(&self.body)
            }
            (Value::Null, Some(error)) => outcome["error"] == error,
            _ => false,
        }
    }

    fn same_as(&self, other: &Self) -> bool {
        match self.error {
            // How much of a body comes before the error depends on the cut.
            Some(_) => self.error == other.error && other.verdict.is_err(),
            None => {
                other.error.is_none()
                    && self.status == other.status
                    && self.body == other.body
                    && self.verdict == other.verdict
            }
        }
    }
}

fn name_of(error: &H1Error) -> &'static str {
    match error.class() {
        H1ErrorClass::Remote => "protocol",
        H1ErrorClass::Limit => "limit",
        H1ErrorClass::Truncated => "truncated",
        H1ErrorClass::Disconnected => "disconnected",
    }
}

/// How the bytes are cut.
enum Pieces {
    Whole,
    Single,
    /// The state of a xorshift.
    Random(u64),
}

impl Pieces {
    fn next(&mut self, rest: usize) -> usize {
        match self {
            Self::Whole => rest,
            Self::Single => 1,
            Self::Random(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                // Mostly short; long ones now and then.
                let longest = if *state % 5 == 0 { 5000 } else { 23 };
                ((*state >> 8) as usize % longest + 1).min(rest)
            }
        }
    }
}

const CORPUS: &str = include_str!("../../../sync-tests/tests/cases/h1_responses.json");
