//! `infra/rollback-drill` throws the switches of one bus and throws them back. No pod runs here, so what it counts in pods
//! is nothing; with events flowing it is run by `cargo xtask soak drill`.

use std::path::Path;
use std::process::Command;

use crds::{EventBus, EventRule, InboxQueue, event_bus::Publishing, event_rule::RuleState, inbox_queue::Consuming};

use crate::{
    lifecycle::{BUS, INBOX, RULE, all_ready},
    rig::{Case, rig, thing},
};

/// Runs it on the case's bus; what it said.
async fn drill(case: &Case, what: &str) -> String {
    let script = Path::new(env!("QSL_WORKSPACE")).join("infra/rollback-drill");
    let kubectl = rig().kubectl();
    let mut command = Command::new(script);
    command
        .arg(format!("{}/core", case.namespace("platform")))
        .arg(what)
        .env("KUBECONFIG", kubectl.kubeconfig())
        .env("QSL_KUBECTL", kubectl.program())
        .envs([("SETTLE", "0"), ("QUIET", "0"), ("PATIENCE", "60")]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{what}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rollback_drill_throws_each_switch_of_its_bus_and_back_those_that_it_threw() {
    let case = Case::new().await;
    let off_before =
        RULE.replace("name: coins-all", "name: coins-off").replace("eventPattern", "state: Disabled\n  eventPattern");
    let others_bus = BUS.replace("name: core", "name: other").replace("busName: $bus", "busName: $other");
    let others_rule = RULE.replace("name: coins-all", "name: coins-other").replace("{name: core}", "{name: other}");
    for document in [BUS, INBOX, RULE, &off_before, &others_bus, &others_rule] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    case.until_ready::<EventRule>("platform", "coins-off").await;
    case.until_ready::<EventRule>("platform", "coins-other").await;
    let bus = case.named("bus");
    let state = async |rule: &str| case.api::<EventRule>("platform").get(rule).await.unwrap().spec.state;
    let publishing = async || case.api::<EventBus>("platform").get("core").await.unwrap().spec.publishing;
    let consuming = async || case.api::<InboxQueue>("books").get("ledger").await.unwrap().spec.consuming;

    let said = drill(&case, "off").await;
    let order = ["1. publishing off", "2. rules off", "3. consumers paused", "off: nothing is published"];
    let places: Vec<Option<usize>> = order.iter().map(|step| said.find(step)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{said}");
    assert_eq!((publishing().await, consuming().await), (Publishing::Disabled, Consuming::Paused));
    assert_eq!((state("coins-all").await, state("coins-other").await), (RuleState::Disabled, RuleState::Enabled));
    // It waited for AWS to be so, and not for the objects alone.
    assert!(thing(&format!("bus {bus}")).contains("QslPublishingDisabled"), "{}", thing(&format!("bus {bus}")));
    assert!(
        thing(&format!("rule {bus}/coins-all")).contains("Disabled"),
        "{}",
        thing(&format!("rule {bus}/coins-all"))
    );

    let said = drill(&case, "on").await;
    assert!(said.contains("4. rules on") && said.contains("6. consumers on"), "{said}");
    assert_eq!((publishing().await, consuming().await), (Publishing::Enabled, Consuming::Enabled));
    assert_eq!((state("coins-all").await, state("coins-off").await), (RuleState::Enabled, RuleState::Disabled));
    assert!(!thing(&format!("bus {bus}")).contains("QslPublishingDisabled"));
    assert!(!thing(&format!("rule {bus}/coins-all")).contains("Disabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rollback_drill_says_that_there_is_no_such_bus_and_changes_nothing() {
    let script = Path::new(env!("QSL_WORKSPACE")).join("infra/rollback-drill");
    let kubectl = rig().kubectl();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&script);
        command.args(arguments).env("KUBECONFIG", kubectl.kubeconfig()).env("QSL_KUBECTL", kubectl.program());
        command.output().unwrap()
    };
    let output = run(&["nowhere/none"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("there is no EventBus nowhere/none"), "{said}");
    for wrong in [&[][..], &["core"], &["nowhere/none", "sideways"]] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
