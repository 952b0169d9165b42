//! What stands beside queues and rules, through the real adapters against an emulated AWS: archives, alarms,
//! dashboards, metrics and keys, one by one; then a bus with all of them, and what alarms tell whom.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod alarms;

use aws_config::{BehaviorVersion, SdkConfig};
use operator_core::arn::OidcProviderArn;
use operator_core::bus::{self, Deletion, DesiredAlarms, DesiredArchive, Publishing, SharedAlarm};
use operator_core::deletion::DeletionStep;
use operator_core::error::ErrorClass;
use operator_core::names::{AlarmName, ArchiveName, BusName, DashboardName, KmsKeyId};
use operator_core::owner::ServiceAccount;
use operator_core::owner::{Kind, Owner};
use operator_core::ports::{
    Alarm, Aws, BusSettings, Comparison, Metric, MetricQuery, MissingData, NewArchive, NewBus, Statistic, Window,
};
use operator_core::rule::EventPattern;
use operator_core::tags::Tags;
use operator_core::{Claim, Installation};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const REGION: &str = "eu-west-3";

/// The emulator, and a suffix that makes names of this test its own.
struct Emulated {
    config: SdkConfig,
    aws: Aws,
    suffix: String,
}

async fn emulated() -> Emulated {
    let Ok(endpoint) = std::env::var("QSL_TEST_AWS_ENDPOINT") else {
        panic!("QSL_TEST_AWS_ENDPOINT is not set: this test needs an emulated AWS, which `cargo xtask test` starts")
    };
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(aws_config::Region::new(REGION))
        .test_credentials()
        .load()
        .await;
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    Emulated { aws: operator_aws::connect(&config), config, suffix: format!("{nanos:x}") }
}

impl Emulated {
    async fn installation(&self) -> Arc<Installation> {
        let caller = operator_aws::caller(&self.config).await.unwrap();
        let provider = format!("arn:aws:iam::{}:oidc-provider/oidc.example/id/7", caller.account);
        Arc::new(Installation {
            account: caller.account,
            region: REGION.parse().unwrap(),
            partition: caller.partition,
            cluster_id: format!("cluster-{}", self.suffix),
            oidc_provider: OidcProviderArn::parse(&provider).unwrap(),
            token_audience: "sts.amazonaws.com".to_owned(),
            permissions_boundary: None,
            settle: Duration::ZERO,
            tools: ServiceAccount { namespace: "ground".to_owned(), name: "tools".to_owned() },
            tags: Tags::new(),
        })
    }

    fn alarm(&self, number: u8) -> Alarm {
        Alarm {
            name: AlarmName::parse(format!("qsl-{}-{number}", self.suffix)).unwrap(),
            description: "the first".to_owned(),
            metric: Metric {
                namespace: "AWS/Events".to_owned(),
                name: "FailedInvocations".to_owned(),
                dimensions: BTreeMap::from([("EventBusName".to_owned(), "acme".to_owned())]),
            },
            statistic: Statistic::Sum,
            period_seconds: 60,
            evaluation_periods: 1,
            threshold: 1.0,
            comparison: Comparison::GreaterOrEqual,
            missing_data: MissingData::NotBreaching,
            actions: BTreeSet::from(["arn:aws:sns:eu-west-3:210987654321:pager".parse().unwrap()]),
        }
    }
}

#[tokio::test]
async fn an_alarm_is_put_read_tagged_and_deleted() {
    let emulated = emulated().await;
    let monitoring = &emulated.aws.monitoring;
    let tags = Tags::from([("team".to_owned(), "ground".to_owned())]);
    let mut alarm = emulated.alarm(1);
    monitoring.put_alarm(&alarm, &tags).await.unwrap();
    let named = BTreeSet::from([alarm.name.clone()]);
    let found = monitoring.alarms(&named).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].alarm.as_ref(), Some(&alarm));
    assert_eq!(monitoring.alarms_under(&format!("qsl-{}", emulated.suffix)).await.unwrap(), found);
    let arn = &found[0].arn;
    assert_eq!(arn.name().as_ref(), Some(&alarm.name));
    assert_eq!(monitoring.alarm_tags(arn).await.unwrap(), tags);

    alarm.threshold = 2.5;
    alarm.actions.clear();
    alarm.description = "the second".to_owned();
    monitoring.put_alarm(&alarm, &Tags::new()).await.unwrap();
    assert_eq!(monitoring.alarms(&named).await.unwrap()[0].alarm.as_ref(), Some(&alarm));
    assert_eq!(monitoring.alarm_tags(arn).await.unwrap(), tags, "tags are not touched by a second put");
    monitoring.tag_alarm(arn, &Tags::from([("shift".to_owned(), "night".to_owned())])).await.unwrap();
    monitoring.untag_alarm(arn, &BTreeSet::from(["team".to_owned()])).await.unwrap();
    let tags = monitoring.alarm_tags(arn).await.unwrap();
    assert_eq!(tags, Tags::from([("shift".to_owned(), "night".to_owned())]));

    monitoring.delete_alarms(&named).await.unwrap();
    assert!(monitoring.alarms(&named).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_dashboard_is_put_read_and_deleted() {
    let emulated = emulated().await;
    let monitoring = &emulated.aws.monitoring;
    let name = DashboardName::parse(format!("qsl-{}", emulated.suffix)).unwrap();
    assert_eq!(monitoring.dashboard(&name).await.unwrap(), None);
    for text in ["one", "two"] {
        let body = json!({"widgets": [{"type": "text", "width": 6, "height": 1, "properties": {"markdown": text}}]});
        monitoring.put_dashboard(&name, &body).await.unwrap();
        assert_eq!(monitoring.dashboard(&name).await.unwrap(), Some(body));
    }
    monitoring.delete_dashboard(&name).await.unwrap();
    assert_eq!(monitoring.dashboard(&name).await.unwrap(), None);
    monitoring.delete_dashboard(&name).await.unwrap();
}

#[tokio::test]
async fn the_newest_values_of_metrics_are_read_in_the_order_asked_for() {
    let emulated = emulated().await;
    let client = aws_sdk_cloudwatch::Client::new(&emulated.config);
    let namespace = format!("Tests/{}", emulated.suffix);
    for (metric, value) in [("Age", 7.0), ("Depth", 3.0)] {
        let datum = aws_sdk_cloudwatch::types::MetricDatum::builder().metric_name(metric).value(value).build();
        client.put_metric_data().namespace(&namespace).metric_data(datum).send().await.unwrap();
    }
    let query = |name: &str| MetricQuery {
        metric: Metric { namespace: namespace.clone(), name: name.to_owned(), dimensions: BTreeMap::new() },
        statistic: Statistic::Maximum,
        period_seconds: 60,
    };
    let now = jiff::Timestamp::now();
    let window = Window {
        from: now.checked_sub(jiff::SignedDuration::from_mins(10)).unwrap(),
        until: now.checked_add(jiff::SignedDuration::from_mins(1)).unwrap(),
    };
    let queries = [query("Depth"), query("Nothing"), query("Age")];
    let newest = emulated.aws.monitoring.newest(&queries, window).await.unwrap();
    assert_eq!(newest, [Some(3.0), None, Some(7.0)]);
}

#[tokio::test]
async fn an_archive_is_made_changed_listed_and_deleted() {
    let emulated = emulated().await;
    let buses = &emulated.aws.buses;
    let name = BusName::parse(format!("acme-{}", emulated.suffix)).unwrap();
    let new = NewBus { name: name.clone(), settings: BusSettings::default(), tags: Tags::new() };
    let bus = buses.create_bus(&new).await.unwrap();
    let mut archive = NewArchive {
        name: ArchiveName::parse(format!("all-{}", emulated.suffix)).unwrap(),
        bus: bus.clone(),
        description: "the first".to_owned(),
        pattern: json!({"source": [{"prefix": ""}]}),
        retention_days: 0,
        kms_key: None,
    };
    assert_eq!(buses.archive(&archive.name).await.unwrap(), None);
    buses.create_archive(&archive).await.unwrap();
    assert_eq!(buses.create_archive(&archive).await.unwrap_err().class, ErrorClass::Conflict);
    archive.retention_days = 7;
    archive.pattern = json!({"source": ["acme.flight"]});
    archive.description = "the second".to_owned();
    buses.change_archive(&archive).await.unwrap();
    let found = buses.archive(&archive.name).await.unwrap().unwrap();
    assert_eq!((found.retention_days, found.description.as_str()), (7, "the second"));
    assert_eq!((found.pattern, found.bus, found.failure), (archive.pattern.clone(), bus.to_string(), None));
    assert_eq!(buses.archives(&bus).await.unwrap(), BTreeSet::from([archive.name.clone()]));
    buses.delete_archive(&archive.name).await.unwrap();
    buses.delete_archive(&archive.name).await.unwrap();
    assert_eq!(buses.change_archive(&archive).await.unwrap_err().class, ErrorClass::Missing);
    assert!(buses.archives(&bus).await.unwrap().is_empty());
    buses.delete_bus(&name).await.unwrap();
}

#[tokio::test]
async fn a_key_is_found_by_its_alias_with_its_policy() {
    let emulated = emulated().await;
    let client = aws_sdk_kms::Client::new(&emulated.config);
    let made = client.create_key().send().await.unwrap();
    let id = made.key_metadata().unwrap().key_id();
    let alias = format!("alias/ledger-{}", emulated.suffix);
    client.create_alias().alias_name(&alias).target_key_id(id).send().await.unwrap();
    let keys = &emulated.aws.keys;
    let found = keys.key(&KmsKeyId::parse(alias).unwrap()).await.unwrap().unwrap();
    assert!(found.arn.to_string().ends_with(id), "{found:?}");
    assert!(found.enabled && found.symmetric && !found.aws_managed, "{found:?}");
    assert!(!keys.key_policy(&found.arn).await.unwrap().statements().is_empty());
    let none = KmsKeyId::parse(format!("alias/none-{}", emulated.suffix)).unwrap();
    assert_eq!(keys.key(&none).await.unwrap(), None);
}

#[tokio::test]
async fn a_bus_with_all_there_is_is_made_changed_and_deleted() {
    let emulated = emulated().await;
    let installation = emulated.installation().await;
    let named = |name: &str| ArchiveName::parse(format!("{name}-{}", emulated.suffix)).unwrap();
    let pattern = EventPattern::parse(json!({"source": ["acme.flight"]})).unwrap();
    let actions = BTreeSet::from(["arn:aws:sns:eu-west-3:210987654321:pager".parse().unwrap()]);
    let mut desired = bus::Desired {
        installation: installation.clone(),
        owner: Owner {
            kind: Kind::EventBus,
            namespace: "tower".to_owned(),
            name: "acme".to_owned(),
            uid: "uid-1".to_owned(),
        },
        claim: Claim::Own,
        bus_name: BusName::parse(format!("acme-{}", emulated.suffix)).unwrap(),
        description: "a bus".to_owned(),
        publishers: BTreeMap::new(),
        publishing: Publishing::Enabled,
        kms_key: None,
        dead_letter: None,
        archives: BTreeMap::from([
            (named("all"), DesiredArchive { pattern: None, retention_days: 0 }),
            (named("some"), DesiredArchive { pattern: Some(pattern), retention_days: 3 }),
        ]),
        alarms: Some(DesiredAlarms {
            rules: BTreeSet::from(["departures".parse().unwrap()]),
            actions: actions.clone(),
        }),
        shared_alarm: SharedAlarm::Kept(actions),
        dashboard: true,
        tags: Tags::from([("team".to_owned(), "ground".to_owned())]),
    };
    converge(&emulated.aws, &desired).await;
    desired.archives.pop_first();
    desired.archives.values_mut().for_each(|archive| *archive = DesiredArchive { pattern: None, retention_days: 0 });
    desired.alarms.as_mut().unwrap().actions.clear();
    desired.dashboard = false;
    desired.tags.clear();
    converge(&emulated.aws, &desired).await;
    let deletion = Deletion {
        installation,
        owner: desired.owner.clone(),
        bus_name: desired.bus_name.clone(),
        force: false,
        last_with_alarms: true,
    };
    loop {
        let seen = bus::observe_deletion(&emulated.aws, &deletion).await.unwrap();
        match bus::plan_deletion(&deletion, &seen) {
            DeletionStep::Act(actions) => bus::apply_deletion(&emulated.aws, &deletion, &actions).await.unwrap(),
            step => {
                assert_eq!(step, DeletionStep::Gone);
                break;
            }
        }
    }
    assert!(emulated.aws.buses.bus(&desired.bus_name).await.unwrap().is_none());
}

async fn converge(aws: &Aws, desired: &bus::Desired) {
    let observed = bus::observe(aws, desired).await.unwrap();
    bus::apply(aws, desired, &bus::plan(desired, &observed)).await.unwrap();
    let after = bus::observe(aws, desired).await.unwrap();
    assert_eq!(bus::plan(desired, &after), []);
}
