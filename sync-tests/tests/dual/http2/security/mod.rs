//! The rows of the security cases that concern HTTP/2, each by its id.

use super::{Answer, H2Peer, Link, assert_works, at_first, client, fetch, post, said};
use super::{dual, form_test, form_util};

mod floods;
mod misdirected;
mod names;
mod retries;
mod streams;
mod tls;
mod unasked;
