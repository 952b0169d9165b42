//! Kill -9 under load.

use std::time::{Duration, Instant};

use bench_figures::limit::Limit;

use crate::site::{PATIENCE, Site};

/// Events that wait, at least, when the journal starts.
const LOAD: u32 = 2_000;
/// Lives of the short run.
const LIVES: usize = 5;
/// The chart's limit, in bytes.
const MEMORY: u64 = 512 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_killed_again_and_again_has_each_event_once() {
    let mut site = Site::new().await;
    let limit = Limit::new(MEMORY).ok();
    let limit = limit.as_ref();
    match std::env::var("QSL_SOAK_MINUTES").map(|minutes| minutes.parse().unwrap()) {
        Ok(minutes) => kill_for(&mut site, limit, minutes).await,
        Err(_) => {
            for life in 1..=LIVES {
                // Each is killed at another place of its work: soon after its first commit, or deep in it.
                live(&mut site, limit, life * 37 % 300).await;
            }
        }
    }
    let last = site.start_within(limit);
    site.drained(&last).await;
    drop(last);
    site.everything_is_there_once().await;
}

/// A life under load that ends when so many more events were acknowledged.
async fn live(site: &mut Site, limit: Option<&Limit>, acknowledged: usize) {
    site.send(LOAD);
    let before = site.sqs.state().deleted;
    let journal = site.start_within(limit);
    let begun = Instant::now();
    while site.sqs.state().deleted <= before + acknowledged {
        assert!(begun.elapsed() < PATIENCE, "{:?}: {}", site.sqs.state(), journal.said());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Dropped, it is killed with no warning.
    drop(journal);
    site.sqs.give_back();
}

#[allow(clippy::print_stdout, reason = "a soak says how far it is")]
async fn kill_for(site: &mut Site, limit: Option<&Limit>, minutes: u64) {
    let (begun, whole) = (Instant::now(), Duration::from_secs(60 * minutes));
    let mut lives: usize = 0;
    while begun.elapsed() < whole {
        lives += 1;
        live(site, limit, lives * 997 % 4_000).await;
        let state = site.sqs.state();
        println!("{:>4} s, {lives} lives, {state:?}", begun.elapsed().as_secs());
    }
}
