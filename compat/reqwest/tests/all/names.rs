//! Where names lead.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sync_tests::{Reply, Server};

use super::builder;

/// Finds one address, after tokio's clock said so.
struct Late(SocketAddr, Duration);

impl Resolve for Late {
    fn resolve(&self, name: Name) -> Resolving {
        let Late(address, delay) = *self;
        // This alone panics where there is no runtime.
        let sleep = tokio::time::sleep(delay);
        Box::pin(async move {
            sleep.await;
            match name.as_str() {
                "panics.test" => panic!("a resolver may"),
                _ => Ok(Box::new(std::iter::once(address)) as Addrs),
            }
        })
    }
}

#[test]
fn a_resolver_of_the_blocking_client_may_use_tokio() {
    let server = Server::http(|_| Reply::ok("found"));
    let soon = Late(server.address(), Duration::from_millis(5));
    let client = builder().dns_resolver(Arc::new(soon)).build().unwrap();
    let found = client.get("http://a.test/").send().unwrap();
    assert_eq!(found.text().unwrap(), "found");
    let error = client.get("http://panics.test/").send().unwrap_err();
    assert!(error.is_connect() && error.is_dns(), "{error:?}");

    let never = Late(server.address(), Duration::from_secs(60));
    let client = builder()
        .dns_resolver(Arc::new(never))
        .timeout(Duration::from_millis(100));
    let began = Instant::now();
    let error = client.build().unwrap().get("http://a.test/").send();
    assert!(error.unwrap_err().is_timeout());
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_port_in_the_url_wins_over_one_in_an_address() {
    let server = Server::http(|_| Reply::ok(""));
    let port = server.port();
    // (the address's port, the port in the URL)
    for (given, named) in [(port, None), (1, Some(port)), (0, Some(port))] {
        let address = SocketAddr::from(([127, 0, 0, 1], given));
        let url = match named {
            Some(port) => format!("http://a.test:{port}/"),
            None => "http://a.test/".to_owned(),
        };
        let clients = [
            builder().resolve("a.test", address),
            builder().dns_resolver(Arc::new(Late(address, Duration::ZERO))),
        ];
        for client in clients {
            let client = client.build().unwrap();
            assert_eq!(client.get(&url).send().unwrap().status(), 200, "{url}");
        }
    }
    let url = format!("http://a.test:{}/", closed());
    let client = builder().resolve("a.test", server.address());
    assert!(client.build().unwrap().get(url).send().is_err());
}

#[tokio::test]
async fn the_async_client_keeps_to_it_too() {
    let server = Server::http(|_| Reply::ok(""));
    let other = SocketAddr::from(([127, 0, 0, 1], closed()));
    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(Late(other, Duration::ZERO)))
        .build()
        .unwrap();
    let named = client.get(format!("http://a.test:{}/", server.port()));
    assert_eq!(named.send().await.unwrap().status(), 200);
    assert!(client.get("http://a.test/").send().await.is_err());
}

/// A port that nobody listens at.
fn closed() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
