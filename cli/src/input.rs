//! Where text comes from: a file, or standard input under the name `-`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::failure::Failure;

/// A file, or standard input.
#[derive(Debug, Clone)]
pub enum Input {
    /// `-`
    Standard,
    /// A path.
    File(PathBuf),
}

impl FromStr for Input {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Standard } else { Self::File(text.into()) })
    }
}

impl Input {
    /// Opens it for reading from its beginning.
    ///
    /// # Errors
    /// When the file cannot be opened: a wrong call.
    pub fn open(&self) -> Result<BufReader<Box<dyn Read>>, Failure> {
        let reader: Box<dyn Read> = match self {
            Self::Standard => Box::new(io::stdin()),
            Self::File(path) => Box::new(open(path)?),
        };
        Ok(BufReader::with_capacity(64 * 1024, reader))
    }

    /// Reads all of it, but not past a limit: of a larger one, one byte more than that comes back, for whoever judges
    /// sizes to see.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn read_at_most(&self, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.open()?.take(limit + 1).read_to_end(&mut bytes).map_err(Failure::of(format!("read {self}")))?;
        Ok(bytes)
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Standard => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::Usage(format!("cannot open {}: {error}", path.display())))
}
