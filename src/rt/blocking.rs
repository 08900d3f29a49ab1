//! The runtime of the blocking client: plain sockets, poll(2), and the calling thread.
//!
//! The same public names as in `rt/tokio.rs`; what is `async` there returns when it is done here. No thread is
//! started but the resolver's, and under `tower-tokio` one for each application.

#[path = "blocking/connect.rs"]
mod connect;
#[cfg(feature = "http2")]
#[path = "blocking/driver.rs"]
mod driver;
#[cfg(feature = "http2")]
#[path = "h2/mod.rs"]
mod h2;
#[path = "options.rs"]
mod options;
#[path = "blocking/resolver.rs"]
mod resolver;
#[cfg(feature = "tower")]
#[cfg_attr(feature = "tower-tokio", path = "blocking/tokio_runner.rs")]
#[cfg_attr(not(feature = "tower-tokio"), path = "blocking/runner.rs")]
mod runner;
#[cfg(feature = "http2")]
#[path = "blocking/sleeper.rs"]
mod sleeper;
#[cfg_attr(
    all(target_os = "linux", not(dimorph_portable)),
    path = "blocking/system/linux.rs"
)]
#[cfg_attr(
    not(all(target_os = "linux", not(dimorph_portable))),
    path = "blocking/system/portable.rs"
)]
mod system;

use std::cell::Cell;
use std::future::Future;
#[cfg(any(feature = "rustls", feature = "http2"))]
use std::io::IoSlice;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;

use crate::body::{ByteStream, ReadSource, reader_failed};
use crate::config::Wait;
use crate::error::{Error, ErrorKind, Result};

pub(crate) use connect::connect;
#[cfg(feature = "http2")]
pub(crate) use driver::Driver;
#[cfg(feature = "http2")]
pub(crate) use h2::{End, Facts, Wire};
#[cfg(feature = "http2")]
pub(crate) use polled::{LEVEL_TRIGGERED, Watch, poll_item};
pub(crate) use resolver::resolve;
#[cfg(feature = "tower")]
pub(crate) use runner::Runner;

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Arc<Socket>,
    peer: Option<SocketAddr>,
    /// What SO_RCVTIMEO is set to.
    receive_timeout: Option<Duration>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
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
#[cfg_attr(
    not(feature = "http2"),
    allow(dead_code, reason = "here HTTP/2 alone is polled")
)]
#[path = "blocking/polled.rs"]
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
            socket: Arc::new(socket),
            peer,
            receive_timeout: None,
        }
    }

    /// Connects to a Unix socket.
    #[cfg(unix)]
    pub(crate) fn connect_unix(path: &std::path::Path, wait: Wait) -> io::Result<Stream> {
        let now = Instant::now();
        let left = wait.deadline(now).map(|deadline| deadline - now);
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        // SO_SNDTIMEO limits connect(2) to a listener whose queue is full.
        socket.set_write_timeout(left)?;
        match socket.connect(&socket2::SockAddr::unix(path)?) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            other => other?,
        }
        socket.set_write_timeout(None)?;
        system::connected(&socket)?;
        Ok(Stream::new(Socket::Unix(socket.into()), None))
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Receives into `buffer`; 0 is the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        if !waits_in_the_kernel(wait) {
            return self.poll_then(wait, PollFlags::IN, |stream| stream.try_read(&mut *buffer));
        }
        self.set_receive_timeout(wait.each)?;
        loop {
            match each!(&*self.socket, s => (&*s).read(buffer)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                other => return other,
            }
        }
    }

    /// Receives into the spare capacity of `buffer`; 0 is the end.
    pub(crate) fn read_spare(&mut self, buffer: &mut Vec<u8>, wait: Wait) -> io::Result<usize> {
        let now = !waits_in_the_kernel(wait);
        let flags = if now {
            system::RECEIVE_NOW
        } else {
            self.set_receive_timeout(wait.each)?;
            RecvFlags::empty()
        };
        let receive = |stream: &Stream, buffer: &mut Vec<u8>| loop {
            let spare = rustix::buffer::spare_capacity(buffer);
            match each!(&*stream.socket, s => rustix::net::recv(s, spare, flags)) {
                Ok((received, _)) => return Ok(received),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error)),
            }
        };
        if now {
            return self.poll_then(wait, PollFlags::IN, |stream| receive(stream, &mut *buffer));
        }
        receive(self, buffer).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        })
    }

    /// Receives what the kernel has now.
    #[cfg(any(feature = "rustls", feature = "http2"))]
    pub(crate) fn receive_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }

    /// Receives what is there now.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match each!(&*self.socket, s => rustix::net::recv(s, &mut *buffer, system::RECEIVE_NOW))
            {
                Ok((received, _)) => return Ok(received),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends what goes out now.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match each!(&*self.socket, s => rustix::net::send(s, bytes, system::SEND_NOW)) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    /// Sends what goes out now of several pieces.
    #[cfg(any(feature = "rustls", feature = "http2"))]
    pub(crate) fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match each!(&*self.socket, s => system::send_pieces_now(s, pieces)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Waits until the socket can be read or written, as asked.
    pub(crate) fn ready(&mut self, read: bool, write: bool, wait: Wait) -> io::Result<Ready> {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, read);
        interest.set(PollFlags::OUT, write);
        let deadline = wait.deadline(Instant::now());
        let events = each!(&*self.socket, s => poll_one(PollFd::new(s, interest), deadline))?;
        let failed = events.intersects(PollFlags::ERR | PollFlags::HUP);
        Ok(Ready {
            read: read && (failed || events.contains(PollFlags::IN)),
            write: write && (failed || events.contains(PollFlags::OUT)),
        })
    }

    /// Tells whether the socket can be used here: everywhere.
    pub(crate) fn is_at_home(&self) -> bool {
        true
    }

    /// Tells whether an idle connection is silent, as it must be to be used again.
    pub(crate) fn is_silent(&self) -> bool {
        self.socket.is_silent()
    }

    fn poll_then<R>(
        &mut self,
        wait: Wait,
        interest: PollFlags,
        mut act: impl FnMut(&mut Stream) -> io::Result<R>,
    ) -> io::Result<R> {
        let deadline = wait.deadline(Instant::now());
        loop {
            match act(self) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    each!(&*self.socket, s => poll_one(PollFd::new(s, interest), deadline))?;
                }
                other => return other,
            }
        }
    }

    fn set_receive_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if self.receive_timeout != timeout {
            // The kernel takes microseconds in a signed 64-bit field; what is longer is no limit.
            let limit = timeout.filter(|t| t.as_secs() < i64::MAX as u64 / 1_000_000_000);
            each!(&*self.socket, s => s.set_read_timeout(limit))?;
            self.receive_timeout = timeout;
        }
        Ok(())
    }
}

impl Socket {
    fn is_silent(&self) -> bool {
        let mut byte = [0u8; 1];
        loop {
            match each!(self, s => rustix::net::recv(s, &mut byte[..], RecvFlags::PEEK | system::RECEIVE_NOW))
            {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                // The end, an error, or bytes that would answer the next request.
                _ => return false,
            }
        }
    }
}

/// Tells whether a read with this wait may sleep in recv(2): what has a deadline may not, since SO_RCVTIMEO begins anew with each call.
fn waits_in_the_kernel(wait: Wait) -> bool {
    system::READS_WAIT && wait.until.is_none() && wait.each != Some(Duration::ZERO)
}

/// Polls one descriptor until the deadline; `TimedOut` past it.
fn poll_one(fd: PollFd<'_>, deadline: Option<Instant>) -> io::Result<PollFlags> {
    let mut fds = [fd];
    poll_many(&mut fds, deadline)?;
    Ok(fds[0].revents())
}

fn poll_many(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos() as _,
        });
        match rustix::event::poll(fds, timeout.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// How often who waits for a connection looks at those that others hold.
pub(crate) const LOOK: Option<Duration> = Some(Duration::from_millis(50));

/// Does what may take a while, here.
pub(crate) fn off_loop<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Something that happens once, and is waited for.
#[derive(Debug, Default)]
pub(crate) struct Event {
    happened: Mutex<bool>,
    changed: Condvar,
}

impl Event {
    pub(crate) fn notify(&self) {
        *self.happened.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Waits; `false`: the deadline came first.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut happened = self.happened.lock().unwrap_or_else(PoisonError::into_inner);
        while !*happened {
            happened = match deadline {
                None => self
                    .changed
                    .wait(happened)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed
                        .wait_timeout(happened, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        true
    }
}

/// Sleeps.
pub(crate) fn sleep_until(deadline: Instant) {
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
}

/// Polls a future on this thread until it is done; `None`: the deadline came first.
pub(crate) fn drive<T>(
    mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>,
    deadline: Option<Instant>,
) -> Option<T> {
    poll_until(|cx| future.as_mut().poll(cx), deadline)
}

/// Does something that is to be over by a deadline: by that of a wait around it, where that one is earlier. The work gets it told.
fn within<T>(deadline: Option<Instant>, work: impl FnOnce(Option<Instant>) -> T) -> T {
    thread_local! {
        /// By when the innermost wait that this thread is in has to be over.
        static AROUND: Cell<Option<Instant>> = const { Cell::new(None) };
    }
    struct Restore(Option<Instant>);
    impl Drop for Restore {
        fn drop(&mut self) {
            AROUND.set(self.0);
        }
    }
    let around = Restore(AROUND.get());
    let deadline = around.0.into_iter().chain(deadline).min();
    AROUND.set(deadline);
    work(deadline)
}

/// Polls on this thread until there is a value; `None`: the deadline came first.
fn poll_until<T>(
    poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    deadline: Option<Instant>,
) -> Option<T> {
    within(deadline, |deadline| poll_within(poll, deadline))
}

fn poll_within<T>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    deadline: Option<Instant>,
) -> Option<T> {
    /// Woken before is remembered: a wait inside the poll may take the thread's own token.
    struct Unpark(Thread, AtomicBool);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.1.store(true, Ordering::Release);
            self.0.unpark();
        }
    }
    let unpark = Arc::new(Unpark(std::thread::current(), AtomicBool::new(false)));
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return Some(value);
        }
        while !unpark.1.swap(false, Ordering::Acquire) {
            match deadline {
                None => std::thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    std::thread::park_timeout(left);
                }
            }
        }
        // One that wakes itself all the time does not outlast the deadline.
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
    }
}

/// A read that a poll began: nothing is polled here.
#[derive(Debug)]
pub(crate) struct Pending<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending(std::marker::PhantomData)
    }
}

impl<T> Pending<T> {
    pub(crate) fn is_idle(&self) -> bool {
        true
    }

    /// What was to be done is done when it comes here.
    pub(crate) fn run(&mut self, value: T) -> Option<T> {
        Some(value)
    }

    pub(crate) fn settle(&mut self) -> Option<T> {
        None
    }
}

/// A reader of a request body, read here.
#[derive(Debug)]
pub(crate) struct BodyReader {
    source: ReadSource,
    buffer: Vec<u8>,
}

impl BodyReader {
    pub(crate) fn new(source: ReadSource) -> Self {
        BodyReader {
            source,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.source, ReadSource::File(_))
    }

    /// Reads the next piece; empty at the end. A reader cannot be interrupted: the deadline is looked at between pieces.
    pub(crate) fn next(&mut self, _deadline: Option<Instant>) -> Result<&[u8]> {
        let read = self
            .source
            .read_next(&mut self.buffer)
            .map_err(reader_failed)?;
        Ok(&self.buffer[..read])
    }
}

/// What waiting for a stream body brought.
#[allow(dead_code, reason = "the async form makes all of them")]
pub(crate) enum Item {
    Next(Bytes),
    End,
    /// The socket has something to say first.
    Readable,
}

/// A stream has no place in the blocking client.
pub(crate) fn next_item(
    _stream: &mut Mutex<ByteStream>,
    _io: Option<&mut Stream>,
    _deadline: Option<Instant>,
) -> Result<Item> {
    Err(no_stream())
}

fn no_stream() -> Error {
    Error::new(
        ErrorKind::LocalProtocolError,
        "the blocking client cannot send an async stream: give it a reader (`Body::from_reader`), or use `AsyncClient`",
    )
}
