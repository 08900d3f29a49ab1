//! Authentication: flows, credentials and whose they are, Digest, netrc.

mod credentials;
mod digest;
mod digest_bodies;
mod flows;
mod mishaps;
mod netrc;
mod userinfo;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sync_tests::Server;

use super::{common, dual, form, form_test, form_util};

/// The field that Basic makes of a user name and a password.
fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

/// The `authorization` field of each request, in their order; `-` for none. Digest is shown by its name alone.
fn authorizations(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let shown = requests
        .iter()
        .map(|request| match request.header("authorization") {
            Some(field) if field.starts_with("Digest ") => "Digest".to_owned(),
            Some(field) => field.to_owned(),
            None => "-".to_owned(),
        });
    shown.collect()
}
