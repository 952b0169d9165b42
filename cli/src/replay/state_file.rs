//! Where it is written down how far a replay is: a file that one program at a time has, and that is replaced whole.
//!
//! Its lock goes with the file that is there now, so each new one is locked before it takes the place of the last.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::ports::Book;
use super::progress::Progress;
use crate::failure::Failure;

/// The most bytes of a state: a part's events at a few dozen inboxes, and a grant.
const MOST: u64 = 16 * 1024 * 1024;

/// The file, locked as long as this lives.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    held: File,
}

impl StateFile {
    /// Makes a new one.
    ///
    /// # Errors
    /// When it is there already, or cannot be written.
    pub fn create(path: &Path, progress: &Progress) -> Result<Self, Failure> {
        let held = options().create_new(true).open(path).map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    "it is there already; --resume goes on with it, --state names another".to_owned()
                }
                _ => format!("{error}; --state names another place"),
            };
            Failure::Usage(format!("cannot make {}: {why}", path.display()))
        })?;
        let mut file = Self { path: path.to_owned(), held };
        lock(&file.held, path)?;
        file.write(progress)?;
        Ok(file)
    }

    /// Opens one to go on with.
    ///
    /// # Errors
    /// When it is not there or is none, or another program has it.
    pub fn open(path: &Path) -> Result<(Self, Progress), Failure> {
        let unusable = |why: String| Failure::Usage(format!("cannot resume from {}: {why}", path.display()));
        loop {
            let held = OpenOptions::new().read(true).open(path).map_err(|error| unusable(error.to_string()))?;
            lock(&held, path)?;
            if !is_at(&held, path).map_err(Failure::of(format!("read {}", path.display())))? {
                // It was replaced between the two.
                continue;
            }
            let mut text = Vec::new();
            let read = (&held).take(MOST).read_to_end(&mut text);
            read.map_err(Failure::of(format!("read {}", path.display())))?;
            let progress = Progress::read(&text).map_err(unusable)?;
            return Ok((Self { path: path.to_owned(), held }, progress));
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Book for StateFile {
    fn write(&mut self, progress: &Progress) -> Result<(), Failure> {
        let failed = || Failure::of(format!("write down in {} how far the replay is", self.path.display()));
        let text = serde_json::to_vec_pretty(progress).map_err(|error| failed()(error.into()))?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".next");
        let next_path = self.path.with_file_name(name);
        let mut next = options().create(true).truncate(true).open(&next_path).map_err(failed())?;
        lock(&next, &next_path)?;
        next.write_all(&text).and_then(|()| next.sync_all()).map_err(failed())?;
        fs::rename(&next_path, &self.path).map_err(failed())?;
        // The name has to last as the bytes do.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed())?;
        self.held = next;
        Ok(())
    }
}

/// For its owner alone: it may hold a grant.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn lock(file: &File, path: &Path) -> Result<(), Failure> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::Usage(format!("another program goes on with {} at this moment", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(Failure::of(format!("lock {}", path.display()))(error)),
    }
}

/// Whether the file is the one at this path.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let (one, other) = (file.metadata()?, fs::metadata(path)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::replay::tests::selection;

    #[test]
    fn it_is_read_back_is_its_owners_alone_and_one_program_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replay.json");
        let mut progress = Progress::new(selection());
        let mut file = StateFile::create(&path, &progress).unwrap();
        let refused = StateFile::open(&path).unwrap_err().to_string();
        assert!(refused.contains("another program goes on with"), "{refused}");
        for key in ["a", "b"] {
            progress.pass(key);
            file.write(&progress).unwrap();
            assert!(StateFile::open(&path).is_err(), "it is ours still");
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        let (_held, read) = StateFile::open(&path).unwrap();
        assert_eq!(read, progress);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn one_that_is_there_or_is_none_is_refused_with_what_would_be_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replay.json");
        fs::write(&path, "{\"version\":1}").unwrap();
        let there = StateFile::create(&path, &Progress::new(selection())).unwrap_err().to_string();
        assert!(there.contains("--resume goes on with it"), "{there}");
        let none = StateFile::open(&path).unwrap_err().to_string();
        assert!(none.contains("it is no state of a replay"), "{none}");
        let absent = StateFile::open(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(absent.starts_with("cannot resume from "), "{absent}");
        let text =
            serde_json::to_string(&Progress::new(selection())).unwrap().replace("\"version\":1", "\"version\":2");
        fs::write(&path, text).unwrap();
        let newer = StateFile::open(&path).unwrap_err().to_string();
        assert!(newer.contains("it is of version 2, and this program knows version 1"), "{newer}");
    }
}
