//! The bytes of an image.

use anyhow::Result;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// Changes with the layout below, so that images of an older one are made anew.
pub(super) const VERSION: &str = "3";

/// The user that every container runs as.
const USER: u32 = 65532;

/// What is in an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    /// The program's name.
    pub(super) name: &'a str,
    /// Its version.
    pub(super) version: &'a str,
    /// Its bytes.
    pub(super) program: &'a [u8],
    /// The licences of what is linked into it.
    pub(super) third_party: &'a str,
}

/// An image of one layer: the program at the root, the user's name, the roots of TLS, the licences, and a folder for
/// temporary files.
pub(super) fn image(content: Content<'_>, tags: &[String]) -> Result<Vec<u8>> {
    let Content { name, version, program, third_party } = content;
    let user = format!("root:x:0:0:root:/:/none\nnonroot:x:{USER}:{USER}:nonroot:/:/none\n");
    let group = format!("root:x:0:\nnonroot:x:{USER}:\n");
    let roots = roots();
    let layer = archive(&[
        Entry::File { path: name, content: program, mode: 0o755 },
        Entry::Folder { path: "etc/", mode: 0o755 },
        Entry::File { path: "etc/group", content: group.as_bytes(), mode: 0o644 },
        Entry::File { path: "etc/passwd", content: user.as_bytes(), mode: 0o644 },
        Entry::Folder { path: "etc/ssl/", mode: 0o755 },
        Entry::Folder { path: "etc/ssl/certs/", mode: 0o755 },
        Entry::File { path: "etc/ssl/certs/ca-certificates.crt", content: roots.as_bytes(), mode: 0o644 },
        Entry::Folder { path: "licenses/", mode: 0o755 },
        Entry::File { path: "licenses/LICENSE", content: super::licences::OURS.as_bytes(), mode: 0o644 },
        Entry::File { path: "licenses/THIRD-PARTY", content: third_party.as_bytes(), mode: 0o644 },
        Entry::Folder { path: "tmp/", mode: 0o1777 },
    ])?;
    let config = serde_json::to_vec(&json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"), "Entrypoint": [format!("/{name}")], "WorkingDir": "/",
            "Labels": {"org.opencontainers.image.title": name, "org.opencontainers.image.version": version},
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer))]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "cargo xtask images"}],
    }))?;
    let config_name = format!("{}.json", digest(&config));
    let layer_name = format!("{}.tar", digest(&layer));
    let manifest = serde_json::to_vec(&json!([{"Config": config_name, "RepoTags": tags, "Layers": [layer_name]}]))?;
    archive(&[
        Entry::File { path: &layer_name, content: &layer, mode: 0o644 },
        Entry::File { path: &config_name, content: &config, mode: 0o644 },
        Entry::File { path: "manifest.json", content: &manifest, mode: 0o644 },
    ])
}

/// Mozilla's roots in PEM, where Debian has them and TLS libraries look: AWS's own endpoints need them.
fn roots() -> String {
    use base64::Engine as _;
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = base64::engine::general_purpose::STANDARD.encode(certificate);
        for (at, character) in text.chars().enumerate() {
            if at > 0 && at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    pem
}

/// The architecture by the name that images use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

enum Entry<'a> {
    File { path: &'a str, content: &'a [u8], mode: u32 },
    Folder { path: &'a str, mode: u32 },
}

/// A tar in which nothing depends on when and by whom it was made.
fn archive(entries: &[Entry<'_>]) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let (path, content, mode, kind) = match *entry {
            Entry::File { path, content, mode } => (path, content, mode, EntryType::Regular),
            Entry::Folder { path, mode } => (path, &[][..], mode, EntryType::Directory),
        };
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        header.set_mtime(0);
        builder.append_data(&mut header, path, content)?;
    }
    Ok(builder.into_inner()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;
    use std::io::Read as _;

    use serde_json::Value;

    use super::*;

    fn files(tar: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(tar);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let path = entry.path().unwrap().display().to_string();
            (path, (entry.header().mode().unwrap(), content))
        });
        entries.collect()
    }

    fn thing(program: &[u8]) -> Content<'_> {
        Content { name: "thing", version: "1.2.3", program, third_party: "terms of others" }
    }

    #[test]
    fn an_image_holds_the_program_and_names_it_as_what_runs() {
        let tags = ["docker.io/library/thing:dev".to_owned()];
        let image = files(&image(thing(b"the program"), &tags).unwrap());
        let manifest: Value = serde_json::from_slice(&image["manifest.json"].1).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "docker.io/library/thing:dev");
        let config: Value = serde_json::from_slice(&image[manifest[0]["Config"].as_str().unwrap()].1).unwrap();
        assert_eq!(config["config"]["Entrypoint"], json!(["/thing"]));
        assert_eq!(config["config"]["User"], "65532:65532");
        let layer = &image[manifest[0]["Layers"][0].as_str().unwrap()].1;
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", digest(layer)));
        let layer = files(layer);
        assert_eq!(layer["thing"], (0o755, b"the program".to_vec()));
        assert_eq!(layer["tmp/"].0, 0o1777);
        assert_eq!(layer["licenses/THIRD-PARTY"].1, b"terms of others");
        assert!(String::from_utf8_lossy(&layer["licenses/LICENSE"].1).contains("Apache License"));
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.2.3");
        let roots = String::from_utf8_lossy(&layer["etc/ssl/certs/ca-certificates.crt"].1).into_owned();
        assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(String::from_utf8_lossy(&layer["etc/passwd"].1).contains(":65532:"));
    }
}
