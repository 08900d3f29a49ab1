//! How the tests run the program, and what they run it against.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use sync_tests::http::echo;
use sync_tests::{Received, Server};

pub(crate) const DIMORPH: &str = env!("CARGO_BIN_EXE_dimorph");

/// What of the environment would change what the program does.
const ENVIRONMENT: [&str; 14] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "NO_COLOR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
    "TERM",
    "REQUEST_METHOD",
];

/// How a call ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Ran {
        Ran {
            status: output.status.code().unwrap_or(-1),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What went to standard output of a call that ended well.
    pub(crate) fn text(self) -> String {
        assert_eq!((self.status, &*self.err), (0, ""));
        String::from_utf8(self.out).unwrap()
    }

    /// The complaint of a call that ended with this status, and printed nothing else.
    pub(crate) fn complaint(self, status: i32) -> String {
        assert_eq!((self.status, self.out.len()), (status, 0), "{}", self.err);
        let complaint = self.err.strip_prefix("dimorph: ").unwrap().trim_end();
        assert!(complaint.lines().count() <= 2, "{complaint}");
        complaint.to_owned()
    }
}

/// The command, in an environment of the tests' own; nothing comes from standard input.
pub(crate) fn command<A: AsRef<str>>(args: &[A]) -> Command {
    let mut command = Command::new(DIMORPH);
    command.args(args.iter().map(AsRef::as_ref));
    for name in ENVIRONMENT {
        command.env_remove(name);
    }
    command.env("NETRC", "/nonexistent");
    command.env("HOME", "/nonexistent");
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    command
}

/// Runs it with pipes for both outputs.
pub(crate) fn run<A: AsRef<str>>(args: &[A]) -> Ran {
    Ran::of(command(args).output().unwrap())
}

/// Runs it in a folder.
pub(crate) fn run_in<A: AsRef<str>>(folder: &Path, args: &[A]) -> Ran {
    Ran::of(command(args).current_dir(folder).output().unwrap())
}

/// Runs it with these bytes in a pipe as standard input.
pub(crate) fn run_with<A: AsRef<str>>(input: &[u8], args: &[A]) -> Ran {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = pipe.write_all(&input);
    });
    let ran = Ran::of(child.wait_with_output().unwrap());
    writer.join().unwrap();
    ran
}

/// Reads standard output until it has this many bytes.
pub(crate) fn read_some(child: &mut Child, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut bytes)
        .unwrap();
    bytes
}

/// A server that answers with what it was asked.
pub(crate) fn mirror() -> Server {
    Server::http(echo)
}

/// The only request that a server got.
pub(crate) fn only(server: &Server) -> Received {
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// Sends to a mirror, and returns what it saw.
pub(crate) fn seen(args: &[&str]) -> Received {
    let server = mirror();
    let url = server.url("/x");
    let args: Vec<&str> = args
        .iter()
        .map(|arg| if *arg == "URL" { &*url } else { arg })
        .collect();
    run(&args).text();
    only(&server)
}

/// A server that sends the first piece of a body, and the last one when it is told to.
pub(crate) fn gated(
    content_type: &'static str,
    first: &'static str,
    last: &'static str,
) -> (Server, Sender<()>) {
    let (release, released) = channel();
    let released = Mutex::new(released);
    let server = Server::wire(move |wire| {
        while wire.read_head()?.is_some() {
            let length = first.len() + last.len();
            wire.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{first}"))?;
            let _ = released.lock().unwrap().recv();
            wire.send(last)?;
        }
        Ok(())
    });
    (server, release)
}
