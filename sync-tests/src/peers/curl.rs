//! The client that everybody compares with.

use std::process::{Command, Stdio};

use super::program;
use crate::certs::certs;

/// What curl got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurlAnswer {
    /// curl's exit code: 0 is success, 22 and above are failures of its own numbering.
    pub exit: i32,
    /// The status of the last answer; 0 where there was none.
    pub status: u16,
    /// The status of the last answer to a CONNECT; 0 where there was none.
    pub connect_status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// What curl said of a failure.
    pub message: String,
}

impl CurlAnswer {
    /// Returns the status and the body, for comparing.
    pub fn pair(&self) -> (u16, &[u8]) {
        (self.status, &self.body)
    }
}

/// Runs curl with these arguments, the last of which is the URL. It trusts the tests' authority, and reads no settings of the machine.
pub fn curl(args: &[&str]) -> Option<CurlAnswer> {
    let program = program("curl")?;
    let mut command = Command::new(program);
    command
        .args(["-q", "--silent", "--show-error", "--max-time", "20"])
        .args(["--write-out", "\n%{http_code} %{http_connect}"])
        .arg("--cacert")
        .arg(&certs().ca_file)
        .arg("--proxy-cacert")
        .arg(&certs().ca_file)
        .args(args)
        .stdin(Stdio::null());
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    ] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let mut body = output.stdout;
    let at = body
        .iter()
        .rposition(|&byte| byte == b'\n')
        .unwrap_or_else(|| panic!("curl: {}", String::from_utf8_lossy(&output.stderr)));
    let codes = String::from_utf8(body.split_off(at)).unwrap();
    let mut codes = codes.split_whitespace().map(|code| code.parse().unwrap());
    Some(CurlAnswer {
        exit: output.status.code().unwrap_or(-1),
        status: codes.next().unwrap(),
        connect_status: codes.next().unwrap(),
        body,
        message: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
