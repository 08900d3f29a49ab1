//! Servers that others wrote: nginx, and Python's `http.server`.
//!
//! Each test starts its own, on ports of its own, and stops it. Where a program is not installed the test says so and
//! ends; in continuous integration, which installs them, that is a failure.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use dimorph::{Body, StatusCode, Version};
use sync_tests::certs::certs;
use sync_tests::peers::free_address;

use super::common::{builder, client, ms};
use super::form::{Client, Response};
use super::{dual, form_test, form_util};

/// The name in the certificate that nginx is given.
const HOST: &str = "client.test";

/// A folder of its own, a process that serves it, and their end.
struct Peer {
    process: Child,
    folder: PathBuf,
    plain: SocketAddr,
    tls: SocketAddr,
}

impl Peer {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.plain)
    }

    fn tls_url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.tls.port())
    }

    /// A client that takes the certificate's name for this server.
    fn tls_client(&self) -> Client {
        builder().resolve(HOST, [self.tls]).build().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Says why a test does not run; in continuous integration all of them do.
#[allow(clippy::print_stdout, reason = "nothing is skipped silently")]
fn skipped(reason: &str) {
    assert!(env::var_os("CI").is_none(), "{reason}");
    println!("skipped: {reason}");
}

/// What the servers serve: `(name, content)`.
fn files() -> [(&'static str, Vec<u8>); 3] {
    let text = (0..20_000)
        .map(|n| format!("line {n}\n"))
        .collect::<String>();
    [
        ("hello.txt", b"hello".to_vec()),
        ("lines.txt", text.into_bytes()),
        ("large.bin", large()),
    ]
}

/// 32 MiB, none of which looks like another part of it.
fn large() -> Vec<u8> {
    (0..4_u64 << 20).flat_map(u64::to_le_bytes).collect()
}

fn folder() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tmp");
    let folder = Path::new(base).join(format!("peer-{}-{number}", std::process::id()));
    fs::create_dir_all(folder.join("www/sub")).unwrap();
    fs::create_dir_all(folder.join("put")).unwrap();
    for (name, content) in files() {
        fs::write(folder.join("www").join(name), content).unwrap();
    }
    fs::write(folder.join("www/sub/index.html"), "<p>index</p>").unwrap();
    folder.canonicalize().unwrap()
}

fn nginx() -> Option<Peer> {
    let program = [
        "/usr/sbin/nginx",
        "/usr/bin/nginx",
        "/usr/local/sbin/nginx",
        "/usr/local/bin/nginx",
    ];
    let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
        skipped("nginx is not installed");
        return None;
    };
    let folder = folder();
    // Another process may take a port between the look and the start.
    for _ in 0..5 {
        let (plain, tls) = (free_address(), free_address());
        fs::write(folder.join("nginx.conf"), nginx_conf(&folder, plain, tls)).unwrap();
        let process = Command::new(program)
            .args([
                "-p",
                folder.to_str().unwrap(),
                "-c",
                "nginx.conf",
                "-e",
                "error.log",
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut process = process.unwrap();
        while process.try_wait().unwrap().is_none() {
            if TcpStream::connect(plain).is_ok() && TcpStream::connect(tls).is_ok() {
                return Some(Peer {
                    process,
                    folder,
                    plain,
                    tls,
                });
            }
            thread::sleep(ms(5));
        }
    }
    panic!(
        "nginx does not start:\n{}",
        fs::read_to_string(folder.join("error.log")).unwrap_or_default()
    );
}

fn nginx_conf(folder: &Path, plain: SocketAddr, tls: SocketAddr) -> String {
    let folder = folder.display();
    let (certificate, key) = (
        certs().client_cert_file.canonicalize(),
        certs().client_key_file.canonicalize(),
    );
    let (certificate, key) = (certificate.unwrap(), key.unwrap());
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 256; }}
        http {{
            access_log off;
            types {{ text/plain txt; text/html html; }}
            client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
            uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
            server {{
                listen {plain}; listen {tls} ssl;
                ssl_certificate {}; ssl_certificate_key {};
                root {folder}/www;
                location /gzip/ {{ alias {folder}/www/; gzip on; gzip_types *; gzip_min_length 1; }}
                location /thrice/ {{ alias {folder}/www/; keepalive_requests 3; }}
                location /short/ {{ alias {folder}/www/; keepalive_timeout 150ms; }}
                location /small/ {{ alias {folder}/put/; dav_methods PUT; client_max_body_size 1k; }}
                location /put/ {{ alias {folder}/put/; dav_methods PUT; client_max_body_size 100m; }}
            }}
        }}",
        certificate.display(),
        key.display(),
    )
}

fn python() -> Option<Peer> {
    let folder = folder();
    let process = Command::new("python3")
        .args([
            "-u",
            "-m",
            "http.server",
            "0",
            "--bind",
            "127.0.0.1",
            "--directory",
        ])
        .arg(folder.join("www"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut process) = process else {
        let _ = fs::remove_dir_all(folder);
        skipped("python3 is not installed");
        return None;
    };
    // "Serving HTTP on 127.0.0.1 port 12345 (http://127.0.0.1:12345/) ..."
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port = line
        .split_whitespace()
        .skip_while(|word| *word != "port")
        .nth(1);
    let port: u16 = port
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("python3 said {line:?}"));
    let plain = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Some(Peer {
        process,
        folder,
        plain,
        tls: plain,
    })
}

#[dual]
async fn get(client: &Client, url: String) -> Response {
    client.get(url).send().await.unwrap()
}

#[dual]
async fn content(client: &Client, url: String) -> Vec<u8> {
    let response = get(client, url).await;
    assert_eq!(response.status(), 200);
    let bytes = response.bytes().await.unwrap();
    bytes.to_vec()
}

#[dual]
#[form_test]
async fn nginx_serves_files_plain_and_over_tls() {
    let Some(peer) = nginx() else { return };
    let (plain, tls) = (client(), peer.tls_client());
    for (name, expected) in files() {
        let path = format!("/{name}");
        let bytes = content(&plain, peer.url(&path)).await;
        assert!(bytes == expected, "{name}: {} bytes", bytes.len());
        let bytes = content(&tls, peer.tls_url(&path)).await;
        assert!(bytes == expected, "{name} over TLS: {} bytes", bytes.len());
    }
    for client in [&plain, &tls] {
        assert_eq!(
            (client.pool_stats().opened, client.pool_stats().reused),
            (1, 2)
        );
    }

    let response = get(&plain, peer.url("/hello.txt")).await;
    assert_eq!(
        (response.version(), response.reason()),
        (Version::HTTP_11, "OK")
    );
    assert_eq!(response.content_length(), Some(5));
    assert!(
        response.headers()["server"]
            .to_str()
            .unwrap()
            .starts_with("nginx")
    );
    assert_eq!(response.remote_addr(), Some(peer.plain));
}

#[dual]
#[form_test]
async fn nginx_compresses_and_the_client_decodes() {
    let Some(peer) = nginx() else { return };
    let (_, expected) = files()
        .into_iter()
        .find(|(name, _)| *name == "lines.txt")
        .unwrap();
    let client = client();
    let mut response = get(&client, peer.url("/gzip/lines.txt")).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert!(bytes == expected);
    assert!(response.num_bytes_downloaded() < expected.len() as u64 / 2);

    let plain = client
        .get(peer.url("/gzip/lines.txt"))
        .header("accept-encoding", "identity")
        .send()
        .await
        .unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));

    let mut response = get(&client, peer.url("/gzip/lines.txt")).await;
    let (mut lines, mut count) = (response.iter_lines(), 0);
    while let Some(line) = lines.next().await {
        let line = line.unwrap();
        assert_eq!(line, format!("line {count}"));
        count += 1;
    }
    assert_eq!(count, 20_000);
}

#[dual]
#[form_test]
async fn nginx_closes_after_its_limit_of_requests_and_nobody_notices() {
    let Some(peer) = nginx() else { return };
    let client = client();
    for _ in 0..10 {
        let bytes = content(&client, peer.url("/thrice/hello.txt")).await;
        assert_eq!(bytes, b"hello");
    }
    assert_eq!(client.pool_stats().opened, 4);
}

#[dual]
#[form_test]
async fn nginx_closes_idle_connections_and_nobody_notices() {
    let Some(peer) = nginx() else { return };
    for (client, url) in [
        (client(), peer.url("/short/hello.txt")),
        (peer.tls_client(), peer.tls_url("/short/hello.txt")),
    ] {
        for _ in 0..3 {
            let bytes = content(&client, url.clone()).await;
            assert_eq!(bytes, b"hello");
            form_util::sleep(ms(300)).await;
        }
        assert_eq!(client.pool_stats().opened, 3, "{url}");
    }
}

#[dual]
#[form_test]
async fn nginx_refuses_a_body_too_large_and_the_answer_arrives() {
    let Some(peer) = nginx() else { return };
    let client = client();
    for chunked in [false, true] {
        let body = if chunked {
            Body::from_reader(std::io::Cursor::new(large()))
        } else {
            Body::from(large())
        };
        let response = client
            .put(peer.url("/small/x"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let text = response.text().await.unwrap();
        assert!(text.contains("413 Request Entity Too Large"), "{text}");
    }
    let bytes = content(&client, peer.url("/hello.txt")).await;
    assert_eq!(bytes, b"hello");
}

#[dual]
#[form_test]
async fn nginx_stores_what_is_uploaded() {
    let Some(peer) = nginx() else { return };
    let file = || fs::File::open(peer.folder.join("www/large.bin")).unwrap();
    let (plain, tls) = (client(), peer.tls_client());
    let expected = large();
    for (name, over_tls, body) in [
        ("bytes", false, Body::from(large())),
        ("file", true, Body::from(file())),
        ("sized", false, Body::sized(file(), expected.len() as u64)),
        ("chunked", true, Body::from_reader(file())),
    ] {
        let path = format!("/put/{name}");
        let request = if over_tls {
            tls.put(peer.tls_url(&path))
        } else {
            plain.put(peer.url(&path))
        };
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED, "{name}");
        assert!(
            fs::read(peer.folder.join("put").join(name)).unwrap() == expected,
            "{name}"
        );
    }
}

#[dual]
#[form_test]
async fn nginx_redirects_answers_head_ranges_and_conditions() {
    let Some(peer) = nginx() else { return };
    let client = client();

    let response = get(&client, peer.url("/sub")).await;
    assert_eq!(response.url().as_str(), peer.url("/sub/"));
    assert_eq!(response.history().len(), 1);
    let text = response.text().await.unwrap();
    assert_eq!(text, "<p>index</p>");

    let response = client.head(peer.url("/large.bin")).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.content_length()),
        (200, Some(32 << 20))
    );
    let etag = response.headers()["etag"].clone();

    let response = client
        .get(peer.url("/large.bin"))
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);

    let response = client
        .get(peer.url("/large.bin"))
        .header("range", "bytes=8-15")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes.as_ref(), 1_u64.to_le_bytes());

    let response = get(&client, peer.url("/nothing")).await;
    let error = response.error_for_status().unwrap_err();
    assert!(
        error.is_status() && error.status() == Some(StatusCode::NOT_FOUND),
        "{error}"
    );
}

#[dual]
#[form_test]
async fn python_answers_in_http_1_0_and_closes() {
    let Some(peer) = python() else { return };
    let client = client();
    for (name, expected) in files() {
        let response = get(&client, peer.url(&format!("/{name}"))).await;
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, Version::HTTP_10)
        );
        let bytes = response.bytes().await.unwrap();
        assert!(bytes == expected, "{name}: {} bytes", bytes.len());
    }
    let stats = client.pool_stats();
    assert_eq!((stats.opened, stats.reused, stats.idle), (3, 0, 0));
}

#[dual]
#[form_test]
async fn python_lists_redirects_and_refuses() {
    let Some(peer) = python() else { return };
    let client = client();
    let text = get(&client, peer.url("/")).await.text().await.unwrap();
    assert!(text.contains("large.bin"), "{text}");

    let response = get(&client, peer.url("/sub")).await;
    assert_eq!(
        (response.status().as_u16(), response.url().path()),
        (200, "/sub/")
    );

    let response = client
        .post(peer.url("/hello.txt"))
        .body("no")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
    let response = get(&client, peer.url("/nothing")).await;
    assert_eq!(
        (response.status().as_u16(), response.reason()),
        (404, "File not found")
    );
}
