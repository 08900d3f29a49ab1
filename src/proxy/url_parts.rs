//! What a proxy's URL says: scheme, host, port and credentials, each checked.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::{Credentials, ProxyKind};
use crate::config::URL_LIMIT;
use crate::error::{Error, ErrorKind, Phase, Result};

/// The parts of a proxy's URL.
pub(super) struct ProxyUrl {
    pub(super) url: Url,
    pub(super) kind: ProxyKind,
    pub(super) host: Box<str>,
    pub(super) port: u16,
    pub(super) credentials: Option<Credentials>,
}

impl ProxyUrl {
    pub(super) fn parse(text: &str) -> Result<ProxyUrl> {
        if text.len() > URL_LIMIT {
            return Err(invalid(format!(
                "the proxy's URL is longer than {URL_LIMIT} bytes"
            )));
        }
        // The WHATWG rules drop control characters from the middle and take `\` for `/`; in a proxy's URL
        // either is a password that was not percent-encoded.
        if text.bytes().any(|b| b.is_ascii_control() || b == b'\\') {
            return Err(invalid(
                "the proxy's URL contains a control character or a backslash",
            ));
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return Err(invalid(
                "the proxy's URL has no scheme: write http://, https://, socks5:// or socks5h:// before it",
            ));
        };
        let kind = kind(scheme)?;
        if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
            return Err(invalid("the proxy's URL has no host"));
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::EmptyHost => invalid("the proxy's URL has no host"),
            other => invalid(format!("the proxy's URL does not parse: {other}")),
        })?;
        // What follows a raw `/`, `?` or `#` in a password, the host included, would be taken for a path.
        if url[url::Position::BeforePath..].contains('@') {
            return Err(invalid(
                "the proxy's URL has an `@` after its host: user and password must be percent-encoded",
            ));
        }
        let host = url.host_str().unwrap_or_default();
        // Only `http` and `https` URLs have had their host normalised.
        let host: Box<str> = match Host::parse(host) {
            Ok(Host::Domain(name)) if name.is_empty() => {
                return Err(invalid("the proxy's URL has no host"));
            }
            Ok(host) => host.to_string().into(),
            Err(error) => return Err(invalid(format!("the proxy's URL has a bad host: {error}"))),
        };
        let port = url.port_or_known_default().unwrap_or(SOCKS_PORT);
        let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let credentials = Credentials {
            user: decode(url.username()),
            password: decode(url.password().unwrap_or_default()),
        };
        let given = !credentials.user.is_empty() || !credentials.password.is_empty();
        let url = Url::parse(&format!("{}://{host}:{port}/", url.scheme()))
            .map_err(|error| invalid(format!("the proxy's URL has a bad host: {error}")))?;
        Ok(ProxyUrl {
            url,
            kind,
            host,
            port,
            credentials: given.then_some(credentials),
        })
    }
}

/// The port of RFC 1928 section 3.
const SOCKS_PORT: u16 = 1080;

/// Splits `scheme://rest`.
pub(crate) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.trim_start().split_once("://")?;
    let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    well_formed.then_some((scheme, rest))
}

fn kind(scheme: &str) -> Result<ProxyKind> {
    let kind = match scheme.to_ascii_lowercase().as_str() {
        "http" => ProxyKind::Http { secure: false },
        "https" => ProxyKind::Http { secure: true },
        "socks5" => ProxyKind::Socks { remote_dns: false },
        "socks5h" => ProxyKind::Socks { remote_dns: true },
        _ => {
            return Err(Error::builder(format!(
                "unknown scheme for a proxy's URL: `{scheme}`; http, https, socks5 and socks5h are known"
            )));
        }
    };
    let missing = match kind {
        ProxyKind::Http { secure: true } if !cfg!(feature = "rustls") => "rustls",
        ProxyKind::Socks { .. } if !cfg!(feature = "socks") => "socks",
        _ => return Ok(kind),
    };
    Err(Error::builder(format!(
        "a proxy with the scheme `{scheme}` needs the feature `{missing}`"
    )))
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidUrl, message).in_phase(Phase::Build)
}
