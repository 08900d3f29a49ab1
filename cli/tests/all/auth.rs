//! Authentication: by options, by a prompt, by what the URL and netrc say.

use std::process::{Command, Stdio};

use sync_tests::digest_server::Challenge;
use sync_tests::peers::{Folder, Nginx, PASSWORD, USER};
use sync_tests::{DigestServer, Server};

use crate::support::{DIMORPH, Ran, command, mirror, only, run, seen};
use crate::terminal::Terminal;

const TOM: Option<&str> = Some("Basic dG9tOm1vdDEyMw==");

#[test]
fn basic_and_bearer_are_options() {
    assert_eq!(
        seen(&["--auth", "tom", "mot123", "URL"]).header("authorization"),
        TOM
    );
    assert_eq!(
        seen(&["URL", "--bearer", "-t0k"]).header("authorization"),
        Some("Bearer -t0k")
    );
    let request = seen(&["--auth", "-u", "-p", "URL"]);
    assert_eq!(request.header("authorization"), Some("Basic LXU6LXA="));
}

#[test]
fn the_url_and_netrc_are_asked_too() {
    let server = mirror();
    let url = server.url("/").replace("://", "://tom:mot123@");
    run(&[&url]).text();
    assert_eq!(only(&server).header("authorization"), TOM);
    let folder = Folder::new();
    let netrc = folder.write("netrc", "machine 127.0.0.1 login tom password mot123\n");
    let server = mirror();
    Ran::of(
        command(&[&server.url("/")])
            .env("NETRC", netrc)
            .output()
            .unwrap(),
    )
    .text();
    assert_eq!(only(&server).header("authorization"), TOM);
}

#[test]
fn digest_answers_the_challenge() {
    let server = DigestServer::builder("tom", "mot123")
        .challenge(Challenge::new("SHA-256").qop("auth"))
        .start();
    let text = run(&["--digest", "--auth", "tom", "mot123", &*server.url("/")]).text();
    assert_eq!(text, "welcome");
    assert_eq!(server.ledger().len(), 2);
}

#[test]
fn the_password_is_asked_for_and_not_shown() {
    let server = mirror();
    let mut terminal =
        Terminal::start(&["--auth", "tom", "-", "--headers-only", &*server.url("/")]);
    terminal.wait_for("Password of tom: ");
    terminal.wait_until_it_does_not_echo();
    terminal.type_in("mot123\n");
    let (status, text) = terminal.end();
    assert_eq!(status, 0, "{text}");
    assert!(!text.contains("mot123"), "{text}");
    assert_eq!(only(&server).header("authorization"), TOM);
}

#[test]
fn a_prompt_that_is_interrupted_sends_nothing() {
    let server = mirror();
    let mut terminal = Terminal::start(&["--auth", "tom", "-", &*server.url("/")]);
    terminal.wait_for("Password of tom: ");
    terminal.wait_until_it_does_not_echo();
    terminal.type_in("mot\x03");
    let (status, text) = terminal.end();
    // The shell is to know that it was interrupted. A gate that runs in the background has the signal ignored.
    let ends = [
        (-1, "Password of tom:"),
        (2, "Password of tom: \ndimorph: no password was given"),
    ];
    assert!(ends.contains(&(status, text.trim_end())), "{status} {text}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let server = mirror();
    // The terminal that the tests were started from would be asked.
    let away = Command::new("setsid")
        .args(["--wait", DIMORPH, "--auth", "tom", "-", &*server.url("/")])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = away else {
        println!("skipped: setsid is not installed");
        return;
    };
    let complaint = Ran::of(output).complaint(2);
    assert!(
        complaint.starts_with("the password cannot be asked for, there is no terminal"),
        "{complaint}"
    );
    assert_eq!(server.connections(), 0);
}

#[test]
fn nginx_takes_the_password() {
    let Some(nginx) = Nginx::start() else { return };
    let url = &*nginx.url("/basic/hello.txt");
    assert_eq!(run(&["--auth", USER, PASSWORD, url]).text(), "hello, user");
    let complaint = "the answer is 401 Unauthorized";
    let ran = run(&["--check-status", "--auth", USER, "wrong", url]);
    assert!(
        ran.status == 1 && ran.err.contains(complaint),
        "{}",
        ran.err
    );
}

#[test]
fn credentials_do_not_follow_to_another_origin() {
    let other = mirror();
    let to = other.url("/to");
    let server = Server::http(move |_| sync_tests::Reply::redirect(302, &to));
    run(&[
        "--follow-redirects",
        "--auth",
        "tom",
        "mot123",
        &*server.url("/"),
    ])
    .text();
    assert_eq!(only(&server).header("authorization"), TOM);
    assert_eq!(only(&other).header("authorization"), None);
}

#[test]
fn credentials_that_cannot_be_sent_are_a_mistake_of_the_command_line() {
    let server = mirror();
    let url = &*server.url("/");
    for args in [&["--bearer", "t0k\n3n"][..], &["--auth", "a:t0m", "t0k3n"]] {
        let complaint = run(&[args, &[url]].concat()).complaint(2);
        assert!(!complaint.contains("t0"), "{complaint}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_prompt_that_gets_no_password_says_so() {
    let server = mirror();
    let mut terminal = Terminal::start(&["--auth", "tom", "-", &*server.url("/")]);
    terminal.wait_for("Password of tom: ");
    terminal.wait_until_it_does_not_echo();
    terminal.type_in("\x04");
    let (status, text) = terminal.end();
    assert!(
        status == 2 && text.ends_with("dimorph: no password was given\n"),
        "{text}"
    );
}
