//! Options of sockets, read back from them.

use std::net::SocketAddr;
use std::time::Duration;

use dimorph::ErrorKind;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::Socket;
use sync_tests::{Reply, Server};

use super::{dual, form_test};
use crate::dual_tests::common::builder;
use crate::form::Client;

/// A second handle to this process's own socket with that local address; `None` where the system does not give one.
fn own_socket(local: SocketAddr) -> Option<Socket> {
    let inode = inode(local)?;
    let name = format!("socket:[{inode}]");
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut numbers = open.filter_map(|entry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        (target.as_os_str() == name.as_str()).then(|| entry.file_name())
    });
    let number = numbers.next()?.to_str()?.parse().ok()?;
    let this = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
    let copy = pidfd_getfd(&this, number, PidfdGetfdFlags::empty()).ok()?;
    Some(Socket::from(copy))
}

/// The number that the kernel lists a connected socket by.
fn inode(local: SocketAddr) -> Option<String> {
    let port = format!("0100007F:{:04X}", local.port());
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let mut lines = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.get(1) == Some(&port.as_str()))?;
    fields.get(9).map(|inode| (*inode).to_owned())
}

/// Asks once, and gives the client's socket where the system lets it be looked at.
#[dual]
async fn socket_of(client: &Client, server: &Server) -> Option<Socket> {
    let response = client.get(server.url("/")).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "ok");
    assert_eq!(client.pool_stats().idle, 1);
    let requests = server.requests();
    let peer = requests.last().unwrap().peer.unwrap();
    let socket = own_socket(peer);
    if socket.is_none() {
        eprintln!("skipped: the system does not let a socket be looked at");
    }
    socket
}

const SECOND: Duration = Duration::from_secs(1);

#[dual]
#[form_test]
async fn keep_alive_and_the_user_timeout_are_set_as_told() {
    let server = Server::http(|_| Reply::ok("ok"));
    let plain = builder().build().unwrap();
    if let Some(socket) = socket_of(&plain, &server).await {
        assert!(!socket.keepalive().unwrap());
        assert!(socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    }
    let told = builder()
        .tcp_keepalive(77 * SECOND)
        .tcp_keepalive_interval(11 * SECOND)
        .tcp_keepalive_retries(4)
        .tcp_user_timeout(33 * SECOND)
        .tcp_nodelay(false)
        .build()
        .unwrap();
    if let Some(socket) = socket_of(&told, &server).await {
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), 77 * SECOND);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), 11 * SECOND);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(33 * SECOND));
        assert!(!socket.tcp_nodelay().unwrap());
    }
    let taken_back = builder()
        .tcp_keepalive(77 * SECOND)
        .tcp_keepalive(None)
        .tcp_keepalive_interval(None)
        .tcp_keepalive_retries(None)
        .tcp_user_timeout(None)
        .build()
        .unwrap();
    if let Some(socket) = socket_of(&taken_back, &server).await {
        assert!(!socket.keepalive().unwrap());
    }
}

#[dual]
#[form_test]
async fn the_interval_alone_switches_keep_alive_on() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = builder()
        .tcp_keepalive_interval(9 * SECOND)
        .build()
        .unwrap();
    if let Some(socket) = socket_of(&client, &server).await {
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), 9 * SECOND);
    }
}

#[dual]
#[form_test]
async fn a_client_keeps_to_its_interface() {
    let server = Server::http(|_| Reply::ok("ok"));
    let client = builder().interface("lo").build().unwrap();
    if let Some(socket) = socket_of(&client, &server).await {
        assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
    }
    let client = builder().interface("no-such-if0").build().unwrap();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectError);
    assert!(error.to_string().contains("no-such-if0"), "{error}");
}
