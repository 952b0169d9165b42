//! Writing a status: by server-side apply under one name, with the uid, and only where it differs.

use crds::Eventing;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::FIELD_MANAGER;

/// Writes `status` unless the object has it already. Says whether it wrote.
pub async fn write<K: Eventing>(api: &Api<K>, object: &K, status: &K::Status) -> Result<bool, kube::Error> {
    if object.status() == Some(status) {
        return Ok(false);
    }
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"name": object.name_any(), "namespace": object.namespace(), "uid": object.meta().uid},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    match api.patch_status(&object.name_any(), &parameters, &Patch::Apply(patch)).await {
        Ok(_) => Ok(true),
        // Gone, or another of its name: this status is nobody's any more.
        Err(kube::Error::Api(answer)) if answer.is_not_found() || answer.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}
