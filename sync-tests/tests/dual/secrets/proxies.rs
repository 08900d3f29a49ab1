//! Proxies that ask for credentials, refuse them, or are not there.

use dimorph::Proxy;
use sync_tests::{Proxy as ProxyServer, Server, Socks};

use super::super::common::{builder, refused};
use super::super::dual;
use super::every_type::{Shown, secretive};

#[dual]
pub(super) async fn proxies(shown: &Shown, server: &Server) {
    let proxy = ProxyServer::builder()
        .route_all(server.address())
        .credentials("tom", "hush")
        .start();
    let refusing = ProxyServer::builder()
        .answer_connect(
            "HTTP/1.1 403 No\r\nset-cookie: p=hush\r\nproxy-authenticate: hush\r\ncontent-length: 4\r\n\r\nhush",
        )
        .start();
    let socks = Socks::builder()
        .route_all(server.address())
        .credentials(b"tom".escape_ascii().to_string().as_str(), "hush")
        .start();
    for url in [
        proxy.url_as("tom:hush"),
        proxy.url_as("tom:hus%68"),
        proxy.url_as("tom:hush-wrong"),
        refusing.url_as("tom:hush"),
        socks.url_h_as("tom:hush"),
        socks.url_h_as("tom:hush-wrong"),
        format!("http://tom:hush@{}", refused()),
        format!("socks5://tom:hush@{}", refused()),
    ] {
        let proxy = Proxy::new(&url).unwrap();
        let proxy = match proxy.url().scheme() {
            "http" => proxy.header("x-secret", "hush").unwrap(),
            _ => proxy,
        };
        shown.debug(&proxy);
        let builder = secretive(shown, server).proxy(proxy);
        shown.debug(&builder);
        let client = builder.build().unwrap();
        shown.debug(&client);
        for target in ["http://a.test/", "https://a.test/"] {
            let outcome = client.get(target).send().await;
            match outcome {
                Ok(response) => shown.response(&response),
                Err(error) => shown.error(&error),
            }
        }
    }
    for bad in [
        "http://tom:hush@",
        "http://tom:hush@h:99999",
        "ftp://tom:hush@h.test",
        "socks4://tom:hush@h.test",
        "http://tom:hush@h.test:x",
        "//tom:hush@h.test",
        "tom:hush@h.test",
        "http://tom:hush\n@[h",
    ] {
        if let Err(error) = Proxy::new(bad) {
            shown.error(&error);
        }
        if let Err(error) = builder().proxy(bad).build() {
            shown.error(&error);
        }
        if let Err(error) = builder().proxies([(bad, "http://h.test")]).build() {
            shown.error(&error);
        }
    }
    let header = Proxy::new("http://h.test").unwrap().header("x-a", "hush\n");
    shown.error(&header.unwrap_err());
}
