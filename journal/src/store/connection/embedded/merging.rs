//! What the engine merges behind takes the processor that who asks and records leaves to it.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Pid, getpriority_process, setpriority_process};

/// This process's threads (proc(5)).
const THREADS: &str = "/proc/self/task";
/// What RocksDB calls those that merge its tables; those that write its memory out are `rocksdb:high`.
const NAME: &str = "rocksdb:low";
/// How much nicer they are than the others (sched(7)): where those want the processor, these get a tenth of it.
const NICER: i32 = 10;
/// The highest nice value.
const NICEST: i32 = 19;

/// Makes the threads yield that merge. Where that fails, what is asked meanwhile takes twice as long, and nothing else is wrong.
pub(super) fn yields() {
    if let Err(error) = set() {
        tracing::warn!(%error, "what the engine merges behind is not made to yield");
    }
}

fn set() -> io::Result<()> {
    let nice = nice()?;
    for thread in fs::read_dir(THREADS)? {
        let thread = thread?;
        if let (true, Some(id)) = (merges(&thread.path()), id(&thread)) {
            // Of a thread, on Linux, and not of the process: setpriority(2).
            setpriority_process(Some(id), nice)?;
        }
    }
    Ok(())
}

/// The nice value that is theirs, by this thread's own: a lower one than it has nobody may set.
fn nice() -> io::Result<i32> {
    Ok((getpriority_process(None)? + NICER).min(NICEST))
}

/// A thread that has ended meanwhile does not.
fn merges(thread: &Path) -> bool {
    fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim_end() == NAME)
}

fn id(thread: &fs::DirEntry) -> Option<Pid> {
    thread.file_name().to_str().and_then(|id| id.parse().ok()).and_then(Pid::from_raw)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::{Location, SurrealStore};

    #[tokio::test]
    async fn the_threads_that_merge_are_behind_all_others() {
        let folder = TempDir::new().unwrap();
        let store = SurrealStore::open(&Location::Folder(folder.path().to_owned())).await.unwrap();
        let threads = fs::read_dir(THREADS).unwrap().map(Result::unwrap);
        let (behind, others): (Vec<_>, Vec<_>) = threads.partition(|thread| merges(&thread.path()));
        let of = |thread: &fs::DirEntry| getpriority_process(id(thread)).ok();
        let own = getpriority_process(None).unwrap();
        assert!(!behind.is_empty(), "the engine has threads that merge");
        assert!(behind.iter().all(|thread| of(thread) == Some((own + 10).min(19))), "{behind:?}");
        assert!(others.iter().filter_map(of).all(|nice| nice == own), "{others:?}");
        drop(store);
    }
}
