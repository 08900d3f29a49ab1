//! Squid: a proxy that forwards and tunnels for those who have Basic credentials.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use md5::{Digest, Md5};

use super::{Folder, PASSWORD, Process, USER, program, skipped};
use crate::certs::certs;
use crate::digest_server::hex;

/// The name in the certificate of its TLS port.
const HOST: &str = "client.test";

/// Names that are loopback for this squid, so that it needs no DNS.
const HOSTS: [&str; 8] = [
    "localhost",
    "origin.test",
    "a.test",
    "b.test",
    "x.test",
    "y.test",
    "example.org",
    "example.com",
];

/// Where distributions keep squid's helpers.
const HELPERS: [&str; 4] = [
    "/usr/lib/squid/basic_ncsa_auth",
    "/usr/lib64/squid/basic_ncsa_auth",
    "/usr/libexec/squid/basic_ncsa_auth",
    "/usr/local/libexec/squid/basic_ncsa_auth",
];

/// A squid without a cache that wants the user and password of this module, and connects anywhere on the loopback interface.
///
/// It listens on a plain port and on one of TLS.
pub struct Squid {
    plain: SocketAddr,
    tls: SocketAddr,
    _process: Process,
    folder: Folder,
}

fn service(plain: SocketAddr) -> String {
    format!("dimorph{}", plain.port())
}

impl Drop for Squid {
    fn drop(&mut self) {
        // It is killed, since it takes two seconds to end when it is asked; these it would have removed.
        for kind in ["metadata", "queues", "readers"] {
            let name = format!("/dev/shm/{}-cf__{kind}.shm", service(self.plain));
            let _ = std::fs::remove_file(name);
        }
    }
}

impl Squid {
    /// Starts one.
    pub fn start() -> Option<Self> {
        let program = program("squid")?;
        let Some(helper) = HELPERS.into_iter().find(|path| Path::new(path).exists()) else {
            skipped("squid's basic_ncsa_auth is not installed");
            return None;
        };
        let folder = Folder::new();
        folder.write("users", format!("{USER}:{}\n", hex(&Md5::digest(PASSWORD))));
        folder.write("hosts", format!("127.0.0.1 {}\n", HOSTS.join(" ")));
        let pem = std::fs::read(&certs().client_file).unwrap();
        folder.write("certificate.pem", pem);
        let (process, [plain, tls]) = Process::start(&folder, |[plain, tls]| {
            folder.write("squid.conf", conf(folder.path(), helper, plain, tls));
            let mut command = Command::new(&program);
            // In the foreground, as one process; the name keeps it apart from others.
            command.args(["-N", "-n", &service(plain), "-f"]);
            command.arg(folder.path().join("squid.conf"));
            command
        });
        Some(Squid {
            plain,
            tls,
            _process: process,
            folder,
        })
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.plain
    }

    /// Returns the name that the certificate of its TLS port is for, and that port's address: for the client's `resolve`.
    pub fn host(&self) -> (&'static str, SocketAddr) {
        (HOST, self.tls)
    }

    /// Returns the URL of its TLS port with userinfo, which may be empty.
    pub fn tls_url_as(&self, userinfo: &str) -> String {
        let at = if userinfo.is_empty() { "" } else { "@" };
        format!("https://{userinfo}{at}{HOST}:{}", self.tls.port())
    }

    /// Returns its URL with the right credentials.
    pub fn url(&self) -> String {
        self.url_as("user:pass%20word")
    }

    /// Returns its URL with other userinfo, which may be empty.
    pub fn url_as(&self, userinfo: &str) -> String {
        match userinfo {
            "" => format!("http://{}", self.plain),
            _ => format!("http://{userinfo}@{}", self.plain),
        }
    }

    /// Returns the lines of its log so far: `status method URL user`.
    pub fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log"));
        // Looking whether it accepts yet leaves a line too.
        text.unwrap_or_default()
            .lines()
            .filter(|line| !line.contains("error:transaction-end"))
            .map(str::to_owned)
            .collect()
    }

    /// Returns the folder of its files, which ends with this value.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn conf(folder: &Path, helper: &str, plain: SocketAddr, tls: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "http_port {plain}
https_port {tls} tls-cert={folder}/certificate.pem
visible_hostname squid.test
hosts_file {folder}/hosts
pid_filename none
cache_log {folder}/cache.log
logformat short %>Hs %rm %ru %un
access_log stdio:{folder}/access.log logformat=short
buffered_logs off
strip_query_terms off
coredump_dir {folder}
netdb_filename none
pinger_enable off
cache deny all
cache_mem 8 MB
shutdown_lifetime 0 seconds
auth_param basic program {helper} {folder}/users
auth_param basic children 2 startup=1 idle=1
auth_param basic realm squid
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
"
    )
}
