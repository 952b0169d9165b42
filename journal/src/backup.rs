//! A backup: every kept event with its position and its body as received, as lines of JSON; and the way back.
//!
//! The first line says what it is and how far the journal reached when it began, the last how many events there are and
//! the hash of all lines before, so that a backup that was cut off is none. Events do not change (but for the list of
//! EventBridge ids), so the journal goes on writing meanwhile. Claims and what was told of dead letters are not in it.
//! [`line`] is one event, [`socket`] the way to the process that has the database open, [`command`] what a person calls.

pub mod command;
pub mod line;
pub mod socket;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::store::{BackupStore, StoreError};
use line::{Line, LineError};

/// Events that are read or written at a time.
const AT_ONCE: usize = 200;
const FORMAT: &str = "qsl-journal";
const VERSION: u32 = 1;

/// What a backup begins with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    format: String,
    version: u32,
    /// The last position there was.
    end: u64,
}

/// What it ends with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Foot {
    events: u64,
    /// Of all lines before, in hex.
    sha256: String,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be read or written.
    #[error("the backup cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// It is none of ours.
    #[error("line 1 is not the head of a journal's backup of version {VERSION}: {0}")]
    Head(String),
    /// A line is not an event.
    #[error("line {line} is not an event: {source}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: LineError,
    },
    /// The end is missing, or says something else.
    #[error("the backup is cut off or was changed: {0}")]
    Foot(&'static str),
    /// The journal holds events.
    #[error("the journal holds events up to position {0}: a backup is restored into an empty one")]
    NotEmpty(u64),
}

/// Writes a backup, and says how many events it holds.
pub async fn write(store: &dyn BackupStore, mut out: impl AsyncWrite + Unpin) -> Result<u64, BackupError> {
    let end = store.end_of_backup().await?;
    let mut hash = Sha256::new();
    let head = Head { format: FORMAT.to_owned(), version: VERSION, end };
    put(&mut out, &mut hash, &head).await?;
    let (mut after, mut events) = (0, 0);
    loop {
        let lines = store.lines(after, end, AT_ONCE).await?;
        let Some(last) = lines.last() else { break };
        after = last.position;
        events += lines.len() as u64;
        for line in &lines {
            put(&mut out, &mut hash, line).await?;
        }
    }
    let foot = Foot { events, sha256: hex::encode(hash.clone().finalize()) };
    put(&mut out, &mut hash, &foot).await?;
    out.flush().await?;
    Ok(events)
}

async fn put<T: Serialize>(out: &mut (impl AsyncWrite + Unpin), hash: &mut Sha256, line: &T) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    hash.update(&text);
    out.write_all(&text).await
}

/// Restores a backup into an empty journal, and says how many events it holds. A backup that turns out to be cut off is
/// an error, and the journal then holds a part of it.
pub async fn restore(store: &dyn BackupStore, mut input: impl AsyncBufRead + Unpin) -> Result<u64, BackupError> {
    match store.end_of_backup().await? {
        0 => {}
        end => return Err(BackupError::NotEmpty(end)),
    }
    let mut text = String::new();
    input.read_line(&mut text).await?;
    let head: Head = serde_json::from_str(&text).map_err(|error| BackupError::Head(error.to_string()))?;
    if (head.format.as_str(), head.version) != (FORMAT, VERSION) {
        return Err(BackupError::Head(format!("it says {} of version {}", head.format, head.version)));
    }
    let mut reading = Reading { hash: Sha256::new_with_prefix(&text), lines: 1 };
    let mut lines = Vec::with_capacity(AT_ONCE);
    let foot = loop {
        text.clear();
        if input.read_line(&mut text).await? == 0 {
            return Err(BackupError::Foot("it has no last line"));
        }
        match reading.read(&text)? {
            Read::Foot(foot) => break foot,
            Read::Line(line) => lines.push(*line),
        }
        if lines.len() == AT_ONCE {
            store.restore(&std::mem::take(&mut lines)).await?;
        }
    };
    store.restore(&lines).await?;
    reading.ends_as(&foot)?;
    store.begin_behind(head.end).await?;
    Ok(foot.events)
}

enum Read {
    Line(Box<Line>),
    Foot(Foot),
}

/// What was read so far.
struct Reading {
    hash: Sha256,
    lines: u64,
}

impl Reading {
    fn read(&mut self, text: &str) -> Result<Read, BackupError> {
        if let Ok(foot) = serde_json::from_str(text) {
            return Ok(Read::Foot(foot));
        }
        self.lines += 1;
        let line = Line::read(text).map_err(|source| BackupError::Line { line: self.lines, source })?;
        self.hash.update(text);
        Ok(Read::Line(Box::new(line)))
    }

    fn ends_as(&self, foot: &Foot) -> Result<(), BackupError> {
        if foot.events != self.lines - 1 {
            return Err(BackupError::Foot("it has not as many events as it says"));
        }
        if foot.sha256 != hex::encode(self.hash.clone().finalize()) {
            return Err(BackupError::Foot("its hash is another one"));
        }
        Ok(())
    }
}

/// Whether a text is what a whole backup ends with.
fn is_foot(text: &[u8]) -> bool {
    serde_json::from_slice::<Foot>(text).is_ok()
}

#[cfg(test)]
mod tests;
