//! [`EventReader`] on SurrealDB: through an index in its order, so that what is read is what is looked for, and bounded.

use std::collections::HashMap;

use async_trait::async_trait;
use eventing::time::Micros;
use eventing::types::Resource;
use eventing_http::{Correlation, Whose};
use surrealdb::types::{RecordId, SurrealValue};

use super::rows::{Row, Standing, name, resource_id};
use super::surreal::SurrealStore;
use super::{EventReader, StoreError};
use crate::entry::{Cursor, Entry, Page, Projection};
use crate::query::{Asked, Lead, begin, fits};
use crate::recent::{Gathering, Glance, Recent, merge};

/// Rows that one statement reads where facts beside the lead sift them.
const CHUNK: usize = 500;
/// Events that one answer looks at, at most: a part then ends with fewer than were asked for.
const LOOKED_AT: usize = 5_000;
/// Bodies that one statement reads: each may have a mebibyte.
const BODIES: usize = 16;
/// Bytes of bodies after which a part ends.
const BODY_BYTES: usize = 8 << 20;

/// Everything of a recorded event but its body, which is the largest part.
const ROW: &str = "SELECT * OMIT body FROM event_journal";
/// What a correlation is shown by.
const GLANCE: &str =
    "SELECT position, ts, correlationId, source, detailType, resource, envelopeVerified FROM event_journal";

/// An event, as a correlation is shown by it.
#[derive(Debug, SurrealValue)]
#[surreal(rename_all = "camelCase", crate = "surrealdb::types")]
struct GlanceRow {
    position: i64,
    ts: i64,
    correlation_id: String,
    source: String,
    detail_type: String,
    resource: String,
    envelope_verified: bool,
}

#[derive(Debug, SurrealValue)]
#[surreal(crate = "surrealdb::types")]
struct BodyRow {
    id: RecordId,
    body: String,
}

impl From<GlanceRow> for Glance {
    fn from(row: GlanceRow) -> Self {
        let GlanceRow { position, ts, correlation_id, source, detail_type, resource, envelope_verified } = row;
        Self {
            place: Cursor { ts, position: u64::try_from(position).unwrap_or_default() },
            envelope_verified,
            correlation: Correlation { correlation_id, ts: Micros(ts).to_string(), source, detail_type, resource },
        }
    }
}

/// The index of a lead, and the field it begins with.
const fn index(lead: Lead) -> (&'static str, Option<&'static str>) {
    match lead {
        Lead::Correlation => ("event_by_correlation", Some("correlationId")),
        Lead::Resource => ("event_by_resource", Some("resource")),
        Lead::User => ("event_by_user", Some("userId")),
        Lead::Tenant => ("event_by_tenant", Some("tenantId")),
        Lead::DetailType => ("event_by_detail_type", Some("detailType")),
        Lead::Bus => ("event_by_bus", Some("bus")),
        Lead::Time => ("event_by_ts", None),
    }
}

/// Which way along an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the oldest.
    On,
    /// From the newest.
    Back,
}

/// The statement that reads along a lead's index behind a place. The two bounds of time say the same: the first is the
/// index's, the second passes over what is signed in the place's own microsecond.
pub(super) fn statement(what: &str, lead: Lead, way: Way) -> String {
    let (index, field) = index(lead);
    let of = field.map_or_else(String::new, |field| format!("{field} = $value AND "));
    let (past, order) = match way {
        Way::On => ('>', "ASC"),
        Way::Back => ('<', "DESC"),
    };
    format!(
        "{what} WITH INDEX {index} WHERE {of}ts {past}= $ts AND (ts {past} $ts OR position {past} $position) \
         ORDER BY ts {order}, position {order} LIMIT $size"
    )
}

/// What a statement of [`statement`] is told.
pub(super) fn bindings(value: Option<&str>, place: Cursor, size: usize) -> impl SurrealValue + use<> {
    surrealdb::types::object! {
        value: value.map(str::to_owned),
        ts: place.ts,
        position: i64::try_from(place.position).unwrap_or(i64::MAX),
        size: i64::try_from(size).unwrap_or(i64::MAX),
    }
}

impl SurrealStore {
    /// The rows that fit, and behind which place there may be more.
    async fn fitting(&self, asked: &Asked) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
        let Asked { filter, after, limit, bodies: _ } = asked;
        let (lead, value) = Lead::of(filter);
        // One more than is wanted tells whether there is more.
        let size = if lead.is_all_of(filter) { limit.saturating_add(1) } else { CHUNK };
        let query = statement(ROW, lead, Way::On);
        let (mut rows, mut looked_at, mut place) = (Vec::new(), 0_usize, begin(filter, *after));
        loop {
            let chunk: Vec<Row> =
                self.rows("read events", query.clone(), bindings(value.as_deref(), place, size)).await?;
            let is_last = chunk.len() < size;
            looked_at = looked_at.saturating_add(chunk.len());
            for row in chunk {
                if filter.to.is_some_and(|to| row.ts >= to.0) {
                    return Ok((rows, None));
                }
                if rows.len() == *limit {
                    return Ok((rows, Some(place)));
                }
                place = row.place();
                if fits(filter, row.facts()) {
                    rows.push(row);
                }
            }
            if is_last {
                return Ok((rows, None));
            }
            if looked_at >= LOOKED_AT {
                return Ok((rows, Some(place)));
            }
        }
    }

    /// The bodies of some events, by their keys.
    async fn bodies(&self, ids: Vec<RecordId>) -> Result<HashMap<String, String>, StoreError> {
        let query = "SELECT id, body FROM $ids".to_owned();
        let rows: Vec<BodyRow> = self.rows("read bodies", query, surrealdb::types::object! { ids: ids }).await?;
        Ok(rows.into_iter().map(|BodyRow { id, body }| (name(&id), body)).collect())
    }

    /// Entries with their bodies, as far as one answer goes; the place behind which the rest is.
    async fn with_bodies(&self, rows: Vec<Row>) -> Result<(Vec<Entry>, Option<Cursor>), StoreError> {
        let (mut entries, mut bytes, mut rows) = (Vec::new(), 0_usize, rows.into_iter().peekable());
        let mut last = None;
        while rows.peek().is_some() {
            let some: Vec<Row> = rows.by_ref().take(BODIES).collect();
            let mut bodies = self.bodies(some.iter().map(Row::id).collect()).await?;
            for row in some {
                if bytes >= BODY_BYTES {
                    return Ok((entries, last));
                }
                last = Some(row.place());
                let mut entry = row.entry()?;
                // One that was removed meanwhile is not there.
                if let Some(body) = bodies.remove(&entry.event_key) {
                    bytes = bytes.saturating_add(body.len());
                    entry.body = Some(body);
                    entries.push(entry);
                }
            }
        }
        Ok((entries, None))
    }

    async fn glances(
        &self,
        lead: Lead,
        value: Option<&str>,
        before: Option<Cursor>,
    ) -> Result<Vec<Glance>, StoreError> {
        let before = before.unwrap_or(Cursor { ts: i64::MAX, position: u64::MAX });
        let query = statement(GLANCE, lead, Way::Back);
        let rows: Vec<GlanceRow> =
            self.rows("read correlations", query, bindings(value, before, CHUNK)).await?;
        Ok(rows.into_iter().map(Glance::from).collect())
    }
}

#[async_trait]
impl EventReader for SurrealStore {
    async fn events(&self, asked: &Asked) -> Result<Page, StoreError> {
        let (rows, next) = self.fitting(asked).await?;
        if asked.bodies {
            let (entries, cut) = self.with_bodies(rows).await?;
            return Ok(Page { entries, next: cut.or(next) });
        }
        Ok(Page { entries: rows.into_iter().map(Row::entry).collect::<Result<_, _>>()?, next })
    }

    async fn correlations(&self, whose: &Whose, before: Option<Cursor>, limit: usize) -> Result<Recent, StoreError> {
        let Whose { user, tenant } = whose;
        let leads = [(Lead::User, user.as_deref()), (Lead::Tenant, tenant.as_deref())];
        let mut leads: Vec<_> = leads.into_iter().filter(|(_, value)| value.is_some()).collect();
        // Everybody's, those with an unsigned envelope too.
        let signed_only = !leads.is_empty();
        if leads.is_empty() {
            leads.push((Lead::Time, None));
        }
        let (mut gathering, mut place, mut looked_at) = (Gathering::new(limit, signed_only), before, 0_usize);
        loop {
            let mut lists = Vec::with_capacity(leads.len());
            for (lead, value) in &leads {
                lists.push(self.glances(*lead, *value, place).await?);
            }
            let (glances, horizon) = merge(lists, CHUNK);
            looked_at = looked_at.saturating_add(glances.len());
            if let Some(next) = gathering.take(glances) {
                return Ok(gathering.end(Some(next)));
            }
            if horizon.is_none() || looked_at >= LOOKED_AT {
                return Ok(gathering.end(horizon));
            }
            place = horizon;
        }
    }

    async fn projection(&self, resource: &Resource) -> Result<Option<Projection>, StoreError> {
        let query = "SELECT * FROM $resource".to_owned();
        let bindings = surrealdb::types::object! { resource: resource_id(resource.as_str()) };
        let rows: Vec<Standing> = self.rows("read a resource", query, bindings).await?;
        Ok(rows.into_iter().next().map(Standing::projection))
    }
}
