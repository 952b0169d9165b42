//! The open database, and how it is opened and opened again.
//!
//! After a commit that failed the embedded engine is opened again before anything else is written: only what it reads from
//! its disk then is sure to be there. Readers wait meanwhile.
//!
//! A SurrealDB of its own is connected to anew after a write that failed, and where it did not answer in time: what hangs
//! is not waited for, and who was signed in may not be any more.

mod embedded;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// `ws://` or `wss://`, with host and port.
    pub url: String,
    /// A user of the database `journal` in the namespace `qsl`.
    pub user: String,
    /// The file of the user's password: another one may be in it tomorrow.
    pub password_file: PathBuf,
    /// How long its answers are waited for.
    pub patience: Duration,
}

impl Remote {
    fn password(&self) -> Result<String, StoreError> {
        let unreadable = |source| StoreError::Password { path: self.password_file.clone(), source };
        let password = std::fs::read_to_string(&self.password_file).map_err(unreadable)?;
        Ok(password.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Location {
    fn address(&self) -> String {
        match self {
            Self::Folder(folder) => embedded::address(folder),
            Self::Remote(remote) => remote.url.clone(),
            Self::Memory => "mem://".to_owned(),
        }
    }

    /// Opens it, ready to be written to; `again` after it was dropped.
    async fn open(&self, again: bool) -> Result<Surreal<Any>, StoreError> {
        match self {
            Self::Folder(folder) => embedded::open(self, folder, again).await,
            Self::Remote(_) | Self::Memory => self.open_once().await,
        }
    }

    /// The way to it in time; bringing its tables to this version may take as long as it takes.
    async fn open_once(&self) -> Result<Surreal<Any>, StoreError> {
        let db = match self {
            Self::Remote(Remote { patience, .. }) => {
                let silent = |_| StoreError::Silent { patience: *patience };
                timeout(*patience, self.connect()).await.map_err(silent)??
            }
            Self::Folder(_) | Self::Memory => self.connect().await?,
        };
        migrate(&db).await?;
        Ok(db)
    }

    async fn connect(&self) -> Result<Surreal<Any>, StoreError> {
        let db = connect(self.address()).await.map_err(failed("open"))?;
        if let Self::Remote(remote) = self {
            let credentials = auth::Database {
                namespace: NAMESPACE.to_owned(),
                database: DATABASE.to_owned(),
                username: remote.user.clone(),
                password: remote.password()?,
            };
            db.signin(credentials).await.map_err(failed("sign in"))?;
        }
        select(&db).await?;
        Ok(db)
    }
}

async fn select(db: &Surreal<Any>) -> Result<(), StoreError> {
    db.use_ns(NAMESPACE).use_db(DATABASE).await.map(drop).map_err(failed("open"))
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
    /// How often it was opened.
    openings: AtomicU64,
}

impl Connection {
    pub(super) async fn open(location: &Location) -> Result<Self, StoreError> {
        let (open, _) = watch::channel(Some(location.open(false).await?));
        Ok(Self {
            location: location.clone(),
            open,
            suspect: AtomicBool::new(false),
            opening: Mutex::new(()),
            openings: AtomicU64::new(1),
        })
    }

    /// Does something that asks the database, as long as its answer is waited for: that of the embedded engine for ever,
    /// since what it was told to do is done sometime.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let Location::Remote(Remote { patience, .. }) = &self.location else { return work.await };
        let asked = self.openings.load(Ordering::SeqCst);
        if let Ok(done) = timeout(*patience, work).await {
            return done;
        }
        // Of many that waited, one is enough to have it connected to anew.
        if asked == self.openings.load(Ordering::SeqCst) {
            self.suspect.store(true, Ordering::SeqCst);
        }
        Err(StoreError::Silent { patience: *patience })
    }

    /// To read from.
    pub(super) async fn to_read(&self) -> Result<Surreal<Any>, StoreError> {
        // Whoever writes opens the embedded engine again, and does so at once.
        if matches!(self.location, Location::Remote(_)) && self.suspect.load(Ordering::SeqCst) {
            self.open_again().await?;
        }
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

    /// What a commit's error means for what comes after it.
    pub(super) fn not_committed(&self, doing: &'static str) -> impl Fn(surrealdb::Error) -> StoreError {
        move |error| {
            if !matches!(self.location, Location::Memory) && !is_conflict(&error) {
                tracing::warn!(%error, "a commit failed; the database is opened again");
                self.suspect.store(true, Ordering::SeqCst);
            }
            StoreError::Commit { doing, source: Box::new(error) }
        }
    }

    async fn open_again(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.opening.lock().await;
        if !self.suspect.load(Ordering::SeqCst) {
            return Ok(());
        }
        let begun = tokio::time::Instant::now();
        // Its last handle closes it.
        drop(self.open.send_replace(None));
        self.open.send_replace(Some(self.location.open(true).await?));
        self.openings.fetch_add(1, Ordering::SeqCst);
        self.suspect.store(false, Ordering::SeqCst);
        tracing::info!(took = ?begun.elapsed(), "database opened again");
        Ok(())
    }
}
