//! The shared tests: one text, compiled over each client.
//!
//! The root that mounts this module names the form: `form` is `dimorph::blocking` or
//! `dimorph::asynchronous`, `dual` removes `.await` or leaves it, `form_test` marks a test, and
//! `form_util` has what threads and tasks do differently.

pub(crate) use crate::{dual, form, form_test, form_util};

mod apps;
mod auth;
mod body;
mod client;
mod common;
mod conformance;
mod cookies;
mod cookies_and_headers;
mod early_responses;
mod edges;
mod errors;
mod faults;
mod h1_cases;
mod half_read;
mod hints;
mod hooks;
mod hostile;
mod http2;
pub(crate) mod http2_real;
pub(crate) mod http2_stress;
mod httpx_cases;
mod json_errors;
mod late_key_updates;
mod layers;
mod memory;
mod merging;
mod mocks;
mod mounts;
mod multipart;
mod next_request;
mod options;
mod pages;
mod pool;
mod proxies;
mod proxy_answers;
mod proxy_credentials;
mod proxy_faults;
mod proxy_own_credentials;
mod proxy_socks;
mod real_peers;
mod real_peers_auth;
mod real_peers_proxy;
mod recorders;
mod recording;
mod redirect;
mod redirects_on_the_way;
mod responses;
mod saving;
mod secrets;
mod send_sync;
mod sse;
mod streaming;
mod timeouts;
mod tls;
mod tls_ends;
mod tls_hostile;
mod told_once;
mod transports;
mod troubleshooting;
mod upgrades;
pub(crate) mod uploads_over_tls;
mod urls;
mod wrappers;
