//! The journal, as the gateway needs it: a correlation's events, and what came after a position.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use eventing_http::{ClientError, JournalClient, Timeline};

use crate::event::Event;

/// The journal did not answer as agreed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the journal does not answer: {0}")]
pub struct JournalError(pub String);

impl From<ClientError> for JournalError {
    fn from(error: ClientError) -> Self {
        Self(error.to_string())
    }
}

/// What came after a position.
#[derive(Debug, Clone)]
pub struct Page {
    /// In the order of their positions.
    pub events: Vec<Event>,
    /// Where to go on. Below what was asked for, it says that the journal began anew.
    pub position: u64,
}

/// A part of a correlation's events, in the journal's order.
#[derive(Debug, Clone)]
pub struct Part {
    /// The events.
    pub events: Vec<Event>,
    /// Where the next part begins.
    pub next: Option<String>,
}

/// Where events are kept.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The position of the newest event.
    async fn end(&self) -> Result<u64, JournalError>;

    /// At most `limit` events after a position, waiting up to `wait` for the first.
    async fn changes(&self, after: u64, wait: Duration, limit: usize) -> Result<Page, JournalError>;

    /// A part of a correlation's events.
    async fn timeline(&self, correlation_id: &str, limit: usize, cursor: Option<&str>) -> Result<Part, JournalError>;
}

/// The journal over HTTPS. The CA is read again whenever a call fails: the operator rotates it.
#[derive(Debug)]
pub struct HttpJournal {
    address: String,
    ca: PathBuf,
    token: PathBuf,
    client: Mutex<Option<JournalClient>>,
}

impl HttpJournal {
    /// The journal at `address`, trusted by the CA in a file, called with the token in another.
    pub fn new(address: String, ca: PathBuf, token: PathBuf) -> Self {
        Self { address, ca, token, client: Mutex::default() }
    }

    async fn client(&self) -> Result<JournalClient, JournalError> {
        if let Some(client) = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(client);
        }
        let ca = tokio::fs::read_to_string(&self.ca)
            .await
            .map_err(|error| JournalError(format!("{}: {error}", self.ca.display())))?;
        let client = JournalClient::new(&self.address, &ca, &self.token)?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }

    /// Forgets the client when it could not reach the journal.
    fn judge<T>(&self, answer: Result<T, ClientError>) -> Result<T, JournalError> {
        if matches!(answer, Err(ClientError::Unreachable(_))) {
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(answer?)
    }
}

#[async_trait]
impl Journal for HttpJournal {
    async fn end(&self) -> Result<u64, JournalError> {
        let answer = self.client().await?.changes(None, Duration::ZERO, 1).await;
        Ok(self.judge(answer)?.position)
    }

    async fn changes(&self, after: u64, wait: Duration, limit: usize) -> Result<Page, JournalError> {
        let answer = self.client().await?.changes(after, wait, limit).await;
        let changes = self.judge(answer)?;
        Ok(Page { events: shown(&changes.changes), position: changes.position })
    }

    async fn timeline(&self, correlation_id: &str, limit: usize, cursor: Option<&str>) -> Result<Part, JournalError> {
        let answer = self.client().await?.timeline(correlation_id, limit, cursor).await;
        let Timeline { events, next } = self.judge(answer)?;
        Ok(Part { events: shown(&events), next })
    }
}

fn shown(entries: &[eventing_http::Entry]) -> Vec<Event> {
    let show = |entry: &eventing_http::Entry| {
        Event::from_entry(entry)
            .inspect_err(|_| tracing::error!(position = entry.position, "the journal gave an entry without a key"))
            .ok()
    };
    entries.iter().filter_map(show).collect()
}
