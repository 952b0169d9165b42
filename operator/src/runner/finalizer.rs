//! The finalizer: put before the first change in AWS, taken away after the last. Both writes name the uid and the
//! version that were judged, so that they never fall on another object of the same name.

use crds::{Eventing, names::FINALIZER};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

/// Whether the object carries it.
pub fn present<K: Eventing>(object: &K) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Puts it.
pub async fn add<K: Eventing>(api: &Api<K>, object: &K) -> Result<(), kube::Error> {
    let finalizers: Vec<&str> = object.finalizers().iter().map(String::as_str).chain([FINALIZER]).collect();
    write(api, object, &finalizers).await
}

/// Takes it away; that the object is gone already is as good.
pub async fn remove<K: Eventing>(api: &Api<K>, object: &K) -> Result<(), kube::Error> {
    let finalizers: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|finalizer| *finalizer != FINALIZER).collect();
    match write(api, object, &finalizers).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other,
    }
}

async fn write<K: Eventing>(api: &Api<K>, object: &K, finalizers: &[&str]) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {
        "uid": object.meta().uid,
        "resourceVersion": object.meta().resource_version,
        "finalizers": finalizers,
    }});
    api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.map(|_| ())
}
