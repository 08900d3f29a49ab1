//! TLS messages that come on an idle connection: they are no reason to give it up, in a proxy's TLS either.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use sync_tests::Proxy as Relay;
use sync_tests::certs::{certs, tls};

use super::common::builder;
use super::proxies::fetch;
use super::{dual, form_test, form_util};

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers on one connection; after each answer, once it is told to, renews its keys and says so (RFC 8446 section 4.6.3).
fn renewing(listener: &TcpListener, told: &Receiver<()>) -> io::Result<()> {
    let (tcp, _) = listener.accept()?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let session = ServerConnection::new(certs().good()).unwrap();
    let mut tls = StreamOwned::new(session, tcp);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tls.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nin")?;
        tls.flush()?;
        let _ = told.recv_timeout(PATIENCE);
        tls.conn.refresh_traffic_keys().unwrap();
        tls.flush()?;
    }
}

/// How many bytes wait to be read by those who are connected to a loopback port.
fn unread(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let mut fields = line.split_whitespace().skip(2);
        let (remote, _) = (fields.next().unwrap(), fields.next());
        let (_, received) = fields.next().unwrap().split_once(':').unwrap();
        (
            remote.ends_with(&format!(":{port:04X}")),
            u64::from_str_radix(received, 16).unwrap(),
        )
    });
    rows.filter(|row| row.0).map(|row| row.1).sum()
}

#[dual]
#[form_test]
async fn a_key_update_on_an_idle_connection_does_not_end_it() {
    for proxied in [false, true] {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(any).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = channel();
        thread::spawn(move || renewing(&listener, &told));
        let relay = Relay::builder().tls(tls()).route_all(address).start();
        let (builder, port) = match proxied {
            true => (builder().proxy(relay.url()), relay.address().port()),
            false => (builder().resolve("a.test", [address]), address.port()),
        };
        let client = builder.build().unwrap();
        let text = fetch(&client, "https://a.test/").await;
        assert_eq!(text, "in");
        for _ in 0..3 {
            assert_eq!(unread(port), 0);
            tell.send(()).unwrap();
            let came = form_util::until(|| unread(port) > 0).await;
            assert!(came, "the key update is there before the next request");
            let text = fetch(&client, "https://a.test/").await;
            assert_eq!(text, "in", "proxied: {proxied}");
        }
        let stats = client.pool_stats();
        assert_eq!((stats.opened, stats.reused), (1, 3), "proxied: {proxied}");
    }
}
