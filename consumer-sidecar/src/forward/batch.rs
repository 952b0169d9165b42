//! Events that are there at the same time, gathered for one request. Whoever comes first leads: he waits for as long as
//! the inbox says, or until there are enough, and hands all of them on; the others wait for his word. So nothing runs
//! that nobody waits for, and who is dropped leaves nothing behind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventing::config::BatchConfig;
use eventing::consumer::{Delivery, HandlerAnswer};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// The most bytes of bodies in one request, if it has more than one event.
const BYTES: usize = 4 * 1024 * 1024;

/// One event of a request.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) delivery: Delivery,
    /// Who waits for the answer; the leader does not.
    pub(super) answer: Option<oneshot::Sender<HandlerAnswer>>,
}

/// What came of joining.
#[derive(Debug)]
pub(super) enum Joined {
    /// These are to be handed on, and answered, by who joined.
    Leads(Vec<Member>),
    /// Somebody else did.
    Answered(HandlerAnswer),
}

/// What all events of a request have in common: the path they go to, and whether they are replayed, which a handler must
/// be able to tell of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    path: String,
    is_replay: bool,
}

/// The requests that are being gathered.
#[derive(Debug, Default)]
pub(super) struct Batches(Mutex<Gathering>);

#[derive(Debug, Default)]
struct Gathering {
    /// By what their events have in common.
    open: HashMap<Kind, Open>,
    /// How many there have been: what one is known by.
    made: u64,
}

#[derive(Debug)]
struct Open {
    number: u64,
    members: Vec<Member>,
    bytes: usize,
    /// Tells the leader that it is complete.
    complete: oneshot::Sender<Vec<Member>>,
}

impl Open {
    fn complete(self) {
        // A leader that is gone took his request out, so he is there.
        let _ = self.complete.send(self.members);
    }
}

/// What a delivery is in the request it joined.
enum Role {
    Leader(u64, oneshot::Receiver<Vec<Member>>),
    Follower(oneshot::Receiver<HandlerAnswer>),
}

impl Batches {
    /// Joins the request that is open at a path, or opens one.
    pub(super) async fn join(&self, path: &str, delivery: Delivery, config: &BatchConfig) -> Joined {
        let kind = Kind { path: path.to_owned(), is_replay: delivery.event.is_replay() };
        let (number, mut complete) = match self.enter(&kind, delivery, config.max_events as usize) {
            // Without a leader, who was dropped then, it was not handed on.
            Role::Follower(answer) => return Joined::Answered(answer.await.unwrap_or(HandlerAnswer::Unreachable)),
            Role::Leader(number, complete) => (number, complete),
        };
        let leader = Leader { batches: self, kind: &kind, number };
        let members = tokio::select! {
            biased;
            members = &mut complete => members.ok(),
            () = sleep(Duration::from_millis(config.max_wait_milliseconds.into())) => leader.take(),
        };
        match members {
            Some(members) => Joined::Leads(members),
            // It was completed at the same moment.
            None => Joined::Leads(complete.await.unwrap_or_default()),
        }
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, kind: &Kind, delivery: Delivery, most: usize) -> Role {
        let bytes = delivery.body.len();
        let mut gathering = self.gathering();
        if gathering.open.get(kind).is_some_and(|batch| batch.bytes + bytes > BYTES) {
            gathering.complete(kind);
        }
        let Some(batch) = gathering.open.get_mut(kind) else { return gathering.open(kind, delivery) };
        let (answer, answered) = oneshot::channel();
        batch.members.push(Member { delivery, answer: Some(answer) });
        batch.bytes += bytes;
        if batch.members.len() >= most {
            gathering.complete(kind);
        }
        Role::Follower(answered)
    }
}

impl Gathering {
    fn open(&mut self, kind: &Kind, delivery: Delivery) -> Role {
        let (complete, completed) = oneshot::channel();
        self.made += 1;
        let (number, bytes) = (self.made, delivery.body.len());
        let batch = Open { number, bytes, members: vec![Member { delivery, answer: None }], complete };
        self.open.insert(kind.clone(), batch);
        Role::Leader(number, completed)
    }

    fn complete(&mut self, kind: &Kind) {
        if let Some(batch) = self.open.remove(kind) {
            batch.complete();
        }
    }
}

/// A leader's hold on his request: whichever way he leaves, it does not stay open behind him.
struct Leader<'b> {
    batches: &'b Batches,
    kind: &'b Kind,
    number: u64,
}

impl Leader<'_> {
    /// What there is, if it is open still; to others it is not any more.
    fn take(&self) -> Option<Vec<Member>> {
        let mut gathering = self.batches.gathering();
        let is_own = gathering.open.get(self.kind).is_some_and(|batch| batch.number == self.number);
        is_own.then(|| gathering.open.remove(self.kind).map(|batch| batch.members)).flatten()
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
