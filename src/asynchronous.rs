//! The async client, on tokio.
//!
//! `blocking` has the same names, methods and rules; here what waits is an `async fn`, to be called within a tokio runtime with its I/O and
//! time drivers on (`enable_all`), as [`tokio::main`](https://docs.rs/tokio/latest/tokio/attr.main.html) makes it. [`Client`] stands at the
//! root of the crate as `AsyncClient`.
//!
//! | to | there is |
//! |---|---|
//! | make one request | [`get`], [`post`] and the like |
//! | make more of them, configured alike | [`Client`], built by a [`ClientBuilder`] |
//! | say more about one | [`RequestBuilder`] |
//! | read what came | [`Response`], [`Iter`]; after a switch of protocols [`Upgraded`] |
//! | read a listing in pages, or a feed of events | [`Pages`], [`EventSource`] |
//! | send elsewhere than over the network | [`Transport`], and those of [`transport`](crate::transport) |
//!
//! ```no_run
//! use dimorph::asynchronous::Client;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> dimorph::Result<()> {
//! let client = Client::new();
//! let mut response = client
//!     .get("https://example.com/large.csv")
//!     .send()
//!     .await?
//!     .error_for_status()?;
//! let mut lines = response.iter_lines();
//! while let Some(line) = lines.next().await {
//!     println!("{}", line?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A future that is dropped ends its request, frees its place in the pool, and closes the connection if it was in the middle of an exchange; over HTTP/2 it
//! resets the stream.

pub(crate) use maybe_async::must_be_async as dual;

/// An example for both documentations: `.await` stands between the pieces here.
///
/// One that is `running` runs as a test; one that is `answering` too, with a `client` in hidden lines and a mock behind it, whose routes the first
/// literal has; the others are compiled. A `call` is one of the top-level functions.
macro_rules! example {
    (call $name:ident) => {
        concat!(
            "```no_run\n# #[tokio::main(flavor = \"current_thread\")]\n# async fn main() -> dimorph::Result<()> {\nlet response = dimorph::asynchronous::",
            stringify!($name),
            "(\"https://example.com\").send().await?;\nprintln!(\"{}\", response.status());\n# Ok(())\n# }\n```"
        )
    };
    (answering $routes:literal: $first:literal $(, $more:literal)*) => {
        concat!(
            "```\n# #[tokio::main(flavor = \"current_thread\")]\n# async fn main() -> Result<(), Box<dyn std::error::Error>> {\n# use dimorph::asynchronous::Client;\n# let mock = dimorph::transport::Mock::routes()",
            $routes,
            ";\n# let client = Client::builder().transport(mock.clone()).build()?;\n",
            $first, $(".await", $more,)*
            "\n# Ok(())\n# }\n```"
        )
    };
    ($first:literal $(, $more:literal)*) => {
        concat!(
            "```no_run\n# #[tokio::main(flavor = \"current_thread\")]\n# async fn main() -> Result<(), Box<dyn std::error::Error>> {\nuse dimorph::asynchronous::Client;\n",
            $first, $(".await", $more,)*
            "\n# Ok(())\n# }\n```"
        )
    };
    (running $first:literal $(, $more:literal)*) => {
        concat!(
            "```\n# #[tokio::main(flavor = \"current_thread\")]\n# async fn main() -> Result<(), Box<dyn std::error::Error>> {\nuse dimorph::asynchronous::Client;\n",
            $first, $(".await", $more,)*
            "\n# Ok(())\n# }\n```"
        )
    };
}

mod connecting;
#[path = "core/mod.rs"]
mod core;
#[path = "rt/tokio.rs"]
pub(crate) mod rt;
#[cfg(feature = "tower")]
mod tower;
mod transports;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

pub(crate) use self::connecting::AroundConnect;
pub use self::core::builder::ClientBuilder;
pub use self::core::client::Client;
pub use self::core::event_source::EventSource;
use self::core::event_source::{Came, Step, ask};
pub use self::core::iter::Iter;
pub use self::core::pages::Pages;
pub use self::core::request_builder::RequestBuilder;
pub use self::core::response::Response;
pub use self::core::upgraded::Upgraded;
pub use self::transports::Transport;
use crate::body::{Body, writer_failed};
use crate::error::Result;
use crate::shapes::Shape;
use crate::sse;

crate::top_level::calls!();

/// A boxed future, as [`Transport`] returns it.
///
/// ```
/// use dimorph::asynchronous::BoxFuture;
///
/// fn later(number: u32) -> BoxFuture<'static, u32> {
///     Box::pin(async move { number })
/// }
/// # let _ = later(1);
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Response {
    /// Writes the rest of the body, decoded, to a writer, and flushes it; returns how many bytes that were.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes); `WriteError` where the writer fails.
    ///
    /// # Example
    ///
    /// ```
    /// # use dimorph::asynchronous::Client;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> dimorph::Result<()> {
    /// # let mock = dimorph::transport::Mock::routes().get("*", "hello");
    /// # let client = Client::builder().transport(mock).build()?;
    /// let mut response = client.get("https://example.org/").send().await?;
    /// let mut written = Vec::new();
    /// assert_eq!(response.copy_to(&mut written).await?, 5);
    /// assert_eq!(written, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn copy_to<W: AsyncWrite + Unpin + ?Sized>(&mut self, writer: &mut W) -> Result<u64> {
        let mut copied = 0;
        let mut buffer = self.copy_buffer();
        loop {
            let read = self.read_into(&mut buffer).await?;
            if read == 0 {
                writer
                    .flush()
                    .await
                    .map_err(|error| self.locate(writer_failed(error)))?;
                return Ok(copied);
            }
            writer
                .write_all(&buffer[..read])
                .await
                .map_err(|error| self.locate(writer_failed(error)))?;
            copied += read as u64;
        }
    }

    /// Polls for the next piece. The body is inside the future while it waits.
    fn poll_piece(&mut self, raw: bool, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        if let Err(error) = self.check_open() {
            return Poll::Ready(Err(self.locate(error)));
        }
        if self.inner.pending.is_idle() {
            if self.inner.body.has_ended() {
                return Poll::Ready(Ok(None));
            }
            let mut body = {
                let stand_in = self.inner.body.stand_in();
                std::mem::replace(&mut self.inner.body, stand_in)
            };
            self.inner.pending.begin(Box::pin(async move {
                let piece = if raw {
                    body.raw_piece().await
                } else {
                    body.piece().await
                };
                (body, piece)
            }));
        }
        match ready!(self.inner.pending.poll(cx)) {
            Some((body, piece)) => {
                self.inner.body = body;
                Poll::Ready(piece.map_err(|error| self.failed(error)))
            }
            None => Poll::Ready(Ok(None)),
        }
    }
}

/// Gives the pieces of the body, decoded.
impl Stream for Response {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(error) = self.check_whole() {
            return Poll::Ready(Some(Err(error)));
        }
        self.poll_piece(false, cx).map(Result::transpose)
    }
}

/// Reads the body, decoded.
impl AsyncRead for Response {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.check_whole().map_err(io::Error::from)?;
        let piece = ready!(self.poll_piece(false, cx)).map_err(io::Error::from)?;
        if let Some(mut piece) = piece {
            let length = piece.len().min(buffer.remaining());
            buffer.put_slice(&piece[..length]);
            piece.advance(length);
            self.inner.body.put_back(piece);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Shape + Unpin> Stream for Iter<'_, S> {
    type Item = Result<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(item) = this.ready() {
                return Poll::Ready(item);
            }
            let piece = ready!(this.response.poll_piece(this.raw, cx));
            if let Some(error) = this.take(piece) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl Stream for EventSource {
    type Item = Result<sse::Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(came) = ready!(this.pending.poll(cx)) {
                this.came(came);
            }
            match this.step() {
                Step::Give(item) => return Poll::Ready(item),
                Step::Read => {
                    let piece = match this.response_mut() {
                        Some(response) => ready!(response.poll_piece(false, cx)),
                        None => Ok(None),
                    };
                    this.read(piece);
                }
                Step::Sleep(until) => this.pending.begin(Box::pin(async move {
                    rt::sleep_until(until).await;
                    Came::Time
                })),
                Step::Send(request) => {
                    let asking = ask(this.client.clone(), request);
                    this.pending.begin(Box::pin(asking));
                }
            }
        }
    }
}

/// Gives the pages.
impl Stream for Pages {
    type Item = Result<Response>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.pending.is_idle() {
            let Some(walk) = this.walk.take() else {
                return Poll::Ready(None);
            };
            this.pending.begin(Box::pin(walk.step()));
        }
        match ready!(this.pending.poll(cx)) {
            Some((walk, page)) => {
                this.walk = Some(walk);
                Poll::Ready(page)
            }
            None => Poll::Ready(None),
        }
    }
}

/// The body can be read on through the new form.
impl From<Response> for Body {
    fn from(response: Response) -> Self {
        let length = response.inner.body.remaining();
        Body::from_stream(response).with_length(length)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connection = self.connection()?;
        if !connection.received.is_empty() {
            let length = buffer.remaining().min(connection.received.len());
            buffer.put_slice(&connection.received[..length]);
            connection.received.advance(length);
            return Poll::Ready(Ok(()));
        }
        let room = buffer.initialize_unfilled();
        let received = ready!(connection.stream.poll_read(cx, room))?;
        buffer.advance(received);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection()?.stream.poll_send(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection()?.stream.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        let connection = self.connection()?;
        connection.stream.close();
        connection.stream.io().poll_shutdown(cx)
    }
}
