//! A whole node.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::supervisor::Supervisor;
use crate::{Assets, Kubectl, cache};

/// What a node is started with.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    /// Programs that run inside, by name: in their arguments `{node}` is the node's address and `{run}` a folder of
    /// this run. If one of them ends, the node does.
    pub with: Vec<(String, Vec<String>)>,
}

impl NodeOptions {
    /// Adds the AWS emulator, which pods then reach at `http://<node address>:4566`.
    pub fn with_emulator(mut self) -> Result<Self> {
        self.with.push(("aws".to_owned(), crate::emulator::command("{node}", crate::emulator::PORT)?));
        Ok(self)
    }
}

/// What a running node says about itself. It is all that is needed to use it, from any process.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFacts {
    /// A kubeconfig for the host, by the forwarded port.
    pub kubeconfig: PathBuf,
    /// A kubeconfig for what runs inside.
    pub inside_kubeconfig: PathBuf,
    /// The node's address, inside.
    pub node_address: String,
    /// The first process inside: `nsenter -t PID -m -n -p` goes there.
    pub pid: u32,
    /// The network namespace.
    pub netns: PathBuf,
    /// The folder of this run, with each component's log.
    pub state: PathBuf,
    /// The socket that takes requests to forward.
    pub control: PathBuf,
    /// containerd's socket.
    pub containerd: PathBuf,
}

impl NodeFacts {
    /// Makes an address inside (`IP:PORT` or `NAME.NAMESPACE.svc:PORT`) reachable on the host's loopback, at the
    /// returned address, for as long as the node runs. A `port` of 0 takes a free one.
    pub fn forward(&self, to: &str, port: u16) -> Result<SocketAddr> {
        #[derive(Deserialize)]
        struct Answer {
            listen: Option<SocketAddr>,
            error: Option<String>,
        }
        let request = serde_json::json!({"forward": {"listen": format!("127.0.0.1:{port}"), "to": to}});
        let mut socket = UnixStream::connect(&self.control).context("the node does not run")?;
        writeln!(socket, "{request}")?;
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line)?;
        let answer: Answer = serde_json::from_str(&line)?;
        match (answer.listen, answer.error) {
            (Some(address), None) => Ok(address),
            (_, error) => bail!("cannot forward to {to}: {}", error.unwrap_or_default()),
        }
    }

    /// Imports an image archive, so that pods with `imagePullPolicy: Never` (or `IfNotPresent`) can use it. One that
    /// was imported and has not changed since is left as it is.
    pub fn import_image(&self, archive: &Path) -> Result<()> {
        let file = fs::metadata(archive).with_context(|| format!("there is no image {}", archive.display()))?;
        let stamp = format!("{} {:?}", file.len(), file.modified()?);
        let imported = self.state.join("imported");
        let mark = imported.join(archive.file_name().context("an image archive has a name")?);
        if fs::read_to_string(&mark).is_ok_and(|known| known == stamp) {
            return Ok(());
        }
        self.images(["import".as_ref(), archive.as_os_str()])?;
        fs::create_dir_all(&imported)?;
        fs::write(mark, stamp)?;
        Ok(())
    }

    /// Gives an image that was imported another tag, which it keeps when a newer one takes its own.
    pub fn tag_image(&self, image: &str, tag: &str) -> Result<()> {
        let (name, _) = image.rsplit_once(':').with_context(|| format!("{image} has no tag"))?;
        self.images(["tag", "--force", image, &format!("{name}:{tag}")])
    }

    fn images<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Result<()> {
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(&self.containerd).args(["--namespace", "k8s.io", "images"]).args(arguments);
        let output = ctr.stdin(Stdio::null()).output().context("cannot start ctr")?;
        if !output.status.success() {
            bail!("{:?}: {}", ctr.get_args(), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// A kubectl for this cluster.
    pub fn kubectl(&self) -> Result<Kubectl> {
        Ok(Kubectl::new(Assets::locate_built()?.kubectl(), &self.kubeconfig))
    }
}

/// A running node. Dropping it ends all that runs in it.
#[derive(Debug)]
pub struct Node {
    supervisor: Supervisor,
    facts: NodeFacts,
}

impl Node {
    /// Starts a node. The error says what this machine lacks where it cannot be one.
    pub fn start(options: &NodeOptions) -> Result<Self> {
        let (supervisor, facts) = Supervisor::start(&mut Self::command(options)?)?;
        Ok(Self { supervisor, facts })
    }

    /// The command that runs a node until its standard input closes (or, with `--stay` added, until SIGTERM), for
    /// whoever starts it in another way.
    pub fn command(options: &NodeOptions) -> Result<Command> {
        let assets = Assets::locate_built()?;
        let root = cache::run()?;
        fs::create_dir_all(&root)?;
        let mut command = Command::new(assets.supervisor());
        command.arg("node").arg("--root").arg(root).arg("--assets").arg(assets.components());
        for (name, argv) in &options.with {
            command.arg("--with").arg(format!("{name}={}", serde_json::to_string(argv)?));
        }
        Ok(command)
    }

    /// Whether the run of a folder is alive.
    pub fn is_alive(state: &Path) -> Result<bool> {
        let mut command = Command::new(Assets::locate()?.supervisor());
        Ok(command.arg("alive").arg(state).stderr(Stdio::null()).status()?.success())
    }

    /// Ends the run of a folder, whoever started it, by its recorded process; nothing happens where it ended before.
    pub fn end(state: &Path) -> Result<()> {
        let output = Command::new(Assets::locate()?.supervisor()).arg("stop").arg(state).output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// What is known of it.
    pub fn facts(&self) -> &NodeFacts {
        &self.facts
    }

    /// Stops it, and says whether that went well.
    pub fn stop(self) -> Result<()> {
        self.supervisor.stop()
    }
}
