//! What the tests on a real API server share: clients, objects, patience, and the place that their operator works for.
//! [`installed`] is an operator with everything but its choice of controllers.
#![allow(dead_code)]

pub mod installed;

use std::{
    fmt::Debug,
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    jiff::Timestamp,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{GroupVersionKind, discovery::ApiResource},
};
use operator_core::{Installation, fake::FakeClock, owner::ServiceAccount, tags::Tags};
use serde_json::{Value, json};

/// How long something may take to become true on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The place that the tests' operator works for; settling takes no time.
pub fn place() -> Installation {
    Installation {
        account: "000000000000".parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
        partition: "aws".parse().unwrap(),
        cluster_id: "test-cluster".into(),
        oidc_provider: "arn:aws:iam::000000000000:oidc-provider/issuer.test".parse().unwrap(),
        token_audience: "sts.amazonaws.com".into(),
        permissions_boundary: None,
        settle: Duration::ZERO,
        tools: ServiceAccount { namespace: "qsl-system".into(), name: "qsl-tools".into() },
        tags: Tags::new(),
    }
}

/// A clock in AWS that shows what the operator's shows.
pub fn clock() -> Arc<FakeClock> {
    let clock = FakeClock::running();
    let ahead = Timestamp::now().duration_since(clock.now());
    clock.advance(Duration::try_from(ahead).expect("tests are run after they were written"));
    clock
}

pub async fn client_of(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Applies the definitions and waits until the API server serves them.
pub async fn define(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in crds::generate::definitions() {
        api.patch(&definition.name_any(), &PatchParams::apply("tests"), &Patch::Apply(&definition)).await.unwrap();
    }
    for definition in crds::generate::definitions() {
        let (name, established) = (definition.name_any(), kube::runtime::conditions::is_crd_established());
        let waiting = kube::runtime::wait::await_condition(api.clone(), &name, established);
        tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    }
}

pub async fn make_namespace(client: &Client, name: &str, labels: &Value) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let api: Api<Namespace> = Api::all(client.clone());
    api.patch(name, &PatchParams::apply("tests"), &Patch::Apply(namespace)).await.unwrap();
}

/// The API of an object's kind, in its namespace.
pub fn api_of(client: &Client, object: &Value) -> Api<DynamicObject> {
    let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Applies an object of any kind.
pub async fn apply(client: &Client, object: &Value) -> Result<DynamicObject, kube::Error> {
    let name = object["metadata"]["name"].as_str().unwrap();
    api_of(client, object).patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(object)).await
}

/// Tries until it holds.
pub async fn eventually<T, E: Debug, F: Future<Output = Result<T, E>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        match check().await {
            Ok(value) => return value,
            Err(error) if start.elapsed() > PATIENCE => panic!("{what}: not within {PATIENCE:?}: {error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
