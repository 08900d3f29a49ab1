//! https.

use reqwest::{Certificate, Client, StatusCode, tls};
use sync_tests::authority::Authority;
use sync_tests::http::Received;
use sync_tests::{Reply, Server, Tls};

fn server(authority: &Authority) -> Server {
    let leaf = authority.leaf(&["localhost"]);
    Server::answering(Tls::On(leaf.server()), |request: &Received| {
        Reply::ok(request.url())
    })
}

#[tokio::test]
async fn roots_are_trusted_as_told() {
    let authority = Authority::new("ours");
    let server = server(&authority);
    let url = format!("https://localhost:{}/", server.port());
    let root = Certificate::from_pem(authority.pem.as_bytes()).unwrap();
    let cases = [
        (Client::builder().tls_certs_only([root.clone()]), true),
        (Client::builder().add_root_certificate(root), true),
        (Client::builder().danger_accept_invalid_certs(true), true),
        (Client::builder(), false),
    ];
    for (number, (builder, trusted)) in cases.into_iter().enumerate() {
        let sent = builder.build().unwrap().get(&url).send().await;
        assert_eq!(sent.is_ok(), trusted, "case {number}: {sent:?}");
        if let Err(error) = sent {
            assert!(error.is_connect() && error.is_request());
        }
    }
}

#[tokio::test]
async fn tls_info_holds_the_servers_certificate() {
    let authority = Authority::new("ours");
    let server = server(&authority);
    let url = format!("https://localhost:{}/", server.port());
    for wanted in [true, false] {
        let client = Client::builder()
            .danger_accept_invalid_certs(true)
            .tls_info(wanted)
            .https_only(true)
            .build()
            .unwrap();
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let info = response.extensions().get::<tls::TlsInfo>();
        assert_eq!(info.is_some(), wanted);
        assert!(info.is_none_or(|info| info.peer_certificate().is_some()));
        let plain = client.get("http://localhost/").send().await.unwrap_err();
        assert!(plain.is_builder());
    }
}
