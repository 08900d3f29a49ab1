//! Versions, SNI, ALPN, resumption, the provider, and what Debug shows.

use super::*;

#[test]
fn the_version_range_is_kept() {
    use rustls::version::{TLS12, TLS13};
    const V12: Option<TlsVersion> = Some(TlsVersion::TLS_1_2);
    const V13: Option<TlsVersion> = Some(TlsVersion::TLS_1_3);
    let pki = Pki::new();
    let table = [
        (
            None,
            None,
            rustls::ALL_VERSIONS,
            Some(ProtocolVersion::TLSv1_3),
        ),
        (None, None, &[&TLS12], Some(ProtocolVersion::TLSv1_2)),
        (
            None,
            V12,
            rustls::ALL_VERSIONS,
            Some(ProtocolVersion::TLSv1_2),
        ),
        (V12, V12, &[&TLS13], None),
        (V13, None, &[&TLS12], None),
        (
            V13,
            V13,
            rustls::ALL_VERSIONS,
            Some(ProtocolVersion::TLSv1_3),
        ),
    ];
    for (min, max, server, expected) in table {
        let options = TlsOptions {
            min_version: min,
            max_version: max,
            ..options().with_roots_of(&pki)
        };
        let spoken = connect(options, pki.server.server(server), "a.test")
            .ok()
            .and_then(|(client, _)| client.protocol_version());
        assert_eq!(spoken, expected, "{min:?}..{max:?}");
    }
    let empty = TlsOptions {
        min_version: V13,
        max_version: V12,
        ..options()
    };
    let text = empty.prepare().unwrap_err().to_string();
    assert!(
        text.starts_with("min_tls_version is above max_tls_version"),
        "{text}"
    );
}

#[test]
fn sni_can_be_switched_off() {
    let pki = Pki::new();
    for no_sni in [false, true] {
        let options = TlsOptions {
            no_sni,
            ..options().with_roots_of(&pki)
        };
        let server = pki.server.server(rustls::ALL_VERSIONS);
        let (_, server) = connect(options, server, "a.test").unwrap();
        assert_eq!(server.server_name(), (!no_sni).then_some("a.test"));
    }
}

#[test]
fn tls_12_what_is_offered_decides_what_the_server_can_choose() {
    let pki = Pki::new();
    let source = options().with_roots_of(&pki).prepare().unwrap();
    // Both servers that know both, by their own preference, and servers that know one or no name.
    let table: [(Protocol, &[&str], Option<&str>); 15] = [
        (Protocol::Either, &["h2", "http/1.1"], Some("h2")),
        (Protocol::Either, &["http/1.1", "h2"], Some("http/1.1")),
        (Protocol::Either, &["h2"], Some("h2")),
        (Protocol::Either, &["http/1.1"], Some("http/1.1")),
        (Protocol::Either, &[], None),
        (Protocol::Http1, &["h2", "http/1.1"], Some("http/1.1")),
        (Protocol::Http1, &["http/1.1", "h2"], Some("http/1.1")),
        (Protocol::Http1, &["h2"], Some("refused")),
        (Protocol::Http1, &["http/1.1"], Some("http/1.1")),
        (Protocol::Http1, &[], None),
        (Protocol::Http2, &["h2", "http/1.1"], Some("h2")),
        (Protocol::Http2, &["http/1.1", "h2"], Some("h2")),
        (Protocol::Http2, &["h2"], Some("h2")),
        (Protocol::Http2, &["http/1.1"], Some("refused")),
        (Protocol::Http2, &[], None),
    ];
    for version in rustls::ALL_VERSIONS {
        for (wanted, knows, expected) in table {
            let what = format!("{:?} {wanted:?} {knows:?}", version.version);
            let versions = std::slice::from_ref(version);
            let mut server = ServerConfig::clone(&pki.server.server(versions));
            server.alpn_protocols = knows.iter().map(|name| name.as_bytes().into()).collect();
            let config = source.config(&empty_env, wanted).unwrap();
            let client = match handshake(config, Arc::new(server), "a.test") {
                Ok((client, _)) => client,
                Err(error) => {
                    let alert = AlertDescription::NoApplicationProtocol;
                    assert_eq!(error, Error::AlertReceived(alert), "{what}");
                    assert_eq!(expected, Some("refused"), "{what}");
                    continue;
                }
            };
            let chosen = client.alpn_protocol();
            assert_eq!(chosen, expected.map(str::as_bytes), "{what}");
            match (is_h2(chosen, wanted), wanted, expected) {
                (Err(_), Protocol::Http2, None) => {}
                (found, ..) => assert_eq!(found, Ok(expected == Some("h2")), "{what}"),
            }
        }
    }
}

#[test]
fn the_configurations_of_all_protocols_are_made_once_and_keep_their_sessions_together() {
    let pki = Pki::new();
    let source = options().with_roots_of(&pki).prepare().unwrap();
    let server = pki.server.server(rustls::ALL_VERSIONS);
    let mut expected = HandshakeKind::Full;
    for wanted in [Protocol::Either, Protocol::Http1, Protocol::Http2] {
        assert!(source.ready(wanted).is_none(), "{wanted:?}");
        let config = source.config(&empty_env, wanted).unwrap();
        for again in [
            source.config(&empty_env, wanted).unwrap(),
            source.clone().ready(wanted).unwrap(),
        ] {
            assert!(Arc::ptr_eq(&config, &again), "{wanted:?}");
        }
        let (client, _) = handshake(config, Arc::clone(&server), "a.test").unwrap();
        assert_eq!(client.handshake_kind(), Some(expected), "{wanted:?}");
        expected = HandshakeKind::Resumed;
    }
    let own = source.ready(Protocol::Http1).unwrap();
    let for_proxies = source.for_proxies(&own);
    assert!(for_proxies.alpn_protocols.is_empty());
    assert!(Arc::ptr_eq(&for_proxies, &source.for_proxies(&own)));
}

#[test]
fn plain_text_in_answer_to_a_hello_is_told_as_such() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "220 mail.test ESMTP\r\n",
        "<html>",
    ] {
        let config = verify(false).built();
        let mut client = ClientConnection::new(config, "a.test".try_into().unwrap()).unwrap();
        client.read_tls(&mut answer.as_bytes()).unwrap();
        let error = client.process_new_packets().unwrap_err();
        let text = describe(&error);
        assert_eq!(
            text, "the peer answered in plain text: this is not a TLS port",
            "{answer}"
        );
    }
}

#[test]
fn one_configuration_per_source_resumes_and_two_sources_do_not_share() {
    let pki = Pki::new();
    for version in rustls::ALL_VERSIONS {
        let server = pki.server.server(std::slice::from_ref(version));
        let source = options().with_roots_of(&pki).prepare().unwrap();
        let first = source.config(&empty_env, Protocol::Http1).unwrap();
        let second = source.clone().config(&empty_env, Protocol::Http1).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let stranger = options().with_roots_of(&pki).built();
        let table = [
            (first, HandshakeKind::Full),
            (second, HandshakeKind::Resumed),
            (stranger, HandshakeKind::Full),
        ];
        for (config, expected) in table {
            let (client, _) = handshake(config, Arc::clone(&server), "a.test").unwrap();
            assert_eq!(client.handshake_kind(), Some(expected), "{version:?}");
        }
    }
}

#[test]
fn the_given_provider_wins_and_x25519_goes_first() {
    let given = Arc::new(ring::default_provider());
    assert!(Arc::ptr_eq(
        &provider::choose(Some(&given)).unwrap(),
        &given
    ));

    let mut reversed = ring::default_provider();
    reversed.kx_groups.reverse();
    let names: Vec<_> = provider::x25519_first(reversed)
        .kx_groups
        .iter()
        .map(|group| group.name())
        .collect();
    assert_eq!(
        names,
        [
            NamedGroup::X25519,
            NamedGroup::secp384r1,
            NamedGroup::secp256r1
        ]
    );
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[test]
fn of_the_compiled_providers_ring_wins_and_one_serves_all() {
    let compiled = provider::choose(None).unwrap();
    assert_eq!(compiled.kx_groups[0].name(), NamedGroup::X25519);
    assert!(Arc::ptr_eq(&compiled, &provider::choose(None).unwrap()));
    let name = format!("{:?}", compiled.key_provider);
    assert_eq!(name == "Ring", cfg!(feature = "ring"), "{name}");
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
#[test]
fn without_a_provider_the_error_says_what_to_add() {
    let source = TlsOptions::default().prepare().unwrap();
    let text = source
        .config(&empty_env, Protocol::Http1)
        .unwrap_err()
        .to_string();
    assert!(text.contains("`ring` or `aws-lc-rs`"), "{text}");
}

#[test]
fn debug_shows_paths_and_no_key() {
    let pki = Pki::new();
    let (cert, key) = (pki.server.cert.pem(), pki.server.key.serialize_pem());
    let shown = [
        (
            format!("{:?}", ClientCert::from("a.pem")),
            "ClientCert(\"a.pem\")",
        ),
        (
            format!("{:?}", ClientCert::from(("a.pem", "b.pem"))),
            "ClientCert(\"a.pem\", \"b.pem\")",
        ),
        (
            format!("{:?}", ClientCert::from_pem(key.clone() + &cert)),
            "ClientCert(..)",
        ),
        (
            format!("{:?}", ClientCert::from_pem_pair(&cert, &key)),
            "ClientCert(..)",
        ),
        (format!("{:?}", Verify::default()), "Verify(true)"),
        (format!("{:?}", Verify::from(false)), "Verify(false)"),
        (format!("{:?}", Verify::from("ca")), "Verify(\"ca\")"),
        (
            format!("{:?}", Verify::from(verify(false).built())),
            "Verify(rustls::ClientConfig)",
        ),
        (
            format!("{:?}", Certificate::from_der([1, 2])),
            "Certificate(DER, 2 bytes)",
        ),
        (
            format!("{:?}", verify(false).prepare().unwrap()),
            "TlsSource { .. }",
        ),
    ];
    for (shown, expected) in shown {
        assert_eq!(shown, expected);
    }
    let with_key = TlsOptions {
        cert: Some(ClientCert::from_pem(key.clone() + &cert)),
        ..options().with_roots_of(&pki)
    };
    let config = format!("{:?}", with_key.built());
    let secret = format!("{:?}", pki.server.key.serialized_der());
    assert!(!config.contains(secret.trim_matches(['[', ']'])));
}
