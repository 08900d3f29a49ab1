//! The server lets in who it should, by curl and by the examples of the RFC.

use super::*;
use crate::peers::curl;

#[test]
fn curl_is_let_in() {
    for challenge in [
        Challenge::new("MD5"),
        Challenge::new("MD5-sess").opaque("o"),
        Challenge::new("SHA-256").opaque("o"),
        Challenge::new("SHA-256").userhash(),
        Challenge::new("SHA-256-sess").qop("auth, auth-int"),
        Challenge::rfc2069(),
    ] {
        let server = DigestServer::builder("Müller", "a\"b")
            .challenge(challenge.clone())
            .start();
        let url = server.url("/x?y");
        let good = curl(&["--digest", "-u", "Müller:a\"b", &url]).unwrap();
        let bad = curl(&["--digest", "-u", "Müller:no", &url]).unwrap();
        let verdicts = server.verdicts();
        assert_eq!((good.status, bad.status), (200, 401), "{verdicts:?}");
        assert_eq!(
            verdicts[..3],
            [Verdict::Missing, Verdict::Accepted, Verdict::Missing]
        );
        assert!(matches!(verdicts[3], Verdict::Refused(_)), "{verdicts:?}");
        if challenge.qop.is_some() {
            assert_eq!(server.nc_values(), [1, 1]);
        }
    }
}

#[test]
fn the_examples_of_rfc_7616_are_accepted_once() {
    // Section 3.9.1; the cnonce is the client's.
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let field = format!(
            "Authorization: Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
             uri=\"/dir/index.html\", algorithm={algorithm}, nonce=\"{nonce}\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"{response}\", opaque=\"{opaque}\""
        );
        for (uses, status, verdict) in [(1, 200, Verdict::Accepted), (0, 401, Verdict::Stale)] {
            let challenge = |name| Challenge::new(name).qop("auth, auth-int").opaque(opaque);
            let server = DigestServer::builder("Mufasa", "Circle of Life")
                .realm("http-auth@example.org")
                .challenge(challenge("SHA-256"))
                .challenge(challenge("MD5"))
                .nonces(&[nonce])
                .stale_after(uses)
                .start();
            let url = server.url("/dir/index.html");
            assert_eq!(curl(&[&url]).unwrap().status, 401);
            let answer = curl(&["-i", "-H", &field, &url]).unwrap();
            assert_eq!(answer.status, status, "{:?}", server.verdicts());
            let text = String::from_utf8(answer.body).unwrap();
            assert_eq!(text.contains("stale=true"), uses == 0, "{text}");
            assert_eq!(curl(&["-H", &field, &url]).unwrap().status, 401);
            let verdicts = server.verdicts();
            assert_eq!(verdicts[..2], [Verdict::Missing, verdict]);
            assert_eq!(verdicts[2], Verdict::Refused("nc 1 came before".into()));
        }
    }
}

#[test]
fn some_are_never_let_in() {
    let server = DigestServer::builder("u", "p")
        .never()
        .set_cookie("a=b")
        .start();
    let answer = curl(&["--digest", "-u", "u:p", &server.url("/")]).unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(server.verdicts(), [Verdict::Missing, Verdict::Accepted]);
}
