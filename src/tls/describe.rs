//! Why a handshake failed, in few words.

use std::{fmt, io};

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

/// What ended a handshake or a session, in our words.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Error);

impl Fault {
    /// What a failed read or write was about, where it was about TLS.
    pub(crate) fn within(error: &io::Error) -> Option<&Error> {
        let fault = error.get_ref()?.downcast_ref::<Fault>()?;
        Some(&fault.0)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(&self.0))
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Says why a TLS handshake or session failed. Holds nothing secret.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(fault) => certificate(fault),
        Error::AlertReceived(alert) => received(*alert),
        // The first byte of a record is one of five; text begins with none of them.
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer answered in plain text: this is not a TLS port".into()
        }
        Error::InvalidMessage(fault) => {
            format!("the peer sent a malformed TLS message ({fault:?})")
        }
        Error::PeerIncompatible(fault) => match fault {
            PeerIncompatible::ServerDoesNotSupportTls12Or13 => {
                "the server supports neither TLS 1.2 nor TLS 1.3".into()
            }
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
                "the server chose a TLS version that min_tls_version or max_tls_version excludes"
                    .into()
            }
            fault => format!("no common ground with the server ({fault:?})"),
        },
        Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            "the server chose an application protocol (ALPN) that was not offered".into()
        }
        Error::PeerMisbehaved(fault) => format!("the peer broke the TLS protocol ({fault:?})"),
        Error::NoApplicationProtocol => "the peers share no application protocol (ALPN)".into(),
        Error::NoCertificatesPresented => "the server showed no certificate".into(),
        Error::InvalidCertRevocationList(fault) => {
            format!("a revocation list cannot be used ({fault:?})")
        }
        Error::DecryptError => "a TLS record could not be decrypted".into(),
        Error::PeerSentOversizedRecord => "the peer sent a TLS record that is too large".into(),
        other => other.to_string(),
    }
}

/// Tells whether a server shows an authority's certificate: webpki's name for the commonest home-made one, which rustls hands on
/// as text only.
pub(crate) fn is_authority(fault: &CertificateError) -> bool {
    matches!(fault, CertificateError::Other(_)) && fault.to_string().contains("CaUsedAsEndEntity")
}

fn certificate(fault: &CertificateError) -> String {
    use CertificateError as C;
    match fault {
        C::Expired => "certificate expired".into(),
        C::ExpiredContext { time, not_after } => {
            format!("certificate expired {} ago", span(*not_after, *time))
        }
        C::NotValidYet => "certificate not valid yet".into(),
        C::NotValidYetContext { time, not_before } => {
            format!(
                "certificate not valid yet: it will be in {}",
                span(*time, *not_before)
            )
        }
        C::UnknownIssuer => {
            "unknown issuer: the certificate leads to none of the trusted roots".into()
        }
        C::NotValidForName => "hostname mismatch: the certificate is for another host".into(),
        C::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            format!(
                "hostname mismatch: the certificate is not for {expected} but for {}",
                names(presented)
            )
        }
        C::Revoked => "certificate revoked".into(),
        C::UnknownRevocationStatus => {
            "unknown revocation status: no revocation list covers the certificate's issuer".into()
        }
        C::ExpiredRevocationList | C::ExpiredRevocationListContext { .. } => {
            "the revocation list has expired".into()
        }
        C::BadEncoding => "the certificate cannot be parsed".into(),
        C::BadSignature => "bad signature: the certificate was not signed by its issuer, or the \
                            server does not hold its key"
            .into(),
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
            "the certificate is not for use by a server".into()
        }
        C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate is signed with an algorithm that is not supported".into()
        }
        other => {
            if is_authority(other) {
                "the server shows a certificate authority's own certificate".into()
            } else {
                format!("invalid certificate ({other})")
            }
        }
    }
}

/// The names that a certificate holds, as far as they fit. Each is the peer's text: escaped, and cut.
fn names(presented: &[String]) -> String {
    const SHOWN: usize = 5;
    if presented.is_empty() {
        return "no name at all".into();
    }
    let mut list = presented
        .iter()
        .take(SHOWN)
        .map(|name| plain(name))
        .collect::<Vec<_>>()
        .join(", ");
    if presented.len() > SHOWN {
        list.push_str(&format!(" and {} more", presented.len() - SHOWN));
    }
    list
}

/// rustls writes names as `DnsName("a.test")` and `IpAddress(127.0.0.1)`: this keeps what is inside.
fn plain(name: &str) -> String {
    const LONGEST: usize = 100;
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(name)
        .trim_matches('"');
    inner
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

fn received(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let meaning = match alert {
        A::HandshakeFailure => "handshake failure: no cipher, version or certificate in common",
        A::ProtocolVersion => "protocol version: it wants another TLS version",
        A::UnrecognisedName => "unrecognised name: it does not serve this host",
        A::CertificateRequired => "certificate required: it wants a client certificate",
        A::BadCertificate => "bad certificate: it does not accept the client's",
        A::UnknownCA => "unknown CA: it does not know the issuer of the client's certificate",
        A::CertificateExpired => "certificate expired: the client's",
        A::CertificateRevoked => "certificate revoked: the client's",
        A::AccessDenied => "access denied",
        A::NoApplicationProtocol => "no application protocol: it speaks none that was offered",
        A::InternalError => "internal error",
        A::CloseNotify => return "the peer closed the TLS session".into(),
        other => return format!("the peer sent the TLS alert {other:?}"),
    };
    format!("the peer sent the TLS alert {meaning}")
}

/// The time between two instants in its largest unit.
fn span(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn each_common_failure_has_a_short_reason() {
        let expected_name = "a.test".try_into().unwrap();
        let table = [
            (
                CertificateError::ExpiredContext {
                    time: at(3 * 86_400 + 5),
                    not_after: at(0),
                }
                .into(),
                "certificate expired 3 days ago",
            ),
            (
                CertificateError::NotValidYetContext {
                    time: at(0),
                    not_before: at(3600),
                }
                .into(),
                "certificate not valid yet: it will be in 1 hour",
            ),
            (
                CertificateError::UnknownIssuer.into(),
                "unknown issuer: the certificate leads to none of the trusted roots",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: expected_name,
                    presented: vec!["DnsName(\"b\u{1b}.test\")".into(), "IpAddress(::1)".into()],
                }
                .into(),
                "hostname mismatch: the certificate is not for a.test but for b.test, ::1",
            ),
            (
                Error::AlertReceived(AlertDescription::CertificateRequired),
                "the peer sent the TLS alert certificate required: it wants a client certificate",
            ),
            (
                Error::AlertReceived(AlertDescription::DecodeError),
                "the peer sent the TLS alert DecodeError",
            ),
            (
                InvalidMessage::InvalidContentType.into(),
                "the peer answered in plain text: this is not a TLS port",
            ),
            (
                PeerIncompatible::ServerDoesNotSupportTls12Or13.into(),
                "the server supports neither TLS 1.2 nor TLS 1.3",
            ),
        ];
        for (error, expected) in table {
            assert_eq!(describe(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn a_certificate_with_thousands_of_names_is_described_in_a_line() {
        let error = Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected: "a.test".try_into().unwrap(),
            presented: vec![format!("DnsName(\"{}\")", "b".repeat(60_000)); 10_000],
        });
        let text = describe(&error);
        assert!(text.len() < 1000, "{}", text.len());
        assert!(text.ends_with(" and 9995 more"), "{text}");
    }
}
