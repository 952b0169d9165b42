//! What happened in the account before: wishes that were fulfilled, or in part; and what people did by hand.

use super::wish::{Wish, wish};
use super::{converge, economy};
use crate::support::World;
use operator_core::Claim;
use operator_core::economy::Economy;
use operator_core::fake::{Fault, When};
use operator_core::names::{
    AlarmName, ArchiveName, BusName, DashboardName, QueueName, RoleName, RulePartName, alarm_name, dashboard_name,
};
use operator_core::owner::Owner;
use operator_core::policy::PolicyDocument;
use operator_core::ports::{
    Alarm, BusSettings, Comparison, Metric, MissingData, NewArchive, NewQueue, NewRule, QueueAttributes, QueueChange,
    RuleState, Statistic, Target,
};
use operator_core::tags::{self, Tags};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Past {
    /// A wish was fulfilled.
    Fulfilled(Box<Wish>),
    /// The operator ended after so many changes on the way.
    HalfMade(Box<Wish>, u8),
    /// Somebody did something by hand to one of the things there are, whosoever it is.
    ByHand(Deed, u8),
    /// Somebody who marks nothing, or another cluster, made things of our names.
    Strangers { marked: bool, queues: bool, rule: bool, beside: bool },
}

/// What people do.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// Delete it.
    Delete,
    /// Change it.
    Change,
    /// Take our marks away.
    Unmark,
    /// Add a tag.
    Tag,
}

/// A past that fits a claim and a kind.
pub fn past(claim: Claim, fifo: bool) -> impl Strategy<Value = Vec<Past>> {
    let deed =
        prop_oneof![Just(Deed::Delete), Just(Deed::Change), Just(Deed::Change), Just(Deed::Unmark), Just(Deed::Tag)];
    let one = prop_oneof![
        3 => wish(claim, fifo).prop_map(|wish| Past::Fulfilled(Box::new(wish))),
        2 => (wish(claim, fifo), 0..16u8).prop_map(|(wish, changes)| Past::HalfMade(Box::new(wish), changes)),
        4 => (deed, any::<u8>()).prop_map(|(deed, which)| Past::ByHand(deed, which)),
        1 => (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(marked, queues, rule, beside)| Past::Strangers { marked, queues, rule, beside }),
    ];
    vec(one, 0..7)
}

impl Past {
    /// Whether what carried our marks may have lost them.
    pub fn takes_marks_away(&self) -> bool {
        matches!(self, Self::ByHand(Deed::Unmark, _))
    }

    /// Lets it happen. The operator that did its part remembers what it knows in `memory`.
    pub async fn happen(&self, world: &World, memory: &mut Economy) {
        match self {
            // A wish may be refused, where strangers are in its way.
            Self::Fulfilled(wish) => drop(converge(world, &memory.aws, wish).await),
            Self::HalfMade(wish, changes) => {
                world.fake.fail_write((*changes).into(), Fault::Unavailable(When::After));
                drop(converge(world, &memory.aws, wish).await);
                world.fake.forget_failures();
                *memory = economy(world);
            }
            Self::ByHand(deed, which) => by_hand(world, *deed, usize::from(*which)).await,
            Self::Strangers { marked, queues, rule, beside } => {
                strangers(world, *marked, *queues, *rule).await;
                if *beside {
                    strangers_beside(world, *marked).await;
                }
            }
        }
        world.clock.advance(Duration::from_secs(61));
    }
}

async fn by_hand(world: &World, deed: Deed, which: usize) {
    // What AWS manages, nobody changes.
    let managed = |name: &String| name.contains("/Events-Archive-");
    let names: Vec<String> = world.fake.things().into_keys().filter(|name| !managed(name)).collect();
    let Some(name) = names.get(which % names.len().max(1)) else { return };
    let (kind, name) = name.split_once(' ').unwrap();
    // What AWS refuses a person, it refuses.
    let _refused_or_not = match kind {
        "queue" => queue_by_hand(world, &QueueName::parse(name).unwrap(), deed).await,
        "role" => role_by_hand(world, &RoleName::parse(name).unwrap(), deed).await,
        "rule" => {
            let (bus, rule) = name.split_once('/').unwrap();
            rule_by_hand(world, &BusName::parse(bus).unwrap(), &RulePartName::parse(rule).unwrap(), deed).await
        }
        "archive" => archive_by_hand(world, &ArchiveName::parse(name).unwrap(), deed).await,
        "alarm" => alarm_by_hand(world, &AlarmName::parse(name).unwrap(), deed).await,
        "dashboard" => dashboard_by_hand(world, &DashboardName::parse(name).unwrap(), deed).await,
        _ => bus_by_hand(world, &BusName::parse(name).unwrap(), deed).await,
    };
}

fn marks() -> BTreeSet<String> {
    [tags::CLUSTER, tags::KIND, tags::NAMESPACE, tags::NAME, tags::UID].map(str::to_owned).into()
}

fn their_tag() -> Tags {
    Tags::from([("cost-centre".to_owned(), "7".to_owned())])
}

fn nothing() -> PolicyDocument {
    PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": []}))
}

type Done = Result<(), operator_core::AwsError>;

async fn queue_by_hand(world: &World, name: &QueueName, deed: Deed) -> Done {
    let queues = &world.aws.queues;
    let url = queues.url(name).await?.unwrap();
    match deed {
        Deed::Delete => queues.delete(&url).await,
        Deed::Unmark => queues.untag(&url, &marks()).await,
        Deed::Tag => queues.tag(&url, &their_tag()).await,
        Deed::Change => {
            let change = QueueChange {
                visibility_timeout_seconds: Some(3),
                retention_seconds: Some(77),
                policy: Some(None),
                redrive: Some(None),
                ..QueueChange::default()
            };
            queues.change(&url, &change).await
        }
    }
}

async fn role_by_hand(world: &World, name: &RoleName, deed: Deed) -> Done {
    let roles = &world.aws.roles;
    match deed {
        Deed::Delete => {
            roles.delete_inline_policy(name, "qsl-eventing").await?;
            roles.delete(name).await
        }
        Deed::Unmark => roles.untag(name, &marks()).await,
        Deed::Tag => roles.tag(name, &their_tag()).await,
        Deed::Change => {
            roles.set_trust(name, &nothing()).await?;
            roles.put_inline_policy(name, "qsl-eventing", &nothing()).await
        }
    }
}

async fn rule_by_hand(world: &World, bus: &BusName, name: &RulePartName, deed: Deed) -> Done {
    let buses = &world.aws.buses;
    let arn = world.installation.rule_arn(bus, name);
    let targets: BTreeSet<String> = buses.targets(bus, name).await?.into_iter().map(|target| target.id).collect();
    match deed {
        Deed::Delete => {
            buses.remove_targets(bus, name, &targets).await?;
            buses.delete_rule(bus, name).await
        }
        Deed::Unmark => buses.untag_rule(&arn, &marks()).await,
        Deed::Tag => buses.tag_rule(&arn, &their_tag()).await,
        Deed::Change => {
            buses.remove_targets(bus, name, &targets.into_iter().take(2).collect()).await?;
            let elsewhere = Target {
                id: "by-hand".to_owned(),
                arn: "arn:aws:lambda:eu-west-3:210987654321:function:f".to_owned(),
                dead_letter: None,
                max_event_age_seconds: None,
                max_retries: Some(3),
                message_group_id: None,
                foreign_settings: true,
            };
            buses.put_targets(bus, name, &[elsewhere]).await?;
            buses.put_rule(&rule_of_a_stranger(bus, name)).await.map(drop)
        }
    }
}

async fn bus_by_hand(world: &World, name: &BusName, deed: Deed) -> Done {
    let buses = &world.aws.buses;
    let arn = world.installation.bus_arn(name);
    match deed {
        Deed::Delete => buses.delete_bus(name).await,
        Deed::Unmark => buses.untag_bus(&arn, &marks()).await,
        Deed::Tag => buses.tag_bus(&arn, &their_tag()).await,
        Deed::Change => {
            let settings = BusSettings { description: "by hand".to_owned(), ..BusSettings::default() };
            buses.change_bus(name, &settings).await?;
            let theirs = json!({"Version": "2012-10-17", "Statement": [
                {"Sid": "TheirAccount", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
                 "Action": "events:PutEvents", "Resource": arn},
            ]});
            buses.set_bus_policy(name, Some(&PolicyDocument::new(theirs))).await
        }
    }
}

/// Archives have no tags; their mark is their description.
async fn archive_by_hand(world: &World, name: &ArchiveName, deed: Deed) -> Done {
    let buses = &world.aws.buses;
    let facts = buses.archive(name).await?.unwrap();
    let as_it_is = NewArchive {
        name: name.clone(),
        bus: facts.bus.parse().unwrap(),
        description: facts.description,
        pattern: facts.pattern,
        retention_days: facts.retention_days,
        kms_key: facts.kms_key,
    };
    let changed = match deed {
        Deed::Delete => return buses.delete_archive(name).await,
        Deed::Tag => return Ok(()),
        Deed::Unmark => NewArchive { description: "by hand".to_owned(), ..as_it_is },
        Deed::Change => {
            NewArchive { pattern: json!({"source": ["by.hand"]}), retention_days: 99, kms_key: None, ..as_it_is }
        }
    };
    buses.change_archive(&changed).await
}

async fn alarm_by_hand(world: &World, name: &AlarmName, deed: Deed) -> Done {
    let monitoring = &world.aws.monitoring;
    let names = BTreeSet::from([name.clone()]);
    let arn = world.installation.alarm_arn(name);
    match deed {
        Deed::Delete => monitoring.delete_alarms(&names).await,
        Deed::Unmark => monitoring.untag_alarm(&arn, &marks()).await,
        Deed::Tag => monitoring.tag_alarm(&arn, &their_tag()).await,
        Deed::Change => {
            let found = monitoring.alarms(&names).await?.remove(0).alarm.unwrap();
            let changed = Alarm { threshold: found.threshold + 7.0, actions: BTreeSet::new(), ..found };
            monitoring.put_alarm(&changed, &Tags::new()).await
        }
    }
}

/// Dashboards have no tags; their mark is a text among what they show.
async fn dashboard_by_hand(world: &World, name: &DashboardName, deed: Deed) -> Done {
    let monitoring = &world.aws.monitoring;
    match deed {
        Deed::Delete => monitoring.delete_dashboard(name).await,
        Deed::Tag => Ok(()),
        Deed::Unmark => monitoring.put_dashboard(name, &json!({"widgets": []})).await,
        Deed::Change => {
            let mut body = monitoring.dashboard(name).await?.unwrap();
            body.as_object_mut().unwrap().insert("start".to_owned(), json!("-PT6H"));
            monitoring.put_dashboard(name, &body).await
        }
    }
}

fn rule_of_a_stranger(bus: &BusName, name: &RulePartName) -> NewRule {
    NewRule {
        bus: bus.clone(),
        name: name.clone(),
        pattern: json!({"source": ["by.hand"]}),
        state: RuleState::Disabled,
        description: "by hand".to_owned(),
        tags: their_tag(),
    }
}

/// Makes what is not there yet.
async fn strangers(world: &World, marked: bool, queues: bool, rule: bool) {
    let theirs = |owner: &Owner| tags::wanted(&world.of_another_cluster(), owner, &their_tag());
    let tags = |owner: Owner| if marked { theirs(&owner) } else { their_tag() };
    if queues {
        for name in ["gate", "gate-dlq", "gate-dlq.fifo", "gate-undelivered"] {
            let attributes = QueueAttributes {
                visibility_timeout_seconds: 11,
                retention_seconds: 111,
                max_message_bytes: 2048,
                delay_seconds: 0,
                content_based_deduplication: false,
                encryption: operator_core::ports::Encryption::SqsManaged,
                policy: None,
                redrive: None,
            };
            let queue =
                NewQueue { name: QueueName::parse(name).unwrap(), attributes, tags: tags(world.inbox("gate").owner) };
            if world.aws.queues.url(&queue.name).await.unwrap().is_none() {
                drop(world.aws.queues.create(&queue).await);
            }
        }
    }
    let bus = BusName::parse("acme").unwrap();
    if rule && world.aws.buses.bus(&bus).await.unwrap().is_some() {
        for name in ["departures", "departures-2", "departures-9", "departures-late"] {
            let name = RulePartName::parse(name).unwrap();
            if world.aws.buses.rules(&bus, name.as_str()).await.unwrap().iter().all(|found| found.name != name) {
                let rule = NewRule {
                    tags: tags(world.rule("acme", "departures", &[]).owner),
                    ..rule_of_a_stranger(&bus, &name)
                };
                drop(world.aws.buses.put_rule(&rule).await);
            }
        }
    }
}

/// Makes what has our names beside the bus, where it is not there yet: an archive, an alarm, a dashboard.
async fn strangers_beside(world: &World, marked: bool) {
    let owner = world.bus("acme").owner;
    let arn = world.installation.bus_arn(&BusName::parse("acme").unwrap());
    let archive = NewArchive {
        name: ArchiveName::parse("ours0").unwrap(),
        bus: arn,
        description: "by hand".to_owned(),
        pattern: json!({"source": ["by.hand"]}),
        retention_days: 9,
        kms_key: None,
    };
    // Where there is no bus, or no room, AWS refuses it.
    drop(world.aws.buses.create_archive(&archive).await);
    let monitoring = &world.aws.monitoring;
    let name = alarm_name(&world.installation, &owner, "by hand");
    if monitoring.alarms(&BTreeSet::from([name.clone()])).await.unwrap().is_empty() {
        let metric =
            Metric { namespace: "AWS/Events".to_owned(), name: "Hand".to_owned(), dimensions: BTreeMap::new() };
        let alarm = Alarm {
            name,
            description: "by hand".to_owned(),
            metric,
            statistic: Statistic::Sum,
            period_seconds: 60,
            evaluation_periods: 1,
            threshold: 1.0,
            comparison: Comparison::Greater,
            missing_data: MissingData::NotBreaching,
            actions: BTreeSet::new(),
        };
        let theirs = tags::wanted(&world.of_another_cluster(), &owner, &their_tag());
        monitoring.put_alarm(&alarm, &if marked { theirs } else { their_tag() }).await.unwrap();
    }
    let name = dashboard_name(&world.installation, &owner);
    if monitoring.dashboard(&name).await.unwrap().is_none() {
        monitoring.put_dashboard(&name, &json!({"widgets": []})).await.unwrap();
    }
}
