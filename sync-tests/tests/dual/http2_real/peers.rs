//! nghttpd, nginx and Apache httpd as servers of HTTP/2.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sync_tests::certs::certs;
use sync_tests::peers::{Folder, MODULES, Process, beginning, program, skipped};

use super::common::builder;
use super::content::large;
use super::form::ClientBuilder;
use super::knowing;

/// The name in the servers' certificate.
pub(super) const HOST: &str = "client.test";

/// A server that runs, with its files.
pub(super) struct Peer<const N: usize> {
    pub(super) ports: [SocketAddr; N],
    pub(super) folder: Folder,
    _process: Process,
}

impl<const N: usize> Peer<N> {
    /// Returns an `http` URL of its `port`-th port.
    pub(super) fn url(&self, port: usize, path: &str) -> String {
        format!("http://{}{path}", self.ports[port])
    }

    /// Returns an `https` URL of its `port`-th port, by the certificate's name.
    pub(super) fn tls_url(&self, port: usize, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.ports[port].port())
    }

    /// Begins a client that takes the certificate's name for this server, and picks by ALPN.
    pub(super) fn picking(&self) -> ClientBuilder {
        builder().resolve(HOST, [self.ports[0].ip()])
    }

    /// Begins one that speaks HTTP/2 to every port.
    pub(super) fn knowing(&self) -> ClientBuilder {
        knowing().resolve(HOST, [self.ports[0].ip()])
    }

    /// Puts 64 MiB among the files.
    pub(super) fn with_large(self) -> Self {
        self.folder.write("www/large.bin", large());
        self
    }
}

/// The lines of `lines.txt`.
pub(super) fn lines() -> String {
    (0..20_000).map(|n| format!("line {n}\n")).collect()
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("www/hello.txt", "hello");
    folder.write("www/lines.txt", lines());
    folder.write("www/sub/index.html", "<p>index</p>");
    folder
}

fn certificate() -> [PathBuf; 2] {
    let files = [&certs().client_cert_file, &certs().client_key_file];
    files.map(|file| file.canonicalize().unwrap())
}

/// Starts an nghttpd with one port, plain or with TLS, that sends uploads back and a trailer after each body.
pub(super) fn nghttpd(tls: bool, more: &[&str]) -> Option<Peer<1>> {
    let program = program("nghttpd")?;
    let folder = folder();
    let (process, ports) = Process::start(&folder, |[address]: [SocketAddr; 1]| {
        let mut command = Command::new(&program);
        command.args(["--address", "127.0.0.1", "--echo-upload"]);
        command.args(["--trailer", "x-sum: 13", "--htdocs"]);
        command.arg(folder.path().join("www")).args(more);
        if !tls {
            command.arg("--no-tls");
        }
        command.arg(address.port().to_string());
        if tls {
            let [certificate, key] = certificate();
            command.arg(key).arg(certificate);
        }
        command
    });
    Some(Peer {
        ports,
        folder,
        _process: process,
    })
}

/// The ports of [`nginx`].
pub(super) mod port {
    /// HTTP/2 over plain TCP.
    pub(in super::super) const PLAIN: usize = 0;
    /// TLS, with HTTP/2.
    pub(in super::super) const TLS: usize = 1;
    /// TLS, without.
    pub(in super::super) const OLD: usize = 2;
    /// As `PLAIN`; idle connections are closed soon.
    pub(in super::super) const BRIEF: usize = 3;
    /// As `PLAIN`; a connection ends with its tenth request.
    pub(in super::super) const TEN: usize = 4;
    /// As `PLAIN`; two streams at once.
    pub(in super::super) const TWO: usize = 5;
}

/// Starts an nginx.
pub(super) fn nginx() -> Option<Peer<6>> {
    let program = program("nginx")?;
    let folder = folder();
    let (process, ports) = Process::start(&folder, |ports| {
        folder.write("nginx.conf", nginx_conf(folder.path(), ports));
        let mut command = Command::new(&program);
        command.arg("-p").arg(folder.path());
        command.args(["-c", "nginx.conf", "-e", "error.log"]);
        command
    });
    Some(Peer {
        ports,
        folder,
        _process: process,
    })
}

fn nginx_conf(folder: &Path, [plain, tls, old, brief, ten, two]: [SocketAddr; 6]) -> String {
    let folder = folder.display();
    let [certificate, key] = certificate().map(|file| file.display().to_string());
    let locations = format!(
        "location /gzip/ {{ alias {folder}/www/; gzip on; gzip_types *; gzip_min_length 1; }}
        location /small/ {{ alias {folder}/put/; dav_methods PUT; client_max_body_size 1k; }}
        location /put/ {{ alias {folder}/put/; dav_methods PUT; client_max_body_size 100m; create_full_put_path on; }}
        location /version {{ return 200 $server_protocol; }}"
    );
    // The parameter `http2` is what versions before 1.25.1 know, and later ones take too.
    let server = |what: &str| format!("server {{ {what} {locations} }}\n");
    let servers = [
        server(&format!("listen {plain} http2; listen {tls} ssl http2;")),
        server(&format!("listen {old} ssl;")),
        server(&format!("listen {brief} http2; keepalive_timeout 150ms;")),
        server(&format!("listen {ten} http2; keepalive_requests 10;")),
        server(&format!(
            "listen {two} http2; http2_max_concurrent_streams 2;"
        )),
    ]
    .concat();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    types {{ text/plain txt; text/html html; }}
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    root {folder}/www;
    {servers}
}}
"
    )
}

/// The user that [`apache`] knows.
pub(super) const USER: &str = "user";
/// That user's password.
pub(super) const PASSWORD: &str = "secret";
/// `user:apache users:secret` by MD5, as a password file has it.
const SECRET: &str = "user:apache users:a179f0f5a4bb8d41815e83efd0b87133";

/// Starts an httpd with one plain port, which says Early Hints for `/hints/`, and wants Digest credentials for `/digest/`.
pub(super) fn apache() -> Option<Peer<1>> {
    let program = program("apache2")?;
    let there = |folder: &&str| {
        let module = |name| Path::new(folder).join(name).exists();
        module("mod_http2.so") && module("mod_auth_digest.so")
    };
    let Some(modules) = MODULES.into_iter().find(there) else {
        skipped("mod_http2 is not installed");
        return None;
    };
    let folder = folder();
    for path in ["hints", "digest"] {
        folder.write(&format!("www/{path}/hello.txt"), "hello");
    }
    folder.write("users", SECRET);
    let (process, ports) = Process::start(&folder, |[address]: [SocketAddr; 1]| {
        folder.write("httpd.conf", apache_conf(folder.path(), modules, address));
        let mut command = Command::new(&program);
        // One process, in the foreground.
        command.args(["-X", "-d"]).arg(folder.path());
        command.arg("-f").arg(folder.path().join("httpd.conf"));
        command
    });
    Some(Peer {
        ports,
        folder,
        _process: process,
    })
}

fn apache_conf(folder: &Path, modules: &str, address: SocketAddr) -> String {
    let mut text = beginning(folder, modules, address, "http2");
    let folder = folder.display();
    text += &format!(
        "Protocols h2c http/1.1
H2Direct on
H2EarlyHints on
<Location /hints>
H2PushResource /style.css
</Location>
<Location /digest>
AuthType Digest
AuthName \"apache users\"
AuthUserFile {folder}/users
Require valid-user
</Location>
"
    );
    text
}
