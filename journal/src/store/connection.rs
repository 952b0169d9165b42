//! The open database, and how it is opened again.
//!
//! The embedded engine is not trusted after two things, since at the next start it could lack what was acknowledged; what
//! is on disk is then known by closing it, which writes down what is in its memory, and by reading.
//! - A commit that failed. Half a record may stand at the end of its log, and a repair cuts off everything behind that.
//! - A commit during which it began a new log. SurrealKV 0.21 may have the batch in the old log alone and in the memory
//!   that belongs to the new one; the old log is deleted, and a kill then loses the batch (docs/decisions/0017).
//!
//! Nothing else is written and nobody is answered before that was done; readers wait meanwhile.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use surrealdb::Surreal;
use surrealdb::engine::any::{Any, connect};
use surrealdb::opt::auth;
use surrealdb::types::QueryError;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::StoreError;
use super::schema::migrate;

const NAMESPACE: &str = "qsl";
const DATABASE: &str = "journal";
/// An engine that was dropped gives its files back in the background, when its last reader has ended.
const OPENINGS: u32 = 250;
const BETWEEN_OPENINGS: Duration = Duration::from_millis(20);
/// How long a reader waits for it.
const READERS_WAIT: Duration = Duration::from_secs(5);

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In this folder.
    Folder(PathBuf),
    /// A SurrealDB of its own.
    Remote(Remote),
    /// In memory, for tests.
    Memory,
}

/// A SurrealDB that answers at an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// `ws://` or `wss://`, with host and port.
    pub url: String,
    /// A user of the database `journal` in the namespace `qsl`.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("url", &self.url).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Location {
    /// The engine's address. `sync=every` is its default and stands here because acknowledging rests on it: a commit
    /// returns after its fsync.
    fn address(&self) -> String {
        match self {
            Self::Folder(folder) => format!("surrealkv://{}?sync=every", folder.display()),
            Self::Remote(remote) => remote.url.clone(),
            Self::Memory => "mem://".to_owned(),
        }
    }

    async fn open(&self) -> Result<Surreal<Any>, StoreError> {
        let db = connect(self.address()).await.map_err(failed("open"))?;
        if let Self::Remote(Remote { user, password, .. }) = self {
            let credentials = auth::Database {
                namespace: NAMESPACE.to_owned(),
                database: DATABASE.to_owned(),
                username: user.clone(),
                password: password.clone(),
            };
            db.signin(credentials).await.map_err(failed("sign in"))?;
        }
        db.use_ns(NAMESPACE).use_db(DATABASE).await.map_err(failed("open"))?;
        migrate(&db).await?;
        Ok(db)
    }
}

pub(super) fn failed(doing: &'static str) -> impl Fn(surrealdb::Error) -> StoreError {
    move |source| StoreError::Database { doing, source: Box::new(source) }
}

/// Whether another transaction wrote the same at the same time: nothing was written, and it may be done again. Of a commit
/// the client keeps the engine's sentence alone.
pub(super) fn is_conflict(error: &surrealdb::Error) -> bool {
    error.query_details() == Some(&QueryError::TransactionConflict)
        || error.message().starts_with("Transaction conflict:")
}

/// The open database.
#[derive(Debug)]
pub(super) struct Connection {
    location: Location,
    /// None while it is opened again.
    open: watch::Sender<Option<Surreal<Any>>>,
    suspect: AtomicBool,
    opening: Mutex<()>,
}

/// The number of the log that the engine writes to; none where the engine is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogNumber(Option<u64>);

impl Connection {
    pub(super) async fn open(location: &Location) -> Result<Self, StoreError> {
        let (open, _) = watch::channel(Some(location.open().await?));
        Ok(Self { location: location.clone(), open, suspect: AtomicBool::new(false), opening: Mutex::new(()) })
    }

    /// To read from.
    pub(super) async fn to_read(&self) -> Result<Surreal<Any>, StoreError> {
        let mut open = self.open.subscribe();
        let opened = timeout(READERS_WAIT, open.wait_for(Option::is_some)).await;
        opened.ok().and_then(Result::ok).and_then(|open| open.clone()).ok_or(StoreError::Opening)
    }

    /// To write to: opened again where it must be.
    pub(super) async fn to_write(&self) -> Result<Surreal<Any>, StoreError> {
        if self.suspect.load(Ordering::SeqCst) {
            self.open_again().await?;
        }
        self.to_read().await
    }

    /// The log before a commit, for [`Self::committed`].
    pub(super) fn log_number(&self) -> LogNumber {
        let Location::Folder(folder) = &self.location else { return LogNumber(None) };
        let files = std::fs::read_dir(folder.join("wal")).into_iter().flatten().flatten();
        let number = |file: std::fs::DirEntry| file.path().file_stem()?.to_str()?.parse().ok();
        LogNumber(files.filter_map(number).max())
    }

    /// Whether what was committed is on disk for good.
    pub(super) fn committed(&self, before: LogNumber) -> Result<(), StoreError> {
        if self.log_number() == before {
            return Ok(());
        }
        self.suspect.store(true, Ordering::SeqCst);
        Err(StoreError::NewLog)
    }

    /// What a commit's error means for what comes after it.
    pub(super) fn not_committed(&self, doing: &'static str) -> impl Fn(surrealdb::Error) -> StoreError {
        move |error| {
            // A server judges its own engine.
            if matches!(self.location, Location::Folder(_)) && !is_conflict(&error) {
                tracing::warn!(%error, "a commit failed; the database is opened again");
                self.suspect.store(true, Ordering::SeqCst);
            }
            failed(doing)(error)
        }
    }

    /// Closes it, which brings to disk what is in the engine's memory, and opens it.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        if matches!(self.location, Location::Folder(_)) {
            self.suspect.store(true, Ordering::SeqCst);
            self.open_again().await?;
        }
        Ok(())
    }

    async fn open_again(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.opening.lock().await;
        if !self.suspect.load(Ordering::SeqCst) {
            return Ok(());
        }
        let begun = tokio::time::Instant::now();
        // Its last handle closes it.
        drop(self.open.send_replace(None));
        let mut opened = self.location.open().await;
        for _ in 1..OPENINGS {
            if opened.is_ok() {
                break;
            }
            tokio::time::sleep(BETWEEN_OPENINGS).await;
            opened = self.location.open().await;
        }
        self.open.send_replace(Some(opened?));
        self.suspect.store(false, Ordering::SeqCst);
        tracing::info!(took = ?begun.elapsed(), "database opened again");
        Ok(())
    }
}
