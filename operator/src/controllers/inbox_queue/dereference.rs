//! The rules that feed an inbox: those that name it, that it lets in, and that their bus lets attach. The oldest come
//! first: where the queues' policies have no room for all, the youngest stay out.

use std::collections::BTreeSet;

use crds::InboxQueue;
use kube::ResourceExt;
use operator_core::{arn::RuleArn, names::BusName};

use crate::{
    controllers::{
        consent::permits,
        event_rule::{names::targets, validate::rule_name},
        world::{World, full_name},
    },
    runner::Word,
};

/// What feeds an inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controllers) struct Feeding {
    /// The rules, oldest first, each by the names in AWS of all its parts.
    pub rules: Vec<BTreeSet<RuleArn>>,
    /// Their buses, as `namespace/name`.
    pub buses: BTreeSet<String>,
}

/// Finds the rules that feed the inbox. One whose bus is not there yet is not among them: the bus's arrival wakes us.
pub(super) fn dereference(world: &World, object: &InboxQueue) -> Feeding {
    let namespace = object.namespace().unwrap_or_default();
    let mut rules = world.hub.rules.who_say(&Word::Inbox(namespace.clone(), object.name_any()));
    rules.retain(|rule| {
        rule.metadata.deletion_timestamp.is_none()
            && targets(rule, object)
            && permits(&world.hub, &object.spec.allowed_namespaces, &namespace, &rule.namespace().unwrap_or_default())
    });
    rules.sort_by_cached_key(|rule| (rule.creation_timestamp(), rule.namespace(), rule.name_any()));
    let mut feeding = Feeding::default();
    for rule in rules {
        let own = rule.namespace().unwrap_or_default();
        let reference = &rule.spec.bus_ref;
        let bus_namespace = reference.namespace_or(&own);
        let Some(bus) = world.hub.buses.get(bus_namespace, &reference.name) else { continue };
        if !permits(&world.hub, &bus.spec.allowed_namespaces, bus_namespace, &own) {
            continue;
        }
        // A name that is not one is said on the object that has it.
        let (Ok(bus_name), Ok(rule_name)) = (BusName::parse(bus.spec.bus_name.as_str()), rule_name(&rule)) else {
            continue;
        };
        let parts = world.installation.rule_arns(&bus_name, &rule_name, rule.spec.targets.len());
        feeding.rules.push(parts.into_iter().collect());
        feeding.buses.insert(full_name(bus.as_ref()));
    }
    feeding
}
