//! `cargo xtask images`: one small image a binary, without Docker.
//!
//! An image is a tar of a layer, a configuration and a manifest, which `ctr image import` and `docker load` take. Beside it
//! stands the bill of materials of its program, and in it the licences of what is linked into that. The same binary gives
//! the same bytes of both.

mod archive;
mod bom;
mod licences;
mod packages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::packages::Graph;
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
    /// The bill of materials of its program: CycloneDX, JSON.
    pub bill: PathBuf,
}

/// Builds them and says where they are.
#[allow(clippy::print_stdout, reason = "the answer of the command")]
pub fn run(_: &Args) -> Result<()> {
    for image in build()? {
        let megabytes = fs::metadata(&image.archive)?.len() / 1_000_000;
        println!("{} {} ({megabytes} MB), {}", image.name, image.archive.display(), image.bill.display());
    }
    Ok(())
}

/// Builds the workspace's binaries and their images; an image whose binary has not changed is left as it is.
pub fn build() -> Result<Vec<Image>> {
    let (programs, graph) = (binaries()?, Graph::read()?);
    let folder = cargo::target()?.join("images");
    fs::create_dir_all(&folder)?;
    IMAGES
        .iter()
        .map(|(name, binary)| {
            let program = find(&programs, binary)?;
            image(name, binary, program, &graph, &folder).with_context(|| format!("image {name}"))
        })
        .collect()
}

/// The bill of materials of each image's program, as far as it can be told without the program.
pub fn bills() -> Result<Vec<(String, String)>> {
    let graph = Graph::read()?;
    let bill = |(name, binary): &(&str, &str)| -> Result<(String, String)> {
        let (own, linked) = graph.linked_into(binary)?;
        licences::text(&own, &linked)?;
        Ok(((*name).to_owned(), bom::bill(&own, &linked, &"0".repeat(64))?))
    };
    IMAGES.iter().map(bill).collect()
}

/// Builds the workspace's binaries and says where one of them is.
pub fn program(binary: &str) -> Result<PathBuf> {
    find(&binaries()?, binary).cloned()
}

fn find<'a>(programs: &'a [PathBuf], binary: &str) -> Result<&'a PathBuf> {
    let found = programs.iter().find(|program| program.file_name().is_some_and(|own| own == binary));
    found.with_context(|| format!("the workspace has no binary {binary}"))
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

/// Writes one image and its bill, unless they are of this binary already.
fn image(name: &str, binary: &str, program: &Path, graph: &Graph, folder: &Path) -> Result<Image> {
    let made = Image {
        name: name.to_owned(),
        archive: folder.join(format!("{name}.tar")),
        bill: folder.join(format!("{name}.cdx.json")),
    };
    let (own, linked) = graph.linked_into(binary)?;
    let third_party = licences::text(&own, &linked)?;
    let built = fs::read(program)?;
    let mut source = Sha256::new();
    for part in [built.as_slice(), third_party.as_bytes(), bom::bill(&own, &linked, "")?.as_bytes()] {
        source.update(Sha256::digest(part));
    }
    let source = format!("{} {}", archive::VERSION, hex::encode(source.finalize()));
    let made_of = made.archive.with_extension("source");
    let is_there = made.archive.exists() && made.bill.exists();
    if is_there && fs::read_to_string(&made_of).is_ok_and(|known| known == source) {
        return Ok(made);
    }
    bom::complete(&linked, &built)?;
    let stripped = tempfile::NamedTempFile::new_in(folder)?;
    cargo::succeed(Command::new("strip").arg("-o").arg(stripped.path()).arg(program))?;
    let program = fs::read(stripped.path())?;
    let tags = ["latest", "dev"].map(|tag| format!("docker.io/library/{name}:{tag}"));
    let content =
        archive::Content { name: binary, version: &own.version, program: &program, third_party: &third_party };
    fs::write(&made.bill, bom::bill(&own, &linked, &hex::encode(Sha256::digest(&program)))?)?;
    let partial = made.archive.with_extension("partial");
    fs::write(&partial, archive::image(content, &tags)?)?;
    fs::rename(partial, &made.archive)?;
    fs::write(made_of, source)?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// A program, made into an image at a place of its own.
    fn made(graph: &Graph, root: &Path) -> (Vec<u8>, Vec<u8>) {
        let copy = root.join("program");
        fs::copy("/bin/true", &copy).unwrap();
        let Image { archive, bill, .. } = image("thing", "xtask", &copy, graph, root).unwrap();
        (fs::read(archive).unwrap(), fs::read(bill).unwrap())
    }

    #[test]
    fn the_same_program_gives_the_same_bytes_of_image_and_bill_wherever_and_whenever_they_are_made() {
        let graph = Graph::read().unwrap();
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = made(&graph, one.path());
        // A tar counts in seconds.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        assert!(first == made(&graph, other.path()), "they differ");
        let another = other.path().join("another");
        fs::copy("/bin/sh", &another).unwrap();
        let image = image("thing", "xtask", &another, &graph, other.path()).unwrap();
        assert!(first.0 != fs::read(image.archive).unwrap(), "of another program it is another");
        assert!(first.1 != fs::read(image.bill).unwrap());
    }
}
