//! `--curl`: what it prints, run by a shell, sends the same request.

use std::process::Command;

use sync_tests::certs::{certs, tls};
use sync_tests::http::echo;
use sync_tests::peers::{Folder, program};
use sync_tests::{Received, Server};

use crate::support::{mirror, run, run_in, run_with};

/// The fields in an order of their own; curl has another one.
fn fields(request: &Received) -> Vec<(String, String)> {
    let mut fields: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    fields.sort();
    fields
}

fn in_shell(folder: &Folder, command: &str) -> String {
    let output = Command::new("sh")
        .args([
            "-c",
            &format!(
                "PATH=\"$PATH:/usr/local/bin\"; {}",
                command.replace("curl --", "curl -q -sS --")
            ),
        ])
        .current_dir(folder.path())
        .env_remove("http_proxy")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn curl_sends_the_same_request() {
    if program("curl").is_none() {
        return;
    }
    let folder = Folder::new();
    folder.write("bin", [0, 1, 255, b'%', b'\\', b'\n']);
    folder.write("it's", "text\r\n");
    let rows: [&[&str]; 19] = [
        &["URL"],
        &["HEAD", "URL"],
        &["DELETE", "URL"],
        &["POST", "URL"],
        &["URL", "a=it's \"quoted\" $HOME `x` \\ !"],
        &["URL", "a=ü\n\tx", "-m", "PUT"],
        &["URL", "-c", "@not a file"],
        &["URL", "-c", "", "-m", "PATCH"],
        &["URL", "-d", "a b", "1&2"],
        &["URL", "@bin"],
        &["URL", "@it's", "Content-Type:text/plain"],
        &["URL", "-c", "nul\u{0}\u{1}% \\ x"],
        &[
            "URL",
            "--auth",
            "tom",
            "mot 123'",
            "--cookies",
            "c",
            "1",
            "X-A:a;b\\c",
        ],
        &[
            "URL",
            "X-Empty;",
            "Accept:",
            "User-Agent:",
            "Accept-Encoding:",
            "Connection:",
        ],
        &["URL", "q==[1]{2}", "q==a'b", "Host:else.where"],
        &["URL", "--bearer", "t", "Range:bytes=0-3"],
        &["GET", "URL", "a=1"],
        &["URL", "-c", "x", "Transfer-Encoding:chunked"],
        &["URL", "--download", "saved"],
    ];
    for row in rows {
        // No argument can hold a NUL: that body comes through a pipe.
        let nul = row.iter().position(|arg| arg.contains('\0'));
        let server = mirror();
        let url = server.url("/x?y=1");
        let args: Vec<&str> = row
            .iter()
            .map(|arg| if *arg == "URL" { &*url } else { arg })
            .collect();
        let (command, _) = match nul {
            Some(at) => {
                let rest = [&args[..at - 1], &args[at + 1..]].concat();
                let input = args[at].as_bytes();
                (
                    run_with(input, &[&["--curl"], &*rest].concat()).text(),
                    run_with(input, &rest).text(),
                )
            }
            None => (
                run_in(folder.path(), &[&["--curl"], &*args].concat()).text(),
                run_in(folder.path(), &args).text(),
            ),
        };
        assert_eq!(
            command.matches('\n').count(),
            command.trim_end().matches('\n').count() + 1
        );
        in_shell(&folder, &command);
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{command}");
        let (ours, theirs) = (&requests[0], &requests[1]);
        assert_eq!(
            (&ours.method, &ours.target),
            (&theirs.method, &theirs.target),
            "{command}"
        );
        assert_eq!(ours.body, theirs.body, "{command}");
        assert_eq!(fields(ours), fields(theirs), "{command}");
    }
}

#[test]
fn forms_with_files_differ_in_the_boundary_alone() {
    if program("curl").is_none() {
        return;
    }
    let folder = Folder::new();
    folder.write("a \"b.csv", "1,2");
    let server = mirror();
    let url = &*server.url("/");
    let args = [
        url,
        "note=@;x=1",
        "up@a \"b.csv",
        "again@a \"b.csv;type=text/x;filename=n.txt",
    ];
    let args = [url, r"note=\@;x", "up@a \"b.csv", args[3]];
    let command = run_in(folder.path(), &[&["--curl"], &args[..]].concat()).text();
    run_in(folder.path(), &args).text();
    in_shell(&folder, &command);
    let bodies: Vec<String> = server
        .requests()
        .iter()
        .map(|request| {
            let kind = request.header("content-type").unwrap();
            let boundary = kind.split("boundary=").nth(1).unwrap();
            request.text().replace(boundary, "B")
        })
        .collect();
    assert_eq!(bodies[0], bodies[1], "{command}");
}

#[test]
fn options_are_translated() {
    let command = run(&[
        "--curl",
        "--follow-redirects",
        "--http2",
        "--no-verify",
        "--proxy",
        "http://p:1",
        "--timeout",
        "2.5",
        "--download",
        "f",
        "--continue",
        "https://e.org/a b?c#d",
    ])
    .text();
    for words in [
        "--location --max-redirs 20",
        "--http2",
        "--insecure",
        "--proxy http://p:1",
        "--connect-timeout 2.5",
        "--output f",
        "--continue-at -",
        " 'https://e.org/a%20b?c'\n",
    ] {
        assert!(command.contains(words), "{words} in {command}");
    }
    let command = run(&["--curl", "--digest", "--auth", "tom", "mot 123", "e.org"]).text();
    assert!(
        command.contains("--digest --user 'tom:mot 123'") && !command.contains("uthorization"),
        "{command}"
    );
    if program("curl").is_none() {
        return;
    }
    let server = Server::answering(tls(), echo);
    let ca = certs()
        .ca_file
        .canonicalize()
        .unwrap()
        .display()
        .to_string();
    let command = run(&["--curl", "--verify", &ca, &*server.https("/")]).text();
    assert!(in_shell(&Folder::new(), &command).contains("\"GET\""));
}
