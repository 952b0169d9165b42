//! Tickets, for clients that can set no header: a browser's own EventSource. Each is good for half a minute, for one
//! stream of one viewer, once, at whichever replica.
//!
//! No replica has a secret that another one knows, and none is needed. A ticket says what it is for, and the journal
//! keeps a claim on its hash that has been tried once: only the gateway makes claims of its inbox, and it leaves such a
//! one with a ticket that it gives. Whoever presents the ticket has the claim taken; of two at once one gets it, and of
//! a ticket that nobody gave the claim was never tried.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventing::time::Millis;
use eventing::types::{CorrelationId, EventKey, InboxId};
use eventing_http::{ClaimAction, ClaimAnswer, ClaimKey, ClaimRequest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::hub::Topic;
use crate::journal::JournalError;
use crate::metrics::Metrics;
use crate::viewer::{Reach, Viewer};

/// How long a ticket is good, in seconds.
pub const LIFE_SECONDS: u32 = 30;
/// How long the claim of one that was used is kept: until it is no good any more, whatever the clocks.
const USED_SECONDS: u32 = 2 * LIFE_SECONDS;
/// How often a claim was tried that stands for a ticket.
const GIVEN: u32 = 1;
/// Tickets that are looked at together: anybody can make up as many as they like, and each costs the journal a write.
const AT_ONCE: usize = 64;
/// Longer ones are nobody's.
const MAX_BYTES: usize = 2 << 10;

/// Where claims are settled.
#[async_trait]
pub trait Claims: Send + Sync {
    /// Settles one.
    async fn settle(&self, request: &ClaimRequest) -> Result<ClaimAnswer, JournalError>;
}

/// Which stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamPath {
    /// `/events/stream` of this correlation.
    Correlation(String),
    /// `/events/stream/user`.
    User,
}

impl StreamPath {
    /// The stream of a correlation; none where it cannot be one's name.
    pub fn of_correlation(name: &str) -> Option<Self> {
        CorrelationId::parse(name).ok().map(|correlation| Self::Correlation(correlation.as_str().to_owned()))
    }

    /// What its viewer follows.
    pub fn topic(&self, viewer: &Viewer) -> Topic {
        match self {
            Self::Correlation(correlation) => Topic::Correlation(correlation.as_str().into()),
            Self::User => Topic::User(viewer.user.as_str().into()),
        }
    }
}

/// What a ticket says. The nonce makes each another one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ticket {
    stream: StreamPath,
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    reach: Reach,
    /// When the token ends with which it was asked for, in seconds since 1970: the stream's end.
    token_ends: i64,
    /// When the ticket ends, in milliseconds since 1970.
    ends: i64,
    nonce: String,
}

/// A ticket is not given, or not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It is not good here.
    #[error("the ticket is not accepted: it was used, has ended, is for another stream or was never given")]
    Refused,
    /// The journal cannot be asked, or too many are presented.
    #[error("tickets cannot be judged now")]
    Unavailable,
}

/// Gives and takes tickets. Clones share the journal.
#[derive(Clone)]
pub struct Tickets {
    claims: Arc<dyn Claims>,
    inbox: InboxId,
    metrics: Metrics,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

impl Tickets {
    /// Tickets as claims of `inbox`, whose consumer the gateway is.
    pub fn new(claims: Arc<dyn Claims>, inbox: InboxId, metrics: Metrics) -> Self {
        Self { claims, inbox, metrics, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// A ticket for one stream of a viewer.
    ///
    /// # Errors
    /// When the journal does not keep its claim.
    pub async fn give(&self, viewer: &Viewer, stream: StreamPath) -> Result<String, TicketError> {
        let ticket = Ticket {
            stream,
            user: viewer.user.clone(),
            tenant: viewer.tenant.clone(),
            reach: viewer.reach,
            token_ends: viewer.expires,
            ends: Millis::now().plus(Duration::from_secs(LIFE_SECONDS.into())).0,
            nonce: random(),
        };
        let json = serde_json::to_vec(&ticket).map_err(|_| TicketError::Unavailable)?;
        let text = URL_SAFE_NO_PAD.encode(json);
        if text.len() > MAX_BYTES {
            return Err(TicketError::Refused);
        }
        let holder = random();
        let new = self.settle(ClaimAction::Claim, &holder, &text, 0).await?;
        if new != (ClaimAnswer::Claimed { attempts: 0 }) {
            return Err(TicketError::Unavailable);
        }
        self.settle(ClaimAction::Release, &holder, &text, GIVEN).await?;
        self.metrics.ticket("given");
        Ok(text)
    }

    /// Who presents a ticket for a stream. It is good for nothing afterwards, whatever the answer.
    ///
    /// # Errors
    /// When it is not good, or cannot be judged.
    pub async fn redeem(&self, text: &str, wanted: Option<&StreamPath>) -> Result<Viewer, TicketError> {
        let verdict = self.judge(text, wanted).await;
        self.metrics.ticket(match &verdict {
            Ok(_) => "used",
            Err(TicketError::Refused) => "refused",
            Err(TicketError::Unavailable) => "unavailable",
        });
        verdict
    }

    async fn judge(&self, text: &str, wanted: Option<&StreamPath>) -> Result<Viewer, TicketError> {
        let ticket = read(text, Millis::now()).ok_or(TicketError::Refused)?;
        let _place = self.places.try_acquire().map_err(|_| TicketError::Unavailable)?;
        let holder = random();
        match self.settle(ClaimAction::Claim, &holder, text, 0).await? {
            ClaimAnswer::Claimed { attempts: GIVEN } if wanted == Some(&ticket.stream) => {
                Ok(Viewer { user: ticket.user, tenant: ticket.tenant, reach: ticket.reach, expires: ticket.token_ends })
            }
            ClaimAnswer::Claimed { attempts: 0 } => {
                // Nobody gave it. Its claim would only fill the journal; where it stays, it lapses.
                let _ = self.settle(ClaimAction::Release, &holder, text, 0).await;
                Err(TicketError::Refused)
            }
            _ => Err(TicketError::Refused),
        }
    }

    async fn settle(
        &self,
        action: ClaimAction,
        holder: &str,
        text: &str,
        attempts: u32,
    ) -> Result<ClaimAnswer, TicketError> {
        let is_claim = action == ClaimAction::Claim;
        let key = ClaimKey { key: key(text), keep_seconds: LIFE_SECONDS };
        let request = ClaimRequest {
            inbox: self.inbox.clone(),
            action,
            holder: holder.to_owned(),
            keys: vec![key],
            lapse_seconds: if is_claim { USED_SECONDS } else { 0 },
            attempts,
        };
        self.claims.settle(&request).await.map_err(|error| {
            tracing::warn!(error = %error, "a ticket waits for the journal");
            TicketError::Unavailable
        })
    }
}

/// What a ticket says, while it is not over.
fn read(text: &str, now: Millis) -> Option<Ticket> {
    let json = URL_SAFE_NO_PAD.decode(Some(text).filter(|text| text.len() <= MAX_BYTES)?).ok()?;
    let ticket: Ticket = serde_json::from_slice(&json).ok()?;
    let life = i64::from(LIFE_SECONDS) * 1_000;
    // One that ends later than any that was given is made up.
    ((1..=life + SKEW).contains(&(ticket.ends - now.0)) && ticket.token_ends > now.seconds()).then_some(ticket)
}

/// The replicas' clocks may differ so much, in milliseconds.
const SKEW: i64 = 10_000;

/// What its claim is kept under.
fn key(text: &str) -> EventKey {
    EventKey(Sha256::new().chain_update("qsl gateway ticket\n").chain_update(text).finalize().into())
}

fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

#[cfg(test)]
mod tests;
