//! Stands in for `cookies` where that feature is off: a jar that holds nothing.

use http::HeaderMap;
use url::Url;

pub(crate) struct Cookies;

impl Cookies {
    pub(crate) fn new() -> Self {
        Cookies
    }

    pub(crate) fn is_certainly_empty(&self) -> bool {
        true
    }

    pub(crate) fn pairs_for(&self, _url: &Url) -> Vec<(String, String)> {
        Vec::new()
    }

    pub(crate) fn store(&self, _url: &Url, _headers: &HeaderMap) {}
}
