//! What of a bus is not as it should be.

use super::{Action, Desired, Observed, archives, dashboard};
use crate::alarm;
use crate::arn::QueueArn;
use crate::claim::{self, Taken};
use crate::difference::Difference;
use crate::names::KmsKeyId;
use crate::ports::BusSettings;
use crate::role;

/// What of the things that are there is taken in this pass.
pub fn taken(desired: &Desired, observed: &Observed) -> Vec<Taken> {
    let Desired { installation, owner, claim, bus_name, .. } = desired;
    let bus = observed.bus.iter().map(|bus| (format!("bus {bus_name}"), &bus.tags));
    let roles = observed.roles.iter().map(|(name, role)| (format!("role {name}"), &role.facts.tags));
    let alarms = observed.alarms.iter().map(|(name, alarm)| (format!("alarm {name}"), &alarm.tags));
    claim::taken(*claim, installation, owner, bus.chain(roles).chain(alarms))
}

/// What the actions that are planned put right.
pub fn differences(observed: &Observed, actions: &[Action]) -> Vec<Difference> {
    let found_tags = observed.bus.as_ref().map(|bus| bus.tags.clone()).unwrap_or_default();
    let one = |difference| vec![difference];
    actions
        .iter()
        .flat_map(|action| match action {
            Action::CreateBus(bus) => one(Difference::missing(format!("bus {}", bus.name))),
            Action::Change(name, wanted) => {
                let found = observed.bus.as_ref().map(|bus| bus.settings.clone()).unwrap_or_default();
                settings(&format!("bus {name}"), found, wanted)
            }
            Action::SetPolicy(name, _) => one(Difference::document(format!("bus {name}"), "policy")),
            Action::Tag(arn, tags) => Difference::tags_put(arn, tags, &found_tags),
            Action::Untag(arn, keys) => Difference::tags_taken(arn, keys, &found_tags),
            Action::Role(action) => role::differences(observed.roles.get(action.name()), action),
            Action::Archive(action) => archives::differences(&observed.archives, action),
            Action::Alarm(action) => alarm::differences(&observed.alarms, action),
            Action::SharedAlarm(action) => alarm::differences(&observed.shared_alarms, action),
            Action::Dashboard(action) => one(dashboard::difference(observed.dashboard.as_ref(), action)),
            Action::DeleteRule(bus, rule, _) => one(Difference::superfluous(format!("rule {rule} of bus {bus}"))),
            Action::DeleteBus(name) => one(Difference::superfluous(format!("bus {name}"))),
        })
        .collect()
}

/// What of a bus's settings is other than wanted.
fn settings(bus: &str, found: BusSettings, wanted: &BusSettings) -> Vec<Difference> {
    let BusSettings { description, kms_key, dead_letter } = found;
    let mut differences = Vec::new();
    if description != wanted.description {
        differences.push(Difference::field(bus, "description", description, &wanted.description));
    }
    if kms_key != wanted.kms_key {
        let text = |key: Option<&KmsKeyId>| key.map(ToString::to_string);
        differences.push(Difference::optional(bus, "KMS key", text(kms_key.as_ref()), text(wanted.kms_key.as_ref())));
    }
    if dead_letter != wanted.dead_letter {
        let text = |queue: Option<&QueueArn>| queue.map(ToString::to_string);
        let (found, wanted) = (text(dead_letter.as_ref()), text(wanted.dead_letter.as_ref()));
        differences.push(Difference::optional(bus, "dead-letter queue", found, wanted));
    }
    differences
}
