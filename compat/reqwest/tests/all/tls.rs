//! Whom a client trusts, and what it shows of itself.

use reqwest::blocking::ClientBuilder;
use reqwest::tls::{TlsInfo, Version};
use reqwest::{Certificate, Identity};
use sync_tests::authority::self_signed;
use sync_tests::certs::certs;
use sync_tests::{Reply, Server, Tls};

use super::builder;

fn authority() -> Certificate {
    Certificate::from_pem(certs().ca_pem.as_bytes()).unwrap()
}

fn server(config: std::sync::Arc<rustls::ServerConfig>) -> Server {
    Server::answering(Tls::On(config), |_| Reply::ok("hello"))
}

fn fetch(client: ClientBuilder, server: &Server) -> reqwest::Result<String> {
    client.build()?.get(server.https("/")).send()?.text()
}

#[test]
fn trust_is_what_the_options_say() {
    let good = server(certs().good());
    let wrong = server(certs().wrong_host());
    let expired = server(certs().expired());
    let stranger = server(self_signed(&["localhost", "127.0.0.1"]).server());
    let only = || builder().tls_certs_only([authority()]);
    let cases = [
        ("the system's roots", builder(), &good, false),
        ("one authority", only(), &good, true),
        (
            "one beside the system's",
            builder().add_root_certificate(authority()),
            &good,
            true,
        ),
        ("nobody", builder().tls_certs_only([]), &good, false),
        ("another name", only(), &wrong, false),
        (
            "any name",
            only().tls_danger_accept_invalid_hostnames(true),
            &wrong,
            true,
        ),
        (
            "any name, long ago",
            only().danger_accept_invalid_hostnames(true),
            &expired,
            false,
        ),
        (
            "any name, a stranger",
            only().danger_accept_invalid_hostnames(true),
            &stranger,
            false,
        ),
        (
            "anybody",
            builder().danger_accept_invalid_certs(true),
            &stranger,
            true,
        ),
        (
            "anybody, long ago",
            builder().tls_danger_accept_invalid_certs(true),
            &expired,
            true,
        ),
    ];
    for (what, client, server, trusted) in cases {
        match fetch(client, server) {
            Ok(text) => assert!(trusted && text == "hello", "{what}"),
            Err(error) => assert!(!trusted && error.is_connect(), "{what}: {error:?}"),
        }
    }
}

#[test]
fn an_identity_is_shown_where_it_is_asked_for() {
    let server = server(certs().with_client_auth());
    let pem = std::fs::read(&certs().client_file).unwrap();
    let identity = Identity::from_pem(&pem).unwrap();
    let only = || builder().tls_certs_only([authority()]);
    assert_eq!(fetch(only().identity(identity), &server).unwrap(), "hello");
    assert!(fetch(only(), &server).is_err());
}

#[test]
fn tls_info_has_the_servers_certificate() {
    let server = server(certs().good());
    let client = builder().tls_certs_only([authority()]).tls_info(true);
    let client = client.build().unwrap();
    let response = client.get(server.https("/")).send().unwrap();
    let info = response.extensions().get::<TlsInfo>().unwrap();
    assert!(info.peer_certificate().unwrap().starts_with(&[0x30, 0x82]));
    assert_eq!(info.version(), Some(Version::TLS_1_3));
}

#[test]
fn versions_outside_the_range_are_not_spoken() {
    let server = server(certs().good());
    let only = || builder().tls_certs_only([authority()]);
    for client in [
        only().tls_version_min(Version::TLS_1_3),
        only().max_tls_version(Version::TLS_1_2),
    ] {
        assert_eq!(fetch(client, &server).unwrap(), "hello");
    }
    let versions: Vec<String> = server
        .handshakes()
        .iter()
        .map(|handshake| format!("{handshake:?}"))
        .collect();
    assert!(versions[0].contains("TLSv1_3"), "{versions:?}");
    assert!(versions[1].contains("TLSv1_2"), "{versions:?}");
    let none = only()
        .min_tls_version(Version::TLS_1_3)
        .tls_version_max(Version::TLS_1_2);
    assert!(none.build().unwrap_err().is_builder());
}

#[test]
fn a_configuration_of_ones_own_is_used() {
    let server = server(certs().good());
    let config = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(certs().roots())
    .with_no_client_auth();
    let client = builder().use_preconfigured_tls(config);
    assert_eq!(fetch(client, &server).unwrap(), "hello");
    assert!(builder().tls_backend_preconfigured(7).build().is_err());
}
