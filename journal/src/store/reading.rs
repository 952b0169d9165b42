//! [`EventReader`] on SurrealDB: through an index in its order, so that what is read is what is looked for, and bounded.

use std::collections::HashMap;

use async_trait::async_trait;
use eventing::types::Resource;
use eventing_http::Whose;
use surrealdb::types::{RecordId, SurrealValue, object};

use super::names::{ARRIVAL, arrivals, lead_of, position_of};
use super::rows::{Row, unreadable};
use super::schema::ENTRIES;
use super::surreal::SurrealStore;
use super::{EventReader, StoreError};
use crate::entry::{Cursor, Entry, Page, Projection, Told};
use crate::query::{Asked, Lead, begin, fits};
use crate::recent::{Gathering, Recent, merge};

/// Rows that one statement reads where facts beside the lead sift them.
const CHUNK: usize = 500;
/// What the engine reads at once along an index by its range alone, whatever the limit: less costs as much.
const RANGE: usize = 1_000;
/// Events that one answer looks at, at most: a part then ends with fewer than were asked for.
const LOOKED_AT: usize = 2_000;
/// Bodies that one statement reads: each may have a mebibyte.
const BODIES: usize = 16;
/// Bytes after which an answer ends: of its entries, and of their bodies. Its reader has a limit too.
const ANSWER_BYTES: usize = 8 << 20;
/// Positions that one statement follows.
const STEP: usize = 100;

/// Everything of a recorded event but its body, which is the largest part.
pub(super) const ROW: &str = "SELECT VALUE told FROM event_entry";
/// The latest entries of a resource that are looked at first: an unsigned one may be before the one that tells.
const STANDINGS: usize = 8;

#[derive(Debug, SurrealValue)]
#[surreal(crate = "surrealdb::types")]
struct BodyRow {
    key: String,
    body: String,
}

/// Whether a resource stands by this entry and not by another of the same signed time: an unsigned envelope could name
/// any resource, so it tells nothing.
fn tells_more(row: &Row, than: Option<&Row>) -> bool {
    row.entry.envelope_verified && than.is_none_or(|other| row.entry.event_key > other.entry.event_key)
}

fn standing(row: Row) -> Projection {
    let Entry { resource, status, event_key, .. } = row.entry;
    Projection { resource, status: status.unwrap_or_default(), last_updated: row.ts.0, event_key }
}

/// Which way along an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the oldest.
    On,
    /// From the newest.
    Back,
}

/// The statements that read along a lead from a place, one after the other. Each has the bounds of its index alone: with
/// any other condition the engine reads a batch of records before it looks at the limit. So what is signed in
/// the place's own microsecond is read first, then what is past it; a correlation's range of records is by both.
pub(super) fn statements(lead: Lead, way: Way) -> Vec<String> {
    let what = ROW;
    if lead == Lead::Correlation {
        // Its entries are a range of records, and in the order of their ids a text is behind every number.
        return vec![match way {
            Way::On => format!("{what}:[$value, $ts, $position]>..[$value, ''] LIMIT $size"),
            Way::Back => format!("{what}:[$value]..[$value, $ts, $position] ORDER BY id DESC LIMIT $size"),
        }];
    }
    let of = "WITH INDEX entry_by_lead WHERE leads CONTAINS $value AND";
    let (past, order) = match way {
        Way::On => ('>', "ASC"),
        Way::Back => ('<', "DESC"),
    };
    let ties = (format!("ts = $ts AND position {past} $position"), format!("position {order}"));
    let rest = (format!("ts {past} $ts"), format!("ts {order}, position {order}"));
    [ties, rest].map(|(bounds, order)| format!("{what} {of} {bounds} ORDER BY {order} LIMIT $size")).into()
}

/// What a statement of [`statements`] is told.
pub(super) fn bindings(lead: Lead, value: Option<&str>, place: Cursor, size: usize) -> impl SurrealValue + use<> {
    let value = value.unwrap_or_default();
    object! {
        value: if lead == Lead::Correlation { value.to_owned() } else { lead_of(lead, value) },
        ts: place.ts,
        position: i64::try_from(place.position).unwrap_or(i64::MAX),
        size: i64::try_from(size).unwrap_or(i64::MAX),
    }
}

/// A line of events in an index.
struct Line<'a> {
    lead: Lead,
    value: Option<&'a str>,
    way: Way,
}

impl SurrealStore {
    /// At most `size` of a line, behind a place.
    async fn along(&self, line: &Line<'_>, place: Cursor, size: usize) -> Result<Vec<Told>, StoreError> {
        let Line { lead, value, way } = *line;
        let mut entries = Vec::new();
        for query in statements(lead, way) {
            let left = size.saturating_sub(entries.len());
            if left > 0 {
                entries.extend(self.told("read events", query, bindings(lead, value, place, left)).await?);
            }
        }
        Ok(entries)
    }

    /// The entries that a query over [`ROW`] selects.
    pub(super) async fn told(
        &self,
        doing: &'static str,
        query: String,
        bindings: impl SurrealValue,
    ) -> Result<Vec<Told>, StoreError> {
        let told: Vec<String> = self.rows(doing, query, bindings).await?;
        Ok(told.into_iter().map(Told::kept).collect())
    }

    /// The entries that fit, and behind which place there may be more.
    async fn fitting(&self, asked: &Asked) -> Result<(Vec<Told>, Option<Cursor>), StoreError> {
        let Asked { filter, after, limit, bodies: _ } = asked;
        let (lead, value) = Lead::of(filter);
        let line = Line { lead, value: value.as_deref(), way: Way::On };
        let place = begin(filter, *after);
        match lead {
            _ if lead.is_all_of(filter) && filter.to.is_none() => self.all_of(&line, place, *limit).await,
            // One more than is wanted tells whether there is more.
            _ if lead.is_all_of(filter) => self.sifted(&line, place, asked, limit.saturating_add(1)).await,
            Lead::Time => self.sifted(&line, place, asked, RANGE).await,
            _ => self.sifted(&line, place, asked, CHUNK).await,
        }
    }

    /// What a line has behind a place, none of which is looked into.
    async fn all_of(
        &self,
        line: &Line<'_>,
        place: Cursor,
        limit: usize,
    ) -> Result<(Vec<Told>, Option<Cursor>), StoreError> {
        let mut entries = self.along(line, place, limit.saturating_add(1)).await?;
        let mut bytes = 0_usize;
        let fitting = entries.iter().take(limit).take_while(|told| {
            let room = bytes < ANSWER_BYTES;
            bytes = bytes.saturating_add(told.as_str().len());
            room
        });
        let fitting = fitting.count();
        let more = entries.len() > fitting;
        entries.truncate(fitting);
        let last = entries.last().filter(|_| more).map(Row::read).transpose()?;
        Ok((entries, last.map(|row| row.place()).or(more.then_some(place))))
    }

    /// What fits of a line behind a place, of which so many are read at once.
    async fn sifted(
        &self,
        line: &Line<'_>,
        mut place: Cursor,
        Asked { filter, limit, .. }: &Asked,
        size: usize,
    ) -> Result<(Vec<Told>, Option<Cursor>), StoreError> {
        let (mut fitting, mut looked_at, mut bytes) = (Vec::new(), 0_usize, 0_usize);
        loop {
            let chunk = self.along(line, place, size).await?;
            let is_last = chunk.len() < size;
            looked_at = looked_at.saturating_add(chunk.len());
            for told in chunk {
                let row = Row::read(&told)?;
                if filter.to.is_some_and(|to| row.ts >= to) {
                    return Ok((fitting, None));
                }
                if fitting.len() == *limit || bytes >= ANSWER_BYTES {
                    return Ok((fitting, Some(place)));
                }
                place = row.place();
                if fits(filter, row.facts()) {
                    bytes = bytes.saturating_add(told.as_str().len());
                    fitting.push(told);
                }
            }
            if is_last {
                return Ok((fitting, None));
            }
            if looked_at >= LOOKED_AT {
                return Ok((fitting, Some(place)));
            }
        }
    }

    /// The names of some entries behind a position, in the order of positions, with these.
    pub(super) async fn arrived(&self, after: i64, size: usize) -> Result<Vec<(i64, RecordId)>, StoreError> {
        // Positions are next to each other but where retention removed some, so these hold the next ones.
        let span = i64::try_from(size.saturating_add(ARRIVAL)).unwrap_or(i64::MAX);
        let (first, end) = (after.saturating_add(1), after.saturating_add(span));
        let mut entries = self.arrivals("SELECT VALUE entries FROM $arrivals", first, end).await?;
        if entries.is_empty() {
            // The engine reads a batch of them before it looks at the limit.
            entries = self.arrivals("SELECT VALUE entries FROM $arrivals LIMIT 1", first, i64::MAX).await?;
        }
        let places = entries.into_iter().flatten().filter_map(|entry| Some((position_of(&entry)?, entry)));
        Ok(places.filter(|(position, _)| *position > after).take(size).collect())
    }

    async fn arrivals(&self, query: &str, from: i64, to: i64) -> Result<Vec<Vec<RecordId>>, StoreError> {
        self.rows("read what arrived", query.to_owned(), object! { arrivals: arrivals(from, to) }).await
    }

    /// What was recorded behind a position, in the order of positions.
    pub(super) async fn follow(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let (mut entries, mut bytes, mut place) = (Vec::new(), 0_usize, i64::try_from(after).unwrap_or(i64::MAX));
        while entries.len() < limit && bytes < ANSWER_BYTES {
            let arrived = self.arrived(place, STEP.min(limit.saturating_sub(entries.len()))).await?;
            let Some((last, _)) = arrived.last() else { break };
            place = *last;
            for told in self.entries(arrived).await? {
                bytes = bytes.saturating_add(told.as_str().len());
                entries.push(told.read().map_err(unreadable(ENTRIES))?);
            }
        }
        Ok(entries)
    }

    /// What these tell, but for those that retention removed.
    pub(super) async fn entries(&self, arrived: Vec<(i64, RecordId)>) -> Result<Vec<Told>, StoreError> {
        let names: Vec<RecordId> = arrived.into_iter().map(|(_, entry)| entry).collect();
        self.told("read entries", "SELECT VALUE told FROM $names".to_owned(), object! { names: names }).await
    }

    /// The bodies of some events, by their keys.
    pub(super) async fn bodies(&self, ids: Vec<RecordId>) -> Result<HashMap<String, String>, StoreError> {
        let query = "SELECT record::id(id) AS key, body FROM $ids".to_owned();
        let rows: Vec<BodyRow> = self.rows("read bodies", query, object! { ids: ids }).await?;
        Ok(rows.into_iter().map(|BodyRow { key, body }| (key, body)).collect())
    }

    /// Entries with their bodies, as far as one answer goes; the place behind which the rest is.
    async fn with_bodies(&self, entries: Vec<Told>) -> Result<(Vec<Told>, Option<Cursor>), StoreError> {
        let (mut whole, mut bytes, mut last) = (Vec::new(), 0_usize, None);
        for some in entries.chunks(BODIES) {
            let some: Vec<Row> = some.iter().map(Row::read).collect::<Result<_, _>>()?;
            let mut bodies = self.bodies(some.iter().map(Row::event_id).collect()).await?;
            for row in some {
                if bytes >= ANSWER_BYTES {
                    return Ok((whole, last));
                }
                last = Some(row.place());
                // One that was removed meanwhile is not there.
                if let Some(body) = bodies.remove(&row.entry.event_key) {
                    bytes = bytes.saturating_add(body.len());
                    let entry = Entry { body: Some(body), ..row.entry };
                    whole.push(Told::of(&entry).map_err(unreadable(&entry.event_key))?);
                }
            }
        }
        Ok((whole, None))
    }
}

#[async_trait]
impl EventReader for SurrealStore {
    async fn events(&self, asked: &Asked) -> Result<Page, StoreError> {
        let (entries, next) = self.fitting(asked).await?;
        if asked.bodies {
            let (entries, cut) = self.with_bodies(entries).await?;
            return Ok(Page { entries, next: cut.or(next) });
        }
        Ok(Page { entries, next })
    }

    async fn correlations(&self, whose: &Whose, before: Option<Cursor>, limit: usize) -> Result<Recent, StoreError> {
        let Whose { user, tenant } = whose;
        let line = |lead, value| Line { lead, value, way: Way::Back };
        let named = [(Lead::User, user.as_deref()), (Lead::Tenant, tenant.as_deref())];
        let named = named.into_iter().filter(|(_, value)| value.is_some());
        let mut lines: Vec<Line<'_>> = named.map(|(lead, value)| line(lead, value)).collect();
        // Everybody's, those with an unsigned envelope too.
        let signed_only = !lines.is_empty();
        if lines.is_empty() {
            lines.push(line(Lead::Time, None));
        }
        // A correlation has some events, so of twice as many a first look may be enough.
        let size = if signed_only { limit.saturating_mul(2).clamp(1, CHUNK) } else { RANGE };
        let (mut gathering, mut looked_at) = (Gathering::new(limit, signed_only), 0_usize);
        let mut place = before.unwrap_or(Cursor { ts: i64::MAX, position: 0 });
        loop {
            let mut lists = Vec::with_capacity(lines.len());
            for line in &lines {
                let told = self.along(line, place, size).await?;
                lists.push(told.iter().map(|told| Ok(Row::read(told)?.glance())).collect::<Result<_, StoreError>>()?);
            }
            let (glances, horizon) = merge(lists, size);
            looked_at = looked_at.saturating_add(glances.len());
            if let Some(next) = gathering.take(glances) {
                return Ok(gathering.end(Some(next)));
            }
            match horizon {
                Some(horizon) if looked_at < LOOKED_AT => place = horizon,
                end => return Ok(gathering.end(end)),
            }
        }
    }

    async fn projection(&self, resource: &Resource) -> Result<Option<Projection>, StoreError> {
        let line = Line { lead: Lead::Resource, value: Some(resource.as_str()), way: Way::Back };
        let (mut place, mut size) = (Cursor { ts: i64::MAX, position: u64::MAX }, STANDINGS);
        let mut latest: Option<Row> = None;
        loop {
            let told = self.along(&line, place, size).await?;
            let is_last = told.len() < size;
            for told in told {
                let row = Row::read(&told)?;
                if latest.as_ref().is_some_and(|latest| row.ts < latest.ts) {
                    return Ok(latest.map(standing));
                }
                place = row.place();
                if tells_more(&row, latest.as_ref()) {
                    latest = Some(row);
                }
            }
            if is_last {
                return Ok(latest.map(standing));
            }
            size = CHUNK;
        }
    }
}
