//! An HTTP proxy that does as it is told, and remembers what it was asked.
//!
//! It forwards absolute-form requests and tunnels `CONNECT`, to loopback addresses that the test names: a host is whatever its route
//! says, and nothing is looked up. In place of the usual answer it plays [`Step`]s.
//!
//! ```no_run
//! use sync_tests::{Proxy, Reply, Server, Step};
//!
//! let origin = Server::answering(sync_tests::certs::tls(), |_| Reply::ok("hello"));
//! let proxy = Proxy::builder()
//!     .route("origin.test", origin.address())
//!     .credentials("user", "pass")
//!     .start();
//! // https://origin.test/ through `proxy.url_as("user:pass")` says hello.
//! assert_eq!(proxy.requests()[0].target, "origin.test:443");
//!
//! let hostile = Proxy::builder()
//!     .answer_connect("HTTP/1.1 403 Forbidden\r\nset-cookie: a=b\r\ncontent-length: 4\r\n\r\n<p/>")
//!     .start();
//! ```

mod forward;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::gate::{self, Gate, Link, Routes, Step, Then};
use crate::wire::{Handshake, Head};
use crate::{Received, Tls};

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"proxy\"\r\n\
                       content-length: 0\r\n\r\n";
const UNKNOWN: &str = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";

type Script = Box<dyn Fn(&Received, usize) -> Option<Vec<Step>> + Send + Sync>;

/// What a [`Proxy`] is to do; made by [`Proxy::builder`].
pub struct ProxyBuilder {
    tls: Tls,
    plan: Plan,
}

struct Plan {
    routes: Routes,
    authorization: Option<String>,
    on_connect: Script,
    on_forward: Script,
}

impl ProxyBuilder {
    /// Sets which connections to the proxy are TLS. None, by default.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Takes this address for `name`, which is `host:port`, or a host whatever the port.
    #[must_use]
    pub fn route(mut self, name: &str, to: SocketAddr) -> Self {
        self.plan.routes.add(name, to);
        self
    }

    /// Takes this address for every host that has no route of its own.
    #[must_use]
    pub fn route_all(mut self, to: SocketAddr) -> Self {
        self.plan.routes.add_all(to);
        self
    }

    /// Answers 407 to everything that has not these Basic credentials. The connection stays open.
    #[must_use]
    pub fn credentials(mut self, user: &str, password: &str) -> Self {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.plan.authorization = Some(format!("Basic {encoded}"));
        self
    }

    /// Asks the closure what to do with each CONNECT, by the request and how many came before it; `None` is the usual.
    ///
    /// It is asked before credentials and routes are looked at. [`Step::Tunnel`] says nothing by itself:
    /// the 200 is a [`Step::Send`] of the list, or is missing.
    #[must_use]
    pub fn on_connect(
        mut self,
        script: impl Fn(&Received, usize) -> Option<Vec<Step>> + Send + Sync + 'static,
    ) -> Self {
        self.plan.on_connect = Box::new(script);
        self
    }

    /// Does this with every CONNECT.
    #[must_use]
    pub fn connect_steps(self, steps: impl Into<Vec<Step>>) -> Self {
        let steps = steps.into();
        self.on_connect(move |_, _| Some(steps.clone()))
    }

    /// Answers every CONNECT with these bytes, and nothing more until the client closes.
    #[must_use]
    pub fn answer_connect(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.connect_steps([Step::send(bytes), Step::Stall])
    }

    /// Asks the closure what to do with each forwarded request, as [`on_connect`](Self::on_connect) does for tunnels.
    #[must_use]
    pub fn on_forward(
        mut self,
        script: impl Fn(&Received, usize) -> Option<Vec<Step>> + Send + Sync + 'static,
    ) -> Self {
        self.plan.on_forward = Box::new(script);
        self
    }

    /// Does this with every forwarded request.
    #[must_use]
    pub fn forward_steps(self, steps: impl Into<Vec<Step>>) -> Self {
        let steps = steps.into();
        self.on_forward(move |_, _| Some(steps.clone()))
    }

    /// Starts it.
    pub fn start(self) -> Proxy {
        let (log, plan) = (Arc::<Log>::default(), self.plan);
        let over_tls = matches!(self.tls, Tls::On(_));
        let gate = Gate::open(self.tls, {
            let log = Arc::clone(&log);
            Arc::new(move |link: &mut Link| plan.serve(link, &log))
        });
        Proxy {
            gate,
            log,
            over_tls,
        }
    }
}

#[derive(Default)]
struct Log {
    requests: Mutex<Vec<Received>>,
    connects: AtomicUsize,
    forwards: AtomicUsize,
    tunnels: AtomicUsize,
}

/// A proxy on a port that the system chose. Dropping it closes everything.
pub struct Proxy {
    gate: Gate,
    log: Arc<Log>,
    over_tls: bool,
}

impl Proxy {
    /// Begins one that is plain, asks for no credentials, and knows only loopback addresses.
    pub fn builder() -> ProxyBuilder {
        ProxyBuilder {
            tls: Tls::Off,
            plan: Plan {
                routes: Routes::default(),
                authorization: None,
                on_connect: Box::new(|_, _| None),
                on_forward: Box::new(|_, _| None),
            },
        }
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// Returns its URL, as a client is told it.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address())
    }

    /// Returns its URL with userinfo, which is to be percent-encoded already.
    pub fn url_as(&self, userinfo: &str) -> String {
        format!("{}://{userinfo}@{}", self.scheme(), self.address())
    }

    fn scheme(&self) -> &'static str {
        if self.over_tls { "https" } else { "http" }
    }

    /// Returns the requests it was sent, CONNECT and others, in their order: heads as they came, and bodies of forwarded requests.
    pub fn requests(&self) -> Vec<Received> {
        self.log.requests.lock().unwrap().clone()
    }

    /// Returns how many tunnels it opened to an origin.
    pub fn tunnels(&self) -> usize {
        self.log.tunnels.load(Ordering::SeqCst)
    }

    /// Returns how many connections it accepted.
    pub fn connections(&self) -> usize {
        self.gate.connections()
    }

    /// Returns how many connections are open now.
    pub fn in_use(&self) -> usize {
        self.gate.in_use()
    }

    /// Returns everything received by connection: without the proxy's own TLS, with that inside a tunnel.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.gate.received()
    }

    /// Returns the TLS handshakes with the proxy itself, failures with their reason.
    pub fn handshakes(&self) -> Vec<Result<Handshake, String>> {
        self.gate.handshakes()
    }

    /// Waits until `ready` holds, for two seconds at the most. Blocks the thread.
    pub fn settle(&self, ready: impl Fn(&Proxy) -> bool) -> bool {
        gate::settle(|| ready(self))
    }

    /// Closes every open connection.
    pub fn close_connections(&self) {
        self.gate.close_connections();
    }
}

impl Plan {
    fn serve(&self, link: &mut Link, log: &Log) -> io::Result<()> {
        let mut upstream = None;
        while let Some(head) = link.wire.read_head()? {
            let request = received(link, &head);
            let at = {
                let mut requests = log.requests.lock().unwrap();
                requests.push(request.clone());
                requests.len() - 1
            };
            let connect = head.method == "CONNECT";
            let (script, count) = if connect {
                (&self.on_connect, &log.connects)
            } else {
                (&self.on_forward, &log.forwards)
            };
            let before = count.fetch_add(1, Ordering::SeqCst);
            let authority = if connect {
                Some(head.target.clone())
            } else {
                forward::authority(&head.target)
            };
            let route = authority.and_then(|authority| self.routes.find(&authority));
            let steps = script(&request, before).unwrap_or_else(|| match route {
                _ if !self.admits(&head) => vec![Step::send(REFUSED), Step::Next],
                None => vec![Step::send(UNKNOWN), Step::Next],
                Some(_) if connect => vec![Step::send(ESTABLISHED), Step::Tunnel],
                Some(_) => vec![Step::Tunnel],
            });
            let body = |bytes: &[u8]| {
                log.requests.lock().unwrap()[at]
                    .body
                    .extend_from_slice(bytes);
            };
            match (link.play(&steps)?, route) {
                (Then::Over, _) | (Then::Tunnel(_), None) => return Ok(()),
                (Then::Next, _) => body(&link.wire.read_body(&head)?),
                (Then::Tunnel(limit), Some(address)) if connect => {
                    log.tunnels.fetch_add(1, Ordering::SeqCst);
                    return link.relay(gate::dial(address)?, limit);
                }
                (Then::Tunnel(limit), Some(address)) => {
                    forward::forward(link, &mut upstream, address, limit, &head, &body)?;
                }
            }
        }
        Ok(())
    }

    fn admits(&self, head: &Head) -> bool {
        let wanted = self.authorization.as_deref();
        wanted.is_none() || wanted == head.header("proxy-authorization")
    }
}

fn received(link: &Link, head: &Head) -> Received {
    let mut request = crate::http::received(&link.wire, head.clone(), Vec::new());
    request.tls = link.wire.handshake.is_some();
    request
}
