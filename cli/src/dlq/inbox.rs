//! One inbox, opened: what the root signed of it says how it is judged and where its queues are; its status names the
//! redrive role, which the installation's tools and its `redriveServiceAccounts[]` may take.

use std::collections::BTreeMap;

use crds::{EventRule, InboxQueue};
use eventing::config::{InboxConfig, VerificationConfig};
use eventing::verify::Policy;
use kube::Api;
use kube::api::ListParams;

use super::judge::Judge;
use super::sqs::Sqs;
use crate::access::Access;
use crate::access::configuration::Configuration;
use crate::cluster::failed;
use crate::failure::Failure;

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
        let id = format!("{namespace}/{name}");
        let api: Api<InboxQueue> = Api::namespaced(access.cluster.client.clone(), namespace);
        let object = api.get(name).await.map_err(failed(format!("read InboxQueue {id}")))?;
        let status = object.status.unwrap_or_default();
        let role = status.redrive_role_arn.ok_or_else(|| {
            Failure::Usage(format!("InboxQueue {id} has no redrive role yet: `kubectl -n {namespace} get inbox {name}` says what it waits for"))
        })?;
        let configuration = Configuration::read(access, namespace).await?;
        let config = configuration.inbox(name)?;
        let ring = configuration.keys(&config.buses)?;
        let groups = if config.fifo { groups(access, namespace, name).await? } else { BTreeMap::new() };
        let verification: &VerificationConfig = &config.verification;
        let judge = Judge {
            ring,
            policy: Policy::new(verification, config.queue_arn.clone()),
            fifo: config.fifo,
            groups,
            group: None,
            accept_late: false,
        };
        let client = aws_sdk_sqs::Client::new(&access.role(&role, &config.region).await);
        let undelivered = status.undelivered_queue_url.filter(|_| config.fifo);
        let queues = Sqs::new(client, &config.queue_url, &config.dead_letter_queue_url, undelivered.as_deref());
        Ok(Self { id, config, judge, queues })
    }
}

/// The message groups of the rules that target the inbox, by the rules' ARNs. Where not all namespaces may be looked
/// into, those of the inbox's own have to do.
async fn groups(access: &Access, namespace: &str, name: &str) -> Result<BTreeMap<String, String>, Failure> {
    let client = || access.cluster.client.clone();
    let everywhere: Api<EventRule> = Api::all(client());
    let rules = match everywhere.list(&ListParams::default()).await {
        Err(kube::Error::Api(answer)) if answer.code == 403 => {
            let here: Api<EventRule> = Api::namespaced(client(), namespace);
            here.list(&ListParams::default()).await
        }
        other => other,
    };
    let rules = rules.map_err(failed("list EventRules, for the message groups of a FIFO inbox"))?;
    Ok(groups_of(&rules.items, namespace, name))
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
