//! Downloads all files that a `SHA256SUMS` lists, three at once, goes on where a connection was lost, and checks them.
//!
//! `cargo run --example downloads`, or with a list and the folder to fill:
//! `cargo run --example downloads -- https://mirror.example/images/SHA256SUMS images`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

#[path = "support/downloads.rs"]
mod mirror;
mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{env, thread};

use dimorph::blocking::Response;
use dimorph::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use dimorph::{Client, HeaderValue, Url};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use support::Done;

const AT_ONCE: usize = 3;
/// How often a file is asked for, at most.
const ATTEMPTS: u32 = 5;
const BAR: &str = "{prefix:>12} {bar:30} {binary_bytes:>10} of {binary_total_bytes:>10} {binary_bytes_per_sec:>14} {eta:>4} {msg}";

#[derive(Clone)]
struct Wanted {
    name: String,
    url: Url,
    sha256: String,
}

/// Reads the list: a digest and a name to a line.
fn list(client: &Client, url: &str) -> Done<Vec<Wanted>> {
    let response = client.get(url).send()?.error_for_status()?;
    let base = response.url().clone();
    let mut wanted = Vec::new();
    for line in response.text()?.lines() {
        let Some((sha256, name)) = line.split_once("  ") else {
            continue;
        };
        // The names are somebody else's: they must not lead out of the folder.
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(format!("{name:?} is no plain file name").into());
        }
        wanted.push(Wanted {
            name: name.to_owned(),
            url: base.join(name)?,
            sha256: sha256.to_lowercase(),
        });
    }
    Ok(wanted)
}

/// Gets a file, in as many attempts as it takes. Only what is complete, and the right thing, gets its name.
fn download(client: &Client, wanted: &Wanted, folder: &Path, bar: &ProgressBar) -> Done {
    let part = folder.join(format!("{}.part", wanted.name));
    let mut version = None;
    let mut attempt = 1;
    loop {
        match fetch(client, &wanted.url, &part, &mut version, bar) {
            // What broke off on the network is worth another try; a full disk, or a 404, is not.
            Err(error) if attempt < ATTEMPTS && error.downcast_ref().is_some_and(is_passing) => {
                attempt += 1;
                bar.set_message(format!("attempt {attempt}"));
            }
            result => {
                result?;
                break;
            }
        }
    }
    let found = sha256(&part)?;
    if found != wanted.sha256 {
        fs::remove_file(&part)?;
        return Err(format!(
            "{}: the checksum is {found}, not {}",
            wanted.name, wanted.sha256
        )
        .into());
    }
    Ok(fs::rename(&part, folder.join(&wanted.name))?)
}

fn is_passing(error: &dimorph::Error) -> bool {
    error.is_network() || error.is_timeout() || error.is_protocol()
}

/// Appends to the part that is there.
fn fetch(
    client: &Client,
    url: &Url,
    part: &Path,
    version: &mut Option<HeaderValue>,
    bar: &ProgressBar,
) -> Done {
    let mut file = OpenOptions::new().create(true).append(true).open(part)?;
    let have = file.metadata()?.len();
    // A range counts the bytes as they are sent: not compressed, then.
    let mut request = client.get(url).header(ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
        // If it is another file by now, the server sends all of it. (What an earlier run left, the checksum judges.)
        if let Some(version) = &*version {
            request = request.header(IF_RANGE, version);
        }
    }
    let mut response = request.send()?;
    if have > 0 && response.status() == 416 {
        return Ok(()); // There is nothing after what we have.
    }
    response.raise_for_status()?;
    let strong = |version: &&HeaderValue| !version.as_bytes().starts_with(b"W/");
    *version = response.headers().get(ETAG).filter(strong).cloned();
    let start = match response.status().as_u16() {
        206 if starts_at(&response) == Some(have) => have,
        206 => return Err("the server sent another range than it was asked for".into()),
        _ => {
            file.set_len(0)?;
            0
        }
    };
    bar.set_position(start);
    bar.set_length(start + response.content_length().unwrap_or_default());
    while let Some(chunk) = response.chunk()? {
        file.write_all(&chunk)?;
        bar.inc(chunk.len() as u64);
    }
    Ok(())
}

/// Where a partial response begins, by `content-range: bytes 100-199/200`.
fn starts_at(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}

fn sha256(path: &Path) -> Done<String> {
    let (mut file, mut digest, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => {
                return Ok(digest
                    .finalize()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect());
            }
            read => digest.update(&buffer[..read]),
        }
    }
}

/// Downloads what is not there yet; returns how many files failed.
fn download_all(url: &str, folder: &Path) -> Done<usize> {
    let client = Client::new();
    let mut wanted = list(&client, url)?;
    wanted.retain(|file| !folder.join(&file.name).exists());
    let queue = Mutex::new(wanted.into_iter());
    let failures = Mutex::new(0);
    // The bars are drawn on a terminal, and nowhere else.
    let bars = MultiProgress::new();
    let style = ProgressStyle::with_template(BAR)?.progress_chars("━╸ ");
    let work = || {
        while let Some(file) = { queue.lock().unwrap_or_else(PoisonError::into_inner).next() } {
            let bar = bars.add(
                ProgressBar::new(0)
                    .with_style(style.clone())
                    .with_prefix(file.name.clone()),
            );
            let result = download(&client, &file, folder, &bar);
            bar.finish_and_clear();
            bars.suspend(|| match &result {
                Ok(()) => println!(
                    "{:>12}  {} bytes, checksum right {}",
                    file.name,
                    bar.position(),
                    bar.message()
                ),
                Err(error) => println!("{:>12}  {error}", file.name),
            });
            *failures.lock().unwrap_or_else(PoisonError::into_inner) +=
                usize::from(result.is_err());
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    Ok(failures.into_inner()?)
}

fn main() -> Done {
    if let Some(url) = env::args().nth(1) {
        let folder = env::args().nth(2).unwrap_or_else(|| ".".to_owned());
        return match download_all(&url, folder.as_ref())? {
            0 => Ok(()),
            failures => Err(format!("{failures} files are missing").into()),
        };
    }

    let (server, folder) = (mirror::start()?, support::Scratch::new("downloads")?);
    // An earlier run was interrupted.
    let begun = mirror::content("alpha.img").unwrap_or_default();
    fs::write(folder.path().join("alpha.img.part"), &begun[..1 << 20])?;

    assert_eq!(download_all(&server.url("/SHA256SUMS"), folder.path())?, 0);
    for (name, _) in mirror::FILES {
        assert!(
            Some(fs::read(folder.path().join(name))?) == mirror::content(name),
            "{name} is as it should be"
        );
    }
    assert_eq!(
        fs::read_dir(folder.path())?.count(),
        mirror::FILES.len(),
        "and no part is left"
    );
    Ok(())
}
