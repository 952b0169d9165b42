//! Rotation without loss: a stream of events, while the key that signs them changes every few seconds.
//!
//! In: the running system ([`Ground`]) and what is to befall it ([`Plan`]). Out: what became of each event, and what of
//! that breaks a promise ([`Verdict`]). The rooms: `publisher` posts to a real sidecar, `keys` rotates and revokes,
//! `thief` signs with a stolen key past every service, `service` takes the signature service away, `director` does these
//! in turn, `readers` sees what arrives, `book` keeps all of it, `judge` says, purely, what it comes to.

mod book;
mod director;
mod judge;
mod keys;
mod metrics;
mod plan;
mod publisher;
mod readers;
mod service;
mod thief;

use std::time::Duration;

use futures::future::try_join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::door::Door;
use crate::ground::{CONSUMERS, Ground};
use crate::scenario::Narrate;
use crate::verdict::Verdict;
use crate::wait::tell;
use book::Shared;
use director::Director;
use metrics::Numbers;

pub use plan::{Plan, Round};

/// How long after the last event all of them may take to end: an event that waits for a key comes back within 150 s.
const SETTLE: Duration = Duration::from_mins(4);

/// Publishes while keys rotate and are revoked, until the plan is through and every event is accounted for.
///
/// # Errors
/// When the run itself could not go on. A promise that was broken is in the report.
pub async fn run(ground: &Ground, plan: &Plan, narrate: Narrate<'_>) -> anyhow::Result<Verdict> {
    let book = Shared::new();
    let before = numbers(ground).await?;
    for consumer in CONSUMERS {
        ground.cloud.purge(&consumer.dead_letters()).await?;
    }
    let (publishing, reading) = (CancellationToken::new(), CancellationToken::new());
    let door = Door::open(ground).await?;
    keys::hasten(ground).await?;
    let director = Director { ground, book: &book, narrate };
    let story = async {
        director.play(plan).await?;
        publishing.cancel();
        settle(ground, &book).await?;
        reading.cancel();
        Ok(())
    };
    let publisher = publisher::publish(ground, &door, &book, plan.publish_every, &publishing);
    tokio::try_join!(
        story,
        publisher,
        keys::rotate(ground, &book, plan, &publishing),
        keys::watch(ground, &book, &reading),
        try_join_all(CONSUMERS.map(|consumer| readers::letters(ground, consumer, &book, &reading))),
        try_join_all(CONSUMERS.map(|consumer| readers::rows(ground, consumer, &book, &reading))),
        tell(&reading, || narrate(&book.with(|book| book.line()))),
    )?;
    let after = numbers(ground).await?;
    keys::restore(ground).await?;
    let numbers = before.into_iter().zip(after).map(|(before, after)| after.since(&before));
    let numbers = CONSUMERS.into_iter().zip(numbers).collect();
    Ok(book.with(|book| judge::judge(book, &numbers)))
}

async fn numbers(ground: &Ground) -> anyhow::Result<Vec<Numbers>> {
    try_join_all(CONSUMERS.map(|consumer| metrics::of(ground, consumer))).await
}

/// Waits until every event has come to its end at every consumer. What has not by then, the report names.
async fn settle(ground: &Ground, book: &Shared) -> anyhow::Result<()> {
    let deadline = Instant::now() + SETTLE;
    loop {
        sleep(Duration::from_secs(2)).await;
        readers::journal(ground, book).await?;
        let mut waiting = 0;
        for consumer in CONSUMERS {
            waiting += ground.depth(consumer).await?;
        }
        let open = book.with(|book| book.unpublished + judge::open(book));
        if open == 0 && waiting == 0 {
            // The last dead letters are written before their messages are deleted: they are there, and are read.
            sleep(Duration::from_secs(3)).await;
            return Ok(());
        }
        if Instant::now() > deadline {
            return Ok(());
        }
    }
}
