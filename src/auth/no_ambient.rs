//! Stands in for `ambient` where the feature `netrc` is off: no file is ever read.

use std::path::PathBuf;

use super::BasicAuth;
use crate::error::Result;

#[derive(Clone)]
pub(crate) struct Source;

impl Source {
    pub(crate) fn none() -> Self {
        Source
    }

    pub(crate) fn of(_paths: Vec<PathBuf>) -> Self {
        Source
    }

    pub(crate) fn is_read(&self) -> bool {
        true
    }

    pub(crate) fn read(&self) {}

    pub(crate) fn has_entries(&self) -> bool {
        false
    }

    pub(crate) fn find(&self, _host: &str) -> Result<Option<BasicAuth>> {
        Ok(None)
    }
}
