//! Asks a proxy for a tunnel: CONNECT (RFC 9110 section 9.3.6) or SOCKS5 (RFC 1928).

use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use http::header::{ACCEPT, HeaderValue};
use http::{Method, Version};
use memchr::memmem;

use super::dual;
use super::http11::{bad_response, heard};
use super::send::Trip;
use super::stream::Stream;
use crate::client_config::ClientConfig;
use crate::config::Wait;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::headers::RequestHeaders;
use crate::hints;
use crate::location::Origin;
use crate::proto::h1::{
    Addressee, Exchange, H1Error, ProxyLines, Received, RequestFraming, ResponseHead, TargetForm,
    write_head,
};
use crate::proto::socks5::{self, Socks5, SocksTarget};
use crate::proxy::Proxy;
use crate::routes::lines_for;

/// How much of the proxy's answer is received at a time.
const READ: usize = 2048;

/// Asks an HTTP proxy to connect to the origin. Returns what came behind its answer: the first bytes of the tunnel.
#[dual]
pub(crate) async fn ask_http(
    stream: &mut Stream,
    config: &ClientConfig,
    trip: &Trip<'_>,
    proxy: &Proxy,
    wait: Wait,
) -> Result<BytesMut> {
    let head = connect_head(trip, proxy);
    let sent = stream.send_all(&head, wait).await;
    sent.map_err(failed)?;
    let mut exchange = Exchange::new(config.h1);
    exchange.start(&Method::CONNECT, false, false, false, false);
    exchange.body_sent();
    let mut received = BytesMut::new();
    let mut scratch = [0; READ];
    loop {
        match exchange.receive(&mut received).map_err(bad_answer)? {
            Some(Received::Final(head, _)) if head.status.is_success() => return Ok(received),
            Some(Received::Final(answer, _)) => {
                let identified = memmem::find(&head, b"\r\nProxy-Authorization: ").is_some();
                return Err(denied(proxy, &answer, identified));
            }
            Some(Received::Informational(head)) => {
                heard(trip, &head);
                continue;
            }
            None => {}
        }
        let read = stream.read(&mut scratch, wait).await;
        match read.map_err(failed)? {
            0 => return Err(bad_answer(exchange.eof(&received))),
            read => received.extend_from_slice(&scratch[..read]),
        }
    }
}

/// The head of a CONNECT: nothing of the request goes with it but what is meant for proxies.
fn connect_head(trip: &Trip<'_>, proxy: &Proxy) -> Vec<u8> {
    let origin = trip.way.origin;
    let authority = format!("{}:{}", origin.host, origin.port);
    let mut headers = RequestHeaders::default();
    headers
        .own_mut()
        .insert(ACCEPT, HeaderValue::from_static("*/*"));
    let mut head = Vec::with_capacity(256);
    write_head(
        &mut head,
        &Method::CONNECT,
        &Addressee {
            form: TargetForm::Authority(&authority),
            authority: &authority,
            proxy: ProxyLines::AsGiven,
        },
        Version::HTTP_11,
        &headers,
        RequestFraming::Absent,
    );
    // The proxy's own lines stand last, before the empty one that ends the head.
    head.truncate(head.len() - 2);
    head.extend_from_slice(&lines_for(proxy, trip.authorization.is_some()));
    if let Some(value) = &trip.authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Asks a SOCKS5 proxy to connect to the origin: to the address given, else by name.
#[dual]
pub(crate) async fn ask_socks(
    stream: &mut Stream,
    proxy: &Proxy,
    origin: Origin<'_>,
    address: Option<SocketAddr>,
    wait: Wait,
) -> Result<()> {
    let host = origin.host_name();
    let (target, port) = match (address, host.parse()) {
        // A port given with an address by hand is the one to connect to, as without a proxy.
        (Some(address), _) => (SocksTarget::Address(address.ip()), address.port()),
        (None, Ok(ip)) => (SocksTarget::Address(ip), origin.port),
        (None, Err(_)) => (SocksTarget::Name(host), origin.port),
    };
    let begun = Socks5::new(target, port, proxy.socks_credentials());
    let mut handshake = begun.map_err(|error| refused(proxy, error))?;
    let mut scratch = [0; READ];
    loop {
        match handshake.step() {
            socks5::Step::Done => return Ok(()),
            socks5::Step::Send(bytes) => {
                let sent = stream.send_all(&bytes, wait).await;
                sent.map_err(failed)?;
            }
            socks5::Step::Receive(wanted) => {
                let mut have = 0;
                while have < wanted {
                    let read = stream.read(&mut scratch[have..wanted], wait).await;
                    match read.map_err(failed)? {
                        0 => return Err(closed(proxy)),
                        read => have += read,
                    }
                }
                let heard = handshake.received(&scratch[..wanted]);
                heard.map_err(|error| refused(proxy, error))?;
            }
        }
    }
}

fn denied(proxy: &Proxy, head: &ResponseHead, identified: bool) -> Error {
    let reason = match &head.reason {
        Some(reason) => String::from_utf8_lossy(reason).into_owned(),
        None => head.status.canonical_reason().unwrap_or("").to_owned(),
    };
    let message = format!(
        "the proxy {} answered CONNECT with {} {}",
        shown(proxy),
        head.status.as_u16(),
        reason.escape_debug(),
    );
    Error::new(ErrorKind::ProxyError, message)
        .with_status(head.status)
        .with_hint(hints::of_refusal(head.status, &head.headers, identified))
        .in_phase(Phase::Proxy)
}

fn shown(proxy: &Proxy) -> String {
    let origin = proxy.origin();
    format!("{}:{}", origin.host, origin.port)
}

fn refused(proxy: &Proxy, error: socks5::Socks5Error) -> Error {
    let message = format!("the SOCKS proxy {}: {error}", shown(proxy));
    Error::new(ErrorKind::ProxyError, message)
        .with_source(error)
        .in_phase(Phase::Proxy)
}

fn closed(proxy: &Proxy) -> Error {
    let message = format!(
        "the SOCKS proxy {} closed the connection before it had answered",
        shown(proxy)
    );
    Error::new(ErrorKind::ProxyError, message).in_phase(Phase::Proxy)
}

fn bad_answer(error: H1Error) -> Error {
    bad_response(error).in_phase(Phase::Proxy)
}

fn failed(error: io::Error) -> Error {
    let failed = match error.kind() {
        io::ErrorKind::TimedOut if error.raw_os_error().is_none() => {
            Error::timeout(ErrorKind::ConnectTimeout, None)
        }
        _ => Error::new(ErrorKind::ConnectError, error.to_string()).with_source(error),
    };
    failed.in_phase(Phase::Proxy)
}
