//! Proxies, TLS, HTTP/2 and timeouts.

use sync_tests::certs::{certs, tls};
use sync_tests::h2_peer::{Answer, tls_speaking};
use sync_tests::http::{Reply, echo};
use sync_tests::peers::Nginx;
use sync_tests::{H2Peer, Proxy, Server};

use crate::support::{Ran, command, mirror, run};
use crate::terminal::{plain, shown};

#[test]
fn a_proxy_is_an_option_or_of_the_environment() {
    let server = mirror();
    let proxy = Proxy::builder().route_all(server.address()).start();
    assert!(
        run(&["--proxy", &*proxy.url(), "http://name.test/a"])
            .text()
            .contains("/a")
    );
    assert_eq!(proxy.requests().len(), 1);
    let through = |name: &str, url: &str| {
        let output = command(&[url]).env(name, proxy.url()).output();
        Ran::of(output.unwrap()).text()
    };
    assert!(through("http_proxy", "http://name.test/b").contains("/b"));
    assert_eq!(proxy.requests().len(), 2);
    assert!(through("https_proxy", &server.url("/c")).contains("/c"));
    assert_eq!(proxy.requests().len(), 2);
}

#[test]
fn certificates_are_checked_by_the_authorities_given() {
    let server = Server::answering(tls(), echo);
    let url = &*server.https("/");
    let (file, folder) = (
        certs().ca_file.display().to_string(),
        certs().ca_dir.display().to_string(),
    );
    assert!(run(&["--verify", &*file, url]).text().contains("\"GET\""));
    assert!(run(&["--verify", &*folder, url]).text().contains("\"GET\""));
    assert!(run(&["--no-verify", url]).text().contains("\"GET\""));
    let complaint = run(&[url]).complaint(1);
    assert!(
        complaint.contains("certificate") && complaint.contains("127.0.0.1"),
        "{complaint}"
    );
    let output = command(&[url])
        .env("SSL_CERT_FILE", &file)
        .output()
        .unwrap();
    assert!(Ran::of(output).text().contains("\"GET\""));
    let text = plain(&shown(&["-v", "--verify", &*file, url]));
    assert!(
        text.contains("* TLS established with 127.0.0.1\n") && text.contains("tls "),
        "{text}"
    );
}

#[test]
fn the_clients_own_certificate_is_shown_to_nginx() {
    let Some(nginx) = Nginx::start() else { return };
    let port = nginx.host().2.port();
    let url = &*format!("https://localhost:{port}/who");
    let ca = certs().ca_file.display().to_string();
    let own = certs().client_file.display().to_string();
    // nginx has the client's certificate for its own: its name is not localhost.
    let text = run(&["--no-verify", "--cert", &*own, url]).text();
    assert!(text.ends_with(" SUCCESS"), "{text}");
    let ran = run(&["--no-verify", "--check-status", url]);
    assert!(
        ran.status == 1 && ran.err.contains("400 Bad Request"),
        "{}",
        ran.err
    );
    assert!(
        run(&["--verify", &*ca, url])
            .complaint(1)
            .contains("certificate")
    );
}

#[test]
fn http2_is_spoken_when_asked_and_offered() {
    let peer = H2Peer::over(tls_speaking(&["h2", "http/1.1"]), |link| {
        link.open(&[])?;
        link.serve(|asked| Answer::ok(format!("h2 {}", asked.path())))
    });
    let url = &*peer.https("/x");
    let ca = certs().ca_file.display().to_string();
    assert_eq!(run(&["--http2", "--verify", &*ca, url]).text(), "h2 /x");
    let text = plain(&shown(&["-v", "--http2", "--verify", &*ca, url]));
    assert!(text.contains("GET /x HTTP/2\nhost: 127.0.0.1"), "{text}");
    assert!(text.contains("HTTP/2 200"), "{text}");
    let server = Server::answering(tls_speaking(&["h2", "http/1.1"]), echo);
    run(&["--verify", &*ca, &*server.https("/")]).text();
    assert_eq!(
        server.handshakes()[0].as_ref().unwrap().alpn.as_deref(),
        Some(&b"http/1.1"[..])
    );
}

#[test]
fn without_a_timeout_the_server_may_take_its_time() {
    let server = Server::http(|_| Reply::ok("late").after(std::time::Duration::from_millis(30)));
    assert_eq!(run(&["--timeout", "0", &*server.url("/")]).text(), "late");
    assert!(
        run(&["--timeout", "0.01", &*server.url("/")])
            .complaint(1)
            .contains("Timeout")
    );
}
