//! What is made once and kept in the cache.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::progress::Progress;

/// Makes a folder unless it is there. It appears under its name only when it is complete, so that an interrupted run
/// leaves nothing that looks finished; two at once do the work twice, and the first wins.
pub fn folder(folder: &Path, what: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let parent = folder.parent().context("a folder of the cache has a parent")?;
    fs::create_dir_all(parent)?;
    let partial = tempfile::Builder::new().prefix("partial-").tempdir_in(parent)?;
    Progress::new().step(&format!("{what}; done once and kept"), || make(partial.path()))?;
    fs::set_permissions(partial.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    match fs::rename(partial.path(), folder) {
        Err(_) if folder.exists() => Ok(()),
        moved => moved.with_context(|| format!("cannot put {} in place", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_failed_is_not_there_and_what_is_there_is_not_made_again() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("deep/thing");
        assert!(folder(&target, "a thing", |_| anyhow::bail!("no")).is_err());
        assert!(!target.exists());
        folder(&target, "a thing", |partial| Ok(fs::write(partial.join("file"), "content")?)).unwrap();
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "content");
        folder(&target, "a thing", |_| anyhow::bail!("made again")).unwrap();
        assert_eq!(fs::read_dir(root.path().join("deep")).unwrap().count(), 1, "nothing partial is left");
    }
}
