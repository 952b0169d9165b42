//! The folder outside the tree that holds what is slow to make, and the keys under which it is kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// The cache's root: `QSL_CACHE_DIR`, or `qsl-eventing` in the user's cache folder.
pub fn root() -> Result<PathBuf> {
    if let Some(dir) = set("QSL_CACHE_DIR") {
        return Ok(dir);
    }
    let caches = match set("XDG_CACHE_HOME") {
        Some(dir) => dir,
        None => set("HOME").context("neither QSL_CACHE_DIR nor HOME is set")?.join(".cache"),
    };
    Ok(caches.join("qsl-eventing"))
}

/// A path from an environment variable that is neither unset nor empty.
fn set(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The folder of this crate, where the sources of what is built and installed stand.
pub fn sources() -> &'static Path {
    Path::new(concat!(env!("QSL_WORKSPACE"), "tests/cluster"))
}

/// A key for a set of files: 16 hexadecimal digits of the hash of their names and contents.
pub fn key(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    let mut key = hex::encode(hash.finalize());
    key.truncate(16);
    Ok(key)
}

/// The files of one extension in a folder, sorted, without Go's tests.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let test = path.to_string_lossy().ends_with("_test.go");
        if path.extension().is_some_and(|own| own == extension) && !test {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The folder for the one binary with all components, keyed by its sources.
pub fn components() -> Result<PathBuf> {
    let node = sources().join("node");
    let mut inputs = vec![node.join("go.mod"), node.join("go.sum")];
    inputs.extend(files(&node, "go")?);
    Ok(root()?.join("cluster").join(format!("components-{}", key(&inputs)?)))
}

/// The folder for the program that starts and stops the components, keyed by its sources.
pub fn supervisor() -> Result<PathBuf> {
    let inputs = files(&sources().join("node/cluster"), "go")?;
    Ok(root()?.join("cluster").join(format!("supervisor-{}", key(&inputs)?)))
}

/// The folder for a Python environment, keyed by its `requirements.txt`.
pub fn python(requirements: &Path) -> Result<PathBuf> {
    Ok(root()?.join("python").join(key(&[requirements.to_owned()])?))
}

/// The `requirements.txt` of the AWS emulator.
pub fn emulator_requirements() -> PathBuf {
    sources().join("../emulator/requirements.txt")
}

/// The folder of SurrealDB's server, for the tests of a journal whose database is somewhere else, keyed by its sources.
pub fn surrealdb() -> Result<PathBuf> {
    let sources = surrealdb_sources();
    let key = key(&["Cargo.toml", "Cargo.lock", "src/main.rs"].map(|file| sources.join(file)))?;
    Ok(tools()?.join(format!("surrealdb-{key}")))
}

/// The program in that folder.
pub fn surrealdb_program(folder: &Path) -> PathBuf {
    folder.join("bin/surrealdb-for-tests")
}

/// Where it is built from.
pub fn surrealdb_sources() -> PathBuf {
    sources().join("../surrealdb-server")
}

/// The folder in which tools are installed once.
pub fn tools() -> Result<PathBuf> {
    Ok(root()?.join("tools"))
}

/// The folder for what runs now.
pub fn run() -> Result<PathBuf> {
    Ok(root()?.join("run"))
}
