//! What a platform team's own policies would ask of the rendered chart: no wildcard in a role, no Secrets in one for all
//! namespaces, requests and a memory limit for every container, a root that cannot be written. The rest (Pod Security) the API server judges: each pod is given
//! to it in a namespace where `restricted` is enforced.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize as _;
use serde_json::{Value, json};
use serde_yaml_ng::Deserializer;

/// Checks the documents of a rendered chart. Returns its pods, as they are made by their controllers.
pub fn check(rendered: &str) -> Result<Vec<Value>> {
    let mut pods = Vec::new();
    for document in Deserializer::from_str(rendered) {
        let object = Value::deserialize(document)?;
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "Role" | "ClusterRole" => role(&object).with_context(|| format!("{kind} {name}"))?,
            "Deployment" | "StatefulSet" | "Job" => {
                pods.push(pod(&object, name).with_context(|| format!("{kind} {name}"))?);
            }
            // Of a hook.
            "Pod" => pods.push(bare(&object, name).with_context(|| format!("{kind} {name}"))?),
            _ => {}
        }
    }
    Ok(pods)
}

fn role(role: &Value) -> Result<()> {
    for rule in role.get("rules").and_then(Value::as_array).into_iter().flatten() {
        for key in ["apiGroups", "resources", "verbs"] {
            let words = rule.get(key).and_then(Value::as_array).with_context(|| format!("{rule}: no {key}"))?;
            ensure!(words.iter().all(|word| word != "*"), "{key} has a wildcard");
            let everywhere = role.get("kind").is_some_and(|kind| kind == "ClusterRole");
            ensure!(!everywhere || words.iter().all(|word| word != "secrets"), "Secrets of all namespaces");
        }
    }
    Ok(())
}

/// A pod that no controller makes.
fn bare(pod: &Value, name: &str) -> Result<Value> {
    self::pod(&json!({"spec": {"template": pod}}), name)
}

/// The pod of a workload. What a controller adds is added: the volumes of claims. What is not there is left out: the
/// service account.
fn pod(workload: &Value, name: &str) -> Result<Value> {
    let template = workload.pointer("/spec/template").context("no template")?;
    let mut spec = template.get("spec").cloned().context("no spec")?;
    for container in spec.get("containers").and_then(Value::as_array).into_iter().flatten() {
        self::container(container)?;
    }
    let members = spec.as_object_mut().context("the spec is no object")?;
    members.remove("serviceAccountName");
    let claims = workload.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
    let claimed = claims.filter_map(|claim| claim.pointer("/metadata/name"));
    let volumes = members.entry("volumes").or_insert_with(|| json!([]));
    let volumes = volumes.as_array_mut().context("volumes are no list")?;
    volumes.extend(claimed.map(|claim| json!({"name": claim, "emptyDir": {}})));
    let metadata = json!({"name": name, "labels": template.pointer("/metadata/labels")});
    Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))
}

fn container(container: &Value) -> Result<()> {
    for path in ["/resources/requests/cpu", "/resources/requests/memory", "/resources/limits/memory"] {
        ensure!(container.pointer(path).is_some(), "container {}: no {path}", container["name"]);
    }
    let read_only = container.pointer("/securityContext/readOnlyRootFilesystem");
    ensure!(read_only == Some(&json!(true)), "container {}: its root can be written", container["name"]);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn refused(rendered: &str) -> String {
        format!("{:#}", check(rendered).unwrap_err())
    }

    #[test]
    fn wildcards_and_containers_without_limits_are_refused() {
        let role = "{kind: Role, metadata: {name: r}, rules: [{apiGroups: [''], resources: [pods], verbs: ['*']}]}";
        assert_eq!(refused(role), "Role r: verbs has a wildcard");
        let role =
            "{kind: ClusterRole, metadata: {name: r}, rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]}";
        assert_eq!(refused(role), "ClusterRole r: Secrets of all namespaces");
        let deployment = |container: &str| {
            format!(
                "{{kind: Deployment, metadata: {{name: d}}, spec: {{template: {{spec: {{containers: [{container}]}}}}}}}}"
            )
        };
        assert!(refused(&deployment("{name: c}")).contains("no /resources/requests/cpu"));
        let limited = "resources: {requests: {cpu: 1, memory: 1Mi}, limits: {memory: 1Mi}}";
        assert!(refused(&deployment(&format!("{{name: c, {limited}}}"))).contains("its root can be written"));
        let good = format!("{{name: c, {limited}, securityContext: {{readOnlyRootFilesystem: true}}}}");
        assert_eq!(check(&deployment(&good)).unwrap().len(), 1);
    }
}
