//! Whether a SigningKey may go: not while an inbox that its bus feeds holds messages. They verify without it, as its
//! public keys stay; but whoever deletes a key that is in use should know.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crds::{SigningKey, conditions::reason, names::FORCE_DELETE};
use kube::ResourceExt;
use operator_core::{inbox, names::InboxQueueName, owner::Kind, ports::Counts};

use crate::{
    controllers::world::{World, full_name, owner},
    publication::feeding,
    runner::{Blocked, Cleanup, Failure, Wait},
};

/// How often the inboxes are counted while they hold messages: those go in AWS, where nothing wakes us.
const BLOCKED_AGAIN: Duration = Duration::from_secs(30);

/// The longest time between the two counts; SQS's are approximate.
const RECOUNT_AFTER: Duration = Duration::from_secs(10);

/// Since when the inboxes of a key's bus are found empty, by the key's uid. It is not kept: a restart counts anew.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<HashMap<String, Instant>>);

impl Counted {
    /// Notes a count, and says how long it is until the next one decides; nothing where this one does.
    fn note(&self, object: &SigningKey, is_empty: bool, again: Duration, now: Instant) -> Option<Duration> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = object.uid().unwrap_or_default();
        if !is_empty {
            since.remove(&uid);
            return None;
        }
        let first = *since.entry(uid).or_insert(now);
        again.checked_sub(now.duration_since(first)).filter(|left| !left.is_zero())
    }

    /// The object is gone.
    pub(super) fn forget(&self, object: &SigningKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&object.uid().unwrap_or_default());
    }
}

/// What keeps the object from going, if anything.
pub(super) async fn look(world: &World, counted: &Counted, object: &SigningKey) -> Result<Option<Cleanup>, Failure> {
    let holding = holding(world, object).await?;
    let again = RECOUNT_AFTER.min(world.installation.settle);
    match (holding.is_empty(), counted.note(object, holding.is_empty(), again, Instant::now())) {
        (false, _) => {
            let bus = &object.spec.bus_ref.name;
            let message = format!(
                "EventBus {bus} feeds inboxes that hold messages: {}; let them be handled, or annotate the object {FORCE_DELETE}=true to delete it all the same",
                holding.join("; ")
            );
            Ok(Some(Cleanup::Blocked(Blocked { reason: reason::MESSAGES_LEFT, message, again: BLOCKED_AGAIN })))
        }
        (true, Some(left)) => {
            let message = "the inboxes that its bus feeds are empty; they are counted once more".to_owned();
            Ok(Some(Cleanup::Waiting(Wait::time(reason::DELETING, message, left))))
        }
        (true, None) => Ok(None),
    }
}

/// Each inbox of the bus that holds messages, and how many.
async fn holding(world: &World, object: &SigningKey) -> Result<Vec<String>, Failure> {
    let Ok(line) = super::line(object) else { return Ok(Vec::new()) };
    let mut holding = Vec::new();
    for fed in feeding::inboxes_of(&world.hub, line.bus()) {
        // One whose name cannot be has no queue.
        let Ok(name) = InboxQueueName::of(&fed.spec.queue_name, fed.spec.fifo) else { continue };
        let owner = owner(Kind::InboxQueue, fed.as_ref());
        let held = inbox::holding(&world.aws, &world.installation, &owner, &name).await?;
        for (queue, Counts { visible, in_flight, delayed }) in held {
            let inbox = full_name(fed.as_ref());
            holding.push(format!(
                "InboxQueue {inbox} (queue {queue}) has {visible} waiting, {in_flight} in flight, {delayed} delayed"
            ));
        }
    }
    Ok(holding)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controllers::tests::object;

    #[test]
    fn empty_twice_is_empty_and_a_message_in_between_starts_anew() {
        let key: SigningKey = object("SigningKey", "a", "stock", &json!({"busRef": {"name": "b"}, "sources": ["*"]}));
        let (counted, again) = (Counted::default(), Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(counted.note(&key, true, again, at(0)), Some(again));
        assert_eq!(counted.note(&key, false, again, at(5)), None);
        assert_eq!(counted.note(&key, true, again, at(11)), Some(again));
        assert_eq!(counted.note(&key, true, again, at(15)), Some(Duration::from_secs(6)));
        assert_eq!(counted.note(&key, true, again, at(21)), None);
        counted.forget(&key);
        assert_eq!(counted.note(&key, true, again, at(22)), Some(again));
    }
}
