//! Tokens at the signature service: whose they are decides what is signed, and for which bus.

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::{
    site::{AUDIENCE, CORE, Site},
    support::apply,
    table::Table,
    tenant::{GUEST, Tenant},
};

const JOURNAL: &str = "journal.eventing.qsl.dev";

pub async fn with_tokens(_: &Site, tenant: &Tenant, table: &mut Table) {
    let caller = &tenant.caller;
    table.http("/v1/sign for platform/qsl-core, with its own token", caller.sign(&tenant.token, CORE, "p-1").await);
    let pod = namesake(tenant).await;
    let containers = pod.spec.as_ref().unwrap().init_containers.iter().flatten();
    let sidecars: Vec<&str> = containers.map(|container| container.name.as_str()).collect();
    assert_eq!(sidecars, ["qsl-eventing"]);
    table.control("a pod of an account called paymentgateway, publishing to platform/qsl-core", "it gets its sidecar");
    let token = caller.token_of_pod(&tenant.client, &pod, AUDIENCE).await.unwrap();
    table.http("/v1/sign for platform/qsl-core, with that pod's token", caller.sign(&token, CORE, "p-1").await);
    for (tried, audience) in [("the API server", None), ("the journal", Some(JOURNAL))] {
        let token = caller.token(&tenant.client, GUEST, "mallory", audience).await.unwrap();
        let tried = format!("The same with a token for {tried}");
        table.http(&tried, caller.sign(&token, CORE, "p-1").await);
    }
    table.http("The same with a token that is none", caller.sign("mallory", CORE, "p-1").await);

    for (bus, what) in [("guest/own", "its own bus"), ("guest/borrowed", "its bus that was refused")] {
        let signed = caller.sign(&tenant.token, bus, "p-1").await;
        assert_eq!(signed.0, 200, "{signed:?}");
        table.control(&format!("/v1/sign for {what}, with its own token"), signed.0);
    }
}

/// A pod that asks for a sidecar, under a service account of the payment service's name.
async fn namesake(tenant: &Tenant) -> Pod {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "paymentgateway", "namespace": GUEST}});
    apply(&tenant.client, &account).await.unwrap();
    let annotations = json!({"eventing.qsl.dev/inject": "true", "eventing.qsl.dev/publish-to": CORE});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "paymentgateway", "namespace": GUEST, "annotations": annotations},
        "spec": {"serviceAccountName": "paymentgateway", "containers": [{"name": "app", "image": "app.test/image"}]}});
    let made = apply(&tenant.client, &pod).await.unwrap();
    serde_json::from_value(serde_json::to_value(made).unwrap()).unwrap()
}
