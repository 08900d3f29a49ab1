//! Apache httpd: a server whose Digest authentication we did not write.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use md5::{Digest, Md5};

use super::{Folder, PASSWORD, Process, USER, program, skipped};
use crate::digest_server::hex;

const REALM: &str = "apache users";

/// Where distributions keep httpd's modules.
pub const MODULES: [&str; 3] = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
];

/// An httpd in one process that knows the user and password of this module.
///
/// | path | wants |
/// |---|---|
/// | `/hello.txt` | nothing |
/// | `/digest/hello.txt` | Digest, MD5, qop `auth` |
/// | `/brief/hello.txt` | the same, with nonces that are stale after a second |
/// | `/basic/hello.txt` | Basic |
pub struct Apache {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Apache {
    /// Starts one.
    pub fn start() -> Option<Self> {
        let program = program("apache2")?;
        let Some(modules) = MODULES
            .into_iter()
            .find(|path| Path::new(path).join("mod_auth_digest.so").exists())
        else {
            skipped("mod_auth_digest is not installed");
            return None;
        };
        let folder = Folder::new();
        for path in ["", "digest/", "brief/", "basic/"] {
            folder.write(&format!("www/{path}hello.txt"), "hello");
        }
        let secret = hex(&Md5::digest(format!("{USER}:{REALM}:{PASSWORD}")));
        folder.write("digest.users", format!("{USER}:{REALM}:{secret}\n"));
        folder.write("basic.users", super::nginx::htpasswd_line());
        let (process, [address]) = Process::start(&folder, |[address]| {
            folder.write("httpd.conf", conf(folder.path(), modules, address));
            let mut command = Command::new(&program);
            // One process, in the foreground.
            command.args(["-X", "-d"]).arg(folder.path());
            command.arg("-f").arg(folder.path().join("httpd.conf"));
            command
        });
        Some(Apache {
            address,
            _process: process,
            _folder: folder,
        })
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a URL of it, with a path that begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn conf(folder: &Path, modules: &str, address: SocketAddr) -> String {
    let mut text = beginning(folder, modules, address, "auth_basic");
    let folder = folder.display();
    let digest = format!(
        "AuthType Digest\nAuthName \"{REALM}\"\nAuthUserFile {folder}/digest.users\nRequire valid-user\n"
    );
    for (path, how) in [
        ("digest", digest.clone()),
        ("brief", format!("{digest}AuthDigestNonceLifetime 1\n")),
        (
            "basic",
            format!(
                "AuthType Basic\nAuthName \"{REALM}\"\nAuthUserFile {folder}/basic.users\nRequire valid-user\n"
            ),
        ),
    ] {
        text += &format!("<Location /{path}>\n{how}</Location>\n");
    }
    text
}

/// Returns the beginning of httpd's configuration: one port, files in a folder, the modules for Digest, and one more.
pub fn beginning(folder: &Path, modules: &str, address: SocketAddr, more: &str) -> String {
    let folder = folder.display();
    let mut text = format!(
        "Listen {address}
ServerName apache.test
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DocumentRoot {folder}/www
Mutex file:{folder} default
"
    );
    for name in [
        "mpm_event",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_user",
        "auth_digest",
        "unixd",
        more,
    ] {
        let file = format!("{modules}/mod_{name}.so");
        // Some are compiled in, by some distributions.
        if Path::new(&file).exists() {
            text += &format!("LoadModule {name}_module {file}\n");
        }
    }
    text
}
