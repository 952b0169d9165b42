//! What ships with an image: a bill of materials that CycloneDX's schema takes, and the licences of what is linked.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{self, succeed, workspace};
use crate::{images, tools};

/// Checks what would be written for each image, and what was written beside those that are built. That a bill lacks
/// nothing is checked where an image is made, since its program must be there.
pub fn check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut validate = Command::new(tools::bills()?);
    validate.arg(workspace().join("xtask/bom/validate.py"));
    for (name, bill) in images::bills()? {
        let path = folder.path().join(format!("{name}.cdx.json"));
        fs::write(&path, bill)?;
        validate.arg(path);
    }
    let built = fs::read_dir(cargo::target()?.join("images")).into_iter().flatten();
    for entry in built {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".cdx.json") {
            validate.arg(path);
        }
    }
    succeed(&mut validate)
}
