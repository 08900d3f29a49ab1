//! What can be a URL.

use url::Url;

use crate::error::{self, Result};

/// What can be turned into a URL: a `Url`, `&str`, `String` or `&String`.
///
/// No other type can implement it.
pub trait IntoUrl: IntoUrlSealed {}

impl IntoUrl for Url {}
impl IntoUrl for String {}
impl IntoUrl for &str {}
impl IntoUrl for &String {}

/// Keeps [`IntoUrl`] to the types above.
pub trait IntoUrlSealed {
    /// Parses the URL, which has to name a host.
    ///
    /// # Errors
    /// A builder error otherwise.
    fn into_url(self) -> Result<Url>;

    /// Returns the text as it was given.
    fn as_str(&self) -> &str;
}

impl IntoUrlSealed for Url {
    fn into_url(self) -> Result<Url> {
        match self.has_host() {
            true => Ok(self),
            false => Err(error::url_bad_scheme(self)),
        }
    }

    fn as_str(&self) -> &str {
        self.as_ref()
    }
}

impl IntoUrlSealed for &str {
    fn into_url(self) -> Result<Url> {
        Url::parse(self).map_err(error::builder)?.into_url()
    }

    fn as_str(&self) -> &str {
        self
    }
}

impl IntoUrlSealed for String {
    fn into_url(self) -> Result<Url> {
        (&*self).into_url()
    }

    fn as_str(&self) -> &str {
        self
    }
}

impl IntoUrlSealed for &String {
    fn into_url(self) -> Result<Url> {
        (&**self).into_url()
    }

    fn as_str(&self) -> &str {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_url_names_a_host() {
        let cases = [
            ("http://a/b", None),
            ("file:///etc/hosts", Some("URL scheme is not allowed")),
            (
                "blob:https://example.org",
                Some("URL scheme is not allowed"),
            ),
            ("/a", Some("relative URL without a base")),
        ];
        for (text, expected) in cases {
            let refused = text.into_url().err().map(|error| {
                assert!(error.is_builder());
                error.source().unwrap().to_string()
            });
            assert_eq!(refused.as_deref(), expected, "{text}");
        }
    }
}
