//! Client certificates, and what is wrong with bad files.

use super::*;

#[test]
fn a_client_certificate_is_shown_in_every_shape() {
    let pki = Pki::new();
    let client = pki.leaf("client.test", |_| {});
    let dir = TempDir::new();
    let (cert, key) = (client.cert.pem(), client.key.serialize_pem());
    let both = dir.write("both.pem", &format!("{key}{cert}"));
    let cert_file = dir.write("cert.pem", &cert);
    let key_file = dir.write("key.pem", &key);
    let table = [
        ("one file", ClientCert::from(both.as_path())),
        ("two files", ClientCert::from((&cert_file, &key_file))),
        ("text", ClientCert::from_pem(format!("{cert}{key}"))),
        ("two texts", ClientCert::from_pem_pair(&cert, &key)),
    ];
    for (name, identity) in table {
        let options = TlsOptions {
            cert: Some(identity),
            ..options().with_roots_of(&pki)
        };
        let (_, server) = connect(options, pki.mutual_server(), "a.test")
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let shown = server.peer_certificates().unwrap();
        assert_eq!(shown[0], *client.cert.der(), "{name}");
    }
    let refused = connect(options().with_roots_of(&pki), pki.mutual_server(), "a.test");
    assert_eq!(
        refused.err(),
        Some(Error::AlertReceived(AlertDescription::CertificateRequired))
    );
}

#[test]
fn pkcs1_and_sec1_keys_are_read() {
    let table = [
        ("RSA PRIVATE KEY", "Pkcs1"),
        ("EC PRIVATE KEY", "Sec1"),
        ("PRIVATE KEY", "Pkcs8"),
    ];
    for (label, expected) in table {
        let text = format!(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
             -----BEGIN {label}-----\nAAAA\n-----END {label}-----\n"
        );
        let key = pem::private_key(text.as_bytes()).unwrap();
        let form = match key {
            PrivateKeyDer::Pkcs1(_) => "Pkcs1",
            PrivateKeyDer::Sec1(_) => "Sec1",
            PrivateKeyDer::Pkcs8(_) => "Pkcs8",
            _ => "other",
        };
        assert_eq!(form, expected);
    }
}

#[test]
fn a_bad_path_or_file_is_an_error_that_names_it() {
    let pki = Pki::new();
    let dir = TempDir::new();
    let empty = TempDir::new();
    let missing = dir.path().join("missing.pem");
    let root = dir.write("root.pem", &pki.root.pem());
    let text = dir.write("text.txt", "hello");
    let broken = dir.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let junk = dir.write(
        "junk.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let key = dir.write("key.pem", &pki.server.key.serialize_pem());
    let other_key = dir.write("other.pem", &KeyPair::generate().unwrap().serialize_pem());
    let both = dir.write(
        "both.pem",
        &(pki.server.cert.pem() + &KeyPair::generate().unwrap().serialize_pem()),
    );
    let locked = dir.write(
        "locked.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let old_locked = dir.write(
        "old.pem",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let junk_key = dir.write(
        "junk-key.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let cert = |cert: ClientCert| TlsOptions {
        cert: Some(cert),
        ..options()
    };
    let table: [(TlsOptions, &Path, &str); 14] = [
        (verify(missing.as_path()), &missing, "verify: cannot open"),
        (verify(text.as_path()), &text, "holds no certificate"),
        (verify(broken.as_path()), &broken, "an END line is missing"),
        (
            verify(junk.as_path()),
            &junk,
            "holds no certificate that can be parsed",
        ),
        (
            verify(empty.path()),
            empty.path(),
            "holds no file with a certificate",
        ),
        (
            cert(missing.as_path().into()),
            &missing,
            "cert: cannot open",
        ),
        (
            cert((&root, &missing).into()),
            &missing,
            "cert: cannot open",
        ),
        (cert(root.as_path().into()), &root, "holds no private key"),
        (cert(key.as_path().into()), &key, "holds no certificate"),
        (
            cert(both.as_path().into()),
            &both,
            "is not that of its first certificate",
        ),
        (cert((&root, &locked).into()), &locked, "decrypt it first"),
        (
            cert(old_locked.as_path().into()),
            &old_locked,
            "decrypt it first",
        ),
        (
            cert((&root, &old_locked).into()),
            &old_locked,
            "decrypt it first",
        ),
        (
            cert((&root, &junk_key).into()),
            &junk_key,
            "holds a key that cannot be used",
        ),
    ];
    for (options, path, expected) in table {
        let message = options.prepare().unwrap_err().to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    // A pair that does not match names both.
    let pair = cert((&root, &other_key).into());
    let message = pair.prepare().unwrap_err().to_string();
    assert!(
        message.contains("other.pem") && message.contains("root.pem"),
        "{message}"
    );
}
