//! A hyper server on a runtime and a thread of its own, which speaks HTTP/2 and HTTP/1.1, and tells what it saw.

mod answers;
mod connection;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};

use super::tap::{Frame, Frames};
use connection::serve;

/// What a [`Hyper`] is to do; made by [`Hyper::builder`].
#[derive(Clone)]
pub(crate) struct Plan {
    tls: Option<Vec<&'static str>>,
    streams: Option<u32>,
    faults: Option<u64>,
    goaways: Option<u64>,
    digest: Option<SocketAddr>,
}

impl Plan {
    /// Speaks TLS, and takes these protocols of those that the client offers by ALPN; of an empty list, says nothing of ALPN.
    pub(crate) fn tls(mut self, alpn: &[&'static str]) -> Self {
        self.tls = Some(alpn.to_vec());
        self
    }

    /// Lets a client have so many streams open on a connection.
    pub(crate) fn streams(mut self, most: u32) -> Self {
        self.streams = Some(most);
        self
    }

    /// Ends the connection at about each `n`-th request, in one of several ways.
    pub(crate) fn faults(mut self, n: u64) -> Self {
        self.faults = Some(n);
        self
    }

    /// Says GOAWAY with each `n`-th request.
    pub(crate) fn goaways(mut self, n: u64) -> Self {
        self.goaways = Some(n);
        self
    }

    /// Asks this HTTP/1.1 server what to answer to `/digest…`.
    pub(crate) fn digest(mut self, server: SocketAddr) -> Self {
        self.digest = Some(server);
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Hyper {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::new());
        let (orders, _) = broadcast::channel(64);
        let secure = self.tls.is_some();
        let thread = {
            let (seen, orders) = (Arc::clone(&seen), orders.clone());
            thread::Builder::new()
                .name("hyper".to_owned())
                .spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build();
                    runtime
                        .unwrap()
                        .block_on(accept(listener, Arc::new(self), seen, orders));
                })
        };
        Hyper {
            address,
            secure,
            seen,
            orders,
            thread: Some(thread.unwrap()),
        }
    }
}

/// What every connection of a server is told.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// GOAWAY, and an end when what was begun is over.
    Shut,
    /// An end at once.
    Cut,
    /// The same, and no new connection.
    Stop,
}

/// The running server. It ends with this value.
pub(crate) struct Hyper {
    address: SocketAddr,
    secure: bool,
    seen: Arc<Seen>,
    orders: broadcast::Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Hyper {
    /// Begins one without TLS.
    pub(crate) fn builder() -> Plan {
        Plan {
            tls: None,
            streams: None,
            faults: None,
            goaways: None,
            digest: None,
        }
    }

    /// Starts one without TLS.
    pub(crate) fn plain() -> Hyper {
        Hyper::builder().start()
    }

    /// Starts one with TLS that prefers HTTP/2.
    pub(crate) fn secure() -> Hyper {
        Hyper::builder().tls(&["h2", "http/1.1"]).start()
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a URL of it; its certificate is good for the host.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Returns how many connections it accepted.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Returns how many of them are open.
    pub(crate) fn open(&self) -> usize {
        self.seen.open.now()
    }

    /// Returns how many requests are not answered to their end yet.
    pub(crate) fn streams(&self) -> usize {
        self.seen.streams.now()
    }

    /// Returns how many answers wait to be let go.
    pub(crate) fn held(&self) -> usize {
        self.seen.held.now()
    }

    /// Lets so many answers go that wait, or will.
    pub(crate) fn let_go(&self, answers: usize) {
        self.seen.gate.add_permits(answers);
    }

    /// Returns `METHOD path` of the requests so far, in the order of their coming.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Returns how often each `/nonce` was asked for by POST.
    pub(crate) fn ledger(&self) -> HashMap<u64, u32> {
        self.seen.ledger.lock().unwrap().clone()
    }

    /// Returns how many frames of this type clients sent.
    pub(crate) fn frames(&self, kind: Frame) -> u64 {
        self.seen.frames.of(kind)
    }

    /// Returns how many frames of this type it sent.
    pub(crate) fn frames_sent(&self, kind: Frame) -> u64 {
        self.seen.frames_sent.of(kind)
    }

    /// Says GOAWAY on every connection, and closes each when its streams have ended.
    pub(crate) fn shut_connections(&self) {
        let _ = self.orders.send(Order::Shut);
    }

    /// Closes every connection, whatever is on it.
    pub(crate) fn cut_connections(&self) {
        let _ = self.orders.send(Order::Cut);
    }

    /// Lets a server go on that [froze](answers) at a request.
    pub(crate) fn thaw(&self) {
        self.seen.thaw();
    }
}

impl Drop for Hyper {
    fn drop(&mut self) {
        self.seen.thaw();
        let thread = self.thread.take().expect("it is there until here");
        // Said until it is heard: who waits for a thread that does not end waits for ever.
        while !thread.is_finished() {
            let _ = self.orders.send(Order::Stop);
            thread::sleep(Duration::from_millis(1));
        }
        let ended = thread.join();
        if !thread::panicking() {
            ended.unwrap();
        }
    }
}

/// What a server saw so far.
struct Seen {
    connections: AtomicUsize,
    open: Counter,
    streams: Counter,
    held: Counter,
    gate: Semaphore,
    thawed: (Mutex<bool>, Condvar),
    requests: Mutex<Vec<String>>,
    ledger: Mutex<HashMap<u64, u32>>,
    frames: Arc<Frames>,
    frames_sent: Arc<Frames>,
    turns: AtomicU64,
}

impl Seen {
    fn new() -> Self {
        Seen {
            connections: AtomicUsize::new(0),
            open: Counter::default(),
            streams: Counter::default(),
            held: Counter::default(),
            gate: Semaphore::new(0),
            thawed: Default::default(),
            requests: Mutex::default(),
            ledger: Mutex::default(),
            frames: Arc::default(),
            frames_sent: Arc::default(),
            turns: AtomicU64::new(0),
        }
    }

    fn thaw(&self) {
        *self.thawed.0.lock().unwrap() = true;
        self.thawed.1.notify_all();
    }

    /// Stops the server's only thread.
    fn freeze(&self) {
        let thawed = self.thawed.0.lock().unwrap();
        let _thawed = self.thawed.1.wait_while(thawed, |thawed| !*thawed).unwrap();
    }
}

/// How many there are of something.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Makes it one more until the value ends.
    fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }
}

struct One(Counter);

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(
    listener: TcpListener,
    plan: Arc<Plan>,
    seen: Arc<Seen>,
    orders: broadcast::Sender<Order>,
) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let mut own = orders.subscribe();
    loop {
        let order = tokio::select! {
            accepted = listener.accept() => {
                let (socket, _) = accepted.unwrap();
                tokio::spawn(serve(socket, Arc::clone(&plan), Arc::clone(&seen), orders.subscribe()));
                continue;
            }
            order = own.recv() => order,
        };
        if let Ok(Order::Stop) | Err(RecvError::Closed) = order {
            // The runtime ends with this function, and every connection with the runtime.
            return;
        }
    }
}
