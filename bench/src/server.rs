//! The server of every workload: raw blocking sockets, a thread each, responses made beforehand. Those of HTTP/2 go to
//! [`server_http2`] in the same process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::{fmt, thread};

use cpu_time::ProcessTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::workload::GZIP_BODY;
use crate::{Done, server_http2, tls};

/// Half of the body that `/hold` keeps back until `/release`.
pub(crate) const HELD_HALF: usize = 1024;

const PIECE: usize = 256 << 10;
const CHUNK: usize = 16 << 10;
const FIELDS: &str = "server: bench\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: text/plain; charset=utf-8\r\n";

/// Where the server listens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    pub(crate) http2: u16,
    pub(crate) http2_tls: u16,
}

impl Ports {
    /// Reads what `Display` writes.
    pub(crate) fn parse(text: &str) -> Done<Self> {
        let ports = text.trim().split(',').map(str::parse);
        match ports.collect::<Result<Vec<u16>, _>>()?[..] {
            [plain, tls, http2, http2_tls] => Ok(Self {
                plain,
                tls,
                http2,
                http2_tls,
            }),
            _ => Err(format!("{text:?} are not four ports").into()),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plain,
            tls,
            http2,
            http2_tls,
        } = self;
        write!(formatter, "{plain},{tls},{http2},{http2_tls}")
    }
}

/// A running server process, ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) ports: Ports,
}

impl Server {
    /// Starts this program again as a server and reads its ports.
    pub(crate) fn start(directory: &std::path::Path) -> Done<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self {
            process,
            ports: Ports::parse(&line)?,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may be gone already; nothing is left to do then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until the standard input ends, which it does with the parent.
pub(crate) fn serve(arguments: &[String]) -> Done {
    let directory = PathBuf::from(arguments.first().ok_or("serve needs a directory")?);
    let config = tls::server_config(&directory, false)?;
    let (plain, secure) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    let (http2, http2_tls) = server_http2::start(&directory)?;
    let ports = Ports {
        plain: plain.local_addr()?.port(),
        tls: secure.local_addr()?.port(),
        http2,
        http2_tls,
    };
    println!("{ports}");
    thread::spawn(move || accept(&plain, None));
    thread::spawn(move || accept(&secure, Some(&config)));
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn accept(listener: &TcpListener, config: Option<&Arc<ServerConfig>>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let config = config.cloned();
        let serving = thread::Builder::new().stack_size(256 << 10).spawn(move || {
            // A client that goes away ends its thread; that is no fault of the server.
            let _ = connection(stream, config);
        });
        if let Err(error) = serving {
            eprintln!("bench server: {error}");
        }
    }
}

fn connection(stream: TcpStream, config: Option<Arc<ServerConfig>>) -> Done {
    stream.set_nodelay(true)?;
    match config {
        None => answer(stream),
        Some(config) => {
            let mut session = ServerConnection::new(config)?;
            // Else rustls holds back what does not fit its 64 KiB.
            session.set_buffer_limit(None);
            answer(StreamOwned::new(session, stream))
        }
    }
}

fn answer(mut stream: impl Read + Write) -> Done {
    let small = ok("content-length: 13\r\n", b"Hello, World!");
    let once = ok(
        "content-length: 13\r\nconnection: close\r\n",
        b"Hello, World!",
    );
    let (mut buffer, mut piece) = (Vec::new(), vec![0; 16 << 10]);
    while let Some(head) = read_head(&mut stream, &mut buffer, &mut piece)? {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (route, count) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        match route {
            "small" => stream.write_all(&small)?,
            "once" => {
                stream.write_all(&once)?;
                stream.flush()?;
                return Ok(());
            }
            "bytes" => send_bytes(&mut stream, count.parse()?)?,
            "chunked" => send_chunked(&mut stream, count.parse()?)?,
            "cpu" => {
                let spent = ProcessTime::try_now()?.as_duration().as_nanos();
                stream.write_all(&number(spent))?;
            }
            "connections" => {
                let accepted = server_http2::ACCEPTED.load(Ordering::Relaxed);
                stream.write_all(&number(accepted.into()))?;
            }
            "gzip" => stream.write_all(gzip())?,
            "upload" => {
                discard(&mut stream, &head, &mut buffer)?;
                stream.write_all(&small)?;
            }
            "hold" => {
                let length = format!("content-length: {}\r\n", 2 * HELD_HALF);
                // Counted before the client can know of this request, so that its release is not missed.
                let seen = releases();
                stream.write_all(&ok(&length, &[b'x'; HELD_HALF]))?;
                stream.flush()?;
                wait_for_release(seen);
                stream.write_all(&[b'x'; HELD_HALF])?;
            }
            "release" => {
                release();
                stream.write_all(&small)?;
            }
            _ => return Err(format!("no route {path}").into()),
        }
        stream.flush()?;
    }
    Ok(())
}

fn number(value: u128) -> Vec<u8> {
    ok("content-length: 20\r\n", format!("{value:020}").as_bytes())
}

fn ok(fields: &str, body: &[u8]) -> Vec<u8> {
    let mut response = format!("HTTP/1.1 200 OK\r\n{FIELDS}{fields}\r\n").into_bytes();
    response.extend_from_slice(body);
    response
}

/// Reads to the end of one head; what follows it stays in the buffer.
fn read_head(
    stream: &mut impl Read,
    buffer: &mut Vec<u8>,
    piece: &mut [u8],
) -> Done<Option<String>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end + 2]).to_ascii_lowercase();
            buffer.drain(..end + 4);
            return Ok(Some(head));
        }
        let length = stream.read(piece)?;
        if length == 0 {
            return Ok(None);
        }
        buffer.extend_from_slice(&piece[..length]);
    }
}

fn send_bytes(stream: &mut impl Write, count: u64) -> Done {
    let piece = vec![b'x'; PIECE];
    stream.write_all(&ok(&format!("content-length: {count}\r\n"), b""))?;
    let mut left = count;
    while left > 0 {
        let length = left.min(PIECE as u64);
        stream.write_all(&piece[..length as usize])?;
        left -= length;
    }
    Ok(())
}

fn send_chunked(stream: &mut impl Write, count: u64) -> Done {
    let chunk = |length: usize| {
        [
            format!("{length:x}\r\n").as_bytes(),
            &vec![b'x'; length],
            b"\r\n",
        ]
        .concat()
    };
    stream.write_all(&ok("transfer-encoding: chunked\r\n", b""))?;
    let batch = chunk(CHUNK).repeat(PIECE / CHUNK);
    for _ in 0..count / PIECE as u64 {
        stream.write_all(&batch)?;
    }
    let rest = (count % PIECE as u64) as usize;
    if rest > 0 {
        stream.write_all(&chunk(rest))?;
    }
    stream.write_all(b"0\r\n\r\n")?;
    Ok(())
}

/// Words that compress about as well as JSON does.
fn gzip() -> &'static [u8] {
    static RESPONSE: OnceLock<Vec<u8>> = OnceLock::new();
    RESPONSE.get_or_init(|| {
        let mut text = String::new();
        let mut number = 1u32;
        while text.len() < GZIP_BODY {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(&format!(
                "{{\"id\": {}, \"name\": \"item {}\", \"ok\": true}},\n",
                number >> 8,
                number >> 24
            ));
        }
        text.truncate(GZIP_BODY);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder
            .write_all(text.as_bytes())
            .expect("a vector takes every byte");
        let body = encoder.finish().expect("a vector takes every byte");
        ok(
            &format!(
                "content-encoding: gzip\r\ncontent-length: {}\r\n",
                body.len()
            ),
            &body,
        )
    })
}

/// Reads a request's body to its end and throws it away.
fn discard(stream: &mut impl Read, head: &str, buffer: &mut Vec<u8>) -> Done {
    let early = std::mem::take(buffer);
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let mut reader = BufReader::with_capacity(PIECE, early.chain(stream));
    match length {
        Some(length) => skip(&mut reader, length.trim().parse()?),
        None => loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16)?;
            skip(&mut reader, size + 2)?;
            if size == 0 {
                return Ok(());
            }
        },
    }
}

fn skip(reader: &mut impl BufRead, mut left: u64) -> Done {
    while left > 0 {
        let length = (reader.fill_buf()?.len() as u64).min(left);
        if length == 0 {
            return Err("the client stopped in a body".into());
        }
        reader.consume(length as usize);
        left -= length;
    }
    Ok(())
}

/// How often `/release` was asked for.
static RELEASED: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

fn releases() -> u64 {
    *RELEASED.0.lock().expect("no holder panics")
}

fn wait_for_release(seen: u64) {
    let (count, changed) = &RELEASED;
    let count = count.lock().expect("no holder panics");
    let _count = changed
        .wait_while(count, |count| *count == seen)
        .expect("no holder panics");
}

fn release() {
    let (count, changed) = &RELEASED;
    *count.lock().expect("no holder panics") += 1;
    changed.notify_all();
}
