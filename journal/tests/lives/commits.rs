//! The fsyncs, counted by strace.

use std::fs;
use std::path::Path;

use eventing_process::testing::Program;

use crate::site::{Site, program};

pub(crate) const STRACE: &str = "/usr/bin/strace";

#[tokio::test(flavor = "multi_thread")]
async fn before_each_acknowledgement_there_is_an_fsync() {
    assert!(Path::new(STRACE).exists(), "this test needs strace: apt-get install strace");
    let mut site = Site::new().await;
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut command = site.command(Path::new(STRACE));
    // The tracer is a grandchild: the process that is ours is the journal.
    command.args(["-D", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]).arg(trace.path()).arg(program());
    let journal = Program::start(command.arg("run")).unwrap();
    site.send(1);
    site.drained(&journal).await;
    for _ in 0..20 {
        let before = fsyncs(trace.path());
        site.send(1);
        site.drained(&journal).await;
        assert!(fsyncs(trace.path()) > before, "acknowledged without one: {}", journal.said());
    }
    // Those of a copy are counted too: what it is a copy of may not be on disk yet.
    let before = fsyncs(trace.path());
    site.send_again(0);
    site.drained(&journal).await;
    assert!(fsyncs(trace.path()) > before, "a copy acknowledged without one: {}", journal.said());
}

/// Those that ended well.
fn fsyncs(trace: &Path) -> usize {
    let text = fs::read_to_string(trace).unwrap();
    text.lines().filter(|line| line.contains("sync") && line.ends_with("= 0")).count()
}
