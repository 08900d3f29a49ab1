//! Digest against a server that checks it by code of its own.

use std::collections::HashSet;
use std::sync::Arc;

use dimorph::{DigestAuth, ErrorKind, Proxy, ProxyMode};
use sync_tests::certs::tls;
use sync_tests::digest_server::{Challenge, Verdict};
use sync_tests::{DigestServer, Reply, Server};

use super::common::{assert_at_rest, builder, client};
use super::form::Client;
use super::{dual, form_test, form_util};

pub(super) const USER: &str = "Mufasa";
pub(super) const PASSWORD: &str = "Circle of Life";

const ALGORITHMS: [&str; 5] = ["MD5", "SHA", "SHA-256", "SHA-512", "SHA-512-256"];

/// A client of that user.
pub(super) fn lion() -> Client {
    builder()
        .auth(DigestAuth::new(USER, PASSWORD))
        .build()
        .unwrap()
}

/// Waits for nothing: the ledger is written before the answer.
fn verdicts(server: &DigestServer) -> String {
    let verdicts = server.verdicts();
    let letters = verdicts.iter().map(|verdict| match verdict {
        Verdict::Missing => 'M',
        Verdict::Accepted => 'A',
        Verdict::Stale => 'S',
        Verdict::Refused(why) => panic!("refused: {why}"),
    });
    letters.collect()
}

#[dual]
#[form_test]
async fn every_algorithm_and_quality_of_protection_is_accepted() {
    for name in ALGORITHMS {
        for session in ["", "-sess", "-SESS"] {
            let algorithm = format!("{name}{session}");
            for qop in [Some("auth"), Some("auth-int"), Some("auth-int, auth"), None] {
                // Without a qop there is no client nonce to send, which these are made of (RFC 2617 section 3.2.2).
                if qop.is_none() && !session.is_empty() {
                    continue;
                }
                let challenge = Challenge::new(&algorithm).opaque("o\u{3d}/+");
                let challenge = match qop {
                    Some(qop) => challenge.qop(qop),
                    None => challenge.no_qop(),
                };
                let server = DigestServer::builder(USER, PASSWORD)
                    .challenge(challenge)
                    .start();
                let client = lion();
                for turn in 0..3 {
                    let request = client.post(server.url("/dir/index.html?a=b&c=%20"));
                    let response = request.body(format!("body {turn}")).send().await.unwrap();
                    assert_eq!(response.status(), 200, "{algorithm} {qop:?}");
                }
                assert_eq!(verdicts(&server), "MAAA", "{algorithm} {qop:?}");
                let counts: &[u32] = if qop.is_some() { &[1, 2, 3] } else { &[] };
                assert_eq!(server.nc_values(), counts, "{algorithm} {qop:?}");
                assert_eq!(server.connections(), 1);
            }
        }
    }
}

#[dual]
#[form_test]
async fn the_oldest_challenge_of_all_is_answered() {
    let server = DigestServer::builder(USER, PASSWORD)
        .challenge(Challenge::rfc2069())
        .start();
    let response = lion().get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(verdicts(&server), "MA");
}

#[dual]
#[form_test]
async fn the_strongest_of_several_challenges_is_answered() {
    for (offers, expected) in [
        (&["MD5", "SHA-256"][..], "SHA-256"),
        (&["SHA-512-256", "SHA-256", "MD5"], "SHA-512-256"),
        (&["SHA", "SHA-512", "MD5-sess"], "SHA-512"),
        (&["SHA-3", "MD5"], "MD5"),
    ] {
        for one_field in [false, true] {
            let server = offers
                .iter()
                .fold(DigestServer::builder(USER, PASSWORD), |server, name| {
                    server.challenge(Challenge::new(name))
                })
                .other_scheme("Basic realm=\"a, b\"")
                .other_scheme("Negotiate");
            let server = if one_field {
                server.in_one_field()
            } else {
                server
            };
            let server = server.start();
            let response = lion().get(server.url("/")).send().await.unwrap();
            assert_eq!(response.status(), 200, "{:?}", server.verdicts());
            let algorithm = server.ledger()[1].fields["algorithm"].clone();
            assert_eq!(algorithm, expected);
        }
    }
}

#[dual]
#[form_test]
async fn names_of_every_kind_are_accepted() {
    for (user, password) in [
        ("Jäsøn Doe", "Secret, or not?"),
        ("a\"b\\c", "d\"e\\f"),
        ("us:er", "pass:word"),
        ("", ""),
        ("пользователь", "пароль"),
    ] {
        for challenge in [
            Challenge::new("SHA-256"),
            Challenge::new("SHA-256").utf8(),
            Challenge::new("SHA-256").userhash(),
            Challenge::new("SHA-512-256-sess").utf8().userhash(),
        ] {
            let server = DigestServer::builder(user, password)
                .realm("users, of a=b")
                .challenge(challenge.clone())
                .start();
            let client = client();
            for _ in 0..2 {
                let request = client.get(server.url("/"));
                let request = request.auth(DigestAuth::new(user, password));
                let response = request.send().await.unwrap();
                let verdicts = server.verdicts();
                assert_eq!(response.status(), 200, "{user} {challenge:?} {verdicts:?}");
            }
            // A request's own auth begins anew each time.
            assert_eq!(verdicts(&server), "MAMA");
        }
    }
}

#[dual]
#[form_test]
async fn a_stale_nonce_costs_one_request_more() {
    for uses in [1, 2, 5] {
        let server = DigestServer::builder(USER, PASSWORD)
            .stale_after(uses)
            .start();
        let client = lion();
        for _ in 0..12 {
            let request = client.post(server.url("/")).body("body");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "{:?}", server.verdicts());
        }
        // Each nonce is used up, then tried once too often.
        let nonce = "A".repeat(uses as usize);
        let expected = format!("M{}", format!("{nonce}S").repeat(12));
        let seen = verdicts(&server);
        assert!(expected.starts_with(&seen), "{seen}");
        assert_eq!(seen.matches('A').count(), 12);
    }
}

#[dual]
async fn fetch((client, url): (Client, String)) -> u16 {
    let response = client.get(url).send().await.unwrap();
    let status = response.status().as_u16();
    response.bytes().await.unwrap();
    status
}

/// The counts by nonce, each of which must be there once, and all from 1 on.
fn assert_counted(server: &DigestServer) {
    let mut seen = HashSet::new();
    for entry in server.ledger() {
        if let Some(count) = entry.nc() {
            let new = seen.insert((entry.fields["nonce"].clone(), count));
            assert!(new, "{count} twice");
        }
    }
    let nonces: HashSet<_> = seen.iter().map(|(nonce, _)| nonce.clone()).collect();
    for nonce in nonces {
        let counts = seen.iter().filter(|(of, _)| *of == nonce).count() as u32;
        assert!((1..=counts).all(|count| seen.contains(&(nonce.clone(), count))));
    }
}

#[dual]
#[form_test]
async fn each_count_is_used_once_by_eight_at_a_time() {
    for algorithm in ["MD5", "SHA-256-sess"] {
        let server = DigestServer::builder(USER, PASSWORD)
            .challenge(Challenge::new(algorithm))
            .start();
        let client = lion();
        let calls = vec![(client.clone(), server.url("/")); 200];
        let statuses = form_util::concurrently(8, calls, fetch).await;
        assert!(statuses.iter().all(|&status| status == 200));
        let verdicts = verdicts(&server);
        // At most the first request of each came before there was a challenge.
        assert_eq!(verdicts.matches('A').count(), 200);
        assert!(
            (1..=8).contains(&verdicts.matches('M').count()),
            "{verdicts}"
        );
        assert_counted(&server);
        assert!(server.connections() <= 8);
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn two_origins_have_challenges_of_their_own() {
    let start = || DigestServer::builder(USER, PASSWORD).start();
    let servers = [start(), start()];
    let client = lion();
    for _ in 0..4 {
        for server in &servers {
            let response = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(response.status(), 200);
        }
    }
    for server in &servers {
        assert_eq!(verdicts(server), "MAAAA");
        assert_eq!(server.nc_values(), [1, 2, 3, 4]);
    }
}

#[dual]
#[form_test]
async fn clients_and_clones_share_what_is_known_of_a_server() {
    let server = DigestServer::builder(USER, PASSWORD).start();
    let shared = Arc::new(DigestAuth::new(USER, PASSWORD));
    for auth in [shared.clone(), shared.clone()] {
        let client = builder().auth(auth).build().unwrap();
        client.get(server.url("/")).send().await.unwrap();
    }
    let request = client().get(server.url("/")).auth(shared.clone());
    request.send().await.unwrap();
    assert_eq!(verdicts(&server), "MAAA");
    let clone = DigestAuth::clone(&shared);
    let request = client().get(server.url("/")).auth(clone);
    request.send().await.unwrap();
    assert_eq!(verdicts(&server), "MAAAA");
}

#[dual]
#[form_test]
async fn aut_02_a_server_that_is_never_satisfied_gets_two_requests_or_three() {
    for (stale, most) in [(false, 2), (true, 3)] {
        let server = DigestServer::builder(USER, PASSWORD);
        let server = match stale {
            true => server.always_stale().start(),
            false => server.never().start(),
        };
        let client = lion();
        for _ in 0..2 {
            let before = server.verdicts().len();
            let request = client.post(server.url("/")).body("body");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401);
            assert_eq!(response.history().len(), most - 1);
            let text = response.text().await.unwrap();
            assert_eq!(text, "who are you?");
            assert_eq!(server.verdicts().len() - before, most);
        }
        assert_at_rest(&client).await;
        assert_eq!(server.connections(), 1);
    }
    // Wrong credentials are refused once.
    let server = DigestServer::builder(USER, "another").start();
    let response = lion().get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(server.verdicts().len(), 2);
}

#[dual]
#[form_test]
async fn aut_03_a_malformed_challenge_is_an_error_or_the_response() {
    let large = "x".repeat(100_000);
    let quotes = "\"\\".repeat(50_000);
    let commas = ",".repeat(100_000);
    let words = "Digest ".repeat(10_000);
    let fine = "Digest realm=\"r\", nonce=\"n\"";
    for (challenge, status) in [
        ("Digest".to_owned(), None),
        ("Digest realm=\"r\"".to_owned(), None),
        ("Digest nonce=\"n\"".to_owned(), None),
        ("Digest realm=\"r, nonce=n".to_owned(), None),
        (
            "Digest realm=\"r\", realm=\"s\", nonce=\"n\"".to_owned(),
            None,
        ),
        (format!("{fine}, qop=\"auth-conf\""), None),
        (format!("Digest realm=\"{quotes}"), None),
        (words, None),
        (format!("{fine}, algorithm=MD4"), Some(401)),
        (format!("{fine}, algorithm=\"{large}\""), None),
        ("Digestive realm=\"r\", nonce=\"n\"".to_owned(), Some(401)),
        (String::new(), Some(401)),
        (commas.clone(), Some(401)),
        (format!("{commas}{fine}{commas}"), Some(200)),
        (format!("{fine}, x=\"{large}\""), None),
        (format!("Digest realm=\"{large}\", nonce=\"n\""), None),
    ] {
        let asks = challenge.clone();
        let server = Server::http(move |request| match request.header("authorization") {
            Some(_) => Reply::ok("in"),
            None => Reply::status(401).header("www-authenticate", &asks),
        });
        let client = lion();
        let start: String = challenge.chars().take(60).collect();
        let outcome = client.get(server.url("/")).send().await;
        match status {
            Some(status) => assert_eq!(outcome.unwrap().status(), status, "{start}"),
            None => {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::RemoteProtocolError, "{start}");
                assert!(error.to_string().len() < 300, "{start}: {error}");
                let place = server.address().to_string();
                assert!(error.to_string().contains(&place), "{start}: {error}");
            }
        }
        assert_at_rest(&client).await;
    }
}

#[dual]
#[form_test]
async fn redirects_of_a_protected_place_are_signed_for_where_they_lead() {
    let server = DigestServer::builder(USER, PASSWORD)
        .answer(|request| match request.target.as_str() {
            "/start" => Reply::redirect(302, "/next?a=b"),
            "/next?a=b" => Reply::redirect(307, "/end"),
            path => Reply::ok([path.as_bytes(), &request.body].concat()),
        })
        .start();
    let client = lion();
    let response = client.get(server.url("/end")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(verdicts(&server), "MA");
    let response = client.get(server.url("/end")).send().await.unwrap();
    assert_eq!(response.status(), 200);

    let response = client.get(server.url("/start")).send().await.unwrap();
    let history: Vec<_> = response
        .history()
        .iter()
        .map(|entry| (entry.status().as_u16(), entry.url().path().to_owned()))
        .collect();
    // Signed for one place, a request is asked again at the next.
    let fact = |status, path: &str| (status, path.to_owned());
    assert_eq!(
        history,
        [
            fact(302, "/start"),
            fact(401, "/next"),
            fact(307, "/next"),
            fact(401, "/end")
        ]
    );
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    assert_eq!(text, "/end");

    let request = client.post(server.url("/next?a=b")).body("+ body");
    let text = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "/end+ body");
    assert_counted(&server);
}

#[dual]
#[form_test]
async fn cookies_of_the_401_go_with_the_answer() {
    let server = DigestServer::builder(USER, PASSWORD)
        .set_cookie("session=1; path=/")
        .start();
    for (own, expected) in [
        (None, "session=1"),
        (Some("session"), "session=mine"),
        (Some("other"), "session=1; other=mine"),
    ] {
        let client = lion();
        let mut request = client.get(server.url("/"));
        if let Some(own) = own {
            request = request.cookie(own, "mine");
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let last = server.ledger().pop().unwrap().request;
        assert_eq!(last.header("cookie"), Some(expected), "{own:?}");
    }
}

#[dual]
#[form_test]
async fn proxies_forward_and_tunnel_and_are_never_answered() {
    for (mode, secure) in [
        (ProxyMode::Default, false),
        (ProxyMode::TunnelOnly, false),
        (ProxyMode::Default, true),
        (ProxyMode::ForwardOnly, false),
    ] {
        let server = DigestServer::builder(USER, PASSWORD);
        let server = if secure { server.tls(tls()) } else { server };
        let server = server.start();
        let proxy = sync_tests::Proxy::builder()
            .route("a.test", server.address())
            .credentials("proxy", "pw")
            .start();
        let of_client = Proxy::new(proxy.url_as("proxy:pw")).unwrap().mode(mode);
        let client = builder()
            .proxy(of_client)
            .auth(DigestAuth::new(USER, PASSWORD))
            .build()
            .unwrap();
        let scheme = if secure { "https" } else { "http" };
        for _ in 0..2 {
            let request = client.post(format!("{scheme}://a.test/dir?a=b"));
            let response = request.body("body").send().await.unwrap();
            assert_eq!(response.status(), 200, "{:?}", server.verdicts());
        }
        assert_eq!(verdicts(&server), "MAA");
        for entry in server.ledger() {
            assert_eq!(entry.request.target, "/dir?a=b");
            assert_eq!(entry.request.header("proxy-authorization"), None);
        }
        let tunnels = usize::from(secure || mode == ProxyMode::TunnelOnly);
        assert_eq!(proxy.tunnels(), tunnels);
        for request in proxy.requests() {
            let of_origin = request.header("authorization");
            assert!(tunnels == 0 || of_origin.is_none());
        }
    }

    // A proxy that asks by Digest itself is no server of ours to answer.
    let asking = "HTTP/1.1 407 Proxy Authentication Required\r\n\
                  proxy-authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n\
                  www-authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n\
                  content-length: 0\r\n\r\n";
    let proxy = sync_tests::Proxy::builder()
        .on_forward(move |_, _| Some(vec![sync_tests::Step::send(asking), sync_tests::Step::Next]))
        .start();
    let client = builder()
        .proxy(proxy.url())
        .auth(DigestAuth::new(USER, PASSWORD))
        .build()
        .unwrap();
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.status(), 407);
    assert_eq!(proxy.requests().len(), 1);
}
