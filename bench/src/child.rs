//! One peer, one workload, in a process of its own: what it spends is that peer's alone.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, process};

use crate::measure::Spent;
use crate::peers::{self, NotOffered, Peer, Stage};
use crate::server::{Ports, Server};
use crate::workload::{Job, Setup, Workload};
use crate::{Done, Heap, Snapshot, tls};

/// The workload of W9, which measures bytes where the others measure time.
pub(crate) const HOLD: &str = "W9";

/// Where the server is and what it serves.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) ports: Ports,
    pub(crate) directory: PathBuf,
    pub(crate) size: u64,
}

impl Site {
    /// The command that runs one child against this site.
    pub(crate) fn child(
        &self,
        program: &Path,
        peer: &str,
        workload: &str,
        times: usize,
    ) -> Vec<String> {
        let mut command = vec![
            program.display().to_string(),
            "child".into(),
            peer.into(),
            workload.into(),
        ];
        command.push(times.to_string());
        for (name, value) in [
            ("--ports", self.ports.to_string()),
            ("--size", self.size.to_string()),
            ("--directory", self.directory.display().to_string()),
        ] {
            command.extend([name.to_owned(), value]);
        }
        command
    }

    pub(crate) fn upload_file(&self) -> PathBuf {
        self.directory.join("upload")
    }

    fn setup(&self, workload: Workload) -> Done<Setup> {
        let ca = fs::read(self.directory.join("ca.der"))?;
        let (is_tls, http2) = (workload.is_tls(), workload.is_http2());
        let tls = if is_tls {
            Some(tls::client_config(&ca, http2)?)
        } else {
            None
        };
        Ok(Setup {
            port: match (is_tls, http2) {
                (false, false) => self.ports.plain,
                (true, false) => self.ports.tls,
                (false, true) => self.ports.http2,
                (true, true) => self.ports.http2_tls,
            },
            tls,
            ca,
            gzip: workload == Workload::Gzip,
            http2,
        })
    }
}

/// What a child reports on one line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    /// CPU time of client and server in nanoseconds, and allocations where they were counted.
    Spent {
        cpu: u64,
        server: u64,
        allocations: u64,
    },
    /// Heap bytes of one connection.
    Held {
        in_flight: i64,
        idle: i64,
    },
    NotOffered,
}

impl Report {
    /// Runs a child to its end.
    pub(crate) fn of(command: &[String]) -> Done<Self> {
        let output = Command::new(&command[0]).args(&command[1..]).output()?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {}", command[2..5].join(" "), reason.trim()).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let mut words = text.split_whitespace();
        let kind = words.next();
        let numbers = words.map(str::parse).collect::<Result<Vec<i64>, _>>()?;
        match (kind, &numbers[..]) {
            (Some("spent"), &[cpu, server, _wall, allocations]) => Ok(Self::Spent {
                cpu: cpu.unsigned_abs(),
                server: server.unsigned_abs(),
                allocations: allocations.unsigned_abs(),
            }),
            (Some("held"), &[in_flight, idle]) => Ok(Self::Held { in_flight, idle }),
            (Some("not-offered"), []) => Ok(Self::NotOffered),
            _ => Err(format!("a child said {text:?}").into()),
        }
    }
}

/// A directory that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// Makes the directory and the certificates in it.
    pub(crate) fn new() -> Done<Self> {
        let scratch = Self(std::env::temp_dir().join(format!("dimorph-bench-{}", process::id())));
        fs::create_dir_all(&scratch.0)?;
        tls::make_certificates(&scratch.0)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left over in the temporary directory at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn make_upload_file(path: &Path, size: u64) -> Done {
    let mut file = fs::File::create(path)?;
    let copied = std::io::copy(&mut std::io::repeat(b'x').take(size), &mut file)?;
    assert_eq!(copied, size, "the source has no end");
    Ok(())
}

pub(crate) fn run(arguments: &[String], snapshot: Snapshot) -> Done {
    let [peer, workload, times, options @ ..] = arguments else {
        return Err("usage: bench child PEER WORKLOAD N [--size BYTES]".into());
    };
    let times = times.parse()?;
    // reqwest takes its provider from here and nowhere else; the others were given it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a provider is installed already")?;
    let mut site = Site {
        ports: Ports::default(),
        directory: PathBuf::new(),
        size: 64 << 20,
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = options
            .next()
            .ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--ports" => site.ports = Ports::parse(value)?,
            "--size" => site.size = value.parse()?,
            "--directory" => site.directory = value.into(),
            _ => return Err(format!("unknown option {option}").into()),
        }
    }
    if site.ports.plain != 0 {
        return work(&site, peer, workload, times, snapshot);
    }
    // Alone, as for a profiler: its own server and files.
    let scratch = Scratch::new()?;
    let server = Server::start(&scratch.0)?;
    (site.ports, site.directory) = (server.ports, scratch.0.clone());
    if workload == Workload::UploadFile.name() {
        make_upload_file(&site.upload_file(), site.size)?;
    }
    work(&site, peer, workload, times, snapshot)
}

fn work(site: &Site, peer: &str, workload: &str, times: usize, snapshot: Snapshot) -> Done {
    let worked = if workload == HOLD {
        let snapshot = snapshot.ok_or("W9 needs the counting allocator: run bench-counting")?;
        site.setup(Workload::Small)
            .and_then(|setup| hold(&mut *peers::make(peer, &setup)?, &setup, times, snapshot))
    } else {
        spend(site, peer, workload, times, snapshot)
    };
    match worked {
        Err(error) if error.is::<NotOffered>() => {
            println!("not-offered");
            Ok(())
        }
        worked => worked,
    }
}

fn spend(site: &Site, peer: &str, workload: &str, times: usize, snapshot: Snapshot) -> Done {
    let workload = Workload::parse(workload)?;
    let setup = site.setup(workload)?;
    let job = Job::new(workload, site.size, site.upload_file());
    let mut peer = peers::make(peer, &setup)?;
    let heap = || snapshot.map_or_else(Heap::default, |snapshot| snapshot());
    let connections = http2_connections(site.ports.plain)?;
    job.warm_up(&mut *peer, &setup)?;
    let server = server_cpu(site.ports.plain)?;
    let before = heap();
    let spent = Spent::during(|| job.run(&mut *peer, &setup, times))?;
    let allocations = heap().allocations - before.allocations;
    let server = server_cpu(site.ports.plain)? - server;
    let opened = http2_connections(site.ports.plain)? - connections;
    if opened != u64::from(workload.is_http2()) {
        return Err(format!("{opened} HTTP/2 connections").into());
    }
    println!(
        "spent {} {server} {} {allocations}",
        spent.cpu.as_nanos(),
        spent.wall.as_nanos()
    );
    Ok(())
}

fn hold(peer: &mut dyn Peer, setup: &Setup, count: usize, snapshot: fn() -> Heap) -> Done {
    // What is made once per client is not a connection's.
    peer.get(&setup.url("/small"), 2)?;
    let before = snapshot().live_bytes;
    let per_connection = |now: i64| (now - before) / count as i64;
    let (mut in_flight, mut idle) = (0, 0);
    peer.hold(&setup.url("/hold"), count, &mut |stage| {
        let now = per_connection(snapshot().live_bytes);
        match stage {
            Stage::Idle => idle = now,
            Stage::InFlight => {
                in_flight = now;
                release(setup.port)?;
            }
        }
        Ok(())
    })?;
    println!("held {in_flight} {idle}");
    Ok(())
}

/// Lets the server send the halves that it keeps back.
fn release(port: u16) -> Done {
    ask(port, "/release").map(drop)
}

/// The CPU time of the server so far, in nanoseconds.
fn server_cpu(port: u16) -> Done<u64> {
    number(port, "/cpu")
}

/// How many connections the HTTP/2 server has accepted so far.
fn http2_connections(port: u16) -> Done<u64> {
    number(port, "/connections")
}

fn number(port: u16, path: &str) -> Done<u64> {
    let answer = ask(port, path)?;
    let body = answer.rsplit("\r\n").next();
    Ok(body.ok_or("the server gives no number")?.parse()?)
}

fn ask(port: u16, path: &str) -> Done<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
