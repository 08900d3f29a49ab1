//! Challenges: which of those in `www-authenticate` is answered, and what it says (RFC 7616 section 3.3).

use std::borrow::Cow;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::algorithm::Algorithm;
use super::grammar::{Piece, pieces, unquoted};
use crate::error::{Error, ErrorKind, Phase, Result};

/// A Digest challenge that can be answered. Values are bytes, without quotes and escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: Box<[u8]>,
    pub(super) nonce: Box<[u8]>,
    pub(super) opaque: Option<Box<[u8]>>,
    pub(super) algorithm: Algorithm,
    /// As the server wrote it, and is told again.
    pub(super) algorithm_name: Box<str>,
    /// `None`: the server speaks RFC 2069.
    pub(super) qop: Option<Qop>,
    pub(super) stale: bool,
    pub(super) userhash: bool,
    /// `charset=UTF-8`: the server understands `username*`.
    pub(super) utf8: bool,
}

/// What is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qop {
    Auth,
    /// The body as well.
    AuthInt,
}

impl Challenge {
    /// Picks the strongest challenge that can be answered, of equal ones the first. `None`: there is no Digest
    /// challenge, or none of a known algorithm.
    ///
    /// # Errors
    /// `RemoteProtocolError` where every Digest challenge of a known algorithm is malformed or offers no known `qop`.
    pub(super) fn strongest(headers: &HeaderMap) -> Result<Option<Challenge>> {
        let fields = headers.get_all(WWW_AUTHENTICATE).iter();
        strongest_of(fields.map(http::HeaderValue::as_bytes)).map_err(|why| {
            Error::new(
                ErrorKind::RemoteProtocolError,
                format!("malformed Digest challenge: {why}"),
            )
            .in_phase(Phase::Auth)
        })
    }
}

/// Why a challenge is passed over.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    Malformed(&'static str),
    /// Passed over in silence (RFC 7616 section 3.3).
    UnknownAlgorithm,
}

fn strongest_of<'a>(
    fields: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<Challenge>, &'static str> {
    let mut best: Option<Challenge> = None;
    let mut fault = None;
    for field in fields {
        each_digest(field, &mut |parameters| match parameters.finish() {
            Ok(found) => {
                let better = |best: &Challenge| found.algorithm.hash > best.algorithm.hash;
                if best.as_ref().is_none_or(better) {
                    best = Some(found);
                }
            }
            Err(Unusable::Malformed(why)) => {
                fault.get_or_insert(why);
            }
            Err(Unusable::UnknownAlgorithm) => {}
        });
    }
    match (best, fault) {
        (None, Some(why)) => Err(why),
        (best, _) => Ok(best),
    }
}

/// Goes over a field once and gives out the parameters of each Digest challenge in it.
fn each_digest<'a>(field: &'a [u8], found: &mut impl FnMut(Parameters<'a>)) {
    // The challenge being read, where it is a Digest.
    let mut current: Option<Parameters<'a>> = None;
    for piece in pieces(field) {
        match (Piece::of(piece), &mut current) {
            (Piece::Scheme(scheme, first), _) => {
                if let Some(parameters) = current.take() {
                    found(parameters);
                }
                if scheme.eq_ignore_ascii_case(b"digest") {
                    let mut parameters = Parameters::default();
                    parameters.take(Piece::of(first));
                    current = Some(parameters);
                }
            }
            (parameter, Some(parameters)) => parameters.take(parameter),
            (_, None) => {}
        }
    }
    if let Some(parameters) = current {
        found(parameters);
    }
}

/// The parameters of one Digest challenge as they are met. Unknown ones are ignored (RFC 7616 section 3.3).
#[derive(Default)]
struct Parameters<'a> {
    values: [Option<Cow<'a, [u8]>>; KNOWN.len()],
    fault: Option<&'static str>,
}

impl<'a> Parameters<'a> {
    fn take(&mut self, piece: Piece<'a>) {
        match piece {
            Piece::Nothing => {}
            Piece::Parameter(name, value) => match unquoted(value) {
                Ok(value) => self.add(name, value),
                Err(why) => self.fault(why),
            },
            Piece::Scheme(..) | Piece::Other => {
                self.fault("a parameter is not a name, `=` and a value");
            }
        }
    }

    fn add(&mut self, name: &[u8], value: Cow<'a, [u8]>) {
        let known = KNOWN
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        let Some(place) = known else { return };
        // RFC 9110 section 11.2: each name once per challenge.
        if self.values[place].replace(value).is_some() {
            self.fault("a parameter is there twice");
        }
    }

    /// Notes what is wrong; the first fault is told.
    fn fault(&mut self, why: &'static str) {
        self.fault.get_or_insert(why);
    }

    fn finish(self) -> Result<Challenge, Unusable> {
        if let Some(why) = self.fault {
            return Err(Unusable::Malformed(why));
        }
        let [
            realm,
            nonce,
            opaque,
            algorithm,
            qop,
            stale,
            userhash,
            charset,
        ] = self.values;
        let is = |value: Option<Cow<'_, [u8]>>, wanted: &str| {
            value.is_some_and(|value| value.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        let realm = realm.ok_or(Unusable::Malformed("no realm"))?;
        let nonce = nonce.ok_or(Unusable::Malformed("no nonce"))?;
        let (algorithm, algorithm_name) = match &algorithm {
            None => (Algorithm::DEFAULT, "MD5".into()),
            Some(name) => (
                Algorithm::parse(name).ok_or(Unusable::UnknownAlgorithm)?,
                String::from_utf8_lossy(name).into(),
            ),
        };
        let qop = match qop {
            None => None,
            Some(offer) => {
                Some(choose_qop(&offer).ok_or(Unusable::Malformed("it offers no known qop"))?)
            }
        };
        Ok(Challenge {
            realm: realm.into(),
            nonce: nonce.into(),
            opaque: opaque.map(Into::into),
            algorithm,
            algorithm_name,
            qop,
            stale: is(stale, "true"),
            userhash: is(userhash, "true"),
            utf8: is(charset, "UTF-8"),
        })
    }
}

/// `auth` before `auth-int`, in a list whose commas may have spaces about them.
fn choose_qop(offer: &[u8]) -> Option<Qop> {
    let offers = |wanted: &[u8]| {
        offer
            .split(|b| matches!(b, b',' | b' '))
            .any(|qop| qop.eq_ignore_ascii_case(wanted))
    };
    if offers(b"auth") {
        Some(Qop::Auth)
    } else if offers(b"auth-int") {
        Some(Qop::AuthInt)
    } else {
        None
    }
}

/// The parameters that are read, in the order that `Parameters::finish` takes them apart.
const KNOWN: [&str; 8] = [
    "realm",
    "nonce",
    "opaque",
    "algorithm",
    "qop",
    "stale",
    "userhash",
    "charset",
];

#[cfg(test)]
mod tests {
    use super::super::algorithm::Hash;
    use super::*;

    fn read(fields: &[&str]) -> Result<Option<Challenge>, &'static str> {
        strongest_of(fields.iter().map(|field| field.as_bytes()))
    }

    fn one(field: &str) -> Challenge {
        read(&[field]).unwrap().unwrap()
    }

    #[test]
    fn a_challenge_is_found_among_others() {
        // Fields; the nonce of the challenge that is answered.
        let cases: [(&[&str], Option<&str>); 23] = [
            (&[], None),
            (&[""], None),
            (&[" , ,"], None),
            (&["Token ..."], None),
            (&["Basic realm=\"x\""], None),
            (&["Basic realm=\"Digest realm=r, nonce=n\""], None),
            (&["Digestive realm=r, nonce=n"], None),
            (&["realm=r, nonce=n"], None),
            (&["Digest realm=r, nonce=n"], Some("n")),
            (&["DIGEST realm=\"r\",nonce=\"n\""], Some("n")),
            (&["Digest\trealm = \"r\" ,, nonce =\"n\" ,"], Some("n")),
            (&["Digest ,realm=r,nonce=n"], Some("n")),
            (&["Digest nonce=n, realm=r"], Some("n")),
            (&["Basic realm=x", "Digest realm=r, nonce=n"], Some("n")),
            (
                &["Basic realm=\"x, y\", Digest realm=r, nonce=n"],
                Some("n"),
            ),
            (
                &["Digest realm=r, nonce=n, Basic realm=\"x\", nonce=m"],
                Some("n"),
            ),
            (&["Negotiate, NTLM, Digest realm=r, nonce=n"], Some("n")),
            (
                &["Negotiate YII+/a==, Digest realm=r, nonce=n, Bearer"],
                Some("n"),
            ),
            (&["Basic realm=\"x", "Digest realm=r, nonce=n"], Some("n")),
            (
                &["Basic a@b=c, \"d\" e, Digest realm=r, nonce=n"],
                Some("n"),
            ),
            (&["Digest realm=r, Digest realm=r, nonce=n"], Some("n")),
            (&["Digest realm=r, nonce=n, Digest"], Some("n")),
            (
                &["Digest realm=\"r\\\", nonce=m\", nonce=\"n\\\\\""],
                Some("n\\"),
            ),
        ];
        for (fields, nonce) in cases {
            let found = read(fields).unwrap();
            let found = found.as_ref().map(|c| String::from_utf8_lossy(&c.nonce));
            assert_eq!(found.as_deref(), nonce, "{fields:?}");
        }
    }

    #[test]
    fn the_strongest_known_algorithm_wins() {
        let with = |algorithm: &str, nonce: &str| {
            format!("Digest realm=r, nonce={nonce}, algorithm={algorithm}")
        };
        // Algorithms offered, each with its place as nonce; the place taken.
        let cases: [(&[&str], Option<&str>); 9] = [
            (
                &["MD5", "SHA", "SHA-256", "SHA-512-256", "SHA-512"],
                Some("4"),
            ),
            (
                &["SHA-512", "SHA-512-256", "SHA-256", "SHA", "MD5"],
                Some("0"),
            ),
            (&["MD5", "SHA-512-256", "SHA-256"], Some("1")),
            (&["SHA-256", "sha-256-sess"], Some("0")),
            (&["MD5-sess", "MD5"], Some("0")),
            (&["SHA-3", "MD5"], Some("1")),
            (&["MD5", "\"SHA\""], Some("1")),
            (&["SHA-3"], None),
            (&["\"\""], None),
        ];
        for (algorithms, expected) in cases {
            let fields: Vec<String> = algorithms
                .iter()
                .enumerate()
                .map(|(i, algorithm)| with(algorithm, &i.to_string()))
                .collect();
            for fields in [fields.clone(), vec![fields.join(", ")]] {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                let found = read(&fields).unwrap();
                let found = found.as_ref().map(|c| String::from_utf8_lossy(&c.nonce));
                assert_eq!(found.as_deref(), expected, "{fields:?}");
            }
        }
    }

    #[test]
    fn parameters_are_read_as_written() {
        let plain = one("Digest realm=\"\", nonce=\"\"");
        assert_eq!((&*plain.realm, &*plain.nonce), (&b""[..], &b""[..]));
        assert_eq!((plain.opaque, plain.qop), (None, None));
        assert_eq!(plain.algorithm, Algorithm::DEFAULT);
        assert_eq!(&*plain.algorithm_name, "MD5");
        assert!(!plain.stale && !plain.userhash && !plain.utf8);

        let full = one(
            "Digest REALM=\"a \\\"b\\\" \\\\ , é\", Nonce=\"n=,=\", opaque=me@x/+==, algorithm=\"sha-512-256-SESS\", \
             qop=\" auth-int , x,auth\", stale=TRUE, userhash=\"True\", charset=utf-8, domain=\"/a /b\", x=1, x=2",
        );
        assert_eq!(&*full.realm, "a \"b\" \\ , é".as_bytes());
        assert_eq!(&*full.nonce, b"n=,=");
        assert_eq!(full.opaque.as_deref(), Some(&b"me@x/+=="[..]));
        assert_eq!(
            (full.algorithm.hash, full.algorithm.session),
            (Hash::Sha512_256, true)
        );
        assert_eq!(&*full.algorithm_name, "sha-512-256-SESS");
        assert_eq!(full.qop, Some(Qop::Auth));
        assert!(full.stale && full.userhash && full.utf8);
    }

    #[test]
    fn auth_is_preferred_to_auth_int() {
        let cases = [
            ("auth", Some(Qop::Auth)),
            ("AUTH", Some(Qop::Auth)),
            ("auth,auth-int", Some(Qop::Auth)),
            ("auth-int, auth", Some(Qop::Auth)),
            ("auth-int", Some(Qop::AuthInt)),
            ("auth-conf, auth-int ", Some(Qop::AuthInt)),
            ("not-auth", None),
            ("", None),
            (",,", None),
        ];
        for (offer, expected) in cases {
            assert_eq!(choose_qop(offer.as_bytes()), expected, "{offer}");
        }
    }

    #[test]
    fn aut_03_what_is_malformed_is_named() {
        let cases = [
            ("Digest", "no realm"),
            ("Digest realm=r", "no nonce"),
            ("Digest nonce=n", "no realm"),
            ("Digest realm=r, qop=\"auth\"", "no nonce"),
            ("Digest realm=r, qop=\"auth,au", "a quoted value has no end"),
            ("Digest realm=\"r, nonce=n", "a quoted value has no end"),
            ("Digest realm=\"r\\\", nonce=n", "a quoted value has no end"),
            ("Digest realm=\"r\\", "a quoted value has no end"),
            ("Digest realm=\"", "a quoted value has no end"),
            (
                "Digest realm=\"r\" nonce=\"n\"",
                "something follows a quoted value",
            ),
            (
                "Digest realm=\"r\"\", nonce=n",
                "something follows a quoted value",
            ),
            (
                "Digest realm=r\"s\", nonce=n",
                "a value has a space or a quote in it and no quotes around it",
            ),
            (
                "Digest realm=r s, nonce=n",
                "a value has a space or a quote in it and no quotes around it",
            ),
            (
                "Digest realm=r, realm=r, nonce=n",
                "a parameter is there twice",
            ),
            (
                "Digest realm=r, nonce=n, NONCE=m",
                "a parameter is there twice",
            ),
            (
                "Digest realm=r, nonce=n, =x",
                "a parameter is not a name, `=` and a value",
            ),
            (
                "Digest realm=r, nonce=n, \"x\"",
                "a parameter is not a name, `=` and a value",
            ),
            (
                "Digest realm=r, nonce=n, a@b=x",
                "a parameter is not a name, `=` and a value",
            ),
            ("Digest abc==", "no realm"),
            (
                "Digest a b=c, realm=r, nonce=n",
                "a parameter is not a name, `=` and a value",
            ),
            (
                "Digest \"x\", realm=r, nonce=n",
                "a parameter is not a name, `=` and a value",
            ),
            (
                "Digest realm=\"a\tb\", nonce=n",
                "a value has a control character",
            ),
            (
                "Digest realm=\"a\r\nX: y\", nonce=n",
                "a value has a control character",
            ),
            (
                "Digest realm=r, nonce=\"\\\n\"",
                "a value has a control character",
            ),
            (
                "Digest realm=r, nonce=\0",
                "a value has a control character",
            ),
            (
                "Digest realm=r, nonce=n, x=\"\x7f\"",
                "a value has a control character",
            ),
            (
                "Digest realm=r, nonce=n, qop=\"not-auth\"",
                "it offers no known qop",
            ),
            (
                "Digest realm=r, nonce=n, qop=\"\"",
                "it offers no known qop",
            ),
            (
                "Digest realm=r, nonce=n\r",
                "a value has a control character",
            ),
        ];
        for (field, expected) in cases {
            assert_eq!(read(&[field]), Err(expected), "{field:?}");
            // A good one beside it is answered.
            assert!(read(&[field, "Digest realm=r, nonce=n"]).unwrap().is_some());
        }
        let error = Challenge::strongest(&HeaderMap::from_iter([(
            WWW_AUTHENTICATE,
            http::HeaderValue::from_static("Digest realm=r"),
        )]))
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteProtocolError);
        let text = error.to_string();
        assert!(
            text.contains("malformed Digest challenge: no nonce"),
            "{text}"
        );
    }

    #[test]
    fn res_13_a_mebibyte_of_anything_ends() {
        const SIZE: usize = 1 << 20;
        let parts = [
            ",",
            "\"",
            "\\",
            "=",
            " ",
            "a",
            "a=b,",
            "Digest,",
            "Digest ",
            "Digest realm=r,",
            "realm=r,",
            "Digest realm=\"",
            "\\\"",
            "\",\"",
            "Digest realm=r,nonce=n,",
            "x=\"y\",",
            "qop=\"auth,",
            "é",
            "\0",
        ];
        for part in parts {
            for start in ["Digest ", "Digest realm=r, nonce=n, qop=\""] {
                let mut field = start.as_bytes().to_vec();
                field.extend(part.as_bytes().iter().cycle().take(SIZE));
                let _ = strongest_of([&field[..]].into_iter());
            }
        }
        let long = format!("Digest realm=r, nonce=\"{}\"", "n".repeat(SIZE));
        assert_eq!(read(&[&long]), Err("a value is too long"));
    }
}
