//! What the API server refuses by itself: everything outside of the tenant's namespace.

use axum::http::Request;
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

use crate::{
    site::Site,
    support::{api_of, apply},
    table::Table,
    tenant::{GUEST, Tenant, ours},
};

/// An object of Kubernetes' own.
fn native(version: &str, kind: &str, namespace: &str, name: &str) -> Value {
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

pub async fn elsewhere(_: &Site, tenant: &Tenant, table: &mut Table) {
    read(tenant, table).await;
    write(tenant, table).await;
    let token = tenant.caller.token(&tenant.client, "paymentgateway", "paymentgateway", None).await;
    table.api("A token of the payment service's account", token);
    let request = Request::get("/api/v1/namespaces/qsl-system/secrets/qsl-root");
    let request = request.header("Impersonate-User", "system:serviceaccount:qsl-system:qsl-operator");
    let answer = tenant.client.request_text(request.body(Vec::new()).unwrap()).await;
    table.api("The root key, in the operator's name", answer);
    let webhooks = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
    ));
    let webhooks: Api<DynamicObject> = Api::all_with(tenant.client.clone(), &webhooks);
    table.api("Deleting the webhook", webhooks.delete("qsl-eventing", &DeleteParams::default()).await);
}

async fn read(tenant: &Tenant, table: &mut Table) {
    for (tried, kind, namespace, name) in [
        ("Reading the root key", "Secret", "qsl-system", "qsl-root"),
        ("Reading the payment service's Secrets", "Secret", "paymentgateway", ""),
        ("Reading the signing keys", "Secret", "qsl-keys", ""),
        ("Reading treasury's configuration", "ConfigMap", "treasury", "qsl-eventing"),
    ] {
        let api = api_of(&tenant.client, &native("v1", kind, namespace, name));
        match name {
            "" => table.api(tried, api.list(&kube::api::ListParams::default()).await),
            name => table.api(tried, api.get(name).await),
        }
    }
}

async fn write(tenant: &Tenant, table: &mut Table) {
    let at = |name: &str, namespace: &str| json!({"name": name, "namespace": namespace});
    let key = json!({"busRef": {"name": "qsl-core"}, "sources": ["qsl.payment"]});
    let rule = json!({"busRef": {"name": "qsl-core"}, "eventPattern": {"source": ["qsl.payment"]}});
    for (tried, kind, namespace, spec) in [
        ("SigningKey in the platform's namespace", "SigningKey", "platform", key),
        ("EventRule in the platform's namespace", "EventRule", "platform", rule),
    ] {
        table.api(tried, apply(&tenant.client, &ours(kind, &at("intruding", namespace), &spec)).await);
    }
    let publisher = json!({"serviceAccountRef": {"name": "mallory", "namespace": GUEST}, "sources": ["qsl.payment"]});
    let core = ours("EventBus", &at("qsl-core", "platform"), &Value::Null);
    let treasury = ours("InboxQueue", &at("treasury", "treasury"), &Value::Null);
    let map = |namespace: &str| native("v1", "ConfigMap", namespace, "qsl-eventing");
    for (tried, object, change) in [
        ("Itself among qsl-core's publishers", core, json!({"spec": {"publishers": [publisher]}})),
        ("Consent in treasury's name", treasury, json!({"spec": {"allowedNamespaces": {"from": "All"}}})),
        ("Treasury's configuration", map("treasury"), json!({"data": {"inbox_treasury": "x"}})),
        (
            "A label on its namespace",
            native("v1", "Namespace", "", GUEST),
            json!({"metadata": {"labels": {"team": "money"}}}),
        ),
    ] {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let change = Patch::Merge(&change);
        table.api(tried, api_of(&tenant.client, &object).patch(&name, &PatchParams::default(), &change).await);
    }
}
