//! What `cargo xtask soak journal` runs: kills for minutes, then a database that is away, then a full disk.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::disk::{Disk, fill};
use crate::kills::{life, limit};
use crate::remote::Database;
use crate::site::{Census, Site};

/// How long a life may take after its first events, at most.
const LIFE: u64 = 4_000;
/// How long a database is away, or a disk full.
const AWAY: Duration = Duration::from_secs(30);
/// How often.
const OUTAGES: usize = 3;

struct Phase {
    name: &'static str,
    faults: String,
    took: Duration,
    census: Census,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask soak journal"]
#[allow(clippy::print_stdout, reason = "the answer of a soak is a table")]
async fn through_kills_an_outage_and_a_full_disk_every_event_is_there_once() {
    let minutes = std::env::var("QSL_SOAK_MINUTES").unwrap().parse().unwrap();
    let phases = [kills(Duration::from_mins(minutes)).await, outages().await, full_disks().await];
    println!("{}", table(&phases));
    for Phase { name, census: Census { sent, there, twice, dead_letters }, .. } in phases {
        assert_eq!((there, twice, dead_letters), (sent, 0, 0), "{name}: there, twice and dead letters of {sent}");
    }
}

fn table(phases: &[Phase]) -> String {
    let mut text = "| phase | faults | seconds | sent | there | lost | twice | dead letters |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for Phase { name, faults, took, census: Census { sent, there, twice, dead_letters } } in phases {
        let (took, lost) = (took.as_secs(), sent - there);
        writeln!(text, "| {name} | {faults} | {took} | {sent} | {there} | {lost} | {twice} | {dead_letters} |")
            .unwrap();
    }
    text
}

#[allow(clippy::print_stdout, reason = "a soak says how far it is")]
fn tell(begun: Instant, what: &str, site: &Site) {
    println!("{:>4} s, {what}, {:?}", begun.elapsed().as_secs(), site.sqs.state());
}

/// Kills the journal every few seconds under load.
async fn kills(whole: Duration) -> Phase {
    let (mut site, limit, begun) = (Site::new().await, limit(), Instant::now());
    let mut lives: usize = 0;
    while begun.elapsed() < whole {
        lives += 1;
        let then = Duration::from_millis(lives as u64 * 997 % LIFE);
        life(&mut site, limit.as_ref(), lives * 37 % 300, then).await;
        tell(begun, &format!("{lives} lives"), &site);
    }
    let last = site.start_within(limit.as_ref());
    site.drained(&last).await;
    drop(last);
    let census = site.census(&site.location()).await;
    Phase { name: "kill -9 every few seconds", faults: format!("{lives} kills"), took: begun.elapsed(), census }
}

/// Kills the server of the database, then stops it where it stands, and kills the journal meanwhile.
async fn outages() -> Phase {
    let (mut site, mut database, begun) = (Site::new().await, Database::new().await, Instant::now());
    let mut journal = database.journal(&site, "a password");
    for nth in 1..=OUTAGES {
        let before = site.sqs.state().deleted;
        site.send(2_000);
        site.acknowledged(200, before, &journal).await;
        database.kill();
        tokio::time::sleep(AWAY).await;
        site.receives_nothing(&journal).await;
        drop(journal);
        site.sqs.give_back();
        database.start();
        journal = database.journal(&site, "a password");
        let before = site.sqs.state().deleted;
        site.acknowledged(200, before, &journal).await;
        database.pause();
        tokio::time::sleep(AWAY).await;
        site.receives_nothing(&journal).await;
        database.resume();
        tell(begun, &format!("{nth} outages"), &site);
    }
    site.drained(&journal).await;
    drop(journal);
    let census = site.census(&database.location()).await;
    let faults = format!("{OUTAGES} times killed, and stopped, for {} s; the journal killed", AWAY.as_secs());
    Phase { name: "the database's server is away", faults, took: begun.elapsed(), census }
}

/// Fills the disk under load, and kills the journal on it every other time.
async fn full_disks() -> Phase {
    let begun = Instant::now();
    let mut whole = Census::default();
    for nth in 1..=OUTAGES {
        let mut site = Site::new().await;
        let disk = Disk::small(site.data.path());
        let mut journal = disk.journal(&site);
        fill(&mut site, &journal).await;
        tokio::time::sleep(AWAY).await;
        site.receives_nothing(&journal).await;
        if nth % 2 == 0 {
            drop(journal);
            site.sqs.give_back();
            disk.grow();
            journal = disk.journal(&site);
        } else {
            disk.grow();
        }
        site.drained(&journal).await;
        drop(journal);
        tell(begun, &format!("{nth} full disks"), &site);
        let Census { sent, there, twice, dead_letters } = site.census(&disk.location()).await;
        whole.sent += sent;
        whole.there += there;
        whole.twice += twice;
        whole.dead_letters += dead_letters;
    }
    let faults = format!("{OUTAGES} full for {} s, then kill -9", AWAY.as_secs());
    Phase { name: "a full disk", faults, took: begun.elapsed(), census: whole }
}
