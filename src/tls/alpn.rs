//! Which protocols are offered to a server (ALPN, RFC 7301), and what its choice means.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;

use crate::pool_state::Protocol;

const H2: &[u8] = b"h2";
const HTTP_11: &[u8] = b"http/1.1";
/// What HTTP is called over TCP (RFC 9113 section 3.1, RFC 7301 section 6).
const HTTP: [&[u8]; 3] = [H2, HTTP_11, b"http/1.0"];

/// One configuration for each offer, made at first need. Sessions are kept for all of them together.
#[derive(Default)]
pub(super) struct Offers([OnceLock<Arc<ClientConfig>>; 3]);

impl Offers {
    /// Returns the configuration that offers what is wanted, and is `base` for the rest.
    pub(super) fn of(&self, base: &Arc<ClientConfig>, wanted: Protocol) -> Arc<ClientConfig> {
        let made = self.place(wanted).get_or_init(|| offering(base, wanted));
        Arc::clone(made)
    }

    /// The same, where it was made before.
    pub(super) fn ready(&self, wanted: Protocol) -> Option<Arc<ClientConfig>> {
        self.place(wanted).get().map(Arc::clone)
    }

    fn place(&self, wanted: Protocol) -> &OnceLock<Arc<ClientConfig>> {
        let [http1, http2, either] = &self.0;
        match wanted {
            Protocol::Http1 => http1,
            Protocol::Http2 => http2,
            Protocol::Either => either,
        }
    }
}

fn offering(base: &Arc<ClientConfig>, wanted: Protocol) -> Arc<ClientConfig> {
    let offered = offered(&base.alpn_protocols, wanted);
    if offered == base.alpn_protocols {
        return Arc::clone(base);
    }
    let mut config = ClientConfig::clone(base);
    config.alpn_protocols = offered;
    Arc::new(config)
}

/// What is offered: the names that a configuration of the user's own has, without the kinds of HTTP that are not wanted,
/// or what is wanted where it has none.
fn offered(own: &[Vec<u8>], wanted: Protocol) -> Vec<Vec<u8>> {
    let ours: &[&[u8]] = match wanted {
        Protocol::Http1 => &[HTTP_11],
        Protocol::Http2 => &[H2],
        // In the order of preference.
        Protocol::Either => &[H2, HTTP_11],
    };
    let fits = |name: &&Vec<u8>| !HTTP.contains(&&name[..]) || ours.contains(&&name[..]);
    let kept: Vec<Vec<u8>> = own.iter().filter(fits).cloned().collect();
    match kept.is_empty() {
        true => ours.iter().map(|name| name.to_vec()).collect(),
        false => kept,
    }
}

/// Tells whether a session speaks HTTP/2, by what the server chose of the offer.
///
/// # Errors
/// Why the session is of no use.
pub(crate) fn is_h2(chosen: Option<&[u8]>, wanted: Protocol) -> Result<bool, String> {
    match (chosen, wanted) {
        (None, Protocol::Http2) => {
            Err("the server does not speak HTTP/2: it chose no protocol (ALPN)".into())
        }
        // Such a server knows no ALPN.
        (None, Protocol::Http1 | Protocol::Either) => Ok(false),
        (Some(H2), Protocol::Http2 | Protocol::Either) => Ok(true),
        (Some(HTTP_11), Protocol::Http1 | Protocol::Either) => Ok(false),
        // A configuration of the user's own may check no choice, or have offered something else.
        (Some(H2), Protocol::Http1) => {
            Err("the server chose HTTP/2 (ALPN), which was not offered".into())
        }
        (Some(HTTP_11), Protocol::Http2) => Err(
            "the server does not speak HTTP/2: it chose HTTP/1.1 (ALPN), which was not offered"
                .into(),
        ),
        (Some(other), _) => Err(format!(
            "the server chose the protocol `{}` (ALPN), which is not spoken here",
            other.escape_ascii()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Either, Http1, Http2};

    #[test]
    fn a_configurations_own_names_are_kept_but_for_kinds_of_http_that_are_not_wanted() {
        let table: [(&[&str], Protocol, &[&str]); 15] = [
            (&[], Http1, &["http/1.1"]),
            (&[], Http2, &["h2"]),
            (&[], Either, &["h2", "http/1.1"]),
            (&["h2", "http/1.1"], Http1, &["http/1.1"]),
            (&["h2", "http/1.1"], Http2, &["h2"]),
            (&["h2", "http/1.1"], Either, &["h2", "http/1.1"]),
            (&["http/1.1", "h2"], Either, &["http/1.1", "h2"]),
            (&["http/1.1"], Either, &["http/1.1"]),
            (&["http/1.1"], Http2, &["h2"]),
            (&["h2"], Either, &["h2"]),
            (&["h2"], Http1, &["http/1.1"]),
            (&["http/1.0", "http/1.1"], Http1, &["http/1.1"]),
            (&["mine"], Http1, &["mine"]),
            (&["mine", "h2"], Http1, &["mine"]),
            (&["h2", "mine", "http/1.1"], Http2, &["h2", "mine"]),
        ];
        for (own, wanted, expected) in table {
            let own: Vec<Vec<u8>> = own.iter().map(|name| name.as_bytes().to_vec()).collect();
            let expected: Vec<&[u8]> = expected.iter().map(|name| name.as_bytes()).collect();
            assert_eq!(offered(&own, wanted), expected, "{own:?} {wanted:?}");
        }
    }

    #[test]
    fn a_choice_is_good_where_it_was_wanted() {
        let table: [(Option<&str>, Protocol, Result<bool, &str>); 15] = [
            (None, Http1, Ok(false)),
            (None, Either, Ok(false)),
            (None, Http2, Err("does not speak HTTP/2")),
            (Some("http/1.1"), Http1, Ok(false)),
            (Some("http/1.1"), Either, Ok(false)),
            (Some("http/1.1"), Http2, Err("does not speak HTTP/2")),
            (Some("h2"), Http2, Ok(true)),
            (Some("h2"), Either, Ok(true)),
            (
                Some("h2"),
                Http1,
                Err("HTTP/2 (ALPN), which was not offered"),
            ),
            (Some("http/1.0"), Http1, Err("`http/1.0`")),
            (Some("H2"), Either, Err("`H2`")),
            (Some("h2c"), Either, Err("`h2c`")),
            (Some("h3"), Http2, Err("`h3`")),
            (Some(""), Either, Err("``")),
            (Some("a\r\nb"), Http1, Err("`a\\r\\nb`")),
        ];
        for (chosen, wanted, expected) in table {
            let found = is_h2(chosen.map(str::as_bytes), wanted);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(*found, expected, "{chosen:?} {wanted:?}"),
                (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
                _ => panic!("{chosen:?} {wanted:?}: {found:?}"),
            }
        }
    }
}
