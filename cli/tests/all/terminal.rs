//! A pseudo-terminal, and the program in it.

use std::io::{Read, Write};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::DIMORPH;

/// A terminal of 100 columns, with the program running in it as the leader of its session.
pub(crate) struct Terminal {
    pty: std::sync::Arc<Pty>,
    child: std::process::Child,
    pieces: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

/// How long anything may take before a test is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What of the program is not the terminal.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) stdin: Option<Stdio>,
    pub(crate) stdout: Option<Stdio>,
}

impl Terminal {
    /// Starts it, all of whose ends are the terminal.
    pub(crate) fn start<A: AsRef<str>>(args: &[A]) -> Terminal {
        Terminal::start_with(args, &[], Ends::default())
    }

    /// Starts it with these variables.
    pub(crate) fn start_with<A: AsRef<str>>(
        args: &[A],
        variables: &[(&str, &str)],
        ends: Ends,
    ) -> Terminal {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(24, 100)).unwrap();
        let mut command = Command::new(DIMORPH)
            .args(args.iter().map(AsRef::as_ref))
            .env_clear()
            .env("TERM", "xterm-256color")
            .env("NETRC", "/nonexistent")
            .env("HOME", "/nonexistent")
            .envs(variables.iter().copied());
        if let Some(stdin) = ends.stdin {
            command = command.stdin(stdin);
        }
        if let Some(stdout) = ends.stdout {
            command = command.stdout(stdout);
        }
        let child = command.spawn(pts).unwrap();
        let pty = std::sync::Arc::new(pty);
        let (sender, pieces) = channel();
        thread::spawn({
            let pty = std::sync::Arc::clone(&pty);
            move || {
                let mut block = [0; 4096];
                // The end comes as an error once nobody has the other side open.
                while let Ok(n) = (&*pty).read(&mut block) {
                    if n == 0 || sender.send(block[..n].to_vec()).is_err() {
                        return;
                    }
                }
            }
        });
        Terminal {
            pty,
            child,
            pieces,
            seen: Vec::new(),
        }
    }

    /// Waits until this text stands on the terminal.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while sync_tests::wire::find(&self.seen, text.as_bytes()).is_none() {
            let piece = self.pieces.recv_timeout(PATIENCE);
            let piece = piece.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.so_far()));
            self.seen.extend(piece);
        }
    }

    /// Waits until what is typed is not shown.
    pub(crate) fn wait_until_it_does_not_echo(&self) {
        let end = Instant::now() + PATIENCE;
        let echoes = || {
            tcgetattr(&*self.pty)
                .unwrap()
                .local_modes
                .contains(LocalModes::ECHO)
        };
        while echoes() {
            assert!(Instant::now() < end, "it still echoes: {}", self.so_far());
            thread::yield_now();
        }
    }

    /// Types.
    pub(crate) fn type_in(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    /// What was written so far, with a terminal's line ends taken off.
    pub(crate) fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace("\r\n", "\n")
    }

    /// Waits for the end; returns the exit status and all that was written.
    pub(crate) fn end(mut self) -> (i32, String) {
        while let Ok(piece) = self.pieces.recv_timeout(PATIENCE) {
            self.seen.extend(piece);
        }
        let status: ExitStatus = self.child.wait().unwrap();
        (status.code().unwrap_or(-1), self.so_far())
    }
}

/// Runs it to its end in a terminal; it must end well.
pub(crate) fn shown<A: AsRef<str>>(args: &[A]) -> String {
    let (status, text) = Terminal::start(args).end();
    assert_eq!(status, 0, "{text}");
    text
}

/// The text without its colours.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        out += &rest[..at];
        let end = rest[at + 2..]
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap();
        rest = &rest[at + 2 + end + 1..];
    }
    out + rest
}
