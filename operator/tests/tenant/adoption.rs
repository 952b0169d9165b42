//! Names of others: a bus called `qsl-core`, an inbox with treasury's queue. The webhook refuses them; here they also get
//! past it, as when it is away, and what is refused then is built upon.

use crds::names::{FED_BY, PAUSED};
use eventing::time::Millis;
use serde_json::json;

use crate::{site::Site, table::Table, tenant::Tenant};

pub async fn past_the_webhook(site: &Site, tenant: &Tenant, table: &mut Table) {
    buses(site, tenant, table).await;
    inboxes(tenant, table).await;
}

async fn buses(site: &Site, tenant: &Tenant, table: &mut Table) {
    // The payment service among the publishers: its namespace would be told of the bus.
    let publisher = |account: &str, namespace: &str| json!({"serviceAccountRef": {"name": account, "namespace": namespace}, "sources": ["qsl.payment"]});
    let publishers = [publisher("mallory", "guest"), publisher("paymentgateway", "paymentgateway")];
    let bus = json!({"busName": "qsl-core", "publishers": publishers});
    table.api("EventBus with busName qsl-core", tenant.create("EventBus", "borrowed", &bus).await);
    tenant.slip("EventBus", "borrowed", &bus, &json!({})).await;
    table.row("The same past the webhook", tenant.refusal("EventBus", "borrowed").await);

    let key = json!({"busRef": {"name": "borrowed"}, "algorithm": "ML-DSA-44", "sources": ["qsl.payment"]});
    tenant.create("SigningKey", "borrowed-payments", &key).await.unwrap();
    tenant.until_ready("SigningKey", "borrowed-payments").await;

    let rule = |bus: &str| json!({"busRef": {"name": bus}, "eventPattern": {"source": ["qsl.payment"]}, "targets": [{"inboxRef": {"name": "listener"}}]});
    tenant.create("EventRule", "overhear", &rule("borrowed")).await.unwrap();
    table.row("EventRule on that bus", tenant.refusal("EventRule", "overhear").await);
    let arn = "arn:aws:events:eu-central-1:000000000000:event-bus/qsl-core";
    tenant.change("EventBus", "borrowed", &json!({"metadata": {"annotations": {PAUSED: "true"}}}), false).await;
    let paused = |_: &str, _: &str, reason: &str| reason == "ReconcilePaused";
    tenant.says("EventBus", "borrowed", paused).await;
    tenant.change("EventBus", "borrowed", &json!({"status": {"busArn": arn}}), true).await;
    let terminal = |type_: &str, status: &str, _: &str| (type_, status) == ("Terminal", "True");
    table.row(
        "The bus paused, and an ARN written into its status: the rule",
        tenant.says("EventRule", "overhear", terminal).await,
    );

    let watched = json!({"busName": "qsl-core", "managementPolicy": "Observe"});
    tenant.slip("EventBus", "watched", &watched, &json!({})).await;
    tenant.says("EventBus", "watched", |_, _, reason| reason == "Differs").await;
    tenant.create("EventRule", "eavesdrop", &rule("watched")).await.unwrap();
    table.row(
        "EventBus qsl-core that only observes, past the webhook: an EventRule on it",
        tenant.says("EventRule", "eavesdrop", terminal).await,
    );
    let rules = site.fake.things().into_keys().filter(|name| name.starts_with("rule qsl-core/"));
    assert_eq!(rules.collect::<Vec<_>>(), ["rule qsl-core/payment-all"]);
}

async fn inboxes(tenant: &Tenant, table: &mut Table) {
    let inbox = json!({"queueName": "qsl-treasury-inbox"});
    table.api("InboxQueue with treasury's queueName", tenant.create("InboxQueue", "fake", &inbox).await);
    let derived = json!({"queueName": "qsl-treasury-inbox-dlq"});
    table.api(
        "InboxQueue of the name of treasury's dead-letter queue",
        tenant.create("InboxQueue", "fake", &derived).await,
    );

    // What the operator notes there: that qsl-core fed it until now.
    let fed_by = json!({FED_BY: json!({"platform/qsl-core": Millis::now().seconds()}).to_string()});
    tenant.slip("InboxQueue", "fake", &inbox, &fed_by).await;
    table.row("The first past the webhook, noted as fed by qsl-core", tenant.refusal("InboxQueue", "fake").await);
    let adopting = json!({"queueName": "qsl-treasury-inbox", "adoptionPolicy": "AdoptOrCreate"});
    tenant.slip("InboxQueue", "adopting", &adopting, &json!({})).await;
    table.row(
        "InboxQueue that adopts treasury's queue, past the webhook",
        tenant.refusal("InboxQueue", "adopting").await,
    );
}
