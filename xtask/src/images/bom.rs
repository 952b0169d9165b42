//! The bill of materials of a program, in CycloneDX's JSON (<https://cyclonedx.org/docs/1.6/json>), and whether the program
//! agrees: it names the sources of what is linked into it, where that can panic.
//!
//! It says nothing of when and where it was made, so the same program gives the same bytes.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::packages::{Origin, Package};

/// How the paths of a registry's sources begin, below cargo's home.
const REGISTRY: &str = "registry/src/";

/// The bill of a program: its package, what is linked, and the SHA-256 of its bytes in hex.
pub(super) fn bill(own: &Package, linked: &[Package], digest: &str) -> Result<String> {
    let mut root = component(own);
    if let Some(root) = root.as_object_mut() {
        root.insert("type".to_owned(), json!("application"));
        root.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": digest}]));
    }
    let known: BTreeSet<String> = linked.iter().map(Package::id).collect();
    let needs = |package: &Package| {
        let needs: Vec<&String> = package.needs.iter().filter(|need| known.contains(*need)).collect();
        json!({"ref": package.id(), "dependsOn": needs})
    };
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(digest),
        "version": 1,
        "metadata": {"component": root},
        "components": linked.iter().map(component).collect::<Vec<_>>(),
        "dependencies": std::iter::once(own).chain(linked).map(needs).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn component(package: &Package) -> Value {
    let id = package.id();
    let mut component = json!({
        "type": "library", "bom-ref": id, "purl": id, "name": package.name, "version": package.version,
        "licenses": [{"expression": package.licence}],
    });
    if let Some(component) = component.as_object_mut() {
        if let Origin::Registry { checksum, .. } = &package.origin {
            component.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": checksum}]));
        }
        if let Some(repository) = &package.repository {
            component.insert("externalReferences".to_owned(), json!([{"type": "vcs", "url": repository}]));
        }
    }
    component
}

/// A number of its own for each program: a UUID of the eighth version, made of the program's digest.
fn serial(digest: &str) -> String {
    let mut letters: Vec<char> = digest.chars().chain(std::iter::repeat('0')).take(32).collect();
    for (place, letter) in [(12, '8'), (16, 'a')] {
        if let Some(own) = letters.get_mut(place) {
            *own = letter;
        }
    }
    for place in [20, 16, 12, 8] {
        letters.insert(place, '-');
    }
    format!("urn:uuid:{}", letters.into_iter().collect::<String>())
}

/// Refuses a bill that lacks a package which the program names.
pub(super) fn complete(linked: &[Package], program: &[u8]) -> Result<()> {
    let listed: BTreeSet<String> =
        linked.iter().map(|package| format!("{}-{}", package.name, package.version)).collect();
    let named = named_in(program);
    let missing: Vec<&String> = named.difference(&listed).collect();
    ensure!(missing.is_empty(), "the bill of materials lacks what the program names: {missing:?}");
    Ok(())
}

/// The packages whose sources a program names, as `name-version`.
fn named_in(program: &[u8]) -> BTreeSet<String> {
    let folder = |start: usize| {
        // The folder of the registry, that of the package, and what is in it.
        let mut parts = program.get(start + REGISTRY.len()..)?.splitn(3, |byte| *byte == b'/');
        let (_, package, _) = (parts.next()?, parts.next()?, parts.next()?);
        let is_of_a_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(byte);
        package.iter().all(is_of_a_name).then(|| String::from_utf8_lossy(package).into_owned())
    };
    memchr::memmem::find_iter(program, REGISTRY).filter_map(folder).collect()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    /// A package without a folder.
    pub(in super::super) fn package(name: &str, needs: &[&Package]) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.2.3".to_owned(),
            licence: "MIT OR Apache-2.0".to_owned(),
            repository: Some("https://example.com/git".to_owned()),
            authors: vec!["Ada".to_owned()],
            origin: Origin::Registry { folder: "/nowhere".into(), checksum: "cd".repeat(32) },
            needs: needs.iter().map(|need| need.id()).collect(),
        }
    }

    #[test]
    fn a_bill_names_each_package_with_its_licence_checksum_and_needs() {
        let deep = package("deep", &[]);
        let lib = package("lib", &[&deep, &package("macro", &[])]);
        let mut own = package("app", &[&lib]);
        own.origin = Origin::Ours;
        let bill: Value = serde_json::from_str(&bill(&own, &[deep, lib], &"ab".repeat(32)).unwrap()).unwrap();
        assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"], "ab".repeat(32));
        assert_eq!(bill["serialNumber"], "urn:uuid:abababab-abab-8bab-abab-abababababab");
        assert_eq!(bill["components"][1]["purl"], "pkg:cargo/lib@1.2.3");
        assert_eq!(bill["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["components"][1]["hashes"][0]["content"], "cd".repeat(32));
        assert_eq!(bill["dependencies"][0]["dependsOn"], json!(["pkg:cargo/lib@1.2.3"]));
        assert_eq!(bill["dependencies"][2]["dependsOn"], json!(["pkg:cargo/deep@1.2.3"]), "what is linked alone");
    }

    #[test]
    fn a_package_that_the_program_names_and_the_bill_does_not_is_told() {
        let program = b"\0/home/a/.cargo/registry/src/index.crates.io-1/lib-1.2.3/src/lib.rs\0registry/src/x/\xff/\0";
        complete(&[package("lib", &[])], program).unwrap();
        let missing = complete(&[package("deep", &[])], program).unwrap_err();
        assert!(missing.to_string().contains("lib-1.2.3"), "{missing}");
    }
}
