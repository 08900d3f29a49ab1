//! Which version of HTTP a request's connection may speak.

use http::header::{CONNECTION, UPGRADE};
use http::{Method, Version};

use super::ClientConfig;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::headers::{RequestHeaders, has_token};
use crate::pool_state::Protocol;

/// HTTP/2 is compiled in.
pub(crate) const HAS_HTTP2: bool = cfg!(feature = "http2");

impl ClientConfig {
    /// Looks for what was said about versions of HTTP that cannot hold together.
    ///
    /// # Errors
    /// Of kind `Builder`.
    pub(crate) fn check_versions(&self) -> Result<()> {
        #[cfg(feature = "http2")]
        self.h2.check()?;
        Err(Error::builder(
            match (self.http1, self.http2, self.prior_knowledge) {
                (_, false, true) => "http2_prior_knowledge() and http2(false) exclude each other",
                (false, false, _) if HAS_HTTP2 => {
                    "http1(false) and http2(false) exclude each other: no version of HTTP is left"
                }
                (false, false, _) => {
                    "http1(false) leaves no version of HTTP: dimorph was built without HTTP/2; switch on its feature `http2`"
                }
                _ => return Ok(()),
            },
        ))
    }

    /// Chooses what a request's connection may speak: `secure` for a URL of `https`, `forwarded` where a proxy is handed the request
    /// itself, instead of a tunnel being asked for.
    ///
    /// | | `https` | `http` | forwarded |
    /// |---|---|---|---|
    /// | as it comes | `Either` | `Http1` | `Http1` |
    /// | `http2(false)` | `Http1` | `Http1` | `Http1` |
    /// | `http1(false)`, prior knowledge | `Http2` | `Http2` | `Http1` |
    /// | the request needs HTTP/1.1 | `Http1` | `Http1` | `Http1` |
    /// | the request asks for HTTP/2 | `Http2` | `Http2` | an error |
    ///
    /// # Errors
    /// Of kind `LocalProtocolError` where the request needs what is switched off.
    pub(crate) fn protocol_for(
        &self,
        secure: bool,
        forwarded: bool,
        asked: Asked,
    ) -> Result<Protocol> {
        let http1 = self.http1 && !self.prior_knowledge;
        match asked {
            Asked::Http2 if forwarded => Err(local(
                "the request asks for HTTP/2, and the proxy that is to forward it is spoken to in HTTP/1.1".into(),
            )),
            Asked::Http2 if !self.http2 => Err(local(format!(
                "the request asks for HTTP/2, {}",
                match HAS_HTTP2 {
                    true => "which http2(false) has switched off",
                    false => "and dimorph was built without it: switch on its feature `http2`",
                }
            ))),
            Asked::Http2 => Ok(Protocol::Http2),
            // A forwarding proxy is spoken to in HTTP/1.1, whatever its servers speak; so does HTTPX.
            Asked::Http1(_) | Asked::Anything if forwarded => Ok(Protocol::Http1),
            Asked::Http1(what) if !http1 => Err(local(format!(
                "{what} needs HTTP/1.1, which {} has switched off",
                match self.http1 {
                    true => "http2_prior_knowledge()",
                    false => "http1(false)",
                }
            ))),
            Asked::Http1(_) => Ok(Protocol::Http1),
            Asked::Anything => Ok(match (http1, self.http2) {
                (false, _) => Protocol::Http2,
                (true, true) if secure => Protocol::Either,
                // Without TLS there is no ALPN to ask with (RFC 9113 section 3.3).
                (true, _) => Protocol::Http1,
            }),
        }
    }
}

/// What a request itself says about the version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Anything,
    /// HTTP/1.1, and what of the request needs it.
    Http1(&'static str),
    Http2,
}

impl Asked {
    /// Looks at a request's parts. HTTP/1.1 is every request's version until another is set, and stands for whatever fits.
    ///
    /// # Errors
    /// Of kind `LocalProtocolError` for a version that is not spoken, and for HTTP/2 where the rest of the request needs HTTP/1.1.
    pub(crate) fn by(method: &Method, version: Version, headers: &RequestHeaders) -> Result<Asked> {
        let needs_http1 = if *method == Method::CONNECT {
            // The whole connection becomes the tunnel.
            Some("CONNECT")
        } else if mentions_upgrade(headers) {
            // RFC 9113 section 8.6: HTTP/2 has no such mechanism.
            Some("an upgrade")
        } else {
            None
        };
        match (version, needs_http1) {
            (Version::HTTP_11, None) => Ok(Asked::Anything),
            (Version::HTTP_11, Some(what)) => Ok(Asked::Http1(what)),
            (Version::HTTP_10, _) => Ok(Asked::Http1("a request of HTTP/1.0")),
            (Version::HTTP_2, None) => Ok(Asked::Http2),
            (Version::HTTP_2, Some(what)) => Err(local(format!(
                "{what} needs HTTP/1.1, and the request asks for HTTP/2"
            ))),
            (other, _) => Err(local(format!("{other:?} cannot be spoken"))),
        }
    }
}

/// Tells whether `upgrade`, or `connection: upgrade`, is among the headers (RFC 9110 section 7.8).
fn mentions_upgrade(headers: &RequestHeaders) -> bool {
    headers.own_contains(&UPGRADE)
        || (headers.contains(&CONNECTION)
            && headers
                .map()
                .get_all(CONNECTION)
                .iter()
                .any(|value| has_token(value.as_bytes(), b"upgrade")))
}

fn local(message: String) -> Error {
    Error::new(ErrorKind::LocalProtocolError, message).in_phase(Phase::Build)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::headers::DefaultHeaders;

    fn config(http1: bool, http2: bool, prior_knowledge: bool) -> ClientConfig {
        ClientConfig {
            http1,
            http2,
            prior_knowledge,
            ..ClientConfig::plain()
        }
    }

    #[test]
    fn the_protocol_follows_from_client_request_and_way() {
        use Asked::{Anything, Http1, Http2};
        const UPGRADE: Asked = Http1("an upgrade");
        const ONE: Option<Protocol> = Some(Protocol::Http1);
        const TWO: Option<Protocol> = Some(Protocol::Http2);
        const ANY: Option<Protocol> = Some(Protocol::Either);
        let both = config(true, true, false);
        let only1 = config(true, false, false);
        let only2 = config(false, true, false);
        let known = config(true, true, true);
        // https, http, forwarded http, forwarded https.
        let table = [
            (&both, Anything, [ANY, ONE, ONE, ONE]),
            (&both, UPGRADE, [ONE, ONE, ONE, ONE]),
            (&both, Http2, [TWO, TWO, None, None]),
            (&only1, Anything, [ONE, ONE, ONE, ONE]),
            (&only1, UPGRADE, [ONE, ONE, ONE, ONE]),
            (&only1, Http2, [None, None, None, None]),
            (&only2, Anything, [TWO, TWO, ONE, ONE]),
            (&only2, UPGRADE, [None, None, ONE, ONE]),
            (&only2, Http2, [TWO, TWO, None, None]),
            (&known, Anything, [TWO, TWO, ONE, ONE]),
            (&known, UPGRADE, [None, None, ONE, ONE]),
            (&known, Http2, [TWO, TWO, None, None]),
        ];
        for (config, asked, expected) in table {
            let ways = [(true, false), (false, false), (false, true), (true, true)];
            for ((secure, forwarded), expected) in ways.into_iter().zip(expected) {
                let found = config.protocol_for(secure, forwarded, asked);
                let what = format!("{asked:?}, secure: {secure}, forwarded: {forwarded}");
                match found {
                    Ok(found) => assert_eq!(Some(found), expected, "{what}"),
                    Err(error) => {
                        assert_eq!(expected, None, "{what}: {error}");
                        assert_eq!(error.kind(), ErrorKind::LocalProtocolError, "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_error_names_what_switched_the_version_off() {
        let upgrade = Asked::Http1("an upgrade");
        let off = match HAS_HTTP2 {
            true => "which http2(false) has switched off",
            false => "feature `http2`",
        };
        let table = [
            (
                config(false, true, false),
                upgrade,
                "an upgrade needs HTTP/1.1, which http1(false)",
            ),
            (
                config(true, true, true),
                upgrade,
                "which http2_prior_knowledge() has",
            ),
            (config(true, false, false), Asked::Http2, off),
        ];
        for (config, asked, expected) in table {
            let error = config.protocol_for(true, false, asked).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
    }

    #[test]
    fn versions_that_exclude_each_other_are_named() {
        let none_left = match HAS_HTTP2 {
            true => "http1(false) and http2(false) exclude",
            false => "http1(false) leaves no version of HTTP",
        };
        let excluded = "http2_prior_knowledge() and http2(false) exclude";
        let table = [
            (config(true, true, false), None),
            (config(true, false, false), None),
            (config(false, true, false), None),
            (config(true, true, true), None),
            (config(false, true, true), None),
            (config(false, false, false), Some(none_left)),
            (config(true, false, true), Some(excluded)),
            (config(false, false, true), Some(excluded)),
        ];
        for (config, expected) in table {
            let error = config.check_versions().err();
            let message = error.as_ref().map(|error| error.message());
            match expected {
                None => assert_eq!(message, None),
                Some(start) => assert!(message.unwrap().starts_with(start), "{message:?}"),
            }
        }
    }

    #[test]
    fn what_needs_http1_is_found_in_the_request() {
        type Fields = &'static [(&'static str, &'static str)];
        const CONNECT: Option<Asked> = Some(Asked::Http1("CONNECT"));
        const UPGRADE: Option<Asked> = Some(Asked::Http1("an upgrade"));
        const OLD: Option<Asked> = Some(Asked::Http1("a request of HTTP/1.0"));
        let (v09, v10, v11) = (Version::HTTP_09, Version::HTTP_10, Version::HTTP_11);
        let (v2, v3) = (Version::HTTP_2, Version::HTTP_3);
        let upgrade: Fields = &[("connection", "Upgrade"), ("upgrade", "websocket")];
        let close: Fields = &[("connection", "close, te"), ("te", "trailers")];
        let table: [(Method, Version, Fields, Option<Asked>); 16] = [
            (Method::GET, v11, &[], Some(Asked::Anything)),
            (Method::POST, v11, close, Some(Asked::Anything)),
            (
                Method::GET,
                v11,
                &[("upgrade-insecure-requests", "1")],
                Some(Asked::Anything),
            ),
            (Method::GET, v11, upgrade, UPGRADE),
            (Method::GET, v11, &[("upgrade", "websocket")], UPGRADE),
            (
                Method::GET,
                v11,
                &[("connection", "close,\tUPGRADE")],
                UPGRADE,
            ),
            (
                Method::GET,
                v11,
                &[("connection", "close"), ("connection", "upgrade")],
                UPGRADE,
            ),
            (Method::CONNECT, v11, &[], CONNECT),
            (Method::CONNECT, v10, &[], OLD),
            (Method::GET, v10, &[], OLD),
            (Method::GET, v2, &[], Some(Asked::Http2)),
            (Method::GET, v2, close, Some(Asked::Http2)),
            (Method::GET, v2, upgrade, None),
            (Method::CONNECT, v2, &[], None),
            (Method::GET, v3, &[], None),
            (Method::GET, v09, &[], None),
        ];
        for (method, version, fields, expected) in table {
            // The request's own, and a client's.
            let mut own = RequestHeaders::default();
            let mut map = HeaderMap::new();
            for (name, value) in fields {
                own.own_mut().append(*name, HeaderValue::from_static(value));
                map.append(*name, HeaderValue::from_static(value));
            }
            let client =
                RequestHeaders::with_defaults(Arc::new(DefaultHeaders::new(&map, &[], None)));
            let alone = fields.iter().all(|(name, _)| *name == "upgrade");
            for headers in [Some(own), Some(client).filter(|_| !alone)]
                .into_iter()
                .flatten()
            {
                let found = Asked::by(&method, version, &headers);
                if let Err(error) = &found {
                    assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
                }
                assert_eq!(found.ok(), expected, "{method} {version:?} {fields:?}");
            }
        }
    }
}
