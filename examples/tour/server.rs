//! The server that the tour talks to: a thread per connection, plain and TLS, enough HTTP/1.1 for the tour.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, process, thread};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// What `/download` sends.
pub(crate) const DOWNLOAD_SIZE: usize = 48 << 20;

/// Where the server listens.
pub(crate) struct Server {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    /// The certificate, for the client to trust.
    pub(crate) certificate: PathBuf,
}

impl Server {
    pub(crate) fn start() -> io::Result<Self> {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .map_err(io::Error::other)?;
        let certificate = env::temp_dir().join(format!("dimorph-tour-{}.pem", process::id()));
        fs::write(&certificate, certified.cert.pem())?;

        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(
            certified.signing_key.serialize_der(),
        ));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .map_err(io::Error::other)?;
        let config = Arc::new(config);

        let plain = listen(serve)?;
        let tls = listen(move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            serve(StreamOwned::new(session, stream))
        })?;
        Ok(Self {
            plain,
            tls,
            certificate,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.certificate);
    }
}

/// Accepts connections for as long as the process lives. What ends one connection concerns nobody else.
fn listen(
    serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || stream.set_nodelay(true).and_then(|()| serve(stream)));
        }
    });
    Ok(address)
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The body's length; an upload is counted and not kept.
    received: usize,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

fn serve<S: Read + Write>(stream: S) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream)? {
        answer(&request, stream.get_mut())?;
    }
    Ok(())
}

fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut request = Request {
        method,
        target,
        headers: Vec::new(),
        body: Vec::new(),
        received: 0,
    };
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if let Some(length) = request
        .header("content-length")
        .and_then(|value| value.parse().ok())
    {
        read_body(&mut stream.take(length), &mut request)?;
    } else if request.header("transfer-encoding").is_some() {
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            read_body(&mut (&mut *stream).take(size), &mut request)?;
            stream.read_line(&mut line)?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Some(request))
}

fn read_body(body: &mut impl Read, request: &mut Request) -> io::Result<()> {
    if request.target == "/upload" {
        request.received += io::copy(body, &mut io::sink())? as usize;
    } else {
        request.received += body.read_to_end(&mut request.body)?;
    }
    Ok(())
}

fn answer(request: &Request, out: &mut impl Write) -> io::Result<()> {
    let plain = |out: &mut _, text: &str| respond(out, "200 OK", "", text.as_bytes());
    if request.method == "CONNECT" {
        // Every host is this server; what follows goes through the tunnel.
        return out.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
    }
    if request.target.starts_with("http://") {
        let known = request.header("proxy-authorization").is_some();
        let who = if known {
            "somebody known"
        } else {
            "a stranger"
        };
        return plain(out, &format!("forwarded {} for {who}", request.target));
    }
    match request.target.split('?').next().unwrap_or_default() {
        "/private" => match request.header("x-token") {
            Some("fresh") => plain(out, "welcome"),
            _ => respond(out, "401 Unauthorized", "", b"another token, please"),
        },
        "/refresh" => plain(out, "fresh"),
        "/login" => respond(out, "200 OK", "set-cookie: session=s3cret; Path=/\r\n", b""),
        "/basket" => plain(out, request.header("cookie").unwrap_or("no cookie")),
        "/form" => plain(out, &parts(request)),
        "/order" => {
            let order: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let count = order["count"].as_u64().unwrap_or_default();
            let receipt = json!({ "item": order["item"], "total": count * 3, "paid": false });
            respond(
                out,
                "200 OK",
                "content-type: application/json\r\n",
                receipt.to_string().as_bytes(),
            )
        }
        "/upload" => respond(
            out,
            "201 Created",
            "",
            format!("{} bytes", request.received).as_bytes(),
        ),
        "/download" => {
            write!(
                out,
                "HTTP/1.1 200 OK\r\ncontent-length: {DOWNLOAD_SIZE}\r\n\r\n"
            )?;
            let piece = vec![b'.'; DOWNLOAD_SIZE / 64];
            for _ in 0..64 {
                out.write_all(&piece)?;
                thread::sleep(Duration::from_millis(4));
            }
            out.flush()
        }
        "/silent" => {
            // Longer than anyone in the tour waits.
            thread::sleep(Duration::from_secs(2));
            respond(out, "200 OK", "", b"at last")
        }
        "/old" => respond(out, "301 Moved Permanently", "location: /older\r\n", b""),
        "/older" => respond(out, "302 Found", "location: /new\r\n", b""),
        "/work" => {
            thread::sleep(Duration::from_millis(20));
            respond(out, "200 OK", "", b"done")
        }
        "/missing" => respond(out, "404 Not Found", "", b"nothing here"),
        _ => {
            let echo = format!("{} {}", request.method, request.target);
            respond(
                out,
                "200 OK",
                "content-type: text/plain; charset=utf-8\r\n",
                echo.as_bytes(),
            )
        }
    }
}

/// What the parts of a form say of themselves.
fn parts(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body);
    let heads = body.split("Content-Disposition: form-data; ").skip(1);
    let lines = heads.map(|head| head.lines().next().unwrap_or_default());
    lines.collect::<Vec<_>>().join(", ")
}

fn respond(out: &mut impl Write, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    let mut message = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    message.extend_from_slice(body);
    out.write_all(&message)?;
    out.flush()
}
