//! Record and replay: what a server said once is said again without it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use dimorph::Result;
use dimorph::transport::{Handler, Mode, Recorder, Recording, Replay};
use sync_tests::{Reply, Server};

use super::common::{builder, client};
use super::form::{Client, Transport};
use super::{common, dual, form, form_test, form_util};

mod answers;
mod files;
mod matching;
mod modes;
mod redaction;

/// A folder for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("dimorph-recording-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Where the tape is; its folder is to be made.
    fn tape(&self) -> PathBuf {
        self.0.join("tapes/tape.har")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.tape()).unwrap()
    }

    fn entries(&self) -> usize {
        self.text().matches("\"startedDateTime\"").count()
    }

    fn recorder(&self) -> Recorder {
        Recorder::new(self.tape())
    }

    fn replay(&self) -> Replay {
        Replay::from_file(self.tape()).unwrap()
    }

    fn recording(&self, mode: Mode) -> Recording {
        Recording::open(self.tape()).unwrap().mode(mode)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn with(transport: impl Transport + 'static) -> Client {
    builder().transport(transport).build().unwrap()
}

fn over(handler: impl Handler + 'static) -> Client {
    with(handler.over(client()))
}

fn counting() -> Server {
    let count = AtomicUsize::new(0);
    Server::http(move |_| Reply::ok(count.fetch_add(1, Ordering::SeqCst).to_string()))
}

#[dual]
async fn text_of(client: &Client, url: String) -> Result<String> {
    let response = client.get(url).send().await?;
    response.text().await
}
