//! The journal, as the gateway needs it: a correlation's events, and what came after a position.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use eventing::types::CorrelationId;
use eventing_http::{
    ChangeLines, Changes, ClaimAnswer, ClaimRequest, ClientError, Correlations, DeadLetterReport, JournalClient,
    Timeline, Whose,
};

use crate::cursor::Position;
use crate::event::Event;
use crate::tickets::Claims;

/// Dead letters that are told of one correlation, at most.
const DEAD_LETTERS: usize = 1_000;

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
    /// Where to go on. Below what was asked for, or in another generation, it says that the journal began anew.
    pub position: Position,
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
    async fn end(&self) -> Result<Position, JournalError>;

    /// At most `limit` events after a position, waiting up to `wait` for the first.
    async fn changes(&self, after: u64, wait: Duration, limit: usize) -> Result<Page, JournalError>;

    /// A part of a correlation's events.
    async fn timeline(&self, correlation_id: &str, limit: usize, cursor: Option<&str>) -> Result<Part, JournalError>;

    /// The correlations in which something happened last, those of somebody or all.
    async fn correlations(
        &self,
        whose: &Whose,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Correlations, JournalError>;

    /// What the journal was told of a correlation's dead letters, the newest first.
    async fn dead_letters(&self, correlation: &CorrelationId) -> Result<Vec<DeadLetterReport>, JournalError>;
}

/// The journal over HTTPS. The CA is read again whenever a call fails: the operator rotates it.
#[derive(Debug)]
pub struct HttpJournal {
    address: String,
    ca: PathBuf,
    token: PathBuf,
    client: Mutex<Option<JournalClient>>,
    following: tokio::sync::Mutex<Option<Open>>,
}

/// An answer that goes on, and where it is.
#[derive(Debug)]
struct Open {
    at: u64,
    following: ChangeLines,
}

impl HttpJournal {
    /// The journal at `address`, trusted by the CA in a file, called with the token in another.
    pub fn new(address: String, ca: PathBuf, token: PathBuf) -> Self {
        Self { address, ca, token, client: Mutex::default(), following: tokio::sync::Mutex::default() }
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
    async fn end(&self) -> Result<Position, JournalError> {
        let answer = self.client().await?.changes(None, Duration::ZERO, 1).await;
        Ok(place(&self.judge(answer)?))
    }

    async fn changes(&self, after: u64, wait: Duration, limit: usize) -> Result<Page, JournalError> {
        if wait.is_zero() {
            let answer = self.client().await?.changes(after, wait, limit).await;
            return Ok(page(&self.judge(answer)?));
        }
        let mut open = self.following.lock().await;
        // Left behind where this is given up: then the next one asks anew.
        if let Some(Open { mut following, .. }) = open.take().filter(|open| open.at == after)
            && let Some(changes) = self.judge(following.next().await)?
        {
            *open = Some(Open { at: changes.position, following });
            return Ok(page(&changes));
        }
        let answer = self.client().await?.follow(after, wait, limit).await;
        let mut following = self.judge(answer)?;
        let changes = self.judge(following.next().await)?.ok_or_else(|| JournalError("it says nothing".to_owned()))?;
        *open = Some(Open { at: changes.position, following });
        Ok(page(&changes))
    }

    async fn timeline(&self, correlation_id: &str, limit: usize, cursor: Option<&str>) -> Result<Part, JournalError> {
        let answer = self.client().await?.timeline(correlation_id, limit, cursor).await;
        let Timeline { events, next } = self.judge(answer)?;
        Ok(Part { events: shown(&events), next })
    }

    async fn correlations(
        &self,
        whose: &Whose,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Correlations, JournalError> {
        let answer = self.client().await?.correlations(whose, cursor, limit).await;
        self.judge(answer)
    }

    async fn dead_letters(&self, correlation: &CorrelationId) -> Result<Vec<DeadLetterReport>, JournalError> {
        let answer = self.client().await?.dead_letters(correlation, DEAD_LETTERS).await;
        Ok(self.judge(answer)?.dead_letters)
    }
}

#[async_trait]
impl Claims for HttpJournal {
    async fn settle(&self, request: &ClaimRequest) -> Result<ClaimAnswer, JournalError> {
        let answer = self.client().await?.settle(request).await;
        self.judge(answer)
    }
}

fn page(changes: &Changes) -> Page {
    Page { events: shown(&changes.changes), position: place(changes) }
}

fn place(changes: &Changes) -> Position {
    Position { generation: changes.generation, at: changes.position }
}

fn shown(entries: &[eventing_http::Entry]) -> Vec<Event> {
    let show = |entry: &eventing_http::Entry| {
        Event::from_entry(entry)
            .inspect_err(|_| tracing::error!(position = entry.position, "the journal gave an entry without a key"))
            .ok()
    };
    entries.iter().filter_map(show).collect()
}
