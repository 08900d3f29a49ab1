//! A server that speaks HTTP/2 frame by frame, well or as badly as a test wants.
//!
//! A script drives each connection by its [`Link`]: [`Link::open`] takes the client's preface, [`Link::head`] and [`Link::whole`] wait for
//! requests, [`Link::answer`] answers within the client's windows, [`Link::send`] sends any frame whatsoever. Whatever the script does, the
//! peer keeps books: what it was asked, which frames came, and what the client did that RFC 9113 forbids ([`H2Peer::violations`]).

mod answer;
mod books;
mod frame;
mod hpack;
mod huffman;
mod ledger;
mod link;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use answer::{Answer, in_pieces, pattern};
pub use frame::{Frame, PREFACE, code, flag, kind, setting};
pub use hpack::{Decoder, Field, literals, remembered, write_integer};
pub use ledger::Asked;
pub use link::{Link, Settings};

use crate::certs::certs;
use crate::server::{Server, Tls};
use crate::wire::Wire;
use ledger::Ledger;

/// A loopback server of scripted connections. Over TLS, one that agreed on HTTP/1.1 is answered by that, with no script.
pub struct H2Peer {
    server: Server,
    ledger: Arc<Ledger>,
}

impl Deref for H2Peer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl H2Peer {
    /// Starts a plain peer, for clients that know before; the script drives each connection from its first byte.
    pub fn new(script: impl Fn(&mut Link<'_>) -> io::Result<()> + Send + Sync + 'static) -> Self {
        H2Peer::over(Tls::Off, script)
    }

    /// Starts a peer whose connections may be TLS.
    pub fn over(
        tls: Tls,
        script: impl Fn(&mut Link<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let ledger = Arc::new(Ledger::default());
        let server = Server::wire_tls(tls, {
            let ledger = Arc::clone(&ledger);
            move |wire: &mut Wire| {
                let handshake = wire.handshake.as_ref();
                if handshake.is_some_and(|h| h.alpn.as_deref() != Some(b"h2")) {
                    return answer::serve_http11(wire, &ledger, &Answer::carry);
                }
                let mut link = Link::new(wire, Arc::clone(&ledger));
                script(&mut link)
            }
        });
        H2Peer { server, ledger }
    }

    /// Starts a plain peer that answers every request by what it carried, or by a size ([`Answer::carry`]).
    pub fn carrying() -> Self {
        H2Peer::new(|link| {
            link.open(&[])?;
            link.carry()
        })
    }

    /// Starts a plain peer that answers every request by `answer`, which sees the request whole.
    pub fn answering(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        H2Peer::new(move |link| {
            link.open(&[])?;
            link.serve(&answer)
        })
    }

    /// Returns the requests whose heads have come, in order of arrival.
    pub fn asked(&self) -> Vec<Asked> {
        self.ledger.asked.lock().unwrap().clone()
    }

    /// Returns how many requests have come by now.
    pub fn count(&self) -> usize {
        self.ledger.asked.lock().unwrap().len()
    }

    /// Returns how many requests came whole for a path: how often it was done what it asks.
    pub fn times(&self, path: &str) -> usize {
        let asked = self.ledger.asked.lock().unwrap();
        asked.iter().filter(|a| a.ended && a.path() == path).count()
    }

    /// Returns the frames that came on a connection. Of DATA and header blocks the payload is left out.
    pub fn frames(&self, connection: usize) -> Vec<Frame> {
        let frames = self.ledger.frames.lock().unwrap();
        frames.get(connection).cloned().unwrap_or_default()
    }

    /// Returns how many frames of a type came on a connection.
    pub fn frames_of(&self, connection: usize, kind: u8) -> usize {
        let frames = self.ledger.frames.lock().unwrap();
        let frames = frames.get(connection).map(Vec::as_slice);
        let of_kind = frames.unwrap_or_default().iter();
        of_kind.filter(|frame| frame.kind == kind).count()
    }

    /// Returns the code of the first GOAWAY that came on a connection.
    pub fn goaway(&self, connection: usize) -> Option<u32> {
        let frames = self.frames(connection);
        let goaway = frames.iter().find(|frame| frame.kind == kind::GOAWAY);
        goaway.and_then(|frame| frame.number(1))
    }

    /// Returns what clients did that RFC 9113 forbids: windows, stream numbers, frame sizes and limits are looked at.
    pub fn violations(&self) -> Vec<String> {
        self.ledger.violations.lock().unwrap().clone()
    }

    /// Returns how many streams were open at once on one connection, at the most.
    pub fn most_open(&self) -> usize {
        self.ledger.most_open.load(Ordering::SeqCst)
    }

    /// Returns how many bytes floods have brought out by now.
    pub fn pushed(&self) -> usize {
        self.ledger.pushed.load(Ordering::SeqCst)
    }
}

/// TLS with the good leaf, that speaks one of these protocols.
pub fn tls_speaking(protocols: &[&str]) -> Tls {
    let mut config = (*certs().good()).clone();
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    Tls::On(Arc::new(config))
}
