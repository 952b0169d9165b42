//! The service's rights, out of the chart's own template: these documents have nothing to render but two namespaces.

use std::path::Path;

/// The roles and bindings of the signature service, for a release in `ops` whose keys are in `vault`.
pub(crate) fn rights() -> String {
    let template = Path::new(env!("QSL_WORKSPACE")).join("charts/qsl-eventing/templates/rbac.yaml");
    let text = std::fs::read_to_string(&template).unwrap();
    let documents: Vec<String> = text
        .split("\n---\n")
        .filter(|document| document.lines().any(|line| line == "  name: qsl-signature-service"))
        .map(|document| {
            document
                .lines()
                .filter(|line| !line.trim_start().starts_with("labels: {{"))
                .map(|line| {
                    line.replace("{{ .Release.Namespace }}", "ops").replace("{{ .Values.keyNamespace }}", "vault")
                })
                .fold(String::new(), |all, line| all + &line + "\n")
        })
        .collect();
    let rights = documents.join("---\n");
    assert_eq!(documents.len(), 4, "a role and a binding, in the cluster and in the key namespace: {rights}");
    assert!(!rights.contains("{{"), "more to render than is known here: {rights}");
    rights
}
