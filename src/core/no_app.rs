//! Stands in for `app.rs` where no applications can be called: a body that cannot exist.

use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;

use super::dual;
use crate::error::Result;

#[derive(Debug)]
pub(crate) enum AppSource {}

impl AppSource {
    pub(crate) fn trailers(&mut self) -> Option<Box<HeaderMap>> {
        match *self {}
    }

    pub(crate) fn remaining(&self) -> Option<u64> {
        match *self {}
    }
}

#[dual]
impl AppSource {
    pub(crate) async fn next(&mut self, _total: Option<Instant>) -> Result<Option<Bytes>> {
        match *self {}
    }
}
