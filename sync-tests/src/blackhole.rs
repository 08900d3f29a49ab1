//! An address that accepts nothing and refuses nothing: its listener's queue is full.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A listener whose queue is full, so that further SYNs are dropped.
pub struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _fillers: Vec<Socket>,
}

impl BlackHole {
    /// Opens one; `None` where the system answers regardless.
    pub fn open() -> io::Result<Option<Self>> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().unwrap();
        let mut fillers = Vec::new();
        for _ in 0..64 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            let connected = filler.connect_timeout(&address.into(), Duration::from_millis(60));
            fillers.push(filler);
            if connected.is_err() {
                return Ok(Some(BlackHole {
                    address,
                    _listener: listener,
                    _fillers: fillers,
                }));
            }
        }
        Ok(None)
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns an `http` URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
