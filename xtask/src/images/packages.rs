//! What is linked into a program: the packages that its own reaches through normal dependencies, for the platform that is
//! built for, and what the linker adds by itself. The roots of TLS are counted with it, which every image has.
//!
//! Procedural macros and build scripts run in the build and are not linked. Features are those of the whole workspace,
//! which is built at once: so a package may be listed of which nothing was needed, and none is left out
//! ([`super::bom`] compares with the program).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cargo::{self, Target, said, workspace};

/// What is in every image beside the program: Mozilla's roots of TLS.
const IN_EVERY_IMAGE: &str = "webpki-root-certs";

/// A package that is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub licence: String,
    /// Where it is developed.
    pub repository: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// What it is of.
    pub origin: Origin,
    /// What it needs, by their [`Self::id`].
    pub needs: BTreeSet<String>,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This workspace.
    Ours,
    /// A registry of crates.
    Registry {
        /// Its sources.
        folder: PathBuf,
        /// The SHA-256 of its archive, in hex.
        checksum: String,
    },
    /// The copy of one, with a change of ours, beside the workspace.
    Changed {
        /// Its sources.
        folder: PathBuf,
    },
    /// The toolchain that links.
    Toolchain,
}

/// The library of C++, and the packages that bring C++.
const LIBSTDCPP: &str = "libstdc++";
const CPP: [&str; 1] = ["surrealdb-librocksdb-sys"];
const GCC: &str = "GPL-3.0-or-later WITH GCC-exception-3.1";
/// Where such copies are, in this checkout.
const CHANGED: &str = "third-party";

impl Package {
    /// Its package URL (<https://github.com/package-url/purl-spec>), which identifies it.
    pub fn id(&self) -> String {
        let kind = if self.origin == Origin::Toolchain { "generic" } else { "cargo" };
        format!("pkg:{kind}/{}@{}", self.name, self.version.replace('+', "%2B"))
    }
}

/// The packages of the workspace, by cargo's ids.
#[derive(Debug)]
pub struct Graph {
    packages: BTreeMap<String, Package>,
    /// The packages that each needs, by cargo's ids, without those that are not linked.
    edges: BTreeMap<String, Vec<String>>,
    /// The package of each program.
    programs: BTreeMap<String, String>,
    toolchain: Vec<Package>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Described>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Described {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    authors: Vec<String>,
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

impl Described {
    fn is_macro(&self) -> bool {
        self.targets.iter().any(|target| target.is("proc-macro"))
    }

    fn programs(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter(|target| target.is("bin")).map(|target| target.name.as_str())
    }
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// None is the normal one.
    kind: Option<String>,
}

impl Graph {
    /// Asks cargo and the toolchain.
    pub fn read() -> Result<Self> {
        let compiler = said(Command::new("rustc").arg("-vV"))?;
        let of_compiler = |key: &str| compiler.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        let platform = of_compiler("host: ");
        let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", platform];
        let metadata = said(&mut cargo::command(arguments))?;
        let checksums = checksums(&fs::read_to_string(workspace().join("Cargo.lock"))?);
        let told = told(&fs::read_to_string(workspace().join("deny.toml"))?);
        Self::of(&metadata, &checksums, &told, toolchain(of_compiler("release: "))?)
    }

    fn of(
        metadata: &str,
        checksums: &BTreeMap<(String, String), String>,
        told: &BTreeMap<String, String>,
        toolchain: Vec<Package>,
    ) -> Result<Self> {
        let Metadata { packages: described, resolve } = serde_json::from_str(metadata)?;
        let linked: BTreeMap<&str, &Described> = described
            .iter()
            .filter(|package| !package.is_macro())
            .map(|package| (package.id.as_str(), package))
            .collect();
        let mut edges = BTreeMap::new();
        for Node { id, deps } in resolve.nodes {
            let is_linked = |dependency: &Dependency| {
                linked.contains_key(dependency.pkg.as_str())
                    && dependency.dep_kinds.iter().any(|kind| kind.kind.is_none())
            };
            let own = deps.into_iter().filter(is_linked).map(|dependency| dependency.pkg).collect();
            edges.insert(id, own);
        }
        let (mut packages, mut programs) = (BTreeMap::new(), BTreeMap::new());
        for (id, found) in linked {
            packages.insert(id.to_owned(), package(found, checksums, told)?);
            programs.extend(found.programs().map(|program| (program.to_owned(), id.to_owned())));
        }
        let ids: BTreeMap<String, String> = packages.iter().map(|(key, package)| (key.clone(), package.id())).collect();
        for (key, package) in &mut packages {
            let needs = edges.get(key).into_iter().flatten();
            package.needs = needs.filter_map(|need| ids.get(need).cloned()).collect();
        }
        Ok(Self { packages, edges, programs, toolchain })
    }

    /// The package of a program, and everything else that is linked into it or beside it in its image, sorted.
    pub fn linked_into(&self, program: &str) -> Result<(Package, Vec<Package>)> {
        let root = self.programs.get(program).with_context(|| format!("the workspace has no binary {program}"))?;
        let (mut seen, mut next) = (BTreeSet::new(), vec![root]);
        while let Some(key) = next.pop() {
            if seen.insert(key) {
                next.extend(self.edges.get(key).into_iter().flatten());
            }
        }
        seen.remove(root);
        seen.extend(self.packages.iter().filter(|(_, package)| package.name == IN_EVERY_IMAGE).map(|(key, _)| key));
        let mut all: Vec<Package> = seen.into_iter().filter_map(|key| self.packages.get(key)).cloned().collect();
        let is_cpp = all.iter().any(|package| CPP.contains(&package.name.as_str()));
        all.extend(self.toolchain.iter().filter(|part| is_cpp || part.name != LIBSTDCPP).cloned());
        all.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        let mut own = self.packages.get(root).context("a program has a package")?.clone();
        let besides =
            all.iter().filter(|package| package.name == IN_EVERY_IMAGE || package.origin == Origin::Toolchain);
        own.needs.extend(besides.map(Package::id));
        Ok((own, all))
    }
}

fn package(
    found: &Described,
    checksums: &BTreeMap<(String, String), String>,
    told: &BTreeMap<String, String>,
) -> Result<Package> {
    let Described { name, version, license, repository, authors, source, manifest_path, .. } = found;
    // `MIT/Apache-2.0` is how crates wrote it once.
    let licence = license.as_ref().map(|licence| licence.replace('/', " OR ")).or_else(|| told.get(name).cloned());
    let folder = manifest_path.parent().context("a manifest is in a folder")?.to_owned();
    let origin = if source.is_some() {
        let key = (name.clone(), version.clone());
        let checksum =
            checksums.get(&key).with_context(|| format!("Cargo.lock has no checksum of {name} {version}"))?;
        Origin::Registry { folder, checksum: checksum.clone() }
    } else if folder.parent().is_some_and(|parent| parent.ends_with(CHANGED)) {
        Origin::Changed { folder }
    } else {
        Origin::Ours
    };
    Ok(Package {
        name: name.clone(),
        version: version.clone(),
        licence: licence
            .with_context(|| format!("{name} {version} names no licence, and deny.toml does not say it"))?,
        repository: repository.clone(),
        authors: authors.clone(),
        origin,
        needs: BTreeSet::new(),
    })
}

/// What the linker puts into every program: Rust's library, and, since programs are static, C's and the unwinder; C++'s where
/// there is any.
fn toolchain(compiler: &str) -> Result<Vec<Package>> {
    let libc = said(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let libc = libc.trim().strip_prefix("glibc ").context("getconf GNU_LIBC_VERSION names no glibc")?;
    let gcc = said(Command::new("cc").arg("-dumpfullversion"))?;
    let part = |name: &str, version: &str, licence: &str, repository: &str| Package {
        name: name.to_owned(),
        version: version.trim().to_owned(),
        licence: licence.to_owned(),
        repository: Some(repository.to_owned()),
        authors: Vec::new(),
        origin: Origin::Toolchain,
        needs: BTreeSet::new(),
    };
    Ok(vec![
        part("rust-std", compiler, "MIT OR Apache-2.0", "https://github.com/rust-lang/rust"),
        part("glibc", libc, "LGPL-2.1-or-later", "https://sourceware.org/git/glibc.git"),
        part("libgcc", &gcc, GCC, "https://gcc.gnu.org/git/gcc.git"),
        part(LIBSTDCPP, &gcc, GCC, "https://gcc.gnu.org/git/gcc.git"),
    ])
}

/// The SHA-256 of each archive, by name and version, of a Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .filter_map(|block| Some(((text(block, "name")?, text(block, "version")?), text(block, "checksum")?)))
        .collect()
}

/// What deny.toml says of the licence of crates that name a file alone.
fn told(deny: &str) -> BTreeMap<String, String> {
    let blocks = deny.split("[[licenses.clarify]]").skip(1);
    blocks.filter_map(|block| Some((text(block, "crate")?, text(block, "expression")?))).collect()
}

/// The text of a key in a table of TOML.
fn text(block: &str, key: &str) -> Option<String> {
    let mut pairs = block.lines().filter_map(|line| line.split_once(" = "));
    pairs.find(|(own, _)| *own == key).map(|(_, value)| value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn names(packages: &[Package]) -> Vec<&str> {
        packages.iter().map(|package| package.name.as_str()).collect()
    }

    #[test]
    fn what_is_linked_is_told_from_what_runs_in_the_build_or_in_tests() {
        let of = |name: &str, kind: &str| {
            format!(
                r#"{{"id": "{name}", "name": "{name}", "version": "1.0.0", "license": "MIT/Apache-2.0", "repository": null,
                "authors": [], "source": "registry", "manifest_path": "/{name}/Cargo.toml",
                "targets": [{{"name": "{name}", "kind": ["{kind}"], "test": true}}]}}"#
            )
        };
        let kinds = [("app", "bin"), ("lib", "lib"), ("deep", "lib"), ("derive", "proc-macro"), ("quote", "lib")];
        let more = [("script", "lib"), ("check", "lib"), ("apart", "lib")];
        let packages: Vec<String> = kinds.iter().chain(&more).map(|(name, kind)| of(name, kind)).collect();
        let metadata = format!(
            r#"{{"packages": [{}], "resolve": {{"nodes": [
                {{"id": "app", "deps": [
                    {{"pkg": "lib", "dep_kinds": [{{"kind": "dev"}}, {{"kind": null}}]}},
                    {{"pkg": "derive", "dep_kinds": [{{"kind": null}}]}},
                    {{"pkg": "script", "dep_kinds": [{{"kind": "build"}}]}},
                    {{"pkg": "check", "dep_kinds": [{{"kind": "dev"}}]}}]}},
                {{"id": "lib", "deps": [{{"pkg": "deep", "dep_kinds": [{{"kind": null}}]}}]}},
                {{"id": "derive", "deps": [{{"pkg": "quote", "dep_kinds": [{{"kind": null}}]}}]}}]}}}}"#,
            packages.join(",")
        );
        let checksums = kinds.iter().chain(&more);
        let checksums =
            checksums.map(|(name, _)| (((*name).to_owned(), "1.0.0".to_owned()), "ab".to_owned())).collect();
        let graph = Graph::of(&metadata, &checksums, &BTreeMap::new(), Vec::new()).unwrap();
        let (own, linked) = graph.linked_into("app").unwrap();
        assert_eq!((own.name.as_str(), own.licence.as_str()), ("app", "MIT OR Apache-2.0"));
        assert_eq!(own.needs, BTreeSet::from(["pkg:cargo/lib@1.0.0".to_owned()]));
        assert_eq!(names(&linked), ["deep", "lib"]);
        assert!(graph.linked_into("other").is_err());
    }

    #[test]
    fn the_workspace_itself_is_read_and_the_engine_of_the_journal_is_in_the_journal_alone() {
        let graph = Graph::read().unwrap();
        let linked = |program: &str| graph.linked_into(program).unwrap().1;
        let (journal, sidecar) = (linked("journal"), linked("consumer-sidecar"));
        assert!(names(&journal).contains(&"surrealdb-core") && !names(&sidecar).contains(&"surrealdb-core"));
        for name in ["surrealdb-engine-local", LIBSTDCPP] {
            assert!(names(&journal).contains(&name) && !names(&sidecar).contains(&name), "{name}");
        }
        for name in ["eventing", "rust-std", "glibc", "tokio", "webpki-root-certs"] {
            assert!(names(&journal).contains(&name) && names(&sidecar).contains(&name), "{name}");
        }
        for name in ["proptest", "insta", "serde_derive", "cc"] {
            assert!(!names(&journal).contains(&name) && !names(&sidecar).contains(&name), "{name}");
        }
        let engine = journal.iter().find(|package| package.name == "surrealdb-core").unwrap();
        assert_eq!(engine.licence, "BUSL-1.1", "as deny.toml says");
    }
}
