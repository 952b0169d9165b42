//! `cargo xtask cluster`: a cluster by itself, in the background.
#![allow(clippy::print_stdout, reason = "the answer of the command")]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use test_cluster::{Assets, Node, NodeFacts, NodeOptions, cache};

use crate::cargo::succeed;
use crate::debian::{self, Needed};
use crate::{images, once, tools};

/// A cluster by itself.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Start a cluster that stays until `down`: a node with the AWS emulator, or only a control plane.
    Up {
        /// Only etcd, API server and controller manager; needs no root, runs no pods.
        #[arg(long)]
        control_plane_only: bool,
        /// Build the images and import them.
        #[arg(long, conflicts_with = "control_plane_only")]
        images: bool,
    },
    /// Stop it and remove all that it left.
    Down,
    /// Build Kubernetes' components from their Go modules into the cache.
    Build,
}

/// Starts, stops or builds.
pub fn run(args: &Args) -> Result<()> {
    match args.action {
        Action::Up { control_plane_only: true, .. } => up_control_plane(),
        Action::Up { images, .. } => up_node(images),
        Action::Down => down(),
        Action::Build => build(),
    }
}

/// The components that the one binary can be started as.
const COMPONENTS: [&str; 8] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "kubectl",
];

/// Builds what is not in the cache: the components (minutes, once) and the program that runs them (seconds).
pub fn build() -> Result<()> {
    let sources = cache::sources().join("node");
    once::folder(
        &cache::components()?,
        "Kubernetes 1.34 from its Go modules (9 minutes on two idle cores, 25 on busy ones)",
        |partial| {
            let version = "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4";
            go_build(&sources, ".", version, &partial.join("components"))?;
            COMPONENTS.iter().try_for_each(|name| Ok(symlink("components", partial.join(name))?))
        },
    )?;
    once::folder(&cache::supervisor()?, "the cluster's supervisor (seconds)", |partial| {
        go_build(&sources, "./cluster", "-s -w", &partial.join("cluster"))
    })
}

fn go_build(sources: &Path, package: &str, linked: &str, program: &Path) -> Result<()> {
    let mut build = tools::go()?;
    build.current_dir(sources).args(["build", "-trimpath", "-ldflags", linked, "-o"]).arg(program).arg(package);
    succeed(&mut build)
}

/// What a node takes, with its Debian package.
const NEEDED: [Needed; 7] = [
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("iptables", "iptables"),
    ("conntrack", "conntrack"),
    ("/usr/lib/cni/ptp", CNI),
];
const CNI: &str = "containernetworking-plugins";

/// Makes sure that this machine can be a node, with Debian's packages where they are missing; or says why it cannot.
pub fn require_node() -> Result<()> {
    const OTHERWISE: &str = "or give a cluster that you have, with --context";
    let linux = cfg!(target_os = "linux");
    ensure!(linux, "this cannot be a node: it takes Linux; run it in a virtual machine, {OTHERWISE}");
    // What lacks the CNI's plugin at Debian's place may have it at another.
    let elsewhere = ["/opt/cni/bin/ptp", "/usr/libexec/cni/ptp"].iter().any(|place| Path::new(place).exists());
    let mut missing = debian::missing(&NEEDED);
    missing.retain(|package| !(elsewhere && *package == CNI));
    if missing.is_empty() {
        ensure!(debian::is_root(), "this cannot be a node: it takes root; run it as root, {OTHERWISE}");
        return Ok(());
    }
    debian::install(&missing, &format!("this cannot be a node as it is; run it where these are, {OTHERWISE}"))
}

fn up_control_plane() -> Result<()> {
    build()?;
    let assets = Assets::locate_built()?;
    let mut command = Command::new(assets.supervisor());
    command.args(["control-plane", "--controller-manager", "--root"]).arg(cache::run()?);
    let facts = up(command.arg("--assets").arg(assets.components()))?;
    println!("export KUBECONFIG={}", facts.get("kubeconfig").and_then(Value::as_str).unwrap_or_default());
    println!("# stop it: cargo xtask cluster down");
    Ok(())
}

fn up_node(import: bool) -> Result<()> {
    require_node()?;
    build()?;
    tools::emulator()?;
    let archives = if import { images::build()? } else { Vec::new() };
    let facts = match running()? {
        Some(facts) => facts,
        None => up(&mut Node::command(&NodeOptions::default().with_emulator()?)?)?,
    };
    let node: NodeFacts = serde_json::from_value(facts).context("what runs is a control plane: stop it first")?;
    archives.iter().try_for_each(|image| node.import_image(&image.archive))?;
    let aws = node.forward(&format!("{}:4566", node.node_address), 0)?;
    println!("export KUBECONFIG={}", node.kubeconfig.display());
    println!("export AWS_ENDPOINT_URL=http://{aws}    # pods reach it at http://{}:4566", node.node_address);
    println!("# logs: {}", node.state.display());
    println!("# go inside: nsenter -t {} -m -n -p", node.pid);
    println!("# stop it: cargo xtask cluster down");
    Ok(())
}

/// Where the facts of the cluster that is up are recorded.
fn record() -> Result<PathBuf> {
    Ok(cache::run()?.join("up.json"))
}

/// The facts of the cluster that is up, if it is.
fn running() -> Result<Option<Value>> {
    let Ok(content) = fs::read(record()?) else { return Ok(None) };
    let facts: Value = serde_json::from_slice(&content)?;
    let state = facts.get("state").and_then(Value::as_str).context("the record names no folder")?;
    Ok(Node::is_alive(Path::new(state))?.then_some(facts))
}

/// Starts a supervisor in the background and waits for its line.
fn up(command: &mut Command) -> Result<Value> {
    ensure!(running()?.is_none(), "a cluster is up already: `cargo xtask cluster down` stops it");
    let run = cache::run()?;
    fs::create_dir_all(&run)?;
    let (said, complained) = (run.join("up.out"), run.join("up.err"));
    command.arg("--stay").process_group(0).stdin(Stdio::null());
    let mut child = command.stdout(File::create(&said)?).stderr(File::create(&complained)?).spawn()?;
    loop {
        let line = fs::read_to_string(&said)?;
        if line.ends_with('\n') {
            fs::write(record()?, &line)?;
            return Ok(serde_json::from_str(&line)?);
        }
        if child.try_wait()?.is_some() {
            bail!("{}", fs::read_to_string(&complained)?.trim());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn down() -> Result<()> {
    let Ok(content) = fs::read(record()?) else {
        println!("no cluster was up");
        return Ok(());
    };
    let facts: Value = serde_json::from_slice(&content)?;
    let state = facts.get("state").and_then(Value::as_str).context("the record names no folder")?;
    Node::end(Path::new(state))?;
    fs::remove_file(record()?)?;
    println!("stopped");
    Ok(())
}
