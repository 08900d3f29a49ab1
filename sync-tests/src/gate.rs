//! What the proxies stand on: a listener whose connections have a second handle, so that bytes can go both ways at once.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::Tls;
use crate::front;
use crate::wire::{Carrier, Handshake, Wire};

/// A connection ends at the latest after this long without a byte.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where a proxy finds what it is asked for: nothing is ever looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    by_name: HashMap<String, SocketAddr>,
    all: Option<SocketAddr>,
}

impl Routes {
    /// Sends `name`, which is `host:port` or a host for all its ports, to this address.
    pub(crate) fn add(&mut self, name: &str, to: SocketAddr) {
        self.by_name.insert(name.to_ascii_lowercase(), to);
    }

    /// Sends everything else to this address.
    pub(crate) fn add_all(&mut self, to: SocketAddr) {
        self.all = Some(to);
    }

    /// Finds what `host:port` is. Without a route, `localhost` and loopback addresses are themselves.
    pub(crate) fn find(&self, authority: &str) -> Option<SocketAddr> {
        let authority = authority.to_ascii_lowercase();
        let (host, port) = authority.rsplit_once(':')?;
        let itself = || {
            let local = authority.replacen("localhost:", "127.0.0.1:", 1);
            local
                .parse()
                .ok()
                .filter(|a: &SocketAddr| a.ip().is_loopback())
        };
        let known = [authority.as_str(), host]
            .into_iter()
            .find_map(|name| self.by_name.get(name).copied());
        port.parse::<u16>().ok()?;
        known.or(self.all).or_else(itself)
    }
}

/// One thing that a proxy does in place of its usual answer.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes at once.
    Send(Vec<u8>),
    /// Sends these bytes one by one, a millisecond apart.
    Trickle(Vec<u8>),
    /// Waits. For an answer that must come late; [`Step::Stall`] is for one that never comes.
    Pause(Duration),
    /// Says nothing more until the client closes.
    Stall,
    /// Ends the sending half, and reads until the client closes too.
    Close,
    /// Resets the connection; over TLS, ends it with no close_notify.
    Reset,
    /// Goes on to the next message of this connection.
    Next,
    /// Connects to where the route leads and passes everything on.
    Tunnel,
    /// Does the same until this many bytes have gone to the client, and closes then.
    TunnelUntil(u64),
}

impl Step {
    /// Makes a [`Step::Send`].
    pub fn send(bytes: impl Into<Vec<u8>>) -> Self {
        Step::Send(bytes.into())
    }
}

/// What the steps lead to.
pub(crate) enum Then {
    Next,
    Tunnel(Option<u64>),
    Over,
}

/// The client's end of a connection, for writing while [`Wire`] reads.
pub(crate) enum Side {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Side {
    fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Side::Tcp(tcp) => tcp.shutdown(how),
            Side::Unix(unix) => unix.shutdown(how),
        };
    }
}

impl Write for &Side {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Side::Tcp(tcp) => (&mut &*tcp).write(bytes),
            Side::Unix(unix) => (&mut &*unix).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An accepted connection.
pub(crate) struct Link {
    pub(crate) wire: Wire,
    side: Arc<Side>,
    tcp: TcpStream,
}

impl Link {
    /// Does what is said, in order. A list that says nothing of what follows closes.
    pub(crate) fn play(&mut self, steps: &[Step]) -> io::Result<Then> {
        for step in steps {
            match step {
                Step::Send(bytes) => self.wire.send(bytes)?,
                Step::Trickle(bytes) => {
                    for byte in bytes {
                        self.wire.send([*byte])?;
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                Step::Pause(time) => thread::sleep(*time),
                Step::Stall => {
                    self.wire.drain(PATIENCE);
                    return Ok(Then::Over);
                }
                Step::Close => break,
                Step::Reset => {
                    let _ = SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
                    if matches!(*self.side, Side::Unix(_)) {
                        let _ = self.tcp.shutdown(Shutdown::Both);
                    }
                    return Ok(Then::Over);
                }
                Step::Next => return Ok(Then::Next),
                Step::Tunnel => return Ok(Then::Tunnel(None)),
                Step::TunnelUntil(n) => return Ok(Then::Tunnel(Some(*n))),
            }
        }
        self.wire.finish();
        self.wire.drain(PATIENCE);
        Ok(Then::Over)
    }

    /// Passes bytes on both ways until both sides have ended, or `limit` bytes have gone to the client.
    pub(crate) fn relay(&mut self, origin: TcpStream, limit: Option<u64>) -> io::Result<()> {
        let down = self.pass_down(origin.try_clone()?, limit, Arc::default());
        while let Ok(bytes) = self.wire.read_some() {
            if bytes.is_empty() || (&origin).write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = origin.shutdown(Shutdown::Write);
        let _ = down.join();
        Ok(())
    }

    /// Passes on what the origin sends, on a thread of its own, until it ends; the client then sees an end too,
    /// unless the origin was done with before.
    pub(crate) fn pass_down(
        &self,
        origin: TcpStream,
        limit: Option<u64>,
        done_with: Arc<AtomicBool>,
    ) -> JoinHandle<()> {
        let side = Arc::clone(&self.side);
        thread::spawn(move || {
            let copied = match limit {
                None => io::copy(&mut &origin, &mut &*side),
                Some(n) => io::copy(&mut (&origin).take(n), &mut &*side),
            };
            if done_with.load(Ordering::SeqCst) {
                return;
            }
            if matches!(copied, Ok(n) if Some(n) != limit) {
                side.shutdown(Shutdown::Write);
            } else {
                side.shutdown(Shutdown::Both);
                let _ = origin.shutdown(Shutdown::Both);
            }
        })
    }
}

/// Connects to an origin, as patient as everything here.
pub(crate) fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let origin = TcpStream::connect_timeout(&address, PATIENCE)?;
    origin.set_nodelay(true)?;
    origin.set_read_timeout(Some(PATIENCE))?;
    origin.set_write_timeout(Some(PATIENCE))?;
    Ok(origin)
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    accepted: AtomicUsize,
    open: AtomicUsize,
    sockets: Mutex<HashMap<usize, TcpStream>>,
    handshakes: Mutex<Vec<Result<Handshake, String>>>,
    received: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
}

type Handler = Arc<dyn Fn(&mut Link) -> io::Result<()> + Send + Sync>;

/// A loopback listener on a port that the system chose. Dropping it closes everything.
pub(crate) struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Gate {
    pub(crate) fn open(tls: Tls, handler: Handler) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                while let Ok((tcp, _)) = listener.accept() {
                    if shared.stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
                    let log = Arc::new(Mutex::new(Vec::new()));
                    shared.received.lock().unwrap().push(Arc::clone(&log));
                    shared.open.fetch_add(1, Ordering::SeqCst);
                    let (shared, handler, tls) =
                        (Arc::clone(&shared), Arc::clone(&handler), tls.clone());
                    thread::spawn(move || {
                        let _ = serve(tcp, &tls, number, log, &shared, &handler);
                        shared.sockets.lock().unwrap().remove(&number);
                        shared.open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Gate {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Returns how many connections are open now.
    pub(crate) fn in_use(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    pub(crate) fn handshakes(&self) -> Vec<Result<Handshake, String>> {
        self.shared.handshakes.lock().unwrap().clone()
    }

    /// Returns everything received (deciphered), by connection.
    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        let logs = self.shared.received.lock().unwrap();
        logs.iter().map(|log| log.lock().unwrap().clone()).collect()
    }

    pub(crate) fn close_connections(&self) {
        for socket in self.shared.sockets.lock().unwrap().values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.close_connections();
    }
}

/// Waits until `ready` holds, for two seconds at the most. Blocks the thread.
pub(crate) fn settle(ready: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(2);
    while !ready() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

fn serve(
    tcp: TcpStream,
    tls: &Tls,
    number: usize,
    log: Arc<Mutex<Vec<u8>>>,
    shared: &Shared,
    handler: &Handler,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    shared
        .sockets
        .lock()
        .unwrap()
        .insert(number, tcp.try_clone()?);
    let config = match tls {
        Tls::Off => None,
        Tls::On(config) => Some(config),
        Tls::Sniff(config) => {
            let mut first = [0];
            (tcp.peek(&mut first)? == 1 && first[0] == 0x16).then_some(config)
        }
    };
    let (carrier, side, handshake) = match config {
        None => (
            Carrier::Tcp(tcp.try_clone()?),
            Side::Tcp(tcp.try_clone()?),
            None,
        ),
        Some(config) => {
            let accepted = front::accept(tcp.try_clone()?, config);
            let record = match &accepted {
                Ok((_, handshake)) => Ok(handshake.clone()),
                Err(e) => Err(e.to_string()),
            };
            shared.handshakes.lock().unwrap().push(record);
            let (inner, handshake) = accepted?;
            inner.set_read_timeout(Some(PATIENCE))?;
            (
                Carrier::Unix(inner.try_clone()?),
                Side::Unix(inner),
                Some(handshake),
            )
        }
    };
    let mut link = Link {
        wire: Wire::new(carrier, number, handshake, log),
        side: Arc::new(side),
        tcp,
    };
    let _ = handler(&mut link);
    // The clone kept for shutting down must not outlive the connection's own handles, or a reset would never be sent.
    shared.sockets.lock().unwrap().remove(&number);
    Ok(())
}
