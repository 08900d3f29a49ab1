//! The office of `digest_proxy`: a server that wants a Digest, and the proxy before it, which wants to know who asks.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::Server;

/// The server's user, `alice`, with the password `ecila123`.
const SECRET: &str = "alice:reports:ecila123";
const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
/// The proxy's user, `tom`, with the password `mot123`.
const PROXY_USER: &str = "Basic dG9tOm1vdDEyMw==";

/// What proxy and server saw, line by line.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    /// Takes the lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines())
    }

    fn note(&self, line: impl Into<String>) {
        self.lines().push(line.into());
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Office {
    pub(crate) proxy: Server,
    pub(crate) seen: Seen,
    _server: Server,
}

pub(crate) fn start() -> io::Result<Office> {
    let seen = Seen::default();
    let router = Router::new()
        .route("/report", get(report))
        .with_state(seen.clone());
    let server = Server::start(router)?;
    let (origin, log) = (server.address(), seen.clone());
    let proxy = Server::run(move |listener, mut stopped| async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = &mut stopped => return,
            };
            if let Ok((client, _)) = accepted {
                tokio::spawn(pass_on(client, origin, log.clone()));
            }
        }
    })?;
    Ok(Office {
        proxy,
        seen,
        _server: server,
    })
}

/// One connection through the proxy. Whatever host is named, it leads to the office's server.
async fn pass_on(mut client: TcpStream, origin: SocketAddr, seen: Seen) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let request_line = lines.next().unwrap_or_default();
    let (method, target) = request_line.split_once(' ').unwrap_or_default();
    let target = target.trim_end_matches(" HTTP/1.1");
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let is_known = |(name, value): &(&str, &str)| {
        name.eq_ignore_ascii_case("proxy-authorization") && *value == PROXY_USER
    };
    if !fields.iter().any(is_known) {
        seen.note(format!("proxy: {method} {target} by nobody known"));
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"office\"\r\n\
                       content-length: 0\r\nconnection: close\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await;
    }
    seen.note(format!("proxy: {method} {target} by tom"));
    let mut server = TcpStream::connect(origin).await?;
    if method == "CONNECT" {
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await?;
    } else {
        let path = target.splitn(4, '/').nth(3).unwrap_or_default();
        let mut forwarded = format!("{method} /{path} HTTP/1.1\r\n");
        for (name, value) in fields {
            let lower = name.to_ascii_lowercase();
            if !lower.starts_with("proxy-") && lower != "connection" {
                forwarded += &format!("{name}: {value}\r\n");
            }
        }
        // One request to a connection: what follows is the response, up to its end.
        forwarded += "connection: close\r\n\r\n";
        server.write_all(forwarded.as_bytes()).await?;
    }
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn report(State(seen): State<Seen>, request: Request) -> Response {
    let headers = request.headers();
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let fields = fields(
        shown
            .and_then(|value| value.strip_prefix("Digest "))
            .unwrap_or_default(),
    );
    let nc = fields.get("nc").copied().unwrap_or("none");
    seen.note(format!("server: {} with nc {nc}", request.uri()));
    if headers.contains_key(PROXY_AUTHORIZATION) {
        return (StatusCode::BAD_REQUEST, "the proxy's password came here").into_response();
    }
    if !is_right(request.method().as_str(), &fields) {
        let challenge =
            format!("Digest realm=\"reports\", nonce=\"{NONCE}\", qop=\"auth\", algorithm=SHA-256");
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response();
    }
    "all is well".into_response()
}

/// RFC 7616 section 3.4.1, for the challenge that is given here.
fn is_right(method: &str, fields: &HashMap<&str, &str>) -> bool {
    let hash = |text: String| -> String {
        Sha256::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    let field = |name| fields.get(name).copied().unwrap_or_default();
    let (a1, a2) = (
        hash(SECRET.to_owned()),
        hash(format!("{method}:{}", field("uri"))),
    );
    let expected = hash(format!(
        "{a1}:{NONCE}:{}:{}:auth:{a2}",
        field("nc"),
        field("cnonce")
    ));
    field("username") == "alice" && field("nonce") == NONCE && field("response") == expected
}

/// The fields of the credentials. (None of those that come here has a comma in it.)
fn fields(credentials: &str) -> HashMap<&str, &str> {
    let pairs = credentials
        .split(", ")
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect()
}
