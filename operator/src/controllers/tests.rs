//! What the tests of several controllers share.

use std::time::Duration;

use crds::Eventing;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use operator_core::{
    Installation,
    arn::{AccountId, OidcProviderArn, Partition, Region},
    owner::ServiceAccount,
    tags::Tags,
};
use serde_json::{Value, json};

/// An object as the API server would give it.
pub(crate) fn object<K: Eventing>(kind: &str, namespace: &str, name: &str, spec: &Value) -> K {
    let metadata = json!({"namespace": namespace, "name": name, "uid": format!("uid-of-{name}")});
    let document = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
    serde_json::from_value(document).unwrap()
}

/// A moment.
pub(crate) fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

/// A place to work for.
pub(crate) fn place() -> Installation {
    Installation {
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
        partition: Partition::parse("aws").unwrap(),
        cluster_id: "cluster-of-tests".into(),
        oidc_provider: OidcProviderArn::parse("arn:aws:iam::000000000000:oidc-provider/issuer.test").unwrap(),
        token_audience: "sts.amazonaws.com".into(),
        permissions_boundary: None,
        settle: Duration::from_mins(1),
        tools: ServiceAccount { namespace: "qsl-system".into(), name: "qsl-tools".into() },
        tags: Tags::new(),
    }
}
