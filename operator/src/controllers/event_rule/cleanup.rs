//! The way out of a rule: its targets, then it. Nothing is in its way.

use std::{sync::Arc, time::Duration};

use crds::{DeletionPolicy, EventBus, EventRule, conditions::reason};
use kube::ResourceExt;
use operator_core::{
    arn::RuleArn,
    deletion::DeletionStep,
    names::BusName,
    owner::Kind,
    rule::{self, Deletion},
};

use super::validate::rule_name;
use crate::{
    controllers::world::{STEPS, World, cleanup_of, owner},
    runner::{Cleanup, Failure, Wait},
};

/// Takes the rule away.
pub(super) async fn cleanup(world: &World, object: &EventRule) -> Result<Cleanup, Failure> {
    let retain = object.spec.deletion_policy == DeletionPolicy::Retain;
    let namespace = object.namespace().unwrap_or_default();
    let reference = &object.spec.bus_ref;
    let bus = world.hub.buses.get(reference.namespace_or(&namespace), &reference.name);
    let bus_name = match bus {
        Some(bus) => BusName::parse(bus.spec.bus_name.as_str()).ok(),
        // A bus that stays in AWS without its object: the status remembers its name.
        None => remembered(object),
    };
    match bus_name {
        Some(bus_name) => delete(world, object, bus_name, retain).await,
        None => Ok(Cleanup::Done),
    }
}

/// Takes away what stands on a bus that no longer consents.
pub(super) async fn cut_off(world: &World, object: &EventRule, bus: &EventBus) -> Result<(), Failure> {
    match BusName::parse(bus.spec.bus_name.as_str()) {
        Ok(bus_name) => delete(world, object, bus_name, false).await.map(|_| ()),
        Err(_) => Ok(()),
    }
}

async fn delete(world: &World, object: &EventRule, bus_name: BusName, retain: bool) -> Result<Cleanup, Failure> {
    // A name that never was one has no rule.
    let Ok(rule_name) = rule_name(object) else { return Ok(Cleanup::Done) };
    let installation = Arc::clone(&world.installation);
    let deletion = Deletion { installation, owner: owner(Kind::EventRule, object), bus_name, rule_name };
    for _ in 0..STEPS {
        let observed = rule::observe_deletion(&world.fresh, &deletion).await?;
        let step =
            if retain { rule::plan_release(&deletion, &observed) } else { rule::plan_deletion(&deletion, &observed) };
        if let Some(cleanup) = cleanup_of(&step) {
            return Ok(cleanup);
        }
        if let DeletionStep::Act(actions) = step {
            rule::apply_deletion(&world.fresh, &actions).await?;
        }
    }
    Ok(Cleanup::Waiting(Wait::time(reason::DELETING, "AWS still shows the rule", Duration::from_secs(5))))
}

fn remembered(object: &EventRule) -> Option<BusName> {
    let arn = object.status.as_ref()?.rule_arns.first()?;
    RuleArn::parse(arn).ok()?.names().map(|(bus, _)| bus)
}
