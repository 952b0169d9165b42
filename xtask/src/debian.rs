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

/// Makes sure of what cargo needs for the workspace beside Rust and a C compiler: the journal's engine is C++, and its
/// bindings are made with libclang. Where packages are not Debian's, its own message says what it lacks.
pub fn compilers() -> Result<()> {
    if !tools::on_path("apt-get") {
        return Ok(());
    }
    let mut missing = missing(&[("c++", "g++")]);
    if std::env::var_os("LIBCLANG_PATH").is_none() && !has_libclang(Path::new("/usr/lib"))? {
        missing.push("libclang-dev");
    }
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing, "the journal's engine is built from C++")
}

/// Whether one of LLVM's versions is there with it.
fn has_libclang(root: &Path) -> Result<bool> {
    let names = |folder: &Path| -> Result<Vec<String>> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    for version in names(root)?.into_iter().filter(|name| name.starts_with("llvm-")) {
        let libraries = names(&root.join(version).join("lib"))?;
        if libraries.iter().any(|name| name.starts_with("libclang") && !name.contains("cpp") && name.contains(".so")) {
            return Ok(true);
        }
    }
    Ok(false)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn libclang_is_found_in_any_version_of_llvm_and_its_parser_of_cpp_is_not_taken_for_it() {
        let root = tempfile::tempdir().unwrap();
        assert!(!has_libclang(&root.path().join("none")).unwrap());
        let libraries = root.path().join("llvm-19/lib");
        fs::create_dir_all(&libraries).unwrap();
        fs::write(libraries.join("libclang-cpp.so.19"), "").unwrap();
        assert!(!has_libclang(root.path()).unwrap());
        fs::write(libraries.join("libclang-19.so.1"), "").unwrap();
        assert!(has_libclang(root.path()).unwrap());
    }
}
