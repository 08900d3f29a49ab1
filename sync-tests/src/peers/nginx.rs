//! nginx, with Basic authentication and with client certificates.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

use super::{Folder, PASSWORD, Process, USER, program};
use crate::certs::certs;

/// The name in the certificate of its TLS ports.
const HOST: &str = "client.test";

/// An nginx that knows the user and password of this module, on one plain port and two of TLS.
///
/// | port | path | wants |
/// |---|---|---|
/// | [`url`](Self::url), [`tls_url`](Self::tls_url) | `/hello.txt` | nothing |
/// | the same | `/basic/hello.txt` | Basic |
/// | [`mtls_url`](Self::mtls_url) | `/hello.txt` | a client certificate of the tests' authority (400 without) |
/// | the same | `/who` | the same, and answers with the certificate's subject |
pub struct Nginx {
    plain: SocketAddr,
    tls: SocketAddr,
    mtls: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Nginx {
    /// Starts one.
    pub fn start() -> Option<Self> {
        let program = program("nginx")?;
        let folder = Folder::new();
        folder.write("www/hello.txt", "hello");
        folder.write("www/basic/hello.txt", "hello, user");
        folder.write("users", htpasswd_line());
        let (process, [plain, tls, mtls]) = Process::start(&folder, |addresses| {
            folder.write("nginx.conf", conf(folder.path(), addresses));
            let mut command = Command::new(&program);
            command.arg("-p").arg(folder.path());
            command.args(["-c", "nginx.conf", "-e", "error.log"]);
            command
        });
        Some(Nginx {
            plain,
            tls,
            mtls,
            _process: process,
            _folder: folder,
        })
    }

    /// Returns the name that its certificate is for, and the addresses of its TLS ports: for the client's `resolve`.
    pub fn host(&self) -> (&'static str, SocketAddr, SocketAddr) {
        (HOST, self.tls, self.mtls)
    }

    /// Returns the address of its plain port.
    pub fn address(&self) -> SocketAddr {
        self.plain
    }

    /// Returns an `http` URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.plain)
    }

    /// Returns an `https` URL of it, by its certificate's name.
    pub fn tls_url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.tls.port())
    }

    /// Returns an `https` URL of the port that wants a client certificate, by its own certificate's name.
    pub fn mtls_url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.mtls.port())
    }

    /// Returns curl's arguments that make the name lead here.
    pub fn curl_resolve(&self) -> [String; 4] {
        let to = |port: SocketAddr| format!("{HOST}:{}:127.0.0.1", port.port());
        [
            "--resolve".into(),
            to(self.tls),
            "--resolve".into(),
            to(self.mtls),
        ]
    }
}

/// A line of a password file that nginx and httpd read, with the SHA-1 of the password.
pub(super) fn htpasswd_line() -> String {
    let hash = BASE64_STANDARD.encode(Sha1::digest(PASSWORD));
    format!("{USER}:{{SHA}}{hash}\n")
}

fn conf(folder: &Path, [plain, tls, mtls]: [SocketAddr; 3]) -> String {
    let folder = folder.display();
    let [certificate, key, authority] = [
        &certs().client_cert_file,
        &certs().client_key_file,
        &certs().ca_file,
    ]
    .map(|file| file.canonicalize().unwrap().display().to_string());
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    types {{ text/plain txt; }}
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    root {folder}/www;
    server {{
        listen {plain}; listen {tls} ssl;
        location /basic/ {{ auth_basic nginx; auth_basic_user_file {folder}/users; }}
    }}
    server {{
        listen {mtls} ssl;
        ssl_client_certificate {authority}; ssl_verify_client on;
        location = /who {{ return 200 \"$ssl_client_s_dn $ssl_client_verify\"; }}
    }}
}}
"
    )
}
