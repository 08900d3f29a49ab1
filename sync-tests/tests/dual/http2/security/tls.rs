//! The protocol that the TLS handshake agrees on.

use dimorph::ErrorKind::ConnectError;
use http::Version;
use sync_tests::Server;
use sync_tests::certs::certs;
use sync_tests::h2_peer::tls_speaking;
use sync_tests::server::Tls;

use super::*;
use crate::dual_tests::common::{assert_at_rest, builder};
use crate::dual_tests::form::{Client, ClientBuilder};

fn speaking(protocols: &[&str]) -> H2Peer {
    H2Peer::over(tls_speaking(protocols), |link| {
        link.open(&[])?;
        link.carry()
    })
}

/// Asks a server that speaks these protocols, in its order; gives the version and what was agreed on.
#[dual]
async fn ask(
    builder: ClientBuilder,
    protocols: &[&str],
) -> Result<(Version, Option<String>), String> {
    let peer = speaking(protocols);
    let client = builder.build().unwrap();
    let outcome = client.get(peer.https("/")).send().await;
    assert_at_rest_after(&client, outcome.is_ok()).await;
    let response = match outcome {
        Ok(response) => response,
        Err(error) => {
            assert_eq!(error.kind(), ConnectError, "{}", said(&error));
            assert_eq!(peer.count(), 0, "nothing was sent");
            return Err(said(&error));
        }
    };
    let version = response.version();
    response.bytes().await.unwrap();
    assert_works_securely(&client, &peer).await;
    let handshake = peer.handshakes().remove(0).unwrap();
    let agreed = handshake.alpn.map(|name| String::from_utf8(name).unwrap());
    Ok((version, agreed))
}

#[dual]
async fn assert_at_rest_after(client: &Client, answered: bool) {
    if !answered {
        assert_at_rest(client).await;
    }
}

#[dual]
async fn assert_works_securely(client: &Client, peer: &H2Peer) {
    let (status, _) = fetch((client.clone(), peer.https("/"))).await.unwrap();
    assert_eq!(status, 200);
    assert_at_rest(client).await;
    assert_eq!(peer.connections(), 1);
}

#[dual]
#[form_test]
async fn tls_12_the_protocol_is_the_one_agreed_on() {
    let both = || builder();
    let only_1 = || builder().http2(false);
    let only_2 = || builder().http1(false);
    let (h2, h11) = (
        Ok((Version::HTTP_2, Some("h2".to_owned()))),
        Ok((Version::HTTP_11, Some("http/1.1".to_owned()))),
    );
    let unsaid = Ok((Version::HTTP_11, None));
    for (what, builder, protocols, expected) in [
        ("both", both(), &["h2", "http/1.1"][..], Some(&h2)),
        (
            "the server's order",
            both(),
            &["http/1.1", "h2"],
            Some(&h11),
        ),
        ("one", both(), &["http/1.1"], Some(&h11)),
        ("the other", both(), &["h2"], Some(&h2)),
        ("none", both(), &[], Some(&unsaid)),
        ("no common one", both(), &["spdy/3"], None),
        ("1 of both", only_1(), &["h2", "http/1.1"], Some(&h11)),
        ("1 of 2", only_1(), &["h2"], None),
        ("1 of none", only_1(), &[], Some(&unsaid)),
        ("2 of both", only_2(), &["http/1.1", "h2"], Some(&h2)),
        ("2 of 1", only_2(), &["http/1.1"], None),
        ("2 of none", only_2(), &[], None),
    ] {
        let found = ask(builder, protocols).await;
        match expected {
            Some(expected) => assert_eq!(&found, expected, "{what}"),
            None => assert!(found.is_err(), "{what}: {found:?}"),
        }
    }
}

/// A ServerHello of TLS 1.2 that picks a protocol, whatever was offered (RFC 5246 section 7.4.1.3, RFC 7301 section 3.1).
fn hello_picking(protocol: &str) -> Vec<u8> {
    let name = protocol.as_bytes();
    let list = [&[name.len() as u8], name].concat();
    let list = [&(list.len() as u16).to_be_bytes()[..], &list].concat();
    let alpn = [&[0, 16][..], &(list.len() as u16).to_be_bytes(), &list].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session, ECDHE-ECDSA with AES-128-GCM, no compression.
    body.extend([0, 0xc0, 0x2b, 0]);
    body.extend((alpn.len() as u16).to_be_bytes());
    body.extend(alpn);
    let mut record = vec![22, 3, 3];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([2, 0, 0, body.len() as u8]);
    record.extend(body);
    record
}

#[dual]
#[form_test]
async fn tls_12_a_protocol_that_was_not_offered_is_an_error() {
    for (what, builder, protocol) in [
        ("an unknown one", builder(), "spdy/3"),
        ("HTTP/2, switched off", builder().http2(false), "h2"),
        ("HTTP/1.1, switched off", builder().http1(false), "http/1.1"),
        ("HTTP/1.0", builder(), "http/1.0"),
    ] {
        let server = Server::wire(move |wire| {
            wire.read_some()?;
            wire.send(hello_picking(protocol))?;
            while !wire.read_some()?.is_empty() {}
            Ok(())
        });
        let client = builder.build().unwrap();
        let url = server.https("/");
        let error = client.get(&url).send().await.unwrap_err();
        assert_eq!(error.kind(), ConnectError, "{what}: {}", said(&error));
        assert_at_rest(&client).await;
        // illegal_parameter (RFC 8446 section 6): it was the protocol, and nothing else.
        let alert = [21, 3, 3, 0, 2, 2, 47];
        let is_told = form_util::until(|| server.received().concat().ends_with(&alert)).await;
        assert!(is_told, "{what}: {}", said(&error));
    }
}

#[dual]
#[form_test]
async fn tls_12_prior_knowledge_concerns_plain_http_alone() {
    // Over TLS the server is asked all the same.
    let peer = speaking(&["h2", "http/1.1"]);
    let client = client();
    let (_, version) = version_of((client.clone(), peer.https("/"))).await;
    assert_eq!(version, Version::HTTP_2);
    assert_eq!(
        peer.handshakes()[0].as_ref().unwrap().alpn.as_deref(),
        Some(&b"h2"[..])
    );
    let sniffing = H2Peer::over(Tls::Sniff(certs().good()), |link| {
        link.open(&[])?;
        link.carry()
    });
    let (_, version) = version_of((client.clone(), sniffing.url("/"))).await;
    assert_eq!(version, Version::HTTP_2);
}

#[dual]
async fn version_of((client, url): (Client, String)) -> (u16, Version) {
    let response = client.get(url).send().await.unwrap();
    (response.status().as_u16(), response.version())
}
