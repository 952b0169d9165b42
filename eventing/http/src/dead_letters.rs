//! Dead letters, as consumers tell the journal of them and the journal tells the gateway.

use eventing::consumer::{DeadLetterLog, DeadLetterNotice, NotTold, Subject};
use eventing::types::{CorrelationId, EventKey, InboxId};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::claims::LIMIT;
use crate::client::Service;

/// The body of `POST /v1/dead-letters`, and an entry of `GET /v1/dead-letters`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetterReport {
    /// The inbox; whoever tells must be one of its `serviceAccounts`.
    pub inbox: InboxId,
    /// `qsl.code`
    pub code: String,
    /// `qsl.stage`
    pub stage: String,
    /// `qsl.attempts`
    pub attempts: u32,
    /// `qsl.failedAt`, in milliseconds.
    pub failed_at: i64,
    /// The event's key, where it was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_key: Option<EventKey>,
    /// What the body says its correlation is, where nothing was verified: a claim, which only operators are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_correlation_id: Option<CorrelationId>,
}

/// The answer of `GET /v1/dead-letters?correlation=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetters {
    /// The newest first.
    pub dead_letters: Vec<DeadLetterReport>,
}

/// Tells the journal of one inbox's dead letters.
#[derive(Clone, Debug)]
pub struct HttpDeadLetters {
    service: Service,
    inbox: InboxId,
}

impl HttpDeadLetters {
    pub(crate) const fn new(service: Service, inbox: InboxId) -> Self {
        Self { service, inbox }
    }
}

impl DeadLetterLog for HttpDeadLetters {
    fn tell<'a>(&'a self, notice: &'a DeadLetterNotice) -> BoxFuture<'a, Result<(), NotTold>> {
        let DeadLetterNotice { code, stage, attempts, failed_at, subject } = notice;
        let (event_key, claimed_correlation_id) = match subject {
            Subject::Event(key) => (Some(*key), None),
            Subject::Claimed(correlation) => (None, correlation.clone()),
        };
        let report = DeadLetterReport {
            inbox: self.inbox.clone(),
            code: code.as_str().to_owned(),
            stage: stage.as_str().to_owned(),
            attempts: *attempts,
            failed_at: failed_at.0,
            event_key,
            claimed_correlation_id,
        };
        async move {
            let request = self.service.post("/v1/dead-letters").json(&report);
            self.service.send(request, LIMIT).await.map(drop).map_err(|error| NotTold(error.to_string()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_has_its_form() {
        let report = DeadLetterReport {
            inbox: "depot/arrivals".parse().unwrap(),
            code: "HANDLER_EXHAUSTED".to_owned(),
            stage: "handle".to_owned(),
            attempts: 5,
            failed_at: 7,
            event_key: Some(EventKey([7; 32])),
            claimed_correlation_id: None,
        };
        let written = json!({"inbox": "depot/arrivals", "code": "HANDLER_EXHAUSTED", "stage": "handle", "attempts": 5,
            "failedAt": 7, "eventKey": "07".repeat(32)});
        assert_eq!(serde_json::to_value(&report).unwrap(), written);
        assert_eq!(serde_json::from_value::<DeadLetterReport>(written).unwrap(), report);
    }
}
