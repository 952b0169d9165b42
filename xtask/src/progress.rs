//! A line for each step, with the time since the start: long work shows that it goes on.
#![allow(clippy::print_stderr, reason = "this is what a person at the terminal reads")]

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Announces steps of one run.
#[derive(Debug)]
pub struct Progress {
    begin: Instant,
}

impl Progress {
    /// The clock starts now.
    pub fn new() -> Self {
        Self { begin: Instant::now() }
    }

    /// Runs one step; says so every half minute while it lasts, and names it where it fails.
    pub fn step<T>(&self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let begin = Instant::now();
        self.line(name);
        let (done, waiting) = mpsc::channel::<()>();
        let label = name.to_owned();
        let reminder = std::thread::spawn(move || {
            while waiting.recv_timeout(Duration::from_secs(30)) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("        … {label}, for {} s now", begin.elapsed().as_secs());
            }
        });
        let result = work().with_context(|| name.to_owned());
        drop(done);
        // The thread only sleeps and prints; it cannot fail.
        let _ = reminder.join();
        result
    }

    /// A line of its own.
    pub fn line(&self, text: &str) {
        eprintln!("[{:>4} s] {text}", self.begin.elapsed().as_secs());
    }
}
