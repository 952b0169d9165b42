//! A table of what is refused and warned of, a kind a test.

use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey};
use serde_json::{Value, json};

use super::*;

fn object<K: Eventing>(namespace: &str, name: &str, spec: &Value) -> K {
    let metadata = json!({"name": name, "namespace": namespace});
    let kind = K::KIND;
    let object = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn bus(namespace: &str, name: &str, bus: &str) -> EventBus {
    let publishers = json!([{"serviceAccountRef": {"name": "cashier"}, "sources": ["qsl.coin"]}]);
    object(namespace, name, &json!({"busName": bus, "publishers": publishers}))
}

/// A rule of bus `stock` in namespace `platform`.
fn rule(namespace: &str, name: &str, pattern: &Value, targets: &Value) -> EventRule {
    let bus = json!({"name": "stock", "namespace": "platform"});
    object(namespace, name, &json!({"busRef": bus, "eventPattern": pattern, "targets": targets}))
}

fn all() -> Value {
    json!({"source": [{"prefix": "qsl."}]})
}

fn inbox(name: &str, spec: &Value) -> InboxQueue {
    let mut spec = spec.clone();
    if spec.get("queueName").is_none() {
        spec["queueName"] = json!(name);
    }
    object("books", name, &spec)
}

fn key(namespace: &str, name: &str, sources: &[&str], algorithm: &str) -> SigningKey {
    object(namespace, name, &json!({"busRef": {"name": "stock"}, "sources": sources, "algorithm": algorithm}))
}

fn to(inboxes: &[&str]) -> Value {
    inboxes.iter().map(|name| json!({"inboxRef": {"name": name, "namespace": "books"}})).collect()
}

/// What is said; everything must hold each of the parts.
fn assert_said(said: Option<&String>, parts: &[&str]) {
    let text = said.unwrap_or_else(|| panic!("nothing was said, expected {parts:?}"));
    assert!(parts.iter().all(|part| text.contains(part)), "{text}: expected {parts:?}");
}

#[test]
fn a_bus_in_aws_has_one_object() {
    let one = bus("a", "one", "stock");
    let others = Others { buses: vec![&one], ..Others::default() };
    assert_eq!(one.judge(&others), Judgement::default(), "an object is not in its own way");
    assert_eq!(bus("b", "two", "goods").judge(&others), Judgement::default());
    let refused = bus("b", "two", "stock").judge(&others).refusal;
    assert_said(refused.as_ref(), &["spec.busName", "EventBus a/one has 'stock' already", "choose another"]);
}

#[test]
fn what_is_on_its_way_out_is_in_nobody_s() {
    let mut going = bus("a", "one", "stock");
    going.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    let others = Others { buses: vec![&going], ..Others::default() };
    assert_eq!(bus("b", "two", "stock").judge(&others), Judgement::default());
}

#[test]
fn a_queue_has_one_inbox_and_so_have_those_that_are_named_after_it() {
    let one = inbox("stock", &json!({}));
    let others = Others { inboxes: vec![&one], ..Others::default() };
    let refused = |name: &str, spec: Value| inbox(name, &spec).judge(&others).refusal;
    assert_said(refused("two", json!({"queueName": "stock"})).as_ref(), &["spec.queueName", "books/stock has 'stock'"]);
    let derived = refused("two", json!({"queueName": "stock-dlq"}));
    assert_said(derived.as_ref(), &["'stock-dlq' already", "choose another"]);
    assert_eq!(refused("two", json!({"queueName": "stock2"})), None);
    assert_eq!(refused("stock", json!({})), None);
}

#[test]
fn a_rule_s_names_are_its_bus_s_alone_and_so_are_its_parts() {
    let (six, five) = (to(&["a", "b", "c", "d", "e", "f"]), to(&["a", "b", "c", "d", "e"]));
    let (one, part) = (rule("a", "all", &all(), &five), rule("a", "all-2", &all(), &json!([])));
    let others = Others { rules: vec![&one, &part], ..Others::default() };
    let same = rule("b", "all", &all(), &json!([])).judge(&others).refusal;
    assert_said(same.as_ref(), &["spec.ruleName", "EventRule a/all of the same bus has 'all'", "choose another"]);
    assert_eq!(one.judge(&others).refusal, None);
    let split = rule("a", "all", &all(), &six).judge(&others).refusal;
    assert_said(split.as_ref(), &["EventRule a/all-2", "has 'all-2' already", "more than five targets"]);
    let mut elsewhere = rule("b", "all", &all(), &json!([]));
    elsewhere.spec.bus_ref.name = "goods".into();
    assert_eq!(elsewhere.judge(&others).refusal, None);
}

#[test]
fn a_rule_to_what_is_not_there_is_allowed_and_waits() {
    let rule = rule("a", "all", &all(), &to(&["nowhere"]));
    assert_eq!(rule.judge(&Others::default()), Judgement::default());
}

#[test]
fn a_pattern_is_refused_with_the_position() {
    let refused = |pattern: Value| rule("a", "all", &pattern, &json!([])).judge(&Others::default()).refusal;
    let said = refused(json!({"detail": {"amount": [{"numeric": [">", 5, "<", 1]}]}}));
    assert_said(said.as_ref(), &["spec.eventPattern: at /detail/amount/0/numeric/3: ", "not greater"]);
    assert_said(refused(json!({"sorce": ["a"]})).as_ref(), &["spec.eventPattern: at /sorce: 'sorce' is no member"]);
    assert_eq!(refused(all()), None);
}

#[test]
fn the_pattern_of_a_subscription_is_refused_with_the_position() {
    let subscribed = |pattern: Value| {
        let subscriptions = json!([{"name": "a", "busRef": {"name": "stock"}, "eventPattern": pattern}]);
        inbox("ledger", &json!({"subscriptions": subscriptions})).judge(&Others::default()).refusal
    };
    let said = subscribed(json!({"source": [{"prefix": 1}]}));
    assert_said(said.as_ref(), &["spec.subscriptions[0].eventPattern: at /source/0/prefix: 'prefix' takes a string"]);
    assert_eq!(subscribed(all()), None);
}

#[test]
fn a_target_that_is_unwise_is_warned_of() {
    let target = |extra: Value| {
        let mut target = json!({"inboxRef": {"name": "ledger", "namespace": "books"}});
        target.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!([target])
    };
    let ledger = inbox("ledger", &json!({}));
    let others = Others { inboxes: vec![&ledger], ..Others::default() };
    let warned = |extra: Value| rule("a", "all", &all(), &target(extra)).judge(&others).warnings;
    assert_eq!(warned(json!({"retryPolicy": {"maximumEventAgeSeconds": 300}})), Vec::<String>::new());
    let late = warned(json!({"retryPolicy": {"maximumEventAgeSeconds": 301}}));
    assert_said(late.first(), &["spec.targets[0].retryPolicy", "books/ledger", "skewSeconds of 300", "at most 240"]);
    let group = warned(json!({"messageGroupId": "all"}));
    assert_said(group.first(), &["spec.targets[0].messageGroupId", "books/ledger is not FIFO"]);
}

#[test]
fn a_source_has_one_key_and_an_exact_source_beats_all() {
    let (one, rest) =
        (key("platform", "one", &["qsl.coin"], "ML-DSA-44"), key("platform", "rest", &["*"], "ML-DSA-44"));
    let others = Others { signing_keys: vec![&one, &rest], ..Others::default() };
    let refused =
        |namespace: &str, sources: &[&str]| key(namespace, "two", sources, "ML-DSA-44").judge(&others).refusal;
    let twice = refused("platform", &["qsl.note", "qsl.coin"]);
    assert_said(twice.as_ref(), &["spec.sources", "SigningKey one", "'qsl.coin'", "name it in one of the two"]);
    let two_of_all = refused("platform", &["*"]);
    assert_said(two_of_all.as_ref(), &["spec.sources", "SigningKey rest", "'*' already", "name sources here"]);
    assert_eq!(refused("platform", &["qsl.note"]), None);
    assert_eq!(refused("elsewhere", &["qsl.coin"]), None, "another bus");
    assert_eq!(one.judge(&others).refusal, None);
}

#[test]
fn a_source_that_nobody_may_publish_is_warned_of() {
    let stock = bus("platform", "stock", "stock");
    let others = Others { buses: vec![&stock], ..Others::default() };
    let warned = |sources: &[&str]| key("platform", "one", sources, "ML-DSA-44").judge(&others).warnings;
    assert_eq!(warned(&["qsl.coin", "*"]), Vec::<String>::new());
    assert_said(warned(&["qsl.note"]).first(), &["spec.sources", "EventBus stock", "'qsl.note'", "spec.publishers"]);
    assert_eq!(key("other", "one", &["qsl.note"], "ML-DSA-44").judge(&others), Judgement::default(), "no bus yet");
}

#[test]
fn an_algorithm_that_a_fed_inbox_refuses_is_warned_of_from_each_of_the_three_sides() {
    let only = |algorithm: &str| inbox("ledger", &json!({"verification": {"allowedAlgorithms": [algorithm]}}));
    let (ledger, feeding) = (only("ML-DSA-44"), rule("a", "all", &all(), &to(&["ledger"])));
    let notes = rule("a", "notes", &json!({"source": ["qsl.note"]}), &to(&["ledger"]));
    let old = key("platform", "one", &["qsl.coin"], "Dilithium2");
    let fed = Others { rules: vec![&feeding], inboxes: vec![&ledger], ..Others::default() };
    assert_said(old.judge(&fed).warnings.first(), &["spec.algorithm", "InboxQueue books/ledger", "Dilithium2"]);
    let new = key("platform", "one", &["qsl.coin"], "ML-DSA-44");
    assert_eq!(new.judge(&fed), Judgement::default());
    let not_fed = Others { rules: vec![&notes], inboxes: vec![&ledger], ..Others::default() };
    assert_eq!(old.judge(&not_fed), Judgement::default(), "the rule brings other sources");

    let keys = Others { rules: vec![&feeding], signing_keys: vec![&old], ..Others::default() };
    let said = ["spec.verification.allowedAlgorithms", "SigningKey platform/one", "Dilithium2"];
    assert_said(ledger.judge(&keys).warnings.first(), &said);
    assert_eq!(only("Dilithium2").judge(&keys), Judgement::default());

    let both = Others { signing_keys: vec![&old], inboxes: vec![&ledger], ..Others::default() };
    let said = ["spec.targets", "InboxQueue books/ledger", "Dilithium2", "SigningKey platform/one"];
    assert_said(feeding.judge(&both).warnings.first(), &said);
    assert_eq!(notes.judge(&both), Judgement::default());
}

#[test]
fn an_edit_is_held_against_what_it_makes_wrong_and_not_against_what_was() {
    let one = bus("a", "one", "stock");
    let two = bus("b", "two", "stock");
    let others = Others { buses: vec![&one, &two], ..Others::default() };
    let mut edited = two.clone();
    edited.spec.description = Some("goods".into());
    let admitted = admit(&edited, Some(&two), &others);
    assert_eq!(admitted.refusal, None);
    assert_said(admitted.warnings.first(), &["EventBus a/one"]);
    assert!(admit(&edited, None, &others).refusal.is_some());
    assert!(admit(&edited, Some(&bus("b", "two", "goods")), &others).refusal.is_some());
}
