//! TLS in front of a proxy: two threads that decipher into, and encipher from, a socket pair.
//!
//! A proxy passes bytes both ways at once, and over TLS inside TLS too. Behind this front a connection is a plain socket with as many
//! handles as one likes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{HandshakeKind, ServerConfig, ServerConnection};

use crate::wire::Handshake;

struct Front {
    connection: Mutex<ServerConnection>,
    tcp: TcpStream,
}

/// Makes the handshake; returns the deciphered side.
pub(crate) fn accept(
    mut tcp: TcpStream,
    config: &Arc<ServerConfig>,
) -> io::Result<(UnixStream, Handshake)> {
    let mut connection = ServerConnection::new(Arc::clone(config)).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    let handshake = Handshake {
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        server_name: connection.server_name().map(str::to_owned),
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        client_certificate: connection.peer_certificates().is_some(),
        version: format!("{:?}", connection.protocol_version().unwrap()),
    };
    let (inner, outer) = UnixStream::pair()?;
    let from_client = outer.try_clone()?;
    let front = Arc::new(Front {
        connection: Mutex::new(connection),
        tcp,
    });
    thread::spawn({
        let front = Arc::clone(&front);
        move || {
            let _ = front.decipher(&from_client);
            let _ = from_client.shutdown(Shutdown::Write);
        }
    });
    thread::spawn(move || {
        let _ = front.encipher(&outer);
        let _ = outer.shutdown(Shutdown::Both);
        let _ = front.tcp.shutdown(Shutdown::Write);
    });
    Ok((inner, handshake))
}

impl Front {
    /// Sends what the session has to send; under its lock, so that records keep their order.
    fn flush(&self, connection: &mut ServerConnection) -> io::Result<()> {
        while connection.wants_write() {
            connection.write_tls(&mut &self.tcp)?;
        }
        Ok(())
    }

    /// Takes records in; returns their plaintext, and whether the client has said its last.
    fn take(&self, mut records: &[u8]) -> io::Result<(Vec<u8>, bool)> {
        let mut connection = self.connection.lock().unwrap();
        let (mut plain, mut block) = (Vec::new(), [0; 16 * 1024]);
        loop {
            // What came with the handshake's last flight is here before anything is read.
            let over = loop {
                match connection.reader().read(&mut block) {
                    Ok(0) => break true,
                    Ok(n) => plain.extend_from_slice(&block[..n]),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break false,
                    Err(e) => return Err(e),
                }
            };
            if over || records.is_empty() {
                self.flush(&mut connection)?;
                return Ok((plain, over));
            }
            connection.read_tls(&mut records)?;
            let processed = connection.process_new_packets();
            self.flush(&mut connection)?;
            processed.map_err(io::Error::other)?;
        }
    }

    fn decipher(&self, mut inner: &UnixStream) -> io::Result<()> {
        let (mut block, mut n) = ([0; 16 * 1024], 0);
        loop {
            let (plain, over) = self.take(&block[..n])?;
            inner.write_all(&plain)?;
            if over {
                return Ok(());
            }
            n = (&self.tcp).read(&mut block)?;
            if n == 0 {
                return Ok(());
            }
        }
    }

    fn encipher(&self, mut inner: &UnixStream) -> io::Result<()> {
        let mut block = [0; 16 * 1024];
        loop {
            let n = inner.read(&mut block)?;
            let mut connection = self.connection.lock().unwrap();
            if n == 0 {
                connection.send_close_notify();
                return self.flush(&mut connection);
            }
            connection.writer().write_all(&block[..n])?;
            self.flush(&mut connection)?;
        }
    }
}
