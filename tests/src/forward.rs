//! A Service of the cluster on a local port, through `kubectl port-forward`, so that every kind of cluster works alike.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How to call kubectl for one cluster.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// kubectl as `QSL_KUBECTL` names it, or from the path.
    pub fn new(kubeconfig: &Path) -> Self {
        let program = std::env::var_os("QSL_KUBECTL").map_or_else(|| "kubectl".into(), PathBuf::from);
        Self { program, kubeconfig: kubeconfig.to_owned() }
    }

    /// A command with these arguments.
    pub fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments).kill_on_drop(true);
        command
    }

    /// What tells a script which cluster is meant, and by which kubectl.
    pub fn environment(&self) -> [(&'static str, &Path); 2] {
        [("KUBECONFIG", self.kubeconfig.as_path()), ("QSL_KUBECTL", self.program.as_path())]
    }

    /// Runs to the end and gives standard output; the error carries standard error.
    pub async fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> anyhow::Result<String> {
        let arguments: Vec<&str> = arguments.into_iter().collect();
        let output = self.command(arguments.iter().copied()).stdin(Stdio::null()).output().await?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The same, with this document on standard input.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        use tokio::io::AsyncWriteExt as _;
        let mut child = self
            .command(arguments.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("standard input is piped")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// A forwarded port; the forward ends when this is dropped.
#[derive(Debug)]
pub struct Forward {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    _child: Child,
}

impl Forward {
    /// Forwards `target` (`svc/name` or `pod/name`) of `namespace`, trying for a minute: a pod may be starting.
    pub async fn open(kubectl: &Kubectl, namespace: &str, target: &str, port: u16) -> anyhow::Result<Self> {
        Self::open_at(kubectl, namespace, target, port, None).await
    }

    /// The same, at a local port of one's own choice.
    pub async fn open_at(
        kubectl: &Kubectl,
        namespace: &str,
        target: &str,
        port: u16,
        local: Option<u16>,
    ) -> anyhow::Result<Self> {
        let mut last = anyhow::anyhow!("not tried");
        for _ in 0..60 {
            match Self::try_open(kubectl, namespace, target, port, local).await {
                Ok(forward) => return Ok(forward),
                Err(error) => last = error,
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(last.context(format!("forwarding {namespace}/{target}")))
    }

    async fn try_open(
        kubectl: &Kubectl,
        namespace: &str,
        target: &str,
        port: u16,
        local: Option<u16>,
    ) -> anyhow::Result<Self> {
        let ports = local.map_or_else(|| format!(":{port}"), |local| format!("{local}:{port}"));
        let mut child = kubectl
            .command(["-n", namespace, "port-forward", "--address", "127.0.0.1", target, &ports])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("standard output is piped")?).lines();
        let first = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await??;
        let Some(local) =
            first.as_deref().and_then(|line| line.split(" -> ").next()?.rsplit_once(':')?.1.parse::<u16>().ok())
        else {
            bail!("kubectl port-forward did not start: {first:?}");
        };
        // Drains what kubectl prints for each connection, so that it never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { url: format!("http://127.0.0.1:{local}"), _child: child })
    }
}
