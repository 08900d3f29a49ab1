//! Bodies whose next piece waits until the server has the one before: TLS keeps no part of a piece back.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use dimorph::{Body, Timeout};
use socket2::{Domain, Socket, Type};
use sync_tests::certs::tls;
use sync_tests::{Proxy as Relay, Reply, Server, Wire};

use super::common::{assert_at_rest, builder};
use super::form::ClientBuilder;
use super::{dual, form_test};

/// Forty sizes around whole records of TLS, which hold 16 KiB; most are more than the buffers of the system take.
pub(crate) fn sizes() -> Vec<usize> {
    let around = |records: usize| (records << 14) - 29 + [0, 28, 29, 30, 4096][records % 5];
    (9..49).map(around).collect()
}

/// Reads a body of these pieces, plain or each as a chunk, and calls `has` when one is there.
pub(crate) fn acknowledging(has: impl Fn() + Send + Sync + 'static) -> Server {
    Server::wire_tls(tls(), move |wire: &mut Wire| {
        while let Some(head) = wire.read_head()? {
            let chunked = head.header("transfer-encoding").is_some();
            for (n, size) in sizes().into_iter().enumerate() {
                if chunked {
                    // The end of the chunk before, and the length of this one.
                    let line = format!("\r\n{size:x}\r\n").len() - if n == 0 { 2 } else { 0 };
                    wire.read_exactly(line)?;
                }
                wire.read_exactly(size)?;
                has();
            }
            if chunked {
                wire.read_exactly("\r\n0\r\n\r\n".len())?;
            }
            Reply::ok("whole").send(wire, false)?;
        }
        Ok(())
    })
}

/// Stands before a server and passes one connection on, a little at a time: whoever sends more than some hundred kilobytes has to wait.
fn narrow(server: SocketAddr) -> SocketAddr {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Both sides' buffers are sized by what the listener says when a client connects.
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.set_tcp_mss(1400).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(1).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    thread::spawn(move || -> io::Result<()> {
        let (mut client, _) = listener.accept()?;
        let mut server = TcpStream::connect(server)?;
        let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || io::copy(&mut from, &mut to));
        let mut block = [0; 16 << 10];
        loop {
            let n = client.read(&mut block)?;
            if n == 0 {
                return server.shutdown(Shutdown::Write);
            }
            server.write_all(&block[..n])?;
            thread::sleep(Duration::from_micros(100));
        }
    });
    address
}

/// Begins a client for which `https://a.test` is this server, behind a narrow place; through a TLS proxy or not.
pub(crate) fn to(server: &Server, proxied: bool) -> (ClientBuilder, Option<Relay>) {
    let timeout = Timeout::new(Duration::from_secs(5)).total(Duration::from_secs(60));
    let builder = builder().timeout(timeout);
    if !proxied {
        return (builder.resolve("a.test", [narrow(server.address())]), None);
    }
    let relay = Relay::builder().tls(tls()).route_all(server.address());
    let relay = relay.start();
    let proxy = format!("https://{}", narrow(relay.address()));
    (builder.proxy(proxy), Some(relay))
}

/// Gives each piece once the one before has been acknowledged.
struct Patient {
    sizes: VecDeque<usize>,
    left: usize,
    acks: Receiver<()>,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if self.sizes.len() < sizes().len() {
                let ack = self.acks.recv_timeout(Duration::from_secs(10));
                let lacking = format!("{} pieces are left, and one is under way", self.sizes.len());
                ack.map_err(|_| io::Error::other(lacking))?;
            }
            self.left = self.sizes.pop_front().unwrap_or(0);
        }
        let n = self.left.min(buffer.len());
        buffer[..n].fill(b'x');
        self.left -= n;
        Ok(n)
    }
}

#[dual]
async fn each_piece_arrives_while_the_reader_waits(proxied: bool) {
    let (ack, acks) = channel();
    let server = acknowledging(move || {
        let _ = ack.send(());
    });
    let (builder, _relay) = to(&server, proxied);
    let client = builder.build().unwrap();
    let body = Patient {
        sizes: sizes().into(),
        left: 0,
        acks,
    };
    let body = Body::sized(body, sizes().iter().sum::<usize>() as u64);
    let sent = client.post("https://a.test/").body(body).send().await;
    let text = sent.unwrap().text().await.unwrap();
    assert_eq!(text, "whole");
    assert_at_rest(&client).await;
}

#[dual]
#[form_test]
async fn a_reader_that_waits_for_the_server_is_not_kept_waiting_by_tls() {
    each_piece_arrives_while_the_reader_waits(false).await;
}

#[dual]
#[form_test]
async fn a_reader_that_waits_for_the_server_is_not_kept_waiting_by_tls_in_tls() {
    each_piece_arrives_while_the_reader_waits(true).await;
}
