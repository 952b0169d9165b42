//! The whole system on a cluster: node, images, chart, examples. Demo and tests stand on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;
use test_cluster::{Kubectl, Node, NodeOptions};

use crate::cargo::{self, succeed, workspace};
use crate::progress::Progress;
use crate::{cluster, images, tools};

/// Namespace of the release.
const RELEASE: &str = "qsl-system";
/// The user and group that our images run as.
const IMAGE_USER: u32 = 65532;

/// Which cluster the system comes up on.
#[derive(clap::Args, Clone, Debug)]
pub struct Choice {
    /// Use this context of your kubeconfig instead of a node of our own; the images of `cargo xtask images` must be
    /// loaded there.
    #[arg(long, requires = "aws_endpoint")]
    context: Option<String>,
    /// The kubeconfig with that context; KUBECONFIG or ~/.kube/config when absent.
    #[arg(long, requires = "context")]
    kubeconfig: Option<PathBuf>,
    /// AWS (an emulator) as the host reaches it; with --context.
    #[arg(long, requires = "context")]
    aws_endpoint: Option<String>,
    /// The same as pods reach it, where that is another address; with --context.
    #[arg(long, requires = "context")]
    aws_endpoint_in_cluster: Option<String>,
    /// A folder on the cluster's node for the journal, writable for user 65532; with --context.
    #[arg(long, requires = "context", default_value = "/var/lib/qsl-demo-journal")]
    journal_directory: PathBuf,
}

/// An older version of the chart, with its images.
#[derive(Debug)]
pub struct Older {
    /// The packaged chart.
    pub chart: PathBuf,
    /// The archives of its images, tagged `dev` as this checkout's are.
    pub images: Vec<PathBuf>,
}

/// The tag under which an older version's images are kept beside this checkout's.
const OLDER: &str = "older";

/// A running system. Dropping it ends the node, where the node is ours.
#[derive(Debug)]
pub struct System {
    ground: Ground,
    endpoints: PathBuf,
}

/// Where a system is to go, and how AWS is reached from there.
#[derive(Debug)]
struct Ground {
    _node: Option<Node>,
    kubectl: Kubectl,
    aws: String,
    aws_in_cluster: String,
    journal_directory: PathBuf,
}

impl System {
    /// The system that a soak or a benchmark runs on; says how far it is.
    pub fn to_try(choice: &Choice) -> Result<Self> {
        let progress = Progress::new();
        let system = Self::up(choice, &workspace().join("target/demo"), &progress)?;
        progress.line("the system is up");
        Ok(system)
    }

    /// An older version on a node of our own, with this checkout's images beside its own and this checkout's services.
    pub fn of_older(older: &Older) -> Result<Self> {
        let progress = Progress::new();
        cluster::require_node()?;
        let system =
            Self::on(Ground::node(&progress, Some(older))?, Some(older), &workspace().join("target/demo"), &progress)?;
        progress.line("the older version is up");
        Ok(system)
    }

    /// Brings everything up and waits until all of it is Ready. `folder` gets `kubeconfig`, `endpoints.json`, and `env`
    /// with `bin` for a shell that is to know the system.
    pub fn up(choice: &Choice, folder: &Path, progress: &Progress) -> Result<Self> {
        if choice.context.is_none() {
            cluster::require_node()?;
        }
        let ground = if choice.context.is_some() { Ground::given(choice)? } else { Ground::node(progress, None)? };
        Self::on(ground, None, folder, progress)
    }

    fn on(ground: Ground, older: Option<&Older>, folder: &Path, progress: &Progress) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let helm = progress.step("helm", tools::helm)?;
        let kubectl = &ground.kubectl;
        let at = |path: &str| workspace().join(path).display().to_string();
        progress.step("an identity provider for the demo's users", || {
            kubectl.run(["apply", "-f", &at("tests/demo/identity-provider.yaml")])
        })?;
        progress.step("helm install", || install(&helm, older, &ground))?;
        progress.step("kubectl apply the examples", || kubectl.run(["apply", "-f", &at("examples/manifests")]))?;
        for kind in ["eventbus", "signingkey", "inboxqueue", "eventrule"] {
            progress.step(&format!("every {kind} Ready"), || {
                kubectl.run(["wait", kind, "--all", "-A", "--for=condition=Ready", "--timeout=180s"])
            })?;
        }
        for (namespace, name) in WORKLOADS {
            progress.step(&format!("{name} Ready"), || {
                kubectl.run(["-n", namespace, "rollout", "status", name, "--timeout=180s"])
            })?;
        }
        let kubeconfig = folder.join("kubeconfig");
        let flat = kubectl.run(["config", "view", "--raw", "--minify", "--flatten"])?;
        write_private(&kubeconfig, &flat)?;
        let endpoints = folder.join("endpoints.json");
        let facts = json!({
            "kubeconfig": kubeconfig, "aws": ground.aws, "region": "eu-central-1",
            "releaseNamespace": RELEASE, "identityNamespace": "identity",
        });
        write_private(&endpoints, &serde_json::to_string_pretty(&facts)?)?;
        progress.step("kubectl-qsl", || reader(folder, &ground, &helm))?;
        Ok(Self { ground, endpoints })
    }

    /// A cargo command that knows this system.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo::command(arguments);
        command.env("QSL_ENDPOINTS", &self.endpoints).env("QSL_KUBECTL", self.ground.kubectl.program());
        command
    }

    /// AWS, as pods reach it.
    pub fn aws_in_cluster(&self) -> &str {
        &self.ground.aws_in_cluster
    }

    /// This cluster as one that somebody brings along with `--context`.
    pub fn as_given(&self) -> Result<Choice> {
        Ok(Choice {
            context: Some(self.ground.kubectl.run(["config", "current-context"])?.trim().to_owned()),
            kubeconfig: Some(self.ground.kubectl.kubeconfig().to_owned()),
            aws_endpoint: Some(self.ground.aws.clone()),
            aws_endpoint_in_cluster: Some(self.ground.aws_in_cluster.clone()),
            journal_directory: self.ground.journal_directory.clone(),
        })
    }
}

/// What has to be up before an event can flow, with its namespace.
const WORKLOADS: [(&str, &str); 8] = [
    (RELEASE, "statefulset/qsl-journal"),
    (RELEASE, "deployment/qsl-gateway"),
    ("identity", "deployment/identity-provider"),
    ("orchestration", "deployment/orchestration"),
    ("paymentgateway", "deployment/paymentgateway"),
    ("treasury", "deployment/treasury"),
    ("compliance", "deployment/compliance"),
    ("notification", "deployment/notification"),
];

impl Ground {
    /// A node of our own, with the emulator in its network namespace and our images in its store.
    fn node(progress: &Progress, older: Option<&Older>) -> Result<Self> {
        progress.step("Kubernetes and the AWS emulator (minutes, the first time)", || {
            cluster::build()?;
            tools::emulator()
        })?;
        let images = progress.step("images (minutes, the first time)", images::build)?;
        let node = progress.step("node", || Node::start(&NodeOptions::default().with_emulator()?))?;
        let facts = node.facts();
        for archive in older.into_iter().flat_map(|older| &older.images) {
            let name = archive.file_stem().and_then(|name| name.to_str()).context("an image archive has a name")?;
            facts.import_image(archive)?;
            facts.tag_image(&format!("docker.io/library/{name}:dev"), OLDER)?;
        }
        progress
            .step("import the images", || images.iter().try_for_each(|image| facts.import_image(&image.archive)))?;
        let aws_in_cluster = format!("http://{}:4566", facts.node_address);
        let aws = facts.forward(&format!("{}:4566", facts.node_address), 0)?;
        let journal_directory = facts.state.join("journal");
        fs::create_dir_all(&journal_directory)?;
        std::os::unix::fs::chown(&journal_directory, Some(IMAGE_USER), Some(IMAGE_USER))?;
        let kubectl = facts.kubectl()?;
        Ok(Self { kubectl, aws: format!("http://{aws}"), aws_in_cluster, journal_directory, _node: Some(node) })
    }

    /// Somebody's cluster.
    fn given(choice: &Choice) -> Result<Self> {
        let context = choice.context.clone().context("--context")?;
        let aws = choice.aws_endpoint.clone().context("--aws-endpoint")?;
        let named = choice.kubeconfig.clone().or_else(|| std::env::var_os("KUBECONFIG").map(PathBuf::from));
        let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".kube/config"));
        let kubeconfig = named.or(home).context("neither --kubeconfig nor KUBECONFIG nor HOME is set")?;
        Ok(Self {
            _node: None,
            kubectl: Kubectl::new(tools::kubectl()?, kubeconfig).with_context(context),
            aws_in_cluster: choice.aws_endpoint_in_cluster.clone().unwrap_or_else(|| aws.clone()),
            aws,
            journal_directory: choice.journal_directory.clone(),
        })
    }
}

/// The journal's volume, and the chart with the demo's values.
fn install(helm: &Path, older: Option<&Older>, ground: &Ground) -> Result<()> {
    let volume = fs::read_to_string(workspace().join("tests/demo/journal-volume.yaml"))?;
    let directory = ground.journal_directory.display().to_string();
    ground.kubectl.apply(&volume.replace("${JOURNAL_DIRECTORY}", &directory))?;
    let mut command = ground.kubectl.helm(helm);
    command
        .current_dir(workspace())
        .args(["upgrade", "--install", "qsl-eventing"])
        .arg(older.map_or(Path::new("charts/qsl-eventing"), |older| &older.chart))
        .args(["--namespace", RELEASE])
        .args(["--create-namespace", "--values", "tests/demo/values.yaml", "--wait", "--timeout", "4m"])
        .arg("--set")
        .arg(format!("aws.endpointUrl={}", ground.aws_in_cluster))
        .stdout(std::process::Stdio::null());
    if older.is_some() {
        command.arg("--set").arg(format!("image.tag={OLDER}"));
    }
    succeed(&mut command)
}

/// What a shell needs: kubectl, helm and kubectl-qsl, and where they reach what. The gateway and a user's token are known
/// once the story's driver has put them into `endpoints.json`, so they are read when the shell reads this.
fn reader(folder: &Path, ground: &Ground, helm: &Path) -> Result<()> {
    use std::os::unix::fs::symlink;
    let bin = folder.join("bin");
    if bin.exists() {
        fs::remove_dir_all(&bin)?;
    }
    fs::create_dir_all(&bin)?;
    for (name, program) in [("helm", helm), ("kubectl", ground.kubectl.program())] {
        // What is found on PATH, the shell finds there too.
        if program.is_absolute() {
            symlink(program, bin.join(name))?;
        }
    }
    symlink(images::program("kubectl-qsl")?, bin.join("kubectl-qsl"))?;
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let fact = |name: &str| {
        let program = "import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], \"\"))";
        format!("\"$(python3 -c '{program}' {} {name})\"", quoted(&folder.join("endpoints.json")))
    };
    let text = format!(
        "# A shell that reads this (`. target/demo/env`) knows the demo that runs.\n\
         export PATH={}:\"$PATH\"\nexport KUBECONFIG={}\nexport AWS_ENDPOINT_URL='{}'\n\
         export QSL_GATEWAY={}\nexport QSL_TOKEN={}\n",
        quoted(&bin),
        quoted(&folder.join("kubeconfig")),
        ground.aws,
        fact("gateway"),
        fact("token"),
    );
    write_private(&folder.join("env"), &text)
}

/// A file with credentials in it: for its owner alone.
fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let partial = path.with_extension("partial");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&partial, path)?;
    Ok(())
}
