//! The connection fails at every byte: a typed error or the whole response, and never a lost slot.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use dimorph::{ErrorKind, PoolLimits};
use sync_tests::certs::tls;
use sync_tests::{Reply, Server};

use super::common::{builder, name};
use super::form::Client;
use super::{dual, form_test, form_util};

const SIZED: &str = "HTTP/1.1 200 OK\r\nx-filler: abc\r\ncontent-length: 13\r\n\r\nHello, world!";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nHello, \r\n6;x=y\r\nworld!\r\n0\r\nx-t: 1\r\n\r\n";

/// A client that keeps nothing idle, so that every request has a fresh connection.
fn client() -> Client {
    let limits = PoolLimits::new().soft_limit(0).hard_limit(8);
    builder()
        .pool_limits(limits)
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

/// `/framing/end/offset`: sends so many bytes of the response, then FIN or RST.
fn failing_responses() -> Server {
    Server::wire(|wire| {
        let Some(head) = wire.read_head()? else {
            return Ok(());
        };
        let parts: Vec<&str> = head.target[1..].split('/').collect();
        let bytes = if parts[0] == "sized" { SIZED } else { CHUNKED };
        let offset: usize = parts[2].parse().unwrap();
        wire.send(&bytes[..offset])?;
        match parts[1] {
            "fin" => {
                wire.finish();
                wire.drain(Duration::from_secs(2));
            }
            _ => wire.reset(),
        }
        Ok(())
    })
}

#[dual]
async fn fetch((client, url): (Client, String)) -> Result<String, ErrorKind> {
    let response = client.get(url).send().await.map_err(|e| e.kind())?;
    let text = response.text().await.map_err(|e| e.kind())?;
    Ok(text)
}

#[dual]
#[form_test]
async fn a_response_that_ends_at_any_byte_is_whole_or_an_error() {
    use ErrorKind::{ReadError, RemoteProtocolError};

    let server = failing_responses();
    let client = client();
    let mut cases = Vec::new();
    for (framing, bytes) in [("sized", SIZED), ("chunked", CHUNKED)] {
        for end in ["fin", "rst"] {
            cases.extend((0..=bytes.len()).map(|offset| (framing, end, offset, bytes.len())));
        }
    }
    let calls: Vec<_> = cases
        .iter()
        .map(|(framing, end, offset, _)| {
            (
                client.clone(),
                server.url(&format!("/{framing}/{end}/{offset}")),
            )
        })
        .collect();
    let outcomes = form_util::concurrently(8, calls, fetch).await;
    let mut faults = Vec::new();
    for ((framing, end, offset, length), outcome) in cases.into_iter().zip(outcomes) {
        let whole = offset == length;
        let good = match &outcome {
            Ok(text) => whole && text == "Hello, world!",
            Err(RemoteProtocolError) => !whole,
            Err(ReadError) => end == "rst",
            Err(_) => false,
        };
        if !good {
            faults.push(format!(
                "{framing} {end} at {offset} of {length}: {outcome:?}"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let stats = client.pool_stats();
    assert_eq!((stats.active, stats.waiting, stats.connections), (0, 0, 0));
}

/// Takes so many bytes of the request, then FIN or RST.
fn failing_uploads(reset: bool) -> Server {
    Server::wire(move |wire| {
        let head = wire.read_head()?.unwrap();
        let offset: usize = head.target[1..].parse().unwrap();
        wire.read_exactly(offset)?;
        if reset {
            wire.reset();
        }
        Ok(())
    })
}

#[dual]
async fn upload((client, url): (Client, String)) -> Result<u16, ErrorKind> {
    let sent = client.post(url).body(vec![b'u'; 400_000]).send().await;
    let response = sent.map_err(|e| e.kind())?;
    Ok(response.status().as_u16())
}

#[dual]
#[form_test]
async fn an_upload_cut_at_any_place_is_an_error() {
    use ErrorKind::{ReadError, RemoteProtocolError, WriteError};

    for reset in [false, true] {
        let server = failing_uploads(reset);
        let client = client();
        let offsets: Vec<usize> = (0..40)
            .chain((40..400_000).step_by(17_001))
            .chain([399_999, 400_000])
            .collect();
        let calls: Vec<_> = offsets
            .iter()
            .map(|o| (client.clone(), server.url(&format!("/{o}"))))
            .collect();
        let outcomes = form_util::concurrently(8, calls, upload).await;
        for (offset, outcome) in offsets.iter().zip(outcomes) {
            let error = outcome.expect_err("nothing was answered");
            let typed = matches!(error, ReadError | WriteError | RemoteProtocolError);
            assert!(typed, "{offset}, reset {reset}: {}", name(error));
        }
        let stats = client.pool_stats();
        assert_eq!((stats.active, stats.connections), (0, 0));
    }
}

/// Relays to a TLS server, but gives only so many of its bytes back: `Some(n)` of connection `n`.
fn cutting_relay(target: std::net::SocketAddr, step: usize, reset: bool) -> Server {
    Server::wire(move |wire| {
        let mut left = wire.number * step;
        let mut back = TcpStream::connect(target)?;
        back.set_read_timeout(Some(Duration::from_millis(5)))?;
        wire.set_read_timeout(Some(Duration::from_millis(5)));
        let mut block = [0; 16 * 1024];
        loop {
            match wire.read_some() {
                Ok(bytes) if bytes.is_empty() => return Ok(()),
                Ok(bytes) => back.write_all(&bytes)?,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
            loop {
                let n = match back.read(&mut block) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => n,
                };
                let given = n.min(left);
                wire.send(&block[..given])?;
                left -= given;
                if given < n {
                    if reset {
                        wire.reset();
                    }
                    return Ok(());
                }
            }
        }
    })
}

#[dual]
#[form_test]
async fn a_tls_connection_cut_at_any_record_is_an_error_or_whole() {
    let server = Server::answering(tls(), |_| Reply::ok("Hello, world!"));
    for reset in [false, true] {
        let relay = cutting_relay(server.address(), 37, reset);
        let client = client();
        let (mut errors, mut whole) = (0, 0);
        // Connections are numbered in turn: one more step of bytes each time, until all came.
        for i in 0..120 {
            let outcome = fetch((client.clone(), relay.https("/"))).await;
            match outcome {
                Ok(text) => {
                    assert_eq!(text, "Hello, world!");
                    whole += 1;
                    if whole == 3 {
                        break;
                    }
                }
                Err(kind) => {
                    use ErrorKind::*;
                    let typed = matches!(
                        kind,
                        ConnectError | ReadError | WriteError | RemoteProtocolError
                    );
                    assert!(typed, "cut {i}: {}", name(kind));
                    errors += 1;
                }
            }
        }
        assert!(errors > 5 && whole > 0, "{errors} errors, {whole} whole");
        let stats = client.pool_stats();
        assert_eq!((stats.active, stats.connections), (0, 0));
    }
}

#[dual]
#[form_test]
async fn a_response_of_single_bytes_is_whole() {
    let server = Server::wire(|wire| {
        while let Some(head) = wire.read_head()? {
            let bytes = if head.target == "/sized" {
                SIZED
            } else {
                CHUNKED
            };
            for byte in bytes.as_bytes() {
                wire.send([*byte])?;
            }
        }
        Ok(())
    });
    let client = builder().build().unwrap();
    for _ in 0..3 {
        for path in ["/sized", "/chunked"] {
            let text = fetch((client.clone(), server.url(path))).await;
            assert_eq!(text.unwrap(), "Hello, world!");
        }
    }
    assert_eq!(server.connections(), 1);
}

#[dual]
#[form_test]
async fn a_server_that_leaves_at_once_is_an_error() {
    for reset in [false, true] {
        let server = Server::wire(move |wire| {
            if reset {
                wire.reset();
            }
            Ok(())
        });
        let client = client();
        for _ in 0..10 {
            let outcome = fetch((client.clone(), server.url("/"))).await;
            use ErrorKind::*;
            let kind = outcome.unwrap_err();
            assert!(
                matches!(
                    kind,
                    ReadError | WriteError | RemoteProtocolError | ConnectError
                ),
                "{}",
                name(kind)
            );
        }
        assert_eq!(client.pool_stats().connections, 0);
    }
}
