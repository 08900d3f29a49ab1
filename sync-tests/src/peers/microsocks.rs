//! microsocks: a SOCKS5 server that looks names up as the system does.

use std::net::SocketAddr;
use std::process::Command;

use super::{Folder, PASSWORD, Process, USER, program};

/// A microsocks that wants the user and password of this module.
pub struct Microsocks {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Microsocks {
    /// Starts one.
    pub fn start() -> Option<Self> {
        let program = program("microsocks")?;
        let folder = Folder::new();
        let (process, [address]) = Process::start(&folder, |[address]| {
            let mut command = Command::new(&program);
            command
                .args(["-i", "127.0.0.1", "-p", &address.port().to_string()])
                .args(["-u", USER, "-P", PASSWORD]);
            command
        });
        Some(Microsocks {
            address,
            _process: process,
            _folder: folder,
        })
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its URL, of scheme `socks5` or `socks5h`, with the right credentials.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://user:pass%20word@{}", self.address)
    }

    /// Returns its URL with other userinfo, which may be empty.
    pub fn url_as(&self, scheme: &str, userinfo: &str) -> String {
        match userinfo {
            "" => format!("{scheme}://{}", self.address),
            _ => format!("{scheme}://{userinfo}@{}", self.address),
        }
    }
}
