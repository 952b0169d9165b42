//! What the engine merges behind takes the processor that who asks and records leaves to it.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Pid, setpriority_process};

/// This process's threads (proc(5)).
const THREADS: &str = "/proc/self/task";
/// What RocksDB calls those that merge its tables; those that write its memory out are `rocksdb:high`.
const NAME: &str = "rocksdb:low";
/// Their nice value (sched(7)): where others want the processor, these get a tenth of it.
const NICE: i32 = 10;

/// Makes the threads yield that merge. Where that fails, what is asked meanwhile takes twice as long, and nothing else is wrong.
pub(super) fn yields() {
    if let Err(error) = set() {
        tracing::warn!(%error, "what the engine merges behind is not made to yield");
    }
}

fn set() -> io::Result<()> {
    for thread in fs::read_dir(THREADS)? {
        let thread = thread?;
        if let (true, Some(id)) = (merges(&thread.path()), id(&thread)) {
            // Of a thread, on Linux, and not of the process: setpriority(2).
            setpriority_process(Some(id), NICE)?;
        }
    }
    Ok(())
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
    use rustix::process::getpriority_process;
    use tempfile::TempDir;

    use super::*;
    use crate::store::{Location, SurrealStore};

    #[tokio::test]
    async fn the_threads_that_merge_are_behind_all_others() {
        let folder = TempDir::new().unwrap();
        let store = SurrealStore::open(&Location::Folder(folder.path().to_owned())).await.unwrap();
        let threads = fs::read_dir(THREADS).unwrap().map(Result::unwrap);
        let (behind, others): (Vec<_>, Vec<_>) = threads.partition(|thread| merges(&thread.path()));
        let nice = |thread: &fs::DirEntry| getpriority_process(id(thread)).ok();
        assert!(!behind.is_empty(), "the engine has threads that merge");
        assert!(behind.iter().all(|thread| nice(thread) == Some(NICE)), "{behind:?}");
        assert!(others.iter().filter_map(nice).all(|nice| nice < NICE), "{others:?}");
        drop(store);
    }
}
