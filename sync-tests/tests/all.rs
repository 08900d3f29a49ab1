//! The shared tests over the blocking client.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a failing test should be loud; tests are named as facts"
)]

pub(crate) use core::prelude::v1::test as form_test;
pub(crate) use dimorph::blocking as form;
pub(crate) use maybe_async::must_be_sync as dual;

#[path = "blocking/form_util.rs"]
pub(crate) mod form_util;

#[path = "blocking/plugs.rs"]
pub(crate) mod plugs;

#[path = "dual/mod.rs"]
mod dual_tests;

#[path = "blocking/apps_tokio.rs"]
mod apps_tokio;

#[path = "blocking/apps_within.rs"]
mod apps_within;

#[path = "blocking/http2_threads.rs"]
mod http2_threads;

#[path = "blocking/only.rs"]
mod only;

#[path = "blocking/ureq.rs"]
mod ureq;
