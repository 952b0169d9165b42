//! The stream of events, each at its time whatever became of those before: good ones and refused ones by posts to the
//! sidecar of the payment gateway, repeated with their `Idempotency-Key` until it has them on the bus; the other poison
//! past it.

use std::time::Duration;

use eventing::event_key::of_jti;
use eventing::time::Micros;
use eventing::types::{Jti, Source};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::book::{Event, Shared};
use super::kinds::Kind;
use super::plan::Plan;
use super::poison::Poison;
use crate::door::{Door, event};
use crate::ground::Ground;

/// The most posts at once; the others wait, and their time runs.
const POSTS: usize = 48;
/// How long to wait where the answer does not say.
const AGAIN: Duration = Duration::from_millis(500);
/// Events of one correlation.
const STORY: u32 = 100;
/// Of every payment, and of one that treasury refuses.
const AMOUNT: f64 = 125.50;
const REFUSED: f64 = -1.0;

/// Who publishes, and what it takes.
pub(super) struct Publisher<'a> {
    ground: &'a Ground,
    door: &'a Door<'a>,
    book: &'a Shared,
    poison: &'a Poison,
    places: Semaphore,
    /// Whether publishing may be switched off.
    may_be_off: bool,
}

impl<'a> Publisher<'a> {
    /// Who publishes nothing yet.
    pub(super) fn new(
        ground: &'a Ground,
        door: &'a Door<'a>,
        book: &'a Shared,
        poison: &'a Poison,
        plan: &Plan,
    ) -> Self {
        Self { ground, door, book, poison, places: Semaphore::new(POSTS), may_be_off: plan.rolls_back() }
    }

    /// Publishes everything, until each event is on the bus.
    ///
    /// # Errors
    /// When poison cannot be put.
    pub(super) async fn publish(&self, plan: &Plan) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mut outbox = FuturesUnordered::new();
        for number in 0..plan.events() {
            let due = begin + plan.due(number);
            loop {
                tokio::select! {
                    biased;
                    () = sleep_until(due) => break,
                    Some(done) = outbox.next(), if !outbox.is_empty() => done?,
                }
            }
            outbox.push(self.one(number, plan.kind(number), due));
        }
        while let Some(done) = outbox.next().await {
            done?;
        }
        Ok(())
    }

    async fn one(&self, number: u32, kind: Kind, due: Instant) -> anyhow::Result<()> {
        let id = Uuid::new_v4();
        let correlation = format!("{}-{}", self.ground.run, number / STORY);
        let payment = format!("p-{}-{number}", self.ground.run);
        let name = match kind {
            Kind::Malformed(_) => Poison::text(&payment),
            _ => of_jti(&"qsl.payment".parse::<Source>()?, &Jti::from_uuid(id)).to_string(),
        };
        let body = event(&payment, &correlation, if kind == Kind::Refused { REFUSED } else { AMOUNT });
        let event = Event { kind, correlation, due: on_the_wall(due), published: None, is_uncertain: false };
        // Before anybody can have it: what nobody knows of must not be seen anywhere.
        self.book.with(|book| {
            book.unpublished += 1;
            book.events.insert(name.clone(), event);
        });
        let is_taken = match kind {
            Kind::Good | Kind::Refused => self.post(&name, &body, id).await?,
            Kind::Tampered | Kind::UnknownKey => self.poison.put(self.ground, kind, &body, id).await.map(|()| true)?,
            Kind::Malformed(consumer) => self.poison.send(self.ground, consumer, &name).await.map(|()| true)?,
        };
        self.book.with(|book| {
            book.unpublished -= 1;
            if is_taken && let Some(event) = book.events.get_mut(&name) {
                event.published = Some(Micros::now());
            }
        });
        Ok(())
    }

    /// Posts until it is taken. False where an application would give it up.
    async fn post(&self, name: &str, body: &Value, id: Uuid) -> anyhow::Result<bool> {
        let key = id.to_string();
        loop {
            let said = {
                let _place = self.places.acquire().await?;
                self.door.post(body, &key).await
            };
            let (label, after, is_uncertain) = match &said {
                Ok(answer) if answer.status.is_success() => return Ok(true),
                Ok(answer) => {
                    let label = format!("{} {}", answer.status.as_u16(), answer.code());
                    if !(answer.is_retriable() || self.may_be_off && answer.is_switched_off()) {
                        let bad =
                            format!("{name} was answered {label}, Retry-After {:?}: {}", answer.after, answer.body);
                        self.book.with(|book| book.bad_answers.push(bad));
                        return Ok(false);
                    }
                    (label, answer.after, answer.is_uncertain())
                }
                Err(_) => ("no answer (port-forward)".to_owned(), None, true),
            };
            self.book.with(|book| {
                *book.answers.entry(label).or_default() += 1;
                if is_uncertain && let Some(event) = book.events.get_mut(name) {
                    event.is_uncertain = true;
                }
            });
            sleep(after.unwrap_or(AGAIN)).await;
        }
    }
}

/// What a clock on the wall showed then.
fn on_the_wall(then: Instant) -> Micros {
    Micros(Micros::now().0.saturating_sub(i64::try_from(then.elapsed().as_micros()).unwrap_or(i64::MAX)))
}
