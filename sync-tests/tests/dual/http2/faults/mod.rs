//! What a server does wrong, what it does rarely, and what comes too late.

use super::{Answer, H2Peer, Link, assert_works, client, fetch, knowing, post, said};
use super::{dual, form_test, form_util};

mod bodies;
mod bytes;
mod heads;
mod idle;
mod lengths;
mod malformed;
mod timeouts;
mod uploads;
mod windows;
