//! Poison that no sidecar would publish.

use anyhow::Context as _;
use eventing::time::Micros;
use serde_json::{Value, json};
use uuid::Uuid;

use super::kinds::Kind;
use crate::forger::{self, Forger};
use crate::ground::{BUS, Consumer, Ground};

/// Who makes it.
pub(super) struct Poison {
    thief: Forger,
    stranger: Forger,
}

impl Poison {
    /// With a stolen key that signs now, and one of nobody.
    ///
    /// # Errors
    /// When no key signs.
    pub(super) async fn new(ground: &Ground) -> anyhow::Result<Self> {
        let able = forger::able(ground).await?;
        let thief = Forger::thieves(ground, &able).await?.into_iter().next().context("no key of payments signs")?;
        Ok(Self { thief, stranger: Forger::stranger()? })
    }

    /// What is no event at all, and names this one.
    pub(super) fn text(of: &str) -> String {
        format!("no event, but {of}")
    }

    /// Puts an event on the bus that no verifier may take.
    ///
    /// # Errors
    /// When the bus does not take it.
    pub(super) async fn put(&self, ground: &Ground, kind: Kind, body: &Value, id: Uuid) -> anyhow::Result<()> {
        let forger = if kind == Kind::UnknownKey { &self.stranger } else { &self.thief };
        let mut envelope = forger.sign(body, id, Micros::now())?;
        if kind == Kind::Tampered {
            envelope["detail"]["detailCore"]["amount"] = json!(999_999);
        }
        ground.cloud.put(BUS.1, &envelope).await.map(drop)
    }

    /// Sends a text straight to an inbox.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub(super) async fn send(&self, ground: &Ground, consumer: Consumer, text: &str) -> anyhow::Result<()> {
        let url = ground.cloud.queue_url(&consumer.queue()).await?;
        ground.cloud.sqs.send_message().queue_url(url).message_body(text).send().await?;
        Ok(())
    }
}
