use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::*;

type Ending = Result<(), Socks5Error>;

/// Plays the proxy: what the client sent, how it ended, and how many of the proxy's bytes it left alone.
fn play(mut client: Socks5, mut proxy: &[u8]) -> (Vec<Vec<u8>>, Ending, usize) {
    let mut sent = Vec::new();
    loop {
        match client.step() {
            Step::Send(bytes) => sent.push(bytes),
            Step::Receive(count) => {
                assert!((1..=257).contains(&count), "{count}");
                let Some((now, rest)) = proxy.split_at_checked(count) else {
                    return (sent, Err(Socks5Error::Truncated), 0);
                };
                proxy = rest;
                if let Err(error) = client.received(now) {
                    return (sent, Err(error), proxy.len());
                }
            }
            Step::Done => return (sent, Ok(()), proxy.len()),
        }
    }
}

fn named() -> Socks5 {
    Socks5::new(SocksTarget::Name("a.test"), 80, None).unwrap()
}

fn with_login() -> Socks5 {
    let credentials = Some((&b"tom"[..], &b"mot123"[..]));
    Socks5::new(SocksTarget::Name("a.test"), 80, credentials).unwrap()
}

/// The proxy's side of a handshake without login, but for its end.
fn unlocked(reply: &[u8]) -> Vec<u8> {
    [&[5, 0], reply].concat()
}

#[test]
fn the_bytes_are_those_of_the_rfcs() {
    let ok = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let v4 = SocksTarget::Address(Ipv4Addr::new(10, 0, 0, 1).into());
    let v6 = SocksTarget::Address(Ipv6Addr::LOCALHOST.into());
    let mut v6_request = vec![5, 1, 0, 4];
    v6_request.extend(Ipv6Addr::LOCALHOST.octets());
    v6_request.extend([0x1f, 0x90]);
    let table: [(SocksTarget<'_>, u16, &[u8]); 3] = [
        (v4, 80, &[5, 1, 0, 1, 10, 0, 0, 1, 0, 80]),
        (v6, 8080, &v6_request),
        (
            SocksTarget::Name("a.test"),
            443,
            b"\x05\x01\x00\x03\x06a.test\x01\xbb",
        ),
    ];
    for (target, port, request) in table {
        let client = Socks5::new(target, port, None).unwrap();
        let (sent, ending, left) = play(client, &unlocked(&ok));
        assert_eq!(sent, [&[5, 1, 0][..], request]);
        assert_eq!((ending, left), (Ok(()), 0));
    }
    let (sent, ending, _) = play(with_login(), &[&[5, 2, 1, 0], &ok[..]].concat());
    assert_eq!(
        sent,
        [
            &[5, 1, 2][..],
            b"\x01\x03tom\x06mot123",
            b"\x05\x01\x00\x03\x06a.test\x00\x50",
        ]
    );
    assert_eq!(ending, Ok(()));
}

#[test]
fn nothing_beyond_the_reply_is_read() {
    let bound: [&[u8]; 4] = [
        &[1, 127, 0, 0, 1, 0, 80],
        &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80],
        b"\x03\x09localhost\x00\x50",
        // A name of no bytes is as good as any: nobody uses it.
        &[3, 0, 0, 80],
    ];
    for bound in bound {
        let proxy = [&[5, 0, 5, 0, 0], bound, b"HTTP/1.1 200 OK"].concat();
        let (_, ending, left) = play(named(), &proxy);
        assert_eq!((ending, left), (Ok(()), 15), "{bound:?}");
    }
    let longest = [&[5, 0, 5, 0, 0, 3, 255], &[b'x'; 257][..], b"!"].concat();
    assert_eq!(play(named(), &longest).2, 1);
}

#[test]
fn prx_12_every_method_but_the_one_offered_ends_it() {
    for method in 0..=255 {
        let (sent, ending, _) = play(named(), &[5, method]);
        match (method, ending.unwrap_err()) {
            (0, error) => assert_eq!((sent.len(), error), (2, Socks5Error::Truncated)),
            (0xff, error) => assert_eq!((sent.len(), error), (1, Socks5Error::LoginRequired)),
            (_, error) => assert_eq!(error, Socks5Error::MethodNotOffered(method)),
        }
        // With credentials, "none needed" is refused too: the tunnel would not be the user's.
        let (sent, ending, _) = play(with_login(), &[5, method]);
        match (method, ending.unwrap_err()) {
            (2, error) => assert_eq!((sent.len(), error), (2, Socks5Error::Truncated)),
            (0xff, error) => assert_eq!((sent.len(), error), (1, Socks5Error::LoginRefused)),
            (_, error) => {
                assert_eq!(
                    (sent.len(), error),
                    (1, Socks5Error::MethodNotOffered(method))
                );
            }
        }
    }
}

#[test]
fn prx_12_versions_reserved_bytes_and_address_types_are_checked() {
    for byte in 0..=255 {
        if byte != 5 {
            let wrong = Err(Socks5Error::Version(byte));
            assert_eq!(play(named(), &[byte, 0]).1, wrong);
            assert_eq!(play(named(), &unlocked(&[byte, 0, 0, 1])).1, wrong);
        }
        if byte != 1 {
            let wrong = Err(Socks5Error::LoginVersion(byte));
            assert_eq!(play(with_login(), &[5, 2, byte, 0]).1, wrong);
        }
        if byte != 0 {
            let rejected = Err(Socks5Error::BadCredentials);
            assert_eq!(play(with_login(), &[5, 2, 1, byte]).1, rejected);
            let refused = Err(Socks5Error::Refused(ReplyCode(byte)));
            assert_eq!(play(named(), &unlocked(&[5, byte, 0, 1])).1, refused);
            let reserved = Err(Socks5Error::Reserved(byte));
            assert_eq!(play(named(), &unlocked(&[5, 0, byte, 1])).1, reserved);
        }
        if ![1, 3, 4].contains(&byte) {
            let unknown = Err(Socks5Error::AddressType(byte));
            assert_eq!(play(named(), &unlocked(&[5, 0, 0, byte])).1, unknown);
        }
    }
}

#[test]
fn prx_12_a_reply_cut_at_any_byte_opens_no_tunnel() {
    let whole = b"\x05\x02\x01\x00\x05\x00\x00\x03\x09localhost\x00\x50";
    for end in 0..whole.len() {
        let (_, ending, _) = play(with_login(), &whole[..end]);
        assert_eq!(ending, Err(Socks5Error::Truncated), "{end}");
    }
    assert_eq!(play(with_login(), whole).1, Ok(()));
}

#[test]
fn prx_12_any_bytes_end_in_a_tunnel_or_an_error() {
    // A multiplicative generator; half its replies begin as a proxy's would, so that all states are met.
    let mut seed = 1_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    };
    let mut opened = 0;
    for round in 0..20_000 {
        let start: &[u8] = match round % 4 {
            0 => &[],
            1 => &[5, 2, 1, 0, 5],
            2 => &[5, 2, 1, 0, 5, 0, 0],
            _ => &[5, 2, 1, 0, 5, 0, 0, 3],
        };
        let noise: Vec<u8> = (0..random()).map(|_| random()).collect();
        let (_, ending, _) = play(with_login(), &[start, &noise].concat());
        opened += usize::from(ending.is_ok());
    }
    assert!(opened > 0, "no round came to its end");
}

#[test]
fn prx_12_what_one_length_byte_cannot_say_is_refused_not_cut() {
    for length in [0, 256, 65_536, 65_537] {
        let name = "a".repeat(length);
        let made = Socks5::new(SocksTarget::Name(&name), 80, None);
        assert_eq!(made.err(), Some(Socks5Error::NameLength(length)));
        let long = name.as_bytes();
        for credentials in [(long, &b"p"[..]), (&b"u"[..], long)] {
            let made = Socks5::new(SocksTarget::Name("a"), 80, Some(credentials));
            assert_eq!(made.err(), Some(Socks5Error::CredentialsLength));
        }
    }
    let name = "a".repeat(255);
    let bytes = name.as_bytes();
    assert!(Socks5::new(SocksTarget::Name(&name), 80, Some((bytes, bytes))).is_ok());
}

#[test]
fn bytes_that_were_not_asked_for_are_refused() {
    let mut client = named();
    assert_eq!(client.received(&[5, 0]), Err(Socks5Error::Truncated));
    client.step();
    for wrong in [&[][..], &[5], &[5, 0, 0]] {
        assert_eq!(client.received(wrong), Err(Socks5Error::Truncated));
    }
    assert_eq!(client.step(), Step::Receive(2));
}

#[test]
fn no_step_and_no_error_shows_a_password() {
    let mut client = with_login();
    client.step();
    client.received(&[5, 2]).unwrap();
    let step = client.step();
    assert!(matches!(&step, Step::Send(bytes) if bytes.ends_with(b"mot123")));
    assert_eq!(format!("{step:?}"), "Send(12 bytes)");
}

/// The recorded cases of httpcore: the kind is the driver's `ProxyError`, the words are these.
#[test]
fn socks5_rows() {
    let text =
        include_str!("../../../sync-tests/tests/cases/httpx.json").replace(": NaN", ": \"NaN\"");
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut count = 0;
    for row in rows.iter().filter(|row| row["area"] == "socks5") {
        let expected = row["expected"]["message"].as_str().unwrap();
        let words = expected.trim_start_matches("Proxy Server ").to_lowercase();
        let words = words.trim_end_matches('.');
        let error = if let Some(code) = row["input"]["reply"].as_u64() {
            let reply = [5, code as u8, 0, 1, 0, 0, 0, 0, 0, 0];
            play(named(), &unlocked(&reply)).1
        } else if row["input"]["server"] == "0502 then 0101" {
            play(with_login(), &[5, 2, 1, 1]).1
        } else {
            let target = SocksTarget::Address([10, 0, 0, 1].into());
            let client = Socks5::new(target, 80, None).unwrap();
            let (sent, ending, _) = play(client, &unlocked(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]));
            let hex = |bytes: &Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect();
            let sent: Vec<String> = sent.iter().map(hex).collect();
            assert_eq!(Value::from(sent), row["expected"]["client_hex"], "{row}");
            ending
        };
        let message = error.unwrap_err().to_string().to_lowercase();
        assert!(message.contains(words), "{message:?} {words:?}");
        count += 1;
    }
    assert!(count > 0);
}
