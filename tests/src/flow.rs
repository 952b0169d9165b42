//! Many events, and each of them where it belongs: what `cargo xtask soak flow` and `cargo xtask bench flow` run.
//!
//! In: the running system ([`Ground`]), how many events, and what goes wrong meanwhile ([`Plan`]). Out: what of what
//! became of them breaks a promise ([`Verdict`]), or how long they took ([`bench_figures::Report`]). The rooms:
//! `publisher` posts to a real sidecar at a steady rate, `kinds` says what is to become of an event of each kind, `poison`
//! makes the bad ones, `kills` draws who is killed and `killer` does it, `rollback` switches everything off and on, `upgrade` replaces
//! the release, `records` is where services write down what they handled, `readers` sees what arrives, `book` keeps all of it, `judge` and `figures` say, purely, what it comes to.

mod book;
mod figures;
mod judge;
mod killer;
mod kills;
mod kinds;
mod plan;
mod poison;
mod publisher;
mod readers;
mod records;
mod rollback;
mod upgrade;

use std::time::Duration;

use anyhow::ensure;
use futures::future::try_join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::door::Door;
use crate::ground::{CONSUMERS, Ground};
use crate::scenario::Narrate;
use crate::verdict::Verdict;
use crate::wait::{tell, until};
use book::{Book, Shared};
use killer::Killer;
use poison::Poison;
use publisher::Publisher;

pub use plan::{Change, Plan, Release, Trouble};

/// How long after the last event all of them may take to end: an unknown key is a verdict only after 150 s, and what a
/// killed pod held comes back after the visibility of its inbox.
const SETTLE: Duration = Duration::from_mins(6);

/// Publishes, with the plan's trouble, until every event is accounted for, and judges.
///
/// # Errors
/// When the run itself could not go on. A promise that was broken is in the verdict.
pub async fn soak(ground: &Ground, plan: &Plan, narrate: Narrate<'_>) -> anyhow::Result<Verdict> {
    let book = played(ground, plan, narrate).await?;
    Ok(judge::judge(&book, plan))
}

/// Publishes, and says how long the events took.
///
/// # Errors
/// When the run itself could not go on, or what was published is not what was planned.
pub async fn measure(ground: &Ground, plan: &Plan, narrate: Narrate<'_>) -> anyhow::Result<bench_figures::Report> {
    let book = played(ground, plan, narrate).await?;
    let verdict = judge::judge(&book, plan);
    ensure!(book.events.len() == usize::try_from(plan.events())?, "not everything was published: {verdict}");
    let mut left = 0;
    for consumer in CONSUMERS {
        left += ground.held(&consumer.dead_letters()).await?;
    }
    Ok(figures::report(&book, left))
}

async fn played(ground: &Ground, plan: &Plan, narrate: Narrate<'_>) -> anyhow::Result<Book> {
    let book = Shared::new();
    for consumer in CONSUMERS {
        ground.cloud.purge(&consumer.dead_letters()).await?;
    }
    narrate("the services write down what they handle");
    records::begin(ground).await?;
    let killer = Killer::new(ground, &book, narrate).await?;
    let (door, poison) = (Door::open(ground).await?, Poison::new(ground).await?);
    let publisher = Publisher::new(ground, &door, &book, &poison, plan);
    let reading = CancellationToken::new();
    let story = async {
        // From before the first event.
        let patience = Duration::from_mins(1);
        until("the gateway's stream", patience, async || Ok(book.with(|book| book.streams > 0))).await?;
        let kills = async {
            match plan.trouble {
                Some(trouble) => killer.kill(plan, trouble).await,
                None => Ok(()),
            }
        };
        let change = async {
            match &plan.change {
                Some(Change::Rollback(settle)) => rollback::drill(ground, &book, *settle, narrate).await,
                Some(Change::Upgrade(release)) => upgrade::play(ground, &book, release, narrate).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(publisher.publish(plan), kills, change)?;
        narrate("everything is published");
        killer.whole().await?;
        settle(ground, &book).await?;
        reading.cancel();
        anyhow::Ok(())
    };
    tokio::try_join!(
        story,
        readers::rows(ground, &book, &reading),
        readers::stream(ground, &book, &reading),
        try_join_all(CONSUMERS.map(|consumer| readers::letters(ground, consumer, &book, &reading))),
        tell(&reading, || narrate(&book.with(|book| book.line()))),
    )?;
    records::end(ground).await?;
    Ok(book.with(std::mem::take))
}

/// Waits until every event has come to its end everywhere. What has not by then, the judge names.
async fn settle(ground: &Ground, book: &Shared) -> anyhow::Result<()> {
    let deadline = Instant::now() + SETTLE;
    loop {
        sleep(Duration::from_secs(2)).await;
        readers::journal(ground, book).await?;
        for consumer in CONSUMERS {
            let depth = ground.depth(consumer).await?;
            book.with(|book| book.waiting.insert(consumer, depth));
        }
        let is_over = book.with(|book| judge::open(book) == 0 && book.waiting.values().all(|waiting| *waiting == 0));
        if is_over || Instant::now() > deadline {
            // The last dead letters are written before their messages are deleted: they are there, and are read.
            sleep(Duration::from_secs(3)).await;
            return Ok(());
        }
    }
}
