//! SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE.

use super::*;

#[test]
fn the_environment_replaces_the_default_roots_only_under_trust_env() {
    let pki = Pki::new();
    let dir = TempDir::new();
    let other = TempDir::new();
    let file = dir.write("root.pem", &pki.root.pem());
    let other_file = other.write("root.pem", &Pki::new().root.pem());
    let fallback = || options().with_roots_of(&Pki::new());
    let untrusting = || TlsOptions {
        trust_env: false,
        ..fallback()
    };
    let missing = dir.path().join("missing");
    let table: [(TlsOptions, &Path, &Path, bool); 8] = [
        (fallback(), &file, Path::new(""), true),
        (fallback(), Path::new(""), dir.path(), true),
        (fallback(), &missing, dir.path(), true),
        (fallback(), &missing, &missing, false),
        (fallback(), &other_file, dir.path(), false),
        (untrusting(), &file, dir.path(), false),
        (verify(other_file.as_path()), &file, dir.path(), false),
        (verify(false), &missing, &missing, true),
    ];
    for (options, cert_file, cert_dir, expected) in table {
        let env = |name: &str| match name {
            "SSL_CERT_FILE" => Some(cert_file.into()),
            "SSL_CERT_DIR" => Some(cert_dir.into()),
            _ => None,
        };
        let config = options
            .prepare()
            .unwrap()
            .config(&env, Protocol::Http1)
            .unwrap();
        let accepted = handshake(config, pki.server.server(rustls::ALL_VERSIONS), "a.test").is_ok();
        assert_eq!(accepted, expected, "{cert_file:?} {cert_dir:?}");
    }
}

#[test]
fn an_environment_error_names_variable_and_file_and_is_not_kept() {
    let pki = Pki::new();
    let dir = TempDir::new();
    let file = dir.write("root.pem", "nothing");
    let env = |name: &str| (name == "SSL_CERT_FILE").then(|| file.clone().into_os_string());
    let source = options().prepare().unwrap();
    let text = source
        .config(&env, Protocol::Http1)
        .unwrap_err()
        .to_string();
    assert!(text.starts_with("SSL_CERT_FILE: `"), "{text}");
    assert!(text.contains("root.pem"), "{text}");
    dir.write("root.pem", &pki.root.pem());
    let config = source.config(&env, Protocol::Http1).unwrap();
    handshake(config, pki.server.server(rustls::ALL_VERSIONS), "a.test").unwrap();
}

#[test]
fn tls_15_session_secrets_are_logged_only_under_trust_env() {
    let pki = Pki::new();
    for trust_env in [true, false] {
        let dir = TempDir::new();
        let log = dir.write("keys.log", "before\n");
        let env = |name: &str| (name == "SSLKEYLOGFILE").then(|| log.clone().into_os_string());
        let options = TlsOptions {
            trust_env,
            ..options().with_roots_of(&pki)
        };
        let config = options
            .prepare()
            .unwrap()
            .config(&env, Protocol::Http1)
            .unwrap();
        handshake(config, pki.server.server(rustls::ALL_VERSIONS), "a.test").unwrap();
        let written = fs::read_to_string(&log).unwrap();
        let labels: Vec<&str> = written
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        let expected: &[&str] = if trust_env {
            &[
                "before",
                "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                "CLIENT_TRAFFIC_SECRET_0",
                "SERVER_TRAFFIC_SECRET_0",
                "EXPORTER_SECRET",
            ]
        } else {
            &["before"]
        };
        let sorted = |mut list: Vec<_>| {
            list.sort_unstable();
            list
        };
        assert_eq!(sorted(labels), sorted(expected.to_vec()));
    }
}

#[test]
fn a_new_key_log_is_private_and_one_that_cannot_be_opened_is_named() {
    let dir = TempDir::new();
    let log = dir.path().join("keys.log");
    let env = |name: &str| (name == "SSLKEYLOGFILE").then(|| log.clone().into_os_string());
    verify(false)
        .prepare()
        .unwrap()
        .config(&env, Protocol::Http1)
        .unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&log).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let env = |name: &str| (name == "SSLKEYLOGFILE").then(|| dir.path().into());
    let source = verify(false).prepare().unwrap();
    let text = source
        .config(&env, Protocol::Http1)
        .unwrap_err()
        .to_string();
    assert!(text.starts_with("SSLKEYLOGFILE: cannot open `"), "{text}");
}
