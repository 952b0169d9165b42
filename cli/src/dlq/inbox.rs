//! One inbox, opened for its dead letters: what sending to it takes, and where they are.

use std::collections::BTreeMap;

use crds::EventRule;
use eventing::config::InboxConfig;

use super::judge::Judge;
use super::sqs::Sqs;
use crate::access::Access;
use crate::failure::Failure;
use crate::resend::inbox::Opened;
use crate::resend::rules;

/// An inbox whose dead letters can be looked at.
pub struct Inbox {
    /// `NAMESPACE/NAME` of the InboxQueue.
    pub id: String,
    /// What the root signed.
    pub config: InboxConfig,
    /// By what its dead letters are judged.
    pub judge: Judge,
    /// Its queues.
    pub queues: Sqs,
}

impl Inbox {
    /// Opens `name` of `namespace`.
    pub async fn open(access: &Access, namespace: &str, name: &str) -> Result<Self, Failure> {
        let Opened { id, status, config, ring, policy, client, .. } = Opened::open(access, namespace, name).await?;
        let groups = if config.fifo { groups(access, namespace, name).await? } else { BTreeMap::new() };
        let judge = Judge { ring, policy, fifo: config.fifo, groups, group: None, accept_late: false };
        let undelivered = status.undelivered_queue_url.filter(|_| config.fifo);
        let queues = Sqs::new(client, &config.queue_url, &config.dead_letter_queue_url, undelivered.as_deref());
        Ok(Self { id, config, judge, queues })
    }
}

/// The message groups of the rules that target the inbox, by the rules' ARNs. Where not all namespaces may be looked
/// into, those of the inbox's own have to do.
async fn groups(access: &Access, namespace: &str, name: &str) -> Result<BTreeMap<String, String>, Failure> {
    let doing = "list EventRules, for the message groups of a FIFO inbox";
    let rules = rules::all_or_of(access, &[namespace], doing).await?;
    Ok(groups_of(&rules, namespace, name))
}

fn groups_of(rules: &[EventRule], namespace: &str, name: &str) -> BTreeMap<String, String> {
    let mut groups = BTreeMap::new();
    for rule in rules {
        let own = rule.metadata.namespace.as_deref().unwrap_or_default();
        let is_ours = |target: &&crds::event_rule::Target| {
            target.inbox_ref.as_ref().is_some_and(|inbox| inbox.name == name && inbox.namespace_or(own) == namespace)
        };
        let target = rule.spec.targets.iter().find(is_ours);
        let Some(group) = target.and_then(|target| target.message_group_id.as_ref()) else { continue };
        let arns = rule.status.iter().flat_map(|status| &status.rule_arns);
        groups.extend(arns.map(|arn| (arn.clone(), group.clone())));
    }
    groups
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_groups_are_those_of_the_rules_that_target_this_inbox() {
        let rule = |namespace: &str, arn: &str, inbox: serde_json::Value, group: &str| -> EventRule {
            serde_json::from_value(json!({
                "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventRule",
                "metadata": {"name": "r", "namespace": namespace},
                "spec": {"busRef": {"name": "b"}, "eventPattern": {"source": ["qsl.tram"]},
                         "targets": [{"inboxRef": inbox, "messageGroupId": group}]},
                "status": {"ruleArns": [arn]}}))
            .unwrap()
        };
        let rules = [
            rule("depot", "arn:1", json!({"name": "arrivals"}), "one"),
            rule("city", "arn:2", json!({"name": "arrivals", "namespace": "depot"}), "two"),
            rule("city", "arn:3", json!({"name": "arrivals"}), "three"),
            rule("depot", "arn:4", json!({"name": "departures"}), "four"),
        ];
        let expected = [("arn:1", "one"), ("arn:2", "two")].map(|(arn, group)| (arn.to_owned(), group.to_owned()));
        assert_eq!(groups_of(&rules, "depot", "arrivals"), BTreeMap::from(expected));
    }
}
