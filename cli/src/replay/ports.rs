//! What replaying needs from outside besides what sending needs: the journal, and somewhere to write down how far it is.

use std::sync::Arc;

use eventing::time::Millis;
use eventing_http::{ClientError, Entry, EventFilter, Events, JournalClient, Part};

use super::progress::Progress;
use crate::failure::Failure;

/// How many events the journal is asked for at once; where their bodies are large it answers fewer.
const PART: usize = 100;

/// An event, as the journal recorded it. `Debug` does not show the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key, in hex.
    pub event_key: String,
    /// Who sent.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// The story.
    pub correlation_id: String,
    /// The key that signed.
    pub kid: String,
    /// When it was signed, RFC 3339.
    pub ts: String,
    /// When it entered a queue.
    pub sent_at: Millis,
    /// The body, byte for byte.
    pub body: Arc<str>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { event_key, source, detail_type, correlation_id, kid, ts, sent_at, body } = self;
        let mut shown = f.debug_struct("Record");
        shown.field("event_key", event_key).field("source", source).field("detail_type", detail_type);
        shown.field("correlation_id", correlation_id).field("kid", kid).field("ts", ts).field("sent_at", sent_at);
        shown.field("body_bytes", &body.len()).finish()
    }
}

/// A part of the journal's events that are meant.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the order of their signed time.
    pub records: Vec<Record>,
    /// Where the next part begins, if there is one.
    pub next: Option<String>,
}

/// The journal.
pub trait Journal {
    /// The events that fit, with their bodies, behind the `next` of a part; the first part without.
    async fn page(&self, filter: &EventFilter, after: Option<&str>) -> Result<Page, ClientError>;
}

impl Journal for JournalClient {
    async fn page(&self, filter: &EventFilter, after: Option<&str>) -> Result<Page, ClientError> {
        let Events { events, next } = self.events(filter, Part { after, limit: PART, bodies: true }).await?;
        Ok(Page { records: events.into_iter().map(record).collect::<Result<_, _>>()?, next })
    }
}

fn record(entry: Entry) -> Result<Record, ClientError> {
    let Entry { event_key, source, detail_type, correlation_id, kid, ts, sent_at, body, .. } = entry;
    let Some(body) = body else {
        return Err(ClientError::Unreadable(format!("the journal gave no body of event {event_key}")));
    };
    let (sent_at, body) = (Millis(sent_at), Arc::from(body));
    Ok(Record { event_key, source, detail_type, correlation_id, kid, ts, sent_at, body })
}

/// Keeps the progress of a replay.
pub trait Book {
    /// Writes it down; on return it stands, whatever becomes of this machine.
    fn write(&mut self, progress: &Progress) -> Result<(), Failure>;
}

/// Of a dry run nothing is written down.
#[derive(Debug, Clone, Copy)]
pub struct NoBook;

impl Book for NoBook {
    fn write(&mut self, _: &Progress) -> Result<(), Failure> {
        Ok(())
    }
}
