//! Published vectors, and the answers recorded from HTTPX, byte for byte.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use url::{Position, Url};

use super::answer::{Credentials, Signed, Turn};
use super::challenge::Challenge;
use crate::error::{ErrorKind, Result};

fn strongest(fields: &[&str]) -> Result<Option<Challenge>> {
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(field).unwrap());
    }
    Challenge::strongest(&headers)
}

/// A request, its challenge and its client.
#[derive(Clone, Copy)]
struct Given<'a> {
    user: &'a str,
    password: &'a str,
    method: &'a str,
    uri: &'a str,
    content: Option<&'a [u8]>,
    challenge: &'a str,
    cnonce: &'a str,
    count: u32,
}

impl Given<'_> {
    fn answer(&self) -> Result<String> {
        let challenge = strongest(&[self.challenge])?.expect("a challenge that is understood");
        let turn = Turn {
            challenge: &challenge,
            count: self.count,
            cnonce: self.cnonce,
        };
        let credentials = Credentials {
            username: self.user.into(),
            password: self.password.into(),
        };
        let signed = Signed {
            method: self.method,
            uri: self.uri,
            content: self.content,
        };
        let value = turn.authorization(&credentials, signed)?;
        assert!(value.is_sensitive());
        Ok(String::from_utf8(value.as_bytes().to_vec()).unwrap())
    }
}

const RFC_7616: Given<'static> = Given {
    user: "Mufasa",
    password: "Circle of Life",
    method: "GET",
    uri: "/dir/index.html",
    content: Some(b""),
    challenge: "",
    cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    count: 1,
};

#[test]
fn aut_01_rfc_7616_section_3_9_1() {
    let md5 = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
               nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    let sha = md5.replace("MD5", "SHA-256");
    let responses = [
        ("MD5", md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            sha.as_str(),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ];
    for (algorithm, challenge, response) in responses {
        let answer = Given {
            challenge,
            ..RFC_7616
        }
        .answer()
        .unwrap();
        let expected = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", response=\"{response}\", \
             algorithm={algorithm}, opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", qop=auth, nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\""
        );
        assert_eq!(answer, expected);
    }
}

/// With the values of erratum 4897: those in the RFC are not of SHA-512/256.
#[test]
fn aut_01_rfc_7616_section_3_9_2() {
    let challenge = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
                     nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
                     opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true";
    let given = Given {
        user: "J\u{e4}s\u{f8}n Doe",
        password: "Secret, or not?",
        uri: "/doe.json",
        challenge,
        cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        ..RFC_7616
    };
    let rest = "realm=\"api@example.org\", nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", uri=\"/doe.json\", \
                response=\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\", algorithm=SHA-512-256, \
                opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", qop=auth, nc=00000001, \
                cnonce=\"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v\"";
    let hashed = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b";
    let no_hash = challenge.replace(", userhash=true", "");
    let no_charset = no_hash.replace(", charset=UTF-8", "");
    let cases = [
        (
            challenge,
            format!("Digest username=\"{hashed}\", {rest}, userhash=true"),
        ),
        (
            &no_hash,
            format!("Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, {rest}"),
        ),
        (
            &no_charset,
            format!("Digest username=\"J\u{e4}s\u{f8}n Doe\", {rest}"),
        ),
    ];
    for (challenge, expected) in cases {
        let answer = Given { challenge, ..given }.answer().unwrap();
        assert_eq!(answer, expected);
    }
}

#[test]
fn older_rfcs_and_variants() {
    let rfc_2617 = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                    nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let rfc_2069 = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
                    opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let int = rfc_2617.replace("auth,auth-int", "auth-int");
    let given = Given {
        password: "Circle Of Life",
        cnonce: "0a4f113b",
        content: Some(b"a=b"),
        ..RFC_7616
    };
    let cases = [
        // RFC 2617 section 3.5
        (
            Given {
                challenge: rfc_2617,
                ..given
            },
            "response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5, opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", \
             qop=auth, nc=00000001, cnonce=\"0a4f113b\"",
        ),
        // RFC 2069 section 2.4, as its errata correct the response
        (
            Given {
                challenge: rfc_2069,
                password: "CircleOfLife",
                ..given
            },
            "response=\"1949323746fe6a43ef61f9606e7febea\", algorithm=MD5, opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        ),
        // The rest: of Python's hashlib.
        (
            Given {
                challenge: &int,
                method: "POST",
                count: 0xabcdef,
                ..given
            },
            "response=\"a9f8304ddf81c0a95cb8827a61ed820e\", algorithm=MD5, opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", \
             qop=auth-int, nc=00abcdef, cnonce=\"0a4f113b\"",
        ),
        (
            Given {
                challenge: "Digest realm=\"a\\\"\\\\b\", nonce=n, algorithm=SHA-512-256-sess, qop=auth",
                user: "t\"o\\m",
                ..given
            },
            "response=\"417a1dd0cef1a012523d7e22ab8c4a454158216a42353a0a5cb36b237b5dd8cd\", algorithm=SHA-512-256-sess, qop=auth, nc=00000001, cnonce=\"0a4f113b\"",
        ),
    ];
    for (given, expected) in cases {
        let answer = given.answer().unwrap();
        assert!(answer.ends_with(expected), "{answer}");
    }
}

#[test]
fn quotes_and_backslashes_are_escaped() {
    let answer = Given {
        user: "t\"o\\m",
        uri: "/?a\\b",
        challenge: "Digest realm=\"a\\\"\\b\", nonce=\"\\\\\", opaque=\"\\\"\"",
        ..RFC_7616
    }
    .answer()
    .unwrap();
    let head =
        "Digest username=\"t\\\"o\\\\m\", realm=\"a\\\"b\", nonce=\"\\\\\", uri=\"/?a\\\\b\", ";
    assert!(answer.starts_with(head), "{answer}");
    assert!(answer.ends_with(", opaque=\"\\\"\""), "{answer}");
}

#[test]
fn what_cannot_be_signed_is_an_error_without_secrets() {
    let auth = "Digest realm=r, nonce=n, qop=\"auth\"";
    let int = "Digest realm=r, nonce=n, qop=\"auth-int\"";
    let cases = [
        (
            Given {
                user: "us\r\ner",
                challenge: auth,
                ..RFC_7616
            },
            "control character",
        ),
        (
            Given {
                content: None,
                challenge: int,
                ..RFC_7616
            },
            "auth-int",
        ),
    ];
    for (given, words) in cases {
        let error = given.answer().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalProtocolError);
        let text = format!("{error} {error:?}");
        assert!(text.contains(words), "{text}");
        assert!(
            !text.contains("Circle") && !text.contains("us\\r"),
            "{text}"
        );
    }
}

#[test]
fn every_recorded_row_of_httpx_is_answered_alike() {
    let text =
        include_str!("../../../sync-tests/tests/cases/httpx.json").replace(": NaN", ": \"NaN\"");
    let file: Value = serde_json::from_str(&text).unwrap();
    let rows = file.as_array().unwrap().iter();
    let rows: Vec<_> = rows.filter(|row| row["area"] == "digest").collect();
    assert_eq!(rows.len(), 17);
    for row in rows {
        let (input, expected) = (&row["input"], &row["expected"]);
        let name = row["name"].as_str().unwrap();
        let given = |key: &str| input[key].as_str().unwrap();
        let fields: Vec<&str> = match &input["www_authenticate"] {
            Value::Array(fields) => fields.iter().filter_map(Value::as_str).collect(),
            field => vec![field.as_str().unwrap()],
        };
        let challenge = match strongest(&fields) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{name}");
                assert_eq!(expected["error"], "ProtocolError", "{name}");
                continue;
            }
            Ok(None) => {
                assert_eq!(expected["authorization"], serde_json::json!([]), "{name}");
                continue;
            }
            Ok(Some(challenge)) => challenge,
        };
        let url = Url::parse(given("url")).unwrap();
        let credentials = Credentials {
            username: given("username").into(),
            password: given("password").into(),
        };
        for (i, expected) in expected["authorization"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let turn = Turn {
                challenge: &challenge,
                count: i as u32 + 1,
                cnonce: given("cnonce"),
            };
            let signed = Signed {
                method: given("method"),
                uri: &url[Position::BeforePath..Position::AfterQuery],
                content: None,
            };
            let value = turn.authorization(&credentials, signed).unwrap();
            assert_eq!(
                value.to_str().unwrap(),
                expected.as_str().unwrap(),
                "{name}"
            );
        }
    }
}
