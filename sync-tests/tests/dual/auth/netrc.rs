//! The netrc file that the environment names: for whom, when, and for whom not.
//!
//! Each test runs in a process of its own, whose environment names a file of its own; the file's content changes between clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dimorph::{ErrorKind, NetrcAuth};
use sync_tests::certs::{certs, sniff};
use sync_tests::peers::{Folder, curl};
use sync_tests::{Reply, Server};

use super::common::{HOSTS, builder_to, client};
use super::form::{Client, ClientBuilder};
use super::{authorizations, basic, dual, form_test, form_util};

const FILE: &str = "DIMORPH_TESTS_NETRC";

/// Runs the test of this name once more, in a process where `NETRC` names a file; there, gives the file's path.
fn in_child(test: &str) -> Option<PathBuf> {
    if let Some(file) = std::env::var_os(FILE) {
        return Some(file.into());
    }
    let folder = Folder::new();
    let file = folder.path().join("netrc");
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("--exact")
        .arg(format!("dual_tests::auth::netrc::{test}"))
        .args(["--test-threads", "1"])
        .env(FILE, &file)
        .env("NETRC", &file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(file.exists(), "the child ran the test");
    None
}

/// Begins a client that believes its environment, and for which every host of the cases is this server.
fn trusting(server: &Server) -> ClientBuilder {
    let builder = Client::builder().verify(certs().ca_file.to_str().unwrap());
    HOSTS.iter().fold(builder, |builder, host| {
        builder.resolve(host, [server.address()])
    })
}

/// Redirects `/to/HOST` to that host.
fn redirecting() -> Server {
    Server::answering(sniff(), |request| {
        match request.target.strip_prefix("/to/") {
            Some(url) => Reply::redirect(302, &url.replace("-", "://")),
            None => Reply::ok("end"),
        }
    })
}

/// What the servers on the way of a request to `url` saw, with this netrc file.
#[dual]
async fn seen(file: &Path, netrc: &str, url: &str) -> Vec<String> {
    fs::write(file, netrc).unwrap();
    let server = redirecting();
    let client = trusting(&server).build().unwrap();
    client.get(url).send().await.unwrap();
    let in_env = authorizations(&server);

    // The same file, given by name, does the same.
    let server = redirecting();
    let auth = NetrcAuth::from_file(file).unwrap();
    let client = builder_to(&server).auth(auth).build().unwrap();
    client.get(url).send().await.unwrap();
    assert_eq!(authorizations(&server), in_env);
    in_env
}

#[dual]
#[form_test]
async fn net_02_red_09_a_redirect_takes_no_password_along_and_finds_none_where_it_leads() {
    let test = "net_02_red_09_a_redirect_takes_no_password_along_and_finds_none_where_it_leads";
    let Some(file) = in_child(test) else { return };
    let of_a = "machine a.test login user password hush\n";
    for of_others in [
        "",
        "machine b.test login other\n",
        "machine b.test\n",
        "machine b.test\ndefault\n",
        "default\n",
        "default login other\n",
        // As in HTTPX, and unlike curl, an entry is looked up for the first URL alone.
        "machine b.test login other password hush\n",
        "default login other password hush\n",
    ] {
        for netrc in [format!("{of_a}{of_others}"), format!("{of_others}{of_a}")] {
            // Python, too, takes no entry behind a default one.
            let own = seen(&file, &netrc, "http://a.test/").await;
            for to in ["http-b.test/", "https-b.test/", "http-a.test:81/"] {
                let sent = seen(&file, &netrc, &format!("http://a.test/to/{to}")).await;
                assert_eq!(sent, [own[0].clone(), "-".into()], "{netrc} {to}");
            }
        }
    }
    // From where there is none to where there is one.
    let sent = seen(&file, of_a, "http://b.test/to/http-a.test/").await;
    assert_eq!(sent, ["-", "-"]);
    // The same origin's stays, also from http to https; on the way home it does not come back.
    let user = basic("user", "hush");
    for (url, expected) in [
        (
            "http://a.test/to/http-a.test/",
            vec![user.clone(), user.clone()],
        ),
        (
            "http://a.test/to/https-a.test/",
            vec![user.clone(), user.clone()],
        ),
        (
            "https://a.test/to/http-a.test/",
            vec![user.clone(), "-".into()],
        ),
    ] {
        let sent = seen(&file, of_a, url).await;
        assert_eq!(sent, expected, "{url}");
    }
    // A token goes before netrc, and neither goes to the other host.
    let netrc = "machine b.test login user password hush\ndefault login user password hush\n";
    fs::write(&file, netrc).unwrap();
    let server = redirecting();
    let client = trusting(&server).build().unwrap();
    let request = client.get("http://a.test/to/http-b.test/");
    let request = request.header("authorization", "Bearer t0ken");
    request.send().await.unwrap();
    assert_eq!(authorizations(&server), ["Bearer t0ken", "-"]);
}

/// Our policy for the scheme: an entry says no scheme, so its password goes in clear too, as in HTTPX and curl.
#[dual]
#[form_test]
async fn net_04_credentials_go_over_plain_http_as_with_curl() {
    let Some(file) = in_child("net_04_credentials_go_over_plain_http_as_with_curl") else {
        return;
    };
    let netrc = "machine a.test login user password \"pass word\"\n";
    fs::write(&file, netrc).unwrap();
    let user = basic("user", "pass word");
    let server = redirecting();
    let client = trusting(&server).build().unwrap();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://a.test:{}/", server.port());
        client.get(&url).send().await.unwrap();
        let sent = authorizations(&server).pop().unwrap();
        assert_eq!(sent, user, "{url}");
        let resolve = format!("a.test:{}:127.0.0.1", server.port());
        let file = file.to_str().unwrap();
        if curl(&["--netrc-file", file, "--resolve", &resolve, &url]).is_some() {
            assert_eq!(authorizations(&server).pop(), Some(user.clone()), "{url}");
        }
    }
}

#[dual]
#[form_test]
async fn net_06_without_trust_in_the_environment_the_file_is_not_opened() {
    let test = "net_06_without_trust_in_the_environment_the_file_is_not_opened";
    let Some(file) = in_child(test) else { return };
    // Whoever opens a pipe to read waits until somebody writes.
    let made = Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    let server = redirecting();
    let url = "http://a.test/".to_owned();
    let client = builder_to(&server).build().unwrap();
    let task = form_util::spawn(get, (client, url.clone()));
    let ended = form_util::until(|| task.is_finished()).await;
    assert!(ended, "the request waits for the netrc file");
    // Nor do credentials of other kinds, or none, need it; but a client that believes the environment reads it.
    let written = file.clone();
    let writer = std::thread::spawn(move || {
        fs::write(written, "machine a.test login user password hush").unwrap();
    });
    let client = trusting(&server).build().unwrap();
    let task = form_util::spawn(get, (client, url));
    let ended = form_util::until(|| task.is_finished()).await;
    assert!(ended && writer.is_finished());
    assert_eq!(authorizations(&server), ["-".into(), basic("user", "hush")]);
}

#[dual]
async fn get((client, url): (Client, String)) {
    client.get(url).send().await.unwrap();
}

#[dual]
#[form_test]
async fn the_file_is_read_once_for_each_client() {
    let Some(file) = in_child("the_file_is_read_once_for_each_client") else {
        return;
    };
    let server = redirecting();
    let mut clients = Vec::new();
    for turn in ["first", "second"] {
        let netrc = format!("machine a.test login {turn} password pw\n");
        fs::write(&file, netrc).unwrap();
        clients.push(trusting(&server).build().unwrap());
        for client in &clients {
            let clone = client.clone();
            clone.get("http://a.test/").send().await.unwrap();
        }
    }
    let of = |user| basic(user, "pw");
    let expected = [of("first"), of("first"), of("second")];
    assert_eq!(authorizations(&server), expected);
    // A client that has read it needs it no more.
    fs::write(&file, "machine").unwrap();
    clients[1].get("http://a.test/").send().await.unwrap();
    assert_eq!(authorizations(&server).pop(), Some(of("second")));
}

#[dual]
#[form_test]
async fn entries_are_for_hosts_whatever_their_ports_and_only_where_nothing_else_is_said() {
    let test = "entries_are_for_hosts_whatever_their_ports_and_only_where_nothing_else_is_said";
    let Some(file) = in_child(test) else { return };
    let netrc = "machine A.Test login user password pw\nmachine b.test login nobody\n\
                 machine x.test:81 login port password pw\n";
    fs::write(&file, netrc).unwrap();
    let server = redirecting();
    let client = trusting(&server).build().unwrap();
    let (user, no) = (basic("user", "pw"), "-".to_owned());
    for (request, expected) in [
        (client.get("http://a.test/"), &user),
        (client.get("http://a.test:81/"), &user),
        (client.get("https://A.TEST:4433/"), &user),
        (client.get("http://b.test/"), &no),
        (client.get("http://x.test:81/"), &no),
        (client.get("http://y.test/"), &no),
        (client.get("http://a.test/").no_auth(), &no),
        (client.get("http://url:pw@a.test/"), &basic("url", "pw")),
        (
            client.get("http://a.test/").header("authorization", "own"),
            &"own".to_owned(),
        ),
        (
            client.get("http://a.test/").auth(("request", "pw")),
            &basic("request", "pw"),
        ),
    ] {
        let shown = format!("{request:?}");
        request.send().await.unwrap();
        let sent = authorizations(&server).pop().unwrap();
        assert_eq!(sent, *expected, "{shown}");
    }
    let with_auth = trusting(&server).auth(("client", "pw")).build().unwrap();
    with_auth.get("http://a.test/").send().await.unwrap();
    let none = with_auth.get("http://a.test/").no_auth();
    none.send().await.unwrap();
    let sent = authorizations(&server);
    assert_eq!(sent[sent.len() - 2..], [basic("client", "pw"), no]);
}

#[dual]
#[form_test]
async fn a_malformed_file_is_an_error_for_those_who_would_use_it() {
    let test = "a_malformed_file_is_an_error_for_those_who_would_use_it";
    let Some(file) = in_child(test) else { return };
    let netrc = "machine a.test login user password pw\nmachine b.test login user passwort hush\n";
    fs::write(&file, netrc).unwrap();
    let server = redirecting();
    let client = trusting(&server).build().unwrap();
    // Found before the bad line.
    client.get("http://a.test/").send().await.unwrap();
    for url in ["http://b.test/", "http://x.test/"] {
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        let text = format!("{error} {error:?}");
        let place = format!("{} is malformed in line 2", file.display());
        assert!(text.contains(&place) && !text.contains("hush"), "{text}");
        assert!(error.url().is_some());
        // Who has others has no use for it.
        client.get(url).no_auth().send().await.unwrap();
        client.get(url).auth(("u", "p")).send().await.unwrap();
        let own = client.get(url).header("authorization", "own");
        own.send().await.unwrap();
        let of_url = url.replace("//", "//u:p@");
        client.get(of_url).send().await.unwrap();
    }
    let own = trusting(&server).auth(("u", "p")).build().unwrap();
    own.get("http://b.test/").send().await.unwrap();

    // What cannot be read at all is no absent file.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let client = trusting(&server).build().unwrap();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    let name = file.display().to_string();
    assert!(error.to_string().contains(&name), "{error}");
    client.get("http://a.test/").no_auth().send().await.unwrap();
    // An absent one is nothing.
    fs::remove_dir(&file).unwrap();
    let client = trusting(&server).build().unwrap();
    client.get("http://a.test/").send().await.unwrap();
    assert_eq!(authorizations(&server).pop().unwrap(), "-");
    fs::write(&file, "").unwrap();
}

#[dual]
#[form_test]
async fn a_file_that_is_named_must_be_there_and_be_whole() {
    let folder = Folder::new();
    let missing = folder.path().join("missing");
    let error = NetrcAuth::from_file(&missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert!(error.to_string().contains(missing.to_str().unwrap()));
    let bad = folder.write("bad", "machine a.test login user password pw\nfoo hush\n");
    let text = NetrcAuth::from_file(&bad).unwrap_err().to_string();
    assert!(text.contains("line 2") && !text.contains("hush"), "{text}");
    let server = Server::http(|_| Reply::ok("ok"));
    let auth = NetrcAuth::from_text("machine 127.0.0.1 login user password pw").unwrap();
    assert!(!format!("{auth:?}").contains("pw"));
    let request = client().get(server.url("/")).auth(auth);
    request.send().await.unwrap();
    assert_eq!(authorizations(&server), [basic("user", "pw")]);
}
