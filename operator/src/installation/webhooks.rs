//! The authority in the webhook configurations, so that the API server trusts the webhooks.

use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::InstallError;

/// Puts `bundle` beside each webhook of both configurations named `name`, and says whether both are there: one that
/// is absent is left absent, since Helm makes them after the operator.
pub async fn ensure(client: &Client, name: &str, bundle: &str) -> Result<bool, InstallError> {
    let mut there = 0;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    if let Some(found) = mutating.get_opt(name).await? {
        there += 1;
        let present =
            found.webhooks.iter().flatten().map(|hook| hook.client_config.ca_bundle.as_ref()).collect::<Vec<_>>();
        if let Some(patch) = patch(&present, bundle, found.metadata.resource_version.as_deref())? {
            mutating.patch(name, &PatchParams::default(), &Patch::<()>::Json(patch)).await?;
        }
    }
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    if let Some(found) = validating.get_opt(name).await? {
        there += 1;
        let present =
            found.webhooks.iter().flatten().map(|hook| hook.client_config.ca_bundle.as_ref()).collect::<Vec<_>>();
        if let Some(patch) = patch(&present, bundle, found.metadata.resource_version.as_deref())? {
            validating.patch(name, &PatchParams::default(), &Patch::<()>::Json(patch)).await?;
        }
    }
    Ok(there == 2)
}

/// Whether both configurations named `name` are there and each webhook of them has some authority, whoever put it.
pub async fn are_trusted(client: &Client, name: &str) -> Result<bool, InstallError> {
    let mutating = Api::<MutatingWebhookConfiguration>::all(client.clone()).get_opt(name).await?;
    let validating = Api::<ValidatingWebhookConfiguration>::all(client.clone()).get_opt(name).await?;
    let (Some(mutating), Some(validating)) = (mutating, validating) else { return Ok(false) };
    let mutating = mutating.webhooks.into_iter().flatten().map(|hook| hook.client_config.ca_bundle);
    let validating = validating.webhooks.into_iter().flatten().map(|hook| hook.client_config.ca_bundle);
    Ok(mutating.chain(validating).all(|bundle| bundle.is_some_and(|bundle| !bundle.0.is_empty())))
}

/// The change that is needed, if any; it holds only for the version that was read.
fn patch(
    present: &[Option<&ByteString>],
    bundle: &str,
    version: Option<&str>,
) -> Result<Option<json_patch::Patch>, InstallError> {
    let wanted = ByteString(bundle.as_bytes().to_vec());
    let stale = present.iter().enumerate().filter(|(_, found)| **found != Some(&wanted)).map(|(at, _)| at);
    let mut operations: Vec<Value> = stale
        .map(|at| json!({"op": "add", "path": format!("/webhooks/{at}/clientConfig/caBundle"), "value": wanted}))
        .collect();
    if operations.is_empty() {
        return Ok(None);
    }
    operations.insert(0, json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}));
    Ok(Some(serde_json::from_value(Value::Array(operations))?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_webhooks_without_the_authority_are_changed() {
        let (good, bad) = (ByteString(b"new".to_vec()), ByteString(b"old".to_vec()));
        assert!(patch(&[Some(&good)], "new", Some("7")).unwrap().is_none());
        let change = patch(&[Some(&good), Some(&bad), None], "new", Some("7")).unwrap().unwrap();
        let paths: Vec<_> = change.0.iter().map(|operation| operation.path().to_string()).collect();
        assert_eq!(
            paths,
            ["/metadata/resourceVersion", "/webhooks/1/clientConfig/caBundle", "/webhooks/2/clientConfig/caBundle"]
        );
    }
}
