//! The options of clients and requests, each shown on the wire.

use super::{dual, form_test, form_util};

mod around_connect;
mod heads;
mod limits;
mod protocols;
mod sockets;
mod tls_info;
mod versions;
