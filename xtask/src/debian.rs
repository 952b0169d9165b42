//! Debian's packages, where this machine lacks what they bring.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::cargo::succeed;
use crate::tools;

/// What is needed: a program on `PATH`, or a file; and the package that brings it.
pub type Needed = (&'static str, &'static str);

/// The packages whose program or file is not here.
pub fn missing(needed: &[Needed]) -> Vec<&'static str> {
    let is_there = |what: &str| if what.starts_with('/') { Path::new(what).exists() } else { tools::on_path(what) };
    needed.iter().filter(|(what, _)| !is_there(what)).map(|(_, package)| *package).collect()
}

/// Whether this is root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Installs packages; where it cannot, `otherwise` says what to do.
#[allow(clippy::print_stdout, reason = "says what it does to the machine")]
pub fn install(packages: &[&str], otherwise: &str) -> Result<()> {
    let names = packages.join(" ");
    let able = is_root() && tools::on_path("apt-get");
    ensure!(able, "{otherwise}: {names} (Debian's names) must be installed, as root");
    println!("installing {names}");
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    apt_get(&["update", "--quiet"])?;
    apt_get(&[&install[..], packages].concat()).with_context(|| format!("{otherwise}: install {names}"))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    succeed(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}
