//! `cargo deny`: licences, bans and sources of what is depended on; advisories too, where a database of them is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cargo::{succeed, workspace};
use crate::tools;

/// What needs nothing but the workspace.
const ALWAYS: [&str; 3] = ["bans", "licenses", "sources"];

/// Checks the workspace. No database is fetched: which advisories there are is a matter of when somebody did that.
#[allow(clippy::print_stdout, reason = "what was left out is told")]
pub fn check() -> Result<()> {
    succeed(deny(workspace())?.arg("check").args(ALWAYS))?;
    if has_advisories() {
        return succeed(deny(workspace())?.args(["--offline", "check", "advisories"]));
    }
    println!("no advisory is checked, since no database of them is here: `cargo deny fetch db` gets RustSec's");
    Ok(())
}

fn deny(folder: &Path) -> Result<Command> {
    let mut deny = Command::new(tools::cargo_deny()?);
    deny.current_dir(folder).args(["--log-level", "error"]);
    Ok(deny)
}

/// Whether somebody fetched a database of advisories, into where cargo-deny looks for it.
fn has_advisories() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let entries = home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok());
    entries.into_iter().flatten().flatten().any(|entry| entry.path().is_dir())
}

#[cfg(test)]
mod tests {
    //! Each time with the workspace's own deny.toml.
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use super::*;

    /// Whether it lets it pass, and what it says.
    fn judged(mut deny: Command) -> (bool, String) {
        let output = deny.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// A package that depends on another, in the way given.
    fn app(root: &Path, way: &str, other: &str) {
        let manifest = format!(
            "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n\
             [dependencies]\n{other} = {way}\n[workspace]\n"
        );
        write(&root.join("Cargo.toml"), &manifest);
        write(&root.join("src/lib.rs"), "");
        fs::copy(workspace().join("deny.toml"), root.join("deny.toml")).unwrap();
    }

    fn odd(folder: &Path, licence: &str) {
        let manifest =
            format!("[package]\nname = \"odd\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"{licence}\"\n");
        write(&folder.join("Cargo.toml"), &manifest);
        write(&folder.join("src/lib.rs"), "");
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(folder: &Path, arguments: &[&str]) {
        let who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"];
        let output = Command::new("git").current_dir(folder).args(who).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn committed(folder: &Path) -> String {
        git(folder, &["init", "--quiet"]);
        git(folder, &["add", "."]);
        git(folder, &["commit", "--quiet", "--message", "all"]);
        format!("file://{}", folder.display())
    }

    /// What is said of `app`, for licences or sources; cargo keeps nothing of it.
    fn judge(root: &Path, what: &str) -> (bool, String) {
        let mut deny = deny(root).unwrap();
        deny.env("CARGO_HOME", root.join("home")).args(["check", what]);
        judged(deny)
    }

    #[test]
    fn a_dependency_of_an_unknown_licence_is_refused() {
        for (licence, passes) in [("MIT", true), ("LicenseRef-Odd", false), ("AGPL-3.0-only", false)] {
            let root = tempfile::tempdir().unwrap();
            app(root.path(), "{path = \"odd\"}", "odd");
            odd(&root.path().join("odd"), licence);
            let (passed, said) = judge(root.path(), "licenses");
            assert_eq!(passed, passes, "{licence}: {said}");
            assert!(passes || said.contains(licence), "{said}");
        }
    }

    #[test]
    fn a_dependency_from_an_unknown_source_is_refused() {
        let root = tempfile::tempdir().unwrap();
        odd(&root.path().join("elsewhere"), "MIT");
        let url = committed(&root.path().join("elsewhere"));
        app(&root.path().join("app"), &format!("{{git = \"{url}\"}}"), "odd");
        let (passed, said) = judge(&root.path().join("app"), "sources");
        assert!(!passed && said.contains(&url), "{said}");
        app(&root.path().join("app"), "{path = \"../elsewhere\"}", "odd");
        fs::remove_file(root.path().join("app/Cargo.lock")).unwrap();
        let (passed, said) = judge(&root.path().join("app"), "sources");
        assert!(passed, "{said}");
    }

    /// Where the fixture's database would be, for a git that is told to look elsewhere: cargo-deny takes no path.
    const DATABASE: &str = "https://advisories.example.com/database";

    #[test]
    fn a_dependency_with_an_advisory_is_refused() {
        for (package, passes) in [("a-package-of-nobody", true), ("hex", false)] {
            let root = tempfile::tempdir().unwrap();
            let advisory = format!(
                "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"{package}\"\ndate = \"2026-01-02\"\n\
                 url = \"https://example.com\"\n\n[versions]\npatched = []\n```\n\n# It does what it should not\n\nEver.\n"
            );
            let database = root.path().join("advisories");
            write(&database.join(format!("crates/{package}/RUSTSEC-2026-9999.md")), &advisory);
            let url = committed(&database);
            let ours = fs::read_to_string(workspace().join("deny.toml")).unwrap();
            assert!(ours.contains("\n[advisories]\n"), "deny.toml");
            let place = format!(
                "\n[advisories]\ndb-path = {:?}\ndb-urls = [{DATABASE:?}]\ngit-fetch-with-cli = true\n",
                root.path().join("databases")
            );
            // A package that the workspace depends on too, so that it is here without a network.
            app(&root.path().join("app"), "\"*\"", "hex");
            write(&root.path().join("app/deny.toml"), &ours.replace("\n[advisories]\n", &place));
            let mut deny = deny(&root.path().join("app")).unwrap();
            deny.args(["check", "advisories"]).env("CARGO_NET_OFFLINE", "true").env("GIT_CONFIG_COUNT", "1");
            deny.env("GIT_CONFIG_KEY_0", format!("url.{url}.insteadOf")).env("GIT_CONFIG_VALUE_0", DATABASE);
            let (passed, said) = judged(deny);
            assert_eq!(passed, passes, "{package}: {said}");
            assert!(passes || said.contains("RUSTSEC-2026-9999"), "{said}");
        }
    }
}
