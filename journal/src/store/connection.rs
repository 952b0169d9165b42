//! The open database, and how it is opened again.
//!
//! After a commit that the embedded engine could not bring to disk, the engine is not trusted. Half a record may stand at
//! the end of its log, and at the next start everything behind that would be gone; an event may be in its memory and not
//! on disk, and would look like a copy. What is on disk is known by reading it, so the database is closed and opened
//! before anything else is written.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use surrealdb::Surreal;
use surrealdb::engine::any::{Any, connect};
use surrealdb::opt::auth;
use surrealdb::types::QueryError;
use tokio::sync::Mutex;

use super::StoreError;
use super::schema::migrate;

const NAMESPACE: &str = "qsl";
const DATABASE: &str = "journal";
/// An engine that was dropped gives its files back in the background, when its last reader has ended.
const OPENINGS: u32 = 50;
const BETWEEN_OPENINGS: Duration = Duration::from_millis(100);

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

/// Whether another transaction wrote the same at the same time: nothing was written, and it may be done again.
pub(super) fn is_conflict(error: &surrealdb::Error) -> bool {
    error.query_details() == Some(&QueryError::TransactionConflict)
}

/// The open database.
#[derive(Debug)]
pub(super) struct Connection {
    location: Location,
    /// None while it is opened again.
    open: RwLock<Option<Surreal<Any>>>,
    suspect: AtomicBool,
    opening: Mutex<()>,
}

impl Connection {
    pub(super) async fn open(location: &Location) -> Result<Self, StoreError> {
        let open = RwLock::new(Some(location.open().await?));
        Ok(Self { location: location.clone(), open, suspect: AtomicBool::new(false), opening: Mutex::new(()) })
    }

    /// To read from.
    pub(super) fn to_read(&self) -> Result<Surreal<Any>, StoreError> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Opening)
    }

    /// To write to: opened again where it must be.
    pub(super) async fn to_write(&self) -> Result<Surreal<Any>, StoreError> {
        if self.suspect.load(Ordering::SeqCst) {
            self.open_again().await?;
        }
        self.to_read()
    }

    /// What a commit's error means for what comes after it.
    pub(super) fn not_committed(&self, doing: &'static str) -> impl Fn(surrealdb::Error) -> StoreError {
        move |error| {
            // A server judges its own engine.
            if matches!(self.location, Location::Folder(_)) && !is_conflict(&error) {
                self.suspect.store(true, Ordering::SeqCst);
            }
            failed(doing)(error)
        }
    }

    async fn open_again(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.opening.lock().await;
        if !self.suspect.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.replace(None);
        let mut opened = self.location.open().await;
        for _ in 1..OPENINGS {
            if opened.is_ok() {
                break;
            }
            tokio::time::sleep(BETWEEN_OPENINGS).await;
            opened = self.location.open().await;
        }
        self.replace(Some(opened?));
        self.suspect.store(false, Ordering::SeqCst);
        tracing::warn!("database opened again after a commit that failed");
        Ok(())
    }

    fn replace(&self, with: Option<Surreal<Any>>) {
        let old = std::mem::replace(&mut *self.open.write().unwrap_or_else(PoisonError::into_inner), with);
        // Its last handle closes it.
        drop(old);
    }
}
