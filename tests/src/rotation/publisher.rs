//! The stream of events: posts to the sidecar of the payment gateway as the service in its pod would, each repeated with
//! its `Idempotency-Key` until the sidecar has it on the bus.

use std::collections::BTreeSet;
use std::time::Duration;

use eventing::time::Millis;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::book::{Author, Event, Shared};
use crate::door::{self, Door};
use crate::ground::Ground;

/// The most events that wait for their answer: what an application would keep in its outbox before it takes no more.
const OUTBOX: usize = 64;
/// How long to wait where the answer does not say.
const AGAIN: Duration = Duration::from_secs(1);
/// Of every payment.
const AMOUNT: f64 = 125.50;

/// Publishes until `stop`, then until each event is on the bus.
pub(super) async fn publish(
    ground: &Ground,
    door: &Door<'_>,
    book: &Shared,
    every: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let run = ground.run.clone();
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outbox = FuturesUnordered::new();
    let mut number = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(()) = outbox.next() => {}
            _ = tick.tick(), if outbox.len() < OUTBOX => {
                number += 1;
                outbox.push(one(door, book, format!("p-{run}-{number}"), &run));
            }
        }
    }
    while outbox.next().await.is_some() {}
    Ok(())
}

async fn one(door: &Door<'_>, book: &Shared, payment: String, run: &str) {
    let body = event(&payment, run);
    let (mut kids, mut is_uncertain) = (BTreeSet::new(), false);
    book.with(|book| book.unpublished += 1);
    loop {
        let at = Millis::now();
        let said = door.post(&body, &payment).await;
        let (label, after) = match &said {
            Ok(answer) if answer.status.is_success() => {
                kids.extend(answer.kids());
                let event = Event { author: Author::Sidecar, at, kids, is_uncertain };
                book.with(|book| {
                    book.unpublished -= 1;
                    book.events.insert(payment, event);
                });
                return;
            }
            Ok(answer) => {
                let label = format!("{} {}", answer.status.as_u16(), answer.code());
                if !answer.is_retriable() {
                    // An application would give it up here.
                    let bad =
                        format!("{payment} was answered {label}, Retry-After {:?}: {}", answer.after, answer.body);
                    book.with(|book| {
                        book.unpublished -= 1;
                        book.bad_answers.push(bad);
                    });
                    return;
                }
                if answer.is_uncertain() {
                    kids.extend(answer.kids());
                    is_uncertain = true;
                }
                (label, answer.after)
            }
            Err(_) => {
                is_uncertain = true;
                ("no answer (port-forward)".to_owned(), None)
            }
        };
        book.with(|book| *book.answers.entry(label).or_default() += 1);
        sleep(after.unwrap_or(AGAIN)).await;
    }
}

/// The first step of a payment.
pub(super) fn event(payment: &str, run: &str) -> serde_json::Value {
    door::event(payment, run, AMOUNT)
}
