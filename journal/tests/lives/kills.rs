//! Kill -9 under load.

use std::time::Duration;

use bench_figures::limit::Limit;

use crate::site::Site;

/// Events that wait, at least, when the journal starts.
const LOAD: u32 = 2_000;
/// Lives of the short run.
const LIVES: usize = 5;
/// The chart's limit, in bytes.
const MEMORY: u64 = 512 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_killed_again_and_again_has_each_event_once() {
    let mut site = Site::new().await;
    let limit = limit();
    for nth in 1..=LIVES {
        // Each is killed at another place of its work: soon after its first commit, or deep in it.
        life(&mut site, limit.as_ref(), nth * 37 % 300, Duration::ZERO).await;
    }
    let before = site.sqs.state().deleted;
    let last = site.start_within(limit.as_ref());
    site.acknowledged(1, before, &last).await;
    let first = site.newest_log();
    site.drained(&last).await;
    // Without a new log the kill below would prove less than it says.
    assert!(site.newest_log() > first || limit.is_none(), "too few events for a new log");
    drop(last);
    site.everything_is_there_once(&site.location()).await;
}

/// Where this is root.
pub(crate) fn limit() -> Option<Limit> {
    Limit::new(MEMORY).ok()
}

/// A life under load that ends so long after so many more events were acknowledged.
pub(crate) async fn life(site: &mut Site, limit: Option<&Limit>, acknowledged: usize, then: Duration) {
    site.send(LOAD);
    let before = site.sqs.state().deleted;
    let journal = site.start_within(limit);
    site.acknowledged(acknowledged, before, &journal).await;
    tokio::time::sleep(then).await;
    // Dropped, it is killed with no warning.
    drop(journal);
    site.sqs.give_back();
}
