//! A database of its own: SurrealDB's server, which is killed, stopped and started again.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use eventing_process::testing::Program;
use journal::store::{Location, Remote};
use surrealdb::engine::any::connect;
use surrealdb::opt::auth::Root;
use tempfile::TempDir;
use test_cluster::cache;

use crate::site::{PATIENCE, Site, program};

const ADMIN: &str = "admin";
/// How long the journal waits for an answer here.
const TIMEOUT: u64 = 3;

/// What it says then.
const STOPPED: &str = "nothing more is received";
const REFUSED: &str = "failed to sign in";

fn count(said: &str, what: &str) -> usize {
    said.matches(what).count()
}

/// A server that can be away; what it keeps stays.
pub(crate) struct Database {
    running: Option<Program>,
    address: SocketAddr,
    folder: TempDir,
}

impl Database {
    /// Starts one, with the user of the journal.
    pub(crate) async fn new() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut database = Self { running: None, address, folder: TempDir::new().unwrap() };
        database.start();
        database.has_password("a password").await;
        database
    }

    /// Starts it on what it kept.
    pub(crate) fn start(&mut self) {
        let program = cache::surrealdb_program(&cache::surrealdb().unwrap());
        assert!(program.exists(), "this test needs SurrealDB's server: cargo xtask tools");
        let mut command = Command::new(program);
        command.args(["start", "--no-banner", "--username", ADMIN, "--password", ADMIN, "--bind"]);
        command.arg(self.address.to_string());
        command.arg(format!("surrealkv://{}?sync=every", self.folder.path().join("data").display()));
        command.env_clear().env("SURREAL_ONLINE_VERSION_CHECK", "false");
        self.running = Some(Program::start(&mut command).unwrap());
    }

    /// Kills it with no warning.
    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    /// Stops it where it stands.
    pub(crate) fn pause(&self) {
        self.running.as_ref().unwrap().pause().unwrap();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.running.as_ref().unwrap().resume().unwrap();
    }

    /// Changes the password of the journal's user, there alone.
    async fn has_password(&self, password: &str) {
        let begun = std::time::Instant::now();
        let db = loop {
            match connect(self.url()).await {
                Ok(db) => break db,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        db.signin(Root { username: ADMIN.to_owned(), password: ADMIN.to_owned() }).await.unwrap();
        // As the runbook has it.
        let user = format!("DEFINE USER OVERWRITE journal ON DATABASE PASSWORD '{password}' ROLES EDITOR");
        let query =
            "DEFINE NAMESPACE IF NOT EXISTS qsl; USE NS qsl; DEFINE DATABASE IF NOT EXISTS journal; USE DB journal";
        db.query(query).query(user).await.unwrap().check().unwrap();
    }

    fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// A journal that knows this password.
    pub(crate) fn journal(&self, site: &Site, password: &str) -> Program {
        let mut command = site.command(program());
        command
            .arg("run")
            .env("QSL_DATABASE_URL", self.url())
            .env("QSL_DATABASE_USER", "journal")
            .env("QSL_DATABASE_PASSWORD_FILE", self.knows(password))
            .env("QSL_DATABASE_TIMEOUT_SECONDS", TIMEOUT.to_string());
        Program::start(&mut command).unwrap()
    }

    /// The file of the password that the journal is told.
    fn knows(&self, password: &str) -> std::path::PathBuf {
        let file = self.folder.path().join("password");
        fs::write(&file, password).unwrap();
        file
    }

    pub(crate) fn location(&self) -> Location {
        Location::Remote(Remote {
            url: self.url(),
            user: "journal".to_owned(),
            password_file: self.folder.path().join("password"),
            patience: PATIENCE,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_its_server_is_away_receiving_stops_and_goes_on_when_it_is_back_with_nothing_lost_or_doubled() {
    let (mut site, mut database) = (Site::new().await, Database::new().await);
    let journal = database.journal(&site, "a password");
    site.send(300);
    site.drained(&journal).await;
    for _ in 0..2 {
        let before = site.sqs.state().deleted;
        site.send(1_500);
        site.acknowledged(200, before, &journal).await;
        let before = count(&journal.said(), STOPPED);
        database.kill();
        journal.until(PATIENCE, |said| (count(said, STOPPED) > before).then_some(())).unwrap();
        site.receives_nothing(&journal).await;
        database.start();
    }
    site.drained(&journal).await;
    drop(journal);
    site.everything_is_there_once(&database.location()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_not_waited_for_and_each_event_is_there_once_when_it_goes_on() {
    let (mut site, database) = (Site::new().await, Database::new().await);
    let journal = database.journal(&site, "a password");
    site.send(1_500);
    site.acknowledged(200, 0, &journal).await;
    database.pause();
    journal.until(PATIENCE, |said| said.contains("did not answer within").then_some(())).unwrap();
    site.receives_nothing(&journal).await;
    database.resume();
    site.drained(&journal).await;
    drop(journal);
    site.everything_is_there_once(&database.location()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_sign_in_says_so_and_goes_on_with_the_password_that_is_right() {
    let (mut site, mut database) = (Site::new().await, Database::new().await);
    let journal = database.journal(&site, "another");
    site.send(10);
    journal.until(PATIENCE, |said| said.contains(REFUSED).then_some(())).unwrap();
    assert_eq!(site.sqs.state().deleted, 0);
    database.knows("a password");
    site.drained(&journal).await;
    // Changed while the journal runs: who was signed in is asked again after the next outage.
    database.has_password("a new one").await;
    database.kill();
    database.start();
    site.send(10);
    let before = count(&journal.said(), REFUSED);
    journal.until(PATIENCE, |said| (count(said, REFUSED) > before).then_some(())).unwrap();
    database.knows("a new one");
    site.drained(&journal).await;
    drop(journal);
    site.everything_is_there_once(&database.location()).await;
}
