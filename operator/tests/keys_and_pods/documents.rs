//! ConfigMap `qsl-eventing`: what pods of a namespace are told.

use std::time::Duration;

use eventing::{
    config::{BusConfig, EVENT_BUS, INBOX_QUEUE, InboxConfig, open_config},
    keyset::open_keyset,
    time::Millis,
    types::BusId,
};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    core::v1::ConfigMap,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use operator::publication::run::set_name;
use serde_json::json;

use crate::rig::{Case, KEYS, eventually, make_namespace};

async fn inbox_and_rule(case: &Case) {
    let platform = case.namespace("platform");
    let consent = json!({"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": platform}}});
    let inbox =
        json!({"queueName": case.namespace("ledger"), "serviceAccounts": ["ledger"], "allowedNamespaces": consent});
    case.apply("InboxQueue", "books", "ledger", &inbox).await.unwrap();
    let target = json!({"inboxRef": {"name": "ledger", "namespace": case.namespace("books")}});
    let rule = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.coin"]}, "targets": [target]});
    case.apply("EventRule", "platform", "coins-all", &rule).await.unwrap();
}

/// An entry, once it is there.
async fn entry(case: &Case, short: &str, key: &str) -> String {
    let maps = case.maps(&case.namespace(short));
    eventually(key, || async {
        let map = maps.get("qsl-eventing").await.map_err(|error| error.to_string())?;
        let mut data = map.data.unwrap_or_default();
        data.remove(key).ok_or_else(|| format!("{:?}", data.keys()))
    })
    .await
}

#[tokio::test]
async fn an_inbox_s_namespace_has_its_configuration_and_the_key_sets_of_its_buses() {
    let case = Case::new().await;
    case.bus_and_key().await;
    inbox_and_rule(&case).await;
    let bus = BusId::new(&case.namespace("platform"), "core").unwrap();
    let books = case.namespace("books");
    let set = entry(&case, "books", &format!("keyset_{}_core", bus.namespace())).await;
    let (roots, now) = (case.roots().await, Millis::now());
    assert!(!open_keyset(&set, &roots, &bus, now, None).unwrap().is_empty());
    let text = entry(&case, "books", "inbox_ledger").await;
    let config = open_config::<InboxConfig>(&text, &roots, &books, INBOX_QUEUE, "ledger", now, None).unwrap().config;
    assert_eq!(config.buses, [bus]);
    assert!(config.queue_url.ends_with(&format!("/000000000000/{}", case.namespace("ledger"))), "{}", config.queue_url);
    assert!(config.services.ca.contains("BEGIN CERTIFICATE"));
    assert!(open_config::<InboxConfig>(&text, &roots, "elsewhere", INBOX_QUEUE, "ledger", now, None).is_err());
}

#[tokio::test]
async fn a_publisher_s_namespace_has_the_bus_s_configuration() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let bus = BusId::new(&case.namespace("platform"), "core").unwrap();
    let shop = case.namespace("shop");
    let text = entry(&case, "shop", &format!("bus_{}_core", bus.namespace())).await;
    let opened =
        open_config::<BusConfig>(&text, &case.roots().await, &shop, EVENT_BUS, &bus.to_string(), Millis::now(), None);
    let accounts: Vec<_> =
        opened.unwrap().config.publishers.into_iter().map(|publisher| publisher.service_account).collect();
    assert_eq!(accounts, ["cashier", "clerk"]);
    assert!(case.maps(&case.namespace("platform")).get_opt("qsl-eventing").await.unwrap().is_none());
}

#[tokio::test]
async fn what_does_not_change_is_not_written_and_what_nothing_needs_goes() {
    let case = Case::new().await;
    case.bus_and_key().await;
    inbox_and_rule(&case).await;
    entry(&case, "books", &format!("keyset_{}_core", case.namespace("platform"))).await;
    let maps = case.maps(&case.namespace("books"));
    // A key's state may still be on its way; from then on nothing moves.
    let before = eventually("it is still", || async {
        let first = maps.get("qsl-eventing").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let second = maps.get("qsl-eventing").await.unwrap();
        if first.metadata.resource_version == second.metadata.resource_version { Ok(second) } else { Err("moving") }
    })
    .await;
    make_namespace(&case.client, &case.namespace("noise"), &json!({"any": "label"})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = maps.get("qsl-eventing").await.unwrap();
    assert_eq!(before.metadata.resource_version, after.metadata.resource_version);

    case.api::<crds::InboxQueue>("books").delete("ledger", &DeleteParams::default()).await.unwrap();
    eventually("it is gone", || async {
        if maps.get_opt("qsl-eventing").await.unwrap().is_none() { Ok(()) } else { Err("there") }
    })
    .await;
}

#[tokio::test]
async fn a_bus_that_feeds_no_more_is_trusted_while_its_messages_may_wait() {
    let case = Case::new().await;
    case.bus_and_key().await;
    inbox_and_rule(&case).await;
    let (bus, books) = (BusId::new(&case.namespace("platform"), "core").unwrap(), case.namespace("books"));
    let set = format!("keyset_{}_core", bus.namespace());
    entry(&case, "books", &set).await;
    let inboxes = case.api::<crds::InboxQueue>("books");
    let noted = || async {
        let inbox = inboxes.get("ledger").await.unwrap();
        inbox.metadata.annotations.unwrap_or_default().remove("eventing.qsl.dev/fed-by")
    };
    assert_eq!(noted().await, None, "while a bus feeds, nothing is written");

    case.api::<crds::EventRule>("platform").delete("coins-all", &DeleteParams::default()).await.unwrap();
    let text = eventually("it is remembered", || async { noted().await.ok_or("not yet") }).await;
    assert!(text.contains(&bus.to_string()), "{text}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let text = entry(&case, "books", "inbox_ledger").await;
    let roots = case.roots().await;
    let opened = open_config::<InboxConfig>(&text, &roots, &books, INBOX_QUEUE, "ledger", Millis::now(), None);
    assert_eq!(opened.unwrap().config.buses, [bus]);
    entry(&case, "books", &set).await;

    inbox_and_rule(&case).await;
    eventually("it feeds again", || async { noted().await.map_or(Ok(()), Err) }).await;
}

#[tokio::test]
async fn a_set_that_is_restored_from_a_backup_is_followed_by_one_above_all_that_were_given_out() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let bus = BusId::new(&case.namespace("platform"), "core").unwrap();
    let (maps, name) = (case.maps(KEYS), set_name(&bus));
    let roots = case.roots().await;
    let version = |text: &str| open_keyset(text, &roots, &bus, Millis::now(), None).map(|set| set.version());
    let backup = eventually("there is a set", || async {
        maps.get(&name).await.map_err(|error| error.to_string())?.data.ok_or("empty".to_owned())
    })
    .await;
    let patch = json!({"metadata": {"annotations": {"eventing.qsl.dev/rotate-requested-at": "now"}}});
    let keys = case.api::<crds::SigningKey>("platform");
    keys.patch("coins", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let given = eventually("the set moves on", || async {
        let text = maps.get(&name).await.unwrap().data.unwrap().remove("keyset").unwrap();
        let (now, before) = (version(&text).unwrap(), version(&backup["keyset"]).unwrap());
        if now > before { Ok(now) } else { Err(now) }
    })
    .await;
    let restore = Patch::Merge(json!({"data": backup}));
    maps.patch(&name, &PatchParams::default(), &restore).await.unwrap();
    eventually("a newer one stands", || async {
        let text = maps.get(&name).await.unwrap().data.unwrap().remove("keyset").unwrap();
        let now = version(&text).unwrap();
        if now > given { Ok(()) } else { Err(now) }
    })
    .await;
}

#[tokio::test]
async fn a_namespace_that_takes_no_configuration_keeps_none_from_the_others() {
    let case = Case::new().await;
    // Namespaces are served in the order of their names, and `books` is before `shop`.
    let books = case.namespace("books");
    let match_books = json!({"matchLabels": {"kubernetes.io/metadata.name": books}});
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": ["configmaps"]}]);
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(case.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(case.client.clone());
    let policy = json!({"metadata": {"name": books}, "spec": {
        "matchConstraints": {"namespaceSelector": match_books, "resourceRules": rules},
        "validations": [{"expression": "false", "message": "no ConfigMaps here"}]}});
    let binding = json!({"metadata": {"name": books}, "spec": {"policyName": books, "validationActions": ["Deny"]}});
    policies.create(&PostParams::default(), &serde_json::from_value(policy).unwrap()).await.unwrap();
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    // The policy is in force once it refuses.
    let probe: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "probe"}})).unwrap();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    eventually("ConfigMaps are refused", || async {
        let made = case.maps(&books).create(&dry, &probe).await;
        if made.is_err() { Ok(()) } else { Err("not yet") }
    })
    .await;

    case.bus_and_key().await;
    inbox_and_rule(&case).await;
    entry(&case, "shop", &format!("bus_{}_core", case.namespace("platform"))).await;
    assert!(case.maps(&books).get_opt("qsl-eventing").await.unwrap().is_none());

    bindings.delete(&books, &DeleteParams::default()).await.unwrap();
    entry(&case, "books", "inbox_ledger").await;
    policies.delete(&books, &DeleteParams::default()).await.unwrap();
}
