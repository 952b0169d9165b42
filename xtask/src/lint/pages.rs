//! What the pages on trust, reliability and security point at is there: each path, and behind `::` a test of that name.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

/// Those whose lines name tests.
const PAGES: [&str; 5] =
    ["docs/injection.md", "docs/page.md", "docs/reliability.md", "docs/security.md", "docs/trust.md"];

/// Checks the pages against the tree at `root`.
pub fn check(root: &Path) -> Result<()> {
    for page in PAGES {
        let text = fs::read_to_string(root.join(page)).context(page)?;
        let named = check_page(root, &text).context(page)?;
        // A page that is written in another way would pass unread.
        ensure!(named > 10, "{page} names {named} paths and tests");
    }
    Ok(())
}

/// Checks one page, and counts what it names: in backticks, a path from a folder of the workspace on, and tests behind
/// it (`path::name`) or behind the one before (`::name`).
fn check_page(root: &Path, text: &str) -> Result<usize> {
    let (mut named, mut last) = (0, String::new());
    // Between the backticks of a fence is nothing.
    let is_name = |span: &&str| !span.is_empty() && !span.contains(char::is_whitespace) && *span != "::";
    for span in text.split('`').skip(1).step_by(2).filter(is_name) {
        let (path, test) = span.split_once("::").map_or((span, None), |(path, test)| (path, Some(test)));
        if path.is_empty() {
            ensure!(!last.is_empty(), "{span} comes behind no path");
        } else if is_path(root, path) {
            for path in alternatives(path) {
                ensure!(root.join(&path).exists(), "{path} is not there");
                last = path;
            }
        } else {
            continue;
        }
        if let Some(test) = test {
            let source = fs::read_to_string(root.join(&last)).with_context(|| last.clone())?;
            find_test(&source, test).with_context(|| last.clone())?;
        }
        named += 1;
    }
    Ok(named)
}

/// Words with a slash may be anything; a path begins with a folder that is here.
fn is_path(root: &Path, text: &str) -> bool {
    let first = text.split_once('/').map(|(first, _)| first);
    first.is_some_and(|first| !first.is_empty() && !first.starts_with('.') && root.join(first).is_dir())
}

/// The paths that `a/{b,c}.rs` stands for.
fn alternatives(path: &str) -> Vec<String> {
    let braces = path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    match braces {
        None => vec![path.to_owned()],
        Some((head, (list, tail))) => list.split(',').map(|part| format!("{head}{part}{tail}")).collect(),
    }
}

/// Looks for a function of that name that is a test.
fn find_test(source: &str, name: &str) -> Result<()> {
    let head = format!("fn {name}(");
    let Some(at) = source.find(&head) else { bail!("there is no test {name}") };
    let before = source.get(..at).unwrap_or_default().lines().rev();
    // The line it is on, and those above that belong to it.
    let own = before.enumerate().take_while(|(n, line)| *n == 0 || is_of_the_next(line));
    let is_test = own.into_iter().any(|(_, line)| line.trim().starts_with("#[") && line.contains("test"));
    ensure!(is_test, "{name} is no test");
    Ok(())
}

fn is_of_the_next(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("#[") || line.starts_with("//")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cargo::workspace;

    #[test]
    fn what_the_pages_name_is_there() {
        check(workspace()).unwrap();
    }

    /// A page with this text, beside one source.
    fn said(text: &str) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("engine/tests")).unwrap();
        let source =
            "/// It runs.\n#[tokio::test(start_paused = true)]\n// Twice.\nasync fn it_runs() {}\n\nfn helper() {}\n";
        fs::write(folder.path().join("engine/tests/one.rs"), source).unwrap();
        check_page(folder.path(), text).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_test_is_found_by_its_file_and_by_the_file_before() {
        assert_eq!(said("`engine/tests/one.rs::it_runs`, `::it_runs`, `engine/tests`"), Ok(3));
        assert_eq!(said("`engine/{src,tests}/one.rs`").unwrap_err(), "engine/src/one.rs is not there");
        assert_eq!(said("no code, `GET /v1/x`, `a/b`, `text/html`, `/readyz`, `CODE`, `::`"), Ok(0));
    }

    #[test]
    fn what_is_gone_renamed_or_no_test_is_told() {
        for (text, told) in [
            ("`engine/tests/two.rs::it_runs`", "engine/tests/two.rs is not there"),
            ("`engine/tests/one.rs::it_run`", "engine/tests/one.rs: there is no test it_run"),
            ("`engine/tests/one.rs`, `::it_stops`", "engine/tests/one.rs: there is no test it_stops"),
            ("`engine/tests/one.rs::helper`", "engine/tests/one.rs: helper is no test"),
            ("`::it_runs`", "::it_runs comes behind no path"),
        ] {
            assert_eq!(said(text).unwrap_err(), told);
        }
    }
}
