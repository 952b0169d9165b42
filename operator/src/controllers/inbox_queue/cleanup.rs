//! The way out of an inbox: its rules leave it, its policies close, it is counted twice, then it goes.

use std::{sync::Arc, time::Duration};

use crds::{DeletionPolicy, InboxQueue, conditions::reason};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use operator_core::{
    deletion::DeletionStep,
    inbox::{self, Deletion},
    names::InboxQueueName,
    owner::Kind,
};

use super::subscriptions;
use crate::{
    controllers::world::{STEPS, World, cleanup_of, is_forced, owner},
    runner::{Cleanup, Failure, Wait},
};

/// Takes the queues away, or says what is in the way.
pub(super) async fn cleanup(world: &World, client: &Client, object: &InboxQueue) -> Result<Cleanup, Failure> {
    if object.spec.deletion_policy == DeletionPolicy::Delete {
        // Sooner than the garbage collector, which waits until the inbox itself is gone.
        subscriptions::unsubscribe_all(&world.hub, client, object).await?;
    }
    // A name that never was one has no queue.
    let Ok(queue_name) = InboxQueueName::of(&object.spec.queue_name, object.spec.fifo) else {
        return Ok(Cleanup::Done);
    };
    let retain = object.spec.deletion_policy == DeletionPolicy::Retain;
    let installation = Arc::clone(&world.installation);
    let owner = owner(Kind::InboxQueue, object);
    let deletion = Deletion { installation, owner, queue_name, force: is_forced(object) };
    for _ in 0..STEPS {
        let observed = inbox::observe_deletion(&world.fresh, &deletion).await?;
        let step = if retain {
            inbox::plan_release(&deletion, &observed)
        } else {
            inbox::plan_deletion(&deletion, &observed, Timestamp::now())
        };
        if let Some(cleanup) = cleanup_of(&step) {
            return Ok(cleanup);
        }
        if let DeletionStep::Act(actions) = step {
            inbox::apply_deletion(&world.fresh, &deletion, &actions).await?;
        }
    }
    Ok(Cleanup::Waiting(Wait::time(reason::DELETING, "AWS still shows the queues", Duration::from_secs(5))))
}
