//! Dead letters in SurrealDB.

use async_trait::async_trait;
use eventing::time::Millis;
use eventing::types::{CorrelationId, ParseError};
use eventing_http::DeadLetterReport;
use surrealdb::types::SurrealValue;

use super::connection::failed;
use super::surreal::SurrealStore;
use super::{DeadLetterStore, StoreError};

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
        let bindings = surrealdb::types::object! { row: DeadLetterRow::from(report) };
        self.write("write a dead letter", "CREATE dead_letter CONTENT $row RETURN NONE", bindings).await.map(drop)
    }

    async fn of(&self, correlation: &CorrelationId, limit: usize) -> Result<Vec<DeadLetterReport>, StoreError> {
        // Those of a verified event have its correlation by the event itself, which the journal verified too.
        let rows: Vec<DeadLetterRow> = self
            .db()?
            .query("LET $keys = (SELECT VALUE record::id(id) FROM event_journal WHERE correlationId = $correlation)")
            .query(
                "SELECT * OMIT id FROM dead_letter WHERE eventKey IN $keys OR claimedCorrelationId = $correlation \
                 ORDER BY failedAt DESC LIMIT $limit",
            )
            .bind(("correlation", correlation.to_string()))
            .bind(("limit", i64::try_from(limit).unwrap_or(i64::MAX)))
            .await
            .and_then(|mut answers| answers.take(1))
            .map_err(failed("read dead letters"))?;
        rows.into_iter().map(DeadLetterRow::report).collect()
    }

    async fn prune_dead_letters(&self, before: Millis, most: usize) -> Result<usize, StoreError> {
        let old = "SELECT VALUE id FROM dead_letter WITH INDEX dead_letter_failed WHERE failedAt < $before LIMIT $most";
        self.remove("remove old dead letters", old, before, most).await
    }
}
