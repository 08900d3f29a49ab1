//! One accepted connection, with the verbs of HTTP/1.1's framing.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};
use socket2::SockRef;

/// What carries a connection's bytes.
pub(crate) enum Carrier {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// The facts of a TLS handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Whether a session was resumed.
    pub resumed: bool,
    /// The name asked for.
    pub server_name: Option<String>,
    /// The protocol agreed on.
    pub alpn: Option<Vec<u8>>,
    /// Whether the client showed a certificate.
    pub client_certificate: bool,
    /// The protocol version's name.
    pub version: String,
}

/// A request's head as it came.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The method.
    pub method: String,
    /// The request target, as sent.
    pub target: String,
    /// The version, as sent.
    pub version: String,
    /// The fields in their order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The bytes of it all.
    pub raw: Vec<u8>,
}

impl Head {
    /// Returns the first value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// A connection on the server's side.
pub struct Wire {
    carrier: Carrier,
    /// Bytes read and not yet taken.
    buffer: Vec<u8>,
    /// The number of this connection, from 0.
    pub number: usize,
    /// What the handshake gave, on a TLS connection.
    pub handshake: Option<Handshake>,
    /// Everything received so far.
    pub received: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    pub(crate) fn new(
        carrier: Carrier,
        number: usize,
        handshake: Option<Handshake>,
        received: Arc<Mutex<Vec<u8>>>,
    ) -> Self {
        Wire {
            carrier,
            buffer: Vec::new(),
            number,
            handshake,
            received,
        }
    }

    /// Tells whether the connection is TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.carrier, Carrier::Tls(_))
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match &self.carrier {
            Carrier::Tcp(tcp) => Some(tcp),
            Carrier::Tls(tls) => Some(&tls.sock),
            Carrier::Unix(_) => None,
        }
    }

    /// Returns the client's address, of TCP connections.
    pub fn peer(&self) -> Option<std::net::SocketAddr> {
        self.tcp().and_then(|tcp| tcp.peer_addr().ok())
    }

    /// Limits each read.
    pub fn set_read_timeout(&self, limit: Option<Duration>) {
        let _ = match &self.carrier {
            Carrier::Unix(unix) => unix.set_read_timeout(limit),
            _ => self.tcp().unwrap().set_read_timeout(limit),
        };
    }

    /// Leaves the client little to send ahead; for a connection that is not read any more.
    pub fn narrow(&self) {
        if let Some(tcp) = self.tcp() {
            let _ = SockRef::from(tcp).set_recv_buffer_size(4 * 1024);
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut block = [0; 64 * 1024];
        let n = loop {
            let read = match &mut self.carrier {
                Carrier::Tcp(tcp) => tcp.read(&mut block),
                Carrier::Unix(unix) => unix.read(&mut block),
                Carrier::Tls(tls) => tls.read(&mut block),
            };
            match read {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.buffer.extend_from_slice(&block[..n]);
        self.received.lock().unwrap().extend_from_slice(&block[..n]);
        Ok(n)
    }

    /// Reads what comes next, at least one byte; nothing at the end.
    pub fn read_some(&mut self) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Reads a request's head; `None` when the client closes instead.
    pub fn read_head(&mut self) -> io::Result<Option<Head>> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.buffer[searched..], b"\r\n\r\n") {
                let raw: Vec<u8> = self.buffer.drain(..searched + at + 4).collect();
                return parse_head(raw).map(Some);
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.fill()? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads exactly `n` bytes.
    pub fn read_exactly(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < n {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..n).collect())
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                line.truncate(at);
                return Ok(line);
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads a chunked body; returns its chunks and trailer lines.
    pub fn read_chunked(&mut self) -> io::Result<(Vec<Vec<u8>>, Vec<String>)> {
        let mut chunks = Vec::new();
        loop {
            let line = String::from_utf8_lossy(&self.read_line()?).into_owned();
            let size = usize::from_str_radix(line.split(';').next().unwrap().trim(), 16)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, line))?;
            if size == 0 {
                break;
            }
            chunks.push(self.read_exactly(size)?);
            if self.read_exactly(2)? != b"\r\n" {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let mut trailers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok((chunks, trailers));
            }
            trailers.push(String::from_utf8_lossy(&line).into_owned());
        }
    }

    /// Reads the body that the head announces.
    pub fn read_body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if let Some(coding) = head.header("transfer-encoding") {
            assert_eq!(coding, "chunked");
            let (chunks, _) = self.read_chunked()?;
            return Ok(chunks.concat());
        }
        match head.header("content-length") {
            Some(n) => self.read_exactly(n.parse().unwrap()),
            None => Ok(Vec::new()),
        }
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        match &mut self.carrier {
            Carrier::Tcp(tcp) => tcp.write_all(bytes),
            Carrier::Unix(unix) => unix.write_all(bytes),
            Carrier::Tls(tls) => {
                tls.write_all(bytes)?;
                tls.flush()
            }
        }
    }

    /// Ends the sending half, with a close_notify on TLS.
    pub fn finish(&mut self) {
        if let Carrier::Tls(tls) = &mut self.carrier {
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
        let _ = match &self.carrier {
            Carrier::Unix(unix) => unix.shutdown(Shutdown::Write),
            _ => self.tcp().unwrap().shutdown(Shutdown::Write),
        };
    }

    /// Ends the sending half of the socket with no close_notify: truncation, on TLS.
    pub fn cut(&mut self) {
        let _ = match &self.carrier {
            Carrier::Unix(unix) => unix.shutdown(Shutdown::Write),
            _ => self.tcp().unwrap().shutdown(Shutdown::Write),
        };
    }

    /// Makes the coming close a reset.
    pub fn reset(&mut self) {
        if let Some(tcp) = self.tcp() {
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }

    /// Reads on until the client closes, or for as long as `limit`; returns how many bytes came.
    pub fn drain(&mut self, limit: Duration) -> usize {
        let end = Instant::now() + limit;
        let mut seen = self.buffer.len();
        self.buffer.clear();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return seen;
            }
            self.set_read_timeout(Some(left));
            match self.fill() {
                Ok(0) | Err(_) => return seen,
                Ok(n) => seen += n,
            }
            self.buffer.clear();
        }
    }
}

/// Finds a byte string in another.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

fn parse_head(raw: Vec<u8>) -> io::Result<Head> {
    let text = String::from_utf8_lossy(&raw).into_owned();
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut words = first.splitn(3, ' ');
    let mut word = || {
        words
            .next()
            .map(str::to_owned)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, first.to_owned()))
    };
    let (method, target, version) = (word()?, word()?, word()?);
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, line.to_owned()))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Head {
        method,
        target,
        version,
        headers,
        raw,
    })
}
