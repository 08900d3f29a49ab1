//! Saving the body of a response as a file.

use std::io;
use std::path::Path;

use super::response::Response;
use super::{dual, rt};
use crate::error::{Error, ErrorKind, Result};
use crate::events::Progress;
use crate::part_file::PartFile;

#[dual]
impl Response {
    /// Saves the rest of the body, decoded, as a file; returns how many bytes were written.
    ///
    /// They are written to a new file beside it, `.name.RANDOM.part`, which takes its place in one step once it is whole and on the disk
    /// (`fsync`). When anything fails before, that file is removed, and one that was at `path` is untouched.
    /// On Unix it has the permissions of the file that it replaces, from its first byte on; where there is none, those of any new file. A
    /// symbolic link is replaced, not followed. Directories are not made.
    ///
    /// The body of an error is saved like any other: call [`error_for_status`](Response::error_for_status) before, where only
    /// success is wanted.
    ///
    /// In the async form the file is written on the runtime's threads for blocking work. A future that is dropped removes its
    /// file; one that is dropped while the file is being put in its place may have done so.
    ///
    /// # Errors
    /// As [`bytes`](Response::bytes); `Builder` where no file can be made at `path`, a directory or a device included; `WriteError` where
    /// writing fails. Both name the path.
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let response = Client::new().get("https://example.com/large.iso").send()"#,
        r#"?;
let bytes = response.error_for_status()?.save_to("large.iso")"#,
        r#"?;
println!("{bytes} bytes");"#
    )]
    pub async fn save_to(self, path: impl AsRef<Path>) -> Result<u64> {
        self.save_to_with(path, |_| {}).await
    }

    /// Saves the body as [`save_to`](Response::save_to) does, and calls a function whenever a piece of it was received.
    ///
    /// It counts as [`on_download`](super::request_builder::RequestBuilder::on_download) does: the bytes that came over the wire, before
    /// decoding, out of the `content-length`, where there is one. So what is returned may be more.
    ///
    /// # Errors
    /// As [`save_to`](Response::save_to).
    ///
    /// # Example
    ///
    #[doc = example!(
        r#"
let response = Client::new().get("https://example.com/large.iso").send()"#,
        r#"?;
response
    .error_for_status()?
    .save_to_with("large.iso", |progress| {
        println!("{} of {:?}", progress.bytes, progress.total);
    })
    "#,
        r#"?;"#
    )]
    pub async fn save_to_with(
        mut self,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(Progress),
    ) -> Result<u64> {
        let path = path.as_ref().to_owned();
        let content = self.begin_walk().map_err(|error| self.locate(error))?;
        let total = self.announced();
        let mut tell = move |response: &Response| {
            progress(Progress {
                bytes: response.num_bytes_downloaded(),
                total,
            });
        };
        let destination = path.clone();
        let created = rt::off_loop(move || PartFile::create(&destination)).await;
        let mut part = created.map_err(|error| self.locate(not_made(&path, error)))?;
        let mut written = 0;
        match content {
            Some(content) => {
                tell(&self);
                written = content.len() as u64;
                let write = move || part.write(&content).map(|()| part);
                part = rt::off_loop(write)
                    .await
                    .map_err(|error| self.locate(not_written(&path, error)))?;
            }
            None => {
                // It goes to the thread that writes and back, with the file, which is removed there when nobody waits for it any more.
                let mut buffer = self.copy_buffer();
                loop {
                    let filled = self.fill(&mut buffer, &mut tell).await?;
                    if filled == 0 {
                        break;
                    }
                    written += filled as u64;
                    let write = move || part.write(&buffer[..filled]).map(|()| (part, buffer));
                    (part, buffer) = rt::off_loop(write)
                        .await
                        .map_err(|error| self.locate(not_written(&path, error)))?;
                }
            }
        }
        let placed = rt::off_loop(move || part.place()).await;
        placed.map_err(|error| self.locate(not_written(&path, error)))?;
        Ok(written)
    }

    /// Reads until the buffer is full or the body at its end.
    async fn fill(&mut self, buffer: &mut [u8], tell: &mut impl FnMut(&Response)) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let before = self.num_bytes_downloaded();
            let read = self.read_into(&mut buffer[filled..]).await?;
            if self.num_bytes_downloaded() > before {
                tell(self);
            }
            if read == 0 {
                break;
            }
            filled += read;
        }
        Ok(filled)
    }
}

fn not_made(path: &Path, error: io::Error) -> Error {
    let path = path.display();
    Error::builder(format!("cannot save the body as {path}: {error}")).with_source(error)
}

fn not_written(path: &Path, error: io::Error) -> Error {
    let path = path.display();
    let message = format!("cannot write the body to {path}: {error}");
    Error::new(ErrorKind::WriteError, message).with_source(error)
}
