//! What arrives: rows of the services, dead letters, the gateway's stream, the journal.

use std::collections::BTreeSet;
use std::time::Duration;

use eventing::attributes;
use eventing::time::{Micros, Millis};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::book::{Letter, Shared, name_of};
use super::kinds::Fate;
use super::records;
use crate::cloud::DeadLetter;
use crate::forward::Forward;
use crate::ground::{Consumer, Ground};
use crate::letters;
use crate::stream::{self, Arrival, Entry, Said, Viewer};

/// How often the records are read.
const LOOK: Duration = Duration::from_secs(1);

/// Reads what the services wrote until `stop`, and once more.
pub(super) async fn rows(ground: &Ground, book: &Shared, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut reader = records::Reader::new();
    loop {
        let is_last = stop.is_cancelled();
        let found = reader.read(ground).await?;
        book.with(|book| {
            for (key, row) in found {
                book.rows.entry(key).or_default().push(row);
            }
        });
        if is_last {
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// Takes dead letters out of their queue until `stop`.
pub(super) async fn letters(
    ground: &Ground,
    consumer: Consumer,
    book: &Shared,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let note = |found: &DeadLetter| {
        let attribute = |name: &str| found.attributes.get(name).cloned();
        let letter = Letter {
            code: attribute(attributes::CODE).unwrap_or_else(|| "none".to_owned()),
            at: attribute(attributes::FAILED_AT).and_then(|at| at.parse().ok()).map(Millis),
        };
        book.with(|book| book.letters.entry((consumer, name_of(&found.body))).or_default().push(letter));
    };
    letters::take(ground, consumer, stop, note).await
}

/// Follows the user's stream as the page does, until `stop`: where it breaks, it is resumed after the last event.
pub(super) async fn stream(ground: &Ground, book: &Shared, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut last = None;
    while !stop.is_cancelled() {
        let follow = follow(ground, book, &mut last);
        tokio::select! {
            () = stop.cancelled() => {}
            broken = follow => {
                // Its pod was killed, or is not there yet.
                let refused = broken.err().map(|error| format!("the stream: {}", error.root_cause()));
                if let Some(refused) = refused {
                    book.with(|book| *book.answers.entry(refused).or_default() += 1);
                }
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
    Ok(())
}

async fn follow(ground: &Ground, book: &Shared, last: &mut Option<String>) -> anyhow::Result<()> {
    let token = stream::token(&ground.kubectl, &ground.identity, "u-1", "t-1", "").await?;
    let forward = Forward::open(&ground.kubectl, &ground.release, "svc/qsl-gateway", 80).await?;
    let run = ground.run.clone();
    let is_wanted = move |entry: &stream::Entry| entry.correlation_id.starts_with(&run);
    let viewer = Viewer::new(&forward.url, &token);
    let mut stream = viewer.resume(last.as_deref(), is_wanted).await?;
    book.with(|book| book.streams += 1);
    while let Some(said) = stream.recv().await {
        let Said::Event(arrival) = said else {
            read_anew(&viewer, book).await?;
            continue;
        };
        let Arrival { entry, id, at } = *arrival;
        let since = i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX);
        let at = Micros(Micros::now().0.saturating_sub(since));
        *last = Some(id);
        book.with(|book| {
            // As a page does, which knows each event of its timelines.
            if !book.read_anew.remove(&entry.event_key) {
                book.stream.entry(entry.event_key).or_default().push(at);
            }
        });
    }
    Ok(())
}

/// Reads the timelines of which the stream has not shown everything, as it asks for when its id is gone.
async fn read_anew(viewer: &Viewer, book: &Shared) -> anyhow::Result<()> {
    book.with(|book| book.resets += 1);
    let unseen: BTreeSet<String> = book.with(|book| {
        let unseen = book.events.iter().filter(|(name, _)| !book.stream.contains_key(*name));
        unseen.map(|(_, event)| event.correlation.clone()).collect()
    });
    for correlation in unseen {
        let entries = viewer.whole_timeline(&correlation).await?;
        let at = Micros::now();
        book.with(|book| {
            for Entry { event_key, .. } in entries {
                if !book.stream.contains_key(&event_key) {
                    book.stream.insert(event_key.clone(), vec![at]);
                    book.read_anew.insert(event_key);
                }
            }
        });
    }
    Ok(())
}

/// Reads the journal's timelines of every correlation of which something is missing yet, through the gateway.
pub(super) async fn journal(ground: &Ground, book: &Shared) -> anyhow::Result<()> {
    let token = stream::token(&ground.kubectl, &ground.identity, "u-1", "t-1", "").await?;
    let gateway = Forward::open(&ground.kubectl, &ground.release, "svc/qsl-gateway", 80).await?;
    let viewer = Viewer::new(&gateway.url, &token);
    let open: BTreeSet<String> = book.with(|book| {
        let is_open = |name: &str, kind: super::kinds::Kind| {
            kind.fate(Consumer::Journal) == Fate::Handled && !book.journal.contains_key(name)
        };
        let open = book.events.iter().filter(|(name, event)| is_open(name, event.kind));
        open.map(|(_, event)| event.correlation.clone()).collect()
    });
    for correlation in open {
        let entries = viewer.whole_timeline(&correlation).await?;
        book.with(|book| {
            // What an earlier look saw of it is seen anew.
            for entry in &entries {
                book.journal.insert(entry.event_key.clone(), 0);
            }
            for entry in entries {
                *book.journal.entry(entry.event_key).or_default() += 1;
            }
        });
    }
    Ok(())
}
