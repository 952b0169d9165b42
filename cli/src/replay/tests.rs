//! Replays over a journal, a signature service and inboxes in memory: what is sent, what is not, and how one is resumed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod ends;
mod fake;
mod resumes;
mod sends;

use std::cell::Cell;
use std::collections::BTreeMap;

use eventing::time::Millis;
use eventing::types::BusId;
use serde_json::json;

use super::judge::Inbox;
use super::ports::{Book, NoBook, Record};
use super::progress::{Progress, Tally};
use super::routes::{Routes, feeds};
use super::run::{Outcome, Run};
use super::selection::Selection;
use crate::failure::Failure;
use crate::resend::fake::{FakeGrants, FakeInbox};
use crate::resend::samples::Site;
use fake::FakeJournal;

/// Everything of a bus at whichever time, to whom the rules say.
pub(super) fn selection() -> Selection {
    Selection {
        bus: BusId::new("city", "trams").unwrap(),
        from: Millis(0),
        to: Millis(i64::MAX / 2_000),
        detail_types: [].into(),
        sources: [].into(),
        to_inboxes: [].into(),
        group: None,
    }
}

/// Runs on a current-thread runtime, as the program does.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

const INBOX: &str = "depot/arrivals";

/// A journal, and one inbox that a rule feeds.
struct Ground {
    site: Site,
    journal: FakeJournal,
    inboxes: BTreeMap<String, Inbox<FakeInbox>>,
    routes: Routes,
    /// At which turn somebody interrupts.
    interrupted_at: Option<usize>,
}

/// How a run went.
struct Went {
    ended: Result<(), Failure>,
    outcomes: Vec<(String, Outcome)>,
}

impl Ground {
    fn new() -> Self {
        Self::with(FakeInbox::default(), &[], None)
    }

    /// The inbox, and what is said of it: those that are named, and a message group for what has none.
    fn with(queue: FakeInbox, named: &[&str], group: Option<&str>) -> Self {
        let site = Site::now();
        let fifo = queue.is_fifo();
        let target = json!({"inboxRef": {"name": "arrivals", "namespace": "depot"},
            "messageGroupId": fifo.then_some("line")});
        let rule = json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventRule",
            "metadata": {"name": "lines", "namespace": "city"},
            "spec": {"busRef": {"name": "trams"}, "eventPattern": {"detail": {"detailCore": {"stop": [{"prefix": "h"}]}}},
                     "targets": [target]},
            "status": {"targetQueueArns": [site.inbox]}});
        let feeds = feeds(&[serde_json::from_value(rule).unwrap()], &Site::bus()).unwrap();
        let queues = [(INBOX.to_owned(), site.inbox.to_string())].into();
        let named = named.iter().map(|name| (*name).to_owned()).collect();
        let routes = Routes::new(feeds, &queues, named, group.map(str::to_owned));
        let inbox = Inbox { id: INBOX.to_owned(), fifo, ring: site.ring(), policy: site.policy(), queue };
        let inboxes = [(INBOX.to_owned(), inbox)].into();
        Self { site, journal: FakeJournal::default(), inboxes, routes, interrupted_at: None }
    }

    fn queue(&self) -> &FakeInbox {
        &self.inboxes[INBOX].queue
    }

    /// The journal recorded so many events, each of a tram that left another stop, an hour ago.
    fn record(&self, count: usize) {
        let then = self.site.now.plus_millis(-1_800_000);
        for at in 0..count {
            let body = self.site.event_at(then, &format!("harbour-{at}"));
            self.journal.record(&format!("key-{at}"), then, &body);
        }
    }

    /// Goes on from this progress.
    fn go(&self, progress: &mut Progress, book: &mut impl Book, grants: Option<&FakeGrants<'_>>) -> Went {
        let (turns, mut outcomes) = (Cell::new(0), Vec::new());
        let ended = run(async {
            let (stop, stopped) = tokio::sync::oneshot::channel();
            let mut stop = Some(stop);
            let mut turn = async || {
                turns.set(turns.get() + 1);
                if Some(turns.get()) == self.interrupted_at {
                    stop.take().unwrap().send(()).unwrap();
                }
            };
            let interrupted = async {
                // Whoever holds the other end is still there: an answer is an interruption.
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let mut told = |record: &Record, inbox: &str, outcome: &Outcome| {
                outcomes.push((format!("{} {inbox}", record.event_key), outcome.clone()));
                Ok(())
            };
            let (journal, routes, inboxes) = (&self.journal, &self.routes, &self.inboxes);
            let mut run = Run { journal, routes, inboxes, grants, book, progress };
            run.go(&mut turn, interrupted, &mut told).await
        });
        Went { ended, outcomes }
    }

    /// One that nobody interrupts, of everything there is.
    fn replay(&self, grants: &FakeGrants<'_>) -> (Went, Tally) {
        let mut progress = Progress::new(selection());
        let went = self.go(&mut progress, &mut NoBook, Some(grants));
        (went, progress.tally)
    }
}

impl Went {
    /// Why it ended early.
    fn why(&self) -> String {
        self.ended.as_ref().unwrap_err().to_string()
    }

    /// The code for which the only event is not sent.
    fn left(&self) -> &str {
        match &self.outcomes[..] {
            [(_, Outcome::Left(leaving))] => &leaving.code,
            other => panic!("{other:?}"),
        }
    }
}
