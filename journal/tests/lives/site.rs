//! A journal's process with its queue, and what is in its database in the end.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench_figures::limit::{Limit, UNSHARE};
use bench_figures::payment::payment;
use eventing::algorithm::Algorithm;
use eventing::envelope::Trace;
use eventing::signing::EventFacts;
use eventing::types::Jti;
use eventing_process::testing::Program;
use journal::store::{EventStore as _, InTime, Location};
use serde_json::json;
use sidecar_ground::key::Key;
use sidecar_ground::sqs::State;
use sidecar_ground::{Ground, Names, Secrets, Sqs, signature_service};
use tempfile::TempDir;

/// How long anything may take: none of the tests waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// Messages that the journal may hold.
const IN_FLIGHT: usize = 200;
const NAMES: Names = Names {
    namespace: "release",
    service_account: "qsl-journal",
    inbox: "journal",
    bus: ("platform", "qsl-core"),
    source: "qsl.teller",
};

pub(crate) struct Site {
    pub(crate) sqs: Sqs,
    pub(crate) data: TempDir,
    ground: Ground,
    key: Arc<Key>,
    sent: u32,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = Arc::new(Key::generate("loans", Algorithm::MlDsa44).unwrap());
        let sign = signature_service::signing(Arc::clone(&key));
        let forward = json!({"maxInFlight": IN_FLIGHT});
        let ground = Ground::start(NAMES, Secrets::default(), &key, sign, &forward).await.unwrap();
        Self { sqs: ground.sqs.clone(), data: TempDir::new().unwrap(), ground, key, sent: 0 }
    }

    /// The program, or one that starts it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        self.ground.journal(program, self.data.path()).unwrap()
    }

    /// Starts it; it takes events as soon as it can.
    pub(crate) fn start(&self) -> Program {
        Program::start(self.command(program()).arg("run")).unwrap()
    }

    /// The same with the memory of the chart's limit. Only root may limit it.
    pub(crate) fn start_within(&self, limit: Option<&Limit>) -> Program {
        let Some(limit) = limit else { return self.start() };
        let mut command = limit.enter(self.command(Path::new(UNSHARE)));
        Program::start(command.arg(program()).arg("run")).unwrap()
    }

    /// Puts so many more events into the queue. The correlation of the nth is `c-n`.
    pub(crate) fn send(&mut self, count: u32) {
        let bodies: Vec<String> = (self.sent..self.sent + count).map(|nth| self.body(nth)).collect();
        self.sent += count;
        self.sqs.send_all(&bodies);
    }

    /// Puts an event into the queue that was there before.
    pub(crate) fn send_again(&self, nth: u32) {
        self.sqs.send_all(&[self.body(nth)]);
    }

    fn body(&self, nth: u32) -> String {
        let facts = EventFacts {
            source: &NAMES.source.parse().unwrap(),
            detail_type: &"Loan.Granted.v1".parse().unwrap(),
            resource: &format!("urn:qsl:teller:loan:l-{}", nth % 100).parse().unwrap(),
            trace: &Trace::new(format!("c-{nth}").parse().unwrap()),
            detail_core: &payment(nth, 2_048).to_string(),
        };
        let jti = Jti::parse(&format!("0d9c39a8-5b3e-4d0a-9c33-0000{nth:08x}")).unwrap();
        self.key.deliver(facts, jti).unwrap()
    }

    /// Waits until every message was deleted, or says what the program said.
    pub(crate) async fn drained(&self, program: &Program) {
        let emptied = tokio::time::timeout(PATIENCE, self.sqs.emptied()).await;
        assert!(emptied.is_ok(), "{:?} of {}: {}", self.sqs.state(), self.sent, program.said());
    }

    /// Waits until so many more messages were deleted than `before`.
    pub(crate) async fn acknowledged(&self, more: usize, before: usize, program: &Program) {
        let begun = Instant::now();
        while self.sqs.state().deleted <= before + more {
            assert!(begun.elapsed() < PATIENCE, "{:?}: {}", self.sqs.state(), program.said());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Nothing is received, although something waits.
    pub(crate) async fn receives_nothing(&self, program: &Program) {
        // What was asked for before is still answered.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let before = self.sqs.state();
        assert!(before.waiting > 0, "{before:?}: {}", program.said());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let State { waiting, deleted, held, dead_letters, .. } = self.sqs.state();
        assert_eq!((waiting, deleted, dead_letters), (before.waiting, before.deleted, 0), "{}", program.said());
        assert!(held <= IN_FLIGHT, "{held} are held");
    }

    /// Where its database is, unless a test has it elsewhere.
    pub(crate) fn location(&self) -> Location {
        Location::Folder(self.data.path().to_owned())
    }

    /// The number of the log that the engine in that folder writes to; none before it has one.
    pub(crate) fn newest_log(&self) -> Option<u64> {
        let number = |file: PathBuf| {
            let is_log = file.extension().is_some_and(|extension| extension == "log");
            is_log.then(|| file.file_stem()?.to_str()?.parse().ok()).flatten()
        };
        let files = fs::read_dir(self.data.path().join("rocksdb")).unwrap();
        files.filter_map(|file| number(file.unwrap().path())).max()
    }

    /// What is in the database, which nobody may have open: every event that was sent, once, and nothing was given up.
    pub(crate) async fn everything_is_there_once(&self, location: &Location) {
        let Census { sent, there, twice, dead_letters } = self.census(location).await;
        assert_eq!((there, twice, dead_letters), (sent, 0, 0), "of {sent} events: there, twice, dead letters");
    }

    /// What became of all events; positions have no gap.
    pub(crate) async fn census(&self, location: &Location) -> Census {
        let store = opened(location).await;
        let (mut stories, mut after, mut all) = (HashSet::new(), 0, 0);
        loop {
            let page = store.changes(after, 1_000).await.unwrap();
            let Some(last) = page.last() else { break };
            assert_eq!(last.position, after + page.len() as u64, "positions have no gap");
            after = last.position;
            all += page.len();
            stories.extend(page.into_iter().map(|entry| entry.correlation_id));
        }
        let there = (0..self.sent).filter(|nth| stories.contains(&format!("c-{nth}"))).count();
        let dead_letters = self.sqs.state().dead_letters;
        Census { sent: self.sent as usize, there, twice: all - there, dead_letters }
    }
}

/// Events in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Census {
    pub(crate) sent: usize,
    /// Of those that were sent.
    pub(crate) there: usize,
    /// Those that are there again, or were never sent.
    pub(crate) twice: usize,
    pub(crate) dead_letters: usize,
}

/// A process that was killed just now gives its lock back as it ends.
async fn opened(location: &Location) -> InTime {
    for _ in 0..200 {
        if let Ok(store) = InTime::open(location).await {
            return store;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    InTime::open(location).await.unwrap()
}

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_journal"))
}
