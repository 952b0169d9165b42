//! The objects: buses, an inbox with consumers and tools, and a rule that feeds it.

use anyhow::{Context as _, Result};
use crds::{EventBus, EventRule, Eventing, InboxQueue};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// Rules a bus, well below EventBridge's 300.
const RULES_A_BUS: usize = 250;
/// So many requests at a time, as a quick client makes.
const AT_A_TIME: usize = 16;
/// Where all of it is.
pub const NAMESPACE: &str = "bench";

/// How many buses so many rules take.
pub fn buses(rules: usize) -> usize {
    rules.div_ceil(RULES_A_BUS)
}

/// The kinds' definitions, and namespaces.
pub async fn prepare(client: &Client) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let parameters = PatchParams::apply("bench");
    for definition in crds::generate::definitions() {
        api.patch(&definition.name_any(), &parameters, &Patch::Apply(&definition)).await?;
    }
    for definition in crds::generate::definitions() {
        let established = kube::runtime::conditions::is_crd_established();
        kube::runtime::wait::await_condition(api.clone(), &definition.name_any(), established).await?;
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for name in [NAMESPACE, "qsl-keys", "qsl-system"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        namespaces.patch(name, &parameters, &Patch::Apply(namespace)).await?;
    }
    Ok(())
}

/// Makes so many inboxes and rules, and the buses for them: the rule of a pair right after its inbox.
pub async fn make(client: &Client, count: usize) -> Result<()> {
    let (buses_api, inboxes, rules) = (api::<EventBus>(client), api::<InboxQueue>(client), api::<EventRule>(client));
    for number in 0..buses(count) {
        post(&buses_api, &json!({"busName": format!("bench-{number}")}), &format!("bus-{number}")).await?;
    }
    stream::iter(0..count)
        .map(|number| {
            let (inboxes, rules) = (&inboxes, &rules);
            async move {
                post(inboxes, &inbox(number), &format!("inbox-{number}")).await?;
                post(rules, &rule(number), &format!("rule-{number}")).await
            }
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await
}

fn inbox(number: usize) -> Value {
    json!({
        "queueName": format!("bench-{number}"),
        "serviceAccounts": ["consumer"],
        "redriveServiceAccounts": ["tools"],
    })
}

fn rule(number: usize) -> Value {
    json!({
        "busRef": {"name": format!("bus-{}", number / RULES_A_BUS)},
        "eventPattern": {"source": [format!("qsl.bench-{number}")]},
        "targets": [{"inboxRef": {"name": format!("inbox-{number}")}}],
    })
}

/// The objects of a kind.
pub fn api<K: Eventing>(client: &Client) -> Api<K> {
    Api::namespaced(client.clone(), NAMESPACE)
}

async fn post<K: Eventing>(api: &Api<K>, spec: &Value, name: &str) -> Result<()> {
    let (version, kind) = (K::api_version(&()), K::kind(&()));
    let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec});
    let object = serde_json::from_value(object).with_context(|| format!("{kind} {name}"))?;
    api.create(&PostParams::default(), &object).await.with_context(|| format!("{kind} {name}"))?;
    Ok(())
}
