//! The CloudFormation templates of `infra/aws` make what the operator makes of the examples' objects, by its own steps:
//! the same names, attributes, policies, targets and alarms.
//!
//! What differs is said here: the names of roles, alarms and the dashboard and the ids of targets hold hashes of the
//! owner that CloudFormation cannot compute; roles are taken by who runs the services there; tags mark no owner.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod bootstrap;
mod read;
mod wanted;
mod words;

use std::collections::BTreeMap;

use operator_core::{
    alarm::AlarmAction,
    bus::{self, DashboardAction},
    inbox,
    names::target_id,
    policy::{PolicyDocument, role::INLINE_POLICY},
    ports::RuleState,
    role::RoleAction,
    rule,
};
use serde_json::{Value, json};

use self::{
    read::Template,
    wanted::{template, wanted},
    words::{alarm, queue, target, threshold_as_float, without},
};

const TEMPLATE: &str = include_str!("../../../infra/aws/qsl-eventbridge.template.json");
/// What CloudFormation takes in a call; .NET Aspire hands templates over in one.
const BODY_MAX: usize = 51_200;
#[test]
fn the_template_makes_the_queues_that_the_operator_makes_with_the_same_policies() {
    let wanted = wanted();
    let template = template(&wanted);
    let (mut queues, mut policies) = (BTreeMap::new(), BTreeMap::new());
    for one in &wanted.inboxes {
        for action in inbox::plan(one, &inbox::Observed::default()) {
            let inbox::Action::CreateQueue(_, made) = action else { continue };
            queues.insert(made.name.to_string(), queue(&made));
            policies.insert(made.name.to_string(), made.attributes.policy.clone().unwrap());
        }
    }
    let of_template = template.of_type("AWS::SQS::Queue").into_iter().map(|name| (name, template.properties(name)));
    let of_template: BTreeMap<&str, Value> = of_template.collect();
    let name_of = |queue: &str| of_template[queue]["QueueName"].as_str().unwrap().to_owned();
    let made: BTreeMap<String, Value> =
        of_template.iter().map(|(name, properties)| (name_of(name), without(properties.clone(), &["Tags"]))).collect();
    assert_eq!(made, queues);
    let made = template.of_type("AWS::SQS::QueuePolicy").into_iter().map(|name| {
        let properties = template.properties(name);
        let queue = name_of(properties["Queues"][0].as_str().unwrap());
        (queue, PolicyDocument::new(properties["PolicyDocument"].clone()))
    });
    assert_eq!(made.collect::<BTreeMap<_, _>>(), policies);
    // Messages outlive the stack, as they outlive an object.
    for name in template.of_type("AWS::SQS::Queue") {
        let resource = template.written(name);
        assert_eq!(
            (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
            (&json!("RetainExceptOnCreate"), &json!("Retain"))
        );
    }
}

#[test]
fn the_template_makes_the_roles_that_the_operator_makes_with_the_same_permissions() {
    let wanted = wanted();
    let template = template(&wanted);
    let mut permissions = BTreeMap::new();
    let inboxes = wanted.inboxes.iter().flat_map(|one| inbox::plan(one, &inbox::Observed::default()));
    let of_inboxes = inboxes.filter_map(|action| match action {
        inbox::Action::Role(action) => Some(action),
        _ => None,
    });
    let of_bus = bus::plan(&wanted.bus, &bus::Observed::default()).into_iter().filter_map(|action| match action {
        bus::Action::Role(action) => Some(action),
        _ => None,
    });
    for action in of_inboxes.chain(of_bus) {
        if let RoleAction::PutPolicy(name, policy) = action {
            permissions.insert(name.to_string(), policy);
        }
    }
    let made = template.of_type("AWS::IAM::Role").into_iter().map(|role| {
        let policies = template.properties(role)["Policies"].clone();
        assert_eq!(
            (policies.as_array().unwrap().len(), &policies[0]["PolicyName"]),
            (1, &json!(INLINE_POLICY)),
            "{role}"
        );
        let arn = template.arn_of(role);
        (arn.rsplit('/').next().unwrap().to_owned(), PolicyDocument::new(policies[0]["PolicyDocument"].clone()))
    });
    assert_eq!(made.collect::<BTreeMap<_, _>>(), permissions);
}

#[test]
fn the_template_makes_the_bus_and_the_rules_that_the_operator_makes() {
    let wanted = wanted();
    let template = template(&wanted);
    let bus = without(template.properties("Bus"), &["Tags"]);
    assert_eq!(bus, json!({"Name": wanted.bus.bus_name, "Description": wanted.bus.description}));
    let mut rules = BTreeMap::new();
    for one in &wanted.rules {
        let mut one = one.clone();
        one.targets.iter_mut().for_each(|target| target.ready = true);
        for action in rule::plan(&one, &rule::Observed::default()) {
            match action {
                rule::Action::PutRule(made) => {
                    assert_eq!((&made.bus, made.state), (&wanted.bus.bus_name, RuleState::Enabled));
                    let made = (made.name.to_string(), json!({"EventPattern": made.pattern, "Targets": []}));
                    rules.insert(made.0, made.1);
                }
                rule::Action::PutTargets(_, name, targets) => {
                    let of_rule = rules[name.as_str()]["Targets"].as_array().unwrap();
                    let all = of_rule.iter().cloned().chain(targets.iter().map(target)).collect::<Vec<_>>();
                    rules.insert(
                        name.to_string(),
                        json!({"EventPattern": rules[name.as_str()]["EventPattern"], "Targets": all}),
                    );
                }
                other => panic!("{}", other.describe()),
            }
        }
    }
    let by_arn = |mut rule: Value| {
        rule["Targets"].as_array_mut().unwrap().sort_by_key(|target| target["Arn"].to_string());
        rule
    };
    let rules: BTreeMap<String, Value> = rules.into_iter().map(|(name, rule)| (name, by_arn(rule))).collect();
    let made = template.of_type("AWS::Events::Rule").into_iter().map(|name| {
        let mut rule = template.properties(name);
        assert_eq!((&rule["EventBusName"], &rule["State"]), (&json!("Bus"), &json!("ENABLED")), "{name}");
        for target in rule["Targets"].as_array_mut().unwrap() {
            let id = target.as_object_mut().unwrap().remove("Id").unwrap();
            assert!(target_id(&target["Arn"].as_str().unwrap()).ends_with(id.as_str().unwrap()), "{id}");
        }
        (rule["Name"].as_str().unwrap().to_owned(), by_arn(without(rule, &["Name", "EventBusName", "State", "Tags"])))
    });
    assert_eq!(made.collect::<BTreeMap<_, _>>(), rules);
    // EventBridge does not retry what a queue's policy refuses: the policies come first.
    for name in template.of_type("AWS::Events::Rule") {
        let waits: Vec<&str> =
            template.written(name)["DependsOn"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for target in template.written(name)["Properties"]["Targets"].as_array().unwrap() {
            for queue in [&target["Arn"], &target["DeadLetterConfig"]["Arn"]] {
                let policy = format!("{}Policy", queue["Fn::GetAtt"][0].as_str().unwrap());
                assert!(waits.contains(&policy.as_str()), "{name} does not wait for {policy}");
            }
        }
    }
}

#[test]
fn the_template_makes_the_alarms_and_the_dashboard_that_the_operator_makes() {
    let wanted = wanted();
    let template = template(&wanted);
    let mut alarms = Vec::new();
    let mut dashboard = None;
    let mut note = |action| match action {
        AlarmAction::Put(made, _) => alarms.push(alarm(&made)),
        other => panic!("{}", other.describe()),
    };
    for one in &wanted.inboxes {
        for action in inbox::plan(one, &inbox::Observed::default()) {
            if let inbox::Action::Alarm(action) = action {
                note(action);
            }
        }
    }
    for action in bus::plan(&wanted.bus, &bus::Observed::default()) {
        match action {
            bus::Action::Alarm(action) | bus::Action::SharedAlarm(action) => note(action),
            bus::Action::Dashboard(DashboardAction::Put(_, body)) => dashboard = Some(body),
            _ => {}
        }
    }
    let names = template.of_type("AWS::CloudWatch::Alarm");
    assert_eq!((names.len(), alarms.len()), (32, 32));
    for name in names {
        let properties = template.properties(name);
        let made = threshold_as_float(without(properties.clone(), &["AlarmName", "AlarmDescription", "Tags"]));
        let (_, says) =
            alarms.iter().find(|(own, _)| *own == made).unwrap_or_else(|| panic!("{name}: {made} in {alarms:#?}"));
        let description = properties["AlarmDescription"].as_str().unwrap();
        assert!(says.ends_with(description), "{name}: {description:?} is not {says:?}");
        // The queue's own name, or the rule's, is in it: names are unique in the account.
        assert!(properties["AlarmName"].as_str().unwrap().starts_with("qsl-mvp-qsl-"), "{name}");
    }
    let body = template.properties("Dashboard")["DashboardBody"].as_str().unwrap().to_owned();
    let mut body: Value = serde_json::from_str(&body).unwrap();
    let mut dashboard = dashboard.unwrap();
    for body in [&mut body, &mut dashboard] {
        let text = body["widgets"][0]["properties"]["markdown"].take();
        assert!(text.as_str().unwrap().starts_with("# Bus qsl-core\n"), "{text}");
    }
    assert_eq!(body, dashboard);
}

#[test]
fn roles_are_taken_by_ecs_tasks_of_this_account_or_by_the_one_who_is_named_and_redrive_by_people() {
    let ecs = json!({
        "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "000000000000"},
            "ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-central-1:000000000000:*"},
        },
    });
    let by = |arn: &str| json!({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"});
    let people = by("arn:aws:iam::000000000000:root");
    let developer = "arn:aws:iam::000000000000:role/developer";
    for (given, expected) in [(&[][..], ecs), (&[("TrustedRoleArn", developer)][..], by(developer))] {
        let template = Template::read(TEMPLATE, given);
        let roles = template.of_type("AWS::IAM::Role");
        assert_eq!(roles.len(), 12);
        for role in roles {
            let trusted = if role.ends_with("Redrive") { &people } else { &expected };
            assert_eq!(template.resolved(role, "AssumeRolePolicyDocument")["Statement"], json!([trusted]), "{role}");
        }
    }
}

#[test]
fn the_budget_is_there_where_somebody_reads_it_and_actions_and_boundary_where_they_are_given() {
    let topic = "arn:aws:sns:eu-central-1:000000000000:pager";
    let boundary = "arn:aws:iam::000000000000:policy/most";
    let template = Template::read(TEMPLATE, &[]);
    assert!(template.of_type("AWS::Budgets::Budget").is_empty());
    assert_eq!(template.properties("PutEventsFailedEntriesCount").get("AlarmActions"), None);
    assert_eq!(template.resolved("OrchestrationPublisher", "PermissionsBoundary"), Value::Null);
    let given = [
        ("AlarmTopicArn", topic),
        ("PermissionsBoundaryArn", boundary),
        ("BudgetEmail", "ops@example.test"),
        ("MonthlyBudgetUsd", "70"),
    ];
    let template = Template::read(TEMPLATE, &given);
    assert_eq!(template.of_type("AWS::Budgets::Budget"), ["Budget"]);
    let budget = template.properties("Budget");
    // What EventBridge costs is called so.
    let services = json!(["CloudWatch Events", "Amazon Simple Queue Service"]);
    assert_eq!(budget["Budget"]["CostFilters"], json!({"Service": services, "Region": ["eu-central-1"]}));
    assert_eq!(budget["Budget"]["BudgetLimit"], json!({"Amount": "70", "Unit": "USD"}));
    let told = json!([{"SubscriptionType": "EMAIL", "Address": "ops@example.test"}]);
    let notifications = budget["NotificationsWithSubscribers"].as_array().unwrap();
    assert!(notifications.len() == 2 && notifications.iter().all(|one| one["Subscribers"] == told), "{budget}");
    for alarm in template.of_type("AWS::CloudWatch::Alarm") {
        assert_eq!(template.properties(alarm)["AlarmActions"], json!([topic]), "{alarm}");
    }
    for role in template.of_type("AWS::IAM::Role") {
        assert_eq!(template.resolved(role, "PermissionsBoundary"), json!(boundary), "{role}");
    }
}

#[test]
fn the_template_is_short_enough_to_be_sent_in_a_call() {
    assert!(TEMPLATE.len() <= BODY_MAX, "{} bytes of {BODY_MAX}", TEMPLATE.len());
}
