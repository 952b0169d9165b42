//! Claims: the right to handle an event, given by the journal to one consumer of an inbox at a time.

use std::time::Duration;

use eventing::consumer::{Claim, ClaimStore, ClaimStoreAway, Holder, SeenKey};
use eventing::types::{EventKey, InboxId};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::client::{ClientError, Service, read_json};

/// What one request of a consumer may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// The body of `POST /v1/claims`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimRequest {
    /// The inbox whose consumer asks; the caller must be one of its `serviceAccounts`.
    pub inbox: InboxId,
    /// What is asked for.
    pub action: ClaimAction,
    /// Who holds the claim: drawn anew for each message, so that a request may be repeated. Left out with `probe`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub holder: String,
    /// All that the event is known by. The attempts are counted with the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<ClaimKey>,
    /// `claim`: after how long one that is neither renewed nor confirmed is free again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lapse_seconds: u32,
    /// `release`: deliveries to the handler so far; with 0 the event starts anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What may be asked of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClaimAction {
    /// The right to handle the event. Asked by its holder, it is renewed.
    Claim,
    /// The event is handled: whatever comes with one of its keys is a copy.
    Confirm,
    /// The event is not handled, and free for others.
    Release,
    /// Nothing but an answer: whether claims can be made now, and by this caller.
    Probe,
}

impl ClaimAction {
    /// The word of the request, for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Confirm => "confirm",
            Self::Release => "release",
            Self::Probe => "probe",
        }
    }
}

/// Something that an event is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimKey {
    /// A SHA-256 in hex: the event's key, its grant's, or its business key.
    pub key: EventKey,
    /// For how long it is kept, once handled.
    pub keep_seconds: u32,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClaimAnswer {
    /// It is the caller's to handle.
    Claimed {
        /// Deliveries to a handler so far, of all consumers together.
        attempts: u32,
    },
    /// It was handled before.
    Handled,
    /// Another consumer has it.
    Held {
        /// When that one's claim lapses, unless it is renewed.
        lapses_in_seconds: u32,
    },
    /// Done as asked.
    Settled,
}

/// The journal's claims of one inbox.
#[derive(Clone, Debug)]
pub struct HttpClaims {
    service: Service,
    inbox: InboxId,
}

impl HttpClaims {
    pub(crate) const fn new(service: Service, inbox: InboxId) -> Self {
        Self { service, inbox }
    }

    async fn ask(&self, request: ClaimRequest) -> Result<ClaimAnswer, ClaimStoreAway> {
        let request = self.service.post("/v1/claims").json(&request);
        let response = self.service.send(request, LIMIT).await.map_err(away)?;
        read_json(response).await.map_err(away)
    }

    fn request(&self, action: ClaimAction, holder: &Holder, keys: &[SeenKey]) -> ClaimRequest {
        ClaimRequest {
            inbox: self.inbox.clone(),
            action,
            holder: holder.to_string(),
            keys: keys.iter().map(wire).collect(),
            lapse_seconds: 0,
            attempts: 0,
        }
    }
}

fn wire(key: &SeenKey) -> ClaimKey {
    ClaimKey { key: EventKey(key.digest), keep_seconds: seconds(key.ttl) }
}

/// At least one: what is kept for no time at all is not kept.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}

impl ClaimStore for HttpClaims {
    fn probe(&self) -> BoxFuture<'_, Result<(), ClaimStoreAway>> {
        let request = ClaimRequest {
            inbox: self.inbox.clone(),
            action: ClaimAction::Probe,
            holder: String::new(),
            keys: Vec::new(),
            lapse_seconds: 0,
            attempts: 0,
        };
        async move { self.ask(request).await.map(drop) }.boxed()
    }

    fn claim<'a>(
        &'a self,
        holder: &'a Holder,
        keys: &'a [SeenKey],
        lapse: Duration,
    ) -> BoxFuture<'a, Result<Claim, ClaimStoreAway>> {
        let request = ClaimRequest { lapse_seconds: seconds(lapse), ..self.request(ClaimAction::Claim, holder, keys) };
        async move {
            match self.ask(request).await? {
                ClaimAnswer::Claimed { attempts } => Ok(Claim::Ours { attempts }),
                ClaimAnswer::Handled => Ok(Claim::Handled),
                ClaimAnswer::Held { lapses_in_seconds } => {
                    Ok(Claim::Held { lapses_in: Duration::from_secs(lapses_in_seconds.into()) })
                }
                ClaimAnswer::Settled => Err(ClaimStoreAway("the journal's answer is not one to a claim".to_owned())),
            }
        }
        .boxed()
    }

    fn confirm<'a>(&'a self, holder: &'a Holder, keys: &'a [SeenKey]) -> BoxFuture<'a, Result<(), ClaimStoreAway>> {
        let request = self.request(ClaimAction::Confirm, holder, keys);
        async move { self.ask(request).await.map(drop) }.boxed()
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        keys: &'a [SeenKey],
        attempts: u32,
    ) -> BoxFuture<'a, Result<(), ClaimStoreAway>> {
        let request = ClaimRequest { attempts, ..self.request(ClaimAction::Release, holder, keys) };
        async move { self.ask(request).await.map(drop) }.boxed()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err asks for")]
pub(crate) fn away(error: ClientError) -> ClaimStoreAway {
    ClaimStoreAway(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_and_answers_have_their_form() {
        let inbox: InboxId = "depot/arrivals".parse().unwrap();
        let key = ClaimKey { key: EventKey([7; 32]), keep_seconds: 60 };
        let request = ClaimRequest {
            inbox,
            action: ClaimAction::Claim,
            holder: "h-1".to_owned(),
            keys: vec![key],
            lapse_seconds: 30,
            attempts: 0,
        };
        let written = json!({"inbox": "depot/arrivals", "action": "claim", "holder": "h-1", "lapseSeconds": 30,
            "keys": [{"key": "07".repeat(32), "keepSeconds": 60}]});
        assert_eq!(serde_json::to_value(&request).unwrap(), written);
        assert_eq!(serde_json::from_value::<ClaimRequest>(written).unwrap(), request);
        for (answer, written) in [
            (ClaimAnswer::Claimed { attempts: 2 }, json!({"outcome": "claimed", "attempts": 2})),
            (ClaimAnswer::Handled, json!({"outcome": "handled"})),
            (ClaimAnswer::Held { lapses_in_seconds: 9 }, json!({"outcome": "held", "lapsesInSeconds": 9})),
            (ClaimAnswer::Settled, json!({"outcome": "settled"})),
        ] {
            assert_eq!(serde_json::to_value(answer).unwrap(), written);
            assert_eq!(serde_json::from_value::<ClaimAnswer>(written).unwrap(), answer);
        }
    }
}
