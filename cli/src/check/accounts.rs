//! Service accounts that carry a role of AWS though their pods have a sidecar: pure.

use std::collections::BTreeSet;

use crds::{EventBus, InboxQueue};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::ResourceExt as _;

use super::findings::{INJECTED, has_ended};
use super::report::Finding;

/// What EKS gives a role by.
const ROLE: &str = "eks.amazonaws.com/role-arn";

/// The service accounts whose pods would get a role of ours by their annotation, and those that get another role. The
/// sidecar takes its role by a token of its own, which the injector mounts for it alone; an annotation gives the role to
/// every container.
pub fn annotated(
    accounts: &[ServiceAccount],
    pods: &[Pod],
    buses: &[EventBus],
    inboxes: &[InboxQueue],
) -> (Vec<Finding>, Vec<Finding>) {
    let ours = roles(buses, inboxes);
    let users: BTreeSet<_> = pods.iter().filter(|pod| !has_ended(pod)).filter_map(user).collect();
    let mut found = (Vec::new(), Vec::new());
    for account in accounts {
        let Some(role) = account.annotations().get(ROLE) else { continue };
        if ours.contains(role.as_str()) {
            found.0.push(Finding::of(
                account,
                "RoleOnAccount",
                format!("annotation {ROLE} gives every container of its pods the sidecar's role {role}"),
                format!("remove annotation {ROLE}: the sidecar takes its role by itself"),
            ));
        } else if users.contains(&(account.namespace().unwrap_or_default(), account.name_any())) {
            found.1.push(Finding::of(
                account,
                "AnotherRole",
                format!("annotation {ROLE} gives its pods role {role}, which no sidecar uses"),
                format!("remove annotation {ROLE}, unless the application itself needs AWS"),
            ));
        }
    }
    found
}

/// Whose pod it is, where that has a sidecar.
fn user(pod: &Pod) -> Option<(String, String)> {
    pod.labels().get(INJECTED)?;
    let account = pod.spec.as_ref()?.service_account_name.clone().unwrap_or_else(|| "default".to_owned());
    Some((pod.namespace().unwrap_or_default(), account))
}

/// The roles that the operator made.
fn roles<'a>(buses: &'a [EventBus], inboxes: &'a [InboxQueue]) -> BTreeSet<&'a str> {
    let publishers = buses.iter().filter_map(|bus| bus.status.as_ref()).flat_map(|status| &status.publisher_roles);
    let inboxes = inboxes.iter().filter_map(|inbox| inbox.status.as_ref());
    let consumers = inboxes.flat_map(|status| status.role_arn.iter().chain(&status.redrive_role_arn));
    publishers.map(|role| role.role_arn.as_str()).chain(consumers.map(String::as_str)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_of_ours_on_an_account_is_wrong_and_another_is_noted_where_a_sidecar_is() {
        let account = |name: &str, role: &str| -> ServiceAccount {
            let meta = json!({"name": name, "namespace": "shop", "annotations": {ROLE: role}});
            serde_json::from_value(json!({"metadata": meta})).unwrap()
        };
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "shop", "labels": {INJECTED: "true"}},
            "spec": {"serviceAccountName": "photos", "containers": []}}))
        .unwrap();
        let inbox: InboxQueue = serde_json::from_value(json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
            "metadata": {"name": "tills", "namespace": "shop"}, "spec": {"queueName": "tills"},
            "status": {"roleArn": "arn:ours"}}))
        .unwrap();
        let accounts = [account("till", "arn:ours"), account("photos", "arn:s3"), account("elsewhere", "arn:s3")];
        let (wrong, noted) = annotated(&accounts, &[pod], &[], &[inbox]);
        let objects = |found: &[Finding]| found.iter().map(|one| one.object.clone()).collect::<Vec<_>>();
        assert_eq!(objects(&wrong), ["ServiceAccount/till"]);
        assert_eq!(objects(&noted), ["ServiceAccount/photos"]);
    }
}
