//! Standard input as the body.

use std::fs::File;
use std::io;

use crate::failure::{Failure, Result};

/// A body up to this size is read before it is sent, and so has a length.
const SMALL: usize = 1 << 20;

/// What is left to be read.
pub(crate) enum Stdin {
    File(File),
    /// What was read of it so far.
    Pipe(Vec<u8>),
}

/// How much was read.
pub(crate) enum Read {
    Whole(Vec<u8>),
    Begun(Stdin),
}

/// The body, where standard input is a pipe, a socket or a file that is not empty; not a terminal, and no device such as /dev/null.
pub(crate) fn body() -> Result<Option<Read>> {
    let unread = |error| Failure::file("standard input", &error);
    match kind().map_err(unread)? {
        Kind::Other => Ok(None),
        Kind::File(file) => Ok(Some(Read::Begun(Stdin::File(file)))),
        Kind::Pipe => {
            let mut first = Vec::new();
            io::Read::read_to_end(&mut io::Read::take(io::stdin(), SMALL as u64), &mut first)
                .map_err(unread)?;
            Ok(match first.len() {
                0 => None,
                SMALL => Some(Read::Begun(Stdin::Pipe(first))),
                _ => Some(Read::Whole(first)),
            })
        }
    }
}

#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "elsewhere a file is read as a pipe is")
)]
enum Kind {
    File(File),
    Pipe,
    Other,
}

#[cfg(unix)]
fn kind() -> io::Result<Kind> {
    use std::io::Seek;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;

    // A closed standard input was opened anew as /dev/null before main.
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let meta = file.metadata()?;
    let kind = meta.file_type();
    Ok(if kind.is_file() {
        match file.stream_position()? < meta.len() {
            true => Kind::File(file),
            false => Kind::Other,
        }
    } else if kind.is_fifo() || kind.is_socket() {
        Kind::Pipe
    } else {
        Kind::Other
    })
}

#[cfg(not(unix))]
fn kind() -> io::Result<Kind> {
    Ok(match io::IsTerminal::is_terminal(&io::stdin()) {
        true => Kind::Other,
        false => Kind::Pipe,
    })
}
