//! The reasons for which a cookie is not stored.

use crate::error::Error;

/// Why a cookie was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotHttp,
    ControlCharacter,
    Nameless,
    TooLarge,
    ForeignDomain,
    PublicSuffix,
    SecureFromHttp,
    BrokenPrefix,
    ShadowsSecure,
}

impl Refusal {
    fn reason(self) -> &'static str {
        match self {
            Refusal::NotHttp => "its URL is neither http nor https",
            Refusal::ControlCharacter => "it has a control character",
            Refusal::Nameless => "it has no name",
            Refusal::TooLarge => "name and value are longer than 4096 bytes",
            Refusal::ForeignDomain => "the host does not belong to its domain",
            Refusal::PublicSuffix => "its domain is a public suffix",
            Refusal::SecureFromHttp => "http may not set a secure cookie",
            Refusal::BrokenPrefix => "it does not keep what the prefix of its name promises",
            Refusal::ShadowsSecure => "http may not replace or hide a secure cookie",
        }
    }

    pub(super) fn into_error(self, name: &str) -> Error {
        let name = name.escape_debug();
        Error::builder(format!("the cookie `{name}` is refused: {}", self.reason()))
    }
}
