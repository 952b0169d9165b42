//! What of an inbox is not as it should be.

use super::{Action, Desired, Observed, Part};
use crate::alarm;
use crate::claim::{self, Taken};
use crate::difference::Difference;
use crate::ports::QueueUrl;
use crate::role;

/// What of the things that are there is taken in this pass.
pub fn taken(desired: &Desired, observed: &Observed) -> Vec<Taken> {
    let Desired { installation, owner, claim, .. } = desired;
    let queues = observed.queues.values().map(|queue| (name(&queue.url), &queue.tags));
    let roles = observed.roles.values().map(|role| (format!("role {}", role.facts.arn), &role.facts.tags));
    let alarms = observed.alarms.iter().map(|(name, alarm)| (format!("alarm {name}"), &alarm.tags));
    claim::taken(*claim, installation, owner, queues.chain(roles).chain(alarms))
}

/// What the actions that are planned put right.
pub fn differences(observed: &Observed, actions: &[Action]) -> Vec<Difference> {
    let tags = |part: &Part| observed.queues.get(part).map(|queue| queue.tags.clone()).unwrap_or_default();
    actions
        .iter()
        .flat_map(|action| match action {
            Action::CreateQueue(_, queue) => vec![Difference::missing(format!("queue {}", queue.name))],
            Action::Change(part, url, change) => {
                let found = observed.queues.get(part).map(|queue| &queue.facts.attributes);
                found.map(|found| change.differences(&name(url), found)).unwrap_or_default()
            }
            Action::Tag(part, url, put) => Difference::tags_put(name(url), put, &tags(part)),
            Action::Untag(part, url, keys) => Difference::tags_taken(name(url), keys, &tags(part)),
            Action::DeleteQueue(_, url) => vec![Difference::superfluous(name(url))],
            Action::Role(action) => role::differences(observed.roles.get(action.name()), action),
            Action::Alarm(action) => alarm::differences(&observed.alarms, action),
        })
        .collect()
}

/// A queue's name is the end of its address.
fn name(url: &QueueUrl) -> String {
    format!("queue {}", url.0.rsplit('/').next().unwrap_or_default())
}
