//! A listener that gives every connection to a closure on a thread of its own.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::wire::{Carrier, Handshake, Wire};

/// A closed connection's thread ends at the latest after this long without a byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which connections are TLS.
#[derive(Clone)]
pub enum Tls {
    /// None.
    Off,
    /// All.
    On(Arc<ServerConfig>),
    /// Those whose first byte is a handshake record's.
    Sniff(Arc<ServerConfig>),
}

pub(crate) type Handler = Arc<dyn Fn(&mut Wire) -> io::Result<()> + Send + Sync>;

#[derive(Default)]
pub(crate) struct Shared {
    stopped: AtomicBool,
    accepted: AtomicUsize,
    open: AtomicUsize,
    sockets: Mutex<HashMap<usize, TcpStream>>,
    handshakes: Mutex<Vec<Result<Handshake, String>>>,
    received: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    pub(crate) requests: Mutex<Vec<crate::http::Received>>,
}

/// A loopback server on a port that the system chose. Dropping it closes everything.
pub struct Server {
    address: SocketAddr,
    unix: Option<PathBuf>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a plain server; the closure drives each connection.
    pub fn wire(handler: impl Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Server::start(Tls::Off, Arc::default(), Arc::new(handler))
    }

    /// Starts a server whose connections may be TLS; the closure drives each connection.
    pub fn wire_tls(
        tls: Tls,
        handler: impl Fn(&mut Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Server::start(tls, Arc::default(), Arc::new(handler))
    }

    pub(crate) fn start(tls: Tls, shared: Arc<Shared>, handler: Handler) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
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
                    let _ = tcp.set_nodelay(true);
                    let _ = tcp.set_read_timeout(Some(PATIENCE));
                    let _ = tcp.set_write_timeout(Some(PATIENCE));
                    if let Ok(clone) = tcp.try_clone() {
                        shared.sockets.lock().unwrap().insert(number, clone);
                    }
                    shared.open.fetch_add(1, Ordering::SeqCst);
                    let (shared, handler, tls) =
                        (Arc::clone(&shared), Arc::clone(&handler), tls.clone());
                    thread::spawn(move || {
                        let _closing = Closing {
                            shared: &shared,
                            number,
                        };
                        if let Some(mut wire) = accept(tcp, &tls, number, log, &shared) {
                            // The clone kept for shutting down must not outlive the connection's
                            // own handle, or a reset would never be sent.
                            let _ = handler(&mut wire);
                            shared.sockets.lock().unwrap().remove(&number);
                        }
                    });
                }
            }
        });
        Server {
            address,
            unix: None,
            shared,
            acceptor: Some(acceptor),
        }
    }

    pub(crate) fn start_unix(path: &Path, shared: Arc<Shared>, handler: Handler) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).unwrap();
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                while let Ok((unix, _)) = listener.accept() {
                    if shared.stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
                    let _ = unix.set_read_timeout(Some(PATIENCE));
                    let log = Arc::new(Mutex::new(Vec::new()));
                    shared.received.lock().unwrap().push(Arc::clone(&log));
                    let handler = Arc::clone(&handler);
                    thread::spawn(move || {
                        let _ = handler(&mut Wire::new(Carrier::Unix(unix), number, None, log));
                    });
                }
            }
        });
        Server {
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            unix: Some(path.to_owned()),
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns an `http` URL of it, with a path that begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns an `https` URL of it.
    pub fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Returns how many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Returns how many connections are open now.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Returns the TLS handshakes so far, failures with their reason.
    pub fn handshakes(&self) -> Vec<Result<Handshake, String>> {
        self.shared.handshakes.lock().unwrap().clone()
    }

    /// Returns the whole requests received, of servers that answer by requests.
    pub fn requests(&self) -> Vec<crate::http::Received> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Returns everything received (deciphered), by connection.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let logs = self.shared.received.lock().unwrap();
        logs.iter().map(|log| log.lock().unwrap().clone()).collect()
    }

    /// Waits until `ready` holds, for two seconds at the most. Blocks the thread.
    pub fn settle(&self, ready: impl Fn(&Server) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(2);
        while !ready(self) {
            if Instant::now() > end {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Closes every open connection, as an idle limit would.
    pub fn close_connections(&self) {
        for socket in self.shared.sockets.lock().unwrap().values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        match &self.unix {
            Some(path) => drop(std::os::unix::net::UnixStream::connect(path)),
            None => drop(TcpStream::connect(self.address)),
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.close_connections();
        if let Some(path) = &self.unix {
            let _ = std::fs::remove_file(path);
        }
    }
}

struct Closing<'a> {
    shared: &'a Shared,
    number: usize,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.shared.sockets.lock().unwrap().remove(&self.number);
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn accept(
    tcp: TcpStream,
    tls: &Tls,
    number: usize,
    log: Arc<Mutex<Vec<u8>>>,
    shared: &Shared,
) -> Option<Wire> {
    let config = match tls {
        Tls::Off => None,
        Tls::On(config) => Some(config),
        Tls::Sniff(config) => {
            let mut first = [0];
            match tcp.peek(&mut first) {
                Ok(1) if first[0] == 0x16 => Some(config),
                Ok(1) => None,
                _ => return None,
            }
        }
    };
    let Some(config) = config else {
        return Some(Wire::new(Carrier::Tcp(tcp), number, None, log));
    };
    let mut connection = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut tcp = tcp;
    while connection.is_handshaking() {
        if let Err(e) = connection.complete_io(&mut tcp) {
            shared.handshakes.lock().unwrap().push(Err(e.to_string()));
            return None;
        }
    }
    let handshake = Handshake {
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        server_name: connection.server_name().map(str::to_owned),
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        client_certificate: connection.peer_certificates().is_some(),
        version: format!("{:?}", connection.protocol_version().unwrap()),
    };
    shared
        .handshakes
        .lock()
        .unwrap()
        .push(Ok(handshake.clone()));
    let stream = StreamOwned::new(connection, tcp);
    Some(Wire::new(
        Carrier::Tls(Box::new(stream)),
        number,
        Some(handshake),
        log,
    ))
}
