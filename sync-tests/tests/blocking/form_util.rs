//! What differs between the forms, under names that do not. Here: threads.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimorph::blocking::{Response, Transport};
use dimorph::{Body, Request, Result};

pub(crate) use super::ureq::over;

/// Which form this is.
pub(crate) const IS_ASYNC: bool = false;

/// A thread of its own.
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// Waits for its result.
    pub(crate) fn join(self) -> T {
        self.0
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Tells whether it has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// Runs `f(argument)` beside the test.
pub(crate) fn spawn<A, T>(f: impl FnOnce(A) -> T + Send + 'static, argument: A) -> Task<T>
where
    A: Send + 'static,
    T: Send + 'static,
{
    Task(thread::spawn(move || f(argument)))
}

/// Runs `f` on every item, `limit` at a time; gives the results in the items' order.
pub(crate) fn concurrently<I: Send, T: Send>(
    limit: usize,
    items: Vec<I>,
    f: impl Fn(I) -> T + Sync,
) -> Vec<T> {
    let mut results: Vec<Option<T>> = items.iter().map(|_| None).collect();
    let queue: VecDeque<_> = items.into_iter().zip(results.iter_mut()).collect();
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..limit {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some((item, place)) = next else { return };
                    *place = Some(f(item));
                }
            });
        }
    });
    drop(queue);
    results.into_iter().map(Option::unwrap).collect()
}

/// Lets time pass.
pub(crate) fn sleep(time: Duration) {
    thread::sleep(time);
}

/// Waits for a condition, five seconds at the most; tells whether it came true.
pub(crate) fn until(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(5);
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Waits for a condition, a quarter of a second at the most.
pub(crate) fn until_briefly(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_millis(250);
    while !condition() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Reads a body by the form's own trait: `Read`.
pub(crate) fn read_all(response: &mut Response) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    response.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a body in pieces by the form's own trait: `Iterator`.
pub(crate) fn collect(response: &mut Response) -> Result<Vec<Bytes>> {
    response.iter_bytes().collect()
}

/// Reads exactly `n` bytes of an upgraded connection.
pub(crate) fn read_exactly(stream: &mut impl Read, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Writes to an upgraded connection.
pub(crate) fn write_all(stream: &mut impl Write, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    stream.flush().unwrap();
}

/// Reads once.
pub(crate) fn read_once(stream: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    stream.read(buffer)
}

/// Writes once.
pub(crate) fn write_once(stream: &mut impl Write, bytes: &[u8]) -> std::io::Result<usize> {
    stream.write(bytes)
}

/// A transport that answers by a closure.
pub(crate) struct Answering<F>(pub(crate) F);

impl<F: Fn(Request) -> Result<Response> + Send + Sync> Transport for Answering<F> {
    fn send(&self, request: Request) -> Result<Response> {
        (self.0)(request)
    }
}

/// Asks a client, and gives on what it has read whole.
struct Forwarding(dimorph::Client);

impl Transport for Forwarding {
    fn send(&self, request: Request) -> Result<Response> {
        let mut response = self.0.send(request)?;
        response.buffer()?;
        Ok(response)
    }
}

/// A transport that asks a client, and gives on what it has read whole.
pub(crate) fn forwarding(client: dimorph::Client) -> impl Transport {
    Forwarding(client)
}

/// The same, counting how often it is closed.
pub(crate) struct Closing<F>(pub(crate) F, pub(crate) Arc<AtomicUsize>);

impl<F: Fn(Request) -> Result<Response> + Send + Sync> Transport for Closing<F> {
    fn send(&self, request: Request) -> Result<Response> {
        (self.0)(request)
    }

    fn close(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

/// Copies a body to a std writer.
pub(crate) fn copy_to(response: &mut Response, mut writer: impl Write) -> Result<u64> {
    response.copy_to(&mut writer)
}

/// Makes a body of pieces, each sent as one chunk: from a reader.
pub(crate) fn pieces_body(pieces: Vec<Vec<u8>>) -> Body {
    Body::from_reader(Pieces(pieces.into()))
}

struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(piece) = self.0.pop_front() {
            if !piece.is_empty() {
                buffer[..piece.len()].copy_from_slice(&piece);
                return Ok(piece.len());
            }
        }
        Ok(0)
    }
}
