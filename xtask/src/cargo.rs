//! Cargo and other programs, called alike everywhere: one target folder, one package set, one profile.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use test_cluster::cache;

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("QSL_WORKSPACE"))
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else in the cache, so that a fresh clone finds what was built before.
pub fn target() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(folder) => Ok(workspace().join(folder)),
        None => Ok(cache::root()?.join("target")),
    }
}

/// Cargo in the workspace.
pub fn command<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace());
    forget(&mut command);
    if let Ok(target) = target() {
        command.env("CARGO_TARGET_DIR", target);
    }
    command
}

/// Keeps from a command what `cargo run` set for this program: it is not meant for the next cargo. Build scripts that watch
/// these variables (ring's does) would run again, and with them everything that stands on TLS would be built anew.
pub fn forget(command: &mut Command) {
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|prefix| name.starts_with(prefix))
    });
    ours.for_each(|name| {
        command.env_remove(name);
    });
}

/// Runs a program to its end, with its output on the terminal.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} {:?} failed: {status}", command.get_program().display(), command.get_args().collect::<Vec<_>>());
    }
    Ok(())
}

/// Runs a program to its end, and gives what it printed.
pub fn said(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot start {program}"))?;
    ensure!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What is built of a package, as `cargo metadata` tells it.
#[derive(Debug, Deserialize)]
pub struct Target {
    /// What it is called.
    pub name: String,
    kind: Vec<String>,
    /// Whether `cargo test` runs it where it is not named.
    pub test: bool,
}

impl Target {
    /// Whether it is a `bin`, a `test` or what else cargo tells.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }
}
