//! Servers and proxies that others wrote, each started for one test, on ports and in a folder of its own.
//!
//! Where a program is not installed the test says so and ends; in continuous integration, which installs them, that is a failure.

mod apache;
mod curl;
mod microsocks;
mod nginx;
mod squid;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

pub use apache::{Apache, MODULES, beginning};
pub use curl::{CurlAnswer, curl};
pub use microsocks::Microsocks;
pub use nginx::Nginx;
pub use squid::Squid;

/// The user that every peer knows.
pub const USER: &str = "user";
/// That user's password.
pub const PASSWORD: &str = "pass word";

/// How long a program may take until it accepts.
const START: Duration = Duration::from_secs(30);

/// Says why a test does not run; in continuous integration all of them do.
#[allow(clippy::print_stdout, reason = "nothing is skipped silently")]
pub fn skipped(reason: &str) {
    assert!(env::var_os("CI").is_none(), "{reason}");
    println!("skipped: {reason}");
}

/// Finds a program on the path, or where servers are installed beside it; says so where it is not.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skipped(&format!("{name} is not installed"));
    }
    found
}

/// Returns a loopback address that nobody listens on now, below the ports that the system hands out itself: no test's own server and no
/// connection takes it before the peer does.
pub fn free_address() -> SocketAddr {
    const FIRST: usize = 10_000;
    const PORTS: usize = 20_000;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Processes that run at once begin far from one another.
    let first = process::id() as usize * 211;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(number < 10 * PORTS, "no port is free");
        let port = (FIRST + (first + number) % PORTS) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// A folder that ends with this value. It is outside the build folder, since servers that give up their rights at the start have to
/// come in.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dimorph-peer-{}-{number}", process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        Folder(folder.canonicalize().unwrap())
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.0.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        file
    }
}

impl Default for Folder {
    fn default() -> Self {
        Folder::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that runs, and its end.
pub struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a program that listens on `N` addresses, and waits until it accepts on all.
    ///
    /// `command` is given free addresses, writes its configuration, and makes the command. Another process may take a port
    /// between the look and the start; then it is asked again.
    pub fn start<const N: usize>(
        folder: &Folder,
        mut command: impl FnMut([SocketAddr; N]) -> Command,
    ) -> (Self, [SocketAddr; N]) {
        let log = folder.path().join("output.log");
        let end = Instant::now() + START;
        for _ in 0..5 {
            let addresses = [(); N].map(|()| free_address());
            let output = fs::File::create(&log).unwrap();
            let child = command(addresses)
                .stdin(Stdio::null())
                .stdout(output.try_clone().unwrap())
                .stderr(output)
                .current_dir(folder.path())
                .spawn();
            let mut process = Process {
                child: child.unwrap(),
            };
            while process.child.try_wait().unwrap().is_none() {
                if addresses.iter().all(|a| TcpStream::connect(a).is_ok()) {
                    return (process, addresses);
                }
                assert!(
                    Instant::now() < end,
                    "it does not accept:\n{}",
                    logs(folder)
                );
                thread::sleep(Duration::from_millis(5));
            }
        }
        panic!("it does not start:\n{}", logs(folder));
    }
}

/// What the program said, on its output or in its folder.
fn logs(folder: &Folder) -> String {
    let entries = fs::read_dir(folder.path()).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "log"))
        .map(|entry| fs::read_to_string(entry.path()).unwrap_or_default())
        .collect()
}
