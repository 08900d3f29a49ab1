//! Redirects that the caller follows by hand: `Response::next_request`, given to `Client::send`.

use std::fs;
use std::process::Command;

use dimorph::NetrcAuth;
use sync_tests::certs::{certs, sniff};
use sync_tests::peers::Folder;
use sync_tests::{Reply, Server};

use super::common::{HOSTS, builder_to};
use super::form::{Client, RequestBuilder};
use super::{dual, form_test};

/// `/to/http-a.test/` leads to `http://a.test/`.
fn redirecting() -> Server {
    Server::answering(sniff(), |request| {
        match request.target.strip_prefix("/to/") {
            Some(to) => Reply::redirect(302, &to.replacen('-', "://", 1)),
            None => Reply::ok("end"),
        }
    })
}

/// Where a redirect of `http://a.test/` leads, and whether its credentials go along (S12).
const WAYS: [(&str, bool); 6] = [
    ("http-a.test/", true),
    ("http-a.test:80/", true),
    ("https-a.test/", true),
    ("http-b.test/", false),
    ("http-a.test:81/", false),
    ("https-a.test:444/", false),
];

/// Follows by hand until there is nothing to follow; tells which requests had credentials.
#[dual]
async fn walk(client: &Client, first: RequestBuilder, server: &Server) -> Vec<bool> {
    let before = server.requests().len();
    let mut response = first.follow_redirects(false).send().await.unwrap();
    while let Some(next) = response.next_request() {
        response = client.send(next).await.unwrap();
    }
    assert_eq!(response.status(), 200);
    let seen = server.requests().into_iter().skip(before);
    seen.map(|r| r.header("authorization").is_some()).collect()
}

#[dual]
#[form_test]
async fn a_next_request_takes_no_credentials_to_another_origin() {
    let server = redirecting();
    let netrc = || NetrcAuth::from_text("default login user password hush").unwrap();
    let plain = || builder_to(&server).follow_redirects(false);
    let none = plain().build().unwrap();
    let basic = plain().basic_auth("user", Some("hush")).build().unwrap();
    let named = plain().auth(netrc()).build().unwrap();
    for (to, kept) in WAYS {
        let url = format!("http://a.test/to/{to}");
        for (whose, client, request) in [
            ("request", &none, none.get(&url).auth(("user", "hush"))),
            ("token", &none, none.get(&url).bearer_auth("hush")),
            ("netrc", &none, none.get(&url).auth(netrc())),
            (
                "header",
                &none,
                none.get(&url).header("authorization", "Basic hush"),
            ),
            ("client", &basic, basic.get(&url)),
            ("client's netrc", &named, named.get(&url)),
        ] {
            let signed = walk(client, request, &server).await;
            assert_eq!(signed, [true, kept], "{whose}, {to}");
        }
    }
}

#[dual]
#[form_test]
async fn credentials_left_behind_by_a_next_request_do_not_come_back() {
    let server = redirecting();
    let client = builder_to(&server).follow_redirects(false);
    let client = client.basic_auth("user", Some("hush")).build().unwrap();
    let there_and_back = "http://a.test/to/http-b.test/to/http-a.test/";
    let signed = walk(&client, client.get(there_and_back), &server).await;
    assert_eq!(signed, [true, false, false]);
    // Nor with what is left of a request that was redirected without a hand in it.
    let request = client.get("http://a.test/to/http-b.test/");
    let response = request.follow_redirects(true).send().await.unwrap();
    let again = response.request().try_clone().unwrap();
    assert_eq!(again.url().as_str(), "http://b.test/");
    client.send(again).await.unwrap();
    let last = server.requests().pop().unwrap();
    assert_eq!(
        (last.target.as_str(), last.header("authorization")),
        ("/", None)
    );
}

/// Where the child process finds its netrc file.
const CHILD: &str = "DIMORPH_TESTS_NEXT_REQUEST";

#[dual]
#[form_test]
async fn a_next_request_finds_no_password_of_the_environment_at_another_port() {
    if std::env::var_os(CHILD).is_none() {
        let folder = Folder::new();
        let netrc = folder.path().join("netrc");
        fs::write(&netrc, "machine a.test login user password hush").unwrap();
        let test = "a_next_request_finds_no_password_of_the_environment_at_another_port";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("dual_tests::next_request::{test}")])
            .env(CHILD, "1")
            .env("NETRC", netrc)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let server = redirecting();
    let trusting = Client::builder().verify(certs().ca_file.to_str().unwrap());
    let trusting = HOSTS.iter().fold(trusting, |builder, host| {
        builder.resolve(host, [server.address()])
    });
    let client = trusting.build().unwrap();
    for (to, kept) in WAYS {
        let request = client.get(format!("http://a.test/to/{to}"));
        let signed = walk(&client, request, &server).await;
        assert_eq!(signed, [true, kept], "{to}");
    }
}
