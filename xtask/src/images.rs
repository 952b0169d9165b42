//! `cargo xtask images`: one small image a binary, without Docker.
//!
//! An image is a tar of a layer, a configuration and a manifest, which `ctr image import` and `docker load` take. The
//! same binary gives the same bytes.

mod archive;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cargo;

/// One small image a binary.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Each image with the binary in it.
const IMAGES: [(&str, &str); 12] = [
    ("qsl-operator", "operator"),
    ("qsl-signature-service", "signature-service"),
    ("qsl-consumer-sidecar", "consumer-sidecar"),
    ("qsl-journal", "journal"),
    ("qsl-gateway", "gateway"),
    ("qsl-identity-provider", "identity-provider"),
    ("qsl-example-orchestration", "orchestration"),
    ("qsl-example-paymentgateway", "paymentgateway"),
    ("qsl-example-treasury", "treasury"),
    ("qsl-example-compliance", "compliance"),
    ("qsl-example-notification", "notification"),
    ("qsl-example-records", "records"),
];

/// An image that is ready to be imported, as `docker.io/library/<name>` with the tags `latest` and `dev`.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// The archive.
    pub archive: PathBuf,
}

/// Builds them and says where they are.
#[allow(clippy::print_stdout, reason = "the answer of the command")]
pub fn run(_: &Args) -> Result<()> {
    for image in build()? {
        let megabytes = fs::metadata(&image.archive)?.len() / 1_000_000;
        println!("{} {} ({megabytes} MB)", image.name, image.archive.display());
    }
    Ok(())
}

/// Builds the workspace's binaries and their images; an image whose binary has not changed is left as it is.
pub fn build() -> Result<Vec<Image>> {
    let programs = binaries()?;
    let folder = cargo::target()?.join("images");
    fs::create_dir_all(&folder)?;
    IMAGES
        .iter()
        .map(|(name, binary)| {
            let found = programs.iter().find(|program| program.file_name().is_some_and(|own| own == *binary));
            let program = found.with_context(|| format!("the workspace has no binary {binary}"))?;
            let archive = folder.join(format!("{name}.tar"));
            image(name, program, &archive).with_context(|| format!("image {name}"))?;
            Ok(Image { name: (*name).to_owned(), archive })
        })
        .collect()
}

/// Builds all binaries, with the package set and profile that everything is built with, and asks cargo for their paths.
fn binaries() -> Result<Vec<PathBuf>> {
    let arguments = ["build", "--workspace", "--bins", "--message-format=json-render-diagnostics"];
    let output = cargo::command(arguments).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo build failed");
    }
    let messages = String::from_utf8(output.stdout)?;
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    };
    Ok(messages.lines().filter_map(executable).collect())
}

/// Writes one image, unless it holds this binary already.
fn image(name: &str, program: &Path, archive: &Path) -> Result<()> {
    let made_of = archive.with_extension("source");
    let source = format!("{} {}", archive::VERSION, hex::encode(Sha256::digest(fs::read(program)?)));
    if archive.exists() && fs::read_to_string(&made_of).is_ok_and(|known| known == source) {
        return Ok(());
    }
    let stripped = tempfile::NamedTempFile::new_in(archive.parent().unwrap_or(Path::new(".")))?;
    cargo::succeed(Command::new("strip").arg("-o").arg(stripped.path()).arg(program))?;
    let binary = program.file_name().and_then(|name| name.to_str()).context("a binary has a name")?;
    let tags = ["latest", "dev"].map(|tag| format!("docker.io/library/{name}:{tag}"));
    let partial = archive.with_extension("partial");
    fs::write(&partial, archive::image(binary, &fs::read(stripped.path())?, &tags)?)?;
    fs::rename(partial, archive)?;
    Ok(fs::write(made_of, source)?)
}
