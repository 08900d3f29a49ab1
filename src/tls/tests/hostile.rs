//! Certificates, sessions and handshakes of peers that mean no good.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, GeneralSubtree, IsCa,
    NameConstraints, SanType,
};
use rustls::PeerMisbehaved;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;

use super::*;

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn ip(address: &str) -> SanType {
    SanType::IpAddress(address.parse::<IpAddr>().unwrap())
}

/// Whether a client that asks for `host` takes a certificate with these names.
fn takes(pki: &Pki, names: &[SanType], host: &str) -> bool {
    let leaf = pki.leaf("unused", |params| {
        params.subject_alt_names = names.to_vec();
        params.distinguished_name.push(DnType::CommonName, host);
    });
    let options = options().with_roots_of(pki);
    match connect(options, leaf.server(rustls::ALL_VERSIONS), host) {
        Ok(_) => true,
        Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => false,
        Err(other) => {
            // A name that is none is refused in another way.
            assert!(matches!(other, Error::InvalidCertificate(_)), "{other:?}");
            false
        }
    }
}

#[test]
fn tls_02_an_address_asks_for_its_own_entry_and_the_common_name_never_counts() {
    let pki = Pki::new();
    for (names, host, fine) in [
        (vec![ip("127.0.0.1")], "127.0.0.1", true),
        (vec![dns("127.0.0.1")], "127.0.0.1", false),
        (vec![dns("a.test"), dns("127.0.0.1")], "127.0.0.1", false),
        (vec![ip("127.0.0.2")], "127.0.0.1", false),
        (vec![ip("::1")], "127.0.0.1", false),
        (vec![ip("::ffff:127.0.0.1")], "127.0.0.1", false),
        (vec![], "127.0.0.1", false),
        (vec![ip("::1")], "::1", true),
        (vec![dns("::1")], "::1", false),
        // The certificates' common name is the host.
        (vec![], "a.test", false),
        (vec![dns("b.test")], "a.test", false),
        (vec![ip("127.0.0.1")], "a.test", false),
        (vec![dns("a.test")], "a.test", true),
    ] {
        assert_eq!(takes(&pki, &names, host), fine, "{names:?} for {host}");
    }
}

#[test]
fn tls_03_a_wildcard_is_the_one_whole_leftmost_label() {
    let pki = Pki::new();
    for (name, host, fine) in [
        ("*.a.test", "x.a.test", true),
        ("*.a.test", "X.A.TEST", true),
        ("*.a.test", "y.x.a.test", false),
        ("*.a.test", "a.test", false),
        ("*.a.test", "xa.test", false),
        ("*.a.test", "x.b.test", false),
        ("f*.a.test", "foo.a.test", false),
        ("*f.a.test", "of.a.test", false),
        ("f*o.a.test", "foo.a.test", false),
        ("*.*.test", "x.a.test", false),
        ("x.*.test", "x.a.test", false),
        ("**.a.test", "x.a.test", false),
        ("*", "a", false),
        ("*", "a.test", false),
        ("x*.xn--nxasmq6b", "xy.xn--nxasmq6b", false),
        ("xn--*.a.test", "xn--nxasmq6b.a.test", false),
        ("*xn--nxasmq6b.test", "xn--nxasmq6b.test", false),
        ("*.0.0.1", "127.0.0.1", false),
        ("*", "127.0.0.1", false),
    ] {
        assert_eq!(takes(&pki, &[dns(name)], host), fine, "{name} for {host}");
    }
}

#[test]
fn tls_05_each_configuration_shows_its_own_certificate_and_resumes_its_own_sessions() {
    let pki = Pki::new();
    let server = pki.mutual_server();
    let identity = |name: &str| {
        let leaf = pki.leaf(name, |_| {});
        let pem = leaf.cert.pem() + &leaf.key.serialize_pem();
        let options = TlsOptions {
            cert: Some(ClientCert::from_pem(pem)),
            ..options().with_roots_of(&pki)
        };
        (options.built(), Some(leaf.cert.der().to_vec()))
    };
    let (one, two) = (identity("one.test"), identity("two.test"));
    let none = options().with_roots_of(&pki).built();
    let (full, resumed) = (HandshakeKind::Full, HandshakeKind::Resumed);
    for ((config, shown), kind) in [
        (&one, full),
        (&two, full),
        (&one, resumed),
        (&two, resumed),
        (&one, resumed),
    ] {
        let (client, server) =
            handshake(Arc::clone(config), Arc::clone(&server), "a.test").unwrap();
        let seen = server.peer_certificates().map(|chain| chain[0].to_vec());
        assert_eq!(&seen, shown);
        assert_eq!(client.handshake_kind(), Some(kind));
    }
    let refused = handshake(none, server, "a.test").unwrap_err();
    assert!(matches!(refused, Error::AlertReceived(_)), "{refused:?}");
}

#[test]
fn tls_07_resumption_does_not_pass_by_a_new_revocation_list() {
    let pki = Pki::new();
    for version in rustls::ALL_VERSIONS {
        let server = pki.server.server(std::slice::from_ref(version));
        let open = options().with_roots_of(&pki).built();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (client, _) = handshake(Arc::clone(&open), Arc::clone(&server), "a.test").unwrap();
            assert_eq!(client.handshake_kind(), Some(kind), "{version:?}");
        }
        let revoking = CertificateRevocationList::from_der(pki.crl(Some(Pki::SERIAL)).der());
        let strict = TlsOptions {
            crls: vec![revoking],
            ..options().with_roots_of(&pki)
        };
        let strict = strict.built();
        for _ in 0..2 {
            let refused = handshake(Arc::clone(&strict), Arc::clone(&server), "a.test").err();
            assert_eq!(
                refused,
                Some(CertificateError::Revoked.into()),
                "{version:?}"
            );
        }
    }
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server that shows a leaf for `name`, signed by the first of these, and all of them.
fn chain(name: &str, signers: &[&Issuer]) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let leaf = params.signed_by(&key, signers[0]).unwrap();
    let mut shown = vec![leaf.der().clone()];
    shown.extend(signers.iter().map(|signer| signer.der().clone()));
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(
            shown, key,
        ))));
    Arc::new(config)
}

fn under(issuer: &Issuer, params: CertificateParams) -> Issuer {
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap()
}

/// Connects, and fails if that took long. The limit is of a debug build on a busy machine; a bomb would take minutes.
fn quickly(pki: &Pki, server: Arc<ServerConfig>, host: &str) -> Result<(), Error> {
    let begun = Instant::now();
    let result = connect(options().with_roots_of(pki), server, host).map(drop);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    result
}

#[test]
fn tls_08_deep_chains_and_many_signatures_are_refused_soon() {
    let pki = Pki::new();
    let first = under(&pki.root, authority("1"));
    assert_eq!(quickly(&pki, chain("a.test", &[&first]), "a.test"), Ok(()));

    let mut deep = vec![first];
    for number in 2..=50 {
        let next = under(deep.last().unwrap(), authority(&number.to_string()));
        deep.push(next);
    }
    let shown: Vec<&Issuer> = deep.iter().rev().collect();
    let refused = quickly(&pki, chain("a.test", &shown), "a.test").unwrap_err();
    assert!(
        matches!(refused, Error::InvalidCertificate(_)),
        "{refused:?}"
    );

    // A hundred and twenty authorities of one name: each might have signed each.
    let stranger = Pki::named("root");
    let alike: Vec<Issuer> = (0..120)
        .map(|_| under(&stranger.root, authority("alike")))
        .collect();
    let shown: Vec<&Issuer> = alike.iter().collect();
    let refused = quickly(&pki, chain("a.test", &shown), "a.test").unwrap_err();
    assert!(
        matches!(refused, Error::InvalidCertificate(_)),
        "{refused:?}"
    );
}

#[test]
fn tls_08_name_constraints_bind_wildcards_too() {
    let pki = Pki::new();
    let constrained = |permitted: &[&str], excluded: &[&str]| {
        let trees = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned());
            names.map(GeneralSubtree::DnsName).collect()
        };
        let mut params = authority("constrained");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: trees(permitted),
            excluded_subtrees: trees(excluded),
        });
        under(&pki.root, params)
    };
    for (permitted, excluded, name, host, fine) in [
        (&["a.test"][..], &[][..], "x.a.test", "x.a.test", true),
        (&["a.test"], &[], "*.a.test", "x.a.test", true),
        (&["a.test"], &[], "*.test", "a.test", false),
        (&["x.a.test"], &[], "*.a.test", "y.a.test", false),
        (&["b.test"], &[], "*.a.test", "x.a.test", false),
        (&[], &["a.test"], "*.a.test", "x.a.test", false),
        (&[], &["a.test"], "x.a.test", "x.a.test", false),
        (&[], &["bad.a.test"], "*.a.test", "bad.a.test", false),
    ] {
        let issuer = constrained(permitted, excluded);
        let result = quickly(&pki, chain(name, &[&issuer]), host);
        assert_eq!(
            result.is_ok(),
            fine,
            "{permitted:?} but {excluded:?}: {name} for {host}: {result:?}"
        );
    }
}

/// A record with the ServerHello of TLS 1.2 or older, however wrong.
fn server_hello(version: u16, cipher: u16, extensions: &[u8]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    body.extend_from_slice(&cipher.to_be_bytes());
    body.push(0);
    if !extensions.is_empty() {
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        body.extend_from_slice(extensions);
    }
    let mut record = vec![0x16, 3, 3];
    record.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    record.extend_from_slice(&[2, 0, 0, body.len() as u8]);
    record.extend_from_slice(&body);
    record
}

fn answer(hello: &[u8], wanted: Protocol) -> Error {
    let name = ServerName::try_from("a.test").unwrap();
    let mut client = ClientConnection::new(verify(false).built_for(wanted), name).unwrap();
    let mut bytes = hello;
    client.read_tls(&mut bytes).unwrap();
    client.process_new_packets().unwrap_err()
}

const ECDHE_ECDSA_AES128_GCM: u16 = 0xc02b;

#[test]
fn tls_11_old_versions_and_broken_ciphers_are_refused() {
    let hello = |version, cipher| answer(&server_hello(version, cipher, &[]), Protocol::Either);
    for version in [0x0302, 0x0301, 0x0300, 0x0002] {
        let error = hello(version, ECDHE_ECDSA_AES128_GCM);
        assert!(
            matches!(error, Error::PeerIncompatible(_) | Error::PeerMisbehaved(_)),
            "{version:#x}: {error:?}"
        );
    }
    // RC4, NULL, EXPORT, 3DES, CBC without forward secrecy; those of TLS 1.3 in the older handshake.
    for cipher in [
        0x0005, 0x0004, 0x0001, 0x0000, 0x0003, 0x0006, 0x000a, 0x002f, 0x1301,
    ] {
        let error = hello(0x0303, cipher);
        assert!(
            matches!(error, Error::PeerIncompatible(_) | Error::PeerMisbehaved(_)),
            "{cipher:#x}: {error:?}"
        );
    }
}

#[test]
fn tls_12_a_protocol_that_was_not_offered_is_refused() {
    let chosen = |name: &str| {
        let mut extension = vec![0, 16];
        let length = name.len() as u16;
        extension.extend_from_slice(&(length + 3).to_be_bytes());
        extension.extend_from_slice(&(length + 1).to_be_bytes());
        extension.push(length as u8);
        extension.extend_from_slice(name.as_bytes());
        server_hello(0x0303, ECDHE_ECDSA_AES128_GCM, &extension)
    };
    let table: [(Protocol, &[&str]); 3] = [
        (Protocol::Http1, &["h2", "spdy/3", "http/1.0", "HTTP/1.1"]),
        (Protocol::Http2, &["http/1.1", "H2", "h2c", "h3"]),
        (Protocol::Either, &["http/1.0", "h2c", "h2-14", "h"]),
    ];
    for (wanted, names) in table {
        for name in names {
            let error = answer(&chosen(name), wanted);
            let fault = PeerMisbehaved::SelectedUnofferedApplicationProtocol;
            assert_eq!(error, Error::PeerMisbehaved(fault), "{name}");
        }
    }
    // A server that has nothing in common says so.
    let pki = Pki::new();
    let mut server = ServerConfig::clone(&pki.server.server(rustls::ALL_VERSIONS));
    server.alpn_protocols = vec![b"h2".to_vec()];
    let options = options().with_roots_of(&pki);
    let error = connect(options, Arc::new(server), "a.test").unwrap_err();
    assert_eq!(
        error,
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
    );
}

#[test]
fn tls_13_nothing_is_sent_as_early_data() {
    let pki = Pki::new();
    let mut server = ServerConfig::clone(&pki.server.server(&[&TLS13]));
    server.max_early_data_size = 16 * 1024;
    let server = Arc::new(server);
    let config = options().with_roots_of(&pki).built();
    assert!(!config.enable_early_data);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let name = ServerName::try_from("a.test").unwrap();
        let mut next = ClientConnection::new(Arc::clone(&config), name).unwrap();
        assert!(next.early_data().is_none(), "even where a ticket allows it");
        let (client, _) = handshake(Arc::clone(&config), Arc::clone(&server), "a.test").unwrap();
        assert_eq!(client.handshake_kind(), Some(kind));
        assert!(!client.is_early_data_accepted());
    }
}

#[test]
fn tls_16_a_flood_of_key_updates_ends_in_an_error_and_one_of_tickets_is_bounded() {
    let pki = Pki::new();
    let config = options().with_roots_of(&pki).built();
    let server = pki.server.server(&[&TLS13]);
    let (mut client, mut server) = handshake(config, server, "a.test").unwrap();
    let mut updates = 0;
    let error = loop {
        updates += 1;
        assert!(updates < 1000, "key updates without end are taken");
        server.refresh_traffic_keys().unwrap();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        if let Err(error) = client.process_new_packets() {
            break error;
        }
    };
    assert!(matches!(error, Error::PeerMisbehaved(_)), "{error:?}");

    let mut server = ServerConfig::clone(&pki.server.server(&[&TLS13]));
    server.send_tls13_tickets = 60;
    let config = options().with_roots_of(&pki).built();
    let begun = Instant::now();
    let (client, _) = handshake(Arc::clone(&config), Arc::new(server), "a.test").unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    // rustls counts them all, and its store keeps eight for a server.
    assert!(client.tls13_tickets_received() > 8);
    let store = format!("{:?}", config.resumption);
    assert!(store.len() < 10_000, "{}", store.len());
}
