//! `tls_info`: the certificate that a response came with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dimorph::TlsInfo;
use sync_tests::authority::Authority;
use sync_tests::http::Received;
use sync_tests::{Proxy, Reply, Server, Tls};

use super::{dual, form_test};
use crate::form::Client;

/// The bytes that are written out in PEM.
fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

#[dual]
#[form_test]
async fn the_certificate_of_the_server_is_told_where_it_was_asked_for() {
    let authority = Authority::new("tls info");
    let leaf = authority.leaf(&["127.0.0.1", "localhost"]);
    let certificate = der(&leaf.pem);
    let server = Server::answering(
        Tls::Sniff(leaf.server()),
        |request: &Received| match request.target.as_str() {
            "/away" => Reply::redirect(302, "/"),
            _ => Reply::ok("ok"),
        },
    );
    let proxy = Proxy::builder().start();
    for (asked, proxied) in [(true, false), (false, false), (true, true)] {
        let mut builder = Client::builder()
            .trust_env(false)
            .verify(authority.file.to_str().unwrap())
            .tls_info(asked);
        if proxied {
            builder = builder.proxy(proxy.url());
        }
        let client = builder.build().unwrap();
        // On a new connection, on a kept one, behind a redirect.
        for path in ["/", "/", "/away"] {
            let response = client.get(server.https(path)).send().await.unwrap();
            let told = response.extensions().get::<TlsInfo>();
            assert_eq!(told.is_some(), asked, "{path}");
            if let Some(told) = told {
                assert_eq!(told.peer_certificate(), Some(&certificate[..]));
                assert!(told.version().is_some());
            }
            response.bytes().await.unwrap();
        }
        let response = client.get(server.url("/")).send().await.unwrap();
        assert!(response.extensions().get::<TlsInfo>().is_none());
    }
}

#[dual]
#[form_test]
async fn the_client_above_another_one_is_told_too() {
    let authority = Authority::new("tls info above");
    let leaf = authority.leaf(&["127.0.0.1"]);
    let certificate = der(&leaf.pem);
    let server = Server::answering(Tls::On(leaf.server()), |_| Reply::ok("ok"));
    let builder = Client::builder()
        .trust_env(false)
        .verify(authority.file.to_str().unwrap());
    let engine = builder.tls_info(true).build().unwrap();
    let client = Client::builder().trust_env(false).transport(engine);
    let client = client.build().unwrap();
    let response = client.get(server.https("/")).send().await.unwrap();
    let told = response.extensions().get::<TlsInfo>().unwrap();
    assert_eq!(told.peer_certificate(), Some(&certificate[..]));
}
