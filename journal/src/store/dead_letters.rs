//! Dead letters in SurrealDB.

use async_trait::async_trait;
use eventing::time::Millis;
use eventing::types::{CorrelationId, ParseError};
use eventing_http::DeadLetterReport;
use sha2::{Digest as _, Sha256};
use surrealdb::types::{RecordId, SurrealValue};

use super::surreal::SurrealStore;
use super::{DeadLetterStore, StoreError};

/// The latest events of a correlation whose dead letters are told, at most.
const EVENTS: i64 = 2_000;
/// Their keys.
pub(super) const OF_CORRELATION: &str =
    "SELECT VALUE eventKey FROM event_entry:[$correlation]..[$correlation, ''] ORDER BY id DESC LIMIT $events";
/// Of each there are as many as inboxes gave it up, and as often.
pub(super) const OF_EVENTS: &str =
    "SELECT * OMIT id FROM dead_letter WITH INDEX dead_letter_by_event WHERE eventKey IN $keys";
/// Anybody can claim a correlation, so of these there may be many.
pub(super) const CLAIMED: &str = "SELECT * OMIT id FROM dead_letter WITH INDEX dead_letter_by_claim \
    WHERE claimedCorrelationId = $correlation ORDER BY failedAt DESC LIMIT $most";

/// A dead letter as it is kept.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
struct DeadLetterRow {
    inbox: String,
    code: String,
    stage: String,
    attempts: i64,
    failed_at: i64,
    event_key: Option<String>,
    claimed_correlation_id: Option<String>,
}

impl From<&DeadLetterReport> for DeadLetterRow {
    fn from(report: &DeadLetterReport) -> Self {
        let DeadLetterReport { inbox, code, stage, attempts, failed_at, event_key, claimed_correlation_id } = report;
        Self {
            inbox: inbox.to_string(),
            code: code.clone(),
            stage: stage.clone(),
            attempts: i64::from(*attempts),
            failed_at: *failed_at,
            event_key: event_key.map(|key| key.to_string()),
            claimed_correlation_id: claimed_correlation_id.as_ref().map(ToString::to_string),
        }
    }
}

impl DeadLetterRow {
    fn report(self) -> Result<DeadLetterReport, StoreError> {
        let Self { inbox, code, stage, attempts, failed_at, event_key, claimed_correlation_id } = self;
        let record = format!("dead letter of {inbox} at {failed_at}");
        let unreadable = |error: ParseError| StoreError::Record { record: record.clone(), reason: error.to_string() };
        Ok(DeadLetterReport {
            inbox: inbox.parse().map_err(unreadable)?,
            code,
            stage,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            failed_at,
            event_key: event_key.map(|key| key.parse()).transpose().map_err(unreadable)?,
            claimed_correlation_id: claimed_correlation_id
                .map(|id| CorrelationId::parse(&id))
                .transpose()
                .map_err(unreadable)?,
        })
    }
}

#[async_trait]
impl DeadLetterStore for SurrealStore {
    async fn record(&self, report: &DeadLetterReport) -> Result<(), StoreError> {
        // The same told again is the same.
        let id = RecordId::new("dead_letter", format!("{:x}", Sha256::digest(format!("{report:?}"))));
        let bindings = surrealdb::types::object! { id: id, row: DeadLetterRow::from(report) };
        self.write("write a dead letter", "UPSERT $id CONTENT $row RETURN NONE", bindings).await.map(drop)
    }

    async fn of(&self, correlation: &CorrelationId, limit: usize) -> Result<Vec<DeadLetterReport>, StoreError> {
        // Those of a verified event have its correlation by the event itself, which the journal verified too.
        let doing = "read dead letters";
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let of = || surrealdb::types::object! { correlation: correlation.to_string(), most: most, events: EVENTS };
        let keys: Vec<String> = self.rows(doing, OF_CORRELATION.to_owned(), of()).await?;
        let mut rows: Vec<DeadLetterRow> =
            self.rows(doing, OF_EVENTS.to_owned(), surrealdb::types::object! { keys: keys }).await?;
        rows.extend(self.rows::<DeadLetterRow>(doing, CLAIMED.to_owned(), of()).await?);
        rows.sort_by_key(|row| std::cmp::Reverse(row.failed_at));
        rows.truncate(limit);
        rows.into_iter().map(DeadLetterRow::report).collect()
    }

    async fn prune_dead_letters(&self, before: Millis, most: usize) -> Result<usize, StoreError> {
        let old = "SELECT VALUE id FROM dead_letter WITH INDEX dead_letter_failed WHERE failedAt < $before LIMIT $most";
        self.remove("remove old dead letters", old, before, most).await
    }
}
