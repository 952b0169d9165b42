//! The story of a run: round after round, each with a revocation.

use std::time::Duration;

use anyhow::Context as _;
use crds::InboxQueue;
use eventing::time::Millis;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::book::Shared;
use super::judge::{BY_CONFIG_MAP, BY_SERVICE};
use super::keys::{self, REVOCATIONS};
use super::plan::{Plan, Round};
use super::service;
use super::thief::{self, Stolen};
use crate::forger;
use crate::ground::{CONSUMERS, Consumer, Ground};
use crate::scenario::Narrate;
use crate::wait::until;

/// The inbox that is paused in some rounds.
const HELD: Consumer = Consumer::Compliance;
/// From one event with a stolen key to the next.
const THIEF_EVERY: Duration = Duration::from_millis(300);
/// How long an event with a stolen key has to be accepted somewhere.
const PROOF: Duration = Duration::from_secs(1);
/// How many more events wait in the paused inbox than in another before a kid is revoked.
const BACKLOG: usize = 15;
/// How long the thief goes on after nothing of his may be accepted any more.
const BEYOND: Duration = Duration::from_secs(3);
/// How long a pause of an inbox takes to come and to go: its configuration comes by ConfigMap.
const PAUSE: Duration = Duration::from_mins(2);

/// Who makes things happen.
pub(super) struct Director<'a> {
    /// The system.
    pub ground: &'a Ground,
    /// What happened.
    pub book: &'a Shared,
    /// Whom it is told.
    pub narrate: Narrate<'a>,
}

impl Director<'_> {
    /// Plays every round.
    pub(super) async fn play(&self, plan: &Plan) -> anyhow::Result<()> {
        let patience = Duration::from_secs(30);
        until("the first events", patience, async || Ok(self.book.with(|book| book.events.len() >= 10))).await?;
        for round in &plan.rounds {
            let next = Instant::now() + plan.round;
            self.round(*round).await.with_context(|| format!("round {round:?}"))?;
            sleep_until(next).await;
        }
        Ok(())
    }

    async fn round(&self, round: Round) -> anyhow::Result<()> {
        let (ground, book) = (self.ground, self.book);
        match round {
            Round::Quiet => self.revoke("one kid is revoked", false, None).await.map(drop),
            Round::Every => self.revoke("every kid that could sign is revoked", true, None).await.map(drop),
            Round::PodDeleted | Round::PodKilled => {
                let is_killed = round == Round::PodKilled;
                service::whole(ground).await?;
                service::lose_pod(ground, book, is_killed).await?;
                let how = if is_killed { "killed" } else { "deleted" };
                let what = format!("a pod of the signature service is {how}, and one kid revoked");
                self.revoke(&what, false, None).await?;
                service::whole(ground).await
            }
            Round::Held => {
                (self.narrate)(&format!("the inbox of {} is paused", HELD.name()));
                self.consuming("Paused").await?;
                book.with(|book| book.pauses += 1);
                let waits = async || Ok(ground.depth(HELD).await? >= ground.depth(Consumer::Treasury).await? + BACKLOG);
                until("events wait in the paused inbox", PAUSE, waits).await?;
                self.revoke("one kid is revoked, with events of it in a paused inbox", false, Some(HELD)).await?;
                self.consuming("Enabled").await?;
                until("the paused inbox is worked off", PAUSE, async || Ok(ground.depth(HELD).await? < BACKLOG)).await
            }
            Round::Away => {
                service::whole(ground).await?;
                (self.narrate)("the signature service is scaled to nothing");
                service::leave(ground, book).await?;
                self.revoke("one kid is revoked, and only the ConfigMap tells", false, None).await?;
                service::come_back(ground, book).await?;
                (self.narrate)("the signature service is back");
                service::whole(ground).await
            }
        }
    }

    /// Steals keys, revokes their kids, and tries them until nothing of them may be accepted any more.
    async fn revoke(&self, what: &str, every: bool, held: Option<Consumer>) -> anyhow::Result<()> {
        let (ground, book) = (self.ground, self.book);
        let room = REVOCATIONS.saturating_sub(book.with(|book| book.revocations.len()));
        if room == 0 {
            (self.narrate)("no kid is revoked any more: the others need their places in the key set");
            return Ok(());
        }
        let mut kids = forger::able(ground).await?;
        let last = book.with(|book| book.last_kid()).context("nothing was published")?;
        if !every || room < kids.len() {
            // The kid that signed last: events of it are on their way.
            kids = if kids.contains(&last) { vec![last] } else { kids.into_iter().take(1).collect() };
        }
        let mut stolen = thief::steal(ground, &kids).await?;
        // Until it is revoked a stolen key is as good as any: the judge sees that events of it were accepted.
        for one in &mut stolen {
            thief::put(ground, book, one).await?;
        }
        sleep(PROOF).await;
        (self.narrate)(&format!("{what}: {}", kids.join(", ")));
        let at = keys::revoke(ground, book, &kids).await?;
        self.try_them(&mut stolen, at, held).await
    }

    async fn try_them(&self, stolen: &mut [Stolen], at: Millis, held: Option<Consumer>) -> anyhow::Result<()> {
        let is_away = self.book.with(|book| book.aways.last().is_some_and(|away| away.to.is_none()));
        let limit = if is_away { BY_CONFIG_MAP } else { BY_SERVICE };
        let since = || Duration::from_millis(Millis::now().distance(at));
        let mut refused_since = None;
        while since() < limit + BEYOND {
            for one in &mut *stolen {
                thief::put(self.ground, self.book, one).await?;
            }
            sleep(THIEF_EVERY).await;
            // Where only the ConfigMap tells, it is over when everybody knows.
            let refuses = |consumer: &Consumer| {
                let by = |one: &Stolen| self.book.with(|book| book.refuses(*consumer, &one.kid));
                Some(*consumer) == held || stolen.iter().all(by)
            };
            if is_away && CONSUMERS.iter().all(refuses) {
                let known = *refused_since.get_or_insert_with(Instant::now);
                if known.elapsed() > BEYOND {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn consuming(&self, state: &str) -> anyhow::Result<()> {
        let api: Api<InboxQueue> = Api::namespaced(self.ground.client.clone(), HELD.name());
        let patch = Patch::Merge(json!({"spec": {"consuming": state}}));
        api.patch(HELD.name(), &PatchParams::default(), &patch).await?;
        Ok(())
    }
}
