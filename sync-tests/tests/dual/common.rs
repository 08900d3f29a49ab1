//! What most tests begin with.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use dimorph::ErrorKind;
use sync_tests::Server;
use sync_tests::certs::certs;

use super::form::{Client, ClientBuilder};
use super::{dual, form_util};

/// The hosts that the cases name.
pub(crate) const HOSTS: [&str; 13] = [
    "example.org",
    "www.example.org",
    "api.example.org",
    "example.com",
    "www.example.com",
    "api.example.com",
    "e.org",
    "x.test",
    "y.test",
    "a.test",
    "b.test",
    "h.test",
    "origin.test",
];

/// Begins a client that looks at no environment and trusts the tests' authority.
pub(crate) fn builder() -> ClientBuilder {
    form_util::over(own_engine(), &[], None)
}

/// The same, and whatever engine these tests are run over, this is dimorph's own.
fn own_engine() -> ClientBuilder {
    Client::builder()
        .trust_env(false)
        .verify(certs().ca_file.to_str().unwrap())
}

/// Makes a client that looks at no environment and trusts the tests' authority.
pub(crate) fn client() -> Client {
    builder().build().unwrap()
}

/// Begins a client for which every host of the cases, on whatever port, is this server.
pub(crate) fn builder_to(server: &Server) -> ClientBuilder {
    let builder = HOSTS.iter().fold(own_engine(), |builder, host| {
        builder.resolve(host, [server.address()])
    });
    form_util::over(builder, &HOSTS, Some(server.address()))
}

/// Makes a client for which every host of the cases is this server.
pub(crate) fn client_to(server: &Server) -> Client {
    builder_to(server).build().unwrap()
}

/// Shortens milliseconds.
pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The resident memory of this process.
pub(crate) fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// Returns a loopback address that refuses connections.
pub(crate) fn refused() -> SocketAddr {
    let listener = TcpListener::bind((IpAddr::from([127, 0, 0, 1]), 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Names a kind as HTTPX does.
pub(crate) fn name(kind: ErrorKind) -> String {
    format!("{kind:?}")
}

/// Waits until no connection of the client serves a request, and none waits.
#[dual]
pub(crate) async fn assert_at_rest(client: &Client) {
    let stats = || client.pool_stats();
    let rested = form_util::until(|| stats().active == 0 && stats().waiting == 0).await;
    assert!(rested, "{:?}", client.pool_stats());
}
