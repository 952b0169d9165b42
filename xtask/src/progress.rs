//! A line for each step, with the time since the start: long work shows that it goes on.
#![allow(clippy::print_stderr, reason = "this is what a person at the terminal reads")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result};

/// The clock of the whole run.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// How many steps are under way, one in another: only the innermost reminds.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

/// Announces steps of one run.
#[derive(Debug)]
pub struct Progress;

impl Progress {
    /// The clock starts with the first.
    pub fn new() -> Self {
        LazyLock::force(&BEGIN);
        Self
    }

    /// Runs one step; says so every half minute while it lasts, and names it where it fails.
    pub fn step<T>(&self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let begin = Instant::now();
        self.line(name);
        let depth = DEPTH.fetch_add(1, Ordering::Relaxed) + 1;
        let (done, waiting) = mpsc::channel::<()>();
        let label = name.to_owned();
        let reminder = std::thread::spawn(move || {
            while waiting.recv_timeout(Duration::from_secs(30)) == Err(mpsc::RecvTimeoutError::Timeout) {
                if DEPTH.load(Ordering::Relaxed) == depth {
                    eprintln!("         … {label}, for {} s now", begin.elapsed().as_secs());
                }
            }
        });
        let result = work().with_context(|| name.to_owned());
        drop(done);
        // The thread only sleeps and prints; it cannot fail.
        let _ = reminder.join();
        DEPTH.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// A line of its own.
    #[allow(clippy::unused_self, reason = "whoever has no progress has nothing to say")]
    pub fn line(&self, text: &str) {
        eprintln!("[{:>4} s] {text}", BEGIN.elapsed().as_secs());
    }
}

/// The end of a run that failed: what it was about and what caused it. Where in this program it came about helps nobody
/// at a terminal.
pub fn failed(error: &Error) {
    eprintln!("error: {error:#}");
}
