//! What the environment says, read through a closure.
//!
//! Nothing here touches the process: the caller passes the look-up (`std::env::var_os`, or a test's table) and asks
//! only under `trust_env`. An empty variable counts as unset, as in HTTPX.

mod netrc;
mod proxies;
#[cfg(feature = "rustls")]
mod tls;

pub(crate) use netrc::netrc_paths;
pub(crate) use proxies::{EnvProxies, no_proxy, proxies};
#[cfg(feature = "rustls")]
pub(crate) use tls::{
    SSL_CERT_DIR, SSL_CERT_FILE, SSLKEYLOGFILE, cert_dirs, cert_file, has_tls_files, key_log_file,
};

use std::ffi::OsString;

/// The look-up of a variable.
type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Looks up a variable that is set and not empty.
fn path(env: Env<'_>, name: &str) -> Option<std::path::PathBuf> {
    env(name)
        .filter(|value| !value.is_empty())
        .map(std::path::PathBuf::from)
}
