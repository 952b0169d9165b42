//! Where the policies of an inbox have no room for all rules, the same ones stay out whenever one looks, and what
//! delivers already stays in.

use crate::support::{World, converge_bus, converge_inbox, converge_rule, run};
use operator_core::arn::RuleArn;
use operator_core::inbox::{self, give_room};
use operator_core::names::RuleName;
use operator_core::ports::QueueChange;
use std::collections::BTreeSet;

/// Rules, oldest first, each of so many parts.
fn rules(world: &World, parts: &[usize]) -> Vec<BTreeSet<RuleArn>> {
    let bus = world.bus("acme-bus").bus_name;
    let rule = |(number, parts): (usize, &usize)| {
        let name = RuleName::parse(format!("a-rule-{number:03}")).unwrap();
        world.installation.rule_arns(&bus, &name, parts * 5).into_iter().collect()
    };
    parts.iter().enumerate().map(rule).collect()
}

#[test]
fn a_sealed_inbox_has_room_for_about_half_as_many_rules_as_an_open_one() {
    let world = World::new();
    let sealed = world.inbox("gate");
    let open = inbox::Desired { sealed: false, ..sealed.clone() };
    for (desired, about) in [(&sealed, 50_usize..=60), (&open, 110..=130)] {
        let room = give_room(desired, &rules(&world, &[1; 200]));
        assert!(about.contains(&room.admitted.len()), "{}", room.admitted.len());
        assert_eq!(room.admitted.len() + room.without_room.len(), 200);
        // One more would be refused by SQS, these are not.
        let fitting = inbox::Desired { allowed_rule_arns: room.admitted.clone(), ..desired.clone() };
        run(async { converge_inbox(&World::new().aws, &fitting).await.unwrap() });
        let mut too_many = fitting.clone();
        too_many.allowed_rule_arns.extend(room.without_room.iter().next().cloned());
        let observed = inbox::Observed::default();
        assert_ne!(inbox::plan(&fitting, &observed), inbox::plan(&too_many, &observed));
    }
}

#[test]
fn the_oldest_get_in_with_all_their_parts_or_not_at_all_and_none_overtakes() {
    let world = World::new();
    let desired = world.inbox("gate");
    let most = give_room(&desired, &rules(&world, &[1; 200])).admitted.len();
    let mut parts = vec![1; most - 2];
    parts.extend([5, 1, 1]);
    let rules = rules(&world, &parts);
    let room = give_room(&desired, &rules);
    let (old, young) = rules.split_at(most - 2);
    assert_eq!(room.admitted, old.iter().flatten().cloned().collect());
    assert_eq!(room.without_room, young.iter().flatten().cloned().collect());
    assert_eq!(give_room(&desired, &rules), room, "it is the same whenever one looks");
}

#[test]
fn without_rules_there_is_room_and_a_rule_that_is_named_twice_counts_once() {
    let world = World::new();
    let desired = world.inbox("gate");
    assert_eq!(give_room(&desired, &[]), inbox::Room::default());
    let twice = [rules(&world, &[1]), rules(&world, &[1])].concat();
    assert_eq!(give_room(&desired, &twice).admitted.len(), 1);
}

#[test]
fn what_is_new_waits_while_rules_that_linger_leave_no_room_and_what_delivers_stays() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme-bus")).await.unwrap();
        let mut desired = world.inbox("gate");
        let all = rules(&world, &[1; 200]);
        let most = give_room(&desired, &all).admitted.len();
        let full: BTreeSet<RuleArn> = all.iter().take(most).flatten().cloned().collect();
        desired.allowed_rule_arns.clone_from(&full);
        converge_inbox(&world.aws, &desired).await.unwrap();
        // The last rule delivers, should no longer, and another one should instead.
        converge_rule(&world.aws, &world.rule("acme-bus", &format!("a-rule-{:03}", most - 1), &["gate"]))
            .await
            .unwrap();
        let other: RuleArn = "arn:aws:events:eu-west-3:210987654321:rule/acme-bus/a-rule-999".parse().unwrap();
        desired.allowed_rule_arns = all.iter().take(most - 1).flatten().cloned().chain([other.clone()]).collect();
        let (applied, actions) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!((actions, applied.lingering.len()), (0, 1));
        assert!(!applied.allowed_rule_arns.contains(&other), "it is not said to be let in");
        assert_eq!(applied.allowed_rule_arns.len(), most - 1);
        // What somebody takes away meanwhile is put back.
        let url = world.aws.queues.url(&desired.queue_name.dead_letter()).await.unwrap().unwrap();
        let change = QueueChange { policy: Some(None), ..QueueChange::default() };
        world.aws.queues.change(&url, &change).await.unwrap();
        assert_eq!(converge_inbox(&world.aws, &desired).await.unwrap().1, 1);
        // The other leaves, and there is room.
        converge_rule(&world.aws, &world.rule("acme-bus", &format!("a-rule-{:03}", most - 1), &[])).await.unwrap();
        let (applied, actions) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!((actions, applied.lingering.len()), (2, 0), "both policies");
        assert!(applied.allowed_rule_arns.contains(&other));
    });
}

#[test]
fn an_inbox_is_not_sealed_while_more_rules_deliver_than_a_sealed_one_can_name() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme-bus")).await.unwrap();
        let mut desired = inbox::Desired { sealed: false, ..world.inbox("gate") };
        desired.allowed_rule_arns = rules(&world, &[1; 60]).into_iter().flatten().collect();
        converge_inbox(&world.aws, &desired).await.unwrap();
        for number in 0..60 {
            let rule = world.rule("acme-bus", &format!("a-rule-{number:03}"), &["gate"]);
            converge_rule(&world.aws, &rule).await.unwrap();
        }
        desired.sealed = true;
        desired.allowed_rule_arns = give_room(&desired, &rules(&world, &[1; 60])).admitted;
        let before = world.fake.things();
        let (applied, _) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!(world.fake.things(), before, "nothing that delivers is put out");
        assert_eq!(applied.allowed_rule_arns, desired.allowed_rule_arns);
        assert_eq!(applied.lingering.len(), 60 - desired.allowed_rule_arns.len());
    });
}
