//! Authentication with servers that others wrote, and what curl makes of the same.

use dimorph::{Auth, DigestAuth};
use sync_tests::authority::Authority;
use sync_tests::certs::certs;
use sync_tests::peers::{Apache, Folder, Nginx, PASSWORD, USER, curl};

use super::common::{builder, client, ms};
use super::form::{Client, ClientBuilder, RequestBuilder};
use super::{dual, form_test, form_util};

/// Names and passwords: the right ones, and others.
const LOGINS: [(&str, &str); 4] = [
    (USER, PASSWORD),
    (USER, "wrong"),
    ("nobody", PASSWORD),
    (USER, ""),
];

/// Sends a request, and has curl send the same; both must get the same status and body.
#[dual]
async fn assert_as_curl(request: RequestBuilder, arguments: &[&str]) -> u16 {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    if let Some(answer) = curl(arguments) {
        assert_eq!(answer.pair(), (status, &body[..]), "{arguments:?}");
    }
    status
}

/// One login after the other: a pair or a scheme made of it must fare as curl does.
#[dual]
async fn assert_logins(client: &Client, url: &str, curls: &[&str], digest: bool) {
    for (user, password) in LOGINS {
        let login = format!("{user}:{password}");
        let how = if digest { "--digest" } else { "--basic" };
        let arguments = [curls, &[how, "-u", &login, url]].concat();
        let request = match digest {
            true => client.get(url).auth(DigestAuth::new(user, password)),
            false => client.get(url).auth((user, password)),
        };
        let status = assert_as_curl(request, &arguments).await;
        let right = (user, password) == (USER, PASSWORD);
        assert_eq!(status, if right { 200 } else { 401 }, "{login} at {url}");
    }
    let arguments = [curls, &[url]].concat();
    let status = assert_as_curl(client.get(url), &arguments).await;
    assert_eq!(status, 401, "nobody at {url}");
}

#[dual]
#[form_test]
async fn apache_lets_digest_in_and_refuses_as_it_refuses_curl() {
    let Some(apache) = Apache::start() else {
        return;
    };
    let client = client();
    for path in ["/digest/hello.txt", "/brief/hello.txt"] {
        assert_logins(&client, &apache.url(path), &[], true).await;
        // Basic is not what it asks for.
        let request = client.get(apache.url(path)).auth((USER, PASSWORD));
        let login = format!("{USER}:{PASSWORD}");
        let url = apache.url(path);
        let arguments = ["--basic", "-u", &login, &url];
        let status = assert_as_curl(request, &arguments).await;
        assert_eq!(status, 401);
    }
    let url = apache.url("/basic/hello.txt");
    assert_logins(&client, &url, &[], false).await;
    let request = client.get(apache.url("/hello.txt"));
    let status = assert_as_curl(request, &[&apache.url("/hello.txt")]).await;
    assert_eq!(status, 200);
}

#[dual]
async fn fetch(client: &Client, url: &str) -> (u16, usize, Vec<u8>) {
    let response = client.get(url).send().await.unwrap();
    let (status, before) = (response.status().as_u16(), response.history().len());
    let body = response.bytes().await.unwrap();
    (status, before, body.to_vec())
}

fn with(auth: impl Auth + 'static) -> Client {
    builder().auth(auth).build().unwrap()
}

#[dual]
#[form_test]
async fn apache_counts_the_uses_of_a_nonce_with_us() {
    let Some(apache) = Apache::start() else {
        return;
    };
    let client = with(DigestAuth::new(USER, PASSWORD));
    let welcome = |before| (200, before, b"hello".to_vec());
    for turn in 0..10 {
        // The query is a part of what is signed.
        let url = apache.url(&format!("/digest/hello.txt?turn={turn}&a=%20b"));
        let got = fetch(&client, &url).await;
        assert_eq!(got, welcome(usize::from(turn == 0)));
    }
    let opened = client.pool_stats().opened;
    assert_eq!(opened, 1);
    // Nonces of a second: the next request is asked for another one.
    let url = apache.url("/brief/hello.txt");
    let got = fetch(&client, &url).await;
    assert_eq!((got.0, got.2), (200, b"hello".to_vec()));
    form_util::sleep(ms(2100)).await;
    let got = fetch(&client, &url).await;
    assert_eq!(got, welcome(1));
}

#[dual]
#[form_test]
async fn apache_gets_each_body_behind_its_own_question() {
    let Some(apache) = Apache::start() else {
        return;
    };
    let client = with(DigestAuth::new(USER, PASSWORD));
    for body in [vec![], vec![b'x'; 100_000]] {
        // A file cannot be posted to: that is said only to those who are in.
        let url = apache.url("/digest/nothing.txt");
        let response = client.post(&url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 404);
    }
}

fn resolving(nginx: &Nginx) -> ClientBuilder {
    let (name, tls, _) = nginx.host();
    // The port is the URL's.
    builder().resolve(name, [std::net::SocketAddr::from((tls.ip(), 0))])
}

#[dual]
#[form_test]
async fn nginx_lets_basic_in_and_refuses_as_it_refuses_curl() {
    let Some(nginx) = Nginx::start() else { return };
    let client = resolving(&nginx).build().unwrap();
    let resolve = nginx.curl_resolve();
    let resolve: Vec<&str> = resolve.iter().map(String::as_str).collect();
    for url in [
        nginx.url("/basic/hello.txt"),
        nginx.tls_url("/basic/hello.txt"),
    ] {
        assert_logins(&client, &url, &resolve, false).await;
        // Userinfo is the same, percent-encoded.
        let with = |login: &str| url.replace("://", &format!("://{login}@"));
        for (login, expected) in [
            ("user:pass%20word", 200),
            ("user:wrong", 401),
            ("user", 401),
        ] {
            let url = with(login);
            let arguments = [&resolve[..], &[&url]].concat();
            let request = client.get(&url);
            let status = assert_as_curl(request, &arguments).await;
            assert_eq!(status, expected, "{login}");
        }
    }
}

#[dual]
#[form_test]
async fn nginx_knows_clients_by_their_certificates() {
    let Some(nginx) = Nginx::start() else { return };
    let certs = certs();
    let folder = Folder::new();
    let strange = Authority::new("another authority").leaf(&["client.test"]);
    let strange = folder.write("client.pem", format!("{}{}", strange.pem, strange.key_pem));
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (cert, key) = (path(&certs.client_cert_file), path(&certs.client_key_file));
    let (both, strange) = (path(&certs.client_file), path(&strange));
    let resolve = nginx.curl_resolve();
    let resolve: Vec<&str> = resolve.iter().map(String::as_str).collect();
    let plain = || resolving(&nginx);
    for (what, builder, curls, expected) in [
        ("none", plain(), vec![], 400),
        (
            "one file",
            plain().cert(both.as_str()),
            vec!["--cert", &both],
            200,
        ),
        (
            "two files",
            plain().cert((cert.as_str(), key.as_str())),
            vec!["--cert", &cert, "--key", &key],
            200,
        ),
        (
            "of another authority",
            plain().cert(strange.as_str()),
            vec!["--cert", &strange],
            400,
        ),
    ] {
        let client = builder.build().unwrap();
        for path in ["/who", "/hello.txt"] {
            let url = nginx.mtls_url(path);
            let arguments = [&resolve[..], &curls, &[&url]].concat();
            let status = assert_as_curl(client.get(&url), &arguments).await;
            assert_eq!(status, expected, "{what} at {path}");
        }
    }
}
