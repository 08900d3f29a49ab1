//! A SOCKS5 server (RFC 1928, RFC 1929) that does as it is told, and remembers what it was asked.
//!
//! It connects to loopback addresses that the test names, whatever host is asked for, and looks nothing up. At each of its answers it
//! can play [`Step`]s instead: [`Step::Next`] then goes on to the next message, [`Step::Tunnel`] passes everything on.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use crate::Tls;
use crate::gate::{self, Gate, Link, Routes, Step, Then};

/// An answer of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Which method of authentication it picks.
    Method,
    /// Whether the credentials are right.
    Credentials,
    /// Whether it has connected.
    Connect,
}

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// An address.
    Address(IpAddr, u16),
    /// A name, for the server to look up.
    Name(String, u16),
}

/// One client's part of the exchange, as far as it went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The methods it offered.
    pub methods: Vec<u8>,
    /// The user and password it sent.
    pub credentials: Option<(Vec<u8>, Vec<u8>)>,
    /// What it asked to be connected to.
    pub asked: Option<Asked>,
}

/// What a [`Socks`] is to do; made by [`Socks::builder`].
#[derive(Default)]
pub struct SocksBuilder {
    routes: Routes,
    credentials: Option<(Vec<u8>, Vec<u8>)>,
    steps: HashMap<Stage, Vec<Step>>,
    trickle: bool,
}

impl SocksBuilder {
    /// Takes this address for `name`, which is `host:port`, or a host whatever the port.
    #[must_use]
    pub fn route(mut self, name: &str, to: SocketAddr) -> Self {
        self.routes.add(name, to);
        self
    }

    /// Takes this address for everything that has no route of its own.
    #[must_use]
    pub fn route_all(mut self, to: SocketAddr) -> Self {
        self.routes.add_all(to);
        self
    }

    /// Wants a user and a password. Without this it wants none, and takes none.
    #[must_use]
    pub fn credentials(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Plays these steps in place of an answer.
    #[must_use]
    pub fn at(mut self, stage: Stage, steps: impl Into<Vec<Step>>) -> Self {
        self.steps.insert(stage, steps.into());
        self
    }

    /// Sends its own answers byte by byte.
    #[must_use]
    pub fn trickle(mut self) -> Self {
        self.trickle = true;
        self
    }

    /// Starts it.
    pub fn start(self) -> Socks {
        let log = Arc::<Mutex<Vec<Exchange>>>::default();
        let gate = Gate::open(Tls::Off, {
            let log = Arc::clone(&log);
            Arc::new(move |link: &mut Link| {
                let at = {
                    let mut log = log.lock().unwrap();
                    log.push(Exchange::default());
                    log.len() - 1
                };
                self.serve(link, &|note| note(&mut log.lock().unwrap()[at]))
            })
        });
        Socks { gate, log }
    }
}

/// A SOCKS5 server on a port that the system chose. Dropping it closes everything.
pub struct Socks {
    gate: Gate,
    log: Arc<Mutex<Vec<Exchange>>>,
}

impl Socks {
    /// Begins one that wants no credentials, and knows only loopback addresses.
    pub fn builder() -> SocksBuilder {
        SocksBuilder::default()
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// Returns its `socks5` URL: names are looked up by the client.
    pub fn url(&self) -> String {
        format!("socks5://{}", self.address())
    }

    /// Returns its `socks5h` URL: names are looked up by the server.
    pub fn url_h(&self) -> String {
        format!("socks5h://{}", self.address())
    }

    /// Returns its `socks5h` URL with userinfo, which is to be percent-encoded already.
    pub fn url_h_as(&self, userinfo: &str) -> String {
        format!("socks5h://{userinfo}@{}", self.address())
    }

    /// Returns what each connection said, in the order of their first bytes.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.log.lock().unwrap().clone()
    }

    /// Returns what was asked for, of the connections that came so far.
    pub fn asked(&self) -> Vec<Asked> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter_map(|exchange| exchange.asked.clone())
            .collect()
    }

    /// Returns how many connections it accepted.
    pub fn connections(&self) -> usize {
        self.gate.connections()
    }

    /// Returns how many connections are open now.
    pub fn in_use(&self) -> usize {
        self.gate.in_use()
    }

    /// Returns everything received, by connection.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.gate.received()
    }

    /// Waits until `ready` holds, for two seconds at the most. Blocks the thread.
    pub fn settle(&self, ready: impl Fn(&Socks) -> bool) -> bool {
        gate::settle(|| ready(self))
    }

    /// Closes every open connection.
    pub fn close_connections(&self) {
        self.gate.close_connections();
    }
}

type Note<'a> = &'a dyn Fn(&dyn Fn(&mut Exchange));

impl SocksBuilder {
    /// Answers, or does what the test said in place of it.
    fn answer(
        &self,
        link: &mut Link,
        stage: Stage,
        answer: &[u8],
        goes_on: Step,
    ) -> io::Result<Then> {
        if let Some(steps) = self.steps.get(&stage) {
            return link.play(steps);
        }
        let bytes = answer.to_vec();
        let send = match self.trickle {
            true => Step::Trickle(bytes),
            false => Step::Send(bytes),
        };
        link.play(&[send, goes_on])
    }

    fn serve(&self, link: &mut Link, note: Note<'_>) -> io::Result<()> {
        let count = link.wire.read_exactly(2)?[1];
        let methods = link.wire.read_exactly(count.into())?;
        note(&|exchange| exchange.methods.clone_from(&methods));
        let wanted = if self.credentials.is_some() { 2 } else { 0 };
        // RFC 1928 section 3: X'FF' where no method suits.
        let (method, goes_on) = match methods.contains(&wanted) {
            true => (wanted, Step::Next),
            false => (0xff, Step::Close),
        };
        let Then::Next = self.answer(link, Stage::Method, &[5, method], goes_on)? else {
            return Ok(());
        };

        if let Some(expected) = &self.credentials {
            // RFC 1929 section 2.
            let length = link.wire.read_exactly(2)?[1];
            let user = link.wire.read_exactly(length.into())?;
            let length = link.wire.read_exactly(1)?[0];
            let password = link.wire.read_exactly(length.into())?;
            let given = (user, password);
            note(&|exchange| exchange.credentials = Some(given.clone()));
            let (status, goes_on) = match given == *expected {
                true => (0, Step::Next),
                false => (1, Step::Close),
            };
            let answer = self.answer(link, Stage::Credentials, &[1, status], goes_on)?;
            let Then::Next = answer else {
                return Ok(());
            };
        }

        let asked = read_request(link)?;
        note(&|exchange| exchange.asked = Some(asked.clone()));
        let authority = match &asked {
            Asked::Address(ip, port) => SocketAddr::new(*ip, *port).to_string(),
            Asked::Name(name, port) => format!("{name}:{port}"),
        };
        let route = self.routes.find(&authority);
        // RFC 1928 section 6: 0 is success, 4 an unreachable host; the address that follows means nothing to a client.
        let (status, goes_on) = match route {
            Some(_) => (0, Step::Tunnel),
            None => (4, Step::Close),
        };
        let answer = [5, status, 0, 1, 0, 0, 0, 0, 0, 0];
        let then = self.answer(link, Stage::Connect, &answer, goes_on)?;
        match (then, route) {
            (Then::Tunnel(limit), Some(address)) => link.relay(gate::dial(address)?, limit),
            _ => Ok(()),
        }
    }
}

/// Reads a CONNECT request (RFC 1928 section 4).
fn read_request(link: &mut Link) -> io::Result<Asked> {
    let head = link.wire.read_exactly(4)?;
    let [5, 1, 0, kind] = head[..] else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let length = match kind {
        1 => 4,
        3 => link.wire.read_exactly(1)?[0].into(),
        4 => 16,
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let host = link.wire.read_exactly(length)?;
    let port = link.wire.read_exactly(2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    Ok(match kind {
        1 => {
            let octets: [u8; 4] = host.try_into().unwrap();
            Asked::Address(Ipv4Addr::from(octets).into(), port)
        }
        4 => {
            let octets: [u8; 16] = host.try_into().unwrap();
            Asked::Address(Ipv6Addr::from(octets).into(), port)
        }
        _ => Asked::Name(String::from_utf8_lossy(&host).into_owned(), port),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::curl;
    use crate::{Reply, Server};

    #[test]
    fn connects_whatever_the_name_and_remembers_it() {
        let origin = Server::http(|_| Reply::ok("in"));
        for trickle in [false, true] {
            let mut builder = Socks::builder().route("origin.test:80", origin.address());
            builder.trickle = trickle;
            let socks = builder.credentials("user", "pass").start();
            let answer = curl(&["-x", &socks.url_h_as("user:pass"), "http://origin.test/"]);
            assert_eq!(answer.unwrap().pair(), (200, b"in".as_slice()));
            let answer = curl(&["-x", &socks.url_h_as("user:no"), "http://origin.test/"]);
            assert_eq!(answer.unwrap().exit, 97);
            let exchanges = socks.exchanges();
            assert_eq!(
                exchanges[0].credentials,
                Some((b"user".into(), b"pass".into()))
            );
            assert_eq!(
                exchanges[0].asked,
                Some(Asked::Name("origin.test".into(), 80))
            );
            assert_eq!(exchanges[1].asked, None);
            assert!(socks.settle(|socks| socks.in_use() == 0));
        }
        let socks = Socks::builder().start();
        let url = format!("http://localhost:{}/", origin.port());
        let answer = curl(&["-4", "-x", &socks.url(), &url]).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let localhost = Asked::Address(Ipv4Addr::LOCALHOST.into(), origin.port());
        assert_eq!(socks.asked(), [localhost]);
        let answer = curl(&["-x", &socks.url_h(), "http://elsewhere.test/"]).unwrap();
        assert_eq!(answer.exit, 97);
    }

    #[test]
    fn does_as_it_is_told() {
        for (stage, steps, exit) in [
            (
                Stage::Method,
                vec![Step::send(b"\x04\x00"), Step::Stall],
                97,
            ),
            (Stage::Method, vec![Step::Close], 97),
            (
                Stage::Connect,
                vec![Step::send(b"\x05\x00\x00\x09"), Step::Close],
                97,
            ),
            (Stage::Connect, vec![Step::Stall], 28),
        ] {
            let socks = Socks::builder().at(stage, steps.clone()).start();
            let at = socks.url_h();
            let answer = curl(&["-m", "0.5", "-x", &at, "http://a.test/"]).unwrap();
            assert_eq!(answer.exit, exit, "{steps:?} {answer:?}");
        }
    }
}
