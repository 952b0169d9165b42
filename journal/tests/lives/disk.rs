//! A full disk: a file system in memory, of the size that the test gives it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bench_figures::limit::UNSHARE;
use eventing_process::testing::Program;
use journal::store::Location;
use rustix::process::geteuid;

use crate::site::{PATIENCE, Site, program};

const NSENTER: &str = "/usr/bin/nsenter";
const MOUNT: &str = r#"mount -t tmpfs -o "size=$2" tmpfs "$1" && echo mounted && exec sleep infinity"#;
/// Room for some thousand events.
const SMALL: &str = "24m";
const LARGE: &str = "1g";

/// A file system that is there as long as the value, for whoever enters.
pub(crate) struct Disk {
    holder: Program,
    at: PathBuf,
}

impl Disk {
    /// Of a small size.
    pub(crate) fn small(at: &Path) -> Self {
        let mut command = Command::new(UNSHARE);
        // Who is not root is it in a namespace of his own.
        command.args((!geteuid().is_root()).then_some("--map-root-user"));
        let holder = Program::start(command.args(["--mount", "sh", "-ec", MOUNT, "sh"]).arg(at).arg(SMALL)).unwrap();
        holder.until(PATIENCE, |said| said.contains("mounted").then_some(())).unwrap();
        Self { holder, at: at.to_owned() }
    }

    fn entering(&self) -> Vec<String> {
        let as_root = (!geteuid().is_root()).then(|| ["--user".to_owned(), "--preserve-credentials".to_owned()]);
        let target = format!("--target={}", self.holder.id());
        [target, "--mount".to_owned()].into_iter().chain(as_root.into_iter().flatten()).collect()
    }

    /// Makes it large.
    pub(crate) fn grow(&self) {
        let mut mount = Command::new(NSENTER);
        mount.args(self.entering()).args(["mount", "-o", &format!("remount,size={LARGE}")]).arg(&self.at);
        assert!(mount.status().unwrap().success());
    }

    /// A journal whose database is there.
    pub(crate) fn journal(&self, site: &Site) -> Program {
        let mut command = site.command(Path::new(NSENTER));
        Program::start(command.args(self.entering()).arg(program()).arg("run")).unwrap()
    }

    /// Where others see it.
    pub(crate) fn location(&self) -> Location {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        Location::Folder(root.join(self.at.strip_prefix("/").unwrap()))
    }
}

/// Sends more than there is room for, until the journal could not write three times.
pub(crate) async fn fill(site: &mut Site, journal: &Program) {
    site.send(6_000);
    let failures = |said: &str| said.matches("batch not written").count();
    journal.until(PATIENCE, |said| (failures(said) >= 3).then_some(())).unwrap();
    site.receives_nothing(journal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_receiving_stops_and_goes_on_when_there_is_room_and_a_kill_then_loses_nothing() {
    let mut site = Site::new().await;
    let disk = Disk::small(site.data.path());
    let journal = disk.journal(&site);
    site.send(300);
    site.drained(&journal).await;
    fill(&mut site, &journal).await;
    disk.grow();
    site.drained(&journal).await;
    drop(journal);
    site.everything_is_there_once(&disk.location()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_killed_on_a_full_disk_has_acknowledged_nothing_that_it_loses() {
    let mut site = Site::new().await;
    let disk = Disk::small(site.data.path());
    let journal = disk.journal(&site);
    fill(&mut site, &journal).await;
    drop(journal);
    site.sqs.give_back();
    // On the full disk it may start or not; it takes nothing that it cannot keep.
    let full = disk.journal(&site);
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(full);
    site.sqs.give_back();
    disk.grow();
    let next = disk.journal(&site);
    site.drained(&next).await;
    drop(next);
    site.everything_is_there_once(&disk.location()).await;
}
