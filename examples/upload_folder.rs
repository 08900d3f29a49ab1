//! Uploads a folder, with all that is in it, as one multipart form: streamed from the files, with progress.
//!
//! `cargo run --example upload_folder`, or with where to send which folder:
//! `cargo run --example upload_folder -- https://httpbin.org/post photos`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

#[path = "support/upload_folder.rs"]
mod store;
mod support;

use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, fs, io};

use dimorph::blocking::Response;
use dimorph::multipart::{Form, Part};
use dimorph::{Client, Result, Timeout};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What the store says it got.
#[derive(Debug, Deserialize)]
struct Got {
    name: String,
    kind: String,
    bytes: usize,
    sha256: String,
}

/// All files below a folder, by their paths in it; links are not followed.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(within) = folders.pop() {
        for entry in fs::read_dir(folder.join(&within))? {
            let entry = entry?;
            let (path, kind) = (within.join(entry.file_name()), entry.file_type()?);
            match (kind.is_dir(), kind.is_file()) {
                (true, _) => folders.push(path),
                (_, true) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

fn upload(client: &Client, url: &str, folder: &Path) -> Result<Response> {
    let mut form = Form::new().text(
        "folder",
        folder.file_name().unwrap_or_default().to_string_lossy(),
    );
    for path in files(folder).map_err(dimorph::Error::other)? {
        // Each file is read while it is sent. Its type is guessed by its name, and the name is the path in the folder, which is
        // how browsers send folders too.
        let name = path.to_string_lossy().replace(MAIN_SEPARATOR, "/");
        let mut part = Part::file(folder.join(&path))?.file_name(name);
        if path
            .extension()
            .is_some_and(|extension| extension == "notes")
        {
            part = part.mime("text/x-notes; charset=utf-8")?;
        }
        form = form.part("files", part);
    }
    // Files know their lengths, so the form has one, and a bar its end.
    let length = form.content_length();
    let style = ProgressStyle::with_template(
        "{bar:40} {binary_bytes} of {binary_total_bytes} {binary_bytes_per_sec} {eta}",
    );
    let bar = ProgressBar::new(length.unwrap_or_default())
        .with_style(style.map_err(dimorph::Error::other)?);
    let sent = Arc::new(AtomicU64::new(0));
    let (shown, counter) = (bar.clone(), Arc::clone(&sent));
    let response = client
        .post(url)
        .multipart(form)
        .on_upload(move |progress| {
            shown.set_position(progress.bytes);
            counter.store(progress.bytes, Ordering::Relaxed);
        })
        // The server may think for a while when it has everything.
        .timeout(Timeout::new(Duration::from_secs(5)).read(Duration::from_secs(60)))
        .send();
    bar.finish_and_clear();
    println!("{} bytes sent, of {length:?}", sent.load(Ordering::Relaxed));
    response?.error_for_status()
}

fn main() -> support::Done {
    let client = Client::new();
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [url, folder] = &arguments[..] {
        println!("{}", upload(&client, url, folder.as_ref())?.text()?);
        return Ok(());
    }

    let (store, folder) = (store::start()?, support::Scratch::new("upload")?);
    fs::create_dir(folder.path().join("pictures"))?;
    let large: Vec<u8> = (0..2_u32 << 20)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let expected: [(&str, &str, &[u8]); 5] = [
        ("a day.notes", "text/x-notes; charset=utf-8", b"tea at four"),
        ("pictures/garden.png", "image/png", &large),
        ("pictures/zażółć.jpg", "image/jpeg", b"no picture"),
        ("plan.json", "application/json", b"{}"),
        ("unknown", "application/octet-stream", b""),
    ];
    for (name, _, content) in expected {
        fs::write(folder.path().join(name), content)?;
    }

    let got: Vec<Got> = upload(&client, &store.url("/files"), folder.path())?.json()?;
    // The first is the field that is no file.
    assert_eq!(got.len(), expected.len() + 1);
    for file in &got[1..] {
        println!("{:>8} bytes  {:<28}  {}", file.bytes, file.kind, file.name);
    }
    for (file, (name, kind, content)) in got[1..].iter().zip(expected) {
        let sha256: String = Sha256::digest(content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            (&*file.name, &*file.kind, file.bytes, &*file.sha256),
            (name, kind, content.len(), &*sha256)
        );
    }
    Ok(())
}
