//! A full disk. The limit is on the size of a file (`RLIMIT_FSIZE`): needing no rights, it fails writes in the middle, as
//! a full disk does, at a place that the test chooses.

use std::fs;
use std::path::Path;

use eventing_process::testing::Program;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::site::{PATIENCE, Site, program};

/// The signal that comes with the limit would end the process; a full disk sends none.
fn start(site: &Site) -> Program {
    let mut command = site.command(Path::new("/usr/bin/env"));
    Program::start(command.arg("--ignore-signal=XFSZ").arg(program()).arg("run")).unwrap()
}

/// No file of it grows past this.
fn limit(journal: &Program, bytes: Option<u64>) {
    let pid = Pid::from_raw(journal.id().try_into().unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

/// How long the log is that is written to.
fn log_size(site: &Site) -> u64 {
    let files = fs::read_dir(site.data.path().join("wal")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).max().unwrap()
}

fn failures(said: &str) -> usize {
    said.matches("batch not written").count()
}

/// Fills the disk under load, so that a commit fails in the middle of its record; then there is no room for anything.
async fn fill(site: &mut Site) -> Program {
    let journal = start(site);
    site.send(300);
    site.drained(&journal).await;
    limit(&journal, Some(log_size(site) + 150_000));
    site.send(4_000);
    journal.until(PATIENCE, |said| (failures(said) > 0).then_some(())).unwrap();
    limit(&journal, Some(1));
    let before = failures(&journal.said());
    journal.until(PATIENCE, |said| (failures(said) > before + 1).then_some(())).unwrap();
    assert!(site.sqs.state().deleted < site.sent());
    journal
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_receiving_stops_and_goes_on_when_there_is_room_and_a_kill_then_loses_nothing() {
    let mut site = Site::new().await;
    let journal = fill(&mut site).await;
    limit(&journal, None);
    site.drained(&journal).await;
    // What was written behind the place where the disk was full is on disk for good.
    drop(journal);
    site.everything_is_there_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_killed_on_a_full_disk_has_acknowledged_nothing_that_it_loses() {
    let mut site = Site::new().await;
    drop(fill(&mut site).await);
    site.sqs.give_back();
    let next = site.start();
    site.drained(&next).await;
    drop(next);
    site.everything_is_there_once().await;
}
