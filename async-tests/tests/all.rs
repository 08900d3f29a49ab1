//! The shared tests over the async client, and those of cancellation.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a failing test should be loud; tests are named as facts"
)]

pub(crate) use dimorph::asynchronous as form;
pub(crate) use maybe_async::must_be_async as dual;
pub(crate) use tokio::test as form_test;

#[path = "asynchronous/form_util.rs"]
pub(crate) mod form_util;

#[path = "asynchronous/plugs.rs"]
pub(crate) mod plugs;

#[path = "../../sync-tests/tests/dual/mod.rs"]
mod dual_tests;

#[path = "asynchronous/apps.rs"]
mod apps;

#[path = "asynchronous/auth_flows.rs"]
mod auth_flows;

#[path = "asynchronous/events.rs"]
mod events;

#[path = "asynchronous/given_up.rs"]
mod given_up;

#[path = "asynchronous/http2_given_up.rs"]
mod http2_given_up;

#[path = "asynchronous/http2_workers.rs"]
mod http2_workers;

#[path = "asynchronous/layers.rs"]
mod layers;

#[path = "asynchronous/only.rs"]
mod only;

#[path = "asynchronous/pages.rs"]
mod pages;

#[path = "asynchronous/proxies.rs"]
mod proxies;

#[path = "asynchronous/saving.rs"]
mod saving;

#[path = "asynchronous/tower.rs"]
mod tower;

#[path = "asynchronous/uploads.rs"]
mod uploads;

#[path = "asynchronous/uploads_over_tls.rs"]
mod uploads_over_tls;
