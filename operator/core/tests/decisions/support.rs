//! What the tests of this crate share: an installation, objects that are built shortly, and a way to reconcile.

use operator_core::arn::{AccountId, OidcProviderArn, Partition, QueueArn, Region};
use operator_core::fake::{FakeAws, FakeClock};
use operator_core::names::{BusName, EventSource, InboxQueueName, QueueName, RuleName};
use operator_core::owner::{Kind, Owner, ServiceAccount};
use operator_core::ports::{Aws, Encryption, QueueAttributes, RuleState};
use operator_core::rule::{EventPattern, RuleTarget};
use operator_core::tags::Tags;
use operator_core::{AwsError, Claim, Installation, bus, inbox, rule};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub struct World {
    pub installation: Arc<Installation>,
    pub clock: Arc<FakeClock>,
    pub fake: FakeAws,
    pub aws: Aws,
}

pub fn installation(cluster: &str) -> Installation {
    Installation {
        account: AccountId::parse("210987654321").unwrap(),
        region: Region::parse("eu-west-3").unwrap(),
        partition: Partition::parse("aws").unwrap(),
        cluster_id: cluster.to_owned(),
        oidc_provider: OidcProviderArn::parse("arn:aws:iam::210987654321:oidc-provider/oidc.example/id/7").unwrap(),
        token_audience: "sts.amazonaws.com".to_owned(),
        permissions_boundary: None,
        settle: Duration::from_mins(1),
        tools: account("ground", "tools"),
        tags: Tags::from([("installation".to_owned(), "test".to_owned())]),
    }
}

impl World {
    pub fn new() -> Self {
        let installation = Arc::new(installation("cluster-a"));
        let clock = FakeClock::new();
        let fake = FakeAws::new(&installation, &clock);
        let aws = fake.aws();
        Self { installation, clock, fake, aws }
    }

    /// The same account, seen by another cluster.
    pub fn of_another_cluster(&self) -> Arc<Installation> {
        Arc::new(Installation { cluster_id: "cluster-b".to_owned(), ..(*self.installation).clone() })
    }

    pub fn bus(&self, name: &str) -> bus::Desired {
        bus::Desired {
            installation: self.installation.clone(),
            owner: owner(Kind::EventBus, "planes", name),
            claim: Claim::Own,
            bus_name: BusName::parse(name).unwrap(),
            description: "a bus".to_owned(),
            publishers: BTreeMap::from([(account("hangar", "pilot"), sources(&["acme.flight"]))]),
            publishing: bus::Publishing::Enabled,
            kms_key: None,
            dead_letter: None,
            archives: BTreeMap::new(),
            alarms: None,
            shared_alarm: bus::SharedAlarm::OfOthers,
            dashboard: false,
            tags: Tags::new(),
        }
    }

    pub fn rule(&self, bus: &str, name: &str, queues: &[&str]) -> rule::Desired {
        rule::Desired {
            installation: self.installation.clone(),
            owner: owner(Kind::EventRule, "planes", name),
            claim: Claim::Own,
            bus_name: BusName::parse(bus).unwrap(),
            rule_name: RuleName::parse(name).unwrap(),
            event_pattern: EventPattern::parse(json!({"source": ["acme.flight"]})).unwrap(),
            state: RuleState::Enabled,
            targets: queues.iter().map(|queue| self.target(queue)).collect(),
            tags: Tags::new(),
        }
    }

    pub fn queue_arn(&self, name: &str) -> QueueArn {
        self.installation.queue_arn(&QueueName::parse(name).unwrap())
    }

    pub fn target(&self, queue: &str) -> RuleTarget {
        let dead_letter = match queue.strip_suffix(".fifo") {
            Some(base) => format!("{base}-undelivered"),
            None => format!("{queue}-dlq"),
        };
        RuleTarget {
            queue: self.queue_arn(queue),
            dead_letter: Some(self.queue_arn(&dead_letter)),
            max_event_age_seconds: Some(240),
            max_retries: None,
            message_group_id: None,
            ready: true,
        }
    }

    pub fn inbox(&self, name: &str) -> inbox::Desired {
        inbox::Desired {
            installation: self.installation.clone(),
            owner: owner(Kind::InboxQueue, "tower", name),
            claim: Claim::Own,
            queue_name: InboxQueueName::parse(name).unwrap(),
            visibility_timeout_seconds: 60,
            retention_seconds: 604_800,
            allow_expiry: None,
            encryption: Encryption::SqsManaged,
            dead_letter_retention_seconds: 1_209_600,
            max_receive_count: 15,
            sealed: true,
            allowed_rule_arns: BTreeSet::new(),
            service_accounts: BTreeSet::from(["controller".to_owned()]),
            redrive_service_accounts: BTreeSet::new(),
            alarms: None,
            tags: Tags::new(),
        }
    }
}

pub fn owner(kind: Kind, namespace: &str, name: &str) -> Owner {
    Owner { kind, namespace: namespace.to_owned(), name: name.to_owned(), uid: "uid-1".to_owned() }
}

pub fn account(namespace: &str, name: &str) -> ServiceAccount {
    ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() }
}

pub fn sources(names: &[&str]) -> BTreeSet<EventSource> {
    names.iter().map(|name| EventSource::parse(*name).unwrap()).collect()
}

/// Runs to its end; the fake never waits.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub async fn converge_bus(aws: &Aws, desired: &bus::Desired) -> Result<(bus::Applied, usize), AwsError> {
    let observed = bus::observe(aws, desired).await?;
    let actions = bus::plan(desired, &observed);
    Ok((bus::apply(aws, desired, &actions).await?, actions.len()))
}

pub async fn converge_rule(aws: &Aws, desired: &rule::Desired) -> Result<(rule::Applied, usize), AwsError> {
    let observed = rule::observe(aws, desired).await?;
    let actions = rule::plan(desired, &observed);
    Ok((rule::apply(aws, desired, &observed, &actions).await?, actions.len()))
}

pub async fn converge_inbox(aws: &Aws, desired: &inbox::Desired) -> Result<(inbox::Applied, usize), AwsError> {
    let observed = inbox::observe(aws, desired).await?;
    let actions = inbox::plan(desired, &observed);
    Ok((inbox::apply(aws, desired, &observed, &actions).await?, actions.len()))
}

/// The attributes of a queue that nobody configured.
pub fn plain_queue() -> QueueAttributes {
    QueueAttributes {
        visibility_timeout_seconds: 30,
        retention_seconds: 345_600,
        max_message_bytes: 1_048_576,
        delay_seconds: 0,
        content_based_deduplication: false,
        encryption: Encryption::SqsManaged,
        policy: None,
        redrive: None,
    }
}

pub fn bus_deletion(desired: &bus::Desired) -> bus::Deletion {
    bus::Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        bus_name: desired.bus_name.clone(),
        force: false,
        last_with_alarms: false,
    }
}

pub fn rule_deletion(desired: &rule::Desired) -> rule::Deletion {
    rule::Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        bus_name: desired.bus_name.clone(),
        rule_name: desired.rule_name.clone(),
    }
}

pub fn inbox_deletion(desired: &inbox::Desired) -> inbox::Deletion {
    inbox::Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        queue_name: desired.queue_name.clone(),
        force: false,
    }
}
