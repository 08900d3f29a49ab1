//! The byte replay server of `h1_responses.json`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::cases::{bytes_of, text};
use crate::{Server, Wire};

/// What every request after the first is answered with.
const SECOND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSECOND";

/// One row's server.
pub struct Replay {
    /// The server beneath.
    pub server: Server,
    reused: Arc<AtomicBool>,
    seconds: Arc<AtomicUsize>,
}

impl Replay {
    /// Starts the server of one row.
    pub fn start(row: &Value) -> Self {
        let script = Arc::new(Script::of(row));
        let reused = Arc::new(AtomicBool::new(false));
        let seconds = Arc::new(AtomicUsize::new(0));
        let server = Server::wire({
            let (reused, seconds) = (Arc::clone(&reused), Arc::clone(&seconds));
            move |wire: &mut Wire| match wire.number {
                0 => script.first(wire, &reused, &seconds),
                _ => answer_all(wire, &seconds),
            }
        });
        Replay {
            server,
            reused,
            seconds,
        }
    }

    /// Tells whether anything came on the first connection after its first request.
    pub fn reused(&self) -> bool {
        self.reused.load(Ordering::SeqCst)
    }

    /// Returns how many requests were answered with SECOND.
    pub fn seconds(&self) -> usize {
        self.seconds.load(Ordering::SeqCst)
    }
}

struct Script {
    bytes: Vec<u8>,
    /// Pauses in milliseconds, and lengths.
    segments: Vec<(u64, usize)>,
    after: String,
    respond_before_body: bool,
    second_on_same_conn: String,
}

impl Script {
    fn of(row: &Value) -> Self {
        let bytes = bytes_of(row);
        let segments = match row.get("segments").and_then(Value::as_array) {
            Some(list) => list
                .iter()
                .map(|pair| {
                    (
                        pair[0].as_u64().unwrap(),
                        pair[1].as_u64().unwrap() as usize,
                    )
                })
                .collect(),
            None => vec![(0, bytes.len())],
        };
        Script {
            bytes,
            segments,
            after: text(row, "after").to_owned(),
            respond_before_body: row["respond_before_body"] == true,
            second_on_same_conn: text(row, "second_on_same_conn").to_owned(),
        }
    }

    fn first(&self, wire: &mut Wire, reused: &AtomicBool, seconds: &AtomicUsize) -> io::Result<()> {
        let Some(head) = wire.read_head()? else {
            return Ok(());
        };
        if !self.respond_before_body {
            wire.read_body(&head)?;
        }
        let mut at = 0;
        for &(pause, length) in &self.segments {
            thread::sleep(Duration::from_millis(pause));
            let end = (at + length).min(self.bytes.len());
            // A client that has seen enough may have closed: that is its right.
            if wire.send(&self.bytes[at..end]).is_err() {
                return Ok(());
            }
            at = end;
        }
        match self.after.as_str() {
            "close" if self.respond_before_body => {
                thread::sleep(Duration::from_millis(50));
                Ok(())
            }
            "close" => {
                wire.finish();
                note(reused, wire.drain(Duration::from_secs(1)));
                Ok(())
            }
            "stall" => {
                note(reused, wire.drain(Duration::from_secs(5)));
                Ok(())
            }
            "rst" | "rst_late" => {
                let pause = if self.after == "rst" { 50 } else { 120 };
                thread::sleep(Duration::from_millis(pause));
                wire.reset();
                Ok(())
            }
            "keep" | "keep_drain" => {
                if self.after == "keep_drain" && self.respond_before_body {
                    wire.read_body(&head)?;
                }
                let Some(_) = wire.read_head()? else {
                    return Ok(());
                };
                reused.store(true, Ordering::SeqCst);
                match self.second_on_same_conn.as_str() {
                    "answer" => {
                        seconds.fetch_add(1, Ordering::SeqCst);
                        wire.send(SECOND)?;
                        answer_all(wire, seconds)
                    }
                    "rst_no_reply" => {
                        wire.reset();
                        Ok(())
                    }
                    "close_no_reply" => Ok(()),
                    other => panic!("unknown second_on_same_conn {other}"),
                }
            }
            other => panic!("unknown after {other}"),
        }
    }
}

fn note(reused: &AtomicBool, bytes: usize) {
    if bytes > 0 {
        reused.store(true, Ordering::SeqCst);
    }
}

fn answer_all(wire: &mut Wire, seconds: &AtomicUsize) -> io::Result<()> {
    while let Some(head) = wire.read_head()? {
        wire.read_body(&head)?;
        seconds.fetch_add(1, Ordering::SeqCst);
        wire.send(SECOND)?;
    }
    Ok(())
}
