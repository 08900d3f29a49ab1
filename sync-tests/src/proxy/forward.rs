//! Requests in absolute form, passed on in origin form.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::gate::{self, Link};
use crate::wire::Head;

/// The origin that a connection's requests are forwarded to.
pub(super) struct Upstream {
    address: SocketAddr,
    origin: TcpStream,
    done_with: Arc<AtomicBool>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.done_with.store(true, Ordering::SeqCst);
        let _ = self.origin.shutdown(Shutdown::Both);
    }
}

/// Passes one request on, in origin form and without what was meant for the proxy. The answer passes by itself.
pub(super) fn forward(
    link: &mut Link,
    upstream: &mut Option<Upstream>,
    address: SocketAddr,
    limit: Option<u64>,
    head: &Head,
    body: &dyn Fn(&[u8]),
) -> io::Result<()> {
    // A client asks again once it has the whole answer, so the last origin has nothing more to say.
    let known = upstream.take().filter(|known| known.address == address);
    let known = match known {
        Some(known) => known,
        None => {
            let (origin, done_with) = (gate::dial(address)?, Arc::<AtomicBool>::default());
            link.pass_down(origin.try_clone()?, limit, Arc::clone(&done_with));
            Upstream {
                address,
                origin,
                done_with,
            }
        }
    };
    let mut origin = &upstream.insert(known).origin;
    origin.write_all(origin_form(head).as_bytes())?;
    if head.header("transfer-encoding").is_some() {
        // Chunks keep their borders, but go on when the last has come.
        let (chunks, trailers) = link.wire.read_chunked()?;
        for chunk in chunks {
            body(&chunk);
            let size = format!("{:x}\r\n", chunk.len());
            origin.write_all(&[size.as_bytes(), &chunk, b"\r\n"].concat())?;
        }
        let trailers: String = trailers.iter().map(|line| format!("{line}\r\n")).collect();
        return origin.write_all(format!("0\r\n{trailers}\r\n").as_bytes());
    }
    let length = head.header("content-length").unwrap_or("0");
    let mut left: usize = length.parse().map_err(io::Error::other)?;
    while left > 0 {
        let bytes = link.wire.read_some()?;
        if bytes.is_empty() || bytes.len() > left {
            return Err(io::ErrorKind::InvalidData.into());
        }
        left -= bytes.len();
        body(&bytes);
        origin.write_all(&bytes)?;
    }
    Ok(())
}

/// Returns `host:port` of an absolute-form target. One of scheme `https` is forwarded all the same, in plain.
pub(super) fn authority(target: &str) -> Option<String> {
    let (scheme, rest) = target.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.contains(']'));
    Some(match (has_port, scheme) {
        (true, _) => host.to_owned(),
        (false, "https") => format!("{host}:443"),
        (false, _) => format!("{host}:80"),
    })
}

fn origin_form(head: &Head) -> String {
    let rest = head
        .target
        .split_once("://")
        .map_or(head.target.as_str(), |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut text = format!("{} {slash}{path} {}\r\n", head.method, head.version);
    for (name, value) in &head.headers {
        if !name.to_ascii_lowercase().starts_with("proxy-") {
            text += &format!("{name}: {value}\r\n");
        }
    }
    text + "\r\n"
}
