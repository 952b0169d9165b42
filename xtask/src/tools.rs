//! `cargo xtask tools`: the programs of others that the rest needs, each installed on first use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use test_cluster::{Assets, cache};

use crate::cargo::{self, succeed, workspace};
use crate::debian::{self, Needed};
use crate::{cluster, once};

const HELM: &str = "v3.19.0";
/// What tries the chart's templates against what `charts/qsl-eventing/tests` says of them.
const HELM_UNITTEST: &str = "v1.1.2";
/// What judges the rendered chart by policies that are not ours.
const KUBE_SCORE: &str = "v1.20.0";
const CARGO_DENY: &str = "0.20.2";
const CARGO_MUTANTS: &str = "27.1.0";
const CARGO_FUZZ: &str = "0.13.2";

/// Installs every tool that is missing, into the cache.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Installs them and says where they are.
#[allow(clippy::print_stdout, reason = "the answer of the command")]
pub fn run(_: &Args) -> Result<()> {
    emulator()?;
    chromium()?;
    strace()?;
    for (name, path) in [
        ("helm", helm()?),
        ("kubectl", kubectl()?),
        ("cargo-deny", cargo_deny()?),
        ("python with dilithium-py and rfc8785", independent()?),
        ("SurrealDB's server", surrealdb()?),
        ("cfn-lint", cfn_lint()?),
    ] {
        println!("{name}: {}", path.display());
    }
    Ok(())
}

/// helm: the one on `PATH`, else built from its Go module.
pub fn helm() -> Result<PathBuf> {
    if on_path("helm") {
        return Ok("helm".into());
    }
    let folder = cache::tools()?.join(format!("helm-{HELM}"));
    once::folder(&folder, "helm from its Go module (4 minutes on two cores)", |partial| {
        let linked = format!("-s -w -X helm.sh/helm/v3/internal/version.version={HELM}");
        let mut install = go()?;
        install
            .args(["install", "-trimpath", "-ldflags", &linked, &format!("helm.sh/helm/v3/cmd/helm@{HELM}")])
            .current_dir(partial)
            .env("GOBIN", partial);
        succeed(&mut install)
    })?;
    Ok(folder.join("helm"))
}

/// helm-unittest, from its Go module. That replaces one of its own dependencies, so `go install` refuses it: it is built
/// where it was downloaded to.
pub fn helm_unittest() -> Result<PathBuf> {
    let folder = cache::tools()?.join(format!("helm-unittest-{HELM_UNITTEST}"));
    once::folder(&folder, "helm-unittest from its Go module (minutes on two cores)", |partial| {
        let module = format!("github.com/helm-unittest/helm-unittest@{HELM_UNITTEST}");
        let download = go()?.args(["mod", "download", "-json", &module]).current_dir(partial).output()?;
        ensure!(download.status.success(), "cannot download {module}: {}", String::from_utf8_lossy(&download.stderr));
        let facts: serde_json::Value = serde_json::from_slice(&download.stdout)?;
        let source = facts.get("Dir").and_then(serde_json::Value::as_str).context("Go does not say where it is")?;
        let mut build = go()?;
        build.current_dir(source).args(["build", "-trimpath", "-ldflags", "-s -w", "-o"]);
        succeed(build.arg(partial.join("helm-unittest")).arg("./cmd/helm-unittest"))
    })?;
    Ok(folder.join("helm-unittest"))
}

/// kube-score, from its Go module.
pub fn kube_score() -> Result<PathBuf> {
    let folder = cache::tools()?.join(format!("kube-score-{KUBE_SCORE}"));
    once::folder(&folder, "kube-score from its Go module (a minute on two cores)", |partial| {
        let module = format!("github.com/zegl/kube-score/cmd/kube-score@{KUBE_SCORE}");
        let mut install = go()?;
        install.args(["install", "-trimpath", "-ldflags", "-s -w", &module]).current_dir(partial);
        succeed(install.env("GOBIN", partial))
    })?;
    Ok(folder.join("kube-score"))
}

/// kubectl: the one on `PATH`, else that of our own build of Kubernetes.
pub fn kubectl() -> Result<PathBuf> {
    if on_path("kubectl") {
        return Ok("kubectl".into());
    }
    cluster::build()?;
    Ok(Assets::locate_built()?.kubectl())
}

/// cargo-deny, of the version that `deny.toml` is written for.
pub fn cargo_deny() -> Result<PathBuf> {
    of_crate("cargo-deny", CARGO_DENY, "a minute on two cores")
}

/// cargo-mutants, which `cargo xtask soak mutants` alone uses: so `cargo xtask tools` leaves it out.
pub fn cargo_mutants() -> Result<PathBuf> {
    of_crate("cargo-mutants", CARGO_MUTANTS, "5 minutes on two busy cores")
}

/// cargo-fuzz, which `cargo xtask soak fuzz` alone uses.
pub fn cargo_fuzz() -> Result<PathBuf> {
    of_crate("cargo-fuzz", CARGO_FUZZ, "2 minutes on two busy cores")
}

/// The program of a crate, in the version given.
fn of_crate(name: &str, version: &str, takes: &str) -> Result<PathBuf> {
    let folder = cache::tools()?.join(format!("{name}-{version}"));
    once::folder(&folder, &format!("{name} from its crate ({takes})"), |partial| {
        // Neither optimised nor debuggable: it runs for seconds, and either takes minutes. Not in the workspace: its settings
        // are for our own crates.
        let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        install
            .args(["install", "--quiet", "--locked", "--debug", "--root"])
            .arg(partial)
            .arg(format!("{name}@{version}"))
            .current_dir(partial)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_TARGET_DIR", partial.join("target"));
        succeed(&mut install)?;
        Ok(fs::remove_dir_all(partial.join("target"))?)
    })?;
    Ok(folder.join("bin").join(name))
}

/// SurrealDB's server, which a journal's tests kill, stop and start again.
pub fn surrealdb() -> Result<PathBuf> {
    let folder = cache::surrealdb()?;
    once::folder(&folder, "SurrealDB's server from its crates (15 minutes on two busy cores)", |partial| {
        // Not in the workspace: it wants features of others' crates that the product is built without.
        let mut install = cargo::command(["install", "--quiet", "--locked", "--debug", "--path", ".", "--root"]);
        install.arg(partial).current_dir(cache::surrealdb_sources());
        succeed(install.env("CARGO_TARGET_DIR", partial.join("target")))?;
        Ok(fs::remove_dir_all(partial.join("target"))?)
    })?;
    Ok(cache::surrealdb_program(&folder))
}

/// The AWS emulator, in a Python environment of its own.
pub fn emulator() -> Result<()> {
    python("the AWS emulator from PyPI (a minute)", &cache::emulator_requirements())?;
    Ok(())
}

/// A Python that has the independent implementations of the signatures and of canonical JSON.
pub fn independent() -> Result<PathBuf> {
    python("dilithium-py and rfc8785 from PyPI (a minute)", &workspace().join("tests/independent/requirements.txt"))
}

/// A Python that knows the schemas of bills of materials.
pub fn bills() -> Result<PathBuf> {
    python("the schemas of CycloneDX from PyPI (a minute)", &workspace().join("xtask/bom/requirements.txt"))
}

/// A Python that has cfn-lint, of the version that the templates are clean by.
pub fn cfn_lint() -> Result<PathBuf> {
    python("cfn-lint from PyPI (a minute)", &workspace().join("tests/templates/requirements.txt"))
}

/// The interpreter of the environment with these requirements.
fn python(what: &str, requirements: &Path) -> Result<PathBuf> {
    let folder = cache::python(requirements)?;
    once::folder(&folder, what, |partial| {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(partial))?;
        let mut install = Command::new(partial.join("bin/python3"));
        install.args([
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            "--require-hashes",
            "--requirement",
        ]);
        succeed(install.arg(requirements))
    })?;
    Ok(folder.join("bin/python3"))
}

/// A browser and its driver, for the tests of the page.
const BROWSER: [Needed; 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];
/// What its pictures are written in.
const FONTS: [Needed; 2] = [
    ("/usr/share/fonts/opentype/inter/Inter-Regular.otf", "fonts-inter"),
    ("/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf", "fonts-jetbrains-mono"),
];

/// Chromium and chromedriver: those on `PATH`, else Debian's.
pub fn chromium() -> Result<()> {
    with_packages(&BROWSER, "the page is tested in a real browser")
}

/// The same, with the fonts of the pictures in `docs/images`.
pub fn chromium_with_fonts() -> Result<()> {
    with_packages(&[BROWSER, FONTS].concat(), "the page is tested in a real browser")
}

/// Strace, which counts what the journal asks of the disk: that on `PATH`, else Debian's.
pub fn strace() -> Result<()> {
    with_packages(&[("strace", "strace")], "the journal's writes to disk are counted by it")
}

fn with_packages(needed: &[Needed], why: &str) -> Result<()> {
    match debian::missing(needed).as_slice() {
        [] => Ok(()),
        missing => debian::install(missing, why),
    }
}

/// The Go command, for programs that need no C library.
pub fn go() -> Result<Command> {
    ensure!(on_path("go"), "Go is not on PATH: install Go 1.24 or later (https://go.dev/dl)");
    let mut command = Command::new("go");
    command.env("CGO_ENABLED", "0");
    Ok(command)
}

/// Whether a program can be started by its name.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
