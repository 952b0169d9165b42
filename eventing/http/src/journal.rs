//! The journal's API, as the gateway uses it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::claims::{ClaimAnswer, ClaimRequest, LIMIT};
use crate::client::{ClientError, Service, escape, read_json};

/// What a request may take besides what it waits.
const SLACK: Duration = Duration::from_secs(10);

/// One event of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its place in the order of arrival.
    pub position: u64,
    /// Its key, in hex.
    pub event_key: String,
    /// Every id EventBridge gave it.
    #[serde(default)]
    pub event_bridge_ids: Vec<String>,
    /// Who sent.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// What it happened to.
    pub resource: String,
    /// The story.
    pub correlation_id: String,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Whose, of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The whole trace.
    #[serde(default)]
    pub trace: BTreeMap<String, Option<String>>,
    /// When it was signed, RFC 3339.
    pub ts: String,
    /// EventBridge's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// When it entered a queue, in milliseconds.
    pub sent_at: i64,
    /// The key that signed.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: String,
    /// Whether the envelope is signed too; without, only operators see it.
    pub envelope_verified: bool,
    /// The payload, as it was signed.
    pub detail_core: Box<RawValue>,
    /// What the detail-type's action says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A page of a correlation's events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timeline {
    /// In the order of their signed time.
    pub events: Vec<Entry>,
    /// Where the next page begins, if there is one.
    #[serde(default)]
    pub next: Option<String>,
}

/// What came after a position.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changes {
    /// In the order of arrival.
    pub changes: Vec<Entry>,
    /// Where to go on.
    pub position: u64,
    /// Which journal this is: another number once it began anew or was restored. Positions of the one say nothing in the
    /// other, even where they are within it.
    #[serde(default)]
    pub generation: u64,
}

/// A client of the journal.
#[derive(Clone, Debug)]
pub struct JournalClient {
    service: Service,
}

impl JournalClient {
    /// The journal at `base`; `token_file` is for the journal's own audience.
    ///
    /// # Errors
    /// When the address or the CA is none.
    pub fn new(base: &str, ca: &str, token_file: impl Into<PathBuf>) -> Result<Self, ClientError> {
        Ok(Self { service: Service::new(base, ca, Some(token_file.into()))? })
    }

    /// A page of a correlation's events.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn timeline(
        &self,
        correlation_id: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Timeline, ClientError> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let request = self.service.get(&format!("/v1/timeline/{}", escape(correlation_id)), &query);
        read_json(self.service.send(request, SLACK).await?).await
    }

    /// What came after a position (without one: after all that is there now); waits up to `wait` for the first.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn changes(
        &self,
        after: impl Into<Option<u64>>,
        wait: Duration,
        limit: usize,
    ) -> Result<Changes, ClientError> {
        let after = after.into().map(|after| after.to_string());
        let (wait_seconds, limit) = (wait.as_secs().to_string(), limit.to_string());
        let mut query = vec![("wait", wait_seconds.as_str()), ("limit", &limit)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let request = self.service.get("/v1/changes", &query);
        read_json(self.service.send(request, wait + SLACK).await?).await
    }

    /// Settles a claim of an inbox of which the caller is a consumer.
    ///
    /// # Errors
    /// When the journal does not answer, or with a problem.
    pub async fn settle(&self, request: &ClaimRequest) -> Result<ClaimAnswer, ClientError> {
        let request = self.service.post("/v1/claims").json(request);
        read_json(self.service.send(request, LIMIT).await?).await
    }
}
