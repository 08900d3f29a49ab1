//! The runtime of the async client: tokio's sockets and clock.
//!
//! The same public names as in `rt/blocking.rs`. A wait arms one timer per connection, re-armed only when it fires early, instead of one timer per read.

#[cfg(feature = "http2")]
#[path = "tokio/driver.rs"]
mod driver;
#[cfg(feature = "http2")]
#[path = "h2/mod.rs"]
mod h2;
#[path = "options.rs"]
mod options;
#[cfg(feature = "tower")]
#[path = "tokio/runner.rs"]
mod runner;

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
#[cfg(any(feature = "rustls", feature = "http2"))]
use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::net::RecvFlags;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, Interest, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Sleep;

#[cfg(target_os = "linux")]
use crate::body::READ_SIZE;
use crate::body::{ByteStream, ReadSource, reader_failed, unlocked};
use crate::config::Wait;
use crate::dial::{DialOptions, attempt_delay};
use crate::error::{Error, ErrorKind, Result};

#[cfg(feature = "http2")]
pub(crate) use driver::Driver;
#[cfg(feature = "http2")]
pub(crate) use h2::{End, Facts, Wire};
pub(crate) use polled::poll_item;
#[cfg(feature = "http2")]
pub(crate) use polled::{LEVEL_TRIGGERED, Watch};
#[cfg(feature = "tower")]
pub(crate) use runner::Runner;

/// A connected socket, with the one timer of its waits.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    timer: Timer,
    peer: Option<SocketAddr>,
    runtime: tokio::runtime::Id,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

macro_rules! each {
    ($socket:expr, $name:ident => $body:expr) => {
        match $socket {
            Socket::Tcp($name) => $body,
            #[cfg(unix)]
            Socket::Unix($name) => $body,
        }
    };
}

// Behind the macro that it uses.
#[path = "tokio/polled.rs"]
mod polled;

/// What a socket is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Stream {
    fn new(socket: Socket, peer: Option<SocketAddr>) -> Self {
        Stream {
            socket,
            timer: Timer::default(),
            peer,
            runtime: tokio::runtime::Handle::current().id(),
        }
    }

    /// Connects to a Unix socket.
    #[cfg(unix)]
    pub(crate) async fn connect_unix(path: &std::path::Path, wait: Wait) -> io::Result<Stream> {
        let connecting = tokio::net::UnixStream::connect(path);
        let socket = before(wait.deadline(Instant::now()), connecting).await??;
        Ok(Stream::new(Socket::Unix(socket), None))
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Receives into `buffer`; 0 is the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        let Stream { socket, timer, .. } = self;
        timer
            .limit(wait, |cx| {
                let mut read = ReadBuf::new(buffer);
                ready!(each!(&mut *socket, s => Pin::new(s).poll_read(cx, &mut read)))?;
                Poll::Ready(Ok(read.filled().len()))
            })
            .await
    }

    /// Receives into the spare capacity of `buffer`; 0 is the end.
    pub(crate) async fn read_spare(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> io::Result<usize> {
        let Stream { socket, timer, .. } = self;
        let most = buffer.capacity() - buffer.len();
        let mut limited = bytes::BufMut::limit(buffer, most);
        timer
            .limit(
                wait,
                |cx| each!(&mut *socket, s => pin!(s.read_buf(&mut limited)).poll(cx)),
            )
            .await
    }

    /// Receives what the kernel has now, which the reactor may not have seen yet.
    #[cfg(any(feature = "rustls", feature = "http2"))]
    pub(crate) fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match each!(&self.socket, s => rustix::net::recv(s, &mut *buffer, RecvFlags::empty())) {
                Ok((received, _)) => return Ok(received),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Receives what is there now.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        each!(&self.socket, s => s.try_read(buffer))
    }

    /// Sends what goes out now.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        each!(&self.socket, s => s.try_write(bytes))
    }

    /// Sends what goes out now of several pieces.
    #[cfg(any(feature = "rustls", feature = "http2"))]
    pub(crate) fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(&self.socket, s => s.try_write_vectored(pieces))
    }

    /// Waits until the socket can be read or written, as asked.
    pub(crate) async fn ready(&mut self, read: bool, write: bool, wait: Wait) -> io::Result<Ready> {
        let Stream { socket, timer, .. } = self;
        if read && write {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let mut waiting = pin!(each_ready(socket, interest));
            return timer.limit(wait, |cx| waiting.as_mut().poll(cx)).await;
        }
        timer
            .limit(wait, |cx| {
                if read {
                    ready!(each!(&*socket, s => s.poll_read_ready(cx)))?;
                } else {
                    ready!(each!(&*socket, s => s.poll_write_ready(cx)))?;
                }
                Poll::Ready(Ok(Ready { read, write }))
            })
            .await
    }

    /// Tells whether the socket belongs to this runtime: another one may not be running.
    pub(crate) fn is_at_home(&self) -> bool {
        let here = tokio::runtime::Handle::try_current().map(|handle| handle.id());
        here.is_ok_and(|here| here == self.runtime)
    }

    /// Tells whether an idle connection is silent, as it must be to be used again. Asks the kernel: the reactor may not have seen a close yet.
    pub(crate) fn is_silent(&self) -> bool {
        let mut byte = [0u8; 1];
        loop {
            match each!(&self.socket, s => rustix::net::recv(s, &mut byte[..], RecvFlags::PEEK)) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                _ => return false,
            }
        }
    }
}

async fn each_ready(socket: &Socket, interest: Interest) -> io::Result<Ready> {
    let ready = each!(socket, s => s.ready(interest).await)?;
    Ok(Ready {
        read: ready.is_readable() || ready.is_read_closed(),
        write: ready.is_writable() || ready.is_write_closed(),
    })
}

/// A timer that outlives the waits it serves.
#[derive(Debug, Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Polls until it is ready or the wait is over.
    async fn limit<T>(
        &mut self,
        wait: Wait,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let mut deadline = None;
        poll_fn(move |cx| {
            if let Poll::Ready(done) = poll(cx) {
                return Poll::Ready(done);
            }
            if wait == Wait::default() {
                return Poll::Pending;
            }
            // The clock is asked only when there is something to wait for.
            let deadline = *deadline.get_or_insert_with(|| wait.deadline(Instant::now()));
            match deadline {
                Some(deadline) => self
                    .poll_deadline(deadline, cx)
                    .map(|()| Err(io::ErrorKind::TimedOut.into())),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Ready once `deadline` is past. A timer set for an earlier moment is left to fire, and set anew then.
    fn poll_deadline(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if tokio::time::Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Runs a future until the deadline; `TimedOut` past it.
async fn before<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> io::Result<T> {
    match deadline {
        None => Ok(future.await),
        Some(deadline) => tokio::time::timeout_at(deadline.into(), future)
            .await
            .map_err(|_| io::ErrorKind::TimedOut.into()),
    }
}

/// Connections have tasks that look at them.
pub(crate) const LOOK: Option<Duration> = None;

/// Does what may take a while, off the event loop.
pub(crate) async fn off_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Something that happens once, and is waited for.
#[derive(Debug, Default)]
pub(crate) struct Event {
    notify: tokio::sync::Notify,
}

impl Event {
    pub(crate) fn notify(&self) {
        self.notify.notify_one();
    }

    /// Waits; `false`: the deadline came first.
    pub(crate) async fn wait(&self, deadline: Option<Instant>) -> bool {
        before(deadline, self.notify.notified()).await.is_ok()
    }
}

/// Sleeps.
pub(crate) async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(deadline.into()).await;
}

/// Awaits a future; `None`: the deadline came first.
pub(crate) async fn drive<T>(
    future: Pin<Box<dyn Future<Output = T> + Send + '_>>,
    deadline: Option<Instant>,
) -> Option<T> {
    before(deadline, future).await.ok()
}

/// Looks up a host's addresses on tokio's blocking threads.
pub(crate) async fn resolve(host: &str, deadline: Option<Instant>) -> io::Result<Vec<SocketAddr>> {
    before(deadline, tokio::net::lookup_host((host, 0)))
        .await?
        .map(Iterator::collect)
}

/// Connects to the first address that answers; a silent one is joined by the next after [a delay](attempt_delay).
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    options: &DialOptions,
    deadline: Option<Instant>,
) -> io::Result<Stream> {
    let (socket, peer) = match addresses {
        [only] => (before(deadline, begin(*only, options)).await??, Some(*only)),
        _ => {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let delay = attempt_delay(left, addresses.len());
            let socket = before(deadline, race(addresses, options, delay)).await??;
            let peer = socket.peer_addr().ok();
            (socket, peer)
        }
    };
    if options.nodelay != Some(false) {
        socket.set_nodelay(true)?;
    }
    options::once_connected(&SockRef::from(&socket), options)?;
    Ok(Stream::new(Socket::Tcp(socket), peer))
}

async fn race(
    addresses: &[SocketAddr],
    options: &DialOptions,
    pause: Duration,
) -> io::Result<TcpStream> {
    let mut untried = addresses.iter();
    let mut pending: Vec<Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>>> =
        Vec::new();
    let mut delay = pin!(tokio::time::sleep(Duration::ZERO));
    let mut last_error = None;
    poll_fn(move |cx| {
        loop {
            let mut index = 0;
            let mut failed = false;
            while index < pending.len() {
                match pending[index].as_mut().poll(cx) {
                    Poll::Ready(Ok(socket)) => return Poll::Ready(Ok(socket)),
                    Poll::Ready(Err(error)) => {
                        last_error = Some(error);
                        failed = true;
                        drop(pending.swap_remove(index));
                    }
                    Poll::Pending => index += 1,
                }
            }
            let due = failed || pending.is_empty() || delay.as_mut().poll(cx).is_ready();
            if !due {
                return Poll::Pending;
            }
            match untried.next() {
                Some(address) => {
                    pending.push(Box::pin(begin(*address, options)));
                    delay.as_mut().reset(tokio::time::Instant::now() + pause);
                }
                None if pending.is_empty() => {
                    return Poll::Ready(Err(last_error
                        .take()
                        .unwrap_or_else(|| io::Error::other("the host has no address"))));
                }
                None => return Poll::Pending,
            }
        }
    })
    .await
}

async fn begin(address: SocketAddr, options: &DialOptions) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    options::before_connect(&SockRef::from(&socket), options)?;
    if let Some(local) = options.local_address {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.connect(address).await
}

/// A read that a poll began, with everything it needs inside.
pub(crate) struct Pending<T> {
    // Never locked: it makes what is only `Send` also `Sync`.
    future: Option<Mutex<Pin<Box<dyn Future<Output = T> + Send>>>>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending { future: None }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({})", self.future.is_some())
    }
}

impl<T> Pending<T> {
    pub(crate) fn is_idle(&self) -> bool {
        self.future.is_none()
    }

    pub(crate) fn begin(&mut self, future: Pin<Box<dyn Future<Output = T> + Send>>) {
        self.future = Some(Mutex::new(future));
    }

    /// Polls what was begun.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        let value = ready!(unlocked(future).as_mut().poll(cx));
        self.future = None;
        Poll::Ready(Some(value))
    }

    /// Does something that the next call goes on with where this one is given up.
    pub(crate) async fn run(
        &mut self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.begin(Box::pin(future));
        self.settle().await
    }

    /// Finishes what was begun, if anything was.
    pub(crate) async fn settle(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll(cx)).await
    }
}

/// How much of a file is read in one hop to a blocking thread.
const HOP: usize = 512 * 1024;

/// A reader of a request body, read on tokio's blocking threads.
#[derive(Debug)]
pub(crate) struct BodyReader {
    /// Away while a thread reads from it.
    source: Option<ReadSource>,
    /// One buffer goes there and back: two would not stay in the cache.
    buffer: Vec<u8>,
}

impl BodyReader {
    pub(crate) fn new(source: ReadSource) -> Self {
        BodyReader {
            source: Some(source),
            buffer: Vec::new(),
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.source, Some(ReadSource::File(_)))
    }

    /// Reads the next piece; empty at the end.
    pub(crate) async fn next(&mut self, deadline: Option<Instant>) -> Result<&[u8]> {
        let Some(mut source) = self.source.take() else {
            return Err(reader_failed(io::Error::other(
                "an earlier read of the body was given up",
            )));
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        #[cfg(target_os = "linux")]
        if let Some(read) = read_at_once(&mut source, &mut buffer) {
            self.source = Some(source);
            self.buffer = buffer;
            return Ok(&self.buffer[..read]);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let result = source.read_many(&mut buffer, HOP);
            (source, buffer, result)
        });
        let Ok(read) = before(deadline, reading).await else {
            return Err(Error::timeout(ErrorKind::TotalTimeout, None));
        };
        let (source, buffer, result) =
            read.map_err(|error| reader_failed(io::Error::other(error)))?;
        self.source = Some(source);
        self.buffer = buffer;
        Ok(&self.buffer[..result.map_err(reader_failed)?])
    }
}

/// Reads what of a file is in memory already, without waiting for a disk; `None`: it may have to wait.
#[cfg(target_os = "linux")]
fn read_at_once(source: &mut ReadSource, buffer: &mut Vec<u8>) -> Option<usize> {
    let ReadSource::File(body) = source else {
        return None;
    };
    let (file, position, left) = body.unread();
    let left = usize::try_from(left).unwrap_or(READ_SIZE);
    if buffer.is_empty() {
        buffer.resize(left.clamp(1, READ_SIZE), 0);
    }
    let want = left.min(buffer.len());
    let into = &mut [io::IoSliceMut::new(&mut buffer[..want])];
    let read = rustix::io::preadv2(file, into, position, rustix::io::ReadWriteFlags::NOWAIT);
    // Nothing where there should be more is for a patient read to explain.
    let read = read.ok().filter(|&read| read > 0 || want == 0)?;
    body.advance(read);
    Some(read)
}

/// What waiting for a stream body brought.
pub(crate) enum Item {
    Next(Bytes),
    End,
    /// The socket has something to say first.
    Readable,
}

/// The next piece of a stream body, unless something can be read before it comes.
pub(crate) async fn next_item(
    stream: &mut Mutex<ByteStream>,
    io: Option<&mut Stream>,
    deadline: Option<Instant>,
) -> Result<Item> {
    let next = poll_fn(|cx| {
        if let Poll::Ready(item) = poll_item(stream, cx) {
            return Poll::Ready(item.map(|item| item.map_or(Item::End, Item::Next)));
        }
        match &io {
            // An error shows when it is read.
            Some(io) => io.poll_readable(cx).map(|_| Ok(Item::Readable)),
            None => Poll::Pending,
        }
    });
    before(deadline, next)
        .await
        .unwrap_or_else(|_| Err(Error::timeout(ErrorKind::TotalTimeout, None)))
}
