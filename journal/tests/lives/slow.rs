//! A disk that is slow: strace holds up each fsync.

use std::path::Path;
use std::process::Command;

use eventing_process::testing::Program;

use crate::commits::STRACE;
use crate::site::{PATIENCE, Site};

/// Microseconds that an fsync takes: longer than the test looks.
const DELAY: &str = "inject=fsync,fdatasync:delay_enter=10000000";

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_is_slow_receiving_stops_and_nothing_is_lost() {
    assert!(Path::new(STRACE).exists(), "this test needs strace: apt-get install strace");
    let mut site = Site::new().await;
    let journal = site.start();
    site.send(300);
    site.drained(&journal).await;
    let mut strace = Command::new(STRACE);
    strace.args(["-f", "-e", "trace=fsync,fdatasync", "-e", DELAY, "-o", "/dev/null", "-p", &journal.id().to_string()]);
    let slow = Program::start(&mut strace).unwrap();
    slow.until(PATIENCE, |said| said.contains("attached").then_some(())).unwrap();
    site.send(2_000);
    journal.until(PATIENCE, |said| said.contains("the database is slow").then_some(())).unwrap();
    site.receives_nothing(&journal).await;
    // It lets the journal go.
    slow.terminate().unwrap();
    slow.ended().unwrap();
    site.drained(&journal).await;
    drop(journal);
    site.everything_is_there_once(&site.location()).await;
}
