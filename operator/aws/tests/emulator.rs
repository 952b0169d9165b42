//! Each kind through the real adapters against an emulated AWS: create, observe, plan empty, change, delete.
//!
//! A test runs itself again as a child whose environment is a pod's: a web identity token, a role, a Region and
//! the endpoint, and no key. So the credentials take the way they take in a cluster.
#![allow(clippy::unwrap_used, clippy::panic)]

use aws_sdk_sqs::types::QueueAttributeName as Name;
use operator_core::arn::{OidcProviderArn, QueueArn, Region};
use operator_core::bus::{Publishing, SharedAlarm};
use operator_core::deletion::{DeletionBlocked, DeletionStep};
use operator_core::error::ErrorClass;
use operator_core::names::{BusName, InboxQueueName, RuleName};
use operator_core::owner::{Kind, Owner, ServiceAccount};
use operator_core::ports::{Aws, Encryption, RuleState};
use operator_core::rule::{EventPattern, RuleTarget};
use operator_core::tags::Tags;
use operator_core::{Claim, Installation, bus, inbox, rule};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const REGION: &str = "eu-west-3";
const ACCOUNT: &str = "210987654321";

/// The emulator's services and what one test makes in them.
struct Emulated {
    aws: Aws,
    sqs: aws_sdk_sqs::Client,
    installation: Arc<Installation>,
    suffix: String,
}

/// Runs a test in a pod's environment.
fn in_a_pod<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Emulated) -> F) {
    if std::env::var_os("QSL_TEST_IN_A_POD").is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(async { body(emulated().await).await });
    }
    let Ok(endpoint) = std::env::var("QSL_TEST_AWS_ENDPOINT") else {
        panic!("QSL_TEST_AWS_ENDPOINT is not set: this test needs an emulated AWS, which `cargo xtask test` starts")
    };
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "header.claims.signature").unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .env("QSL_TEST_IN_A_POD", "1")
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", REGION)
        .env("AWS_ROLE_ARN", format!("arn:aws:iam::{ACCOUNT}:role/operator"))
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in the pod's environment; its output is above");
}

async fn emulated() -> Emulated {
    let config = operator_aws::load().await;
    let caller = operator_aws::caller(&config).await.unwrap();
    assert_eq!(caller.account.as_str(), ACCOUNT);
    assert!(caller.arn.contains("assumed-role/operator"), "{}", caller.arn);
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example/id/7");
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    Emulated {
        aws: operator_aws::connect(&config),
        sqs: aws_sdk_sqs::Client::new(&config),
        installation: Arc::new(Installation {
            account: caller.account,
            region: Region::parse(REGION).unwrap(),
            partition: caller.partition,
            cluster_id: "cluster-a".to_owned(),
            oidc_provider: OidcProviderArn::parse(&provider).unwrap(),
            token_audience: "sts.amazonaws.com".to_owned(),
            permissions_boundary: None,
            settle: Duration::ZERO,
            tools: ServiceAccount { namespace: "ground".to_owned(), name: "tools".to_owned() },
            tags: Tags::new(),
        }),
        suffix: format!("{nanos:x}"),
    }
}

impl Emulated {
    fn owner(&self, kind: Kind, name: &str) -> Owner {
        let name = format!("{name}-{}", self.suffix);
        Owner { kind, namespace: "tower".to_owned(), name, uid: "uid-1".to_owned() }
    }

    fn bus(&self) -> bus::Desired {
        let account = ServiceAccount { namespace: "hangar".to_owned(), name: "pilot".to_owned() };
        bus::Desired {
            installation: self.installation.clone(),
            owner: self.owner(Kind::EventBus, "acme"),
            claim: Claim::Own,
            bus_name: BusName::parse(format!("acme-{}", self.suffix)).unwrap(),
            description: "first".to_owned(),
            publishers: BTreeMap::from([(account, BTreeSet::from(["acme.flight".parse().unwrap()]))]),
            publishing: Publishing::Enabled,
            kms_key: None,
            dead_letter: None,
            archives: BTreeMap::new(),
            alarms: None,
            shared_alarm: SharedAlarm::OfOthers,
            dashboard: false,
            tags: Tags::from([("team".to_owned(), "ground".to_owned())]),
        }
    }

    fn rule(&self, queues: &[QueueArn]) -> rule::Desired {
        let target = |queue: &QueueArn| RuleTarget {
            queue: queue.clone(),
            dead_letter: Some(QueueArn::parse(&format!("{queue}-dlq")).unwrap()),
            max_event_age_seconds: Some(240),
            max_retries: None,
            message_group_id: None,
            ready: true,
        };
        rule::Desired {
            installation: self.installation.clone(),
            owner: self.owner(Kind::EventRule, "departures"),
            claim: Claim::Own,
            bus_name: self.bus().bus_name,
            rule_name: RuleName::parse("departures").unwrap(),
            event_pattern: EventPattern::parse(json!({"source": ["acme.flight"]})).unwrap(),
            state: RuleState::Enabled,
            targets: queues.iter().map(target).collect(),
            tags: Tags::new(),
        }
    }

    fn inbox(&self, name: &str) -> inbox::Desired {
        inbox::Desired {
            installation: self.installation.clone(),
            owner: self.owner(Kind::InboxQueue, name),
            claim: Claim::Own,
            queue_name: InboxQueueName::parse(format!("{name}-{}", self.suffix)).unwrap(),
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

    async fn converge_bus(&self, desired: &bus::Desired) -> usize {
        let actions = bus::plan(desired, &bus::observe(&self.aws, desired).await.unwrap());
        bus::apply(&self.aws, desired, &actions).await.unwrap();
        let after = bus::observe(&self.aws, desired).await.unwrap();
        assert_eq!(bus::plan(desired, &after), []);
        let applied = bus::Applied::expected(desired);
        assert_eq!(after.bus.unwrap().arn, applied.bus_arn);
        let arns: Vec<_> = after.roles.into_values().map(|role| role.facts.arn).collect();
        assert_eq!(arns, applied.publisher_roles.into_iter().map(|role| role.arn).collect::<Vec<_>>());
        actions.len()
    }

    async fn converge_rule(&self, desired: &rule::Desired) -> usize {
        let observed = rule::observe(&self.aws, desired).await.unwrap();
        let actions = rule::plan(desired, &observed);
        rule::apply(&self.aws, desired, &observed, &actions).await.unwrap();
        let after = rule::observe(&self.aws, desired).await.unwrap();
        assert_eq!(rule::plan(desired, &after), []);
        actions.len()
    }

    async fn converge_inbox(&self, desired: &inbox::Desired) -> (inbox::Applied, usize) {
        let observed = inbox::observe(&self.aws, desired).await.unwrap();
        let actions = inbox::plan(desired, &observed);
        let applied = inbox::apply(&self.aws, desired, &observed, &actions).await.unwrap();
        let after = inbox::observe(&self.aws, desired).await.unwrap();
        assert_eq!(inbox::plan(desired, &after), []);
        (applied, actions.len())
    }

    async fn delete_bus(&self, desired: &bus::Desired) -> DeletionStep<bus::Action> {
        let deletion = bus::Deletion {
            installation: desired.installation.clone(),
            owner: desired.owner.clone(),
            bus_name: desired.bus_name.clone(),
            force: false,
            last_with_alarms: false,
        };
        loop {
            let seen = bus::observe_deletion(&self.aws, &deletion).await.unwrap();
            match bus::plan_deletion(&deletion, &seen) {
                DeletionStep::Act(actions) => bus::apply_deletion(&self.aws, &deletion, &actions).await.unwrap(),
                step => return step,
            }
        }
    }

    async fn delete_rule(&self, desired: &rule::Desired) -> DeletionStep<rule::Action> {
        let deletion = rule::Deletion {
            installation: desired.installation.clone(),
            owner: desired.owner.clone(),
            bus_name: desired.bus_name.clone(),
            rule_name: desired.rule_name.clone(),
        };
        loop {
            let seen = rule::observe_deletion(&self.aws, &deletion).await.unwrap();
            match rule::plan_deletion(&deletion, &seen) {
                DeletionStep::Act(actions) => rule::apply_deletion(&self.aws, &actions).await.unwrap(),
                step => return step,
            }
        }
    }

    async fn delete_inbox(&self, desired: &inbox::Desired) -> DeletionStep<inbox::Action> {
        let deletion = inbox::Deletion {
            installation: desired.installation.clone(),
            owner: desired.owner.clone(),
            queue_name: desired.queue_name.clone(),
            force: false,
        };
        loop {
            let seen = inbox::observe_deletion(&self.aws, &deletion).await.unwrap();
            match inbox::plan_deletion(&deletion, &seen, jiff::Timestamp::now()) {
                DeletionStep::Act(actions) => inbox::apply_deletion(&self.aws, &deletion, &actions).await.unwrap(),
                step => return step,
            }
        }
    }
}

#[test]
fn a_bus_is_made_changed_and_deleted() {
    in_a_pod("a_bus_is_made_changed_and_deleted", |emulated| async move {
        let mut desired = emulated.bus();
        assert_eq!(emulated.converge_bus(&desired).await, 3);
        desired.description = "second".to_owned();
        desired.tags.insert("team".to_owned(), "air".to_owned());
        for sources in desired.publishers.values_mut() {
            sources.insert("acme.cargo.*".parse().unwrap());
        }
        // The description, the bus's tag, the role's tag, the role's policy. The bus's own policy is not here: the
        // emulator puts a statement of its own in the place of a document.
        assert_eq!(emulated.converge_bus(&desired).await, 4);
        desired.publishers.clear();
        assert_eq!(emulated.converge_bus(&desired).await, 1, "the role goes");

        let mut theirs = desired.clone();
        theirs.owner.name = "somebody".to_owned();
        let error = bus::observe(&emulated.aws, &theirs).await.unwrap_err();
        assert!(matches!(error.class, ErrorClass::NotOurs { .. }), "{error}");

        assert_eq!(emulated.delete_bus(&desired).await, DeletionStep::Gone);
        assert!(bus::observe(&emulated.aws, &desired).await.unwrap().bus.is_none());
    });
}

#[test]
fn an_inbox_is_made_changed_and_deleted_when_it_is_empty() {
    in_a_pod("an_inbox_is_made_changed_and_deleted_when_it_is_empty", |emulated| async move {
        let mut desired = emulated.inbox("gate");
        let (applied, actions) = emulated.converge_inbox(&desired).await;
        assert_eq!(actions, 6, "two queues, two roles and their policies");
        assert_eq!(Some(applied.inbox.arn), desired.queue_arn(inbox::Part::Inbox));
        desired.visibility_timeout_seconds = 90;
        desired.max_receive_count = 30;
        desired.sealed = false;
        desired.service_accounts.insert("deputy".to_owned());
        emulated.converge_inbox(&desired).await;

        let url = applied.dead_letter.url.0;
        emulated.sqs.send_message().queue_url(&url).message_body("a dead letter").send().await.unwrap();
        let step = emulated.delete_inbox(&desired).await;
        assert!(
            matches!(&step, DeletionStep::Blocked(DeletionBlocked::Messages { queues }) if queues.len() == 1),
            "{step:?}"
        );
        emulated.sqs.purge_queue().queue_url(&url).send().await.unwrap();
        assert_eq!(emulated.delete_inbox(&desired).await, DeletionStep::Gone);
        assert!(inbox::observe(&emulated.aws, &desired).await.unwrap().queues.is_empty());
    });
}

#[test]
fn a_fifo_inbox_is_made_and_deleted() {
    in_a_pod("a_fifo_inbox_is_made_and_deleted", |emulated| async move {
        let mut desired = emulated.inbox("gate");
        desired.queue_name = InboxQueueName::parse(format!("{}.fifo", desired.queue_name)).unwrap();
        let (applied, actions) = emulated.converge_inbox(&desired).await;
        assert_eq!(actions, 7, "three queues, two roles and their policies");
        assert_ne!(applied.undelivered, applied.dead_letter);
        assert_eq!(emulated.delete_inbox(&desired).await, DeletionStep::Gone);
    });
}

#[test]
fn what_is_set_of_an_inbox_by_hand_is_put_right_and_alarms_come_and_go() {
    in_a_pod("what_is_set_of_an_inbox_by_hand_is_put_right_and_alarms_come_and_go", |emulated| async move {
        let mut desired = emulated.inbox("gate");
        let (applied, _) = emulated.converge_inbox(&desired).await;
        let by_hand =
            [(Name::SqsManagedSseEnabled, "false"), (Name::MaximumMessageSize, "1024"), (Name::DelaySeconds, "9")];
        for (name, value) in by_hand {
            let request = emulated.sqs.set_queue_attributes().queue_url(&applied.inbox.url.0).attributes(name, value);
            request.send().await.unwrap();
        }
        assert_eq!(emulated.converge_inbox(&desired).await.1, 1);

        let actions = BTreeSet::from(["arn:aws:sns:eu-west-3:210987654321:pager".parse().unwrap()]);
        let (oldest_message_age_seconds, dead_letters, in_flight) = (900, 0, 100_000);
        desired.alarms = Some(inbox::Alarms { actions, oldest_message_age_seconds, dead_letters, in_flight });
        assert_eq!(emulated.converge_inbox(&desired).await.1, 4, "a mark on the queue and three alarms");
        assert_eq!(inbox::observe(&emulated.aws, &desired).await.unwrap().alarms.len(), 3);
        desired.alarms = None;
        assert_eq!(emulated.converge_inbox(&desired).await.1, 2, "the alarms go, then the mark");
        assert_eq!(emulated.delete_inbox(&desired).await, DeletionStep::Gone);
    });
}

#[test]
fn a_rule_is_split_changed_and_deleted_before_its_bus() {
    in_a_pod("a_rule_is_split_changed_and_deleted_before_its_bus", |emulated| async move {
        let bus = emulated.bus();
        let orphan = emulated.rule(&[]);
        let observed = rule::observe(&emulated.aws, &orphan).await.unwrap_or_default();
        let actions = rule::plan(&orphan, &observed);
        let missing = rule::apply(&emulated.aws, &orphan, &observed, &actions).await.unwrap_err();
        assert_eq!(missing.class, ErrorClass::Missing, "{missing}");
        emulated.converge_bus(&bus).await;
        let mut queues = Vec::new();
        for number in 1..=6 {
            let (applied, _) = emulated.converge_inbox(&emulated.inbox(&format!("gate{number}"))).await;
            queues.push(applied.inbox.arn);
        }
        let mut desired = emulated.rule(&queues);
        assert_eq!(emulated.converge_rule(&desired).await, 4, "two rules, targets on both");
        let observed = rule::observe(&emulated.aws, &desired).await.unwrap();
        assert_eq!(observed.parts.keys().copied().collect::<Vec<_>>(), [1, 2]);

        assert!(matches!(emulated.delete_bus(&bus).await, DeletionStep::Blocked(DeletionBlocked::Rules { .. })));

        desired = emulated.rule(queues.get(..2).unwrap());
        desired.state = RuleState::Disabled;
        desired.event_pattern = EventPattern::parse(json!({"source": [{"prefix": "acme."}]})).unwrap();
        emulated.converge_rule(&desired).await;

        assert_eq!(emulated.delete_rule(&desired).await, DeletionStep::Gone);
        assert_eq!(emulated.delete_bus(&bus).await, DeletionStep::Gone);
        for number in 1..=6 {
            let inbox = emulated.inbox(&format!("gate{number}"));
            assert_eq!(emulated.delete_inbox(&inbox).await, DeletionStep::Gone);
        }
    });
}
