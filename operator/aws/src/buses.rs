//! EventBridge behind the port `Buses`.

mod convert;

use crate::error::{Calls, unless_missing};
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use operator_core::arn::{BusArn, RuleArn};
use operator_core::error::{AwsError, ErrorClass};
use operator_core::names::{ArchiveName, BusName, RulePartName};
use operator_core::policy::PolicyDocument;
use operator_core::ports::{
    Answer, ArchiveFacts, BusFacts, BusSettings, Buses, NewArchive, NewBus, NewRule, RuleFacts, RuleState, Target,
};
use operator_core::tags::Tags;
use std::collections::BTreeSet;

const CALLS: Calls = Calls("EventBridge");

/// EventBridge.
#[derive(Debug)]
pub(crate) struct EventBridge {
    client: Client,
}

/// Sends a request and classifies its error.
macro_rules! call {
    ($operation:literal, $request:expr) => {
        $request.send().await.map_err(|error| CALLS.error($operation, &error))
    };
}

impl EventBridge {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn tags(&self, arn: String) -> Answer<Tags> {
        let request = self.client.list_tags_for_resource().resource_arn(arn);
        let answer = call!("ListTagsForResource", request)?;
        Ok(answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
    }

    async fn untag(&self, arn: String, keys: &BTreeSet<String>) -> Answer<()> {
        let keys = keys.iter().cloned().collect();
        let request = self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
        call!("UntagResource", request).map(drop)
    }

    async fn tag(&self, arn: String, tags: &Tags) -> Answer<()> {
        let tags = convert::tags(tags)?;
        let request = self.client.tag_resource().resource_arn(arn).set_tags(Some(tags));
        call!("TagResource", request).map(drop)
    }
}

impl EventBridge {
    async fn list_archives(&self, bus: &BusArn) -> Answer<BTreeSet<ArchiveName>> {
        let mut names = BTreeSet::new();
        let mut token = None;
        loop {
            let request = self.client.list_archives().event_source_arn(bus.to_string()).set_next_token(token);
            let answer = call!("ListArchives", request)?;
            for archive in answer.archives() {
                let name = ArchiveName::parse(archive.archive_name().unwrap_or_default());
                names.insert(name.map_err(|error| CALLS.unreadable("ListArchives", error))?);
            }
            token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    async fn describe_archive(&self, name: &ArchiveName) -> Answer<Option<ArchiveFacts>> {
        let request = self.client.describe_archive().archive_name(name.as_str());
        let answer = unless_missing(call!("DescribeArchive", request))?;
        let facts = answer.as_ref().map(convert::archive).transpose();
        facts.map_err(|reason| CALLS.unreadable("DescribeArchive", reason))
    }
}

/// EventBridge calls what is in the way of a delete a validation error.
fn in_the_way(error: AwsError) -> AwsError {
    match error.class {
        ErrorClass::Invalid => AwsError { class: ErrorClass::Conflict, ..error },
        _ => error,
    }
}

#[async_trait]
impl Buses for EventBridge {
    async fn bus(&self, name: &BusName) -> Answer<Option<BusFacts>> {
        let operation = "DescribeEventBus";
        let request = self.client.describe_event_bus().name(name.as_str());
        let Some(answer) = unless_missing(call!("DescribeEventBus", request))? else {
            return Ok(None);
        };
        let arn = BusArn::parse(answer.arn().unwrap_or_default()).map_err(|e| CALLS.unreadable(operation, e))?;
        Ok(Some(BusFacts {
            arn,
            settings: convert::settings(&answer).map_err(|reason| CALLS.unreadable(operation, reason))?,
            policy: answer.policy().filter(|text| !text.is_empty()).map(PolicyDocument::from_text),
        }))
    }

    async fn bus_tags(&self, arn: &BusArn) -> Answer<Tags> {
        self.tags(arn.to_string()).await
    }

    async fn create_bus(&self, bus: &NewBus) -> Answer<BusArn> {
        let operation = "CreateEventBus";
        let BusSettings { description, kms_key, dead_letter } = &bus.settings;
        let request = self
            .client
            .create_event_bus()
            .name(bus.name.as_str())
            .set_description((!description.is_empty()).then(|| description.clone()))
            .set_kms_key_identifier(kms_key.as_ref().map(ToString::to_string))
            .set_dead_letter_config(dead_letter.as_ref().map(|arn| convert::dead_letter(Some(arn))))
            .set_tags(Some(convert::tags(&bus.tags)?));
        let answer = call!("CreateEventBus", request)?;
        let arn = answer.event_bus_arn().unwrap_or_default();
        BusArn::parse(arn).map_err(|e| CALLS.unreadable(operation, e))
    }

    async fn change_bus(&self, name: &BusName, settings: &BusSettings) -> Answer<()> {
        let BusSettings { description, kms_key, dead_letter } = settings;
        // What is left out stays as it is; what is empty is cleared.
        let request = self
            .client
            .update_event_bus()
            .name(name.as_str())
            .description(description)
            .kms_key_identifier(kms_key.as_ref().map(ToString::to_string).unwrap_or_default())
            .dead_letter_config(convert::dead_letter(dead_letter.as_ref()));
        call!("UpdateEventBus", request).map(drop)
    }

    async fn set_bus_policy(&self, name: &BusName, policy: Option<&PolicyDocument>) -> Answer<()> {
        if let Some(policy) = policy {
            let request = self.client.put_permission().event_bus_name(name.as_str()).policy(policy.as_text());
            call!("PutPermission", request).map(drop)
        } else {
            let request = self.client.remove_permission().event_bus_name(name.as_str()).remove_all_permissions(true);
            call!("RemovePermission", request).map(drop)
        }
    }

    async fn tag_bus(&self, arn: &BusArn, tags: &Tags) -> Answer<()> {
        self.tag(arn.to_string(), tags).await
    }

    async fn untag_bus(&self, arn: &BusArn, keys: &BTreeSet<String>) -> Answer<()> {
        self.untag(arn.to_string(), keys).await
    }

    async fn delete_bus(&self, name: &BusName) -> Answer<()> {
        let request = self.client.delete_event_bus().name(name.as_str());
        unless_missing(call!("DeleteEventBus", request)).map(drop).map_err(in_the_way)
    }

    async fn rules(&self, bus: &BusName, prefix: &str) -> Answer<Vec<RuleFacts>> {
        let mut rules = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .list_rules()
                .event_bus_name(bus.as_str())
                .set_name_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
                .set_next_token(token);
            let answer = call!("ListRules", request)?;
            for rule in answer.rules() {
                rules.push(convert::rule(rule).map_err(|reason| CALLS.unreadable("ListRules", reason))?);
            }
            token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(rules);
            }
        }
    }

    async fn rule_tags(&self, arn: &RuleArn) -> Answer<Tags> {
        self.tags(arn.to_string()).await
    }

    async fn put_rule(&self, rule: &NewRule) -> Answer<RuleArn> {
        let operation = "PutRule";
        let state = match rule.state {
            RuleState::Enabled => aws_sdk_eventbridge::types::RuleState::Enabled,
            RuleState::Disabled => aws_sdk_eventbridge::types::RuleState::Disabled,
        };
        let request = |tags| {
            self.client
                .put_rule()
                .name(rule.name.as_str())
                .event_bus_name(rule.bus.as_str())
                .event_pattern(rule.pattern.to_string())
                .state(state.clone())
                .description(&rule.description)
                .set_tags(tags)
        };
        let answer = call!("PutRule", request(Some(convert::tags(&rule.tags)?)))?;
        RuleArn::parse(answer.rule_arn().unwrap_or_default()).map_err(|e| CALLS.unreadable(operation, e))
    }

    async fn tag_rule(&self, arn: &RuleArn, tags: &Tags) -> Answer<()> {
        self.tag(arn.to_string(), tags).await
    }

    async fn untag_rule(&self, arn: &RuleArn, keys: &BTreeSet<String>) -> Answer<()> {
        self.untag(arn.to_string(), keys).await
    }

    async fn targets(&self, bus: &BusName, rule: &RulePartName) -> Answer<Vec<Target>> {
        let mut targets = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .list_targets_by_rule()
                .event_bus_name(bus.as_str())
                .rule(rule.as_str())
                .set_next_token(token);
            let answer = call!("ListTargetsByRule", request)?;
            targets.extend(answer.targets().iter().map(convert::target_from));
            token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(targets);
            }
        }
    }

    async fn put_targets(&self, bus: &BusName, rule: &RulePartName, targets: &[Target]) -> Answer<()> {
        let operation = "PutTargets";
        let targets: Result<Vec<_>, String> = targets.iter().map(convert::target_to).collect();
        let targets = targets.map_err(|reason| AwsError::new(ErrorClass::Invalid, CALLS.0, operation, reason))?;
        let request =
            self.client.put_targets().event_bus_name(bus.as_str()).rule(rule.as_str()).set_targets(Some(targets));
        let answer = call!("PutTargets", request)?;
        let failed = answer.failed_entries().iter();
        convert::failures(operation, failed.map(|e| (e.target_id(), e.error_code(), e.error_message())))
    }

    async fn remove_targets(&self, bus: &BusName, rule: &RulePartName, ids: &BTreeSet<String>) -> Answer<()> {
        let request = self
            .client
            .remove_targets()
            .event_bus_name(bus.as_str())
            .rule(rule.as_str())
            .set_ids(Some(ids.iter().cloned().collect()));
        let Some(answer) = unless_missing(call!("RemoveTargets", request))? else {
            return Ok(());
        };
        let failed = answer.failed_entries().iter();
        convert::failures("RemoveTargets", failed.map(|e| (e.target_id(), e.error_code(), e.error_message())))
    }

    async fn delete_rule(&self, bus: &BusName, rule: &RulePartName) -> Answer<()> {
        let request = self.client.delete_rule().event_bus_name(bus.as_str()).name(rule.as_str());
        unless_missing(call!("DeleteRule", request)).map(drop).map_err(in_the_way)
    }

    async fn archives(&self, bus: &BusArn) -> Answer<BTreeSet<ArchiveName>> {
        self.list_archives(bus).await
    }

    async fn archive(&self, name: &ArchiveName) -> Answer<Option<ArchiveFacts>> {
        self.describe_archive(name).await
    }

    async fn create_archive(&self, archive: &NewArchive) -> Answer<()> {
        let NewArchive { name, bus, description, pattern, retention_days, kms_key } = archive;
        let request = self
            .client
            .create_archive()
            .archive_name(name.as_str())
            .event_source_arn(bus.to_string())
            .description(description)
            .event_pattern(pattern.to_string())
            .retention_days(convert::days(*retention_days))
            .set_kms_key_identifier(kms_key.as_ref().map(ToString::to_string));
        call!("CreateArchive", request).map(drop)
    }

    async fn change_archive(&self, archive: &NewArchive) -> Answer<()> {
        let NewArchive { name, bus: _, description, pattern, retention_days, kms_key } = archive;
        let request = self
            .client
            .update_archive()
            .archive_name(name.as_str())
            .description(description)
            .event_pattern(pattern.to_string())
            .retention_days(convert::days(*retention_days))
            .kms_key_identifier(kms_key.as_ref().map(ToString::to_string).unwrap_or_default());
        call!("UpdateArchive", request).map(drop)
    }

    async fn delete_archive(&self, name: &ArchiveName) -> Answer<()> {
        let request = self.client.delete_archive().archive_name(name.as_str());
        unless_missing(call!("DeleteArchive", request)).map(drop)
    }
}
