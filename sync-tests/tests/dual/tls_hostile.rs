//! Handshakes with peers that do not mean it: they end in an error, in time, and take no slot.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimorph::{ErrorKind, PoolLimits, Timeout};
use sync_tests::{Server, Wire};

use super::common::{assert_at_rest, builder, ms};
use super::{dual, form_test};

/// What is sent in answer to a ClientHello.
#[derive(Clone)]
enum Answer {
    /// These bytes, and then nothing.
    Once(Vec<u8>),
    /// These, one by one.
    Drip(Vec<u8>),
    /// These, over and over.
    Endless(Vec<u8>),
    /// These, then the end.
    End(Vec<u8>),
}

fn serve(answer: Answer) -> Server {
    let answer = Arc::new(answer);
    Server::wire(move |wire: &mut Wire| {
        wire.read_some()?;
        match &*answer {
            Answer::Once(bytes) => wire.send(bytes)?,
            Answer::Drip(bytes) => {
                for byte in bytes {
                    wire.send([*byte])?;
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            Answer::Endless(bytes) => {
                let many = bytes.repeat(1 + 4096 / bytes.len());
                let end = Instant::now() + Duration::from_secs(10);
                while wire.send(&many).is_ok() && Instant::now() < end {}
                return Ok(());
            }
            Answer::End(bytes) => {
                wire.send(bytes)?;
                return Ok(());
            }
        }
        wire.drain(Duration::from_secs(10));
        Ok(())
    })
}

/// A record of this type.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 3, 3];
    record.extend_from_slice(&(content.len() as u16).to_be_bytes());
    record.extend_from_slice(content);
    record
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// A ServerHello of an older version.
fn server_hello(version: u16, cipher: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    body.extend_from_slice(&cipher.to_be_bytes());
    body.push(0);
    let head = [2, 0, 0, body.len() as u8];
    record(HANDSHAKE, &[&head[..], &body].concat())
}

#[dual]
async fn assert_refused(what: &str, answer: Answer, kinds: &[ErrorKind]) {
    let server = serve(answer);
    let limit = ms(400);
    let client = builder()
        .pool_limits(PoolLimits::new().hard_limit(1))
        .timeout(Timeout::new(Duration::from_secs(5)).connect(limit))
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.get(server.https("/")).send().await.unwrap_err();
    let took = begun.elapsed();
    assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
    assert!(
        error.is_connect() || error.is_timeout(),
        "{what}: {error:?}"
    );
    assert!(took < limit + ms(400), "{what}: {took:?}");
    assert_at_rest(&client).await;
    let asked = server.received().concat();
    assert!(!asked.windows(4).any(|window| window == b"GET "), "{what}");
}

#[dual]
#[form_test]
async fn tls_10_whatever_comes_in_the_middle_of_a_handshake_ends_it_in_time() {
    use ErrorKind::{ConnectError, ConnectTimeout};
    let hello = server_hello(0x0303, 0xc02b);
    let refused = [ConnectError];
    let either = [ConnectError, ConnectTimeout];
    for (what, answer, kinds) in [
        ("nothing", Answer::End(Vec::new()), &refused[..]),
        ("garbage", Answer::Once(vec![0xaa; 4096]), &refused),
        ("zeros", Answer::Endless(vec![0; 64]), &refused),
        (
            "plain text",
            Answer::Once(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            &refused,
        ),
        ("an alert", Answer::Once(record(ALERT, &[2, 40])), &refused),
        (
            "close_notify",
            Answer::Once(record(ALERT, &[1, 0])),
            &either,
        ),
        (
            "close_notify and the end",
            Answer::End(record(ALERT, &[1, 0])),
            &refused,
        ),
        (
            "warnings without end",
            Answer::Endless(record(ALERT, &[1, 90])),
            &either,
        ),
        ("half an alert", Answer::Once(record(ALERT, &[2])), &either),
        (
            "application data",
            Answer::Once(record(23, b"HTTP/1.1 200 OK\r\n\r\n")),
            &refused,
        ),
        (
            "a hello, then silence",
            Answer::Once(hello.clone()),
            &[ConnectTimeout],
        ),
        (
            "a hello, then the end",
            Answer::End(hello.clone()),
            &refused,
        ),
        ("a hello, cut", Answer::End(hello[..20].to_vec()), &refused),
        (
            "a hello, byte by byte",
            Answer::Drip(hello.clone()),
            &[ConnectTimeout],
        ),
        (
            "garbage, byte by byte",
            Answer::Drip(vec![0xaa; 200]),
            &refused,
        ),
        (
            "a hello after the hello",
            Answer::Once([&hello[..], &hello].concat()),
            &refused,
        ),
        (
            "empty fragments without end",
            Answer::Endless(record(HANDSHAKE, &[])),
            &either,
        ),
        (
            "a message of 16 MiB",
            Answer::Endless(record(HANDSHAKE, &[11, 0xff, 0xff, 0xff])),
            &either,
        ),
        (
            "fragments of one byte",
            Answer::Endless(record(HANDSHAKE, &[2])),
            &either,
        ),
        (
            "a record too large",
            Answer::Once(vec![HANDSHAKE, 3, 3, 0xff, 0xff]),
            &either,
        ),
        (
            "change_cipher_spec without end",
            Answer::Endless(record(20, &[1])),
            &either,
        ),
    ] {
        assert_refused(what, answer, kinds).await;
    }
}

#[dual]
#[form_test]
async fn tls_11_a_server_of_old_versions_or_broken_ciphers_is_refused() {
    for version in [0x0302, 0x0301, 0x0300] {
        let answer = Answer::Once(server_hello(version, 0xc02b));
        assert_refused(
            &format!("version {version:#x}"),
            answer,
            &[ErrorKind::ConnectError],
        )
        .await;
    }
    for cipher in [0x0005, 0x0001, 0x0003] {
        let answer = Answer::Once(server_hello(0x0303, cipher));
        assert_refused(
            &format!("cipher {cipher:#x}"),
            answer,
            &[ErrorKind::ConnectError],
        )
        .await;
    }
    // "protocol_version": what such a server says if it is honest.
    let answer = Answer::Once(record(ALERT, &[2, 70]));
    assert_refused("an honest server", answer, &[ErrorKind::ConnectError]).await;
}
