//! Over generated inboxes, one after the other: after `apply` the plan is empty, what is there is what a fresh inbox
//! would have, and a former key is all that may be left over, until the queues are empty.
#![allow(clippy::unwrap_used)]

mod support;

use operator_core::inbox::{self, Alarms, with_key};
use operator_core::policy::PolicyDocument;
use operator_core::policy::key::statement_for_eventbridge;
use operator_core::ports::{Encryption, KeyFacts};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use support::{World, converge_inbox, run};

/// What a test varies of one inbox.
#[derive(Debug, Clone)]
struct Wish {
    /// Without a key, or with one of two.
    key: Option<u8>,
    reuse: u32,
    sealed: bool,
    alarms: Option<(u32, u32, bool)>,
    retention: (u32, u32),
    rules: BTreeSet<u8>,
    consumers: BTreeSet<u8>,
    redrivers: BTreeSet<u8>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let encryption = (proptest::option::of(0..2u8), 60..3u32 * 100);
    let alarms = proptest::option::of((60..9_999u32, 0..3u32, any::<bool>()));
    let retention = (60..700_000u32, 1..500_000u32);
    let sets = (btree_set(0..6u8, 0..4), btree_set(0..3u8, 0..3), btree_set(0..3u8, 0..3));
    (encryption, any::<bool>(), alarms, retention, sets).prop_map(|(encryption, sealed, alarms, retention, sets)| {
        Wish {
            key: encryption.0,
            reuse: encryption.1,
            sealed,
            alarms,
            retention,
            rules: sets.0,
            consumers: sets.1,
            redrivers: sets.2,
        }
    })
}

fn world() -> World {
    let world = World::new();
    let statement = statement_for_eventbridge(&world.installation);
    for number in 0..2 {
        let facts = KeyFacts {
            arn: format!("arn:aws:kms:eu-west-3:210987654321:key/k{number}").parse().unwrap(),
            aws_managed: false,
            enabled: true,
            symmetric: true,
        };
        let policy = PolicyDocument::new(json!({"Statement": statement}));
        world.fake.set_key(&facts, &format!("alias/key{number}").parse().unwrap(), &policy);
    }
    world
}

impl Wish {
    fn inbox(&self, world: &World, fifo: bool) -> inbox::Desired {
        let Self { key, reuse, sealed, alarms, retention, rules, consumers, redrivers } = self;
        let names = |numbers: &BTreeSet<u8>| numbers.iter().map(|number| format!("sa{number}")).collect();
        let rule = |number: &u8| format!("arn:aws:events:eu-west-3:210987654321:rule/acme/r{number}").parse().unwrap();
        inbox::Desired {
            encryption: match key {
                Some(number) => with_key(&format!("alias/key{number}"), *reuse).unwrap(),
                None => Encryption::SqsManaged,
            },
            sealed: *sealed,
            alarms: alarms.map(|(age, dead_letters, paged)| Alarms {
                actions: paged
                    .then(|| "arn:aws:sns:eu-west-3:210987654321:pager".parse().unwrap())
                    .into_iter()
                    .collect(),
                oldest_message_age_seconds: age,
                dead_letters,
                in_flight: 100_000,
            }),
            retention_seconds: retention.0,
            dead_letter_retention_seconds: retention.0 + retention.1,
            allowed_rule_arns: rules.iter().map(rule).collect(),
            service_accounts: names(consumers),
            redrive_service_accounts: names(redrivers),
            ..world.inbox(if fifo { "gate.fifo" } else { "gate" })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn after_apply_the_plan_is_empty_and_all_is_as_if_it_were_new(wishes in vec(wish(), 1..5), fifo: bool) {
        run(async {
            let world = world();
            for wish in &wishes {
                let desired = wish.inbox(&world, fifo);
                let (applied, _) = converge_inbox(&world.aws, &desired).await.unwrap();
                prop_assert_eq!(&applied.allowed_rule_arns, &desired.allowed_rule_arns);
                let observed = inbox::observe(&world.aws, &desired).await.unwrap();
                prop_assert_eq!(inbox::plan(&desired, &observed), vec![]);
                // The queues are empty, so former keys go.
                let retired = inbox::retire_keys(&desired, &observed);
                inbox::apply(&world.aws, &desired, &observed, &retired).await.unwrap();
                let observed = inbox::observe(&world.aws, &desired).await.unwrap();
                prop_assert_eq!(inbox::plan(&desired, &observed), vec![]);
                prop_assert_eq!(inbox::retire_keys(&desired, &observed), vec![]);

                let fresh = self::world();
                converge_inbox(&fresh.aws, &desired).await.unwrap();
                prop_assert_eq!(world.fake.things(), fresh.fake.things());
            }
            Ok(())
        })?;
    }
}
