//! Whose certificates are accepted: roots, names, dates, revocation.

use super::*;

#[test]
fn a_private_root_is_trusted_by_file_by_directory_and_by_bytes() {
    let pki = Pki::new();
    let dir = TempDir::new();
    let file = dir.write("root.pem", &pki.root.pem());
    let root_der: &[u8] = pki.root.der();
    let with_root = |root: Certificate| TlsOptions {
        extra_roots: vec![root],
        ..options()
    };
    let table = [
        ("file", verify(file.as_path())),
        ("directory", verify(dir.path())),
        ("PEM", with_root(Certificate::from_pem(pki.root.pem()))),
        (
            "bundle",
            with_root(Certificate::from_pem_bundle(pki.root.pem())),
        ),
        ("DER", with_root(Certificate::from_der(root_der))),
    ];
    for (name, options) in table {
        pki.connect(options, "a.test")
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_directory_may_hold_other_files_and_the_same_certificate_twice() {
    let pki = Pki::new();
    let dir = TempDir::new();
    dir.write("root.pem", &pki.root.pem());
    dir.write("9d66eef0.0", &pki.root.pem());
    dir.write("bundle.crt", &(Pki::new().root.pem() + &pki.root.pem()));
    dir.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA");
    dir.write("README", "not a certificate");
    fs::create_dir(dir.path().join("sub")).unwrap();
    assert_eq!(roots::from_path("verify", dir.path()).unwrap().len(), 2);
    pki.connect(verify(dir.path()), "a.test").unwrap();
}

#[cfg(feature = "webpki-roots")]
#[test]
fn a_private_root_is_refused_by_default() {
    let refused = Pki::new().connect(options(), "a.test").unwrap_err();
    assert_eq!(refused, CertificateError::UnknownIssuer.into());
    assert!(describe(&refused).starts_with("unknown issuer"));
}

#[cfg(not(any(
    feature = "webpki-roots",
    feature = "native-roots",
    feature = "platform-verifier"
)))]
#[test]
fn without_any_roots_the_first_connection_says_what_to_add() {
    let source = options().prepare().unwrap();
    let text = source
        .config(&empty_env, Protocol::Http1)
        .unwrap_err()
        .to_string();
    assert!(text.contains("`webpki-roots`"), "{text}");
}

#[test]
fn a_wrong_host_an_ip_and_an_expired_certificate_are_refused() {
    let pki = Pki::new();
    let dir = TempDir::new();
    let root = dir.write("root.pem", &pki.root.pem());
    let expired = pki.leaf("a.test", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let ip = pki.leaf("127.0.0.1", |_| {});
    let ip_as_name = pki.leaf("a.test", |params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("127.0.0.1".try_into().unwrap())];
    });
    let common_name_only = pki.leaf("a.test", |params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "a.test");
    });
    let wildcard = pki.leaf("*.a.test", |_| {});
    let table = [
        (&pki.server, "a.test", ""),
        (
            &pki.server,
            "b.test",
            "hostname mismatch: the certificate is not for b.test but for a.test",
        ),
        (
            &pki.server,
            "127.0.0.1",
            "hostname mismatch: the certificate is not for 127.0.0.1",
        ),
        (&ip, "127.0.0.1", ""),
        (
            &ip,
            "127.0.0.2",
            "hostname mismatch: the certificate is not for 127.0.0.2 but for 127.0.0.1",
        ),
        (&ip_as_name, "127.0.0.1", "hostname mismatch"),
        (&common_name_only, "a.test", "hostname mismatch"),
        (&wildcard, "x.a.test", ""),
        (&wildcard, "x.y.a.test", "hostname mismatch"),
        (&expired, "a.test", "certificate expired"),
    ];
    for (leaf, host, expected) in table {
        let server = leaf.server(rustls::ALL_VERSIONS);
        match (connect(verify(root.as_path()), server, host), expected) {
            (Ok(_), "") => {}
            (Err(error), expected) if !expected.is_empty() => {
                let text = describe(&error);
                assert!(text.starts_with(expected), "{host}: {text}");
            }
            (result, expected) => panic!("{host}: {:?}, not {expected:?}", result.err()),
        }
    }
}

#[test]
fn verify_false_accepts_any_certificate_but_not_a_forged_signature() {
    let pki = Pki::new();
    for version in rustls::ALL_VERSIONS {
        let versions = std::slice::from_ref(version);
        let accepted = connect(verify(false), pki.server.server(versions), "b.test");
        assert!(accepted.is_ok(), "{version:?}");
        // The certificate of one key, a handshake signed with another.
        let thief = Leaf {
            cert: pki.server.cert.clone(),
            key: KeyPair::generate().unwrap(),
        };
        let refused = connect(verify(false), thief.server(versions), "b.test").unwrap_err();
        assert_eq!(
            refused,
            CertificateError::BadSignature.into(),
            "{version:?}"
        );
    }
}

#[test]
fn without_host_name_verification_the_chain_still_counts() {
    let pki = Pki::new();
    let any_name = || TlsOptions {
        no_hostname_verification: true,
        ..options()
    };
    let trusting = TlsOptions {
        extra_roots: vec![Certificate::from_pem(pki.root.pem())],
        ..any_name()
    };
    pki.connect(trusting, "b.test").unwrap();
    let stranger = TlsOptions {
        extra_roots: vec![Certificate::from_pem(Pki::named("another").root.pem())],
        ..any_name()
    };
    let refused = pki.connect(stranger, "b.test").unwrap_err();
    assert_eq!(refused, CertificateError::UnknownIssuer.into());
}

#[test]
fn a_given_configuration_is_used_as_it_is_but_for_missing_alpn() {
    let mut plain = ClientConfig::clone(&verify(true).with_roots_of(&Pki::new()).built());
    assert_eq!(plain.alpn_protocols, [b"http/1.1"]);
    plain.alpn_protocols.clear();
    let naming = |names: &[&str]| {
        let mut named = plain.clone();
        named.alpn_protocols = names.iter().map(|name| name.as_bytes().into()).collect();
        Arc::new(named)
    };
    let (nothing, mine, http) = (naming(&[]), naming(&["mine"]), naming(&["http/1.1", "h2"]));
    let given = |config: &Arc<ClientConfig>| TlsOptions {
        verify: Arc::clone(config).into(),
        provider: None,
        ..TlsOptions::default()
    };
    let table: [(_, _, &[&[u8]]); 9] = [
        (&nothing, Protocol::Http1, &[b"http/1.1"]),
        (&nothing, Protocol::Http2, &[b"h2"]),
        (&nothing, Protocol::Either, &[b"h2", b"http/1.1"]),
        (&mine, Protocol::Http1, &[b"mine"]),
        (&mine, Protocol::Http2, &[b"mine"]),
        (&mine, Protocol::Either, &[b"mine"]),
        (&http, Protocol::Http1, &[b"http/1.1"]),
        (&http, Protocol::Http2, &[b"h2"]),
        (&http, Protocol::Either, &[b"http/1.1", b"h2"]),
    ];
    for (config, wanted, expected) in table {
        let used = given(config).built_for(wanted);
        assert_eq!(used.alpn_protocols, expected, "{wanted:?}");
        // Where nothing is to be changed, it is the very same.
        let same = config.alpn_protocols == expected;
        assert_eq!(Arc::ptr_eq(&used, config), same, "{wanted:?}");
    }
    assert!(nothing.alpn_protocols.is_empty());

    let mut both = given(&mine);
    both.cert = Some("client.pem".into());
    let text = both.prepare().unwrap_err().to_string();
    assert!(
        text.starts_with("cert has no effect on the rustls::ClientConfig"),
        "{text}"
    );
}

// ---- revocation ----

#[test]
fn a_revoked_leaf_is_refused_and_an_uncovered_one_too() {
    let pki = Pki::new();
    let with_crl = |crl: CertificateRevocationList| TlsOptions {
        crls: vec![crl],
        ..options().with_roots_of(&pki)
    };
    let revoking = pki.crl(Some(Pki::SERIAL));
    let table = [
        (
            CertificateRevocationList::from_pem(pki.crl(None).pem().unwrap()),
            None,
        ),
        (
            CertificateRevocationList::from_der(revoking.der()),
            Some(CertificateError::Revoked),
        ),
        (
            CertificateRevocationList::from_pem_bundle(revoking.pem().unwrap()),
            Some(CertificateError::Revoked),
        ),
        (
            CertificateRevocationList::from_der(Pki::named("another").crl(None).der()),
            Some(CertificateError::UnknownRevocationStatus),
        ),
    ];
    for (crl, expected) in table {
        let refused = pki.connect(with_crl(crl), "a.test").err();
        assert_eq!(refused, expected.map(Error::from));
    }
}

#[test]
fn tls_08_a_bad_revocation_list_or_root_is_named_by_its_place() {
    let pki = Pki::new();
    let good = || CertificateRevocationList::from_der(pki.crl(None).der());
    let root = || Certificate::from_pem(pki.root.pem());
    let two = pki.root.pem() + &pki.root.pem();
    let table = [
        (
            TlsOptions {
                crls: vec![good(), CertificateRevocationList::from_der([1, 2, 3])],
                ..options()
            },
            "crls: number 2 cannot be parsed",
        ),
        (
            TlsOptions {
                crls: vec![CertificateRevocationList::from_pem("nothing")],
                ..options()
            },
            "crls: number 1 holds no PEM section for a X509 CRL",
        ),
        (
            TlsOptions {
                extra_roots: vec![root(), Certificate::from_der([1, 2, 3])],
                ..options()
            },
            "root certificate: number 2 cannot be parsed",
        ),
        (
            TlsOptions {
                extra_roots: vec![Certificate::from_pem(two)],
                ..options()
            },
            "root certificate: number 1 holds 2 PEM sections where from_pem takes one",
        ),
    ];
    for (options, expected) in table {
        let text = options.prepare().unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
}
