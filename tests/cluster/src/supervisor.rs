//! The child that runs a cluster: it says when it is ready, and stops when its standard input closes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;

/// A running supervisor. Dropping it stops all that it started, and waits for that.
#[derive(Debug)]
pub(crate) struct Supervisor(Child);

impl Supervisor {
    /// Starts the command and waits for the line that says it is ready.
    pub(crate) fn start<Facts: DeserializeOwned>(command: &mut Command) -> Result<(Self, Facts)> {
        let errors = tempfile::tempfile()?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let output = child.stdout.take().context("a piped child has an output")?;
        let supervisor = Self(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.is_empty() {
            drop(supervisor);
            bail!("{}", said(errors)?);
        }
        let facts = serde_json::from_str(&line).with_context(|| format!("not a ready line: {line}"))?;
        Ok((supervisor, facts))
    }

    /// Stops and waits.
    fn end(&mut self) -> Result<()> {
        drop(self.0.stdin.take());
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { bail!("the cluster ended with {status}") }
    }

    /// Stops, waits, and says how it went.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.end()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Nothing is left to tell: whoever wants to know calls `stop`.
        let _ = self.end();
    }
}

/// What the child wrote to its standard error.
fn said(mut errors: File) -> Result<String> {
    use std::io::Seek as _;
    let mut text = String::new();
    errors.rewind()?;
    errors.read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}
