//! Runs the program.

#![allow(dead_code, reason = "not every test starts it in every way")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// How a run ended.
pub(crate) struct Answer {
    /// Its exit code.
    pub(crate) code: i32,
    /// What it wrote to standard output.
    pub(crate) out: String,
    /// What it wrote to standard error.
    pub(crate) err: String,
}

/// The program with arguments, not started yet.
pub(crate) fn program<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-qsl"));
    command.args(arguments);
    command
}

/// Runs it to its end on this input.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A], input: &str) -> Answer {
    let mut child =
        program(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that ends before it has read all is no failure of the one that writes.
    let writer = std::thread::spawn(move || drop(to.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Answer {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
