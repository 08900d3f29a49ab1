//! `SSLKEYLOGFILE`: the secrets of each session, appended to a file in the NSS format.
//!
//! `rustls::KeyLogFile` does the same but reads the process's environment itself, so that `trust_env(false)` could not
//! keep it out, and an unwritable file would pass unnoticed.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A key log that appends to one file.
pub(super) struct KeyLog(Mutex<File>);

impl KeyLog {
    /// Opens the file for appending. A new one is readable by its owner only.
    pub(super) fn open(path: &Path) -> io::Result<KeyLog> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(KeyLog(Mutex::new(options.open(path)?)))
    }
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = line(label, client_random, secret);
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One write keeps the line whole among several processes. A full disk must not fail the connection.
        let _ = file.write_all(line.as_bytes());
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog").finish_non_exhaustive()
    }
}

fn line(label: &str, client_random: &[u8], secret: &[u8]) -> String {
    let mut line =
        String::with_capacity(label.len() + 2 * (client_random.len() + secret.len()) + 3);
    line.push_str(label);
    for bytes in [client_random, secret] {
        line.push(' ');
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(line, "{byte:02x}");
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_label_random_secret_in_lower_hex() {
        assert_eq!(
            line("CLIENT_RANDOM", &[0, 0xAB], &[0x7f]),
            "CLIENT_RANDOM 00ab 7f\n"
        );
    }
}
