//! `journal backup` and `journal restore` beside a running journal, as docs/runbooks/journal-restore.md has it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::site::{Site, program};

fn backup(folder: &Path) -> Output {
    Command::new(program()).arg("backup").env_clear().env("QSL_DATA_DIR", folder).output().unwrap()
}

/// Whether it was restored, and what was said.
fn restore(folder: &Path, from: &Path) -> (bool, String) {
    let mut command = Command::new(program());
    command.arg("restore").env_clear().env("QSL_DATA_DIR", folder).stdin(Stdio::from(File::open(from).unwrap()));
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.success(), String::from_utf8(stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_journal_is_backed_up_and_one_that_is_empty_goes_on_from_there() {
    let mut site = Site::new().await;
    let journal = site.start();
    site.send(700);
    site.drained(&journal).await;
    let taken = backup(site.data.path());
    assert!(taken.status.success(), "{taken:?}");
    let text = String::from_utf8(taken.stdout).unwrap();
    assert!(text.lines().last().unwrap().starts_with(r#"{"events":700,"sha256":""#));
    let (kept, broken) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (whole, part) = (kept.path().join("journal.ndjson"), kept.path().join("part.ndjson"));
    fs::write(&whole, &text).unwrap();
    fs::write(&part, &text[..text.len() / 2]).unwrap();

    let refused = |folder: &Path, from: &Path, reason: &str| {
        let (restored, said) = restore(folder, from);
        assert!(!restored && said.contains(reason), "{said}");
    };
    refused(site.data.path(), &whole, "is a journal running here? Stop it first");
    refused(broken.path(), &part, "line ");
    drop(journal);
    refused(site.data.path(), &whole, "the journal holds events up to position 700");

    // What the old volume had is lost with it, but for what the queue brings again.
    site.data = TempDir::new().unwrap();
    let (restored, said) = restore(site.data.path(), &whole);
    assert!(restored && said.contains("700 events restored"), "{said}");
    let journal = site.start();
    site.send_again(3);
    site.send(50);
    site.drained(&journal).await;
    drop(journal);
    // Nobody has it open: the database itself is read.
    let again = backup(site.data.path());
    assert!(String::from_utf8(again.stdout).unwrap().lines().last().unwrap().starts_with(r#"{"events":750,"#));
    site.everything_is_there_once(&site.location()).await;
}
