//! kubectl for one cluster.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A kubectl that speaks to one cluster.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    context: Option<String>,
}

impl Kubectl {
    /// A kubectl with this program and kubeconfig.
    pub fn new(program: impl Into<PathBuf>, kubeconfig: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), kubeconfig: kubeconfig.into(), context: None }
    }

    /// The same for another context of the kubeconfig.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// The kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A helm for the same cluster.
    pub fn helm(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig);
        if let Some(context) = &self.context {
            command.arg("--kube-context").arg(context);
        }
        command
    }

    /// The command, for whoever wants to see its output live.
    pub fn command<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig);
        if let Some(context) = &self.context {
            command.arg("--context").arg(context);
        }
        command.args(arguments);
        command
    }

    /// Runs it and returns what it printed; its own words are the error.
    pub fn run<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Result<String> {
        self.run_with_input(arguments, "")
    }

    /// Applies manifests given as text.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        self.run_with_input(["apply", "--server-side", "-f", "-"], manifests)
    }

    /// Runs it with a text on its standard input.
    pub fn run_with_input<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &str,
    ) -> Result<String> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        // kubectl may end without reading: its exit tells more than the broken pipe.
        let _ = child.stdin.take().context("a piped child has an input")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("kubectl: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
