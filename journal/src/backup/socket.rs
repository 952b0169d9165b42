//! The way to the process that has the database open: a Unix socket in its folder, so nobody reaches it but who may read
//! the database's files anyway.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::BackupError;
use crate::store::BackupStore;

fn path(folder: &Path) -> PathBuf {
    folder.join("backup.sock")
}

/// Writes a backup to whoever connects, one after the other, until `shutdown`.
pub async fn serve(folder: PathBuf, store: Arc<dyn BackupStore>, shutdown: CancellationToken) -> io::Result<()> {
    let path = path(&folder);
    // One of a process that was killed stays.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => return std::fs::remove_file(&path),
            accepted = listener.accept() => accepted?.0,
        };
        let written = tokio::select! {
            () = shutdown.cancelled() => continue,
            written = super::write(store.as_ref(), BufWriter::new(stream)) => written,
        };
        match written {
            Ok(events) => tracing::info!(events, "backup written"),
            // Who asked sees that its last line is missing.
            Err(error) => tracing::warn!(%error, "backup not written"),
        }
    }
}

/// Takes a backup of the process that has the folder's database open; none where no process has.
///
/// # Errors
/// When it breaks off before its last line.
pub async fn take(folder: &Path, mut out: impl AsyncWrite + Unpin) -> Option<Result<(), BackupError>> {
    let stream = UnixStream::connect(path(folder)).await.ok()?;
    Some(copy(BufReader::new(stream), &mut out).await)
}

async fn copy(mut from: BufReader<UnixStream>, out: &mut (impl AsyncWrite + Unpin)) -> Result<(), BackupError> {
    let mut line = Vec::new();
    let mut is_whole = false;
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line).await? == 0 {
            break;
        }
        is_whole = super::is_foot(&line);
        out.write_all(&line).await?;
    }
    out.flush().await?;
    if is_whole { Ok(()) } else { Err(BackupError::Foot("the journal ended before it was whole")) }
}
