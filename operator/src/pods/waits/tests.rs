#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::controllers::tests::object;

fn given() -> Given {
    let env = json!([{"name": INBOX_VARIABLE, "value": "till"}, {"name": BUS_VARIABLE, "value": "platform/core"}]);
    let pod = json!({
        "metadata": {"name": "till-0", "namespace": "shop"},
        "spec": {
            "serviceAccountName": "cashier", "containers": [{"name": "till"}],
            "initContainers": [{"name": "migrate"}, {"name": "qsl-eventing", "env": env}],
        },
    });
    Given::to(&serde_json::from_value(pod).unwrap()).unwrap()
}

fn inbox(status: Value) -> InboxQueue {
    let mut inbox: InboxQueue = object("InboxQueue", "shop", "till", &json!({"queueName": "till"}));
    inbox.status = Some(serde_json::from_value(status).unwrap());
    inbox
}

fn bus(accounts: &[&str], status: Value) -> EventBus {
    let publisher =
        |account: &&str| json!({"serviceAccountRef": {"name": account, "namespace": "shop"}, "sources": ["qsl.coin"]});
    let publishers: Vec<Value> = accounts.iter().map(publisher).collect();
    let mut bus: EventBus =
        object("EventBus", "platform", "core", &json!({"busName": "core", "publishers": publishers}));
    bus.status = Some(serde_json::from_value(status).unwrap());
    bus
}

fn ready(reason: &str) -> Value {
    json!([{"type": "Ready", "status": "False", "reason": reason, "message": "at 12:01 it was so",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}])
}

fn told(inbox: Option<&InboxQueue>, bus: Option<&EventBus>, published: &[&str]) -> Vec<(Reason, bool, String)> {
    let is_published = |key: &str| published.contains(&key);
    let waits = waits(&given(), &There { inbox, bus, is_published: &is_published });
    waits.iter().map(|wait| (wait.reason(), wait.wants_a_person(), wait.to_string())).collect()
}

#[test]
fn what_a_sidecar_was_given_stands_in_its_own_variables() {
    let expected = Given {
        namespace: "shop".to_owned(),
        service_account: "cashier".to_owned(),
        inbox: Some("till".to_owned()),
        bus: Some("platform/core".parse().unwrap()),
    };
    assert_eq!(given(), expected);
}

#[test]
fn what_does_not_exist_wants_a_person_who_is_told_its_name() {
    let told = told(None, None, &[]);
    let [inbox, bus] = told.as_slice() else { unreachable!("{told:?}") };
    assert!(inbox.0 == Reason::InboxNotFound && inbox.1 && inbox.2.contains("InboxQueue till "), "{inbox:?}");
    assert!(bus.0 == Reason::BusNotFound && bus.1 && bus.2.contains("EventBus platform/core"), "{bus:?}");
}

#[test]
fn a_bus_that_grants_another_account_grants_this_one_nothing() {
    let bus = bus(&["clerk"], json!({}));
    let told = told(Some(&inbox(json!({"roleArn": "arn:of:a-role"}))), Some(&bus), &["inbox_till"]);
    let [(reason, true, sentence)] = told.as_slice() else { unreachable!("{told:?}") };
    assert!(*reason == Reason::NotGranted && sentence.contains("service account shop/cashier"), "{sentence}");
}

#[test]
fn what_is_being_made_is_told_with_what_its_condition_says_and_nobody_has_to_act() {
    let inbox_ = inbox(json!({"conditions": ready("RefNotFound")}));
    let bus_ = bus(&["cashier"], json!({"conditions": ready("Throttled")}));
    let found = told(Some(&inbox_), Some(&bus_), &[]);
    let found: Vec<_> = found.iter().map(|(reason, person, said)| (*reason, *person, said.as_str())).collect();
    let [(Reason::RoleNotReady, false, inbox_s), (Reason::RoleNotReady, false, bus_s)] = found.as_slice() else {
        unreachable!("{found:?}")
    };
    assert!(inbox_s.ends_with("says RefNotFound") && bus_s.ends_with("says Throttled"), "{found:?}");
}

#[test]
fn with_roles_it_waits_for_its_configuration_and_then_for_nothing() {
    let inbox = inbox(json!({"roleArn": "arn:of:a-role"}));
    let role = json!({"namespace": "shop", "serviceAccount": "cashier", "roleArn": "arn:of:another"});
    let bus = bus(&["cashier"], json!({"publisherRoles": [role]}));
    let reasons = |published: &[&str]| {
        told(Some(&inbox), Some(&bus), published).into_iter().map(|(reason, ..)| reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&[]), [Reason::NotPublished, Reason::NotPublished]);
    assert_eq!(reasons(&["bus_platform_core", "inbox_till-2"]), [Reason::NotPublished]);
    assert_eq!(reasons(&["inbox_till", "bus_platform_core"]), []);
}
