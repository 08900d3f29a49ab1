//! The peer against clients that others wrote.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use super::{Answer, Frame, H2Peer, Link, code, kind, pattern, setting, tls_speaking};
use crate::peers::{curl, program};

#[test]
fn curl_gets_what_it_carried() {
    let peer = H2Peer::carrying();
    let url = peer.url("/there?q=1");
    let said = "hello ".repeat(50_000);
    let folder = crate::peers::Folder::new();
    let file = folder.write("body", &said);
    let data = format!("@{}", file.display());
    let args = ["--http2-prior-knowledge", "--data-binary", &data, &url];
    let Some(answer) = curl(&args) else { return };
    assert_eq!(answer.pair(), (200, said.as_bytes()), "{}", answer.message);
    let asked = peer.asked().remove(0);
    assert_eq!((asked.method(), asked.path()), ("POST", "/there?q=1"));
    assert_eq!(asked.authority(), peer.address().to_string());
    assert_eq!(asked.header("content-length"), Some("300000"));
    assert_eq!((asked.text(), asked.ended, asked.reset), (said, true, None));
    assert_eq!(peer.violations(), [""; 0]);
}

#[test]
fn curl_reads_long_bodies_within_its_windows() {
    let peer = H2Peer::carrying();
    let (first, second) = (peer.url("/size/30000000"), peer.url("/size/77777"));
    let args = ["--http2-prior-knowledge", &first];
    let Some(answer) = curl(&args) else { return };
    assert!(answer.body == pattern(30_000_000), "{}", answer.message);
    let answer = curl(&["--http2-prior-knowledge", &second]).unwrap();
    assert!(answer.body == pattern(77_777), "{}", answer.message);
    assert_eq!((peer.connections(), peer.count()), (2, 2));
    assert_eq!(peer.violations(), [""; 0]);
}

#[test]
fn curl_agrees_by_alpn_on_what_the_peer_speaks() {
    for (protocols, stream) in [(&["h2", "http/1.1"][..], 1), (&["http/1.1"], 0)] {
        let peer = H2Peer::over(tls_speaking(protocols), |link: &mut Link<'_>| {
            link.open(&[])?;
            link.carry()
        });
        let url = peer.https("/");
        let Some(answer) = curl(&["--http2", "--data", "abc", &url]) else {
            return;
        };
        assert_eq!(answer.pair(), (200, &b"abc"[..]), "{}", answer.message);
        assert_eq!(peer.asked()[0].stream, stream);
    }
}

#[test]
fn nghttp_is_satisfied() {
    let Some(nghttp) = program("nghttp") else {
        return;
    };
    let peer = H2Peer::answering(|asked| Answer::carry(asked).trailer("x-trailer", "after"));
    let urls = ["/size/100000", "/size/0", "/a"].map(|path| peer.url(path));
    let output = Command::new(nghttp)
        .args(["-nv", "-w", "16", "-m", "3"])
        .args(&urls)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let trailers = said.matches("x-trailer: after").count();
    assert_eq!(trailers, peer.count(), "{said}");
    assert!(!said.contains("[ERROR]"), "{said}");
    assert_eq!((peer.connections(), peer.count()), (1, 9));
    assert_eq!(peer.violations(), [""; 0]);
}

/// A client of frames alone.
struct Raw(TcpStream, Vec<u8>);

impl Raw {
    fn new(peer: &H2Peer) -> Self {
        let mut tcp = TcpStream::connect(peer.address()).unwrap();
        tcp.write_all(super::PREFACE).unwrap();
        let mut raw = Raw(tcp, Vec::new());
        raw.send(&Frame::settings(&[]));
        raw
    }

    fn send(&mut self, frame: &Frame) {
        self.0.write_all(&frame.bytes()).unwrap();
    }

    fn get(&mut self, stream: u32) {
        let fields = [(":method", "GET"), (":path", "/"), (":scheme", "http")];
        self.send(&Frame::headers(stream, fields).end());
    }

    fn read(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = Frame::take(&self.1) {
                self.1.drain(..length);
                return Some(frame);
            }
            let mut block = [0; 4096];
            match self.0.read(&mut block) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.1.extend_from_slice(&block[..n]),
            }
        }
    }
}

#[test]
fn a_clients_faults_are_written_down() {
    type Misdeed = fn(&mut Raw);
    let misdeeds: [(&str, Misdeed); 6] = [
        ("stream 2 after 0", |raw| raw.get(2)),
        ("stream 1 after 3", |raw| {
            raw.get(3);
            raw.get(1);
        }),
        ("2 streams at once", |raw| {
            raw.get(1);
            raw.get(3);
        }),
        ("DATA beyond the window of stream 1", |raw| {
            let post = Frame::headers(1, [(":method", "POST"), (":path", "/")]);
            raw.send(&post);
            raw.send(&Frame::data(1, vec![0; 11]));
        }),
        ("DATA on stream 1, which had ended", |raw| {
            raw.get(1);
            raw.send(&Frame::data(1, "x"));
        }),
        ("a frame of 16385 bytes", |raw| {
            raw.send(&Frame::new(0xbe, 0, 0, vec![0; 16_385]));
        }),
    ];
    for (what, misdeed) in misdeeds {
        let peer = H2Peer::new(|link| {
            link.open(&[
                (setting::MAX_CONCURRENT_STREAMS, 1),
                (setting::INITIAL_WINDOW_SIZE, 10),
            ])?;
            link.drain()
        });
        let mut raw = Raw::new(&peer);
        while raw.read().unwrap().kind != kind::SETTINGS {}
        raw.send(&Frame::settings_ack());
        misdeed(&mut raw);
        assert!(peer.settle(|_| !peer.violations().is_empty()), "{what}");
        let found = peer.violations();
        assert!(found.iter().any(|f| f.ends_with(what)), "{what}: {found:?}");
    }
}

#[test]
fn scripts_send_what_they_like_and_see_what_comes() {
    let peer = H2Peer::new(|link| {
        link.open(&[])?;
        let stream = link.head()?.unwrap();
        link.send_all(&[
            Frame::ping(*b"abcdefgh"),
            Frame::reset(stream, code::REFUSED_STREAM),
            Frame::goaway(0, code::NO_ERROR),
        ])?;
        link.drain()
    });
    let mut raw = Raw::new(&peer);
    raw.get(1);
    let kinds: Vec<u8> = (0..5).map(|_| raw.read().unwrap().kind).collect();
    assert_eq!(kinds, [4, 4, 6, 3, 7]);
    raw.send(&Frame::reset(1, code::CANCEL));
    raw.send(&Frame::goaway(0, code::ENHANCE_YOUR_CALM));
    assert!(peer.settle(|_| peer.goaway(0).is_some()));
    assert_eq!(peer.goaway(0), Some(code::ENHANCE_YOUR_CALM));
    assert_eq!(peer.frames_of(0, kind::RST_STREAM), 1);
    assert_eq!(peer.asked()[0].reset, Some(code::CANCEL));
}
