//! The floor: fixed request bytes on raw blocking sockets, and as little else as the workload allows.
//!
//! A response's length is learnt from the first one and assumed for the rest. Bodies are read 256 KiB at a time, sent
//! by `write_all`, and cross TLS by rustls' own blocking stream: what somebody would write by hand in ten lines.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use bytes::Bytes;
use flate2::read::GzDecoder;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::Done;
use crate::peers::{Peer, Stage};
use crate::server::HELD_HALF;
use crate::workload::{GZIP_BODY, Setup};

const PIECE: usize = 256 << 10;

#[derive(Debug)]
pub(crate) struct Floor {
    setup: Setup,
    idle: Vec<Connection>,
    buffer: Vec<u8>,
}

impl Floor {
    pub(crate) fn new(setup: &Setup) -> Self {
        let buffer = vec![0; if setup.gzip { GZIP_BODY } else { PIECE }];
        Self {
            setup: setup.clone(),
            idle: Vec::new(),
            buffer,
        }
    }

    fn connection(&mut self) -> Done<Connection> {
        self.idle
            .pop()
            .map_or_else(|| Connection::open(&self.setup), Ok)
    }
}

impl Peer for Floor {
    fn get(&mut self, url: &str, times: usize) -> Done {
        let request = request("GET", path(url), "");
        let close = path(url) == "/once";
        for _ in 0..times {
            let mut connection = self.connection()?;
            let body = connection.exchange(&request, &mut self.buffer)?;
            if self.setup.gzip {
                let mut decoded = Vec::new();
                GzDecoder::new(body).read_to_end(&mut decoded)?;
            }
            if !close {
                self.idle.push(connection);
            }
        }
        Ok(())
    }

    /// All requests are written, then all responses read: no wake-up is waited for twice.
    fn get_tasks(&mut self, url: &str, times: usize, tasks: usize) -> Done {
        let request = request("GET", path(url), "");
        let mut open = (0..tasks)
            .map(|_| self.connection())
            .collect::<Done<Vec<_>>>()?;
        for _ in 0..times / tasks {
            for connection in &mut open {
                connection.write_all(&request)?;
            }
            for connection in &mut open {
                connection.response(&mut self.buffer)?;
            }
        }
        self.idle = open;
        Ok(())
    }

    fn get_threads(&mut self, url: &str, times: usize, threads: usize) -> Done {
        let request = &request("GET", path(url), "");
        let open = (0..threads)
            .map(|_| self.connection())
            .collect::<Done<Vec<_>>>()?;
        let work = |mut connection: Connection| {
            let mut buffer = vec![0; 1024];
            for _ in 0..times / threads {
                connection.exchange(request, &mut buffer)?;
            }
            Ok(connection)
        };
        self.idle = thread::scope(|scope| {
            let running: Vec<_> = open
                .into_iter()
                .map(|open| scope.spawn(|| work(open)))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("no worker panics"))
                .collect::<Done<_>>()
        })?;
        Ok(())
    }

    fn download(&mut self, url: &str, size: u64) -> Done {
        let mut connection = self.connection()?;
        connection.write_all(&request("GET", path(url), ""))?;
        let length = connection.stream.read(&mut self.buffer)?;
        let head =
            head_length(&self.buffer[..length]).ok_or("no end of the head in the first read")?;
        let mut received = (length - head) as u64;
        if path(url).starts_with("/chunked") {
            // The framing is not read: the last chunk is known by its five bytes, which no body of ours has.
            let mut length = length;
            while !self.buffer[..length].ends_with(b"0\r\n\r\n") {
                length = connection.stream.read(&mut self.buffer)?;
                received += length as u64;
            }
            if received < size {
                return Err("the chunked body is short".into());
            }
        } else {
            while received < size {
                received += connection.stream.read(&mut self.buffer)? as u64;
            }
        }
        self.idle.push(connection);
        Ok(())
    }

    fn upload(&mut self, url: &str, body: &Bytes) -> Done {
        let mut connection = self.connection()?;
        let head = request(
            "POST",
            path(url),
            &format!("content-length: {}\r\n", body.len()),
        );
        connection.write_all(&head)?;
        connection.write_all(body)?;
        connection.response(&mut self.buffer)?;
        self.idle.push(connection);
        Ok(())
    }

    fn upload_file(&mut self, url: &str, file: &Path) -> Done {
        let mut connection = self.connection()?;
        let mut file = File::open(file)?;
        let size = file.metadata()?.len();
        connection.write_all(&request(
            "POST",
            path(url),
            &format!("content-length: {size}\r\n"),
        ))?;
        loop {
            let length = file.read(&mut self.buffer)?;
            if length == 0 {
                break;
            }
            connection.write_all(&self.buffer[..length])?;
        }
        connection.response(&mut self.buffer)?;
        self.idle.push(connection);
        Ok(())
    }

    fn hold(&mut self, url: &str, count: usize, at: &mut dyn FnMut(Stage) -> Done) -> Done {
        let request = request("GET", path(url), "");
        let mut open = Vec::with_capacity(count);
        for _ in 0..count {
            let mut connection = Connection::open(&self.setup)?;
            connection.write_all(&request)?;
            if connection.stream.read(&mut self.buffer)? == 0 {
                return Err("no response is held".into());
            }
            open.push(connection);
        }
        at(Stage::InFlight)?;
        for connection in &mut open {
            connection
                .stream
                .read_exact(&mut self.buffer[..HELD_HALF])?;
        }
        at(Stage::Idle)
    }
}

/// One open connection and the length of the response that it always gets.
#[derive(Debug)]
struct Connection {
    stream: Stream,
    response: Option<(usize, usize)>,
}

impl Connection {
    fn open(setup: &Setup) -> Done<Self> {
        Ok(Self {
            stream: Stream::open(setup)?,
            response: None,
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> Done {
        Ok(self.stream.write_all(bytes)?)
    }

    fn exchange<'a>(&mut self, request: &[u8], buffer: &'a mut [u8]) -> Done<&'a [u8]> {
        self.write_all(request)?;
        self.response(buffer)
    }

    /// Reads one small response and returns its body.
    fn response<'a>(&mut self, buffer: &'a mut [u8]) -> Done<&'a [u8]> {
        let mut filled = 0;
        loop {
            let length = self.stream.read(&mut buffer[filled..])?;
            if length == 0 {
                return Err("the connection ended in a response".into());
            }
            filled += length;
            if self.response.is_none() {
                self.response = lengths(&buffer[..filled]);
            }
            match self.response {
                Some((head, body)) if filled >= head + body => {
                    return Ok(&buffer[head..head + body]);
                }
                _ => {}
            }
        }
    }
}

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub(crate) fn open(setup: &Setup) -> Done<Self> {
        let stream = TcpStream::connect(("127.0.0.1", setup.port))?;
        stream.set_nodelay(true)?;
        Ok(match &setup.tls {
            None => Self::Plain(stream),
            Some(config) => {
                let name = ServerName::try_from("127.0.0.1")?;
                let session = ClientConnection::new(config.clone(), name)?;
                Self::Tls(Box::new(StreamOwned::new(session, stream)))
            }
        })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// What stands after `scheme://host:port`.
pub(crate) fn path(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    url[authority..]
        .find('/')
        .map_or("/", |at| &url[authority + at..])
}

fn request(method: &str, path: &str, fields: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n{fields}\r\n")
        .into_bytes()
}

fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = head_length(bytes)?;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    Some((head, length.parse().ok()?))
}
