//! What differs between the forms, under names that do not. Here: tasks.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimorph::asynchronous::{BoxFuture, ClientBuilder, Response, Transport};
use dimorph::{Body, Request, Result};
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;

/// Gives the builder an engine other than dimorph's own, where the tests are run over one. Here: never.
pub(crate) fn over(
    builder: ClientBuilder,
    _hosts: &'static [&'static str],
    _address: Option<SocketAddr>,
) -> ClientBuilder {
    builder
}

/// Which form this is.
pub(crate) const IS_ASYNC: bool = true;

/// A task of its own.
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// Waits for its result.
    pub(crate) async fn join(self) -> T {
        self.0
            .await
            .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))
    }

    /// Tells whether it has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// Runs `f(argument)` beside the test.
pub(crate) fn spawn<A, F>(f: impl FnOnce(A) -> F, argument: A) -> Task<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    Task(tokio::spawn(f(argument)))
}

/// Runs `f` on every item, `limit` at a time; gives the results in the items' order.
pub(crate) async fn concurrently<I, F>(
    limit: usize,
    items: Vec<I>,
    f: impl Fn(I) -> F,
) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let turns = Arc::new(tokio::sync::Semaphore::new(limit));
    let mut tasks = Vec::new();
    for item in items {
        let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
        let future = f(item);
        tasks.push(Task(tokio::spawn(async move {
            let result = future.await;
            drop(turn);
            result
        })));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.join().await);
    }
    results
}

/// Lets time pass.
pub(crate) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits for a condition, five seconds at the most; tells whether it came true.
pub(crate) async fn until(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(5);
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}

/// Waits for a condition, a quarter of a second at the most.
pub(crate) async fn until_briefly(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_millis(250);
    while !condition() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Reads a body by the form's own trait: `AsyncRead`.
pub(crate) async fn read_all(response: &mut Response) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    response.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Reads a body in pieces by the form's own trait: `Stream`.
pub(crate) async fn collect(response: &mut Response) -> Result<Vec<Bytes>> {
    let mut pieces = Vec::new();
    while let Some(piece) = poll_fn(|cx| Pin::new(&mut *response).poll_next(cx)).await {
        pieces.push(piece?);
    }
    Ok(pieces)
}

/// Reads exactly `n` bytes of an upgraded connection.
pub(crate) async fn read_exactly(stream: &mut (impl AsyncRead + Unpin), n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Writes to an upgraded connection.
pub(crate) async fn write_all(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}

/// Reads once.
pub(crate) async fn read_once(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
) -> std::io::Result<usize> {
    stream.read(buffer).await
}

/// Writes once.
pub(crate) async fn write_once(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
) -> std::io::Result<usize> {
    stream.write(bytes).await
}

/// A transport that answers by a closure.
pub(crate) struct Answering<F>(pub(crate) F);

impl<F: Fn(Request) -> Result<Response> + Send + Sync> Transport for Answering<F> {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response>> {
        Box::pin(std::future::ready((self.0)(request)))
    }
}

/// Asks a client, and gives on what it has read whole.
struct Forwarding(dimorph::AsyncClient);

impl Transport for Forwarding {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response>> {
        Box::pin(async move {
            let mut response = self.0.send(request).await?;
            response.buffer().await?;
            Ok(response)
        })
    }
}

/// A transport that asks a client, and gives on what it has read whole.
pub(crate) fn forwarding(client: dimorph::AsyncClient) -> impl Transport {
    Forwarding(client)
}

/// The same, counting how often it is closed.
pub(crate) struct Closing<F>(pub(crate) F, pub(crate) Arc<AtomicUsize>);

impl<F: Fn(Request) -> Result<Response> + Send + Sync> Transport for Closing<F> {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response>> {
        Box::pin(std::future::ready((self.0)(request)))
    }

    fn close(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

/// Copies a body to a std writer, through one of the form's own.
pub(crate) async fn copy_to(response: &mut Response, writer: impl Write + Unpin) -> Result<u64> {
    response.copy_to(&mut Plain(writer)).await
}

/// A std writer that never waits.
struct Plain<W>(W);

impl<W: Write + Unpin> AsyncWrite for Plain<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.0.write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.0.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Makes a body of pieces, each sent as one chunk: from a stream.
pub(crate) fn pieces_body(pieces: Vec<Vec<u8>>) -> Body {
    Body::from_stream(Pieces(pieces.into()))
}

struct Pieces(VecDeque<Vec<u8>>);

impl Stream for Pieces {
    type Item = std::io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
