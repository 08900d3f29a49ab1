//! A server that answers whole requests by a closure, keeping connections alive.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::server::{Handler, Server, Shared, Tls};
use crate::wire::{Head, Wire, header};

/// A request as received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The request target, as sent.
    pub target: String,
    /// The fields in their order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// The head's bytes.
    pub head: Vec<u8>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The host of the TLS handshake, where it was a name.
    pub server_name: Option<String>,
    /// The number of its connection, from 0.
    pub connection: usize,
    /// The client's address.
    pub peer: Option<std::net::SocketAddr>,
}

impl Received {
    /// Returns the first value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the URL that was asked for, by scheme, host field and target. Over TLS the name of
    /// the handshake counts where the host field says something else.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        {
            let host = self.header("host").unwrap_or_default();
            let host = match self.server_name.as_deref() {
                Some(name) if !host.starts_with(name) => name,
                _ => host,
            };
            format!("{scheme}://{host}{}", self.target)
        }
    }
}

enum Content {
    Sized(Vec<u8>),
    Chunked(Vec<Vec<u8>>, Vec<(String, String)>),
    /// Everything from the status line on.
    Raw(Vec<u8>),
    None,
}

/// What is answered.
pub struct Reply {
    status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    content: Content,
    close: bool,
    delay: Duration,
    pause: Duration,
}

impl Reply {
    /// Answers with a status and no body.
    pub fn status(status: u16) -> Self {
        let reason = match status {
            200 => "OK",
            204 => "No Content",
            301 => "Moved Permanently",
            302 => "Found",
            303 => "See Other",
            304 => "Not Modified",
            307 => "Temporary Redirect",
            308 => "Permanent Redirect",
            404 => "Not Found",
            413 => "Content Too Large",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "",
        };
        let bodyless = status < 200 || status == 204 || status == 304;
        Reply {
            status,
            reason: reason.to_owned(),
            headers: Vec::new(),
            content: if bodyless {
                Content::None
            } else {
                Content::Sized(Vec::new())
            },
            close: false,
            delay: Duration::ZERO,
            pause: Duration::ZERO,
        }
    }

    /// Answers 200 with a body of announced length.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Reply::status(200).body(body)
    }

    /// Answers 200 with a chunked body.
    pub fn chunked<P: Into<Vec<u8>>>(pieces: impl IntoIterator<Item = P>) -> Self {
        let pieces = pieces.into_iter().map(Into::into).collect();
        Reply {
            content: Content::Chunked(pieces, Vec::new()),
            ..Reply::status(200)
        }
    }

    /// Answers with these bytes, framing and all.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Reply {
            content: Content::Raw(bytes.into()),
            ..Reply::status(200)
        }
    }

    /// Redirects.
    pub fn redirect(status: u16, location: &str) -> Self {
        Reply::status(status).header("location", location)
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.content = Content::Sized(body.into());
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a trailer field to a chunked body.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        if let Content::Chunked(_, trailers) = &mut self.content {
            trailers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets the reason phrase.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = reason.to_owned();
        self
    }

    /// Closes the connection afterwards, and says so.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// Waits before the answer.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits between the pieces of a chunked body.
    #[must_use]
    pub fn paced(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sends it; returns whether the connection may go on.
    pub fn send(&self, wire: &mut Wire, head_only: bool) -> io::Result<bool> {
        thread::sleep(self.delay);
        if let Content::Raw(bytes) = &self.content {
            wire.send(bytes)?;
            return Ok(!self.close);
        }
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, self.reason);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match &self.content {
            Content::Sized(body) => head += &format!("content-length: {}\r\n", body.len()),
            Content::Chunked(..) => head += "transfer-encoding: chunked\r\n",
            _ => {}
        }
        if self.close {
            head += "connection: close\r\n";
        }
        head += "\r\n";
        match &self.content {
            _ if head_only => wire.send(head)?,
            Content::Sized(body) => wire.send([head.as_bytes(), body].concat())?,
            Content::Chunked(pieces, trailers) => {
                wire.send(head)?;
                for piece in pieces {
                    let size = format!("{:x}\r\n", piece.len());
                    wire.send([size.as_bytes(), piece, b"\r\n"].concat())?;
                    thread::sleep(self.pause);
                }
                let mut end = "0\r\n".to_owned();
                for (name, value) in trailers {
                    end += &format!("{name}: {value}\r\n");
                }
                wire.send(end + "\r\n")?;
            }
            _ => wire.send(head)?,
        }
        Ok(!self.close)
    }
}

fn serve(wire: &mut Wire, shared: &Shared, answer: &dyn Fn(&Received) -> Reply) -> io::Result<()> {
    while let Some(head) = wire.read_head()? {
        if head
            .header("expect")
            .is_some_and(|e| e.eq_ignore_ascii_case("100-continue"))
        {
            wire.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = wire.read_body(&head)?;
        let request = received(wire, head, body);
        shared.requests.lock().unwrap().push(request.clone());
        if !answer(&request).send(wire, request.method == "HEAD")? {
            wire.finish();
            wire.drain(Duration::from_millis(200));
            break;
        }
    }
    Ok(())
}

/// Makes the record of a request that a handler read by itself.
pub fn received(wire: &Wire, head: Head, body: Vec<u8>) -> Received {
    Received {
        method: head.method,
        target: head.target,
        headers: head.headers,
        body,
        head: head.raw,
        tls: wire.is_tls(),
        server_name: wire.handshake.as_ref().and_then(|h| h.server_name.clone()),
        connection: wire.number,
        peer: wire.peer(),
    }
}

impl Server {
    /// Starts a plain server that answers requests.
    pub fn http(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Server::answering(Tls::Off, answer)
    }

    /// Starts a server that answers requests, over TLS as said.
    pub fn answering(
        tls: Tls,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (shared, handler) = handler(answer);
        Server::start(tls, shared, handler)
    }

    /// Starts a server that answers requests on a Unix socket.
    pub fn unix(path: &Path, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let (shared, handler) = handler(answer);
        Server::start_unix(path, shared, handler)
    }
}

fn handler(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> (Arc<Shared>, Handler) {
    let shared = Arc::<Shared>::default();
    let handler: Handler = Arc::new({
        let shared = Arc::clone(&shared);
        move |wire: &mut Wire| serve(wire, &shared, &answer)
    });
    (shared, handler)
}

/// Answers with what was asked: method, target, fields and body as JSON.
pub fn echo(request: &Received) -> Reply {
    let value = serde_json::json!({
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "body": String::from_utf8_lossy(&request.body),
    });
    Reply::ok(value.to_string()).header("content-type", "application/json")
}
