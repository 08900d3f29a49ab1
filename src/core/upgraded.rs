//! A connection that speaks HTTP no longer.

use std::io;

use super::connection::Connection;
use super::pool::Lease;

/// A connection taken over by [`Response::upgrade`](super::response::Response::upgrade); it holds its slot of the pool until it is dropped.
///
/// It is read and written as bytes: by std's `Read` and `Write`, or tokio's `AsyncRead` and `AsyncWrite`. What came behind the head of the
/// response is read first. No timeout of the client applies to it.
///
/// # Example
///
#[doc = example!(
    r#"
let client = Client::new();
let request = client
    .get("http://127.0.0.1:8080/socket")
    .header("connection", "upgrade")
    .header("upgrade", "echo");
let connection = request.send()"#,
    r#"?.upgrade()"#,
    r#"?;"#
)]
#[derive(Debug)]
pub struct Upgraded {
    lease: Lease,
}

impl Upgraded {
    pub(crate) fn new(lease: Lease) -> Self {
        Upgraded { lease }
    }

    pub(crate) fn connection(&mut self) -> io::Result<&mut Connection> {
        self.lease
            .connection()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
