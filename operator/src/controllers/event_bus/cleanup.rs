//! The way out of a bus: not while EventRules are attached, nor while the bus has rules in AWS.

use std::sync::Arc;

use crds::{DeletionPolicy, EventBus, conditions::reason};
use operator_core::{
    bus::{self, Deletion, SharedAlarm},
    deletion::DeletionStep,
    names::BusName,
    owner::Kind,
};

use super::dereference::{is_on, shared_alarm};
use crate::{
    controllers::world::{STEPS, World, blocked_by_rules, cleanup_of, full_name, is_forced, owner},
    runner::{Cleanup, Failure, Wait},
};

/// Takes the bus away, or says what is in the way.
pub(super) async fn cleanup(world: &World, object: &EventBus) -> Result<Cleanup, Failure> {
    let force = is_forced(object);
    if !force && let Some(attached) = attached(world, object) {
        return Ok(attached);
    }
    // A name that never was one has no bus.
    let Ok(bus_name) = BusName::parse(object.spec.bus_name.as_str()) else { return Ok(Cleanup::Done) };
    let retain = object.spec.deletion_policy == DeletionPolicy::Retain;
    let installation = Arc::clone(&world.installation);
    let buses = world.hub.buses.store().state();
    let last_with_alarms = !retain && shared_alarm(&buses, &world.tenancy, object) == SharedAlarm::Unwanted;
    let deletion = Deletion { installation, owner: owner(Kind::EventBus, object), bus_name, force, last_with_alarms };
    for _ in 0..STEPS {
        let observed = bus::observe_deletion(&world.fresh, &deletion).await?;
        let step =
            if retain { bus::plan_release(&deletion, &observed) } else { bus::plan_deletion(&deletion, &observed) };
        if let Some(cleanup) = cleanup_of(&step) {
            return Ok(cleanup);
        }
        if let DeletionStep::Act(actions) = step {
            bus::apply_deletion(&world.fresh, &deletion, &actions).await?;
        }
    }
    Ok(Cleanup::Waiting(Wait::time(reason::DELETING, "AWS still shows the bus", std::time::Duration::from_secs(5))))
}

/// EventRules on this bus: those that stay block, those that go are waited for (their going wakes us).
fn attached(world: &World, object: &EventBus) -> Option<Cleanup> {
    let rules = world.hub.rules.store().state_filter(|rule| is_on(rule, object));
    let staying: Vec<String> = rules
        .iter()
        .filter(|rule| rule.metadata.deletion_timestamp.is_none())
        .map(|rule| full_name(rule.as_ref()))
        .collect();
    match (rules.is_empty(), staying.is_empty()) {
        (true, _) => None,
        (false, false) => Some(blocked_by_rules(&staying)),
        (false, true) => {
            let again = std::time::Duration::from_secs(30);
            Some(Cleanup::Waiting(Wait::time(reason::DELETING, "its EventRules are being deleted", again)))
        }
    }
}
