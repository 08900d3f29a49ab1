//! A file that takes its place when it is whole, and leaves nothing behind when it never is.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// With what stands around it, a longer name would not be one that file systems take.
const NAME_LIMIT: usize = 200;

/// How many names are tried: one that is taken is chance, several are something else.
const TRIES: usize = 8;

/// A file being written beside the place that it is for. Dropped before [`place`](PartFile::place), it is removed.
#[derive(Debug)]
pub(crate) struct PartFile {
    /// There until it is closed.
    file: Option<File>,
    part: PathBuf,
    destination: PathBuf,
    placed: bool,
}

impl PartFile {
    /// Makes a new file `.name.RANDOM.part`, exclusively: a file or link that somebody put there is not written to.
    ///
    /// It has the permissions of the file that it replaces, or those of any new one.
    pub(crate) fn create(destination: &Path) -> io::Result<PartFile> {
        PartFile::begin(destination, Mode::of)
    }

    /// The same, for its owner only, whatever the file was that it replaces.
    #[cfg(feature = "cookies")]
    pub(crate) fn create_private(destination: &Path) -> io::Result<PartFile> {
        PartFile::begin(destination, |_| Mode::private())
    }

    fn begin(destination: &Path, mode: impl FnOnce(&Path) -> Mode) -> io::Result<PartFile> {
        check(destination)?;
        // Whoever changes the current directory meanwhile does not move it.
        let destination = std::path::absolute(destination)?;
        let name = destination
            .file_name()
            .ok_or(io::ErrorKind::IsADirectory)?
            .to_owned();
        let mode = mode(&destination);
        let mut tries = 0;
        loop {
            let mut beside = OsString::from(".");
            if name.len() <= NAME_LIMIT {
                beside.push(&name);
                beside.push(".");
            }
            let random = getrandom::u64().map_err(io::Error::other)?;
            beside.push(format!("{random:016x}.part"));
            let part = destination.with_file_name(beside);
            tries += 1;
            let mut options = OpenOptions::new();
            mode.narrow(&mut options);
            match options.write(true).create_new(true).open(&part) {
                Ok(file) => {
                    mode.widen(&file);
                    return Ok(PartFile {
                        file: Some(file),
                        part,
                        destination,
                        placed: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Puts the file in its place, in one step: whoever opens it meanwhile gets the old one or the new one.
    ///
    /// It is on the disk before: without that, a loss of power just after the renaming could leave an empty file under the name.
    pub(crate) fn place(mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.sync_all()?;
        }
        fs::rename(&self.part, &self.destination)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Windows removes no file that is open.
        self.file = None;
        if !self.placed {
            // What went wrong before is the error to tell.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// The permissions of the new file. What its owner alone could read in the one replaced is not to become everybody's.
#[cfg(unix)]
struct Mode(Option<u32>);

#[cfg(unix)]
impl Mode {
    fn of(destination: &Path) -> Mode {
        use std::os::unix::fs::PermissionsExt;
        let there = fs::symlink_metadata(destination).ok();
        let file = there.filter(fs::Metadata::is_file);
        Mode(file.map(|file| file.permissions().mode() & 0o777))
    }

    #[cfg(feature = "cookies")]
    fn private() -> Mode {
        Mode(Some(0o600))
    }

    /// From the beginning: who has opened it once can read what is written later.
    fn narrow(&self, options: &mut OpenOptions) {
        use std::os::unix::fs::OpenOptionsExt;
        if let Some(mode) = self.0 {
            options.mode(mode);
        }
    }

    /// Gives back what the umask took. Where the file system knows of no permissions, they stay as they are.
    fn widen(&self, file: &File) {
        use std::os::unix::fs::PermissionsExt;
        if let Some(mode) = self.0 {
            let _ = file.set_permissions(fs::Permissions::from_mode(mode));
        }
    }
}

/// Elsewhere a file has those of its folder.
#[cfg(not(unix))]
struct Mode;

#[cfg(not(unix))]
impl Mode {
    fn of(_: &Path) -> Mode {
        Mode
    }

    #[cfg(feature = "cookies")]
    fn private() -> Mode {
        Mode
    }

    fn narrow(&self, _: &mut OpenOptions) {}

    fn widen(&self, _: &File) {}
}

/// Refuses what is not to be replaced by a file: above all a device, which renaming would put aside for a regular file of its name.
fn check(destination: &Path) -> io::Result<()> {
    let text = destination.as_os_str().as_encoded_bytes();
    if text.is_empty() {
        let message = "the path is empty";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    match fs::metadata(destination) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file, which could be replaced",
        )),
        _ if text
            .last()
            .is_some_and(|&end| std::path::is_separator(end.into())) =>
        {
            Err(io::ErrorKind::IsADirectory.into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// A folder of its own, gone with its value.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path =
                std::env::temp_dir().join(format!("dimorph-part-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_part_stands_beside_its_place_and_goes_there_or_away() {
        let folder = Folder::new("place");
        let to = folder.0.join("a.bin");
        fs::write(&to, "old").unwrap();
        let mut part = PartFile::create(&to).unwrap();
        part.write(b"ne").unwrap();
        let names = folder.names();
        assert!(names[0].starts_with(".a.bin.") && names[0].ends_with(".part"));
        assert_eq!(fs::read(&to).unwrap(), b"old");
        drop(part);
        assert_eq!(folder.names(), ["a.bin"]);
        assert_eq!(fs::read(&to).unwrap(), b"old");
        let mut part = PartFile::create(&to).unwrap();
        part.write(b"ne").unwrap();
        part.write(b"w").unwrap();
        part.place().unwrap();
        assert_eq!(folder.names(), ["a.bin"]);
        assert_eq!(fs::read(&to).unwrap(), b"new");
    }

    #[test]
    fn a_name_may_be_as_long_as_the_file_system_takes() {
        let folder = Folder::new("long");
        let name = "n".repeat(255);
        PartFile::create(&folder.0.join(&name))
            .unwrap()
            .place()
            .unwrap();
        assert_eq!(folder.names(), [name]);
    }

    #[test]
    fn what_is_no_place_for_a_file_is_refused() {
        let folder = Folder::new("refused");
        for path in [
            folder.0.clone(),
            folder.0.join("new/"),
            "/".into(),
            "..".into(),
        ] {
            let error = PartFile::create(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::IsADirectory, "{path:?}");
        }
        let error = PartFile::create(Path::new("")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = PartFile::create(&folder.0.join("none/a")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(folder.names().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_part_can_be_read_by_those_alone_who_can_read_what_it_replaces() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let folder = Folder::new("mode");
        let to = folder.0.join("a");
        for (before, after) in [
            (0o600, 0o600),
            (0o666, 0o666),
            (0o444, 0o444),
            (0o4755, 0o755),
        ] {
            fs::write(&to, "old").unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(before)).unwrap();
            let mut part = PartFile::create(&to).unwrap();
            assert_eq!(mode(&part.part), after);
            part.write(b"new").unwrap();
            part.place().unwrap();
            assert_eq!(mode(&to), after);
            assert_eq!(fs::read(&to).unwrap(), b"new");
            fs::remove_file(&to).unwrap();
        }
        // A link is replaced, and so are its permissions, which are none.
        let other = folder.0.join("other");
        fs::write(&other, "").unwrap();
        let any = mode(&other);
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&other, &to).unwrap();
        PartFile::create(&to).unwrap().place().unwrap();
        assert_eq!(mode(&to), any);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_replaced_and_a_link_is_not_followed() {
        let error = PartFile::create(Path::new("/dev/null")).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        let folder = Folder::new("link");
        let (target, link) = (folder.0.join("target"), folder.0.join("link"));
        fs::write(&target, "kept").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut part = PartFile::create(&link).unwrap();
        part.write(b"new").unwrap();
        part.place().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"kept");
        assert_eq!(fs::read(&link).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }
}
