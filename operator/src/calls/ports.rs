//! The ports, behind the gate. One line a method: whether it writes, its operation in AWS's name, and how many
//! calls its answer took beyond the first where it is a listing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use operator_core::{
    arn::{AlarmArn, BusArn, KeyArn, PolicyArn, RoleArn, RuleArn},
    names::{AlarmName, ArchiveName, BusName, DashboardName, KmsKeyId, QueueName, RoleName, RulePartName},
    policy::PolicyDocument,
    ports::{
        Alarm, AlarmFacts, Answer, ArchiveFacts, BusFacts, BusSettings, Buses, KeyFacts, KmsKeys, ListedRole,
        MetricQuery, Monitoring, NewArchive, NewBus, NewQueue, NewRole, NewRule, QueueChange, QueueFacts, QueueUrl,
        Queues, RoleFacts, Roles, RuleFacts, Target, Window,
    },
    tags::Tags,
};
use serde_json::Value;

use super::{Gate, Operation, Service};

/// A port, whose calls pass through a gate.
pub struct Gated<P: ?Sized> {
    port: Arc<P>,
    gate: Arc<Gate>,
}

impl<P: ?Sized> Gated<P> {
    /// `port` behind `gate`.
    pub fn new(port: Arc<P>, gate: &Arc<Gate>) -> Self {
        Self { port, gate: Arc::clone(gate) }
    }
}

macro_rules! gated {
    ($port:ident, $service:ident; $($does:ident $name:tt $(if $set:expr; else $unset:literal)?
        => fn $method:ident($($argument:ident: $type:ty),*) -> $answer:ty $(, $per_page:literal a page)?;)*) => {
        #[async_trait]
        impl $port for Gated<dyn $port> {
            $(async fn $method(&self, $($argument: $type),*) -> Answer<$answer> {
                let name = gated!(@name $name $(if $set; else $unset)?);
                let operation = Operation { service: Service::$service, name, writes: gated!(@$does) };
                let further = |_answer: &$answer| gated!(@pages _answer $($per_page)?);
                self.gate.call(operation, further, || self.port.$method($($argument),*)).await
            })*
        }
    };
    (@name $name:literal) => { $name };
    (@name $name:literal if $set:expr; else $unset:literal) => { if $set { $name } else { $unset } };
    (@reads) => { false };
    (@writes) => { true };
    (@pages $answer:ident) => { 0 };
    // A last page may be empty; that one is not counted.
    (@pages $answer:ident $per_page:literal) => { u32::try_from($answer.len().saturating_sub(1) / $per_page).unwrap_or(u32::MAX) };
}

gated! { Buses, EventBridge;
    reads "DescribeEventBus" => fn bus(name: &BusName) -> Option<BusFacts>;
    reads "ListTagsForResource" => fn bus_tags(arn: &BusArn) -> Tags;
    writes "CreateEventBus" => fn create_bus(bus: &NewBus) -> BusArn;
    writes "UpdateEventBus" => fn change_bus(name: &BusName, settings: &BusSettings) -> ();
    writes "PutPermission" if policy.is_some(); else "RemovePermission" => fn set_bus_policy(name: &BusName, policy: Option<&PolicyDocument>) -> ();
    writes "TagResource" => fn tag_bus(arn: &BusArn, tags: &Tags) -> ();
    writes "DeleteEventBus" => fn delete_bus(name: &BusName) -> ();
    reads "ListRules" => fn rules(bus: &BusName, prefix: &str) -> Vec<RuleFacts>, 100 a page;
    reads "ListTagsForResource" => fn rule_tags(arn: &RuleArn) -> Tags;
    writes "PutRule" => fn put_rule(rule: &NewRule) -> RuleArn;
    writes "TagResource" => fn tag_rule(arn: &RuleArn, tags: &Tags) -> ();
    reads "ListTargetsByRule" => fn targets(bus: &BusName, rule: &RulePartName) -> Vec<Target>, 100 a page;
    writes "PutTargets" => fn put_targets(bus: &BusName, rule: &RulePartName, targets: &[Target]) -> ();
    writes "RemoveTargets" => fn remove_targets(bus: &BusName, rule: &RulePartName, ids: &BTreeSet<String>) -> ();
    writes "UntagResource" => fn untag_bus(arn: &BusArn, keys: &BTreeSet<String>) -> ();
    writes "UntagResource" => fn untag_rule(arn: &RuleArn, keys: &BTreeSet<String>) -> ();
    writes "DeleteRule" => fn delete_rule(bus: &BusName, rule: &RulePartName) -> ();
    reads "ListArchives" => fn archives(bus: &BusArn) -> BTreeSet<ArchiveName>, 100 a page;
    reads "DescribeArchive" => fn archive(name: &ArchiveName) -> Option<ArchiveFacts>;
    writes "CreateArchive" => fn create_archive(archive: &NewArchive) -> ();
    writes "UpdateArchive" => fn change_archive(archive: &NewArchive) -> ();
    writes "DeleteArchive" => fn delete_archive(name: &ArchiveName) -> ();
}

gated! { Queues, Sqs;
    reads "GetQueueUrl" => fn url(name: &QueueName) -> Option<QueueUrl>;
    reads "GetQueueAttributes" => fn queue(url: &QueueUrl) -> Option<QueueFacts>;
    reads "ListQueueTags" => fn tags(url: &QueueUrl) -> Tags;
    writes "CreateQueue" => fn create(queue: &NewQueue) -> QueueUrl;
    writes "SetQueueAttributes" => fn change(url: &QueueUrl, change: &QueueChange) -> ();
    writes "TagQueue" => fn tag(url: &QueueUrl, tags: &Tags) -> ();
    writes "UntagQueue" => fn untag(url: &QueueUrl, keys: &BTreeSet<String>) -> ();
    writes "DeleteQueue" => fn delete(url: &QueueUrl) -> ();
}

gated! { Roles, Iam;
    reads "GetAccountAuthorizationDetails" => fn list(path: &str) -> BTreeMap<RoleName, ListedRole>, 1000 a page;
    reads "ListRoles" => fn under(path: &str) -> BTreeSet<RoleName>, 100 a page;
    reads "GetRole" => fn role(name: &RoleName) -> Option<RoleFacts>;
    reads "GetRolePolicy" => fn inline_policy(role: &RoleName, policy: &str) -> Option<PolicyDocument>;
    writes "CreateRole" => fn create(role: &NewRole) -> RoleArn;
    writes "UpdateAssumeRolePolicy" => fn set_trust(name: &RoleName, trust: &PolicyDocument) -> ();
    writes "PutRolePermissionsBoundary" if boundary.is_some(); else "DeleteRolePermissionsBoundary" => fn set_boundary(name: &RoleName, boundary: Option<&PolicyArn>) -> ();
    writes "PutRolePolicy" => fn put_inline_policy(role: &RoleName, policy: &str, document: &PolicyDocument) -> ();
    writes "TagRole" => fn tag(name: &RoleName, tags: &Tags) -> ();
    writes "UntagRole" => fn untag(name: &RoleName, keys: &BTreeSet<String>) -> ();
    writes "DeleteRolePolicy" => fn delete_inline_policy(role: &RoleName, policy: &str) -> ();
    writes "DeleteRole" => fn delete(name: &RoleName) -> ();
}

gated! { Monitoring, CloudWatch;
    reads "DescribeAlarms" => fn alarms(names: &BTreeSet<AlarmName>) -> Vec<AlarmFacts>, 100 a page;
    reads "DescribeAlarms" => fn alarms_under(prefix: &str) -> Vec<AlarmFacts>, 50 a page;
    writes "PutMetricAlarm" => fn put_alarm(alarm: &Alarm, tags: &Tags) -> ();
    writes "DeleteAlarms" => fn delete_alarms(names: &BTreeSet<AlarmName>) -> ();
    reads "ListTagsForResource" => fn alarm_tags(arn: &AlarmArn) -> Tags;
    writes "TagResource" => fn tag_alarm(arn: &AlarmArn, tags: &Tags) -> ();
    writes "UntagResource" => fn untag_alarm(arn: &AlarmArn, keys: &BTreeSet<String>) -> ();
    reads "GetDashboard" => fn dashboard(name: &DashboardName) -> Option<Value>;
    writes "PutDashboard" => fn put_dashboard(name: &DashboardName, body: &Value) -> ();
    writes "DeleteDashboards" => fn delete_dashboard(name: &DashboardName) -> ();
    reads "GetMetricData" => fn newest(queries: &[MetricQuery], window: Window) -> Vec<Option<f64>>, 500 a page;
}

gated! { KmsKeys, Kms;
    reads "DescribeKey" => fn key(id: &KmsKeyId) -> Option<KeyFacts>;
    reads "GetKeyPolicy" => fn key_policy(key: &KeyArn) -> PolicyDocument;
}
