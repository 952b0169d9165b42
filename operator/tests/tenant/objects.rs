//! Objects of the tenant's own, and what they name that is not.

use crds::{EventBus, InboxQueue};
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    caller::delivered,
    judge::{Judge, Verdict},
    site::{CORE, Kids, Site, TREASURY_ARN, until_mounted, until_ready},
    support::{api_of, apply, eventually},
    table::Table,
    tenant::{GUEST, Tenant, ours},
};

/// What it may: a bus, a key for `qsl.payment` on it, an inbox and a rule between them.
pub async fn of_its_own(site: &Site, tenant: &Tenant, table: &mut Table) {
    let publisher = |account: &str| json!({"serviceAccountRef": {"name": account}, "sources": ["qsl.payment"]});
    let bus = json!({"busName": "guest-bus", "publishers": [publisher("mallory"), publisher("paymentgateway")]});
    let key = json!({"busRef": {"name": "own"}, "algorithm": "ML-DSA-44", "sources": ["qsl.payment"]});
    for (kind, name, spec) in [
        ("EventBus", "own", &bus),
        ("SigningKey", "own-payments", &key),
        ("InboxQueue", "listener", &json!({"queueName": "guest-listener"})),
        ("EventRule", "own-all", &rule(&json!({"name": "own"}), &json!({"inboxRef": {"name": "listener"}}))),
    ] {
        tenant.create(kind, name, spec).await.unwrap();
        tenant.until_ready(kind, name).await;
    }
    table.control("bus, key, inbox and rule of its own", "all Ready");
    // The buses of its rules feed its own inbox, whatever became of them in AWS.
    let own = ["bus_guest_own", "inbox_listener", "keyset_guest_borrowed", "keyset_guest_own", "keyset_guest_watched"];
    let signed = until_mounted(&site.client, GUEST, &own).await;
    let signed: Vec<String> = signed.into_keys().collect();
    assert_eq!(signed, own, "nothing is signed for objects that do not have what they name");
    table.row("What the root signed for the tenant's namespace after all that", signed.join(", "));
}

fn rule(bus: &Value, target: &Value) -> Value {
    json!({"busRef": bus, "eventPattern": {"source": ["qsl.payment"]}, "targets": [target]})
}

/// What it names and has no consent for.
pub async fn in_reach_of_others(site: &Site, tenant: &Tenant, table: &mut Table) {
    let core = json!({"name": "qsl-core", "namespace": "platform"});
    let key = json!({"busRef": core, "algorithm": "ML-DSA-44", "sources": ["qsl.payment"]});
    let applied = apply(&tenant.client, &ours("SigningKey", &json!({"name": "reaching"}), &key)).await;
    table.api("SigningKey that names platform/qsl-core", applied);
    tenant.create("SigningKey", "reaching", &key).await.unwrap();
    let said = tenant.refusal("SigningKey", "reaching").await;
    table.row("The same where unknown fields are dropped", said);

    let treasury = json!({"inboxRef": {"name": "treasury", "namespace": "treasury"}});
    let by_arn = json!({"queueArn": TREASURY_ARN, "deadLetterArn": format!("{TREASURY_ARN}-dlq")});
    let own = json!({"name": "own"});
    for (tried, name, spec) in [
        ("EventRule from its own bus to treasury's inbox", "to-treasury", rule(&own, &treasury)),
        ("EventRule from its own bus to the ARN of treasury's queue", "by-arn", rule(&own, &by_arn)),
        ("EventRule on platform/qsl-core", "on-core", rule(&core, &json!({"inboxRef": {"name": "listener"}}))),
    ] {
        tenant.create("EventRule", name, &spec).await.unwrap();
        table.row(tried, tenant.refusal("EventRule", name).await);
    }
    revoke(site, tenant, table).await;
}

/// Revokes the kids of qsl-core, by a key of its own.
async fn revoke(site: &Site, tenant: &Tenant, table: &mut Table) {
    let Kids { signing, granting } = site.kids(CORE).await;
    table.call(signing.as_str(), "qsl-core's kid");
    table.call(granting.as_str(), "qsl-core's grant kid");
    tenant.change("SigningKey", "own-payments", &json!({"spec": {"revokedKids": [signing, granting]}}), false).await;
    let events: Api<Event> = Api::namespaced(site.client.clone(), GUEST);
    let told = eventually("both are called unknown", || async {
        let found = events.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        let notes = found.into_iter().filter(|event| event.reason.as_deref() == Some("UnknownKid"));
        let mut notes: Vec<String> = notes.filter_map(|event| event.note).collect();
        notes.sort_by_key(|note| note.contains(granting.as_str()));
        if notes.len() == 2 { Ok(notes) } else { Err(format!("{notes:?}")) }
    })
    .await;
    table.row("SigningKey of its own that revokes qsl-core's kid and its grant kid", told.join("\n      "));
    let body = site.signed_by_the_payment_service("p-after-revoking").await;
    assert!(body.contains("p-after-revoking"));
    let verdict = site.deliver(&body).await;
    assert_eq!(verdict, Verdict::Accepted);
    table.control("the payment service's event after that", verdict);
}

/// What consent opens: an inbox that lets all namespaces in trusts what their buses' keys sign, whatever the source.
pub async fn with_consent(site: &Site, tenant: &Tenant, table: &mut Table) {
    let open = json!({"queueName": "qsl-open-inbox", "allowedNamespaces": {"from": "All"}});
    let open = ours("InboxQueue", &json!({"name": "open", "namespace": "treasury"}), &open);
    let typed = serde_json::from_value(open.clone()).unwrap();
    api_of(&site.client, &open).create(&PostParams::default(), &typed).await.unwrap();
    until_ready::<InboxQueue>(&site.client, "treasury", "open").await;
    until_ready::<EventBus>(&site.client, GUEST, "own").await;
    let to_open = rule(&json!({"name": "own"}), &json!({"inboxRef": {"name": "open", "namespace": "treasury"}}));
    tenant.create("EventRule", "to-open", &to_open).await.unwrap();
    tenant.until_ready("EventRule", "to-open").await;
    let mounted = until_mounted(&site.client, "treasury", &["inbox_open", "keyset_guest_own"]).await;
    let judge = Judge::at_work("treasury", "open", &mounted, site.roots.clone());

    let (status, answer) = tenant.caller.sign(&tenant.token, "guest/own", "p-consented").await;
    assert_eq!(status, 200, "{answer}");
    let body = delivered(&answer);
    let verdict = judge.put_lain(&body).await;
    assert_eq!(verdict, Verdict::Accepted);
    table.control("an inbox of treasury's that lets in rules of all namespaces gets the tenant's event", verdict);
    site.treasury.mount(&mounted);
    table.verdict("The same event in the inbox that does not", &site.treasury.put_lain(&body).await);
}
