//! `kubectl-qsl` as a person runs it: with a kubeconfig, and through port-forwards of its own.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::environment::Endpoints;

/// The program.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    kubeconfig: PathBuf,
    aws: String,
}

/// What it said.
#[derive(Debug)]
pub struct Said {
    /// Its answer: a line of JSON for each.
    pub lines: Vec<Value>,
    /// Its sentences.
    pub sentences: String,
}

impl Tool {
    /// The program that `QSL_CLI` names; `cargo xtask test` sets it.
    pub fn from_env(endpoints: &Endpoints) -> anyhow::Result<Self> {
        let program = std::env::var_os("QSL_CLI").context("QSL_CLI does not name kubectl-qsl")?.into();
        Ok(Self { program, kubeconfig: endpoints.kubeconfig.clone(), aws: endpoints.aws.clone() })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--kubeconfig").arg(&self.kubeconfig).kill_on_drop(true);
        command.env("AWS_ENDPOINT_URL", &self.aws).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Runs to the end, with this on standard input.
    ///
    /// # Errors
    /// When it ends with another exit code than 0, or answers something else than JSON.
    pub async fn run(&self, arguments: &[&str], input: &str) -> anyhow::Result<Said> {
        let mut child = self.command(arguments).stderr(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().context("standard input is piped")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        let sentences = String::from_utf8(output.stderr)?;
        let answer = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "kubectl-qsl {}: {}: {sentences}{answer}", arguments.join(" "), output.status);
        let lines = answer.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned()));
        Ok(Said { lines: lines.collect::<anyhow::Result<_>>()?, sentences })
    }

    /// Starts one that follows something.
    ///
    /// # Errors
    /// When it does not start.
    pub fn follow(&self, arguments: &[&str]) -> anyhow::Result<Following> {
        let mut child = self.command(arguments).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("standard output is piped")?).lines();
        Ok(Following { child, lines })
    }
}

/// One that follows.
#[derive(Debug)]
pub struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    /// The next line it shows.
    ///
    /// # Errors
    /// When it ends, or shows something else than JSON.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        let line = self.lines.next_line().await?.context("it ended")?;
        serde_json::from_str(&line).with_context(|| line)
    }

    /// Ends it as a machine that goes down does.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Ends it as Ctrl-C does.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn end(mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("it ended")?.to_string();
        ensure!(Command::new("kill").args(["-INT", &id]).status().await?.success(), "kill -INT {id}");
        let status = self.child.wait().await?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }
}
